//! Programs that go on as ordinary modules.

use gate_instrument::stop::{Config, Poll, Program, SiteKind};

use super::instances::{check_instance, instance};
use super::*;

/// Counts what is left of its argument in its memory, and what is left of a counter there in a table.
const PROGRAM: &str = r#"
    (module
      (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
      (type $step (func (param i32) (result i32)))
      (table 3 funcref)
      (memory (export "memory") 1)
      (global $calls (export "calls") (mut i64) (i64.const 5))
      (elem (i32.const 0) func $add)
      (elem $passive func $add $double)
      (data (i32.const 0) "\01")
      (start $begin)
      (func $begin (i32.store (i32.const 16) (i32.const 1)))
      (func $initialize (i32.store (i32.const 20) (i32.const 1)))
      (func $add (type $step) (i32.add (local.get 0) (i32.const 1)))
      (func $double (type $step) (i32.mul (local.get 0) (i32.const 2)))
      (func $main (param $n i32)
        (i32.store (i32.const 8) (i32.add (i32.const 1000) (call $sum (local.get $n)))))
      (func $sum (param $n i32) (result i32) (local $sum i32)
        (loop $again
          (if (local.get $n) (then
            (local.set $sum (i32.add (local.get $sum)
              (call_indirect (type $step) (local.get $n) (i32.const 2))))
            (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br $again))))
        (local.get $sum)))"#;

const BEGIN: u32 = 1;
const INITIALIZE: u32 = 2;
const DOUBLE: u32 = 4;
const MAIN: u32 = 5;
const SUM: u32 = 6;

fn program(wasm: &[u8]) -> Program<'_> {
    let config = Config { poll: Poll::Store, control_pages: 1, may_block: &|_, _| false, breakpoints: &[] };
    Program::new(wasm, &config).unwrap()
}

/// In the loop, with three to go.
fn stopped(program: &Program<'_>) -> (State, Vec<Vec<u8>>) {
    let site = |function, kind| {
        let sites = program.sites(function).unwrap();
        sites.iter().find(|site| site.kind == kind).unwrap().id.0
    };
    let frames = vec![
        Frame {
            function: MAIN,
            site: site(MAIN, SiteKind::Call),
            locals: vec![Value::I32(0)],
            operands: vec![Value::I32(8), Value::I32(1000)],
        },
        Frame {
            function: SUM,
            site: site(SUM, SiteKind::Loop),
            locals: vec![Value::I32(3), Value::I32(100)],
            operands: vec![],
        },
    ];
    let mut memory = vec![0; 65_536];
    memory[..4].copy_from_slice(b"\x01abc");
    let state = State {
        phase: Phase::Main,
        entry: Entry { initialize: Some(INITIALIZE), function: Some(MAIN), arguments: vec![Value::I32(9)] },
        frames: Frames::Portable(frames),
        memory_pages: vec![1],
        globals: vec![Value::I64(50)],
        tables: vec![vec![Reference::Null, Reference::Null, function(DOUBLE)]],
        dropped: vec![],
        exceptions: vec![],
        monotonic_nanos: 0,
        host: vec![],
    };
    (state, vec![memory])
}

fn standalone(
    change: impl FnOnce(&mut State),
    buffers: &[u8],
    bonds: &[&str],
) -> Result<Vec<u8>, StandaloneError> {
    let wasm = wat::parse_str(PROGRAM).unwrap();
    let program = program(&wasm);
    let (mut state, mut memories) = stopped(&program);
    change(&mut state);
    memories.truncate(state.memory_pages.len());
    let snapshot = try_written(&wasm, &state, &memories, buffers).unwrap();
    let bonds = bonds.iter().map(|name| (*name).to_owned()).collect();
    read(&snapshot, &LIMITS).unwrap().standalone(&program, bonds)
}

/// Runs a module, and tells the words at 8, 16 and 20 of its memory and what its global has.
fn run(wasm: &[u8]) -> ([u32; 3], i64) {
    let (mut store, instance) = instance(wasm);
    instance.get_typed_func::<(), ()>(&store, "_start").unwrap().call(&mut store, ()).unwrap();
    let memory = instance.get_memory(&store, "memory").unwrap();
    let word = |at: usize| u32::from_le_bytes(memory.data(&store)[at..at + 4].try_into().unwrap());
    let calls = instance.get_global(&store, "calls").unwrap().get(&store);
    ([word(8), word(16), word(20)], calls.i64().unwrap())
}

#[test]
fn a_program_goes_on() {
    let wasm = standalone(|_| {}, &[], &[]).unwrap();
    assert!(!is_snapshot(&wasm));
    let (state, memories) = stopped(&program(&wat::parse_str(PROGRAM).unwrap()));
    check_instance(&wasm, &state, &memories);
    assert_eq!(run(&wasm), ([1000 + 100 + 2 * (3 + 2 + 1), 0, 0], 53));
}

#[test]
fn what_has_not_been_run_is_run_then() {
    let none = |phase| {
        let change = |state: &mut State| {
            state.phase = phase;
            state.frames = Frames::Portable(vec![]);
        };
        run(&standalone(change, &[], &[]).unwrap())
    };
    let all = 1000 + 2 * 45;
    assert_eq!(none(Phase::Main), ([all, 0, 0], 59));
    assert_eq!(none(Phase::Initialize), ([all, 0, 1], 59));
    assert_eq!(none(Phase::Start), ([all, 1, 1], 59));
    // The start function was running, or the one that initializes.
    let some = |phase| run(&standalone(|state| state.phase = phase, &[], &[]).unwrap());
    assert_eq!(some(Phase::Initialize), ([all, 0, 0], 53 + 9));
    assert_eq!(some(Phase::Start), ([all, 0, 1], 53 + 9));
    assert_eq!(program(&wat::parse_str(PROGRAM).unwrap()).start(), Some(BEGIN));
}

#[test]
fn what_cannot_go_along_is_named() {
    let refused = |change: &dyn Fn(&mut State), buffers, bonds| {
        standalone(change, buffers, bonds).unwrap_err().to_string()
    };
    let bonds = ["it has opened /tmp/x", "it has services"];
    let why = "the program cannot leave this host: it has opened /tmp/x, it has services";
    assert_eq!(refused(&|_| {}, &[], &bonds), why);
    assert_eq!(
        refused(&|_| {}, &[1, 2], &[]),
        "the program has 2 bytes of packets that nobody has read yet, which cannot go along"
    );
    let end = |state: &mut State| {
        state.frames = Frames::Portable(vec![]);
        state.entry = Entry::default();
    };
    assert_eq!(refused(&end, &[], &[]), "the program has ended: there is nothing to continue");
    let wrong = |state: &mut State| state.entry.function = Some(99);
    let wrong = |state: &mut State| {
        wrong(state);
        state.frames = Frames::Portable(vec![]);
    };
    assert_eq!(refused(&wrong, &[], &[]), "there is no code that continues the program");
}
