//! States that no program was ever in.

use gate_interpreter::{Instance, Module, Outcome};
use gate_snapshot::{Entry, Exception, Frame, Frames, Phase, Reference, State, Value};

use crate::machine::{Bytes, LIMITS, World};

const TEXT: &str = r#"(module
    (tag $t (param i32))
    (memory 1 2) (table 3 4 funcref) (global (mut i64) (i64.const 5))
    (func $f (param i32) (result i32) (local i64)
      (i64.const 7)
      (loop $l)
      drop
      (call $g (local.get 0)))
    (func $g (param i32) (result i32) (loop $l) (local.get 0))
    (func (export "main") (result i32) (call $f (i32.const 3))))"#;

/// The state in the innermost loop, deep in calls.
fn state(wasm: &[u8], stop: u64) -> State {
    let module = Module::parse(wasm, |_| true).unwrap();
    let entry = Entry { initialize: None, function: Some(2), arguments: Vec::new() };
    let mut instance = Instance::new(&module, vec![Bytes::default()], None, LIMITS, entry).unwrap();
    match instance.run(&mut World { countdown: Some(stop), ..World::default() }) {
        Outcome::Suspended(state) => *state,
        other => panic!("{other:?}"),
    }
}

/// Resumes from a changed state. What can be resumed runs, without a panic.
fn resumes(wasm: &[u8], state: State) -> bool {
    let module = Module::parse(wasm, |_| true).unwrap();
    match Instance::resume(&module, vec![Bytes::default()], None, LIMITS, state) {
        Ok(mut instance) => {
            instance.run(&mut World { countdown: Some(1000), ..World::default() });
            true
        }
        Err(_) => false,
    }
}

#[test]
fn nonsense_is_an_error() {
    let wasm = wat::parse_str(TEXT).unwrap();
    let good = || state(&wasm, 6);
    assert!(matches!(&good().frames, Frames::Portable(frames) if frames.len() == 3));
    assert!(resumes(&wasm, good()));
    type Change = fn(&mut State, &mut Vec<Frame>);
    let changes: &[(&str, Change)] = &[
        ("raw frames", |state, _| {
            state.frames = Frames::Raw { bytes: vec![1, 2, 3], spilled: Default::default() };
        }),
        ("no such site", |_, frames| frames[2].site += 1),
        ("the entry of another function", |_, frames| frames[2].function = 0),
        ("a breakpoint", |_, frames| frames[2].site |= 1 << 31),
        ("a site beyond the module", |_, frames| frames[2].site = i32::MAX.cast_unsigned()),
        ("a missing call", |_, frames| drop(frames.pop())),
        ("a call too many", |_, frames| frames.push(frames[2].clone())),
        ("a function that there is not", |_, frames| frames[1].function = 99),
        ("a missing local", |_, frames| frames[2].locals.clear()),
        ("a local of another type", |_, frames| frames[2].locals[0] = Value::F32(0)),
        ("an operand too many", |_, frames| frames[2].operands.push(Value::I32(0))),
        ("another outermost function's results", |state, _| state.phase = Phase::Start),
        ("a memory too many", |state, _| state.memory_pages.push(1)),
        ("a memory that is too large", |state, _| state.memory_pages[0] = 3),
        ("a memory that is too small", |state, _| state.memory_pages[0] = 0),
        ("a global too many", |state, _| state.globals.push(Value::I32(0))),
        ("a global of another type", |state, _| state.globals[0] = Value::I32(0)),
        ("a table that is too large", |state, _| state.tables[0].resize(5, Reference::Null)),
        ("a table that is too small", |state, _| state.tables[0].clear()),
        ("a function in a table that there is not", |state, _| {
            state.tables[0][0] = Reference::Function(3);
        }),
        ("an exception in a table of functions", |state, _| state.tables[0][0] = Reference::Exception(0)),
        ("a segment that there is not", |state, _| state.dropped.push(0)),
        ("an exception with no such tag", |state, _| {
            state.exceptions.push(Exception { tag: 1, values: Vec::new() });
        }),
        ("an exception that carries too little", |state, _| {
            state.exceptions.push(Exception { tag: 0, values: Vec::new() });
        }),
        ("calls before the beginning", |state, _| state.phase = Phase::Fresh),
    ];
    for (what, change) in changes {
        let mut state = good();
        let mut frames = match std::mem::replace(&mut state.frames, Frames::Portable(Vec::new())) {
            Frames::Portable(frames) => frames,
            Frames::Raw { .. } => panic!("frames are portable"),
        };
        change(&mut state, &mut frames);
        if let Frames::Portable(changed) = &mut state.frames {
            *changed = frames;
        }
        assert!(!resumes(&wasm, state), "{what}");
    }
}

#[test]
fn bytes_at_random_do_not_panic() {
    let wasm = wat::parse_str(TEXT).unwrap();
    let mut resumed = 0;
    for stop in 1..7 {
        let bytes = state(&wasm, stop).encode();
        for position in 0..bytes.len() {
            for flip in [1, 0x80] {
                let mut bytes = bytes.clone();
                bytes[position] ^= flip;
                if let Ok(state) = State::decode(&bytes) {
                    resumed += usize::from(resumes(&wasm, state));
                }
            }
        }
    }
    assert!(resumed > 100, "only {resumed} changed states could be resumed");
}

#[test]
fn modules_at_random_do_not_panic() {
    let wasm = wat::parse_str(TEXT).unwrap();
    let mut ran = 0;
    for position in 0..wasm.len() {
        for flip in [1, 4, 0x40, 0x80, 0xff] {
            let mut wasm = wasm.clone();
            wasm[position] ^= flip;
            let Ok(module) = Module::parse(&wasm, |_| true) else { continue };
            let entry = Entry { initialize: None, function: Some(2), arguments: Vec::new() };
            let Ok(mut instance) = Instance::new(&module, vec![Bytes::default()], None, LIMITS, entry) else {
                continue;
            };
            instance.run(&mut World { budget: Some(1000), ..World::default() });
            ran += 1;
        }
    }
    assert!(ran > 100, "only {ran} changed modules ran");
}
