//! `log`: lines in the log of whoever operates the host.
//!
//! Revision `0`; no streams. Lines are sent in info packets, which nobody answers, or in calls, of which the reply tells what became
//! of them. All integers are little-endian.
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | u8 | operation: 0 |
//! | 1 | u8 | severity: 0 error, 1 warning, 2 info, 3 debug, 4 trace |
//! | 2 | u8 | length of the target, at most 64 ([`MAX_TARGET_BYTES`]) |
//! | 3 | u8 | number of fields, at most 32 ([`MAX_FIELDS`]) |
//! | 4 | u16 | length of the message |
//! | 6 | u16 | 0 |
//! | 8 | | the target: which part of the program says it; can be empty |
//! | | | the message |
//! | | | the fields, in order, without padding |
//!
//! A field:
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | u8 | length of the key, 1 to 64 ([`MAX_FIELD_KEY_BYTES`]) |
//! | 1 | u8 | 0 |
//! | 2 | u16 | length of the value |
//! | 4 | | the key, the value |
//!
//! The whole content is at most 8192 bytes ([`MAX_LINE_BYTES`]). Keys consist of `0-9 A-Z a-z _ . -`. The other texts should be UTF-8;
//! what is not text, or would do anything to a terminal, is escaped, so a line is one line whatever is in it.
//!
//! The reply to a call: i16 error, u16 0.
//!
//! | Error | Meaning |
//! |---|---|
//! | 0 | none: the line has been given to the log |
//! | 1 | the content makes no sense: something is cut, left over, over its limit, or not 0 where it should be |
//! | 2 | the line was dropped, as the program has sent too many |
//!
//! Calls with other operations, or of less than 8 bytes, get empty replies; such info packets are ignored.
//!
//! A program can send lines, and bytes of them, at certain rates after a burst ([`Limits`]). Lines beyond that are dropped, and so are
//! info packets with error 1; both are counted, and the log is told how many there were. Nothing makes the program wait.
//!
//! There is no snapshot: what was sent is in the log, and a program that goes on elsewhere has a burst again, and so has
//! each copy of a program, which goes on from the same snapshot.

mod bucket;
mod line;

use std::fmt;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use gate_packet::{Domain, Packet};
use gate_service::{
    BoxFuture, Client, Config, Created, Factory, Failure, Outbox, Properties, Saved, Service,
};
use tokio::time::{Instant, Sleep, sleep};

pub use line::{Line, Severity};

use bucket::Bucket;
use line::Refusal;

/// The name of the service.
pub const NAME: &str = "log";

/// The largest content of a packet with a line, in bytes.
pub const MAX_LINE_BYTES: usize = 8192;

/// The longest target, in bytes.
pub const MAX_TARGET_BYTES: usize = 64;

/// The greatest number of fields of a line.
pub const MAX_FIELDS: usize = 32;

/// The longest key of a field, in bytes.
pub const MAX_FIELD_KEY_BYTES: usize = 64;

/// How many lines per second a program can send in the long run unless the operator says otherwise.
pub const DEFAULT_LINES_PER_SECOND: NonZeroU32 = NonZeroU32::new(50).expect("it is not 0");

/// How many lines a program can send at once unless the operator says otherwise.
pub const DEFAULT_BURST_LINES: NonZeroU32 = NonZeroU32::new(500).expect("it is not 0");

/// How many bytes of lines per second a program can send in the long run unless the operator says otherwise: 16 KiB.
pub const DEFAULT_BYTES_PER_SECOND: NonZeroU32 = NonZeroU32::new(16 << 10).expect("it is not 0");

/// How many bytes of lines a program can send at once unless the operator says otherwise: 256 KiB.
pub const DEFAULT_BURST_BYTES: NonZeroU32 = NonZeroU32::new(256 << 10).expect("it is not 0");

/// How long the log waits to be told of lines that were dropped, so that it is not told of each.
const REPORT_DELAY: Duration = Duration::from_secs(5);

const REPLY_DONE: [u8; 4] = [0, 0, 0, 0];
const REPLY_INVALID: [u8; 4] = [1, 0, 0, 0];
const REPLY_DROPPED: [u8; 4] = [2, 0, 0, 0];

/// How much a program can send. All of it counts that is in a packet behind its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Lines per second in the long run.
    pub lines_per_second: NonZeroU32,
    /// Lines at once.
    pub burst_lines: NonZeroU32,
    /// Bytes per second in the long run.
    pub bytes_per_second: NonZeroU32,
    /// Bytes at once. A line that has more is always dropped, so less than [`MAX_LINE_BYTES`] is no good.
    pub burst_bytes: NonZeroU32,
}

/// The log.
///
/// It is called by the tasks that serve programs, so it must not block: what it cannot write at once it has to queue, or drop.
pub trait Sink: Send + Sync {
    /// A program has sent a line.
    fn line(&self, client: &Client, line: &Line);

    /// Lines that a program has sent were dropped.
    fn dropped(&self, client: &Client, dropped: Dropped);
}

/// How many lines were dropped since the log was told last; at least one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Because there were too many.
    pub excess: u64,
    /// Because they made no sense.
    pub invalid: u64,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { excess, invalid: 0 } => write!(f, "lines dropped: {excess} (too many)"),
            Self { excess: 0, invalid } => write!(f, "lines dropped: {invalid} (not valid)"),
            Self { excess, invalid } => {
                write!(f, "lines dropped: {excess} (too many), {invalid} (not valid)")
            }
        }
    }
}

/// Makes the service.
#[derive(Clone)]
pub struct Log {
    sink: Arc<dyn Sink>,
    limits: Limits,
}

impl Log {
    /// The service that writes to `sink`.
    #[must_use]
    pub fn new(sink: Arc<dyn Sink>, limits: Limits) -> Self {
        Self { sink, limits }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Factory for Log {
    fn properties(&self) -> Properties<'_> {
        Properties { name: NAME, revision: "0", has_streams: false }
    }

    fn create(&self, config: Config, _snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let Self { sink, limits } = self.clone();
        Box::pin(async move {
            let now = Instant::now();
            let instance = Instance {
                sink,
                client: config.client,
                lines: Bucket::new(limits.lines_per_second, limits.burst_lines, now),
                bytes: Bucket::new(limits.bytes_per_second, limits.burst_bytes, now),
                dropped: Dropped::default(),
                report: None,
            };
            Ok(Box::new(instance) as Box<dyn Service>)
        })
    }
}

/// The service of one program.
struct Instance {
    sink: Arc<dyn Sink>,
    client: Arc<Client>,
    lines: Bucket,
    bytes: Bucket,
    /// What the log has not been told.
    dropped: Dropped,
    /// When it will be, if there is anything.
    report: Option<Pin<Box<Sleep>>>,
}

impl Instance {
    /// Whether there can be a line of so many bytes now. Then it is counted.
    fn admits(&mut self, bytes: usize) -> bool {
        let now = Instant::now();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let admitted = self.lines.after(1, now).zip(self.bytes.after(bytes, now));
        if let Some((lines, bytes)) = admitted {
            (self.lines, self.bytes) = (lines, bytes);
        }
        admitted.is_some()
    }

    fn drop_line(&mut self, count: impl FnOnce(&mut Dropped) -> &mut u64) {
        let count = count(&mut self.dropped);
        *count = count.saturating_add(1);
        self.report.get_or_insert_with(|| Box::pin(sleep(REPORT_DELAY)));
    }

    fn report(&mut self) {
        self.report = None;
        let dropped = std::mem::take(&mut self.dropped);
        if dropped != Dropped::default() {
            self.sink.dropped(&self.client, dropped);
        }
    }
}

impl Service for Instance {
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        let is_call = match packet.domain() {
            Domain::Call => true,
            Domain::Info => false,
            Domain::Flow | Domain::Data => return Ok(()),
        };
        let content = packet.content();
        let reply = match Line::decode(content) {
            Ok(line) if self.admits(content.len()) => {
                self.sink.line(&self.client, &line);
                &REPLY_DONE[..]
            }
            Ok(_) => {
                self.drop_line(|dropped| &mut dropped.excess);
                &REPLY_DROPPED
            }
            Err(Refusal::Unsupported) => &[],
            Err(Refusal::Invalid) => {
                if !is_call {
                    self.drop_line(|dropped| &mut dropped.invalid);
                }
                &REPLY_INVALID
            }
        };
        if is_call { Ok(out.reply(0, reply)?) } else { Ok(()) }
    }

    fn poll(&mut self, context: &mut Context<'_>, _out: &mut Outbox<'_>) -> Result<(), Failure> {
        if let Some(timer) = &mut self.report
            && timer.as_mut().poll(context).is_ready()
        {
            self.report();
        }
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.report();
    }
}

#[cfg(test)]
mod tests;
