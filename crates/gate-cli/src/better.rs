//! The optimizing compiler, at work while the program runs already.

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
    result: Receiver<Option<Sealed>>,
    /// Closed when nobody wants the result any more.
    _wanted: PipeWriter,
}

/// What the thread needs.
struct Work {
    container: gate_runtime::ContainerOptions,
    module: std::os::fd::OwnedFd,
    limits: JobLimits,
    cache: Option<(Cache, Key)>,
    wanted: PipeReader,
}

impl Better {
    /// Begins after a while. `None` if that is impossible: then the program runs as it does.
    pub(crate) fn start(workshop: &mut Workshop<'_>, module: &Module) -> Option<Self> {
        let key = workshop::key(&workshop.readiness, module, Tier::Cranelift, Stops::Flag);
        let (reader, wanted) = std::io::pipe().ok()?;
        let work = Work {
            container: session::container_options(workshop.options, crate::runtime::find().ok()?),
            module: module.file.try_clone().ok()?,
            limits: workshop::compile_limits(workshop.options),
            cache: workshop.cache().map(|cache| (cache, key)),
            wanted: reader,
        };
        let mut waker = workshop.signals.waker().ok()?;
        let (sender, result) = sync_channel(1);
        let thread = std::thread::Builder::new().name("compiler".to_owned());
        thread
            .spawn(move || {
                let compiled = compile(&work);
                // In this order: whoever is woken finds the result.
                let good = compiled.is_some();
                if sender.send(compiled).is_ok() && good {
                    let _ = waker.write_all(&[0]);
                }
            })
            .ok()?;
        Some(Self { result, _wanted: wanted })
    }

    /// The result if there is one.
    pub(crate) fn finished(self) -> Option<Sealed> {
        self.result.try_recv().unwrap_or_default()
    }
}

/// Every failure is shown, if it matters, by whoever compiles the module in the foreground.
fn compile(work: &Work) -> Option<Sealed> {
    let given_up =
        gate_sandbox::wait::readable(work.wanted.as_fd(), Some(Instant::now() + HEAD_START)).ok()?;
    if given_up {
        return None;
    }
    let mut container = Container::start(&work.container).ok()?;
    let mut watch = Watch { cancel: Some(work.wanted.as_fd()), suspend: None, tick: None };
    container.wait_ready(&mut watch).ok()?;
    let (tier, stops) = (Tier::Cranelift, Stops::Flag);
    let compiled = gate_runtime::compile(&mut container, &work.module, tier, stops, &work.limits, &mut watch)
        .ok()?
        .ok()?;
    if let Some((cache, key)) = &work.cache {
        let _ = workshop::keep(cache, key, &compiled.artifact);
    }
    Some(compiled.artifact)
}
