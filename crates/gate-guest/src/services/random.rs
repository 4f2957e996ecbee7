//! `random`: unpredictable bytes.

use core::time::Duration;

use super::ServiceError;
use crate::gate::Gate;
use crate::service::{PendingCall, Service};

/// How much one call can ask for.
const MAX_BYTES: usize = 255;

/// How long to wait before asking again when the service has nothing to give, which takes it about that long for a byte.
const PAUSE: Duration = Duration::from_millis(50);

/// Unpredictable bytes. The host may give them slowly: 16 in a second, unless its operator has said otherwise. Use them as the seed of
/// a generator.
#[derive(Debug)]
pub struct Random {
    gate: Gate,
    service: Service,
    /// Kept when [`Random::fill`] is given up: the service takes one call at a time.
    pending: Option<PendingCall>,
}

impl Random {
    /// Asks for the service. A program should have one of these at a time.
    #[must_use]
    pub fn new(gate: &Gate) -> Self {
        Self { gate: gate.clone(), service: gate.service("random"), pending: None }
    }

    /// Fills the buffer with random bytes. It takes as long as the host takes to have so many.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn fill(&mut self, mut buffer: &mut [u8]) -> Result<(), ServiceError> {
        while !buffer.is_empty() {
            let pending = match self.pending.take() {
                Some(call) => call,
                None => {
                    let count = u8::try_from(buffer.len().min(MAX_BYTES)).unwrap_or(u8::MAX);
                    self.service.start(&[count]).await?
                }
            };
            let reply = self.pending.insert(pending).reply().await;
            self.pending = None;
            let reply = reply?;
            if reply.is_empty() {
                // Another call is outstanding, or the program was continued while there was one.
                self.gate.sleep(PAUSE).await;
            }
            let len = reply.len().min(buffer.len());
            let (filled, rest) = buffer.split_at_mut(len);
            filled.copy_from_slice(&reply[..len]);
            buffer = rest;
        }
        Ok(())
    }

    /// Random bytes.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ServiceError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes).await?;
        Ok(bytes)
    }
}
