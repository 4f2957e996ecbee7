//! A program stops by itself at each of its breakpoints, on every engine, and goes on.

use gate_engine::{
    Argument, Outcome, Program, RunOptions, Start, Stops, Tier, compile_with_breakpoints,
    continuation_with_breakpoints,
};
use gate_instrument::stop::{self, Config, Poll, SiteId};
use gate_snapshot::{Frame, Frames, Value};

use super::machine::{LIMITS, Log, TIERS, file_of, files, sent, settings};

const TEXT: &str = r#"(module
    (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
    (func (export "run") (param $n i32) (result i32) (local $sum i32)
      (loop $again
        (local.set $sum (i32.add (local.get $sum) (call $square (local.get $n))))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $sum)))"#;

/// Has as many values alive in each of as many calls, of which each 128th comes to the multiplication, and nothing else that can stop.
fn crowded(values: usize) -> String {
    let locals: String = (0..values).map(|local| format!("(local $v{local} i32)")).collect();
    let sets: String = (0..values)
        .map(|local| format!("(local.set $v{local} (i32.add (local.get $n) (i32.const {local})))"))
        .collect();
    let calls: String = (0..values)
        .map(|call| if call % 128 == 0 { "(i32.const 7)" } else { "(i32.const 0)" })
        .map(|argument| format!("(drop (call $square {argument}))"))
        .collect();
    let sum: String = (0..values).map(|local| format!("(local.get $v{local}) (i32.add)")).collect();
    format!(
        r#"(module
        (func $square (param i32) (result i32)
          (if (result i32) (local.get 0) (then (i32.mul (local.get 0) (local.get 0))) (else (i32.const 0))))
        (func (export "run") (param $n i32) (result i32) {locals} {sets} {calls} (i32.const 0) {sum}))"#
    )
}

/// Runs a program from one stop to the next, each time in a new instance. `look` sees the frames at each. Returns what it does.
fn run_through(
    source: &[u8],
    breakpoint: usize,
    tier: Tier,
    argument: i32,
    mut look: impl FnMut(&[Frame]),
) -> Vec<Argument> {
    let breakpoints = [u32::try_from(breakpoint).unwrap()];
    let config = Config { poll: Poll::Store, control_pages: 2, may_block: &|_, _| false, breakpoints: &[] };
    let module = stop::Program::new(source, &config).unwrap();
    let settings = settings(tier, Stops::Flag);
    let artifact = compile_with_breakpoints(source, settings, &breakpoints).unwrap().artifact;
    let load = |adopted| {
        Program::load(file_of(&artifact), artifact.len() as u64, settings, LIMITS, adopted).unwrap()
    };
    let mut program = load(None);
    let entry = program.facts().entry(Some("run")).unwrap();
    let arguments = [Argument::I32(argument)];
    let mut start = Start::Fresh { entry: &entry, arguments: &arguments };
    loop {
        let memories = files(program.memories());
        let state = match program.run(Log::default(), start, RunOptions::default()).unwrap().outcome {
            Outcome::Suspended(state) => sent(&state),
            Outcome::Returned(result) => return result,
            outcome => panic!("{tier:?}: {outcome:?}"),
        };
        let settled = state.clone().settle(&module).unwrap();
        let Frames::Portable(frames) = settled.frames else { panic!("{:?}", settled.frames) };
        look(&frames);
        let file = continuation_with_breakpoints(source, &state, settings, &breakpoints).unwrap();
        program = load(Some(memories));
        program.continue_with(file_of(&file), file.len() as u64).unwrap();
        start = Start::Resume(Box::new(state));
    }
}

#[test]
fn breakpoints() {
    let source = wat::parse_str(TEXT).unwrap();
    // The one multiplication that there is.
    let multiplication = source.iter().rposition(|byte| *byte == 0x6c).unwrap();
    let site = SiteId::before(u32::try_from(multiplication).unwrap()).0;
    // The interpreter knows none.
    for tier in TIERS.into_iter().filter(|tier| *tier != Tier::Interpreter) {
        let mut operands = Vec::new();
        let result = run_through(&source, multiplication, tier, 3, |frames| {
            assert_eq!(frames.len(), 2);
            assert_eq!((frames[1].function, frames[1].site), (0, site));
            operands.push(frames[1].operands.clone());
        });
        assert_eq!(result, [Argument::I32(14)], "{tier:?}");
        let expected = [3, 2, 1].map(|n| vec![Value::I32(n), Value::I32(n)]);
        assert_eq!(operands, expected, "{tier:?}");
    }
}

#[test]
fn breakpoints_below_a_function_of_many_values() {
    const VALUES: usize = 400;
    const STOPS: usize = VALUES.div_ceil(128);
    let source = wat::parse_str(crowded(VALUES)).unwrap();
    let multiplication = source.windows(5).position(|bytes| bytes == [0x20, 0, 0x20, 0, 0x6c]).unwrap() + 4;
    let mut stops = 0;
    let result = run_through(&source, multiplication, Tier::Cranelift, 1000, |frames| {
        let locals = &frames[0].locals;
        assert_eq!(locals[1..].len(), VALUES);
        for (value, local) in (1000..).zip(&locals[1..]) {
            assert_eq!(*local, Value::I32(value));
        }
        stops += 1;
    });
    assert_eq!(stops, STOPS);
    let values = i32::try_from(VALUES).unwrap();
    assert_eq!(result, [Argument::I32(values * 1000 + values * (values - 1) / 2)]);
}
