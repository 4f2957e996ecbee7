//! `gate.computer/shell`: commands of the host.

use core::fmt;

use super::{Reader, ServiceError};
use crate::gate::Gate;
use crate::service::{CallError, Service};
use crate::stream::state::Direction;
use crate::stream::Receiver;

const NAME: &str = "gate.computer/shell";

/// Why a command was not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShellError {
    /// There is no reply that makes sense.
    Service(ServiceError),
    /// The program does not have the privilege [`SYSTEM`](super::SYSTEM).
    Scope,
    /// Another command is running.
    Quota,
    /// The host does not know the user.
    User,
    /// The host cannot get to the user's directory.
    Directory,
    /// The host cannot execute the shell.
    Executable,
}

impl fmt::Display for ShellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service(error) => return error.fmt(f),
            Self::Scope => "the program lacks the privilege program:system",
            Self::Quota => "another command is running",
            Self::User => "the host does not know the user",
            Self::Directory => "the host cannot get to the user's directory",
            Self::Executable => "the host cannot execute the shell",
        })
    }
}

#[cfg(feature = "std")]
impl std::error::Error for ShellError {}

impl From<CallError> for ShellError {
    fn from(error: CallError) -> Self {
        Self::Service(error.into())
    }
}

/// Commands of the host, for programs that its operator trusts.
#[derive(Clone, Debug)]
pub struct Shell {
    service: Service,
}

impl Shell {
    /// Asks for the service.
    #[must_use]
    pub fn new(gate: &Gate) -> Self {
        Self { service: gate.service(NAME) }
    }

    /// Starts a command, one at a time, and returns its standard output. At the end of that, [`Receiver::end_note`] is its exit
    /// status; -1 if the program was suspended meanwhile, -3 if the command was killed by a signal, and -2 for anything else.
    /// Dropping the receiver kills the command.
    ///
    /// # Errors
    /// [`ShellError`].
    pub async fn run(&self, command: &str) -> Result<Receiver, ShellError> {
        let call = self.service.start(command.as_bytes()).await?;
        let mut call = call.opening(Direction::Incoming, |reply| match decode(reply) {
            Some((0, id)) => Some(id),
            _ => None,
        });
        let reply = call.reply().await?;
        if reply.is_empty() {
            return Err(ShellError::Service(ServiceError::Unsupported { service: NAME }));
        }
        Err(match decode(&reply) {
            Some((0, id)) if id >= 0 => return Ok(self.service.receiver(id)),
            Some((1, _)) => ShellError::Scope,
            Some((2, _)) => ShellError::Quota,
            Some((3, _)) => ShellError::User,
            Some((4, _)) => ShellError::Directory,
            Some((5, _)) => ShellError::Executable,
            Some((number, _)) if number != 0 => {
                ShellError::Service(ServiceError::Unknown { service: NAME, number })
            }
            _ => ShellError::Service(ServiceError::Reply { service: NAME }),
        })
    }
}

/// Error and stream.
fn decode(reply: &[u8]) -> Option<(i16, i32)> {
    let mut reply = Reader(reply);
    let error = reply.i16()?;
    reply.u16()?;
    Some((error, reply.i32()?))
}
