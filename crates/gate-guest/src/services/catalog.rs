//! `catalog`: which services there are.

use alloc::string::String;

use super::{lossy, ServiceError};
use crate::gate::Gate;
use crate::service::Service;

const NAME: &str = "catalog";

/// The list of services.
#[derive(Clone, Debug)]
pub struct Catalog {
    service: Service,
}

impl Catalog {
    /// Asks for the service.
    #[must_use]
    pub fn new(gate: &Gate) -> Self {
        Self { service: gate.service(NAME) }
    }

    /// The services that this program can discover, with their revisions, as JSON:
    /// `{"services": [{"name": "catalog", "revision": "0"}]}`.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn json(&self) -> Result<String, ServiceError> {
        let reply = self.service.call(b"json").await?;
        if reply.is_empty() {
            return Err(ServiceError::Unsupported { service: NAME });
        }
        Ok(lossy(&reply))
    }
}
