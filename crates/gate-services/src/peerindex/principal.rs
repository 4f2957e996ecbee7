//! `peerindex/principal`: the programs of the same owner.
//!
//! Revision `0`; no streams. Integers are little-endian, offsets are those of content. A *name* is its length as u8, and that many bytes.
//!
//! | Packet | Content | Meaning |
//! |---|---|---|
//! | info → | ignored | register the program: from then on it is in group `index/principal` of [`peer`](crate::peer) |
//! | call → | ignored | list the others |
//! | reply | i16 error @0, u16 count @2, then so many names | the others that are registered, in the order of their names |
//!
//! Error 1, with no names: the program is not registered. That can be so after it has sent an info: it needs a principal and an instance id,
//! and there can be [`MAX_MEMBERS`](crate::peer::MAX_MEMBERS) programs of a principal.
//!
//! A program's name is its instance id, a UUID in lower-case hexadecimal with hyphens. It is registered until it ends, or goes on in another
//! host, and there it is registered again. A copy of a program, which goes on from the same snapshot as another instance, is registered by
//! its own name, and listed like any other. A second one of the same instance is not registered as long as the first one is.
//!
//! # Snapshot
//! None, if the program has not sent an info. Otherwise version 1 as u8, and 16 random bytes, by which the
//! [`Hub`] knows a program that goes on in the same host.

use std::sync::Arc;
use std::task::Context;

use gate_packet::{Domain, Packet};
use gate_service::{
    BoxFuture, Client, Config, Created, Factory, Failure, Outbox, Properties, Saved, Service,
};

use crate::peer::{Hub, IndexSeat, Token, new_token};

/// The name of the service.
pub const NAME: &str = "peerindex/principal";

/// The name of the group that the programs are in.
pub const GROUP: &str = "index/principal";

/// The first byte of a snapshot.
const VERSION: u8 = 1;

/// The error of a program that is not registered.
const NOT_REGISTERED: u8 = 1;

/// Makes the service.
#[derive(Clone, Debug)]
pub struct PrincipalIndex {
    hub: Hub,
}

impl PrincipalIndex {
    /// For programs that can connect with those of the same hub.
    #[must_use]
    pub fn new(hub: Hub) -> Self {
        Self { hub }
    }
}

impl Factory for PrincipalIndex {
    fn properties(&self) -> Properties<'_> {
        Properties { name: NAME, revision: "0", has_streams: false }
    }

    fn create(&self, config: Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let hub = self.hub.clone();
        Box::pin(async move {
            let (mut seat, mut is_restored) = (None, false);
            match snapshot.split_first() {
                None => {}
                Some((&VERSION, rest)) => {
                    let token = Token::try_from(rest);
                    let token = token.map_err(|_| {
                        let text = format!("{} bytes behind the version instead of 16", rest.len());
                        Failure::Snapshot(text.into())
                    })?;
                    seat = hub.unpark_index(&token, &config.client);
                    is_restored = seat.is_none();
                }
                Some((version, _)) => {
                    let text = format!("version {version} (supported: {VERSION})");
                    return Err(Failure::Snapshot(text.into()));
                }
            }
            let client = Arc::clone(&config.client);
            Ok(Box::new(Instance { hub, client, seat, is_restored, saved: None }) as Box<dyn Service>)
        })
    }
}

struct Instance {
    hub: Hub,
    client: Arc<Client>,
    /// From when the program has registered.
    seat: Option<IndexSeat>,
    /// It had registered elsewhere, and does so again when all its services are there: they must find each other.
    is_restored: bool,
    /// By what it is to be found, if it was saved and nothing has happened since.
    saved: Option<Token>,
}

impl Instance {
    fn register(&mut self) {
        self.is_restored = false;
        self.seat.get_or_insert_with(|| self.hub.index_seat(&self.client)).register();
    }

    fn list(&self) -> Vec<u8> {
        let Some(names) = self.seat.as_ref().and_then(IndexSeat::names) else {
            return vec![NOT_REGISTERED, 0, 0, 0];
        };
        let mut content = vec![0, 0];
        content.extend(u16::try_from(names.len()).expect("the members of a group are limited").to_le_bytes());
        for name in names {
            content.push(u8::try_from(name.len()).expect("it is a UUID"));
            content.extend_from_slice(name.as_bytes());
        }
        content
    }
}

impl Service for Instance {
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        self.saved = None;
        if self.is_restored || packet.domain() == Domain::Info {
            self.register();
        }
        if packet.domain() == Domain::Call {
            out.reply(0, &self.list())?;
        }
        Ok(())
    }

    fn poll(&mut self, _context: &mut Context<'_>, _out: &mut Outbox<'_>) -> Result<(), Failure> {
        self.saved = None;
        if self.is_restored {
            self.register();
        }
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        Box::pin(async {
            if self.seat.is_none() && !self.is_restored {
                return Ok(Vec::new());
            }
            let token = self.saved.map_or_else(new_token, Ok)?;
            self.saved = Some(token);
            Ok([&[VERSION], &token[..]].concat())
        })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let (Some(token), Some(seat)) = (self.saved.take(), self.seat.take()) {
            self.hub.park_index(token, seat);
        }
    }
}

#[cfg(test)]
mod tests;
