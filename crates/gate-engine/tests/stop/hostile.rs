//! States that strangers wrote are errors, or do what they say. Nothing panics.

use gate_engine::{
    ContinueError, Finished, LoadError, Outcome, Program, RunOptions, Start, StartError, Stops, Tier,
    continuation,
};
use gate_instrument::accept::ValueType;
use gate_snapshot::{Exception, Frames, Phase, Reference, State, Value};

use super::machine::{LIMITS, Log, Module, file_of, files, settings};

const TEXT: &str = r#"(module
    (tag $tag (param i32 exnref))
    (memory (export "memory") 1 3)
    (table $table 2 4 funcref)
    (table $exceptions 1 2 exnref)
    (global $number (mut i32) (i32.const 1))
    (global $function (mut funcref) (ref.func $f))
    (global i64 (i64.const 5))
    (data $passive "passive")
    (elem (i32.const 0) $f)
    (func $f (param i32) (result i32)
      (loop $again (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (data.drop $passive)
      (local.get 0))
    (func (export "run") (result i32) (local $e exnref) (local $f funcref)
      (local.set $f (ref.func $f))
      (drop (call $f (i32.const 1000000)))
      (drop (ref.is_null (local.get $e)))
      (table.set $table (i32.const 1) (local.get $f))
      (global.get $number)))"#;

/// A module, and a state in the middle of it with its memories.
fn stopped() -> (Module, State, Vec<std::os::fd::OwnedFd>) {
    let mut module = Module::new(TEXT);
    let program = module.load(SETTINGS, None);
    let entry = program.facts().entry(Some("run")).unwrap();
    let memories = files(program.memories());
    let start = Start::Fresh { entry: &entry, arguments: &[] };
    let finished = program.run(Log::default(), start, RunOptions { countdown: Some(50) }).unwrap();
    let Outcome::Suspended(state) = finished.outcome else { panic!("{:?}", finished.outcome) };
    (module, *state, memories)
}

const SETTINGS: gate_engine::Settings = settings(Tier::Cranelift, Stops::Count);

fn cloned(memories: &[std::os::fd::OwnedFd]) -> Vec<std::os::fd::OwnedFd> {
    memories.iter().map(|file| file.try_clone().unwrap()).collect()
}

/// Continues from a state whose calls are those of `sound`.
fn resume(change: impl FnOnce(&mut State)) -> Result<Finished<Log>, StartError> {
    let (mut module, mut state, memories) = stopped();
    let program = module.reload(SETTINGS, &state, cloned(&memories));
    change(&mut state);
    program.run(Log::default(), Start::Resume(Box::new(state)), RunOptions::default())
}

#[track_caller]
fn check(message: &str, change: impl FnOnce(&mut State)) {
    let error = match resume(change) {
        Ok(finished) => panic!("it continues: {:?}", finished.outcome),
        Err(error) => error,
    };
    let StartError::State(error) = error else { panic!("{error}") };
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    assert!(text.contains(message), "{text:?}");
}

#[test]
fn a_sound_state_continues() {
    let finished = resume(|state| state.globals[0] = Value::I32(99)).unwrap();
    assert_eq!(finished.outcome, Outcome::Returned(vec![gate_engine::Argument::I32(99)]));
}

#[test]
fn parts_that_do_not_fit() {
    let function = |index| Value::Reference(ValueType::FuncRef, Reference::Function(index));
    let exception = |values| Exception { tag: 0, values };
    check("it has 0 memories, and the program 1", |state| state.memory_pages.clear());
    check("it has 2 memories, and the program 1", |state| state.memory_pages.push(1));
    check("memory 0 of it cannot be restored: it was larger", |state| state.memory_pages[0] = 0);
    check("memory 0 of it cannot be restored", |state| state.memory_pages[0] = 4);
    check("memory 0 of it cannot be restored", |state| state.memory_pages[0] = u32::MAX);
    check("it has 2 globals, and the program 3", |state| state.globals.truncate(2));
    check("global 0 of it cannot be restored", |state| state.globals[0] = Value::I64(0));
    check("global 1 of it cannot be restored", |state| state.globals[1] = Value::I32(0));
    check("a reference to function 7, which there is not", |state| state.globals[1] = function(7));
    check("a reference to exception 0", |state| {
        state.globals[1] = Value::Reference(ValueType::ExnRef, Reference::Exception(0));
    });
    check("it has 1 tables, and the program 2", |state| state.tables.truncate(1));
    check("table 0 of it cannot be restored: it was larger", |state| state.tables[0].truncate(1));
    check("table 0 of it cannot be restored", |state| state.tables[0] = vec![Reference::Null; 5]);
    check("a reference to exception 0", |state| state.tables[0][0] = Reference::Exception(0));
    check("a reference to function 0", |state| state.tables[1][0] = Reference::Function(0));
    check("segments that can be dropped", |state| state.dropped.push(0));
    check("a reference to exception tag 1", |state| {
        state.exceptions.push(Exception { tag: 1, values: Vec::new() });
    });
    check("exception 0 of it cannot be restored: it has 1 values, and carries 2", |state| {
        state.exceptions.push(exception(vec![Value::I32(0)]));
    });
    check("exception 0 of it cannot be restored", |state| {
        state.exceptions.push(exception(vec![Value::I32(0), Value::I32(0)]));
    });
    // It would carry itself.
    check("a reference to exception 0", |state| {
        let itself = Value::Reference(ValueType::ExnRef, Reference::Exception(0));
        state.exceptions.push(exception(vec![Value::I32(0), itself]));
    });
    check("bytes of calls", |state| state.frames = Frames::Portable(Vec::new()));
    check("bytes of calls", |state| state.phase = Phase::Fresh);
}

#[test]
fn functions_that_there_are_not() {
    for (initialize, function) in [(None, Some(7)), (Some(u32::MAX), None)] {
        let (mut module, mut state, memories) = stopped();
        state.frames = Frames::Portable(Vec::new());
        state.phase = Phase::Initialize;
        state.entry = gate_snapshot::Entry { initialize, function, arguments: Vec::new() };
        let program = module.reload(SETTINGS, &state, cloned(&memories));
        let finished =
            program.run(Log::default(), Start::Resume(Box::new(state)), RunOptions::default()).unwrap();
        let Outcome::Trapped { detail: Some(detail), .. } = finished.outcome else {
            panic!("{:?}", finished.outcome)
        };
        assert!(detail.contains("is not exported"), "{detail}");
    }
}

#[test]
fn arguments_that_do_not_fit() {
    for arguments in [
        vec![Value::I32(1)],
        vec![Value::Reference(ValueType::FuncRef, Reference::Null)],
        vec![Value::I64(1), Value::I64(1)],
    ] {
        let (mut module, mut state, memories) = stopped();
        state.frames = Frames::Portable(Vec::new());
        state.entry.arguments = arguments;
        let program = module.reload(SETTINGS, &state, cloned(&memories));
        let finished =
            program.run(Log::default(), Start::Resume(Box::new(state)), RunOptions::default()).unwrap();
        assert!(matches!(finished.outcome, Outcome::Trapped { .. }), "{:?}", finished.outcome);
    }
}

#[test]
fn memories_that_do_not_fit() {
    let (mut module, _, memories) = stopped();
    let artifact = module.artifact(SETTINGS);
    for count in [0, 2] {
        let adopted = (0..count).map(|_| memories[0].try_clone().unwrap()).collect();
        let loaded = Program::load(file_of(artifact), artifact.len() as u64, SETTINGS, LIMITS, Some(adopted));
        assert!(matches!(loaded, Err(LoadError::Memories { found: 1, given }) if given == count));
    }
}

/// Every byte of what a program left is changed, and every length tried.
#[test]
fn calls_that_were_changed() {
    let (mut module, state, memories) = stopped();
    let Frames::Raw { bytes, spilled } = &state.frames else { panic!("{:?}", state.frames) };
    let mut accepted = 0;
    let mut frames = Vec::new();
    for position in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut bytes = bytes.clone();
            bytes[position] ^= 1 << bit;
            frames.push(bytes);
        }
    }
    frames.extend((0..bytes.len()).map(|len| bytes[..len].to_vec()));
    frames.push([&bytes[..], &bytes[..]].concat());
    for bytes in frames {
        let changed = State { frames: Frames::Raw { bytes, spilled: spilled.clone() }, ..state.clone() };
        match continuation(&module.source, &changed, SETTINGS) {
            Err(ContinueError::State { .. } | ContinueError::Frames { .. } | ContinueError::NoFrames) => {}
            Err(error) => panic!("{error}"),
            Ok(_) => {
                // A value of a local is another one, or a slot that nobody looks at.
                accepted += 1;
                if accepted % 8 == 0 {
                    let program = module.reload(SETTINGS, &changed, cloned(&memories));
                    let options = RunOptions { countdown: Some(1000) };
                    program.run(Log::default(), Start::Resume(Box::new(changed)), options).unwrap();
                }
            }
        }
    }
    assert!(accepted > 0);
}

/// Files that are no continuations, or damaged ones, are refused or harmless.
#[test]
fn continuations_that_were_changed() {
    let (mut module, state, memories) = stopped();
    let file = continuation(&module.source, &state, SETTINGS).unwrap();
    let artifact = module.artifact(SETTINGS).to_vec();
    let load = |bytes: &[u8]| {
        let (artifact_bytes, adopted) = (artifact.len() as u64, Some(cloned(&memories)));
        let mut program =
            Program::load(file_of(&artifact), artifact_bytes, SETTINGS, LIMITS, adopted).unwrap();
        program.continue_with(file_of(bytes), bytes.len() as u64).map(|()| program)
    };
    for len in [0, 10, file.len() - 1] {
        assert!(matches!(load(&file[..len]), Err(LoadError::Artifact(_))), "cut at {len}");
    }
    assert!(matches!(load(&artifact), Err(LoadError::Artifact(_))));
    // What follows the engine's image: code that was changed may do anything.
    let footer: [u8; 8] = file[file.len() - 24..][..8].try_into().unwrap();
    let facts = usize::try_from(u64::from_le_bytes(footer)).unwrap();
    for position in facts..file.len() {
        let mut changed = file.clone();
        changed[position] ^= 0x81;
        if let Ok(program) = load(&changed) {
            let options = RunOptions { countdown: Some(1000) };
            let _ = program.run(Log::default(), Start::Resume(Box::new(state.clone())), options);
        }
    }
}
