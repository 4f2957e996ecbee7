//! Compilers, at work while the program runs already: first the one that is done soon, then the one that makes better code.

use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use gate_runtime::{Container, JobLimits, Sealed, Stops, Tier, Watch};
use gate_store::{Cache, Key};

use crate::module::Module;
use crate::session;
use crate::workshop::{self, Workshop};

/// How long a program has the processors for itself first. What ends in this time never costs more than compiling it once.
const HEAD_START: Duration = Duration::from_millis(20);

/// A module that is being compiled in a container of its own. Dropping it gives that up.
#[derive(Debug)]
pub(crate) struct Better {
    results: Receiver<(Tier, Sealed)>,
    /// Closed when nobody wants the results any more.
    _wanted: PipeWriter,
}

/// What the thread needs.
struct Work {
    container: gate_runtime::ContainerOptions,
    module: std::os::fd::OwnedFd,
    limits: JobLimits,
    cache: Option<Cache>,
    /// Who compiles, one after the other.
    keys: Vec<(Tier, Key)>,
    wanted: PipeReader,
}

impl Better {
    /// Begins after a while. `None` if that is impossible: then the program runs as it does.
    pub(crate) fn start(workshop: &mut Workshop<'_>, module: &Module, tiers: &[Tier]) -> Option<Self> {
        let (reader, wanted) = std::io::pipe().ok()?;
        let work = Work {
            container: session::container_options(workshop.options, crate::runtime::find().ok()?),
            module: module.file.try_clone().ok()?,
            limits: workshop::compile_limits(workshop.options),
            cache: workshop.cache(),
            keys: tiers
                .iter()
                .map(|tier| (*tier, workshop::key(&workshop.readiness, module, *tier, Stops::Flag)))
                .collect(),
            wanted: reader,
        };
        let mut waker = workshop.signals.waker().ok()?;
        let (sender, results) = sync_channel(tiers.len());
        let thread = std::thread::Builder::new().name("compiler".to_owned());
        thread
            .spawn(move || {
                compile(&work, |tier, artifact| {
                    // In this order: whoever is woken finds the result.
                    sender.send((tier, artifact)).is_ok() && waker.write_all(&[0]).is_ok()
                })
            })
            .ok()?;
        Some(Self { results, _wanted: wanted })
    }

    /// The best result there is, if there is one that has not been asked for.
    pub(crate) fn newest(&self) -> Option<(Tier, Sealed)> {
        self.results.try_iter().last()
    }
}

/// Hands out what each makes, as long as it is wanted. Every failure is shown, if it matters, by whoever compiles the module in the
/// foreground.
fn compile(work: &Work, mut done: impl FnMut(Tier, Sealed) -> bool) -> Option<()> {
    let given_up =
        gate_sandbox::wait::readable(work.wanted.as_fd(), Some(Instant::now() + HEAD_START)).ok()?;
    if given_up {
        return None;
    }
    let mut container = Container::start(&work.container).ok()?;
    let mut watch = Watch { cancel: Some(work.wanted.as_fd()), suspend: None, tick: None };
    container.wait_ready(&mut watch).ok()?;
    for (tier, key) in &work.keys {
        let (module, limits) = (&work.module, &work.limits);
        let compiled =
            gate_runtime::compile(&mut container, module, *tier, Stops::Flag, limits, &mut watch).ok()?;
        // One of them may not know all that the module has.
        let Ok(compiled) = compiled else { continue };
        if let Some(cache) = &work.cache {
            let _ = workshop::keep(cache, key, &compiled.artifact);
        }
        if !done(*tier, compiled.artifact) {
            return None;
        }
    }
    Some(())
}
