//! Messages between the runtime and the processes inside a container.
//!
//! Two kinds of sockets carry them, both of type `SOCK_SEQPACKET`: one packet is one message.
//!
//! * The **container** socket, between the runtime and the zygote: [`container::Request`], [`container::Event`].
//! * One **worker** socket for each process that the zygote forks, between the runtime and that process:
//!   [`worker::Request`], [`worker::Event`].
//!
//! A message is a fixed header and a body. Integers are little-endian.
//!
//! | offset | size | meaning |
//! |---|---|---|
//! | 0 | 4 | magic, `"GtW1"`: also the version, as both ends are always of one build |
//! | 4 | 2 | message kind |
//! | 6 | 2 | number of descriptors that must come with it |
//! | 8 | … | body, as the message's type says |
//!
//! In a body, a byte string is a `u32` length and the bytes; a list is a `u32` count and the items; an optional value is
//! a `u8` 0 or 1 and then, if 1, the value.
//!
//! Whoever decodes does not trust whoever encoded: the runtime reads what a worker wrote that a hostile program may
//! have taken over. **Invariant**: decoding never panics and never allocates more than the message is long.
#![forbid(unsafe_code)]

mod codec;
pub mod container;
pub mod worker;

pub use codec::{DecodeError, MAX_MESSAGE_BYTES};
