//! Which services an instance has discovered, and where its packets go.

use crate::discovery::{self, Names, STATE_AVAILABLE};
use crate::packet::{Code, Domain, Packet};
use crate::violation::Violation;
use crate::{MAX_NAME_LENGTH, MAX_SERVICES};

/// One discovered service. Its code is its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name as the program sent it: 1 to 127 bytes, not necessarily text.
    pub name: Box<[u8]>,
    /// Whether there is such a service for this instance. Does not change while the instance runs.
    pub available: bool,
}

/// The services an instance has discovered, at most [`MAX_SERVICES`], in the order of their codes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    services: Vec<Service>,
}

/// What is to be done with a packet of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// It was a discovery request and has been answered.
    Answered,
    /// It is for the service with this code, which is available.
    Service(u16),
    /// It is for a service that is not available: nothing is to be done.
    Drop,
}

impl Directory {
    /// The directory of an instance that has discovered nothing.
    #[must_use]
    pub fn new() -> Directory {
        Directory::default()
    }

    /// The directory of an instance that continues: the names it had discovered in order, whose availability is asked for
    /// again.
    ///
    /// # Errors
    /// [`RestoreError`] when the names cannot be those of an instance.
    pub fn restore<'a>(
        names: impl IntoIterator<Item = &'a [u8]>,
        mut available: impl FnMut(&[u8]) -> bool,
    ) -> Result<Directory, RestoreError> {
        let mut directory = Directory::new();
        for name in names {
            let position = directory.services.len();
            if position == MAX_SERVICES {
                return Err(RestoreError::Count);
            }
            if name.is_empty() || name.len() > MAX_NAME_LENGTH {
                return Err(RestoreError::NameLength { position, found: name.len() });
            }
            if directory.add(name, &mut available).is_err() {
                return Err(RestoreError::Duplicate { position });
            }
        }
        Ok(directory)
    }

    /// The services, in the order of their codes.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// Decides where `packet` goes. A discovery request is answered: the reply is appended to `replies`.
    ///
    /// `available` tells whether there is a service with a name that is now discovered for the first time. Names beyond
    /// the limit are not looked at.
    ///
    /// # Errors
    /// The [`Violation`] that the packet is. The directory is then of no more use.
    pub fn route(
        &mut self,
        packet: &Packet<'_>,
        replies: &mut Vec<u8>,
        available: impl FnMut(&[u8]) -> bool,
    ) -> Result<Route, Violation> {
        match packet.code() {
            Code::Discovery => {
                self.discover(Names::decode(packet)?, available)?;
                self.encode_states(replies, Domain::Call);
                Ok(Route::Answered)
            }
            Code::Service(code) => match self.services.get(usize::from(code)) {
                Some(service) if service.available => Ok(Route::Service(code)),
                Some(_) => Ok(Route::Drop),
                None => Err(Violation::UndiscoveredService { code, discovered: self.services.len() }),
            },
        }
    }

    /// Appends the notification that an instance gets when it continues; nothing if it has discovered nothing.
    pub fn notify(&self, out: &mut Vec<u8>) {
        if !self.services.is_empty() {
            self.encode_states(out, Domain::Info);
        }
    }

    fn discover(
        &mut self,
        names: Names<'_>,
        mut available: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Violation> {
        for name in names.take(MAX_SERVICES - self.services.len()) {
            self.add(name?, &mut available)?;
        }
        Ok(())
    }

    fn add(&mut self, name: &[u8], available: &mut impl FnMut(&[u8]) -> bool) -> Result<(), Violation> {
        // At most 256 names are compared, so a map would not be faster.
        let known = self.services.iter().position(|service| service.available && *service.name == *name);
        if let Some(position) = known {
            return Err(Violation::DuplicateService { code: u16::try_from(position).unwrap_or(u16::MAX) });
        }
        self.services.push(Service { name: name.into(), available: available(name) });
        Ok(())
    }

    fn encode_states(&self, out: &mut Vec<u8>, domain: Domain) {
        let states = self.services.iter().map(|service| if service.available { STATE_AVAILABLE } else { 0 });
        discovery::encode_states(out, domain, states).expect("the states of 256 services fit a packet");
    }
}

/// Why the names of services that an instance had discovered are not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum RestoreError {
    /// There are too many.
    #[error("more than {MAX_SERVICES} services")]
    Count,
    /// A name is empty or too long.
    #[error("name of service {position} has {found} bytes (allowed: 1 to {})", MAX_NAME_LENGTH)]
    NameLength { position: usize, found: usize },
    /// A service is available, and listed twice.
    #[error("duplicate service at position {position}")]
    Duplicate { position: usize },
}

#[cfg(test)]
mod tests;
