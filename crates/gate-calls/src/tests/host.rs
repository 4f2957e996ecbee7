//! A host that does what a test tells it, and remembers what it was asked.

use std::collections::{BTreeSet, VecDeque};
use std::io::{IoSlice, IoSliceMut};
use std::time::Duration;

use gate_abi::errno::Errno;
use gate_abi::host::{Clock, Host, HostFailure, Interest, Readiness, Stop, Stream, StreamError, StreamKind};

/// How much a fine clock is ahead of a coarse one.
pub(crate) const COARSE_LAG: u64 = 3_000_000;

#[derive(Debug)]
pub(crate) struct FakeHost {
    /// Nanoseconds; clocks advance with waits only.
    pub(crate) realtime: u64,
    pub(crate) monotonic: u64,
    pub(crate) clock_calls: Vec<(Clock, bool)>,
    pub(crate) clock_fails: bool,
    /// What the program can read; an empty one stands for an interruption.
    pub(crate) input: VecDeque<Vec<u8>>,
    /// What was written, and how much more there is room for.
    pub(crate) output: Vec<u8>,
    pub(crate) room: usize,
    pub(crate) write_interrupts: bool,
    /// The log, and what each write to it does, as long as that is told; then it takes everything.
    pub(crate) log: Vec<u8>,
    pub(crate) log_script: VecDeque<Result<usize, StreamError>>,
    pub(crate) waits: Vec<(Vec<Interest>, Option<Duration>)>,
    /// Returned by the next wait.
    pub(crate) wait_stops: Option<Stop>,
    /// Waits return after this long though nothing is ready.
    pub(crate) wakes_after: Option<Duration>,
    /// Which of the operations that can be interrupted are, counted from 0; and how many there were.
    pub(crate) interrupts: BTreeSet<usize>,
    pub(crate) interruptible: usize,
    random: u8,
}

pub(crate) fn broken(operation: &'static str) -> Stop {
    Stop::Host(HostFailure { operation, errno: None })
}

impl FakeHost {
    pub(crate) fn new() -> FakeHost {
        FakeHost {
            realtime: 1_600_000_000_123_456_789,
            monotonic: 5_000_987_654_321,
            clock_calls: Vec::new(),
            clock_fails: false,
            input: VecDeque::new(),
            output: Vec::new(),
            room: usize::MAX,
            write_interrupts: false,
            log: Vec::new(),
            log_script: VecDeque::new(),
            waits: Vec::new(),
            wait_stops: None,
            wakes_after: None,
            interrupts: BTreeSet::new(),
            interruptible: 0,
            random: 0,
        }
    }

    /// Whether the present operation is interrupted.
    fn is_interrupted(&mut self) -> bool {
        self.interruptible += 1;
        self.interrupts.contains(&(self.interruptible - 1))
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap();
        self.realtime += nanos;
        self.monotonic += nanos;
    }
}

impl Host for FakeHost {
    fn clock(&mut self, clock: Clock, precise: bool) -> Result<u64, Stop> {
        self.clock_calls.push((clock, precise));
        if self.clock_fails {
            return Err(broken("read the clock"));
        }
        let fine = match clock {
            Clock::Realtime => self.realtime,
            Clock::Monotonic => self.monotonic,
            Clock::ProcessCpu | Clock::ThreadCpu => panic!("programs do not get processor time"),
        };
        Ok(if precise { fine } else { fine - COARSE_LAG })
    }

    fn clock_resolution(&mut self, _: Clock) -> u64 {
        panic!("programs are not told the host's resolution")
    }

    fn random(&mut self, buf: &mut [u8]) -> Result<(), Stop> {
        for byte in buf {
            self.random = self.random.wrapping_add(1);
            *byte = self.random;
        }
        Ok(())
    }

    fn read(&mut self, stream: Stream, bufs: &mut [IoSliceMut<'_>]) -> Result<usize, StreamError> {
        assert_eq!(stream, Stream::Packets);
        if self.is_interrupted() {
            return Err(StreamError::Stop(Stop::Interrupted));
        }
        let Some(mut piece) = self.input.pop_front() else { return Err(Errno::Again.into()) };
        if piece.is_empty() {
            return Err(StreamError::Stop(Stop::Interrupted));
        }
        let len = piece.len().min(bufs[0].len());
        bufs[0][..len].copy_from_slice(&piece[..len]);
        piece.drain(..len);
        if !piece.is_empty() {
            self.input.push_front(piece);
        }
        Ok(len)
    }

    fn write(&mut self, stream: Stream, bufs: &[IoSlice<'_>]) -> Result<usize, StreamError> {
        if self.is_interrupted() {
            return Err(StreamError::Stop(Stop::Interrupted));
        }
        if stream == Stream::Stderr {
            let len = self.log_script.pop_front().unwrap_or(Ok(usize::MAX))?.min(bufs[0].len());
            self.log.extend_from_slice(&bufs[0][..len]);
            return Ok(len);
        }
        assert_eq!(stream, Stream::Packets);
        if self.write_interrupts {
            return Err(StreamError::Stop(Stop::Interrupted));
        }
        let mut written = 0;
        for buf in bufs {
            let len = self.room.min(buf.len());
            self.room -= len;
            self.output.extend_from_slice(&buf[..len]);
            written += len;
        }
        if written == 0 { Err(Errno::Again.into()) } else { Ok(written) }
    }

    fn wait(&mut self, interests: &[Interest], timeout: Option<Duration>) -> Result<Vec<Readiness>, Stop> {
        self.waits.push((interests.to_vec(), timeout));
        if let Some(stop) = self.wait_stops.take() {
            return Err(stop);
        }
        let found: Vec<Readiness> = interests
            .iter()
            .map(|interest| {
                assert_eq!(interest.stream, Stream::Packets);
                let ready = if interest.write { self.room > 0 } else { !self.input.is_empty() };
                Readiness { ready, ..Readiness::default() }
            })
            .collect();
        let ready = found.iter().any(|found| found.ready);
        if self.is_interrupted() {
            // In the middle of it.
            if !ready {
                self.advance(timeout.unwrap_or_default() / 2);
            }
            return Err(Stop::Interrupted);
        }
        if !ready {
            self.advance(self.wakes_after.or(timeout).unwrap_or_default());
        }
        Ok(found)
    }

    fn stream_kind(&mut self, _: Stream) -> StreamKind {
        panic!("programs are not told what their streams are")
    }
}
