//! How long it takes to run a program that does nothing and is compiled already.

use anyhow::Result;
use gate_testkit::guests::small_kernel;

use super::commands::{self, Contest};
use super::{Figure, Target, measure};

const ROUNDS: usize = 60;

pub(super) fn run() -> Result<Vec<Figure>> {
    let contest = Contest::new()?;
    let empty = contest.prepare(&small_kernel("empty"))?;
    let gate = || commands::run(contest.gate(&empty.module)).map(drop);
    let plain = measure(ROUNDS, gate, || commands::run(contest.wasmtime(&empty.module)).map(drop))?;
    let precompiled =
        measure(ROUNDS, gate, || commands::run(contest.wasmtime_precompiled(&empty.precompiled)).map(drop))?;
    let mut figures = vec![
        Figure::ratio("gate run / wasmtime run, an empty program", &plain, Some(Target::AtMost(2.0))),
        Figure::ratio("gate run / wasmtime run --allow-precompiled", &precompiled, None),
    ];
    figures.extend(Figure::both("gate run", "wasmtime run", &plain));
    Ok(figures)
}
