//! Service packets: framing, discovery, and limits; bytes in, bytes out.
//!
//! A program and its services share one stream of bytes in each direction. A packet is a header, content, and padding
//! to a multiple of [`ALIGNMENT`]; all integers are little-endian.
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | u32 | size: header and content without padding, [`HEADER_SIZE`] to [`MAX_SIZE`] |
//! | 4 | i16 | code: the index of a service, or -1 for service discovery ([`Code`]) |
//! | 6 | u8 | domain in the low four bits ([`Domain`]); the others are sent as 0 and not looked at |
//! | 7 | u8 | index: which outstanding call a reply answers; otherwise sent as 0 and not looked at |
//! | 8 | | content |
//! | size | | padding: sent as zeros, not looked at |
//!
//! | Domain | Content |
//! |---|---|
//! | call, info | up to the service; of code -1: [`discovery`] |
//! | flow | pairs of i32 id, i32 value ([`Flow`]); what is left at the end is ignored |
//! | data | i32 id, i32 note, bytes ([`Data`]) |
//!
//! **Invariant**: no I/O; nothing here allocates more than one packet and 256 names of services, whatever the input.
#![forbid(unsafe_code)]

pub mod buffers;
pub mod directory;
pub mod discovery;
pub mod encode;
mod packet;
mod parser;
pub mod stream;
mod violation;

pub use packet::{Code, Data, Domain, Flow, FlowMeaning, Packet};
pub use parser::Parser;
pub use violation::Violation;

/// The size of a packet's header in bytes, and so the smallest size of a packet.
pub const HEADER_SIZE: usize = 8;

/// Packets begin at multiples of this many bytes from the beginning of the stream.
pub const ALIGNMENT: usize = 8;

/// The largest size of a packet in bytes, padding excluded; in both directions.
pub const MAX_SIZE: u32 = gate_abi::limits::MAX_PACKET_SIZE;

/// The size of a data packet's header in bytes, and so the smallest size of a data packet.
pub const DATA_HEADER_SIZE: usize = 16;

/// The largest stream credit that a service may have outstanding towards a program, in bytes: what one data packet holds.
///
/// A client library in use sends everything that it has credit for in a single packet, without splitting it at the
/// packet size limit. With more credit than this it would break the protocol. A service can find out that a program does better, and then
/// [set another limit](stream::FromProgram::limit).
pub const MAX_CREDIT_TO_PROGRAM: u32 = MAX_SIZE - 16;

/// How many services one instance can discover. Later names are ignored.
///
/// Every service costs an entry here and in snapshots. Programs in existence use fewer than ten.
pub const MAX_SERVICES: usize = 256;

/// The longest name of a service, in bytes.
pub const MAX_NAME_LENGTH: usize = 127;

/// `size` and the padding that follows a packet of that size.
const fn padded(size: usize) -> usize {
    size.next_multiple_of(ALIGNMENT)
}
