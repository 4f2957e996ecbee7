//! `peer`: streams between programs.
//!
//! Revision `0`. Integers are little-endian, offsets are those of content. A *name* is its length as u8, and that many bytes of UTF-8.
//!
//! | Packet | Content | Meaning |
//! |---|---|---|
//! | info → | ignored | use the service: others can connect from then on. Any other packet does so, too |
//! | call → | u32 0 @0, u32 ignored @4, name of group, name of peer, name of type; what follows is ignored | connect with a peer |
//! | reply | i16 error @0, u16 0 @2; empty if the first u32 of the call is not 0 | see below |
//! | info ← | i32 −1 @0, u32 0 @4, name of group, name of peer, name of type | a peer wants to connect |
//! | info ← | i32 stream @0, and the same | a peer is connected |
//! | flow, data | see [`gate_packet::stream`] | what the stream carries |
//!
//! | Error | Meaning |
//! |---|---|
//! | 0 | none: an info with the stream follows, when the peer connects, too |
//! | 1 | the call is not as above |
//! | 2 | the program is not in a group of that name |
//! | 3 | no such peer is in the group, or it does not use this service |
//! | 4 | the peer is the program itself |
//! | 5 | the program is connecting with the peer already |
//! | 6 | the two are connected already |
//! | 7 | the program has, or waits for, [`MAX_STREAMS`] streams |
//!
//! Two programs are connected when both have called the other. Types say what a program wants to receive, and mean nothing to the service: each
//! gets that of the other. Groups come from other services: [`peerindex::principal`](crate::peerindex::principal).
//!
//! # Streams
//! Each of the two has an end of the stream, with an id of its own. What one sends the other receives: data and its notes, credit, ends.
//! Bytes with the same note that wait can arrive in one packet. Credit arrives in parts if it is more than a program may have
//! at a time. Of several notes in flows, the last arrives if they come faster than they are taken, and before the end of flow.
//!
//! When one of the two ends, or is continued in another host, the other gets what was sent to it, and then the ends of data, with note 0,
//! and flow; and what it still sends is dropped.
//!
//! # Why nothing gets stuck, and nothing grows
//! A program is given only credit that its peer has granted, and no more than [`MAX_CREDIT_TO_PROGRAM`](gate_packet::MAX_CREDIT_TO_PROGRAM) less what
//! waits for the peer. So for each direction, always
//!
//! ```text
//!   peer's credit = credit not passed on + credit of the program + bytes that wait
//!   bytes that wait + credit of the program ≤ 65520
//! ```
//!
//! and a packet of a program that keeps to its credit can always be taken in, and fits the peer's credit. Therefore this service is always
//! ready for packets. It sends when its own program takes packets, whatever others do. No program can wait for another in
//! it, but for what they really want of each other: two programs that send to each other without receiving run out of credit, both can go
//! on receiving, and everything is delivered. What could take more memory than bytes do, notes that change
//! with every few bytes, is limited: [`MAX_WAITING_NOTES`].
//!
//! # Lives
//! A program that is stopped keeps its streams and its place in groups, and others can go on sending it what they have credit for. If
//! its service is dropped after [`Service::save`] and another one made from what was saved, with the same [`Hub`] and for
//! the same instance, that goes on where the first one was. At most [`MAX_PARKED`] programs are kept in that state, the last ones.
//!
//! A program that goes on in another host gets what had been sent to it, then the ends of its streams. It is still connecting with
//! those with whom it was: they are told as soon as they are there. The same is so for a copy of a program, which is a program of its own: as
//! another instance, it has another name; the streams stay with the instance that had them, whichever of the two goes on first.
//!
//! # Snapshot
//! None, if the program has not used the service. Numbers are unsigned LEB128 of at most 32 bits.
//!
//! | Part | Content |
//! |---|---|
//! | u8 | version: 1 |
//! | 16 bytes | random: by these the [`Hub`] knows what it has kept |
//! | number | peers with which the program is connecting, then for each its name, and the name of the program's type |
//! | number | peers of which the program does not know that they want to connect, then for each its name, and that of its type |
//! | number | streams of which the program knows, then for each its id as number, and its state |
//! | number | streams of which it does not, then for each the name of the peer, that of its type, and the state |
//!
//! | State of a stream | Content |
//! |---|---|
//! | u8 | bits: 0, 1 the program has not ended flow, data; 2, 3 the service has not; 4 data ends after what waits; 5 there is a note in a flow |
//! | number | credit of the service |
//! | number | credit of the program |
//! | number | packets that wait, then for each its note as i32, and its length as number, and the bytes |
//! | i32 | the note of the end of data, if bit 4 is set |
//! | i32 | the note in a flow, if bit 5 is set |

use std::sync::Arc;

use gate_service::{BoxFuture, Created, Factory, Properties};

mod hub;
mod instance;
mod link;
mod message;
mod snapshot;
mod stream;

pub use hub::{Hub, MAX_MEMBERS, MAX_PARKED};
pub(crate) use hub::{IndexSeat, Token, new_token};
pub use link::MAX_WAITING_NOTES;

#[cfg(doc)]
use gate_service::Service;

/// The name of the service.
pub const NAME: &str = "peer";

/// How many streams a program can have or wait for.
///
/// Each can have 64 KiB waiting in both directions, and all of them are looked at whenever something happens to one.
pub const MAX_STREAMS: usize = 256;

/// Makes the service.
#[derive(Clone, Debug)]
pub struct Peer {
    hub: Hub,
}

impl Peer {
    /// For programs that can connect with those of the same hub.
    #[must_use]
    pub fn new(hub: Hub) -> Self {
        Self { hub }
    }
}

impl Factory for Peer {
    fn properties(&self) -> Properties<'_> {
        Properties { name: NAME, revision: "0", has_streams: true }
    }

    fn create(&self, config: gate_service::Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let hub = self.hub.clone();
        Box::pin(async move { instance::create(hub, Arc::clone(&config.client), &snapshot) })
    }
}

#[cfg(test)]
pub(crate) mod tests;
