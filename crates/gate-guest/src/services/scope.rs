//! `scope`: giving up privileges.

use alloc::vec::Vec;
use core::fmt;

use super::{push_name, Reader, ServiceError};
use crate::gate::Gate;
use crate::service::{CallError, Service};

const NAME: &str = "scope";

/// The privilege to run commands of the host.
pub const SYSTEM: &str = "program:system";

const RESTRICT: u8 = 0;

/// Why privileges were not given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeError {
    /// There is no reply that makes sense.
    Service(ServiceError),
    /// A privilege cannot have this name. Allowed: 1 to 255 letters, digits, `-./:_` of ASCII, no `:` at an end, no `::`.
    Name {
        /// Its position among those given.
        position: usize,
    },
    /// More than 255 privileges.
    TooMany {
        /// How many were given.
        found: usize,
    },
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(error) => error.fmt(f),
            Self::Name { position } => write!(f, "privilege {position} has no valid name"),
            Self::TooMany { found } => write!(f, "{found} privileges (limit: 255)"),
        }
    }
}

#[cfg(feature = "std")]
impl std::error::Error for ScopeError {}

impl From<ServiceError> for ScopeError {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

impl From<CallError> for ScopeError {
    fn from(error: CallError) -> Self {
        Self::Service(error.into())
    }
}

/// The privileges that services may exercise for this program.
#[derive(Clone, Debug)]
pub struct Scope {
    service: Service,
}

impl Scope {
    /// Asks for the service.
    #[must_use]
    pub fn new(gate: &Gate) -> Self {
        Self { service: gate.service(NAME) }
    }

    /// Gives up all privileges but these. There is no way back.
    ///
    /// # Errors
    /// [`ScopeError`]; nothing was given up.
    pub async fn restrict(&self, privileges: &[&str]) -> Result<(), ScopeError> {
        let reply = self.service.call(&encode(privileges)?).await?;
        let mut reply = Reader(&reply);
        match reply.i16() {
            Some(0) => Ok(()),
            Some(number) => Err(ServiceError::Unknown { service: NAME, number }.into()),
            None => Err(ServiceError::Unsupported { service: NAME }.into()),
        }
    }
}

/// The service ends a program that sends a name which is none, so names are checked here.
fn encode(privileges: &[&str]) -> Result<Vec<u8>, ScopeError> {
    let found = privileges.len();
    let count = u8::try_from(found).map_err(|_| ScopeError::TooMany { found })?;
    let mut content = Vec::from([RESTRICT, count]);
    for (position, name) in privileges.iter().enumerate() {
        let valid = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-./:_".contains(&byte))
            && !name.starts_with(':')
            && !name.ends_with(':')
            && !name.contains("::");
        Some(name)
            .filter(|_| valid)
            .and_then(|name| push_name(&mut content, name.as_bytes()))
            .ok_or(ScopeError::Name { position })?;
    }
    Ok(content)
}
