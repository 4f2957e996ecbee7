//! How long it takes to run a program that does nothing and is compiled already.

use anyhow::Result;
use gate_testkit::guests::small_kernel;

use super::commands::{self, Contest};
use super::{Figure, Round, Target};

const ROUNDS: usize = 100;

pub(super) fn run() -> Result<Vec<Figure>> {
    let contest = Contest::new()?;
    let empty = contest.prepare(&small_kernel("empty"))?;
    let (mut plain, mut precompiled, mut processor) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let gate = commands::cost(contest.gate(&empty.module))?;
        let cached = commands::cost(contest.wasmtime(&empty.module))?;
        let mapped = commands::cost(contest.wasmtime_precompiled(&empty.precompiled))?;
        // In the first round everything is compiled and read for the first time.
        if round > 0 {
            plain.push(Round { subject: gate.wall, baseline: cached.wall });
            precompiled.push(Round { subject: gate.wall, baseline: mapped.wall });
            processor.push(Round { subject: gate.processor, baseline: cached.processor });
        }
    }
    let mut figures = vec![
        Figure::ratio("gate run / wasmtime run, an empty program", &plain, Some(Target::AtMost(2.0))),
        Figure::ratio("gate run / wasmtime run --allow-precompiled", &precompiled, None),
        Figure::ratio("gate run / wasmtime run, processor time", &processor, None),
    ];
    figures.extend(Figure::both("gate run", "wasmtime run", &plain));
    Ok(figures)
}
