//! Tests of requests and responses as bytes.

use flatbuffers::FlatBufferBuilder;

use super::*;
use crate::fake::{Event, FakeHost};
use crate::run_with;

#[test]
fn a_request_has_its_fields_in_order() {
    let body = [1, 2, 3];
    let request = LocalhostRequest { method: "PUT", uri: "/x?y", content_type: None, body: Some(&body) };
    let buffer = encode(&request);
    let call = Table::root(&buffer).unwrap();
    assert_eq!(call.u8(0), Some(1));
    let request = call.table(1).unwrap();
    assert_eq!(request.bytes(0), Some(&b"PUT"[..]));
    assert_eq!(request.bytes(1), Some(&b"/x?y"[..]));
    assert_eq!(request.bytes(2), None);
    assert_eq!(request.bytes(3), Some(&body[..]));
}

#[test]
fn a_response_is_read() {
    let host = FakeHost::new(|event, sender| {
        if let Event::Call(name, content) = event {
            let path = Table::root(content).unwrap().table(1).unwrap().bytes(1).unwrap();
            let reply = match path {
                b"/" => {
                    let mut builder = FlatBufferBuilder::new();
                    let kind = builder.create_string("text/plain");
                    let body = builder.create_vector(b"hello");
                    let table = builder.start_table();
                    builder.push_slot_always(4, 200_u16);
                    builder.push_slot_always(6, kind);
                    builder.push_slot_always(8, body);
                    let root = builder.end_table(table);
                    builder.finish_minimal(root);
                    builder.finished_data().to_vec()
                }
                b"/nonsense" => b"nonsense".to_vec(),
                _ => Vec::new(),
            };
            sender.reply(name, 0, &reply);
        }
    });
    run_with(host, |gate| async move {
        let localhost = Localhost::new(&gate);
        let request = |uri| LocalhostRequest { method: "GET", uri, content_type: Some("a"), body: None };
        let expected = LocalhostResponse {
            status: 200,
            content_type: Some("text/plain".into()),
            body: b"hello".to_vec(),
        };
        assert_eq!(localhost.send(&request("/")).await, Ok(expected));
        assert_eq!(localhost.send(&request("/nonsense")).await, Err(ServiceError::Reply { service: NAME }));
        assert_eq!(localhost.send(&request("/no")).await, Err(ServiceError::Unsupported { service: NAME }));
    });
}
