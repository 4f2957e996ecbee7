//! Tests of calls and replies.

use flatbuffers::WIPOffset;
use proptest::prelude::*;

use super::*;

/// A call as client libraries make it.
pub(in crate::localhost) fn call(
    function: u8,
    method: Option<&str>,
    uri: Option<&str>,
    content_type: Option<&str>,
    body: Option<&[u8]>,
) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let [method, uri, content_type] =
        [method, uri, content_type].map(|text| text.map(|text| builder.create_string(text)));
    let body = body.map(|body| builder.create_vector(body));
    let table = builder.start_table();
    for (number, text) in (0..).zip([method, uri, content_type]) {
        if let Some(text) = text {
            builder.push_slot_always(slot(number), text);
        }
    }
    if let Some(body) = body {
        builder.push_slot_always(slot(3), body);
    }
    let request = builder.end_table(table);
    let table = builder.start_table();
    builder.push_slot(slot(0), function, 0);
    builder.push_slot_always(slot(1), WIPOffset::<()>::new(request.value()));
    let root = builder.end_table(table);
    builder.finish(root, None);
    builder.finished_data().to_vec()
}

/// A request with everything.
pub(in crate::localhost) fn request(method: &str, uri: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    call(1, Some(method), Some(uri), Some(content_type), Some(body))
}

/// What is in the content of a reply.
pub(in crate::localhost) fn parse_response(reply: &[u8]) -> Option<Response> {
    let table = Table::at(reply, reference(reply, 0)?)?;
    let status = table.field(slot(0)).map_or(Some(0), |offset| u16_at(table.table, offset))?;
    let content_type = table.bytes(slot(1))?.map(|text| String::from_utf8(text.to_vec()).unwrap());
    Some(Response { status, content_type, body: table.bytes(slot(2))?.unwrap_or_default().to_vec() })
}

#[test]
fn a_request_is_read() {
    let call = request("PUT", "/path", "a/b", b"body");
    let expected = Request { method: "PUT", uri: "/path", content_type: Some("a/b"), body: b"body" };
    assert_eq!(parse(&call), Some(expected));
}

#[test]
fn fields_can_be_missing() {
    let call = call(1, None, None, None, None);
    assert_eq!(parse(&call), Some(Request { method: "", uri: "", content_type: None, body: b"" }));
}

#[test]
fn another_function_is_none() {
    for function in [0, 2, 255] {
        assert_eq!(parse(&call(function, Some("GET"), None, None, None)), None);
    }
}

/// As the schema compiler lays it out, written by hand.
#[test]
fn the_layout_is_that_of_flatbuffers() {
    let call = [
        &[12, 0, 0, 0][..],         // the root is at 12
        &[8, 0, 12, 0, 7, 0, 8, 0], // directory at 4: 8 bytes, table of 12, fields at 7 and 8
        &[8, 0, 0, 0, 0, 0, 0, 1],  // table at 12, its directory 8 before; type 1 at 19
        &[12, 0, 0, 0],             // at 20: value 12 further
        &[6, 0, 8, 0, 4, 0, 0, 0],  // directory at 24: 6 bytes, table of 8, field at 4
        &[8, 0, 0, 0],              // table at 32, its directory 8 before
        &[4, 0, 0, 0],              // at 36: method 4 further
        &[3, 0, 0, 0],
        b"GET\0", // at 40
    ]
    .concat();
    assert_eq!(parse(&call), Some(Request { method: "GET", uri: "", content_type: None, body: b"" }));
    for len in 0..call.len() - 1 {
        assert_eq!(parse(&call[..len]), None, "{len} bytes");
    }
}

#[test]
fn text_is_utf8() {
    let mut call = request("GET", "/pa\u{fc}th", "", b"");
    let position = call.iter().position(|byte| *byte == 0xc3).unwrap();
    assert!(parse(&call).is_some());
    call[position] = 0xff;
    assert_eq!(parse(&call), None);
}

#[test]
fn nothing_is_added_to_a_status() {
    let mut short = response(&Response::of(404));
    assert!(short.len() <= 24);
    assert_eq!(parse_response(&short), Some(Response::of(404)));
    short.truncate(10);
    assert_eq!(parse_response(&short), None);
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        method in proptest::option::of(".{0,9}"), uri in proptest::option::of(".{0,99}"),
        content_type in proptest::option::of(".{0,9}"), body in proptest::option::of(prop::collection::vec(any::<u8>(), 0..99)),
    ) {
        let call = call(1, method.as_deref(), uri.as_deref(), content_type.as_deref(), body.as_deref());
        let expected = Request {
            method: method.as_deref().unwrap_or_default(),
            uri: uri.as_deref().unwrap_or_default(),
            content_type: content_type.as_deref(),
            body: body.as_deref().unwrap_or_default(),
        };
        prop_assert_eq!(parse(&call), Some(expected));
    }

    #[test]
    fn responses_are_read_again(status: u16, content_type in proptest::option::of(".{0,9}"), body: Vec<u8>) {
        let expected = Response { status, content_type, body };
        prop_assert_eq!(parse_response(&response(&expected)), Some(expected));
    }

    #[test]
    fn anything_is_read_or_refused(call: Vec<u8>) {
        let _ = parse(&call);
    }

    #[test]
    fn what_is_damaged_is_read_or_refused(changes: [(prop::sample::Index, u8); 3]) {
        let mut call = request("GET", "/path", "a/b", b"body");
        for (position, byte) in changes {
            let position = position.index(call.len());
            call[position] = byte;
            let _ = parse(&call);
        }
    }
}
