//! `identity`: whose program this is, and which.

use alloc::string::String;

use super::{lossy, ServiceError};
use crate::gate::Gate;
use crate::service::Service;

const PRINCIPAL: u8 = 0;
const INSTANCE: u8 = 1;

/// Whose program this is, and which. The answers can be others after the program was suspended.
#[derive(Clone, Debug)]
pub struct Identity {
    service: Service,
}

impl Identity {
    /// Asks for the service.
    #[must_use]
    pub fn new(gate: &Gate) -> Self {
        Self { service: gate.service("identity") }
    }

    /// Who runs the program: `local`, or `ed25519:` and a public key. `None` if that is nobody known.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn principal(&self) -> Result<Option<String>, ServiceError> {
        self.ask(PRINCIPAL).await
    }

    /// The program's instance, a UUID. `None` if it has none.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn instance(&self) -> Result<Option<String>, ServiceError> {
        self.ask(INSTANCE).await
    }

    async fn ask(&self, operation: u8) -> Result<Option<String>, ServiceError> {
        let reply = self.service.call(&[operation]).await?;
        Ok(Some(lossy(&reply)).filter(|text| !text.is_empty()))
    }
}
