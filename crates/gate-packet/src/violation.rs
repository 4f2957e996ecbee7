//! What a program can do wrong at the level of packets.

use crate::packet::Domain;
use crate::{DATA_HEADER_SIZE, HEADER_SIZE, MAX_NAME_LENGTH, MAX_SIZE};

/// How a program broke the packet protocol. It is killed for that.
///
/// The messages contain no text that the program made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum Violation {
    /// The size field is out of range.
    #[error("packet of {found} bytes (allowed: {HEADER_SIZE} to {MAX_SIZE})")]
    Size { found: u32 },
    /// The code is below -1.
    #[error("packet with reserved code {found} (allowed: -1 and the codes of services)")]
    Code { found: i16 },
    /// The low four bits of the domain mean nothing.
    #[error("packet with unknown domain {found} (allowed: 0 to 3)")]
    Domain { found: u8 },
    /// A packet in the data domain is too small for its header.
    #[error("data packet of {found} bytes (at least {DATA_HEADER_SIZE} needed)")]
    DataSize { found: u32 },
    /// A packet for service discovery is not a call.
    #[error("service discovery packet in the {found} domain (only calls are allowed)")]
    DiscoveryDomain { found: Domain },
    /// A service discovery request is too small to have a count.
    #[error("service discovery packet of {found} bytes (at least 10 needed)")]
    DiscoverySize { found: u32 },
    /// A service discovery request has a name that is empty or too long.
    #[error("service discovery packet with a name of {found} bytes (allowed: 1 to {MAX_NAME_LENGTH})")]
    NameLength { found: u8 },
    /// A service discovery request ends before its last name does.
    #[error("service discovery packet ends inside of name {index} of {count}")]
    NameTruncated { index: u16, count: u16 },
    /// An available service was discovered again.
    #[error("duplicate service (the one with code {code})")]
    DuplicateService { code: u16 },
    /// The packet is for a service that was never discovered.
    #[error("packet for undiscovered service {code} ({discovered} discovered)")]
    UndiscoveredService { code: u16, discovered: usize },
}
