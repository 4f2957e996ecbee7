//! What the catalog says.

use std::sync::Arc;

use gate_packet::{Domain, HEADER_SIZE, MAX_SIZE};
use gate_service::conformance::{self, Message, Script, Subject};
use gate_service::{BoxFuture, Client, Config, Created, Factory, Properties, Registry};

use super::{Catalog, escape, json};
use crate::driven::{Driven, client};

/// A service of which there is nothing but this.
struct Named {
    name: &'static str,
    revision: &'static str,
    is_public: bool,
}

impl Factory for Named {
    fn properties(&self) -> Properties<'_> {
        Properties { name: self.name, revision: self.revision, has_streams: false }
    }

    fn is_discoverable(&self, client: &Client) -> bool {
        self.is_public || client.principal.is_some()
    }

    fn create(&self, config: Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        Catalog.create(config, snapshot)
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    for named in [
        Named { name: "z/private", revision: "1.2.3-rc<4>", is_public: false },
        Named { name: "a&b", revision: "\"0\"", is_public: true },
    ] {
        registry.register(Arc::new(named)).unwrap();
    }
    registry.register(Arc::new(Catalog)).unwrap();
    registry
}

/// Made with Go's `json.Encoder` and `SetIndent("", "\t")`.
const ANONYMOUS: &str = "{\n\t\"services\": [\n\t\t{\n\t\t\t\"name\": \"a\\u0026b\",\n\t\t\t\"revision\": \"\\\"0\\\"\"\n\t\t},\n\t\t{\n\t\t\t\"name\": \"catalog\",\n\t\t\t\"revision\": \"0\"\n\t\t}\n\t]\n}\n";

#[tokio::test]
async fn programs_see_what_they_can_discover() {
    let mut service = Driven::new(&Catalog, Arc::new(client(None)), registry(), b"whatever").await.unwrap();
    assert_eq!(String::from_utf8(service.call(b"json").await.unwrap()).unwrap(), ANONYMOUS);

    let mut service = Driven::new(&Catalog, Arc::new(client(Some("local"))), registry(), &[]).await.unwrap();
    let text = service.call(b"json").await.unwrap();
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(value["services"][2], serde_json::json!({ "name": "z/private", "revision": "1.2.3-rc<4>" }));
    assert_eq!(value["services"].as_array().unwrap().len(), 3);
    assert!(service.save().await.is_empty());
}

#[tokio::test]
async fn other_calls_get_empty_replies() {
    let mut service = Driven::new(&Catalog, Arc::new(client(None)), registry(), &[]).await.unwrap();
    for content in ["", "jso", "json ", "JSON"] {
        assert_eq!(service.call(content.as_bytes()).await.unwrap(), b"", "{content:?}");
    }
    service.send(Domain::Info, b"json").await.unwrap();
    assert_eq!(service.try_next().await.unwrap(), None);
}

#[test]
fn long_listings_are_cut_between_services() {
    let limit = MAX_SIZE as usize - HEADER_SIZE;
    let name = "n".repeat(127);
    let one = Properties { name: &name, revision: &name, has_streams: false };
    let mut complete = 0;
    for count in 0..300 {
        let text = json(std::iter::repeat_n(one, count), limit);
        assert!(text.len() <= limit);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let found = value["services"].as_array().unwrap().len();
        if value.get("truncated").is_none() {
            assert_eq!(found, count);
            complete = count;
        } else {
            assert_eq!(value["truncated"], true);
            assert_eq!(found, complete, "as many as fit");
        }
    }
    assert!((200..299).contains(&complete), "{complete} of 300 fit");
}

#[test]
fn strings_are_escaped_as_go_does() {
    #[track_caller]
    fn check(value: &str, expect: &str) {
        let mut text = String::new();
        escape(&mut text, value);
        assert_eq!(text, expect);
        let back: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
        assert_eq!(back, value);
    }
    check("a\"\\/b", "a\\\"\\\\/b");
    check("<&>\u{2028}\u{2029}", "\\u003c\\u0026\\u003e\\u2028\\u2029");
    check("\0\u{8}\t\n\u{b}\u{c}\r\u{1f}\u{7f}", "\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\u{7f}");
    check("ä漢𝄞", "ä漢𝄞");
}

#[tokio::test]
async fn it_is_a_service() {
    conformance::check(|| {
        let script = Script::new()
            .send(Message::call(b"json"))
            .send(Message::info(b"json"))
            .send(Message::call(b"xml"))
            .until(|program| program.replies() == 2);
        Subject { registry: Arc::new(registry()), ..Subject::new(Arc::new(Catalog), script) }
    })
    .await
    .unwrap();
}
