//! Tests of calls and replies.

use proptest::prelude::*;

use super::*;

fn call(method: &[u8], url: &[u8], headers: &[(&[u8], &[u8])], length: u64) -> Vec<u8> {
    let mut call = vec![OPERATION_REQUEST, u8::try_from(method.len()).unwrap()];
    call.extend_from_slice(&u16::try_from(url.len()).unwrap().to_le_bytes());
    call.extend_from_slice(&u16::try_from(headers.len()).unwrap().to_le_bytes());
    call.extend_from_slice(&[0, 0]);
    call.extend_from_slice(&length.to_le_bytes());
    call.extend_from_slice(&1234_u32.to_le_bytes());
    call.extend_from_slice(method);
    call.extend_from_slice(url);
    for (name, value) in headers {
        call.push(u8::try_from(name.len()).unwrap());
        call.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
        call.extend_from_slice(name);
        call.extend_from_slice(value);
    }
    call
}

const URL: &[u8] = b"https://example.com/";

#[test]
fn a_request_is_read() {
    let headers: [(&[u8], &[u8]); 3] = [(b"A-b", b"c"), (b"ACCEPT", b"x/y"), (b"a-B", b"\xff")];
    let request = parse_request(&call(b"GET", b"HTTPS://Example.COM:443/a b?c#d", &headers, 7));
    assert_eq!(request.unwrap_err(), ErrorNumber::BadRequest);
    let request = parse_request(&call(b"GET", b"HTTPS://Example.COM:443/a%20b?c#d", &headers, 7)).unwrap();
    assert_eq!((request.method, request.url.as_str()), (Method::GET, "https://example.com/a%20b?c"));
    assert_eq!((request.length, request.timeout_ms), (Length::Exactly(7), 1234));
    assert_eq!(request.headers.get_all("a-b").iter().collect::<Vec<_>>(), ["c".as_bytes(), b"\xff"]);
    assert_eq!(request.headers.get_all("accept").iter().collect::<Vec<_>>(), ["x/y"]);
    assert_eq!(parse_request(&call(b"PUT", URL, &[], 0)).unwrap().length, Length::None);
    assert_eq!(parse_request(&call(b"PUT", URL, &[], u64::MAX)).unwrap().length, Length::Unknown);
}

#[test]
fn a_request_makes_sense() {
    #[track_caller]
    fn check(call: &[u8]) {
        assert_eq!(parse_request(call).unwrap_err(), ErrorNumber::BadRequest);
    }
    for method in [&b""[..], b"CONNECT", b"G T", b"G\nT", &[b'A'; 33]] {
        check(&call(method, URL, &[], 0));
    }
    let long = [URL, &[b'a'; MAX_URL_BYTES - URL.len() + 1]].concat();
    for url in [
        &b""[..],
        b"example.com",
        b"/path",
        b"//example.com/",
        b"ftp://example.com/",
        b"file:///etc/passwd",
        b"https://",
        b"https://user@example.com/",
        b"https://user:password@example.com/",
        b"https://:password@example.com/",
        b"https://example.com/\n",
        b" https://example.com/",
        b"https://example.com/\xff",
        b"https://exa mple.com/",
        b"https://example.com:99999/",
        b"https://[::1/",
        b"data:,a",
        b"unix:///socket",
        &long,
    ] {
        check(&call(b"GET", url, &[], 0));
    }
    for name in [
        &b"Host"[..],
        b"content-length",
        b"Transfer-Encoding",
        b"connection",
        b"Keep-Alive",
        b"upgrade",
        b"TE",
        b"trailer",
        b"expect",
        b"http2-settings",
        b"Proxy-Authorization",
        b"proxy-connection",
        b"",
        b"a b",
        b"a:",
        b":path",
    ] {
        check(&call(b"GET", URL, &[(name, b"value")], 0));
    }
    for value in [&b"a\r\nb"[..], b"a\nb", b"a\0", b"\x7f"] {
        check(&call(b"GET", URL, &[(b"name", value)], 0));
    }
    let header: (&[u8], &[u8]) = (b"a", b"b");
    assert!(parse_request(&call(b"GET", URL, &[header; MAX_HEADERS], 0)).is_ok());
    check(&call(b"GET", URL, &[header; MAX_HEADERS + 1], 0));

    let whole = call(b"GET", URL, &[(b"a", b"b"), (b"c", b"d")], 0);
    for len in 0..whole.len() {
        check(&whole[..len]);
    }
    check(&[&whole[..], b"a"].concat());
    for reserved in [6, 7] {
        let mut call = whole.clone();
        call[reserved] = 1;
        check(&call);
    }
}

#[test]
fn a_call_for_a_response_makes_sense() {
    assert_eq!(parse_response_call(&[1, 0, 0, 0, 4, 3, 2, 1]), Some(0x0102_0304));
    for call in [&[1][..], &[1, 0, 0, 0, 1, 2, 3], &[1, 0, 0, 0, 1, 2, 3, 4, 5], &[1, 1, 0, 0, 1, 2, 3, 4]] {
        assert_eq!(parse_response_call(call), None);
    }
}

#[test]
fn replies_are_laid_out_as_documented() {
    assert_eq!(request_reply(Ok(0x0102)), [0, 0, 0, 0, 2, 1, 0, 0]);
    assert_eq!(request_reply(Err(ErrorNumber::TooMany)), [4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(error_reply(ErrorNumber::Lost), [12, 0, 0, 0, 0, 0, 0, 0]);
    let mut headers = HeaderMap::new();
    headers.append("Name", HeaderValue::from_static("ab"));
    headers.append("transfer-encoding", HeaderValue::from_static("chunked"));
    headers.append("name", HeaderValue::from_static(""));
    let expected = [&[0, 0, 0x94, 1, 2, 0, 0, 0][..], b"\x04\x02\0nameab", b"\x04\0\0name"].concat();
    let status = StatusCode::NOT_FOUND;
    assert_eq!(head(status, &headers, expected.len()).unwrap(), expected);
    assert_eq!(head(status, &headers, expected.len() - 1), Err(ErrorNumber::TooLarge));
    headers.append(HeaderName::from_bytes(&[b'a'; 256]).unwrap(), HeaderValue::from_static(""));
    assert_eq!(head(status, &headers, 65_528), Err(ErrorNumber::TooLarge));
}

#[test]
fn numbers_are_those_of_errors() {
    for number in 0..100 {
        if let Some(error) = ErrorNumber::from_end(number) {
            assert_eq!(error.number(), number);
        }
    }
}

proptest! {
    #[test]
    fn anything_is_read_or_refused(content: Vec<u8>) {
        let _ = parse_request(&content);
        let _ = parse_response_call(&content);
    }

    #[test]
    fn what_is_almost_a_request_is_read_or_refused(position: prop::sample::Index, byte: u8) {
        let mut call = call(b"GET", URL, &[(b"a", b"b")], 0);
        let position = position.index(call.len());
        call[position] = byte;
        if let Ok(request) = parse_request(&call) {
            prop_assert!(matches!(request.url.scheme(), "http" | "https"));
            prop_assert!(request.url.has_host());
        }
    }
}
