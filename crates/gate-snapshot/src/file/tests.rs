//! Snapshots of made-up states: written, read, run by an ordinary engine, and tampered with.

mod hostile;
mod instances;
mod layout;
mod random;
mod standalone;

use gate_instrument::accept::{self, ValueType};

use super::*;
use crate::details::Details;
use crate::snapshot::{Limits, Memory, Snapshot};
use crate::{Entry, Exception, Frame, Frames, Phase, Reference, State, Value};

/// Enough for all of them.
const LIMITS: Limits = Limits { module_bytes: 1 << 20, memory_bytes: 1 << 30, table_elements: 1 << 20 };

/// Some of everything that a state can change.
const EVERYTHING: &str = r#"
    (module
      (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
      (type $nullary (func))
      (type $number (func (result i32)))
      (table $t (export "t") 6 funcref)
      (table $x (export "x") 2 10 externref)
      (memory $m (export "memory") 1 4)
      (memory $n 0)
      (global $i (export "i") (mut i32) (i32.const 1))
      (global $l (export "l") (mut i64) (i64.const 2))
      (global $f (export "f") (mut f32) (f32.const 3))
      (global $d (export "d") (mut f64) (f64.const 4))
      (global $v (mut v128) (v128.const i64x2 5 6))
      (global $r (mut funcref) (ref.null func))
      (global $e (mut externref) (ref.null extern))
      (global $constant (export "constant") i32 (i32.add (i32.const 3) (i32.const 4)))
      (start $begin)
      (elem $active (table $t) (i32.const 1) func $a $b)
      (elem $passive func $a)
      (elem $lost func $b $c)
      (elem declare func $c)
      (func $begin)
      (func $a (export "a") (result i32) (i32.const 10))
      (func $b (result i32) (i32.const 20))
      (func $c (export "c") (result i32)
        (global.set $r (ref.func $b))
        (table.set $t (i32.const 5) (ref.func $a))
        (table.init $t $passive (i32.const 0) (i32.const 0) (i32.const 0))
        (memory.init $m $spare (i32.const 0) (i32.const 0) (i32.const 0))
        (i32.const 30))
      (data $text (memory $m) (i32.const 1024) "Here is some text that stays as it is, for ever and ever.")
      (data $spare "passive")
      (data $gone "dropped")
      (@custom "producers" "nobody"))"#;

fn function(index: u32) -> Reference {
    Reference::Function(index)
}

/// The module, stopped somewhere.
fn everything() -> (Vec<u8>, State, Vec<Vec<u8>>) {
    let wasm = wat::parse_str(EVERYTHING).unwrap();
    let mut memory = vec![0; 2 << 16];
    memory[1024..1081].copy_from_slice(b"Here is some text that stays as it is, for ever and ever.");
    memory[70_000] = 7;
    memory[100_000..101_000].fill(9);
    let null = |ty| Value::Reference(ty, Reference::Null);
    let state = State {
        phase: Phase::Main,
        entry: Entry { initialize: None, function: Some(2), arguments: Vec::new() },
        frames: Frames::Portable(vec![Frame {
            function: 4,
            site: 99,
            locals: vec![Value::I32(1), Value::V128(2)],
            operands: vec![Value::F64(3)],
        }]),
        memory_pages: vec![2, 0],
        globals: vec![
            Value::I32(u32::MAX),
            Value::I64(1 << 63),
            Value::F32(0x7fc0_0001),
            Value::F64(0x8000_0000_0000_0000),
            Value::V128(u128::MAX - 1),
            Value::Reference(ValueType::FuncRef, function(2)),
            null(ValueType::ExternRef),
            Value::I32(7),
        ],
        tables: vec![
            vec![
                Reference::Null,
                function(2),
                function(3),
                Reference::Null,
                Reference::Null,
                function(4),
                function(0),
            ],
            vec![Reference::Null; 3],
        ],
        dropped: vec![0, 0, 1, 0, 0, 1, 0],
        exceptions: Vec::new(),
        monotonic_nanos: 123_456_789_012,
        host: b"files".to_vec(),
    };
    (wasm, state, vec![memory, Vec::new()])
}

fn details() -> Details {
    Details { is_final: false, trap: 2, result: 0, breakpoints: vec![5, 6] }
}

fn try_written(
    wasm: &[u8],
    state: &State,
    memories: &[Vec<u8>],
    buffers: &[u8],
) -> Result<Vec<u8>, WriteError> {
    let memories: Vec<_> = memories.iter().map(|bytes| Memory { bytes, extents: None }).collect();
    let source = Source { module: wasm, state, memories: &memories, buffers, details: &details() };
    let file = write(&source)?;
    let bytes = file.to_vec();
    assert_eq!(bytes.len() as u64, file.length());
    let mut written = Vec::new();
    file.write_to(&mut written).unwrap();
    assert!(written == bytes);
    Ok(bytes)
}

#[track_caller]
fn written(wasm: &[u8], state: &State, memories: &[Vec<u8>]) -> Vec<u8> {
    let bytes = try_written(wasm, state, memories, &[]).unwrap();
    if let Err(error) = accept::validate(&bytes, &accept::Limits::STANDARD) {
        panic!("{error:?}");
    }
    assert!(is_snapshot(&bytes) && !is_snapshot(wasm));
    bytes
}

/// Reads a snapshot that is sound, and compares it with what it was made of.
#[track_caller]
fn check_read(snapshot: &[u8], wasm: &[u8], state: &State, memories: &[Vec<u8>]) {
    let read = read(snapshot, &LIMITS).unwrap();
    assert!(read.module == wasm, "another module");
    assert_eq!(read.state, *state);
    assert_eq!(contents(&read), memories);
    let Snapshot { version: 1, buffers: [], .. } = read else { panic!("{read:?}") };
    assert_eq!(read.details, details());
}

/// What memories have.
fn contents(snapshot: &Snapshot<'_>) -> Vec<Vec<u8>> {
    let mut memories = Vec::new();
    for (runs, pages) in snapshot.memories.iter().zip(&snapshot.state.memory_pages) {
        let mut memory = vec![0; *pages as usize * 65_536];
        for run in runs {
            let start = usize::try_from(run.offset).unwrap();
            memory[start..start + run.bytes.len()].copy_from_slice(run.bytes);
        }
        memories.push(memory);
    }
    memories
}

#[test]
fn everything_comes_back() {
    let (wasm, state, memories) = everything();
    let snapshot = written(&wasm, &state, &memories);
    check_read(&snapshot, &wasm, &state, &memories);
}

#[test]
fn a_program_that_has_ended_shows_its_exports() {
    let (wasm, _, memories) = everything();
    let state = ended();
    let snapshot = written(&wasm, &state, &memories);
    check_read(&snapshot, &wasm, &state, &memories);
    let outline = accept::validate(&snapshot, &accept::Limits::STANDARD).unwrap();
    assert_eq!(outline.exports.len(), 10);
}

/// The module, before anything of it has run.
fn fresh() -> State {
    State {
        phase: Phase::Fresh,
        entry: Entry { initialize: Some(1), function: Some(2), arguments: vec![Value::F32(1)] },
        frames: Frames::Portable(Vec::new()),
        memory_pages: vec![1, 0],
        globals: Vec::new(),
        tables: Vec::new(),
        dropped: Vec::new(),
        exceptions: Vec::new(),
        monotonic_nanos: 0,
        host: Vec::new(),
    }
}

/// The module, when nothing of it is left to be run.
fn ended() -> State {
    State { frames: Frames::Portable(Vec::new()), entry: Entry::default(), ..everything().1 }
}

#[test]
fn of_a_program_of_which_nothing_has_run_only_the_start_function_is_away() {
    let (wasm, _, _) = everything();
    let state = fresh();
    let snapshot = written(&wasm, &state, &[]);
    check_read(&snapshot, &wasm, &state, &[]);
    let outline = accept::validate(&snapshot, &accept::Limits::STANDARD).unwrap();
    assert_eq!((outline.exports.len(), outline.start), (0, None));
}

#[test]
fn buffers_go_along() {
    let (wasm, state, memories) = everything();
    let snapshot = try_written(&wasm, &state, &memories, b"buffers").unwrap();
    assert_eq!(read(&snapshot, &LIMITS).unwrap().buffers, b"buffers");
}

/// A module that holds exceptions.
fn exceptions() -> (Vec<u8>, State) {
    let wasm = wat::parse_str(
        r#"(module (tag (param i32)) (table 3 exnref) (global exnref (ref.null exn)) (global (mut exnref) (ref.null exn)))"#,
    )
    .unwrap();
    let exception = Reference::Exception;
    let inner = Exception { tag: 0, values: vec![Value::I32(1)] };
    let outer = Exception { tag: 0, values: vec![Value::Reference(ValueType::ExnRef, exception(0))] };
    let state = State {
        phase: Phase::Start,
        entry: Entry::default(),
        frames: Frames::Portable(vec![Frame {
            function: 0,
            site: 0,
            locals: vec![Value::Reference(ValueType::ExnRef, exception(1))],
            operands: vec![],
        }]),
        memory_pages: vec![],
        globals: vec![
            Value::Reference(ValueType::ExnRef, Reference::Null),
            Value::Reference(ValueType::ExnRef, exception(1)),
        ],
        tables: vec![vec![Reference::Null, exception(0), Reference::Null, exception(1)]],
        dropped: vec![],
        exceptions: vec![inner, outer],
        monotonic_nanos: 0,
        host: vec![],
    };
    (wasm, state)
}

#[test]
fn exceptions_go_along() {
    let (wasm, state) = exceptions();
    let snapshot = written(&wasm, &state, &[]);
    check_read(&snapshot, &wasm, &state, &[]);
}

/// Snapshots that must be readable for ever.
const V1: [(&str, &[u8]); 4] = [
    ("stopped", include_bytes!("../../tests/data/v1/stopped.wasm")),
    ("fresh", include_bytes!("../../tests/data/v1/fresh.wasm")),
    ("ended", include_bytes!("../../tests/data/v1/ended.wasm")),
    ("exceptions", include_bytes!("../../tests/data/v1/exceptions.wasm")),
];

#[test]
fn version_1_is_readable() {
    let (wasm, state, memories) = everything();
    let (throwing, holding) = exceptions();
    let expected = [
        (&wasm, state, memories.clone()),
        (&wasm, fresh(), Vec::new()),
        (&wasm, ended(), memories),
        (&throwing, holding, Vec::new()),
    ];
    for ((name, snapshot), (wasm, state, memories)) in V1.into_iter().zip(expected) {
        check_read(snapshot, wasm, &state, &memories);
        assert!(written(wasm, &state, &memories) == snapshot, "{name}: version 1 is what we write");
    }
}
