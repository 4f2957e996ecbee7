//! `peer`: streams to other programs.
//!
//! Programs find each other in a *group*, in which each has a name. A connection is there once both have asked for it: the
//! first one's request is told to the other ([`Peers::next_request`]), which answers by asking, too ([`Peers::connect`]).

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{push_name, Reader, ServiceError};
use crate::gate::Gate;
use crate::service::{CallError, Infos, Service};
use crate::stream::Stream;

const NAME: &str = "peer";

/// Why there is no connection to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerError {
    /// There is no reply that makes sense.
    Service(ServiceError),
    /// A name is longer than 255 bytes.
    Name,
    /// This program is in no such group.
    Group,
    /// The group has no such peer.
    Peer,
    /// The peer is this program.
    Itself,
    /// There is a connection already.
    Connected,
    /// This program has, or waits for, as many connections as it can.
    TooMany,
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service(error) => return error.fmt(f),
            Self::Name => "name of more than 255 bytes",
            Self::Group => "the program is in no such group",
            Self::Peer => "the group has no such peer",
            Self::Itself => "the peer is the program itself",
            Self::Connected => "there is a connection to that peer already",
            Self::TooMany => "the program has, or waits for, as many connections as it can",
        })
    }
}

#[cfg(feature = "std")]
impl std::error::Error for PeerError {}

impl From<CallError> for PeerError {
    fn from(error: CallError) -> Self {
        Self::Service(error.into())
    }
}

/// A peer that wants to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The group in which both are.
    pub group: String,
    /// The peer's name there.
    pub peer: String,
    /// What it wants to receive: a word of the peer's choice, such as a media type.
    pub kind: String,
}

/// A connection with a peer.
#[derive(Debug)]
pub struct Connection {
    /// The peer, and what it wants to receive.
    pub peer: Request,
    /// To it and from it.
    pub stream: Stream,
}

/// Streams to other programs.
#[derive(Debug)]
pub struct Peers {
    service: Service,
    infos: Infos,
    requests: VecDeque<Request>,
    connections: Vec<Connection>,
}

impl Peers {
    /// Asks for the service, and lets it tell of peers.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn new(gate: &Gate) -> Result<Self, CallError> {
        let service = gate.service(NAME);
        let infos = service.listen();
        service.send_info(&[]).await?;
        Ok(Self { service, infos, requests: VecDeque::new(), connections: Vec::new() })
    }

    /// Waits for a peer that wants to connect. If the future is dropped before it is ready, nothing is lost.
    ///
    /// # Errors
    /// [`PeerError::Service`] when the service is not there any more, or tells something that makes no sense.
    pub async fn next_request(&mut self) -> Result<Request, PeerError> {
        loop {
            if let Some(request) = self.requests.pop_front() {
                return Ok(request);
            }
            self.take_in().await?;
        }
    }

    /// Asks to be connected with a peer, and waits until that one asks, too. `kind` says what this program wants to receive.
    ///
    /// If the future is dropped before it is ready, calling this again goes on waiting.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn connect(&mut self, group: &str, peer: &str, kind: &str) -> Result<Connection, PeerError> {
        let is_it = |connection: &Connection| connection.peer.group == group && connection.peer.peer == peer;
        if self.connections.iter().all(|connection| !is_it(connection)) {
            let reply = self.service.call(&encode(group, peer, kind).ok_or(PeerError::Name)?).await?;
            match Reader(&reply).i16() {
                // If it is connecting, then an earlier call was dropped.
                Some(0 | 5) => {}
                Some(2) => return Err(PeerError::Group),
                Some(3) => return Err(PeerError::Peer),
                Some(4) => return Err(PeerError::Itself),
                Some(6) => return Err(PeerError::Connected),
                Some(7) => return Err(PeerError::TooMany),
                Some(number) => {
                    return Err(PeerError::Service(ServiceError::Unknown { service: NAME, number }))
                }
                None => return Err(PeerError::Service(ServiceError::Unsupported { service: NAME })),
            }
        }
        loop {
            if let Some(position) = self.connections.iter().position(is_it) {
                return Ok(self.connections.swap_remove(position));
            }
            self.take_in().await?;
        }
    }

    /// Waits for the service to tell something, and keeps it.
    async fn take_in(&mut self) -> Result<(), PeerError> {
        let unavailable = || CallError::Unavailable { name: NAME.into() };
        let info = self.infos.next().await.ok_or_else(unavailable)?;
        let (id, peer) = decode(&info).ok_or(PeerError::Service(ServiceError::Reply { service: NAME }))?;
        if id < 0 {
            self.requests.push_back(peer);
        } else {
            self.connections.push(Connection { peer, stream: self.service.stream(id) });
        }
        Ok(())
    }
}

fn encode(group: &str, peer: &str, kind: &str) -> Option<Vec<u8>> {
    let mut content = Vec::from([0; 8]);
    for name in [group, peer, kind] {
        push_name(&mut content, name.as_bytes())?;
    }
    Some(content)
}

/// The stream, negative if there is none yet, and the peer.
fn decode(info: &[u8]) -> Option<(i32, Request)> {
    let mut info = Reader(info);
    let id = info.i32()?;
    info.u32()?;
    Some((id, Request { group: info.text()?, peer: info.text()?, kind: info.text()? }))
}
