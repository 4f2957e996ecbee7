//! `scope`: privileges that a program gives up.
//!
//! Revision `0`; no streams; info packets are ignored.
//!
//! What a program may do through services that ask is what whoever invoked it granted, as far as the program has not restricted
//! itself. A call:
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | u8 | operation: 0, restrict |
//! | 1 | u8 | number of privileges |
//! | 2 | | per privilege: u8 length, at least 1, and its name; what is left at the end is ignored |
//!
//! The program loses all privileges but these, for good. The reply is `00 00` (i16 error). Calls with other operations or without
//! content get empty replies. A name that is cut, or is none, ends the program: whoever thought to have given something up must not go on.
//!
//! Names consist of `0-9 A-Z a-z - . / : _`; there is no `:` at either end, and never two in a row. [`SYSTEM`] is the
//! one that has a meaning.
//!
//! Snapshot, if the program has restricted itself: the call without its first byte, and nothing left at the end.

use std::collections::BTreeSet;
use std::num::TryFromIntError;
use std::sync::Arc;

use gate_packet::{Domain, Packet};
use gate_service::{
    BoxFuture, Client, Config, Created, Factory, Failure, Outbox, Properties, Saved, Service,
};

/// The name of the service.
pub const NAME: &str = "scope";

/// The privilege to run programs of the host as a system user.
pub const SYSTEM: &str = "program:system";

/// The privileges that have a meaning.
pub const KNOWN: [&str; 1] = [SYSTEM];

const OPERATION_RESTRICT: u8 = 0;

/// Makes the service.
#[derive(Clone, Copy, Debug)]
pub struct Scope;

impl Factory for Scope {
    fn properties(&self) -> Properties<'_> {
        Properties { name: NAME, revision: "0", has_streams: false }
    }

    fn create(&self, config: Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        Box::pin(async move {
            if !snapshot.is_empty() {
                let (privileges, rest) = decode(&snapshot).map_err(|error| {
                    Failure::Snapshot(format!("restriction of privileges: {error}").into())
                })?;
                if !rest.is_empty() {
                    return Err(Failure::Snapshot(
                        format!("{} bytes are left after privileges", rest.len()).into(),
                    ));
                }
                config.client.scope.restrict(privileges);
            }
            Ok(Box::new(Instance { client: config.client }) as Box<dyn Service>)
        })
    }
}

/// The service of one program, whose restriction is with the client.
#[derive(Debug)]
struct Instance {
    client: Arc<Client>,
}

impl Service for Instance {
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        if packet.domain() != Domain::Call {
            return Ok(());
        }
        match packet.content().split_first() {
            Some((&OPERATION_RESTRICT, content)) => {
                let (privileges, _) = decode(content)
                    .map_err(|error| Failure::Program(format!("scope restriction: {error}").into()))?;
                self.client.scope.restrict(privileges);
                Ok(out.reply(0, &[0, 0])?)
            }
            _ => Ok(out.reply(0, &[])?),
        }
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        let saved = match self.client.scope.restriction() {
            Some(privileges) => encode(&privileges).map_err(|error| Failure::Service(error.into())),
            None => Ok(Vec::new()),
        };
        Box::pin(async { saved })
    }
}

/// Why something is no set of privileges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum ScopeError {
    /// There are fewer bytes than announced.
    #[error("privilege {index} is cut")]
    Short { index: u8 },
    /// There is not even a count.
    #[error("there is no count of privileges")]
    NoCount,
    /// A name has a sign in it that names cannot have, a `:` where none can be, or nothing.
    #[error("privilege {index} is not a name")]
    Name { index: u8 },
}

/// The full name of a privilege that an operator has written: its name, or the last part of it, such as `system`. `None` if there is no
/// privilege with that name.
#[must_use]
pub fn resolve(text: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| *known == text || known.rsplit(':').next() == Some(text))
}

/// The privileges in `bytes`, and what is behind them.
fn decode(bytes: &[u8]) -> Result<(BTreeSet<String>, &[u8]), ScopeError> {
    let (&count, mut rest) = bytes.split_first().ok_or(ScopeError::NoCount)?;
    let mut privileges = BTreeSet::new();
    for index in 0..count {
        let name;
        (name, rest) = rest
            .split_first()
            .and_then(|(&length, rest)| rest.split_at_checked(usize::from(length)))
            .ok_or(ScopeError::Short { index })?;
        let name = std::str::from_utf8(name).ok().filter(|name| is_name(name));
        privileges.insert(name.ok_or(ScopeError::Name { index })?.to_owned());
    }
    Ok((privileges, rest))
}

/// What [`decode`] reads. Only a host that restricts programs itself can have chosen what does not fit.
fn encode(privileges: &BTreeSet<String>) -> Result<Vec<u8>, TryFromIntError> {
    let mut bytes = vec![u8::try_from(privileges.len())?];
    for name in privileges {
        bytes.push(u8::try_from(name.len())?);
        bytes.extend_from_slice(name.as_bytes());
    }
    Ok(bytes)
}

/// Whether parts of letters, digits and some signs, with single colons between them.
fn is_name(name: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'/' | b'_');
    name.split(':').all(|part| !part.is_empty() && part.bytes().all(is_sign))
}

#[cfg(test)]
mod tests;
