//! `catalog`: which services there are.
//!
//! Revision `0`; no streams; info packets are ignored.
//!
//! | Call | Reply |
//! |---|---|
//! | `json` (four bytes) | a JSON document: the services that the program can discover, ordered by name |
//! | anything else | empty |
//!
//! The document ends with a newline and is indented with tabs:
//!
//! ```json
//! {
//!     "services": [
//!         {
//!             "name": "catalog",
//!             "revision": "0"
//!         }
//!     ]
//! }
//! ```
//!
//! It is byte for byte what other hosts send, so `<`, `>`, `&` and the line separators of Unicode are escaped in it. If it would not fit
//! into a packet, it has as many of the services as do, and a second member after them, `"truncated": true`.

use gate_packet::{Domain, HEADER_SIZE, Packet};
use gate_service::{BoxFuture, Config, Created, Factory, Failure, Outbox, Properties, Saved, Service};

/// The name of the service.
pub const NAME: &str = "catalog";

/// What a document begins and ends with, and how it ends when services are missing.
const HEAD: &str = "{\n\t\"services\": [";
const TAIL: &str = "\n\t]\n}\n";
const TAIL_TRUNCATED: &str = "\n\t],\n\t\"truncated\": true\n}\n";

/// Makes the service.
#[derive(Clone, Copy, Debug)]
pub struct Catalog;

impl Factory for Catalog {
    fn properties(&self) -> Properties<'_> {
        Properties { name: NAME, revision: "0", has_streams: false }
    }

    fn create(&self, config: Config, _snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        Box::pin(async { Ok(Box::new(Instance { config }) as Box<dyn Service>) })
    }
}

/// The service of one program. It keeps nothing: a snapshot is never made, and not looked at.
#[derive(Debug)]
struct Instance {
    config: Config,
}

impl Service for Instance {
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        if packet.domain() != Domain::Call {
            return Ok(());
        }
        if packet.content() != b"json" {
            return Ok(out.reply(0, &[])?);
        }
        let services = self.config.registry.list(&self.config.client);
        let properties = services.iter().map(|factory| factory.properties());
        let limit =
            usize::try_from(self.config.max_send_size).unwrap_or(usize::MAX).saturating_sub(HEADER_SIZE);
        Ok(out.reply(0, json(properties, limit).as_bytes())?)
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// The document, of at most `limit` bytes unless that is too little for any.
fn json<'a>(services: impl Iterator<Item = Properties<'a>>, limit: usize) -> String {
    let mut text = HEAD.to_owned();
    let mut separator = "";
    for service in services {
        let end = text.len();
        text.push_str(separator);
        text.push_str("\n\t\t{\n\t\t\t\"name\": \"");
        escape(&mut text, service.name);
        text.push_str("\",\n\t\t\t\"revision\": \"");
        escape(&mut text, service.revision);
        text.push_str("\"\n\t\t}");
        // The longer tail must fit behind every entry but the last, which is not known to be it.
        if text.len() + TAIL_TRUNCATED.len() > limit {
            text.truncate(end);
            text.push_str(TAIL_TRUNCATED);
            return text;
        }
        separator = ",";
    }
    text.push_str(TAIL);
    text
}

/// Appends what stands for `value` between quotes.
fn escape(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests;
