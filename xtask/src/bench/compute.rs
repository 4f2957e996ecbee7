//! How long programs compute.
//!
//! Processor time is compared, as a claim of a few per cent drowns in what else a machine does; and like with like: of each
//! side the time of all its processes, less that of a run of an empty program. Also shown is what a user waits, and what it
//! costs that programs can be stopped ([`super::stoppable`]).

use std::time::Duration;

use anyhow::Result;
use gate_testkit::guests::{kernel, small_kernel};

use super::commands::{self, Contest, Cost, Subject};
use super::{Figure, Round, Target, Unit, geometric_mean, stoppable};

/// Kernels and their sizes, such that each runs for half a second to a second.
pub(super) const KERNELS: &[(&str, &str)] = &[
    ("ackermann", "11"),
    ("base64", "3000"),
    ("bfs", "800000"),
    ("binary_trees", "17"),
    ("checksums", "1000"),
    ("curve", "1000"),
    ("dispatch", "150000"),
    ("distance", "6000"),
    ("fannkuch", "10"),
    ("fft", "400"),
    ("fib", "40"),
    ("json", "150000"),
    ("life", "1000"),
    ("lz", "80"),
    ("machine", "150000"),
    ("mandelbrot", "3200"),
    ("matrix", "900"),
    ("nbody", "10000000"),
    ("pagerank", "500000"),
    ("queens", "14"),
    ("regex", "40000"),
    ("search", "20000"),
    ("sha256", "120000"),
    ("sieve", "10000000"),
    ("sort", "2000000"),
    ("table", "8000000"),
    ("tape", "4000"),
];

const ROUNDS: usize = 5;

pub(super) fn run() -> Result<Vec<Figure>> {
    let contest = Contest::new()?;
    let empty = contest.prepare(&small_kernel("empty"))?;
    let mut figures = Vec::new();
    let (mut processor, mut wall) = (Vec::new(), Vec::new());
    for (name, size) in KERNELS {
        let subject = contest.prepare(&kernel(name)?)?;
        let (own, whole) = measure_kernel(&contest, &subject, &empty, size)?;
        figures.push(Figure::ratio(format!("{name} {size}, gate / wasmtime, processor time"), &own, None));
        figures.extend(Figure::both(
            &format!("{name}, gate run"),
            &format!("{name}, wasmtime run --allow-precompiled"),
            &whole,
        ));
        processor.push(ratios(&own));
        wall.push(ratios(&whole));
    }
    figures.push(mean("geometric mean, processor time", &processor, Some(Target::AtMost(1.06))));
    figures.push(mean("geometric mean, what a user waits", &wall, None));
    figures.extend(stoppable::compute()?);
    Ok(figures)
}

/// The processor time of the code alone, and the time from start to end of the processes.
fn measure_kernel(
    contest: &Contest,
    subject: &Subject,
    empty: &Subject,
    size: &str,
) -> Result<(Vec<Round>, Vec<Round>)> {
    let sized = |mut command: std::process::Command| {
        command.arg(size);
        commands::cost(command)
    };
    let (mut own, mut whole) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let gate = sized(contest.gate(&subject.module))?;
        let wasmtime = sized(contest.wasmtime_precompiled(&subject.precompiled))?;
        let gate_empty = commands::cost(contest.gate(&empty.module))?;
        let wasmtime_empty = commands::cost(contest.wasmtime_precompiled(&empty.precompiled))?;
        // In the first round everything is compiled and read for the first time.
        if round > 0 {
            own.push(Round { subject: more(gate, gate_empty), baseline: more(wasmtime, wasmtime_empty) });
            whole.push(Round { subject: gate.wall, baseline: wasmtime.wall });
        }
    }
    Ok((own, whole))
}

/// The processor time that one run took more than the other one.
fn more(one: Cost, other: Cost) -> Duration {
    one.processor.saturating_sub(other.processor).max(Duration::from_millis(1))
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
