//! `peerindex/principal`: which other programs of the same principal there are.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{Reader, ServiceError};
use crate::gate::Gate;
use crate::service::{CallError, Service};

const NAME: &str = "peerindex/principal";

/// Why there is no list of programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrincipalError {
    /// There is no reply that makes sense.
    Service(ServiceError),
    /// This program is not in the list, and so gets none.
    NotRegistered,
}

impl fmt::Display for PrincipalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(error) => error.fmt(f),
            Self::NotRegistered => f.write_str("the program is not registered in the index of its principal"),
        }
    }
}

#[cfg(feature = "std")]
impl std::error::Error for PrincipalError {}

impl From<CallError> for PrincipalError {
    fn from(error: CallError) -> Self {
        Self::Service(error.into())
    }
}

/// The programs of the same principal that have put themselves into its index. They can connect
/// ([`Peers`](super::Peers)) in the group [`PrincipalIndex::GROUP`], by their names in the list.
#[derive(Clone, Debug)]
pub struct PrincipalIndex {
    service: Service,
}

impl PrincipalIndex {
    /// The group of these programs.
    pub const GROUP: &'static str = "index/principal";

    /// Asks for the service, and puts this program into the index. Make [`Peers`](super::Peers) first, which is told when others want
    /// to connect.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn register(gate: &Gate) -> Result<Self, CallError> {
        let service = gate.service(NAME);
        service.send_info(&[]).await?;
        Ok(Self { service })
    }

    /// The names of the other programs, sorted.
    ///
    /// # Errors
    /// [`PrincipalError`].
    pub async fn instances(&self) -> Result<Vec<String>, PrincipalError> {
        let reply = self.service.call(&[]).await?;
        let nonsense = PrincipalError::Service(ServiceError::Reply { service: NAME });
        let mut reply = Reader(&reply);
        match reply.i16() {
            Some(0) => decode(reply).ok_or(nonsense),
            Some(1) => Err(PrincipalError::NotRegistered),
            Some(number) => Err(PrincipalError::Service(ServiceError::Unknown { service: NAME, number })),
            None => Err(PrincipalError::Service(ServiceError::Unsupported { service: NAME })),
        }
    }
}

fn decode(mut reply: Reader<'_>) -> Option<Vec<String>> {
    let count = reply.u16()?;
    (0..count).map(|_| reply.text()).collect()
}
