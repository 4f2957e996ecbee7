//! How long it takes until a module that nobody has seen before says its first word: from the start of the `gate` program to
//! the first byte of output. Nothing is in a cache, so that this is reading, the container, compiling and loading.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use gate_testkit::guests::lua_without_errors;

use super::commands::Contest;
use super::{Figure, Round, Target};
use crate::command::display;

const ROUNDS: usize = 40;

pub(super) fn run() -> Result<Vec<Figure>> {
    let contest = Contest::new()?;
    // 0.3 MB of code.
    let module = lua_without_errors()?;
    let (mut automatic, mut optimized) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let gate = first_byte(contest.gate_without_cache("auto", &module))?;
        let baseline = first_byte(contest.wasmtime_baseline_without_cache(&module))?;
        let cranelift = first_byte(contest.gate_without_cache("cranelift", &module))?;
        // In the first round files are read for the first time.
        if round > 0 {
            automatic.push(Round { subject: gate, baseline });
            optimized.push(cranelift);
        }
    }
    let subjects = automatic.iter().map(|round| round.subject);
    Ok(vec![
        Figure::times("first output of Lua, gate run --no-cache", subjects, Some(Target::AtMost(25.0))),
        Figure::ratio("first output, gate run / wasmtime run -C compiler=winch", &automatic, None),
        Figure::times(
            "wasmtime run -C cache=n,compiler=winch",
            automatic.iter().map(|round| round.baseline),
            None,
        ),
        Figure::times("gate run --no-cache --engine=cranelift", optimized, None),
    ])
}

/// How long the program took until its first output.
fn first_byte(mut command: Command) -> Result<Duration> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot run {}", display(&command)))?;
    let mut input = child.stdin.take().context("there is a pipe")?;
    let mut output = child.stdout.take().context("there is a pipe")?;
    std::io::Write::write_all(&mut input, b"print('hello')")?;
    drop(input);
    let mut byte = [0];
    let read = output.read_exact(&mut byte);
    let time = start.elapsed();
    // Whatever it does after that takes no part in the next round.
    let status = child.wait()?;
    read.with_context(|| format!("{} says nothing ({status})", display(&command)))?;
    ensure!(byte == *b"h" && status.success(), "{} ended with {status}", display(&command));
    Ok(time)
}
