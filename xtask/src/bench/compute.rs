//! How long programs compute.
//!
//! Like is compared with like: of `gate` the time from the program's first instruction to its end, of the reference the
//! time of the whole process less that of one with an empty program. And what a user waits: the whole processes.

use std::time::Duration;

use anyhow::Result;
use gate_testkit::guests::{kernel, small_kernel};

use super::commands::{self, Contest, Subject};
use super::{Figure, Round, Target, Unit, geometric_mean};

/// Kernels and their sizes, such that each runs for a second or two.
const KERNELS: &[(&str, &str)] = &[
    ("nbody", "10000000"),
    ("fannkuch", "10"),
    ("binary_trees", "17"),
    ("mandelbrot", "1600"),
    ("sieve", "50000000"),
    ("fib", "40"),
];

const ROUNDS: usize = 7;

pub(super) fn run() -> Result<Vec<Figure>> {
    let contest = Contest::new()?;
    let empty = contest.prepare(&small_kernel("empty"))?;
    let mut figures = Vec::new();
    let (mut inner, mut outer) = (Vec::new(), Vec::new());
    for (name, size) in KERNELS {
        let subject = contest.prepare(&kernel(name)?)?;
        let rounds = measure_kernel(&contest, &subject, &empty, size)?;
        let (own, whole): (Vec<Round>, Vec<Round>) = rounds.into_iter().unzip();
        figures.push(Figure::ratio(format!("{name} {size}, gate / wasmtime, code alone"), &own, None));
        figures.extend(Figure::both(
            &format!("{name}, gate run"),
            &format!("{name}, wasmtime run --allow-precompiled"),
            &whole,
        ));
        inner.push(ratios(&own));
        outer.push(ratios(&whole));
    }
    figures.push(mean("geometric mean, code alone", &inner, Some(Target::AtMost(1.02))));
    figures.push(mean("geometric mean, whole processes", &outer, None));
    Ok(figures)
}

/// For each round, the times of the code alone and those of the whole processes.
fn measure_kernel(
    contest: &Contest,
    subject: &Subject,
    empty: &Subject,
    size: &str,
) -> Result<Vec<(Round, Round)>> {
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut gate = contest.gate_json(&subject.module);
        gate.arg(size);
        let mut wasmtime = contest.wasmtime_precompiled(&subject.precompiled);
        wasmtime.arg(size);
        let (gate_whole, verdict) = commands::run(gate)?;
        let (wasmtime_whole, _) = commands::run(wasmtime)?;
        let (nothing, _) = commands::run(contest.wasmtime_precompiled(&empty.precompiled))?;
        let own = Round {
            subject: commands::micros(&verdict, "run_micros")?,
            baseline: wasmtime_whole.saturating_sub(nothing).max(Duration::from_millis(1)),
        };
        // In the first round everything is compiled and read for the first time.
        if round > 0 {
            rounds.push((own, Round { subject: gate_whole, baseline: wasmtime_whole }));
        }
    }
    Ok(rounds)
}

fn ratios(rounds: &[Round]) -> Vec<f64> {
    rounds.iter().map(|round| round.subject.as_secs_f64() / round.baseline.as_secs_f64()).collect()
}

/// The geometric means over all kernels, round by round.
fn mean(what: &str, kernels: &[Vec<f64>], target: Option<Target>) -> Figure {
    let of_round =
        |round: usize| geometric_mean(&kernels.iter().map(|ratios| ratios[round]).collect::<Vec<_>>());
    Figure { what: what.to_owned(), unit: Unit::Ratio, values: (0..ROUNDS).map(of_round).collect(), target }
}
