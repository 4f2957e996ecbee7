//! How fast programs talk to their services, and what it costs to have many that talk a little.
//!
//! The baseline of streams and calls is two processes with a plain socket pair between them. A program's packets go through one more
//! process, so everything is copied twice, and there are twice as many changes from one process to another.

use std::cell::RefCell;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use gate_runtime::{Container, Instance, Services, Stops, Tier};
use gate_service::{Client, Registry, Scope};
use gate_services::identity::Identity;
use gate_testkit::binaries::workspace;
use gate_testkit::guests;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::LocalSet;

use super::commands::Contest;
use super::programs::{self, Program};
use super::{Figure, Round, Target, Unit, measure};
use crate::command::display;

/// What goes through a stream.
const BYTES: u64 = 1 << 30;
/// How many calls are made, one after the other.
const CALLS: u32 = 100_000;
/// Streams are moved by three processes, and what processors do otherwise shows more than elsewhere.
const STREAM_ROUNDS: usize = 11;
const ROUNDS: usize = 5;

/// How many programs make a call each second.
const PROGRAMS: usize = 1000;
/// How long they get to come to rest.
const SETTLE: Duration = Duration::from_secs(3);
/// For how long they are looked at.
const PERIOD: Duration = Duration::from_secs(10);
pub(super) fn run() -> Result<Vec<Figure>> {
    let contest = Contest::new()?;
    let mut figures = streams(&contest)?;
    figures.extend(calls(&contest)?);
    figures.extend(pulses()?);
    Ok(figures)
}

/// A guest of `guests/services`, for Gate and for this machine.
fn guest(name: &str) -> Result<(PathBuf, PathBuf)> {
    let source = source(name);
    let definitions = [format!("-DBYTES={BYTES}"), format!("-DCALLS={CALLS}")];
    let headers = format!("-I{}", workspace().join("sdk/c/include").display());
    let flags = [&headers, &definitions[0], &definitions[1]].map(String::as_str);
    Ok((guests::c(&source, &flags)?, guests::native(&source, &flags)?))
}

fn source(name: &str) -> PathBuf {
    guests::directory().join("services").join(name).with_extension("c")
}

fn streams(contest: &Contest) -> Result<Vec<Figure>> {
    let (pour, native_pour) = guest("pour")?;
    let (swallow, native_swallow) = guest("swallow")?;
    for program in [&pour, &swallow] {
        contest.prepare(program)?;
    }
    let native = |path: &Path| Command::new(path);
    let out = measure(STREAM_ROUNDS, || read_from(contest.gate(&pour)), || read_from(native(&native_pour)))?;
    let into =
        measure(STREAM_ROUNDS, || write_to(contest.gate(&swallow)), || write_to(native(&native_swallow)))?;
    let mut figures = Vec::new();
    for (rounds, what) in [(out, "from a program"), (into, "to a program")] {
        // Throughput is the inverse of time, so the sides change places.
        let inverse: Vec<_> =
            rounds.iter().map(|round| Round { subject: round.baseline, baseline: round.subject }).collect();
        let target = Some(Target::AtLeast(0.5));
        figures.push(Figure::ratio(format!("throughput of origin {what} / socket pair"), &inverse, target));
        figures.extend(Figure::both(
            &format!("1 GiB through origin, {what}"),
            "1 GiB through a socket pair",
            &rounds,
        ));
    }
    Ok(figures)
}

fn calls(contest: &Contest) -> Result<Vec<Figure>> {
    let (call, native) = guest("call")?;
    contest.prepare(&call)?;
    let rounds = measure(ROUNDS, || succeed(contest.gate(&call)), || ping(Command::new(&native)))?;
    let mut figures =
        vec![Figure::ratio("round trip of a call / of a socket pair", &rounds, Some(Target::AtMost(3.0)))];
    figures.extend(Figure::both(
        &format!("{CALLS} calls of a service"),
        &format!("{CALLS} round trips through a socket pair"),
        &rounds,
    ));
    Ok(figures)
}

fn succeed(mut command: Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {}", display(&command)))?;
    ensure!(status.success(), "{} ended with {status}", display(&command));
    Ok(())
}

/// Has the command write through a socket pair, and reads all of it.
fn read_from(mut command: Command) -> Result<()> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(OwnedFd::from(theirs))
        .spawn()
        .with_context(|| format!("cannot run {}", display(&command)))?;
    // It has the other end, too.
    command.stdout(Stdio::null());
    let mut chunk = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        match ours.read(&mut chunk)? {
            0 => break,
            count => bytes += count as u64,
        }
    }
    let status = child.wait()?;
    ensure!(status.success() && bytes == BYTES, "{} wrote {bytes} bytes: {status}", display(&command));
    Ok(())
}

/// Has the command read through a socket pair, and writes what it is to read.
fn write_to(mut command: Command) -> Result<()> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut child = command
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", display(&command)))?;
    command.stdin(Stdio::null());
    let chunk = vec![b'x'; 64 << 10];
    for _ in 0..BYTES / chunk.len() as u64 {
        ours.write_all(&chunk).with_context(|| format!("{} does not read", display(&command)))?;
    }
    let status = child.wait()?;
    ensure!(status.success(), "{} ended with {status}", display(&command));
    Ok(())
}

/// Sends what a call of a program is, and waits for as much, again and again.
fn ping(mut command: Command) -> Result<()> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut child = command
        .stdin(OwnedFd::from(theirs.try_clone()?))
        .stdout(OwnedFd::from(theirs))
        .spawn()
        .with_context(|| format!("cannot run {}", display(&command)))?;
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut packet = [0; 48];
    for _ in 0..CALLS {
        ours.write_all(&packet)?;
        ours.read_exact(&mut packet)?;
    }
    drop(ours);
    let status = child.wait()?;
    ensure!(status.success(), "{} ended with {status}", display(&command));
    Ok(())
}

/// A thousand programs that make a call a second.
fn pulses() -> Result<Vec<Figure>> {
    super::density::more_open_files()?;
    let headers = format!("-I{}", workspace().join("sdk/c/include").display());
    let pulse = guests::c(&source("pulse"), &[&headers])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, crowd(&pulse))
}

async fn crowd(module: &Path) -> Result<Vec<Figure>> {
    let mut container = programs::container(0)?;
    let module = programs::module(module)?;
    let how = (Tier::Cranelift, Stops::Flag);
    let compiled = programs::compile(&mut container, &module, how, programs::threads()?)?;
    let program = Program::new(compiled.artifact, how, &["pulse"]);
    let mut registry = Registry::new();
    registry.register(Arc::new(Identity))?;
    let registry = Arc::new(registry);
    let null = programs::null()?;
    let container = Rc::new(RefCell::new(container));
    let mut ids = Vec::new();
    let mut tasks = Vec::new();
    let wanted = Rc::new(Notify::new());
    for number in 0..PROGRAMS {
        let client = Client {
            principal: None,
            instance: Some((number as u128).to_le_bytes()),
            process_key: (number as u128).to_le_bytes(),
            scope: Scope::new([]),
            system_user: None,
        };
        let services = Services { registry: Arc::clone(&registry), client: Arc::new(client) };
        let (stdin, stdout) = (null.as_fd(), null.as_fd());
        let instance = {
            let container = &mut *container.borrow_mut();
            let mut instance = program.launch_with(container, stdin, stdout, &services)?;
            programs::start(container, &mut instance)?;
            instance
        };
        ids.push(super::density::id(&instance)?);
        let (container, wanted) = (Rc::clone(&container), Rc::clone(&wanted));
        tasks.push(tokio::task::spawn_local(async move { attend(&container, instance, &wanted).await }));
    }
    // Some are still busy with beginning.
    tokio::time::sleep(SETTLE).await;
    let before = ticks(&ids)?;
    let watched = Instant::now();
    tokio::time::sleep(PERIOD).await;
    let (after, passed) = (ticks(&ids)?, watched.elapsed());
    ensure!(tasks.iter().all(|task| !task.is_finished()), "a program has ended");
    wanted.notify_waiters();
    let per_second = rustix::param::clock_ticks_per_second();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let share = (after - before) as f64 / per_second as f64 / passed.as_secs_f64();
    Ok(vec![Figure {
        what: format!("processors that {PROGRAMS} programs take which make a call a second"),
        unit: Unit::Ratio,
        values: vec![share],
        target: Some(Target::AtMost(0.1)),
    }])
}

/// Serves a program until nobody wants that any more.
async fn attend(container: &RefCell<Container>, mut instance: Instance, wanted: &Notify) -> Result<()> {
    let socket = instance.descriptor().context("it has a socket")?.try_clone_to_owned()?;
    #[expect(
        deprecated,
        reason = "what it is deprecated for cannot be: the descriptor is owned, and stays the same"
    )]
    let socket = AsyncFd::with_interest(socket, Interest::READABLE)?;
    let served = std::future::poll_fn(|context| {
        let container = &mut *container.borrow_mut();
        loop {
            let mut news = false;
            while let Poll::Ready(guard) = socket.poll_read_ready(context) {
                let mut guard = guard?;
                news = true;
                // What was closed at the other end stays ready.
                if guard.ready().is_read_closed() {
                    return Poll::Ready(Err(anyhow::anyhow!("a program has gone")));
                }
                guard.clear_ready();
            }
            if news && let Some(report) = instance.advance(container, Instant::now())? {
                return Poll::Ready(Err(anyhow::anyhow!("a program has ended: {report:?}")));
            }
            instance.serve(container, context)?;
            if !news {
                return Poll::Pending;
            }
        }
    });
    tokio::select! {
        served = served => served,
        () = wanted.notified() => Ok(()),
    }
}

/// The processor time of this process and of programs, in ticks of the clock that the kernel counts it with.
fn ticks(ids: &[u32]) -> Result<u64> {
    let programs: u64 = ids.iter().map(|id| processor_ticks(*id)).sum::<Result<u64>>()?;
    Ok(programs + processor_ticks(std::process::id())?)
}

fn processor_ticks(id: u32) -> Result<u64> {
    let path = format!("/proc/{id}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // The name of the program can contain anything; what follows it is numbers.
    let numbers = stat.rsplit_once(") ").context("there is a name")?.1;
    let times = numbers.split(' ').skip(11).take(2).map(|number| Ok(number.parse::<u64>()?));
    times.sum()
}
