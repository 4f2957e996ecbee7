//! A program is stopped before it starts, between its functions, and never.

use gate_engine::{Finished, Outcome, RunOptions, Start, StartError, StateError, Stops, Tier};
use gate_snapshot::{Frames, Phase, State, Value};

use super::machine::{Every, Log, Module, files, run, sent, settings};

const LIBRARY: &str = r#"(module
    (import "host" "log" (func $log (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 8) "\2a")
    (start $start)
    (func $start (call $log (i32.load (i32.const 8))))
    (func (export "_initialize") (call $log (i32.const 2)))
    (func (export "run") (param i32 i64) (result i64)
      (call $log (i32.const 3))
      (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1))))"#;

/// Nothing of it polls, so that it stops between its functions only.
#[test]
fn between_functions() {
    let mut module = Module::new(LIBRARY);
    let settings = settings(Tier::Cranelift, Stops::Flag);
    let (expected, stops) = run(&mut module, "run", &[settings], Every::Never);
    assert_eq!(stops, 0);
    assert!(expected.starts_with("Returned([I64(4)])\nproc_exit [42]"), "{expected}");
    assert_eq!(run(&mut module, "run", &[settings], Every::Call), (expected, 2));

    // A request that came before it started.
    let program = module.load(settings, None);
    let entry = program.facts().entry(Some("run")).unwrap();
    let arguments = [gate_engine::Argument::I32(1), gate_engine::Argument::I64(-2)];
    let memories = program.memories().to_vec();
    let flag = program.stop_flag().unwrap();
    assert!(!flag.is_requested());
    flag.request();
    assert!(flag.is_requested());
    let start = Start::Fresh { entry: &entry, arguments: &arguments };
    let Finished { outcome, calls, .. } = program.run(Log::default(), start, RunOptions::default()).unwrap();
    assert_eq!(calls.text, "");
    let Outcome::Suspended(state) = outcome else { panic!("{outcome:?}") };
    assert_eq!(state.phase, Phase::Fresh);
    assert_eq!(state.frames, Frames::Portable(Vec::new()));
    assert_eq!(state.entry.arguments, [Value::I32(1), Value::I64(0xffff_ffff_ffff_fffe)]);
    assert_eq!(state.memory_pages, [1]);

    let state = sent(&state);
    let program = module.reload(settings, &state, files(&memories));
    let finished =
        program.run(Log::default(), Start::Resume(Box::new(state)), RunOptions::default()).unwrap();
    assert_eq!(finished.outcome, Outcome::Returned(vec![gate_engine::Argument::I64(-1)]));
    assert_eq!(finished.calls.text, "proc_exit [42] 65536\nproc_exit [2] 65536\nproc_exit [3] 65536\n");
}

#[test]
fn what_cannot_be_stopped_cannot_continue() {
    let mut module = Module::new(LIBRARY);
    let settings = settings(Tier::Cranelift, Stops::None);
    let program = module.load(settings, None);
    assert!(program.stop_flag().is_none());
    let state = State {
        phase: Phase::Main,
        entry: gate_snapshot::Entry::default(),
        frames: Frames::Portable(Vec::new()),
        memory_pages: vec![1],
        globals: Vec::new(),
        tables: Vec::new(),
        dropped: Vec::new(),
        exceptions: Vec::new(),
        monotonic_nanos: 0,
        host: Vec::new(),
    };
    let error =
        program.run(Log::default(), Start::Resume(Box::new(state)), RunOptions::default()).unwrap_err();
    assert!(matches!(error, StartError::State(StateError::Unstoppable)), "{error}");
}

#[test]
fn artifacts_are_for_one_way_to_stop() {
    let mut module = Module::new(LIBRARY);
    let flag = settings(Tier::Cranelift, Stops::Flag);
    let artifact = module.artifact(flag).to_vec();
    for stops in [Stops::None, Stops::Count] {
        let file = super::machine::file_of(&artifact);
        let settings = settings(Tier::Cranelift, stops);
        let loaded =
            gate_engine::Program::load(file, artifact.len() as u64, settings, super::machine::LIMITS, None);
        assert!(matches!(loaded, Err(gate_engine::LoadError::Stops)));
    }
}
