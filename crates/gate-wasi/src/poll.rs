//! `poll_oneoff`: waiting for time to pass and for streams.

use std::time::Duration;

use gate_abi::errno::Errno;
use gate_abi::host::{Clock, Host, Interest, Readiness};
use gate_abi::memory;

use crate::call::{Call, Fail};
use crate::clock::clock;
use crate::fds::Object;
use crate::guest;
use crate::rights;

/// Subscriptions in one call; more are `inval`. A program has no more than [`MAX_FDS`](crate::MAX_FDS) descriptors to
/// wait for, in two directions, besides clocks.
pub const MAX_SUBSCRIPTIONS: u32 = 4096;

/// Sizes of `subscription` and `event`.
const SUBSCRIPTION_LEN: u32 = 48;
const EVENT_LEN: usize = 32;

/// `eventtype`.
const TYPE_CLOCK: u8 = 0;
const TYPE_FD_READ: u8 = 1;
const TYPE_FD_WRITE: u8 = 2;

/// `subclockflags`: the time is not relative to now.
const CLOCK_ABSTIME: u16 = 1 << 0;

/// `eventrwflags`: the other end is closed.
const HANGUP: u16 = 1 << 0;

/// A subscription as far as it is understood, with what is to be told about it.
struct Waiting {
    userdata: [u8; 8],
    kind: u8,
    what: What,
}

/// What is waited for.
enum What {
    /// Nothing: this is the event already.
    Done(Event),
    /// A clock reaches a time.
    Until { clock: Clock, due: u64 },
    /// A stream is ready.
    Ready(Interest),
}

/// What became of a subscription.
#[derive(Clone, Copy)]
struct Event {
    error: Errno,
    bytes: u64,
    flags: u16,
}

impl Event {
    const PLAIN: Self = Self { error: Errno::Success, bytes: 0, flags: 0 };

    fn error(error: Errno) -> Self {
        Self { error, ..Self::PLAIN }
    }
}

impl<H: Host + ?Sized> Call<'_, H> {
    pub(crate) fn poll_oneoff(
        &mut self,
        subscriptions: u32,
        events: u32,
        count: u32,
        nevents: u32,
    ) -> Result<(), Fail> {
        if count == 0 || count > MAX_SUBSCRIPTIONS {
            return Err(Errno::Inval.into());
        }
        let list = memory::bytes(self.memory, subscriptions, count * SUBSCRIPTION_LEN)?;
        let list: Vec<[u8; SUBSCRIPTION_LEN as usize]> = list.as_chunks().0.to_vec();
        guest::check(self.memory, events, EVENT_LEN * count as usize)?;
        guest::check(self.memory, nevents, 4)?;
        let mut waiting = Vec::with_capacity(list.len());
        for subscription in &list {
            waiting.push(self.subscribed(subscription)?);
        }
        let ready = self.wait(&waiting)?;
        let mut at = events;
        for (waiting, event) in &ready {
            guest::put(self.memory, at, &encode(waiting, event))?;
            at = at.wrapping_add(u32::try_from(EVENT_LEN).map_err(|_| Errno::Overflow)?);
        }
        guest::put_len(self.memory, nevents, ready.len())
    }

    /// Understands a subscription. What is wrong with it is an event, not an error of the call.
    fn subscribed(&mut self, bytes: &[u8; SUBSCRIPTION_LEN as usize]) -> Result<Waiting, Fail> {
        let userdata = memory::read(bytes, 0)?;
        let kind = bytes[8];
        let what = match kind {
            TYPE_CLOCK => {
                let id = u32::from_le_bytes(memory::read(bytes, 16)?);
                let timeout = u64::from_le_bytes(memory::read(bytes, 24)?);
                let flags = u16::from_le_bytes(memory::read(bytes, 40)?);
                self.until(id, timeout, flags)?
            }
            TYPE_FD_READ | TYPE_FD_WRITE => {
                let fd = u32::from_le_bytes(memory::read(bytes, 16)?);
                self.transfer(fd, kind == TYPE_FD_WRITE).unwrap_or_else(|e| What::Done(Event::error(e)))
            }
            _ => return Err(Errno::Inval.into()),
        };
        Ok(Waiting { userdata, kind, what })
    }

    /// Waiting for a clock. Only absolute times of the wall clock depend on it being set; everything else is turned into
    /// a time of the monotonic clock: a span counts from when the call began, even if it was interrupted since then.
    fn until(&mut self, id: u32, timeout: u64, flags: u16) -> Result<What, Fail> {
        let Ok(clock) = clock(id) else { return Ok(What::Done(Event::error(Errno::Inval))) };
        if flags & !CLOCK_ABSTIME != 0 {
            return Ok(What::Done(Event::error(Errno::Inval)));
        }
        let absolute = flags & CLOCK_ABSTIME != 0;
        let span = match (clock, absolute) {
            (Clock::Realtime | Clock::Monotonic, true) => return Ok(What::Until { clock, due: timeout }),
            (Clock::ProcessCpu | Clock::ThreadCpu, true) => timeout.saturating_sub(self.clock(clock, true)?),
            (Clock::Realtime | Clock::Monotonic | Clock::ProcessCpu | Clock::ThreadCpu, false) => timeout,
        };
        let due = self.begun()?.saturating_add(span);
        Ok(What::Until { clock: Clock::Monotonic, due })
    }

    /// Waiting for a descriptor.
    fn transfer(&self, fd: u32, write: bool) -> Result<What, Errno> {
        let descriptor = self.wasi.fds.get(fd)?;
        let direction = if write { rights::FD_WRITE } else { rights::FD_READ };
        match descriptor.object {
            Object::Directory { .. } => Err(Errno::BadF),
            Object::Stream(stream) => {
                descriptor.require(direction | rights::POLL_FD_READWRITE)?;
                Ok(What::Ready(Interest { stream, write }))
            }
            Object::File { inode, offset } => {
                descriptor.require(direction | rights::POLL_FD_READWRITE)?;
                let left = self.wasi.fs.stat(inode)?.size.saturating_sub(offset);
                Ok(What::Done(Event { bytes: if write { 0 } else { left }, ..Event::PLAIN }))
            }
        }
    }

    /// Waits until there is an event, and returns all there are then.
    fn wait<'a>(&mut self, waiting: &'a [Waiting]) -> Result<Vec<(&'a Waiting, Event)>, Fail> {
        let interests: Vec<Interest> = waiting
            .iter()
            .filter_map(
                |waiting| if let What::Ready(interest) = waiting.what { Some(interest) } else { None },
            )
            .collect();
        let mut timeout = self.time_left(waiting)?;
        loop {
            // Without streams there is nothing to look at, so an event that is there already needs no waiting.
            let readiness = if interests.is_empty() && timeout == Some(Duration::ZERO) {
                Vec::new()
            } else {
                self.host.wait(&interests, timeout)?
            };
            let mut readiness = readiness.into_iter();
            let mut events = Vec::new();
            for waiting in waiting {
                let event = match waiting.what {
                    What::Done(event) => Some(event),
                    What::Until { clock, due } => (self.clock(clock, true)? >= due).then_some(Event::PLAIN),
                    What::Ready(_) => stream_event(readiness.next().unwrap_or_default()),
                };
                if let Some(event) = event {
                    events.push((waiting, event));
                }
            }
            if !events.is_empty() {
                return Ok(events);
            }
            timeout = self.time_left(waiting)?;
        }
    }

    /// How long to wait at most; `None` is for ever.
    fn time_left(&mut self, waiting: &[Waiting]) -> Result<Option<Duration>, Fail> {
        let mut least: Option<Duration> = None;
        for waiting in waiting {
            let left = match waiting.what {
                What::Done(_) => Duration::ZERO,
                What::Until { clock, due } => {
                    Duration::from_nanos(due.saturating_sub(self.clock(clock, true)?))
                }
                What::Ready(_) => continue,
            };
            least = Some(least.map_or(left, |least| least.min(left)));
        }
        Ok(least)
    }
}

/// The event of a stream, if it is ready.
fn stream_event(Readiness { ready, hangup, bytes }: Readiness) -> Option<Event> {
    let flags = if hangup { HANGUP } else { 0 };
    (ready || hangup).then_some(Event { error: Errno::Success, bytes, flags })
}

/// An `event`.
fn encode(waiting: &Waiting, event: &Event) -> [u8; EVENT_LEN] {
    let mut bytes = [0; EVENT_LEN];
    bytes[0..8].copy_from_slice(&waiting.userdata);
    bytes[8..10].copy_from_slice(&event.error.number().to_le_bytes());
    bytes[10] = waiting.kind;
    bytes[16..24].copy_from_slice(&event.bytes.to_le_bytes());
    bytes[24..26].copy_from_slice(&event.flags.to_le_bytes());
    bytes
}
