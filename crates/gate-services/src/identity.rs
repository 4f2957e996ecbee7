//! `identity`: who the program is.
//!
//! Revision `0`; no streams; info packets are ignored. A call begins with an operation (u8); what follows it is ignored.
//!
//! | Operation | Reply |
//! |---|---|
//! | 0 | the principal whom the program belongs to: `local`, or `ed25519:` and the public key in base64url; empty if it is not known |
//! | 1 | the id of the instance, a UUID in lower case with hyphens; empty if it has none |
//! | other, or no content | empty |
//!
//! A program that was suspended can get other answers than before.

use std::sync::Arc;

use gate_packet::{Domain, Packet};
use gate_service::{
    BoxFuture, Client, Config, Created, Factory, Failure, Outbox, Properties, Saved, Service,
};

/// The name of the service.
pub const NAME: &str = "identity";

const OPERATION_PRINCIPAL: u8 = 0;
const OPERATION_INSTANCE: u8 = 1;

/// Makes the service.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

impl Factory for Identity {
    fn properties(&self) -> Properties<'_> {
        Properties { name: NAME, revision: "0", has_streams: false }
    }

    fn create(&self, config: Config, _snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        Box::pin(async { Ok(Box::new(Instance { client: config.client }) as Box<dyn Service>) })
    }
}

/// The service of one program. It keeps nothing: a snapshot is never made, and not looked at.
#[derive(Debug)]
struct Instance {
    client: Arc<Client>,
}

impl Service for Instance {
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        if packet.domain() != Domain::Call {
            return Ok(());
        }
        let answer = match packet.content().first() {
            Some(&OPERATION_PRINCIPAL) => self.client.principal.clone(),
            Some(&OPERATION_INSTANCE) => self.client.instance.map(uuid),
            _ => None,
        };
        Ok(out.reply(0, answer.unwrap_or_default().as_bytes())?)
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// The usual text form.
fn uuid(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (position, byte) in bytes.iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests;
