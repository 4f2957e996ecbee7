//! How fast a program's output gets out.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use gate_testkit::guests::kernel;

use super::commands::Contest;
use super::{Figure, Target, measure};
use crate::command::display;

/// What the program writes, 64 KiB a call.
const BYTES: u64 = 1 << 30;

const ROUNDS: usize = 7;

pub(super) fn run() -> Result<Vec<Figure>> {
    let contest = Contest::new()?;
    let writer = contest.prepare(&kernel("writer")?)?;
    let gate = || writing(contest.gate(&writer.module));
    let wasmtime = || writing(contest.wasmtime_precompiled(&writer.precompiled));
    let to_pipe = measure(ROUNDS, || through_pipe(gate()), || through_pipe(wasmtime()))?;
    let to_null = measure(ROUNDS, || to_null(gate()), || to_null(wasmtime()))?;
    // Throughput is the inverse of time, so the sides change places.
    let mut figures = Vec::new();
    for (rounds, where_to) in [(to_pipe, "a pipe"), (to_null, "/dev/null")] {
        let inverse: Vec<_> = rounds
            .iter()
            .map(|round| super::Round { subject: round.baseline, baseline: round.subject })
            .collect();
        let what = format!("throughput of 1 GiB into {where_to}, gate / wasmtime");
        figures.push(Figure::ratio(what, &inverse, Some(Target::AtLeast(0.8))));
        figures.extend(Figure::both(
            &format!("gate run, into {where_to}"),
            &format!("wasmtime run --allow-precompiled, into {where_to}"),
            &rounds,
        ));
    }
    Ok(figures)
}

fn writing(mut command: Command) -> Command {
    command.arg(BYTES.to_string()).stdin(Stdio::null());
    command
}

fn through_pipe(mut command: Command) -> Result<()> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", display(&command)))?;
    let mut output = child.stdout.take().context("there is a pipe")?;
    let mut chunk = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        match output.read(&mut chunk)? {
            0 => break,
            count => bytes += count as u64,
        }
    }
    let status = child.wait()?;
    if !status.success() || bytes != BYTES {
        bail!("{} wrote {bytes} bytes and ended with {status}", display(&command));
    }
    Ok(())
}

fn to_null(mut command: Command) -> Result<()> {
    let null = File::options().write(true).open("/dev/null")?;
    let status =
        command.stdout(null).status().with_context(|| format!("cannot run {}", display(&command)))?;
    if !status.success() {
        bail!("{} ended with {status}", display(&command));
    }
    Ok(())
}
