//! What calls need from outside, by the few system calls that a running program's process has.
//!
//! A request to stop ends whatever may wait: each such place looks for one before it waits, and again when a signal has ended
//! the wait ([`gate_sandbox::stop`] says what happens in between). What never waits is not interrupted.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use gate_abi::errno::Errno;
use gate_abi::host::{Clock, Host, HostFailure, Interest, Readiness, Stop, Stream, StreamError, StreamKind};
use gate_sandbox::{descriptors, stop};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::rand::GetRandomFlags;
use rustix::time::ClockId;

#[cfg(test)]
mod tests;

/// The kernel takes no more buffers in one call (`UIO_MAXIOV`).
const MAX_BUFFERS: usize = 1024;

/// The descriptors, clocks and randomness of this process.
#[derive(Debug)]
pub(crate) struct WorkerHost {
    terminals: [bool; 3],
    output_limit: Option<u64>,
    output_bytes: u64,
    /// Whether the program has been asked to stop.
    stop_requested: fn() -> bool,
}

impl WorkerHost {
    pub(crate) fn new(terminals: [bool; 3], output_limit: Option<u64>) -> Self {
        Self { terminals, output_limit, output_bytes: 0, stop_requested: stop::is_requested }
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
        let count = bufs.len().min(MAX_BUFFERS);
        self.transfer(stream, PollFlags::IN, || rustix::io::readv(fd(stream), &mut bufs[..count]))
    }

    fn write(&mut self, stream: Stream, bufs: &[IoSlice<'_>]) -> Result<usize, StreamError> {
        let bufs = &bufs[..bufs.len().min(MAX_BUFFERS)];
        if stream == Stream::Packets {
            return self.transfer(stream, PollFlags::OUT, || rustix::io::writev(fd(stream), bufs));
        }
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
        let mut fds: Vec<PollFd<'_>> = interests
            .iter()
            .map(|interest| {
                let flags = if interest.write { PollFlags::OUT } else { PollFlags::IN };
                PollFd::from_borrowed_fd(fd(interest.stream), flags)
            })
            .collect();
        let waits = timeout != Some(Duration::ZERO);
        if waits {
            self.unless_stopped()?;
        }
        // A time too long to be expressed is for ever.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) if waits => self.unless_stopped()?,
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

    /// Repeats a transfer until it is done, refused, interrupted, or would block where it may not. A signal interrupts only
    /// what has not transferred a byte: after that the kernel answers with the count.
    fn transfer(
        &self,
        stream: Stream,
        flags: PollFlags,
        mut attempt: impl FnMut() -> rustix::io::Result<usize>,
    ) -> Result<usize, StreamError> {
        loop {
            if stream != Stream::Packets {
                self.unless_stopped().map_err(StreamError::Stop)?;
            }
            match attempt() {
                Ok(count) => return Ok(count),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) if stream == Stream::Packets => {
                    return Err(StreamError::Errno(Errno::Again));
                }
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
