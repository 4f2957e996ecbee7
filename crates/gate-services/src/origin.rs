//! `origin`: connections between a program and whoever invoked it, like standard input and output.
//!
//! Revision `0`. Integers are little-endian, offsets are those of content.
//!
//! | Packet | Content | Meaning |
//! |---|---|---|
//! | call | u32 credit @0, may be absent; the rest is ignored | wait for a connection. There can be any number of such calls, up to 2³¹−1 |
//! | reply | i32 stream @0, i16 error @4 (always 0), u16 0 @6 | there is one: the smallest id that is not in use. Replies come in the order of calls |
//! | info | ignored | nothing |
//! | flow, data | see [`gate_packet::stream`]; notes are ignored, and 0 when sent | what the connection carries |
//!
//! The credit of a call tells how much the program can deal with at a time, in bytes, if that is more than one data packet holds (65520): it
//! then splits what it has credit for. The largest number that a program has said counts, for all its connections. Other implementations of
//! the service ignore it, and grant less.
//!
//! The program ends if it breaks the rules of streams: one that does not exist, more data than credit, and so on.
//!
//! # Connections
//! The host makes a [`Connector`] for each program, and hands it connections, each of which waits for a call. The directions of a
//! connection are independent:
//!
//! * *To the program.* As much is read as the program has granted, never ahead. When the connection ends its sending, so does the stream. When
//!   the program ends its granting and has got all it granted, the connection's reading side is closed, and the stream's data ended.
//! * *From the program.* It gets credit for [`Limits::buffer_size`] bytes, if it can deal with so much, and again for what it has sent: it
//!   sends while that is written to the connection. What waits to be written and what it has credit for are never more than twice that
//!   together. When it ends its data, all of it is written, then the connection's sending side is closed, then the stream's flow is ended. If
//!   the connection fails, the flow is ended at once, and what the program still sends is dropped.
//!
//! The stream ends, and its id can be used again, when both sides have ended both flow and data.
//!
//! # Lives
//! A program that is stopped and continued keeps its connections as long as its service stays, or is made again of what it saved, with the same
//! [`Connector`]: that keeps the connections of a service that was dropped after [`Service::save`], until the next one is made. If that
//! is made of just what was saved, it takes them up where they were.
//!
//! A program that is continued anywhere else has no connections. Nor have copies of a program, which go on from the same snapshot after it. It gets what had been read for it, and then the ends of data and
//! flow; unless the host offers something in the place of connections: [`Connector::adopt`].
//!
//! # Snapshot
//! None, if nobody waits and there is no stream. Numbers are unsigned LEB128, below 2³¹.
//!
//! | Part | Content |
//! |---|---|
//! | number | calls that wait for a connection |
//! | number | streams, at most [`MAX_STREAMS`]; absent, with all that follows, if there are none |
//! | each stream | id, and the states of the direction to the program and of that from the program |
//! | state | flags, credit, length of data, data |
//! | number | how much credit the program can deal with; absent if it has not said so, or 65520 or less |
//!
//! | Flag | To the program | From the program |
//! |---|---|---|
//! | 1 | the program has not ended flow | the service has not |
//! | 2 | the connection can be read | the connection can be written |
//! | 4 | the service has not ended data | the program has not, or 8 is set, too |
//! | 8 | | the program has ended data, but it is not all written |
//!
//! Data to the program is what was read and not sent: nothing where this service made the snapshot, as it reads what it sends at
//! once. Data from the program is what was not written yet. Neither is more than [`MAX_SNAPSHOT_DATA`], or there without flag 4. Other
//! implementations of this service leave out the data from the program, and flag 8.

use gate_service::{BoxFuture, Created, Factory, Properties};

mod backlog;
mod connector;
mod instance;
mod snapshot;
mod stream;
mod transport;

pub use connector::{Connection, Connector, Ended, MAX_WAITING};
pub use snapshot::MAX_SNAPSHOT_DATA;

#[cfg(doc)]
use gate_service::Service;

/// The name of the service.
pub const NAME: &str = "origin";

/// How many connections a program can have at a time, unless the operator says otherwise.
pub const DEFAULT_MAX_CONNECTIONS: u32 = 3;

/// How much credit a program has through a connection, unless the operator says otherwise, in bytes; no more than a data packet holds if
/// it does not say that it can deal with more.
///
/// With less, the processes of the program and of its supervisor have to wait for each other more often, and streams are slower.
pub const DEFAULT_BUFFER_SIZE: u32 = MAX_BUFFER_SIZE;

/// The largest [`Limits::buffer_size`]. A snapshot has twice as much in it if a connection takes nothing.
pub const MAX_BUFFER_SIZE: u32 = 1 << 20;

/// How many streams there can be, whatever [`Limits`] say, and in a snapshot.
///
/// All streams of a program are looked at whenever something happens to one of them. A program that serves many clients at a time
/// would rather have a server in front of it.
pub const MAX_STREAMS: u32 = 4096;

/// What a program can have of the service.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections at a time; no more than [`MAX_STREAMS`]. Further ones wait. See [`DEFAULT_MAX_CONNECTIONS`].
    pub max_connections: u32,
    /// How many bytes of credit it has; at least 1, no more than [`MAX_BUFFER_SIZE`]. See [`DEFAULT_BUFFER_SIZE`].
    pub buffer_size: u32,
}

/// Makes the service of one program.
#[derive(Clone, Debug)]
pub struct Origin {
    limits: Limits,
    connector: Connector,
}

impl Origin {
    /// The service of the program that is to have the connections of `connector`. Limits out of range are replaced by the nearest
    /// that are in range.
    #[must_use]
    pub fn new(limits: Limits, connector: Connector) -> Self {
        let limits = Limits {
            max_connections: limits.max_connections.min(MAX_STREAMS),
            buffer_size: limits.buffer_size.clamp(1, MAX_BUFFER_SIZE),
        };
        Self { limits, connector }
    }
}

impl Factory for Origin {
    fn properties(&self) -> Properties<'_> {
        Properties { name: NAME, revision: "0", has_streams: true }
    }

    fn create(&self, _config: gate_service::Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let Self { limits, connector } = self.clone();
        Box::pin(async move { instance::create(limits, connector, &snapshot) })
    }
}

#[cfg(test)]
mod tests;
