//! Backtraces tell functions and places of the original, also in programs that have been stopped.

use gate_abi::trap::Trap;
use gate_engine::{Frame, Outcome, RunOptions, Settings, Start, Stops, Tier, original_offsets};

use super::machine::{Every, Log, Module, TIERS, file_of, files, sent, settings};

const TEXT: &str = r#"(module
    (import "host" "log" (func $log (param i32)))
    (func $divide (param $n i32) (result i32) (i32.div_s (i32.const 1) (local.get $n)))
    (func $apart (param $n i32) (result i32) (i32.add (i32.const 1) (call $divide (local.get $n))))
    (func $inner (param $n i32) (result i32)
      (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.add (i32.const 1) (call $apart (local.get $n))))
    (func $middle (param $n i32) (result i32)
      (i32.add (i32.const 1) (call $inner (local.get $n))))
    (func (export "run") (result i32)
      (call $log (i32.const 1))
      (i32.add (call $middle (i32.const 3)) (i32.const 2))))"#;

/// The functions on the stack, and what the instructions there start with.
fn trapped(lives: &[Settings], every: Every) -> Vec<(u32, u8)> {
    let mut module = Module::new(TEXT);
    let mut lives = lives.iter().copied().cycle();
    let mut settings = lives.next().unwrap();
    let mut program = module.load(settings, None);
    let entry = program.facts().entry(Some("run")).unwrap();
    let mut start = Start::Fresh { entry: &entry, arguments: &[] };
    let mut calls = Log::default();
    let frames = loop {
        let memories = program.memories().to_vec();
        let finished = program.run(calls, start, RunOptions { countdown: every.countdown(0) }).unwrap();
        calls = finished.calls;
        match finished.outcome {
            Outcome::Suspended(state) => {
                let state = sent(&state);
                settings = lives.next().unwrap();
                program = module.reload(settings, &state, files(&memories));
                start = Start::Resume(Box::new(state));
            }
            Outcome::Trapped { trap: Trap::IntegerDivideByZero, frames, .. } => break frames,
            outcome => panic!("{outcome:?}"),
        }
    };
    let artifact = module.artifact(settings).to_vec();
    let offsets = original_offsets(&file_of(&artifact), artifact.len() as u64, &frames).unwrap();
    let byte = |(frame, offset): (&Frame, &Option<u32>)| {
        let offset = usize::try_from(offset.unwrap()).unwrap();
        (frame.function_index, module.source[offset])
    };
    frames.iter().zip(&offsets).map(byte).collect()
}

#[test]
fn places() {
    let (div_s, call) = (0x6d, 0x10);
    let expected = [(1, div_s), (2, call), (3, call), (4, call), (5, call)];
    for tier in TIERS {
        assert_eq!(trapped(&[settings(tier, Stops::None)], Every::Never), expected, "{tier:?}");
        assert_eq!(trapped(&[settings(tier, Stops::Flag)], Every::Never), expected, "{tier:?}");
        for points in 1..10 {
            let settings = |tier| settings(tier, Stops::Count);
            assert_eq!(trapped(&[settings(tier)], Every::Points(points)), expected, "{tier:?} {points}");
            // The interpreter stops in functions that compiled code does not stop in. That has copies of what these call then.
            let moved = [settings(Tier::Interpreter), settings(tier)];
            assert_eq!(trapped(&moved, Every::Points(points)), expected, "{tier:?} {points}, moved");
        }
    }
}

/// The stack overflows where it did, and a program that is stopped near its end can continue.
#[test]
fn exhausted_stacks() {
    let text = r#"(module
        (func $deep (export "run") (param $n i32) (result i32)
          (if (result i32) (local.get $n)
            (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get $n) (i32.const 1)))))
            (else (i32.const 0)))))"#;
    for tier in [Tier::Cranelift, Tier::Pulley, Tier::Winch] {
        let mut module = Module::new(text);
        let settings = Settings { stack_bytes: 256 << 10, ..settings(tier, Stops::Count) };
        // The deepest recursion there is room for.
        let (mut works, mut fails) = (0, 1 << 20);
        while works + 1 < fails {
            let depth = works + (fails - works) / 2;
            match stopped_at_depth(&mut module, settings, depth, 0) {
                Some(result) if result == depth => works = depth,
                Some(result) => panic!("{result} instead of {depth}"),
                None => fails = depth,
            }
        }
        assert!(works > 1000, "{tier:?}: {works}");
        let points = u64::from(works.cast_unsigned());
        assert_eq!(stopped_at_depth(&mut module, settings, works, points), Some(works), "{tier:?}");
    }
}

/// What `run` returns for a depth when it is stopped once, or `None` if the stack is exhausted.
fn stopped_at_depth(module: &mut Module, settings: Settings, depth: i32, points: u64) -> Option<i32> {
    let mut program = module.load(settings, None);
    let entry = program.facts().entry(Some("run")).unwrap();
    let arguments = [gate_engine::Argument::I32(depth)];
    let mut start = Start::Fresh { entry: &entry, arguments: &arguments };
    let mut options = RunOptions { countdown: Some(points) };
    loop {
        let finished = program.run(Log::default(), start, options).unwrap();
        match finished.outcome {
            Outcome::Returned(values) => match values[..] {
                [gate_engine::Argument::I32(value)] => return Some(value),
                _ => panic!("{values:?}"),
            },
            Outcome::Suspended(state) => {
                program = module.reload(settings, &state, Vec::new());
                start = Start::Resume(state);
                options = RunOptions::default();
            }
            Outcome::Trapped { trap: Trap::CallStackExhausted, .. } => return None,
            outcome => panic!("{outcome:?}"),
        }
    }
}

/// Constants take no room on the native stack, but in the state they do: a program can be made that cannot be stopped.
#[test]
fn states_without_room() {
    let values = 200;
    let mut text = String::from("(module (func $deep (export \"run\") (param $n i32) (result i64)");
    (0..values).for_each(|local| text.push_str(&format!("(local $l{local} i64)")));
    (0..values).for_each(|local| text.push_str(&format!("(local.set $l{local} (i64.const {local}))")));
    text.push_str("(if (local.get $n) (then (drop (call $deep (i32.sub (local.get $n) (i32.const 1))))))");
    text.push_str("(i64.const 0)");
    (0..values).for_each(|local| text.push_str(&format!("(i64.xor (local.get $l{local}))")));
    text.push_str("))");
    let mut module = Module::new(&text);
    let depth = 300;
    let arguments = [gate_engine::Argument::I32(depth)];
    // The stack is not full by far, but the control memory has room for little more than twice as much.
    let settings = Settings { stack_bytes: 128 << 10, ..settings(Tier::Cranelift, Stops::Count) };
    let mut run = |countdown| {
        let program = module.load(settings, None);
        let entry = program.facts().entry(Some("run")).unwrap();
        let start = Start::Fresh { entry: &entry, arguments: &arguments };
        program.run(Log::default(), start, RunOptions { countdown }).unwrap().outcome
    };
    assert!(matches!(run(None), Outcome::Returned(_)));
    assert!(matches!(run(Some(20)), Outcome::Suspended(_)));
    let Outcome::Trapped { trap, detail, .. } = run(Some(260)) else { panic!("it was stopped") };
    assert_eq!(trap, Trap::OutOfMemory);
    assert_eq!(detail.as_deref(), Some("there is no room for the state of its calls"));
}
