//! What can go wrong with a server.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Code, Status};

use crate::config::{CommandError, TargetError};
use crate::limits::MAX_MESSAGE_TEXT;

/// Why services are not started.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StartError {
    /// A command makes no sense.
    #[error("invalid service command {command:?}")]
    Command { command: String, source: CommandError },
    /// A target makes no sense.
    #[error("invalid service target {target:?}")]
    Target { target: String, source: TargetError },
    /// A server that is not optional cannot be used.
    #[error("cannot use service program {server:?}")]
    Server { server: String, source: Arc<ServerError> },
    /// Two servers have a service of the same name, or one has two.
    #[error("service {name:?} is offered by {first:?} and by {second:?}")]
    Duplicate { name: String, first: String, second: String },
}

/// Why a server cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum ServerError {
    /// The program cannot be started.
    #[error("cannot start {path:?}")]
    Spawn { path: String, source: io::Error },
    /// Nobody answers at the address.
    #[error("cannot connect to {address}")]
    Connect { address: String, source: io::Error },
    /// The file with the certificates of authorities cannot be read.
    #[error("cannot read certificates from {path:?}")]
    Authorities { path: PathBuf, source: io::Error },
    /// What is known of the server's address or its authorities is of no use for a secure connection.
    #[error("cannot set up the connection")]
    Setup { source: tonic::transport::Error },
    /// The socket is connected, but there is no secure connection over it.
    #[error("no secure connection to {address} (option \"insecure\" is for servers without TLS)")]
    Handshake { address: String, source: tonic::transport::Error },
    /// A call that every server answers at the beginning of a connection has failed.
    #[error("server is of no use")]
    Greeting { source: CallError },
    /// The server says that it is not ready.
    #[error("server says that it is not serving now")]
    NotServing,
    /// The server does not have the service any more that it had when Gate started.
    #[error("server has no service {name:?} any more")]
    ServiceGone { name: String },
    /// It took too long.
    #[error("no answer within {limit:?}")]
    Timeout { limit: Duration },
    /// [`Services`](crate::Services) were closed.
    #[error("services are shut down")]
    Closed,
}

/// A call to a server that has failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{rpc}: {message}")]
pub struct CallError {
    /// The name of the remote procedure.
    rpc: &'static str,
    message: String,
    /// Whether that is for the connection's sake, so that another one may help.
    lost: bool,
}

impl CallError {
    /// What `status` says of a call.
    pub(crate) fn new(rpc: &'static str, status: &Status) -> Self {
        let mut message = format!("{}: ", status.code().description());
        message.push_str(status.message());
        let mut source = status.source();
        while let Some(error) = source {
            let _ = write!(message, ": {error}");
            source = error.source();
        }
        if message.len() > MAX_MESSAGE_TEXT {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE_TEXT));
        }
        // What has a source is not from the server: its client could not talk to it. A server that is shut down in order cancels what it
        // has not done.
        let lost = status.source().is_some() || matches!(status.code(), Code::Unavailable | Code::Cancelled);
        Self { rpc, message, lost }
    }

    /// A call that took too long.
    pub(crate) fn timeout(rpc: &'static str, limit: Duration) -> Self {
        Self { rpc, message: format!("no answer within {limit:?}"), lost: false }
    }

    /// It is for the connection's sake.
    pub(crate) fn and_lost(self) -> Self {
        Self { lost: true, ..self }
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }
}

/// Why a service that is in a server cannot go on with a program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("service {name:?}: no server")]
    Unreachable { name: String, source: Arc<ServerError> },
    #[error("service {name:?}: the server has failed")]
    Call { name: String, source: CallError },
    #[error("service {name:?}: the server refuses the program: {reason}")]
    Refused { name: String, reason: String },
    #[error("service {name:?}: the connection was lost, with what the server knew of the program's {what}")]
    Lost { name: String, what: &'static str, source: CallError },
    #[error("service {name:?}: the connection was lost {losses} times in a row")]
    Unstable { name: String, losses: u32, source: CallError },
    #[error("service {name:?}: the server sent something that is no packet: {reason}")]
    Packet { name: String, reason: PacketError },
    #[error("service {name:?}: when suspended, the server sent more than {limit} bytes")]
    Drain { name: String, limit: usize },
    #[error("service {name:?}: it was being saved, and that was not finished")]
    Interrupted { name: String },
    #[error("service {name:?}: the task that prepares it has failed")]
    Task { name: String, source: tokio::task::JoinError },
    #[error("service {name:?} has failed before")]
    Again { name: String },
}

/// What is wrong with something that a server sent as a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PacketError {
    #[error("{found} bytes (allowed: 8 to 65536)")]
    Size { found: usize },
    #[error("domain {found} (allowed: 0 to 3)")]
    Domain { found: u8 },
    #[error("data packet of {found} bytes (at least 16 needed)")]
    DataSize { found: usize },
    #[error("reply number {found}, but {outstanding} calls are outstanding")]
    Reply { found: u8, outstanding: usize },
}
