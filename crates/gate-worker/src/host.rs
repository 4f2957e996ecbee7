//! What calls need from outside, by the few system calls that a running program's process has.
//!
//! A request to stop ends whatever may wait: each such place looks for one before it waits, and again when a signal has ended
//! the wait ([`gate_sandbox::stop`] says what happens in between). What never waits is not interrupted.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use gate_abi::errno::Errno;
use gate_abi::host::{Clock, Host, HostFailure, Interest, Readiness, Stop, Stream, StreamError, StreamKind};
use gate_sandbox::ring::{Nonsense, Ready, Ring};
use gate_sandbox::{descriptors, stop};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::rand::GetRandomFlags;
use rustix::time::ClockId;

#[cfg(test)]
mod tests;

/// The kernel takes no more buffers in one call (`UIO_MAXIOV`).
const MAX_BUFFERS: usize = 1024;

/// Bells are taken in that many at a time.
const BELLS: usize = 64;

/// How long to look for packets again and again before sleeping, when that is likely to help. To sleep and to be woken takes both processes
/// about as long.
const SPIN: Duration = Duration::from_micros(20);
/// How likely it is at most. It becomes one more whenever that has helped, and four less otherwise; at 0 it is not tried: so it has to help
/// four times in five.
const MAX_LUCK: u32 = 8;
/// How often it is tried all the same, in waits.
const TRY_AGAIN: u32 = 64;

/// Whether it helps to wait awake: that is, whether what is waited for has come in time lately.
#[derive(Debug, Default)]
struct Spin {
    luck: u32,
    waits: u32,
}

impl Spin {
    /// Looks for `ready` until it is, for a while, if that is worth trying.
    fn wait(&mut self, mut ready: impl FnMut() -> bool) {
        self.waits = self.waits.wrapping_add(1);
        if self.luck == 0 && !self.waits.is_multiple_of(TRY_AGAIN) {
            return;
        }
        let begun = Instant::now();
        while begun.elapsed() < SPIN {
            // To read the time takes longer than to look.
            for _ in 0..8 {
                if ready() {
                    self.luck = MAX_LUCK.min(self.luck + 1);
                    return;
                }
                std::hint::spin_loop();
            }
        }
        self.luck = self.luck.saturating_sub(4);
    }
}

/// How long to wait for memory to be given back before it is looked again.
const BUSY_PERIOD: Duration = Duration::from_millis(1);

/// The descriptors, clocks and randomness of this process.
#[derive(Debug)]
pub(crate) struct WorkerHost {
    terminals: [bool; 3],
    /// Where packets are, for a program that has any.
    ring: Option<Ring>,
    spin: Spin,
    output_limit: Option<u64>,
    output_bytes: u64,
    /// Whether the program has been asked to stop.
    stop_requested: fn() -> bool,
}

impl WorkerHost {
    pub(crate) fn new(terminals: [bool; 3], output_limit: Option<u64>, ring: Option<Ring>) -> Self {
        Self {
            terminals,
            ring,
            spin: Spin::default(),
            output_limit,
            output_bytes: 0,
            stop_requested: stop::is_requested,
        }
    }

    /// What was written to standard output and error so far.
    pub(crate) fn output_bytes(&self) -> u64 {
        self.output_bytes
    }
}

fn fd(stream: Stream) -> BorrowedFd<'static> {
    let number = match stream {
        Stream::Stdin => descriptors::STDIN,
        Stream::Stdout => descriptors::STDOUT,
        Stream::Stderr => descriptors::STDERR,
        Stream::Packets => descriptors::PACKETS,
    };
    descriptors::fixed(number)
}

fn failure(operation: &'static str, error: rustix::io::Errno) -> Stop {
    Stop::Host(HostFailure { operation, errno: Some(error.raw_os_error()) })
}

/// The supervisor counts right: somebody has taken this process over, or it is our bug.
fn nonsense(_: Nonsense) -> Stop {
    Stop::Host(HostFailure { operation: "make sense of the counters of the packet ring", errno: None })
}

fn wanted(interests: &[Interest]) -> Ready {
    Ready {
        data: interests.iter().any(|interest| !interest.write),
        room: interests.iter().any(|interest| interest.write),
    }
}

fn is_any(wanted: Ready, ready: Ready) -> bool {
    wanted.data && ready.data || wanted.room && ready.room
}

/// Waits until a descriptor is ready or that time has passed. A time too long to be expressed is for ever.
fn poll(fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> rustix::io::Result<()> {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    rustix::event::poll(fds, timeout.as_ref()).map(drop)
}

/// Wakes whoever is at the other end of the ring, if they wait for what there is.
fn ring_if_owed(ring: &Ring) {
    // It fails if there are bells enough, or if nobody is there: that shows when it is waited for.
    if ring.owes_bell() {
        let _ = rustix::io::writev(fd(Stream::Packets), &[IoSlice::new(&[0])]);
    }
}

/// Takes bells in that have rung. If there are more of them, they ring again.
fn take_bells() {
    let _ = rustix::io::readv(fd(Stream::Packets), &mut [IoSliceMut::new(&mut [0; BELLS])]);
}

/// What the program is told when the operating system refuses a transfer.
fn told(error: rustix::io::Errno) -> StreamError {
    use rustix::io::Errno as Os;
    StreamError::Errno(match error {
        Os::PIPE => Errno::Pipe,
        Os::CONNRESET => Errno::ConnReset,
        Os::NOSPC => Errno::NoSpc,
        Os::FBIG => Errno::FBig,
        Os::DQUOT => Errno::DQuot,
        Os::BADF => Errno::BadF,
        Os::ISDIR => Errno::IsDir,
        Os::PERM | Os::ACCESS => Errno::Perm,
        _ => Errno::Io,
    })
}

/// Writes the first `bytes` bytes of `bufs`. Fewer when something keeps it from writing on: if that was an error or a
/// request to stop, the next call meets it again, and this one tells what it has done.
fn write_first(
    bufs: &[IoSlice<'_>],
    bytes: usize,
    mut write: impl FnMut(&[u8]) -> Result<usize, StreamError>,
) -> Result<usize, StreamError> {
    let mut written = 0;
    for buf in bufs {
        let mut rest = &buf[..buf.len().min(bytes - written)];
        while !rest.is_empty() {
            match write(rest) {
                Ok(0) => return Ok(written),
                Ok(count) => {
                    written += count;
                    rest = &rest[count..];
                }
                Err(_) if written > 0 => return Ok(written),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(written)
}

impl Host for WorkerHost {
    fn clock(&mut self, clock: Clock, precise: bool) -> Result<u64, Stop> {
        let id = match (clock, precise) {
            (Clock::Realtime, true) => ClockId::Realtime,
            (Clock::Realtime, false) => ClockId::RealtimeCoarse,
            (Clock::Monotonic, true) => ClockId::Monotonic,
            (Clock::Monotonic, false) => ClockId::MonotonicCoarse,
            (Clock::ProcessCpu, _) => ClockId::ProcessCPUTime,
            (Clock::ThreadCpu, _) => ClockId::ThreadCPUTime,
        };
        let now = rustix::time::clock_gettime(id);
        let nanos = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
        u64::try_from(nanos).map_err(|_| Stop::Host(HostFailure { operation: "read the clock", errno: None }))
    }

    fn clock_resolution(&mut self, _clock: Clock) -> u64 {
        // All four are high-resolution clocks wherever there are namespaces.
        1
    }

    fn random(&mut self, buf: &mut [u8]) -> Result<(), Stop> {
        let mut filled = 0;
        while filled < buf.len() {
            match rustix::rand::getrandom(&mut buf[filled..], GetRandomFlags::empty()) {
                Ok(count) => filled += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(failure("get random bytes", error)),
            }
        }
        Ok(())
    }

    fn read(&mut self, stream: Stream, bufs: &mut [IoSliceMut<'_>]) -> Result<usize, StreamError> {
        if stream == Stream::Packets {
            return self.receive(bufs);
        }
        let count = bufs.len().min(MAX_BUFFERS);
        self.transfer(stream, PollFlags::IN, || rustix::io::readv(fd(stream), &mut bufs[..count]))
    }

    fn write(&mut self, stream: Stream, bufs: &[IoSlice<'_>]) -> Result<usize, StreamError> {
        if stream == Stream::Packets {
            return self.send(bufs);
        }
        let bufs = &bufs[..bufs.len().min(MAX_BUFFERS)];
        let wanted: usize = bufs.iter().map(|buf| buf.len()).sum();
        let left = self.output_limit.map(|limit| (limit, limit.saturating_sub(self.output_bytes)));
        match left {
            Some((limit, left)) if wanted as u64 > left => {
                let left = usize::try_from(left).unwrap_or(usize::MAX);
                let count = write_first(bufs, left, |rest| {
                    self.transfer(stream, PollFlags::OUT, || rustix::io::write(fd(stream), rest))
                })?;
                self.output_bytes += count as u64;
                if count < left { Ok(count) } else { Err(StreamError::Stop(Stop::OutputLimit(limit))) }
            }
            _ => {
                let count = self.transfer(stream, PollFlags::OUT, || rustix::io::writev(fd(stream), bufs))?;
                self.output_bytes += count as u64;
                Ok(count)
            }
        }
    }

    fn wait(&mut self, interests: &[Interest], timeout: Option<Duration>) -> Result<Vec<Readiness>, Stop> {
        if timeout != Some(Duration::ZERO) {
            self.unless_stopped()?;
        }
        // A program that has packets has nothing else to wait for.
        if let Some(ring) = &self.ring
            && !interests.is_empty()
            && interests.iter().all(|interest| interest.stream == Stream::Packets)
        {
            if timeout != Some(Duration::ZERO) {
                let wanted = wanted(interests);
                // There is much to be taken before there is room again. Whoever does that needs the processor.
                if wanted.data {
                    self.spin.wait(|| ring.ready().map_or(true, |ready| is_any(wanted, ready)));
                }
            }
            return self.wait_for_packets(ring, interests, timeout);
        }
        self.wait_for_descriptors(interests, timeout)
    }

    fn stream_kind(&mut self, stream: Stream) -> StreamKind {
        let terminal = match stream {
            Stream::Stdin => self.terminals[0],
            Stream::Stdout => self.terminals[1],
            Stream::Stderr => self.terminals[2],
            Stream::Packets => false,
        };
        if terminal { StreamKind::Terminal } else { StreamKind::Other }
    }
}

impl WorkerHost {
    /// The answer of whatever may wait when the program has been asked to stop.
    fn unless_stopped(&self) -> Result<(), Stop> {
        if (self.stop_requested)() { Err(Stop::Interrupted) } else { Ok(()) }
    }

    fn wait_for_descriptors(
        &self,
        interests: &[Interest],
        timeout: Option<Duration>,
    ) -> Result<Vec<Readiness>, Stop> {
        let mut fds: Vec<PollFd<'_>> = interests
            .iter()
            .map(|interest| {
                let flags = if interest.write { PollFlags::OUT } else { PollFlags::IN };
                PollFd::from_borrowed_fd(fd(interest.stream), flags)
            })
            .collect();
        match poll(&mut fds, timeout) {
            Ok(()) => {}
            Err(rustix::io::Errno::INTR) if timeout != Some(Duration::ZERO) => self.unless_stopped()?,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failure("wait", error)),
        }
        Ok(fds
            .iter()
            .map(|fd| {
                let events = fd.revents();
                Readiness { ready: !events.is_empty(), hangup: events.contains(PollFlags::HUP), bytes: 0 }
            })
            .collect())
    }

    fn wait_for_packets(
        &self,
        ring: &Ring,
        interests: &[Interest],
        timeout: Option<Duration>,
    ) -> Result<Vec<Readiness>, Stop> {
        let wanted = wanted(interests);
        let deadline = timeout
            .filter(|timeout| !timeout.is_zero())
            .and_then(|timeout| Instant::now().checked_add(timeout));
        let mut left = timeout;
        let mut hangup = false;
        loop {
            let ready = ring.ready().map_err(nonsense)?;
            if hangup || left == Some(Duration::ZERO) || is_any(wanted, ready) {
                let found = |interest: &Interest| Readiness {
                    ready: hangup || if interest.write { ready.room } else { ready.data },
                    hangup,
                    bytes: 0,
                };
                return Ok(interests.iter().map(found).collect());
            }
            ring.wait_for(wanted);
            // Once more: what came before that was written down is not announced.
            let mut bell = [PollFd::from_borrowed_fd(fd(Stream::Packets), PollFlags::IN)];
            let waited = match ring.ready() {
                Ok(ready) if !is_any(wanted, ready) => poll(&mut bell, left),
                _ => Ok(()),
            };
            while !ring.go_on() {
                // It takes as long as it takes to free some memory. A bell or the end of this time: it is all one.
                let _ = poll(&mut bell.clone(), Some(BUSY_PERIOD));
            }
            match waited {
                Ok(()) => {}
                Err(rustix::io::Errno::INTR) => self.unless_stopped()?,
                Err(error) => return Err(failure("wait for packets", error)),
            }
            let events = bell[0].revents();
            hangup = events.intersects(PollFlags::HUP | PollFlags::ERR);
            if events.contains(PollFlags::IN) {
                take_bells();
            }
            left = match deadline {
                Some(deadline) => Some(deadline.saturating_duration_since(Instant::now())),
                None => left,
            };
        }
    }

    /// Sends packets, as far as there is room.
    fn send(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize, StreamError> {
        let Some(ring) = &mut self.ring else { return Err(StreamError::Errno(Errno::BadF)) };
        let mut sent = 0;
        for buf in bufs {
            let count = ring.send(buf).map_err(|error| StreamError::Stop(nonsense(error)))?;
            sent += count;
            if count < buf.len() {
                break;
            }
        }
        ring_if_owed(ring);
        if sent == 0 && bufs.iter().any(|buf| !buf.is_empty()) { Err(Errno::Again.into()) } else { Ok(sent) }
    }

    /// Receives packets, as many as there are.
    fn receive(&mut self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize, StreamError> {
        let Some(ring) = &mut self.ring else { return Err(StreamError::Errno(Errno::BadF)) };
        let mut received = 0;
        for buf in &mut *bufs {
            let count = ring.receive(buf).map_err(|error| StreamError::Stop(nonsense(error)))?;
            received += count;
            if count < buf.len() {
                break;
            }
        }
        ring_if_owed(ring);
        if received == 0 && bufs.iter().any(|buf| !buf.is_empty()) {
            Err(Errno::Again.into())
        } else {
            Ok(received)
        }
    }

    /// Repeats a transfer until it is done, refused, or interrupted. A signal interrupts only
    /// what has not transferred a byte: after that the kernel answers with the count.
    fn transfer(
        &self,
        stream: Stream,
        flags: PollFlags,
        mut attempt: impl FnMut() -> rustix::io::Result<usize>,
    ) -> Result<usize, StreamError> {
        loop {
            self.unless_stopped().map_err(StreamError::Stop)?;
            match attempt() {
                Ok(count) => return Ok(count),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => self.await_ready(stream, flags)?,
                Err(error) => return Err(told(error)),
            }
        }
    }

    /// Waits until a descriptor that whoever started us left in non-blocking mode is ready.
    fn await_ready(&self, stream: Stream, flags: PollFlags) -> Result<(), StreamError> {
        let descriptor = fd(stream);
        loop {
            self.unless_stopped().map_err(StreamError::Stop)?;
            match rustix::event::poll(&mut [PollFd::from_borrowed_fd(descriptor, flags)], None) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(StreamError::Stop(failure("wait for a stream", error))),
            }
        }
    }
}
