//! The services that Gate has, a type each.
//!
//! | Service | Type | What for |
//! |---|---|---|
//! | `catalog` | [`Catalog`] | which services there are |
//! | `gate.computer/localhost` | [`Localhost`] | requests to one HTTP server of the operator's |
//! | `gate.computer/shell` | [`Shell`] | commands of the host, for programs that are trusted |
//! | `http` | [`Http`] | requests to HTTP servers |
//! | `identity` | [`Identity`] | whose program this is, and which |
//! | `kv` | [`Kv`] | keys and values that outlive the program |
//! | `log` | [`Log`] | lines for the operator |
//! | `origin` | [`Origin`] | connections of whoever runs the program |
//! | `peer` | [`Peers`] | streams to other programs |
//! | `peerindex/principal` | [`PrincipalIndex`] | which other programs there are |
//! | `random` | [`Random`] | unpredictable bytes |
//! | `scope` | [`Scope`] | giving up privileges |
//!
//! Which of them a host has is up to its operator. Making a value of these types asks for the service; what needs one that is not
//! there fails with [`CallError::Unavailable`].

mod catalog;
mod flatbuffer;
pub mod http;
mod identity;
pub mod kv;
mod localhost;
pub mod log;
mod origin;
pub mod peer;
mod principal;
mod random;
mod scope;
mod shell;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub use catalog::Catalog;
pub use http::Http;
pub use identity::Identity;
pub use kv::Kv;
pub use localhost::{Localhost, LocalhostRequest, LocalhostResponse};
pub use log::Log;
pub use origin::{AcceptError, Origin};
pub use peer::Peers;
pub use principal::{PrincipalError, PrincipalIndex};
pub use random::Random;
pub use scope::{Scope, ScopeError, SYSTEM};
pub use shell::{Shell, ShellError};

use crate::service::CallError;

/// Why a service did not do what it was asked for, when it did not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceError {
    /// The call did not get there, or the reply not back.
    Call(CallError),
    /// The service does not know the call.
    Unsupported {
        /// The service.
        service: &'static str,
    },
    /// The reply makes no sense.
    Reply {
        /// The service.
        service: &'static str,
    },
    /// The service tells an error that this crate does not know.
    Unknown {
        /// The service.
        service: &'static str,
        /// The number of the error.
        number: i16,
    },
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Unsupported { service } => write!(f, "service {service} does not know this call"),
            Self::Reply { service } => write!(f, "the reply of service {service} makes no sense"),
            Self::Unknown { service, number } => write!(f, "service {service} tells unknown error {number}"),
        }
    }
}

#[cfg(feature = "std")]
impl std::error::Error for ServiceError {}

impl From<CallError> for ServiceError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// What is read from a reply or notification, from its beginning on. `None` when it is too short.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let bytes = self.0.get(..len)?;
        self.0 = &self.0[len..];
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length of one byte, and so many bytes.
    fn name(&mut self) -> Option<&'a [u8]> {
        let len = self.u8()?;
        self.bytes(len.into())
    }

    fn text(&mut self) -> Option<String> {
        self.name().map(lossy)
    }
}

/// Bytes that should be UTF-8.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Appends a length of one byte, and so many bytes. `None` if they are too many for that.
fn push_name(out: &mut Vec<u8>, name: &[u8]) -> Option<()> {
    out.push(u8::try_from(name.len()).ok()?);
    out.extend_from_slice(name);
    Some(())
}

#[cfg(test)]
mod tests;
