//! `cargo xtask bench`: ratios of two things measured in one run.
//!
//! Absolute times say more about the machine than about us, and two runs more about what else it did. So a bench runs
//! its subject and a baseline in turn, and what counts is the ratio of the two.

mod store;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// A ratio that we care about. Add one by writing a module and putting it into [`BENCHES`].
struct Bench {
    name: &'static str,
    /// What is divided by what.
    about: &'static str,
    /// Measures it, round by round.
    run: fn() -> Result<Vec<Round>>,
}

const BENCHES: &[Bench] = &[Bench { name: "store-get", about: store::ABOUT, run: store::get }];

/// One measurement of both sides.
struct Round {
    subject: Duration,
    baseline: Duration,
}

/// Runs the benches called `names` (all if there are none) and prints a line for each.
pub(crate) fn run(names: &[String]) -> Result<ExitCode> {
    let known = || BENCHES.iter().map(|bench| bench.name).collect::<Vec<_>>().join(", ");
    if let Some(unknown) = names.iter().find(|name| BENCHES.iter().all(|bench| bench.name != **name)) {
        bail!("no bench is called {unknown:?}; there are: {}", known());
    }
    eprintln!("{:<16}{:>8}{:>18}  what", "bench", "median", "10 % to 90 %");
    for bench in
        BENCHES.iter().filter(|bench| names.is_empty() || names.iter().any(|name| name == bench.name))
    {
        let rounds = (bench.run)()?;
        let mut ratios: Vec<f64> =
            rounds.iter().map(|round| round.subject.as_secs_f64() / round.baseline.as_secs_f64()).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        eprintln!(
            "{:<16}{:>8.3}{:>9.3}{:>9.3}  {} ({} rounds)",
            bench.name,
            percentile(&ratios, 50),
            percentile(&ratios, 10),
            percentile(&ratios, 90),
            bench.about,
            ratios.len(),
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures `subject` and `baseline` in turn, `rounds` times, after one round that does not count.
fn measure(
    rounds: usize,
    mut subject: impl FnMut() -> Result<()>,
    mut baseline: impl FnMut() -> Result<()>,
) -> Result<Vec<Round>> {
    let mut measured = Vec::new();
    for _ in 0..=rounds {
        let start = Instant::now();
        subject()?;
        let between = Instant::now();
        baseline()?;
        measured.push(Round { subject: between - start, baseline: between.elapsed() });
    }
    measured.remove(0);
    Ok(measured)
}

/// The value below which `percent` of the sorted `values` lie (nearest rank).
fn percentile(values: &[f64], percent: usize) -> f64 {
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests;
