//! Runs a fuzz target for a while. Started by `cargo xtask fuzz`.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::os::unix::fs::FileExt;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use gate_fuzz::driver::{Inputs, campaign};
use gate_fuzz::{TARGETS, Target};

/// Runs a fuzz target on random inputs, on stable Rust.
#[derive(Parser)]
struct Arguments {
    /// The target; without one, the targets are listed.
    name: Option<String>,
    /// How long to run, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where the pseudo-random numbers start; chosen at random if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Run the target once, on this file.
    #[arg(long)]
    input: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let names = TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let Some(name) = arguments.name else {
        eprintln!("targets: {names}");
        return Ok(ExitCode::SUCCESS);
    };
    let Some((name, target)) = TARGETS.iter().find(|(known, _)| *known == name) else {
        bail!("no fuzz target is called {name:?}; there are: {names}");
    };
    if let Some(path) = arguments.input {
        target(&read(&path)?);
        eprintln!("{name}: {} is handled well", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    let seed = arguments.seed.unwrap_or_else(|| RandomState::new().hash_one(name));
    run(name, *target, Duration::from_secs(arguments.seconds), seed)
}

fn run(name: &str, target: Target, duration: Duration, seed: u64) -> Result<ExitCode> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let artifacts = directory.join("artifacts");
    fs::create_dir_all(&artifacts).with_context(|| format!("cannot create {}", artifacts.display()))?;
    let seeds = seeds(&directory.join("seeds").join(name))?;
    eprintln!("{name}: {} s, seed {seed}, {} inputs to start from", duration.as_secs(), seeds.len());

    // A stack overflow or an abort cannot be caught, so each input is on file while it is run. Several of us may run.
    let running_path = artifacts.join(format!("{name}-running-{}", std::process::id()));
    let running =
        File::create(&running_path).with_context(|| format!("cannot create {}", running_path.display()))?;
    let mut failure = None;
    let mut unwritten = None;
    let summary = campaign(&mut Inputs::new(seed, seeds), duration, |input| {
        let written = running.set_len(0).and_then(|()| running.write_all_at(input, 0));
        if let Err(error) = written {
            unwritten = Some(error);
            return false;
        }
        if catch_unwind(|| target(input)).is_err() {
            failure = Some(input.to_vec());
        }
        failure.is_none()
    });
    drop(running);
    if let Some(error) = unwritten {
        return Err(error).with_context(|| format!("cannot write {}", running_path.display()));
    }

    let seconds = summary.elapsed.as_secs_f64();
    eprintln!(
        "{name}: {} executions in {seconds:.1} s ({:.0} per second), slowest {:.1} ms",
        summary.executions,
        summary.executions as f64 / seconds.max(f64::MIN_POSITIVE),
        summary.slowest.as_secs_f64() * 1e3,
    );
    let Some(input) = failure else {
        fs::remove_file(&running_path)
            .with_context(|| format!("cannot remove {}", running_path.display()))?;
        return Ok(ExitCode::SUCCESS);
    };
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let path = artifacts.join(format!("{name}-{:016x}", hasher.finish()));
    fs::rename(&running_path, &path).with_context(|| format!("cannot create {}", path.display()))?;
    eprintln!("{name}: failed; run it again with\n  cargo xtask fuzz {name} --input {}", path.display());
    Ok(ExitCode::FAILURE)
}

/// The files in `directory`, in the order of their names; none if there is no such directory.
fn seeds(directory: &Path) -> Result<Vec<Vec<u8>>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let list = || format!("cannot list {}", directory.display());
    let mut paths = fs::read_dir(directory)
        .with_context(list)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .with_context(list)?;
    paths.sort_unstable();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
