//! A program stops by itself at each of its breakpoints, on every engine, and goes on.

use gate_engine::{
    Argument, Outcome, Program, RunOptions, Start, Stops, Tier, compile_with_breakpoints,
    continuation_with_breakpoints,
};
use gate_instrument::stop::{self, Config, Poll, SiteId};
use gate_snapshot::{Frames, Value};

use super::machine::{LIMITS, Log, TIERS, file_of, files, sent, settings};

const TEXT: &str = r#"(module
    (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
    (func (export "run") (param $n i32) (result i32) (local $sum i32)
      (loop $again
        (local.set $sum (i32.add (local.get $sum) (call $square (local.get $n))))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $sum)))"#;

#[test]
fn breakpoints() {
    let source = wat::parse_str(TEXT).unwrap();
    // The one multiplication that there is.
    let multiplication = source.iter().rposition(|byte| *byte == 0x6c).unwrap();
    let breakpoints = [u32::try_from(multiplication).unwrap()];
    let config = Config { poll: Poll::Store, control_pages: 2, may_block: &|_, _| false, breakpoints: &[] };
    let module = stop::Program::new(&source, &config).unwrap();
    // The interpreter knows none.
    for tier in TIERS.into_iter().filter(|tier| *tier != Tier::Interpreter) {
        let settings = settings(tier, Stops::Flag);
        let artifact = compile_with_breakpoints(&source, settings, &breakpoints).unwrap().artifact;
        let load = |adopted| {
            Program::load(file_of(&artifact), artifact.len() as u64, settings, LIMITS, adopted).unwrap()
        };
        let mut program = load(None);
        let entry = program.facts().entry(Some("run")).unwrap();
        let arguments = [Argument::I32(3)];
        let mut start = Start::Fresh { entry: &entry, arguments: &arguments };
        let mut operands = Vec::new();
        loop {
            let memories = files(program.memories());
            let finished = program.run(Log::default(), start, RunOptions::default()).unwrap();
            let state = match finished.outcome {
                Outcome::Suspended(state) => sent(&state),
                outcome => {
                    assert_eq!(outcome, Outcome::Returned(vec![Argument::I32(14)]), "{tier:?}");
                    break;
                }
            };
            let file = continuation_with_breakpoints(&source, &state, settings, &breakpoints).unwrap();
            program = load(Some(memories));
            program.continue_with(file_of(&file), file.len() as u64).unwrap();
            let settled = state.clone().settle(&module).unwrap();
            let Frames::Portable(frames) = settled.frames else { panic!("{:?}", settled.frames) };
            assert_eq!(frames.len(), 2);
            assert_eq!((frames[1].function, frames[1].site), (0, SiteId::before(breakpoints[0]).0));
            operands.push(frames[1].operands.clone());
            start = Start::Resume(Box::new(state));
        }
        let expected = [3, 2, 1].map(|n| vec![Value::I32(n), Value::I32(n)]);
        assert_eq!(operands, expected, "{tier:?}");
    }
}
