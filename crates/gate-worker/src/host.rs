//! What calls need from outside, by the few system calls that a running program's process has.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use gate_abi::errno::Errno;
use gate_abi::host::{Clock, Host, HostFailure, Interest, Readiness, Stop, Stream, StreamError, StreamKind};
use gate_sandbox::descriptors;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::rand::GetRandomFlags;
use rustix::time::ClockId;

/// The kernel takes no more buffers in one call (`UIO_MAXIOV`).
const MAX_BUFFERS: usize = 1024;

/// The descriptors, clocks and randomness of this process.
#[derive(Debug)]
pub(crate) struct WorkerHost {
    terminals: [bool; 3],
    output_limit: Option<u64>,
    output_bytes: u64,
}

impl WorkerHost {
    pub(crate) fn new(terminals: [bool; 3], output_limit: Option<u64>) -> Self {
        Self { terminals, output_limit, output_bytes: 0 }
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

/// Waits until a descriptor that whoever started us left in non-blocking mode is ready.
fn await_ready(stream: Stream, flags: PollFlags) -> Result<(), StreamError> {
    let descriptor = fd(stream);
    loop {
        match rustix::event::poll(&mut [PollFd::from_borrowed_fd(descriptor, flags)], None) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(StreamError::Stop(failure("wait for a stream", error))),
        }
    }
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

/// Repeats a transfer until it is done, refused, or would block where it may not.
fn transfer(
    stream: Stream,
    flags: PollFlags,
    mut attempt: impl FnMut() -> rustix::io::Result<usize>,
) -> Result<usize, StreamError> {
    loop {
        match attempt() {
            Ok(count) => return Ok(count),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) if stream == Stream::Packets => {
                return Err(StreamError::Errno(Errno::Again));
            }
            Err(rustix::io::Errno::AGAIN) => await_ready(stream, flags)?,
            Err(error) => return Err(told(error)),
        }
    }
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
        transfer(stream, PollFlags::IN, || rustix::io::readv(fd(stream), &mut bufs[..count]))
    }

    fn write(&mut self, stream: Stream, bufs: &[IoSlice<'_>]) -> Result<usize, StreamError> {
        let bufs = &bufs[..bufs.len().min(MAX_BUFFERS)];
        let count = match (stream, self.output_limit) {
            (Stream::Stdout | Stream::Stderr, Some(limit)) => {
                let left = limit.saturating_sub(self.output_bytes);
                let wanted: u64 = bufs.iter().map(|buf| buf.len() as u64).sum();
                if wanted > left {
                    self.write_the_last(stream, bufs, left)?;
                    return Err(StreamError::Stop(Stop::OutputLimit(limit)));
                }
                transfer(stream, PollFlags::OUT, || rustix::io::writev(fd(stream), bufs))?
            }
            _ => transfer(stream, PollFlags::OUT, || rustix::io::writev(fd(stream), bufs))?,
        };
        if stream != Stream::Packets {
            self.output_bytes += count as u64;
        }
        Ok(count)
    }

    fn wait(&mut self, interests: &[Interest], timeout: Option<Duration>) -> Result<Vec<Readiness>, Stop> {
        let mut fds: Vec<PollFd<'_>> = interests
            .iter()
            .map(|interest| {
                let flags = if interest.write { PollFlags::OUT } else { PollFlags::IN };
                PollFd::from_borrowed_fd(fd(interest.stream), flags)
            })
            .collect();
        // A time too long to be expressed is for ever.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
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
    /// Writes the first `left` bytes of `bufs`: what still fits under the output limit.
    fn write_the_last(
        &mut self,
        stream: Stream,
        bufs: &[IoSlice<'_>],
        mut left: u64,
    ) -> Result<(), StreamError> {
        for buf in bufs {
            let mut rest = &buf[..buf.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
            left -= rest.len() as u64;
            while !rest.is_empty() {
                let count = transfer(stream, PollFlags::OUT, || rustix::io::write(fd(stream), rest))?;
                self.output_bytes += count as u64;
                rest = &rest[count..];
            }
        }
        Ok(())
    }
}
