//! `cargo xtask bench`: what is promised, measured.
//!
//! Absolute times say more about the machine than about us, and two runs more about what else it did. So a bench runs
//! its subject and a baseline in turn, and what counts is the ratio of the two, round by round. Where a number was
//! promised the median must keep the promise.
//!
//! The baseline is mostly the `wasmtime` program ([`mod@reference`]), which runs the same code without isolation.

mod commands;
mod compile;
mod compute;
mod density;
mod first_output;
mod programs;
mod reference;
mod services;
mod start;
mod stdout;
mod stoppable;
mod store;
mod suspend;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Something that we care about. Add one by writing a module and putting it into [`BENCHES`].
struct Bench {
    name: &'static str,
    /// What it measures, for `--help`.
    about: &'static str,
    run: fn() -> Result<Vec<Figure>>,
}

const BENCHES: &[Bench] = &[
    Bench { name: "store-get", about: "finding a compiled module in the cache", run: store::run },
    Bench { name: "start", about: "starting a program that is compiled already", run: start::run },
    Bench { name: "compute", about: "how fast programs compute, stoppable and not", run: compute::run },
    Bench { name: "stdout", about: "how fast output gets out", run: stdout::run },
    Bench { name: "density", about: "a thousand programs at once: memory, and one more", run: density::run },
    Bench { name: "compile", about: "compiling, stoppable and not: time and code", run: compile::run },
    Bench { name: "suspend", about: "stopping, continuing, snapshots", run: suspend::run },
    Bench { name: "first-output", about: "the first output of a new module", run: first_output::run },
    Bench { name: "services", about: "streams, calls, and many programs that call", run: services::run },
];

/// A line of the table.
struct Figure {
    /// What was measured: for a ratio, what is divided by what.
    what: String,
    unit: Unit,
    /// A value for each round, or for each of the things measured at once.
    values: Vec<f64>,
    target: Option<Target>,
}

#[derive(Clone, Copy)]
enum Unit {
    Ratio,
    Millis,
    Kibibytes,
}

/// What was promised of the median.
#[derive(Clone, Copy)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// One measurement of both sides.
struct Round {
    subject: Duration,
    baseline: Duration,
}

/// What there is, for `--help`.
pub(crate) fn list() -> String {
    let lines = BENCHES.iter().map(|Bench { name, about, .. }| format!("  {name:<14}{about}\n"));
    format!("Benches:\n{}", lines.collect::<String>())
}

/// Runs the benches called `names` (all if there are none) and prints a line for each figure. Fails when a promise is
/// not kept.
pub(crate) fn run(names: &[String]) -> Result<ExitCode> {
    let known = || BENCHES.iter().map(|bench| bench.name).collect::<Vec<_>>().join(", ");
    if let Some(unknown) = names.iter().find(|name| BENCHES.iter().all(|bench| bench.name != **name)) {
        bail!("no bench is called {unknown:?}; there are: {}", known());
    }
    if let Some(warning) = busy() {
        eprintln!("{warning}");
    }
    eprintln!("{}", heading());
    let mut kept = true;
    for bench in BENCHES {
        if !names.is_empty() && !names.iter().any(|name| name == bench.name) {
            continue;
        }
        let figures = (bench.run)().with_context(|| format!("bench {} failed", bench.name))?;
        for mut figure in figures {
            figure.values.sort_unstable_by(f64::total_cmp);
            eprintln!("{}", figure.line(bench.name));
            kept &= figure.kept() != Some(false);
        }
    }
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A warning if the machine has more to do than its processors can, as the kernel saw it during the last minute. Ratios of
/// times that pass then say little, and most of all those of short times.
fn busy() -> Option<String> {
    let load = std::fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = load.split_whitespace().next()?.parse().ok()?;
    let processors = u32::try_from(std::thread::available_parallelism().ok()?.get()).ok()?;
    (load > f64::from(processors)).then(|| {
        format!("this machine is busy (load {load} on {processors} processors): take processor times seriously, others not")
    })
}

fn heading() -> String {
    format!(
        "{:<13}{:>9}{:>9}{:>9}{:>9}{:>9}{:>10}        what",
        "bench", "median", "least", "10 %", "90 %", "most", "target"
    )
}

impl Figure {
    /// The ratios of `rounds`.
    fn ratio(what: impl Into<String>, rounds: &[Round], target: Option<Target>) -> Self {
        let ratio = |round: &Round| round.subject.as_secs_f64() / round.baseline.as_secs_f64();
        Self { what: what.into(), unit: Unit::Ratio, values: rounds.iter().map(ratio).collect(), target }
    }

    /// Times.
    fn times(
        what: impl Into<String>,
        times: impl IntoIterator<Item = Duration>,
        target: Option<Target>,
    ) -> Self {
        let values = times.into_iter().map(|time| time.as_secs_f64() * 1e3).collect();
        Self { what: what.into(), unit: Unit::Millis, values, target }
    }

    /// How long both sides took: what a ratio does not say.
    fn both(subject: &str, baseline: &str, rounds: &[Round]) -> [Self; 2] {
        [
            Self::times(subject, rounds.iter().map(|round| round.subject), None),
            Self::times(baseline, rounds.iter().map(|round| round.baseline), None),
        ]
    }

    /// Whether the promise is kept, if there is one. `values` are sorted.
    fn kept(&self) -> Option<bool> {
        let median = percentile(&self.values, 50);
        match self.target? {
            Target::AtMost(limit) => Some(median <= limit),
            Target::AtLeast(limit) => Some(median >= limit),
        }
    }

    /// The line of the table. `values` are sorted.
    fn line(&self, bench: &str) -> String {
        let unit = match self.unit {
            Unit::Ratio => "",
            Unit::Millis => " (ms)",
            Unit::Kibibytes => " (KiB)",
        };
        let mut line = format!("{bench:<13}");
        for percent in [50, 0, 10, 90, 100] {
            line += &format!("{:>9.3}", percentile(&self.values, percent));
        }
        let target = match self.target {
            Some(Target::AtMost(limit)) => format!("≤ {limit}"),
            Some(Target::AtLeast(limit)) => format!("≥ {limit}"),
            None => String::new(),
        };
        let result = match self.kept() {
            Some(true) => "kept",
            Some(false) => "MISSED",
            None => "",
        };
        line += &format!("{target:>10} {result:<6} {}{unit}, {} values", self.what, self.values.len());
        line
    }
}

/// Measures `subject` and `baseline` in turn, `rounds` times, after one round that does not count.
fn measure(
    rounds: usize,
    mut subject: impl FnMut() -> Result<()>,
    mut baseline: impl FnMut() -> Result<()>,
) -> Result<Vec<Round>> {
    let timed = |work: &mut dyn FnMut() -> Result<()>| {
        let start = Instant::now();
        work()?;
        Ok(start.elapsed())
    };
    measure_own(rounds, || timed(&mut subject), || timed(&mut baseline))
}

/// Likewise, for sides that know themselves how long what counts of them took.
fn measure_own(
    rounds: usize,
    mut subject: impl FnMut() -> Result<Duration>,
    mut baseline: impl FnMut() -> Result<Duration>,
) -> Result<Vec<Round>> {
    let mut measured = Vec::new();
    for _ in 0..=rounds {
        measured.push(Round { subject: subject()?, baseline: baseline()? });
    }
    measured.remove(0);
    Ok(measured)
}

/// The value below which `percent` of the sorted `values` lie (nearest rank).
fn percentile(values: &[f64], percent: usize) -> f64 {
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// The time that one of 100 exceeds: a figure of its own, as it is the median of a figure that keeps a promise.
fn slowest_of_100(times: &[Duration]) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len() * 99).div_ceil(100).checked_sub(1)?).copied()
}

/// The geometric mean.
fn geometric_mean(values: &[f64]) -> f64 {
    let (sum, count) = values.iter().fold((0.0, 0.0), |(sum, count), value| (sum + value.ln(), count + 1.0));
    (sum / count).exp()
}

#[cfg(test)]
mod tests;
