//! `random`: unpredictable bytes.
//!
//! Revision `0`; no streams; info packets are ignored. It can be discovered if the operator allows any bits at all.
//!
//! | Call | Reply |
//! |---|---|
//! | u8 count, at least 1; what follows is ignored | that many random bytes |
//! | count 0, or no content | empty |
//!
//! Bytes are limited to a number of bits per minute ([`Random::bits_per_minute`]): each takes its time, counted from when the last
//! reply was sent, or the service made. A reply for which the time has not passed is delayed until it has. Time that passed without
//! a call is not saved up.
//!
//! A call during that delay gets an empty reply at once. As that is the next reply, it resolves the older of the two calls: programs
//! make one call at a time, and call again if they get less than they asked for.
//!
//! Snapshot, if a reply is delayed: one byte, 1. The program then gets one byte as soon as it goes on. Copies of a program, which go on from the
//! same snapshot, get different bytes, and do not share a rate.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use gate_packet::{Domain, Packet};
use gate_service::{
    BoxFuture, Client, Config, Created, Factory, Failure, Outbox, Properties, Saved, Service,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// The name of the service.
pub const NAME: &str = "random";

/// How many bits a program gets per minute unless the operator says otherwise: 16 bytes per second.
///
/// That seeds generators. Whoever needs more is to use one.
pub const DEFAULT_BITS_PER_MINUTE: u32 = 7680;

/// What a snapshot consists of when a reply is delayed.
const SNAPSHOT_PENDING: u8 = 1;

/// Makes the service.
#[derive(Clone, Copy, Debug)]
pub struct Random {
    /// How many bits a program gets per minute; 0 for none, and then the service cannot be discovered.
    pub bits_per_minute: u32,
}

impl Random {
    /// How long `count` bytes take; `None` for ever.
    fn time_of(self, count: u8) -> Option<Duration> {
        let nanos_per_byte = 8 * 60 * 1_000_000_000_u64;
        let byte = nanos_per_byte.div_ceil(u64::from(self.bits_per_minute).max(1));
        (self.bits_per_minute > 0).then(|| Duration::from_nanos(byte) * u32::from(count))
    }
}

impl Factory for Random {
    fn properties(&self) -> Properties<'_> {
        Properties { name: NAME, revision: "0", has_streams: false }
    }

    fn is_discoverable(&self, _client: &Client) -> bool {
        self.bits_per_minute > 0
    }

    fn create(&self, _config: Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let config = *self;
        Box::pin(async move {
            let now = Instant::now();
            let pending = match *snapshot {
                [] => None,
                [SNAPSHOT_PENDING] => Some(Delayed { count: 1, timer: Box::pin(sleep_until(now)) }),
                [other] => {
                    return Err(Failure::Snapshot(format!("state {other} of random is unknown").into()));
                }
                _ => return Err(Failure::Snapshot("state of random is longer than a byte".into())),
            };
            Ok(Box::new(Instance { config, last_sent: now, pending }) as Box<dyn Service>)
        })
    }
}

/// The service of one program.
#[derive(Debug)]
struct Instance {
    config: Random,
    /// When the last reply was sent, or when this was made.
    last_sent: Instant,
    pending: Option<Delayed>,
}

/// A reply that has to wait.
#[derive(Debug)]
struct Delayed {
    count: u8,
    timer: Pin<Box<Sleep>>,
}

impl Instance {
    fn send(&mut self, count: u8, out: &mut Outbox<'_>) -> Result<(), Failure> {
        let mut bytes = [0; u8::MAX as usize];
        let bytes = &mut bytes[..usize::from(count)];
        // Its error is no `Error` without a feature that others would get, too.
        getrandom::fill(bytes).map_err(|error| Failure::Service(error.to_string().into()))?;
        self.last_sent = Instant::now();
        Ok(out.reply(0, bytes)?)
    }
}

impl Service for Instance {
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        if packet.domain() != Domain::Call {
            return Ok(());
        }
        let count = packet.content().first().copied().unwrap_or(0);
        let time = if count > 0 && self.pending.is_none() { self.config.time_of(count) } else { None };
        let Some(time) = time else { return Ok(out.reply(0, &[])?) };
        let due = self.last_sent + time;
        if due <= Instant::now() {
            return self.send(count, out);
        }
        self.pending = Some(Delayed { count, timer: Box::pin(sleep_until(due)) });
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        let Some(delayed) = &mut self.pending else { return Ok(()) };
        if !out.has_room() || delayed.timer.as_mut().poll(context).is_pending() {
            return Ok(());
        }
        let count = delayed.count;
        self.pending = None;
        self.send(count, out)
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        let saved = self.pending.iter().map(|_| SNAPSHOT_PENDING).collect();
        Box::pin(async { Ok(saved) })
    }
}

#[cfg(test)]
mod tests;
