//! A host whose answers follow from numbers, for programs whose calls are fuzzed.
//!
//! Everything it answers in a call follows from the call's [`Plan`] and from how often it was asked since the call began;
//! only the time and what was transferred through its streams remain. A call that is interrupted and made
//! [again](ScriptedHost::again) goes on in the same world, and has to come to the same end as one that was never interrupted.

use std::io::{IoSlice, IoSliceMut};
use std::time::Duration;

use arbitrary::Arbitrary;
use gate_abi::errno::Errno;
use gate_abi::host::{Clock, Host, HostFailure, Interest, Readiness, Stop, Stream, StreamError, StreamKind};

/// How many bytes can be read from a stream before it ends.
const INPUT_BYTES: u64 = 5_000;

/// After that many waits in one call, everything is ready: whoever still waits then waits for ever.
const PATIENCE: u32 = 8;

/// A call that asks more often than this does not come to an end. Many clocks can be waited for in one call.
const MAX_QUESTIONS: u32 = 100_000;

/// What a host does in one call.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How many bytes streams transfer at once; 0 stands for any number.
    chunk: u8,
    /// What goes wrong: mostly nothing.
    trouble: u8,
    /// In which directions streams are ready at once.
    ready: u8,
    /// The question that is answered with an interruption, counted from 0; none above 15.
    interrupt: u8,
}

/// What is left of calls that were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transferred {
    /// Bytes that were read.
    pub(crate) read: u64,
    /// Bytes that were written to standard output, standard error, and the packet stream.
    pub(crate) written: [u64; 3],
    /// What was written, mixed.
    pub(crate) mix: u64,
}

/// A host.
#[derive(Clone, Debug)]
pub(crate) struct ScriptedHost {
    pub(crate) transferred: Transferred,
    /// Whether a call was interrupted since it began.
    pub(crate) interrupted: bool,
    /// Whether it failed since then, for instance because the program would have slept for ever.
    pub(crate) failed: bool,
    /// Which question is answered with an interruption, if any is.
    interrupt: Option<u32>,
    plan: Plan,
    /// Nanoseconds since this host began to exist.
    now: u64,
    /// What clocks other than that of the wall show more, in this life of the program.
    life: u64,
    questions: u32,
    waits: u32,
}

impl ScriptedHost {
    pub(crate) fn new() -> Self {
        let plan = Plan { chunk: 0, trouble: 0, ready: 0, interrupt: 0 };
        let transferred = Transferred::default();
        Self {
            transferred,
            interrupted: false,
            failed: false,
            interrupt: None,
            plan,
            now: 1_000_000_000,
            life: 0,
            questions: 0,
            waits: 0,
        }
    }

    /// Begins a call. With `interrupt` the plan's interruption happens.
    pub(crate) fn begin(&mut self, plan: Plan, interrupt: bool) {
        // A call can ask more questions than the plan has numbers for, so that none of them stands for "never".
        self.interrupt = interrupt.then_some(plan.interrupt.into());
        self.plan = plan;
        // Every call has a time of its own, so that time stamps tell what it changed.
        self.now += 1_000_000;
        (self.questions, self.waits, self.interrupted, self.failed) = (0, 0, false, false);
    }

    /// Begins a call again that was interrupted, after a stop in which the clocks of processes become others.
    pub(crate) fn again(&mut self) {
        self.life = self.life.wrapping_mul(0x9e37_79b9).wrapping_add(0x7f4a_7c15) % (1 << 40);
        (self.interrupt, self.interrupted) = (None, false);
    }

    fn question(&mut self) -> u32 {
        let question = self.questions;
        self.questions += 1;
        assert!(question < MAX_QUESTIONS, "the call does not come to an end");
        question
    }

    /// A question in a place where the program may be asked to stop.
    fn interruptible(&mut self) -> Result<(), Stop> {
        if Some(self.question()) == self.interrupt {
            self.interrupted = true;
            return Err(Stop::Interrupted);
        }
        Ok(())
    }

    fn transfer(&mut self) -> Result<(), StreamError> {
        self.interruptible().map_err(StreamError::Stop)?;
        match self.plan.trouble {
            0xf0..=0xf3 => Err(Errno::Pipe.into()),
            0xf4..=0xf7 => Err(Errno::Again.into()),
            0xf8..=0xf9 => Err(StreamError::Stop(Stop::OutputLimit(1))),
            _ => Ok(()),
        }
    }

    /// How many bytes a transfer through buffers of `room` bytes takes.
    fn some(&self, room: usize) -> usize {
        if self.plan.chunk == 0 { room } else { room.min(self.plan.chunk.into()) }
    }

    fn failure(&mut self, operation: &'static str) -> Stop {
        self.failed = true;
        Stop::Host(HostFailure { operation, errno: None })
    }
}

impl Host for ScriptedHost {
    fn clock(&mut self, clock: Clock, _precise: bool) -> Result<u64, Stop> {
        self.question();
        if self.plan.trouble == 0xff {
            return Err(self.failure("read the clock"));
        }
        // Coarse clocks do not lag behind here: whoever reads both sees when they were read, and a stop reads them.
        Ok(match clock {
            Clock::Realtime => self.now << 10,
            Clock::Monotonic => self.now + self.life,
            Clock::ProcessCpu | Clock::ThreadCpu => (self.now >> 4) + self.life,
        })
    }

    fn clock_resolution(&mut self, _: Clock) -> u64 {
        1
    }

    fn random(&mut self, buf: &mut [u8]) -> Result<(), Stop> {
        self.question();
        if self.plan.trouble == 0xfe {
            return Err(self.failure("get random bytes"));
        }
        buf.fill(self.plan.ready);
        Ok(())
    }

    fn read(&mut self, stream: Stream, bufs: &mut [IoSliceMut<'_>]) -> Result<usize, StreamError> {
        assert!(matches!(stream, Stream::Stdin | Stream::Packets), "{stream:?} cannot be read");
        self.transfer()?;
        let room = bufs.iter().map(|buf| buf.len()).sum();
        assert!(room > 0, "nothing is asked for");
        let left = INPUT_BYTES.saturating_sub(self.transferred.read);
        let most = self.some(room).min(usize::try_from(left).unwrap_or(usize::MAX));
        for byte in bufs.iter_mut().flat_map(|buf| buf.iter_mut()).take(most) {
            *byte = self.transferred.read.to_le_bytes()[0];
            self.transferred.read += 1;
        }
        Ok(most)
    }

    fn write(&mut self, stream: Stream, bufs: &[IoSlice<'_>]) -> Result<usize, StreamError> {
        let number = match stream {
            Stream::Stdin => panic!("standard input cannot be written"),
            Stream::Stdout => 0,
            Stream::Stderr => 1,
            Stream::Packets => 2,
        };
        self.transfer()?;
        let room = bufs.iter().map(|buf| buf.len()).sum();
        assert!(room > 0, "nothing is given");
        let most = self.some(room);
        for byte in bufs.iter().flat_map(|buf| buf.iter()).take(most) {
            let mix = (self.transferred.mix ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            self.transferred.mix = mix.rotate_left(number * 8);
        }
        self.transferred.written[number as usize] += most as u64;
        Ok(most)
    }

    fn wait(&mut self, interests: &[Interest], timeout: Option<Duration>) -> Result<Vec<Readiness>, Stop> {
        self.interruptible()?;
        if self.plan.trouble == 0xfd {
            return Err(self.failure("wait"));
        }
        self.waits += 1;
        let plan = self.plan;
        let impatient = self.waits > PATIENCE;
        let ready = |interest: &Interest| {
            let bit = if interest.write { 2 } else { 1 };
            impatient || plan.ready & bit != 0
        };
        let found = interests
            .iter()
            .map(|interest| Readiness { ready: ready(interest), hangup: plan.trouble == 0xfc, bytes: 1 })
            .collect::<Vec<_>>();
        if found.iter().all(|found| !found.ready) {
            // It may wake up too early, and always does before a day is over; nobody lives to see a wait of centuries end.
            let asked =
                timeout.map_or(1_000, |timeout| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
            let early = plan.ready & 4 != 0 && !impatient;
            self.now += if early { asked / 2 } else { asked }.min(1 << 46);
            let forever = interests.is_empty() && (timeout.is_none() || self.waits > 100);
            if forever {
                return Err(self.failure("wait for ever"));
            }
        }
        Ok(found)
    }

    fn stream_kind(&mut self, _: Stream) -> StreamKind {
        if self.plan.ready & 8 != 0 { StreamKind::Terminal } else { StreamKind::Other }
    }
}
