//! `poll_oneoff`: wait for times and for the packet stream.
//!
//! | Subscription, 48 bytes | | Event, 32 bytes | |
//! |---|---|---|---|
//! | 0 | u64 user data | 0 | u64 user data |
//! | 8 | u8 tag: 0 clock, 1 read, 2 write | 8 | u16 error number |
//! | 16 | u32 clock or descriptor | 10 | u8 tag |
//! | 24 | clock: u64 timeout | 16 | u64 bytes that can be transferred |
//! | 32 | clock: u64 precision | 24 | u16 flags, 0 |
//! | 40 | clock: u16 flags: bit 0, timeout is absolute | | |

use std::time::Duration;

use gate_abi::errno::Errno;
use gate_abi::host::{Host, Stop};
use gate_abi::limits::MAX_PACKET_SIZE;
use gate_abi::trap::Trap;

use crate::clock::ClockId;
use crate::descriptor::Descriptor;
use crate::stream::{self, Directions};
use crate::{Begin, Calls, guest};

const SUBSCRIPTION_SIZE: u32 = 48;
const EVENT_SIZE: u32 = 32;

const TAG_CLOCK: u8 = 0;
const TAG_READ: u8 = 1;
const TAG_WRITE: u8 = 2;

const FLAG_ABSOLUTE: u16 = 0x1;

/// What an event says that can be transferred at once through the packet stream.
const PACKET_BYTES: u64 = MAX_PACKET_SIZE as u64;

/// The same for the log, which takes everything.
const LOG_BYTES: u64 = 0x7fff_ffff;

/// What a program waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// A time that has come already.
    Now,
    /// A time by a clock.
    Absolute { clock: ClockId, time: u64, precision: u64 },
    /// This many nanoseconds from the call.
    Relative(u64),
    /// A clock that is not to be had here.
    Processor,
    /// The packet stream has something.
    Read,
    /// The packet stream has room.
    Write,
    /// The log has room: always.
    Log,
    /// Nothing that could be waited for: the program is told this at once.
    Mistake(Errno),
}

#[derive(Clone, Copy, Debug)]
struct Subscription {
    userdata: [u8; 8],
    tag: u8,
    target: Target,
}

impl Subscription {
    fn read(memory: &[u8], array: u32, index: u32) -> Result<Subscription, Stop> {
        let at = guest::element(array, index, SUBSCRIPTION_SIZE)?;
        let bytes: [u8; SUBSCRIPTION_SIZE as usize] = guest::read(memory, at)?;
        let [tag, subject, time, precision, flags] = [8, 16, 24, 32, 40].map(|offset| {
            let field = bytes.get(offset..).and_then(<[u8]>::first_chunk);
            u64::from_le_bytes(*field.expect("a subscription has 48 bytes"))
        });
        let [tag, ..] = tag.to_le_bytes();
        let [s0, s1, s2, s3, ..] = subject.to_le_bytes();
        let subject = u32::from_le_bytes([s0, s1, s2, s3]);
        let [f0, f1, ..] = flags.to_le_bytes();
        let absolute = u16::from_le_bytes([f0, f1]) & FLAG_ABSOLUTE != 0;
        let target = match tag {
            TAG_CLOCK => clock_target(subject, time, precision, absolute),
            TAG_READ => match Descriptor::from_number(subject) {
                Some(Descriptor::Packets) => Target::Read,
                Some(Descriptor::Nothing | Descriptor::Log) => Target::Mistake(Errno::Perm),
                None => Target::Mistake(Errno::BadF),
            },
            TAG_WRITE => match Descriptor::from_number(subject) {
                Some(Descriptor::Packets) => Target::Write,
                Some(Descriptor::Log) => Target::Log,
                Some(Descriptor::Nothing) => Target::Mistake(Errno::Perm),
                None => Target::Mistake(Errno::BadF),
            },
            _ => Target::Mistake(Errno::Inval),
        };
        let userdata = *bytes.first_chunk().expect("a subscription has 48 bytes");
        Ok(Subscription { userdata, tag, target })
    }

    fn event(self, errno: Errno, bytes: u64) -> [u8; EVENT_SIZE as usize] {
        let [u0, u1, u2, u3, u4, u5, u6, u7] = self.userdata;
        let [e0, e1] = errno.number().to_le_bytes();
        let [b0, b1, b2, b3, b4, b5, b6, b7] = bytes.to_le_bytes();
        [
            u0, u1, u2, u3, u4, u5, u6, u7, e0, e1, self.tag, 0, 0, 0, 0, 0, //
            b0, b1, b2, b3, b4, b5, b6, b7, 0, 0, 0, 0, 0, 0, 0, 0,
        ]
    }
}

fn clock_target(id: u32, time: u64, precision: u64, absolute: bool) -> Target {
    match ClockId::from_number(id) {
        None => Target::Mistake(Errno::Inval),
        Some(ClockId::Processor) => Target::Processor,
        Some(_) if time == 0 => Target::Now,
        Some(clock) if absolute => Target::Absolute { clock, time, precision },
        Some(_) => Target::Relative(time),
    }
}

/// The arguments of [`Calls::poll_oneoff`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PollArgs {
    /// Pointer to the subscriptions.
    pub(crate) subscriptions: u32,
    /// Pointer to where events are stored.
    pub(crate) events: u32,
    /// How many subscriptions there are, and how many events there is room for.
    pub(crate) count: u32,
    /// Where the number of events that were stored is stored, a u32.
    pub(crate) stored: u32,
}

/// What all subscriptions together ask for.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    directions: Directions,
    /// `None`: for ever.
    timeout: Option<Duration>,
    /// When the call began, if a subscription is relative.
    begin: Option<Begin>,
}

impl Plan {
    fn limit(&mut self, time: Duration) {
        self.timeout = Some(self.timeout.map_or(time, |timeout| timeout.min(time)));
    }
}

/// What a wait ended with.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    ready: Directions,
    /// Since the beginning of the call, if a subscription is relative.
    elapsed: Option<Duration>,
}

impl Calls {
    /// `poll_oneoff`: waits once, until something that was subscribed to has happened, and stores an event for
    /// everything that has. It may return early with no event.
    ///
    /// The nanosecond part of the wait is cut to the time resolution, as in [`Calls::io`]. A relative time has come
    /// when the time so cut has passed, so that a sleep shorter than the resolution ends, with an event, at once.
    ///
    /// `begun` is when the call began, if it was interrupted since then: relative times count from there.
    pub(crate) fn poll_oneoff(
        &mut self,
        memory: &mut [u8],
        host: &mut dyn Host,
        args: PollArgs,
        begun: Option<u64>,
    ) -> Result<Errno, Stop> {
        let PollArgs { subscriptions, events, count, stored: result } = args;
        if (count > 0 && (subscriptions == 0 || events == 0)) || result == 0 {
            return Ok(Errno::Fault);
        }
        let plan = self.plan(memory, host, args, begun)?;
        let ready = stream::wait(host, plan.directions, plan.timeout)?;
        let elapsed = match plan.begin {
            Some(Begin { begun, .. }) => {
                let end = self.monotonic_time(host)?;
                Some(Duration::from_nanos(end.saturating_sub(begun)))
            }
            None => None,
        };
        let outcome = Outcome { ready, elapsed };
        let mut stored: u32 = 0;
        for index in 0..count {
            let subscription = Subscription::read(memory, subscriptions, index)?;
            if let Some((errno, bytes)) = self.happened(host, subscription.target, outcome)? {
                let at = guest::element(events, stored, EVENT_SIZE)?;
                guest::write(memory, at, subscription.event(errno, bytes))?;
                stored += 1;
            }
        }
        guest::write(memory, result, stored.to_le_bytes())?;
        Ok(Errno::Success)
    }

    fn plan(
        &mut self,
        memory: &[u8],
        host: &mut dyn Host,
        args: PollArgs,
        begun: Option<u64>,
    ) -> Result<Plan, Stop> {
        let mut plan = Plan::default();
        for index in 0..args.count {
            match Subscription::read(memory, args.subscriptions, index)?.target {
                Target::Read => plan.directions.read = true,
                Target::Write => plan.directions.write = true,
                Target::Now | Target::Log | Target::Mistake(_) => plan.limit(Duration::ZERO),
                Target::Absolute { clock, time, precision } => {
                    let left = time.saturating_sub(self.now(clock, precision, host)?);
                    plan.limit(self.mask.timeout(left));
                }
                Target::Relative(nanos) => {
                    // Precise and not cut: this reading decides whether the wait was long enough, and is not told.
                    let begin = match plan.begin {
                        Some(begin) => begin,
                        None => self.begin(begun, host)?,
                    };
                    plan.begin = Some(begin);
                    plan.limit(begin.left(self.mask.timeout(nanos)));
                }
                Target::Processor => return Err(Stop::Trap(Trap::AbiDeficiency)),
            }
        }
        Ok(plan)
    }

    /// The error number and the bytes for the event about `target`, if there is one.
    fn happened(
        &mut self,
        host: &mut dyn Host,
        target: Target,
        outcome: Outcome,
    ) -> Result<Option<(Errno, u64)>, Stop> {
        Ok(match target {
            Target::Now => Some((Errno::Success, 0)),
            Target::Absolute { clock, time, precision } => {
                (time <= self.now(clock, precision, host)?).then_some((Errno::Success, 0))
            }
            Target::Relative(nanos) => outcome
                .elapsed
                .is_some_and(|elapsed| elapsed >= self.mask.timeout(nanos))
                .then_some((Errno::Success, 0)),
            Target::Read => outcome.ready.read.then_some((Errno::Success, PACKET_BYTES)),
            Target::Write => outcome.ready.write.then_some((Errno::Success, PACKET_BYTES)),
            Target::Log => Some((Errno::Success, LOG_BYTES)),
            Target::Mistake(errno) => Some((errno, 0)),
            // Only an event of this call that was stored over a subscription makes one of these. It is too late for the
            // program to continue elsewhere.
            Target::Processor => Some((Errno::Inval, 0)),
        })
    }
}

#[cfg(test)]
mod tests;
