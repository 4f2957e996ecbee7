//! What it costs that programs can be stopped: the same modules, compiled like that and as they are.
//!
//! Both run and are compiled in turn in one container. Processor time is compared, of each program's process less that of one
//! that does nothing.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use gate_runtime::{Container, Outcome, Sealed, Stops, Tier, Verdict};
use gate_testkit::guests::{Guest, kernel_in_layout, small_kernel};

use super::programs::{self, Program};
use super::{Figure, Round, Target, Unit, geometric_mean, percentile};

const ROUNDS: usize = 3;

/// Where the functions of a kernel lie. Programs that jump through tables can be three times as fast in one place as in
/// another, as they are or stoppable: whichever is in the better one wins. What is looked for is the mean of some places.
const LAYOUTS: [u32; 3] = [1, 6, 11];

/// What is compiled.
const MODULES: &[(&str, Guest)] =
    &[("Lua", Guest::Lua), ("QuickJS", Guest::QuickJs), ("SQLite", Guest::Sqlite)];
const COMPILE_ROUNDS: usize = 5;

const STOPPABLE: (Tier, Stops) = (Tier::Cranelift, Stops::Flag);
const PLAIN: (Tier, Stops) = (Tier::Cranelift, Stops::None);

/// How long programs compute.
pub(super) fn compute() -> Result<Vec<Figure>> {
    computing(super::compute::KERNELS, ROUNDS)
}

fn computing(kernels: &[(&str, &str)], rounds: usize) -> Result<Vec<Figure>> {
    let mut stage = Stage::new()?;
    let nothing = programs::module(&small_kernel("empty"))?;
    let nothing = stage.program(&nothing, STOPPABLE, &["empty"])?;
    let mut ratios = Vec::new();
    let mut figures = Vec::new();
    for (name, size) in kernels {
        let mut layouts = Vec::new();
        let mut baselines = Vec::new();
        for layout in LAYOUTS {
            let module = programs::module(&kernel_in_layout(name, layout)?)?;
            let stoppable = stage.program(&module, STOPPABLE, &[name, size])?;
            let plain = stage.program(&module, PLAIN, &[name, size])?;
            let mut measured = Vec::new();
            for _ in 0..rounds {
                let none = stage.processor_time(&nothing)?;
                let mut own = |program| {
                    let time = stage.processor_time(program)?.saturating_sub(none);
                    anyhow::Ok(time.max(Duration::from_micros(1)))
                };
                let (subject, baseline) = (own(&stoppable)?, own(&plain)?);
                measured.push(subject.as_secs_f64() / baseline.as_secs_f64());
                baselines.push(baseline);
            }
            layouts.push(measured);
        }
        let means = (0..rounds)
            .map(|round| geometric_mean(&layouts.iter().map(|ratios| ratios[round]).collect::<Vec<_>>()));
        let figure = ratio(format!("{name} {size}, stoppable / not"), means.collect(), None);
        ratios.push(figure.values.clone());
        figures.push(figure);
        figures.push(Figure::times(format!("{name}, not"), baselines, None));
    }
    let means = (0..rounds)
        .map(|round| geometric_mean(&ratios.iter().map(|ratios| ratios[round]).collect::<Vec<_>>()));
    let means = means.collect();
    let medians = ratios.into_iter().map(|mut ratios| {
        ratios.sort_unstable_by(f64::total_cmp);
        percentile(&ratios, 50)
    });
    let worst = medians.fold(f64::NAN, f64::max);
    figures.push(ratio(
        "stoppable / not, the kernel that it costs most",
        vec![worst],
        Some(Target::AtMost(1.25)),
    ));
    figures.push(ratio("stoppable / not, geometric mean", means, Some(Target::AtMost(1.06))));
    Ok(figures)
}

/// How long compiling takes, with the transformation, and how much code it makes.
pub(super) fn compile() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (name, guest) in MODULES {
        figures.extend(compiling(name, &programs::module(&guest.path()?)?, COMPILE_ROUNDS)?);
    }
    Ok(figures)
}

fn compiling(name: &str, module: &OwnedFd, rounds: usize) -> Result<Vec<Figure>> {
    let mut container = programs::container(0)?;
    let threads = programs::threads()?;
    let mut compile = |how| {
        let compiled = programs::compile(&mut container, module, how, threads)?;
        anyhow::Ok((compiled.validate_time + compiled.compile_time, code_bytes(&compiled.artifact)?))
    };
    let mut sizes = Vec::new();
    let mut measured = Vec::new();
    for _ in 0..rounds {
        let (stoppable, plain) = (compile(STOPPABLE)?, compile(PLAIN)?);
        measured.push(Round { subject: stoppable.0, baseline: plain.0 });
        sizes.push(stoppable.1 / plain.1);
    }
    let mut figures = vec![
        Figure::ratio(format!("{name}, compiling, stoppable / not"), &measured, Some(Target::AtMost(1.4))),
        ratio(format!("{name}, machine code, stoppable / not"), sizes, Some(Target::AtMost(1.6))),
    ];
    figures.extend(Figure::both(&format!("{name}, stoppable"), &format!("{name}, not"), &measured));
    Ok(figures)
}

fn ratio(what: impl Into<String>, values: Vec<f64>, target: Option<Target>) -> Figure {
    Figure { what: what.into(), unit: Unit::Ratio, values, target }
}

/// A container, and what programs in it get.
struct Stage {
    container: Container,
    null: File,
}

impl Stage {
    fn new() -> Result<Self> {
        Ok(Self { container: programs::container(0)?, null: programs::null()? })
    }

    fn program(&mut self, module: &OwnedFd, how: (Tier, Stops), arguments: &[&str]) -> Result<Program> {
        let compiled = programs::compile(&mut self.container, module, how, 2)?;
        Ok(Program::new(compiled.artifact, how, arguments))
    }

    /// What a run of a program takes, which must end well.
    fn processor_time(&mut self, program: &Program) -> Result<Duration> {
        let null = self.null.as_fd();
        let mut instance = program.launch(&mut self.container, null, null)?;
        let report = programs::finish(&mut self.container, &mut instance)?;
        match report.verdict {
            Verdict::Ended { outcome: Outcome::Returned(_) | Outcome::Exited(0), .. } => {}
            other => bail!("a kernel ended unexpectedly: {other:?}"),
        }
        let usage = report.usage.context("its process has not ended")?;
        Ok(Duration::from_micros(usage.user_micros + usage.system_micros))
    }
}

/// How much machine code there is in an artifact, which is an ELF file with 64-bit addresses.
fn code_bytes(artifact: &Sealed) -> Result<f64> {
    let file = File::from(artifact.file.try_clone()?);
    let mut header = [0; 64];
    file.read_exact_at(&mut header, 0)?;
    ensure!(header.starts_with(b"\x7fELF\x02\x01"), "the artifact is no ELF file");
    let (sections, count) = (word(&header, 0x28)?, u16::from_le_bytes([header[0x3c], header[0x3d]]));
    let mut bytes = 0;
    for index in 0..u64::from(count) {
        let mut section = [0; 64];
        file.read_exact_at(&mut section, sections + 64 * index)?;
        /// The flag of sections that have code.
        const EXECUTABLE: u64 = 4;
        if word(&section, 8)? & EXECUTABLE != 0 {
            bytes += word(&section, 0x20)?;
        }
    }
    Ok(f64::from(u32::try_from(bytes).context("the artifact is too large")?))
}

fn word(bytes: &[u8], offset: usize) -> Result<u64> {
    let word = bytes.get(offset..).and_then(|bytes| bytes.first_chunk());
    Ok(u64::from_le_bytes(*word.context("the artifact is too short")?))
}

#[cfg(test)]
mod tests;
