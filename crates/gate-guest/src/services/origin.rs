//! `origin`: connections of whoever runs the program.

use core::fmt;

use super::{Reader, ServiceError};
use crate::gate::Gate;
use crate::service::{CallError, PendingCall, Service};
use crate::stream::state::Direction;
use crate::stream::Stream;

const NAME: &str = "origin";

/// What a call says: how much credit this crate can deal with, in bytes. It splits what is written, however much it is.
const CREDIT: [u8; 4] = i32::MAX.to_le_bytes();

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcceptError {
    /// There is no reply that makes sense.
    Service(ServiceError),
    /// The service tells this error. There are none so far.
    Refused {
        /// The error's number.
        number: i16,
    },
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(error) => error.fmt(f),
            Self::Refused { number } => write!(f, "no connection is accepted (error {number})"),
        }
    }
}

#[cfg(feature = "std")]
impl std::error::Error for AcceptError {}

impl From<CallError> for AcceptError {
    fn from(error: CallError) -> Self {
        Self::Service(error.into())
    }
}

/// Connections of whoever runs the program. With `gate run`, the first is standard input and output.
#[derive(Debug)]
pub struct Origin {
    service: Service,
    /// Kept when [`Origin::accept`] is given up, so that no connection gets lost.
    pending: Option<PendingCall>,
}

impl Origin {
    /// Asks for the service.
    #[must_use]
    pub fn new(gate: &Gate) -> Self {
        Self { service: gate.service(NAME), pending: None }
    }

    /// Waits for a connection. If the future is dropped before it is ready, the next call gets the connection.
    ///
    /// # Errors
    /// [`AcceptError`].
    pub async fn accept(&mut self) -> Result<Stream, AcceptError> {
        if self.pending.is_none() {
            let call = self.service.start(&CREDIT).await?;
            self.pending = Some(call.opening(Direction::Both, |reply| match decode(reply) {
                Some((id, 0)) => Some(id),
                _ => None,
            }));
        }
        let reply = match &mut self.pending {
            Some(call) => call.reply().await,
            None => return Err(ServiceError::Reply { service: NAME }.into()),
        };
        self.pending = None;
        match decode(&reply?) {
            Some((id, 0)) if id >= 0 => Ok(self.service.stream(id)),
            Some((_, number)) if number != 0 => Err(AcceptError::Refused { number }),
            _ => Err(ServiceError::Reply { service: NAME }.into()),
        }
    }
}

impl From<ServiceError> for AcceptError {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

/// Stream and error.
fn decode(reply: &[u8]) -> Option<(i32, i16)> {
    let mut reply = Reader(reply);
    Some((reply.i32()?, reply.i16()?))
}
