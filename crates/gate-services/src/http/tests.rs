//! Tests with a program that is written out here, and real servers.

mod conformance;
mod lives;
mod model;
mod program;

use std::time::Duration;

use program::{Program, config, request};

use super::*;
use crate::driven::{Driven, client};
use crate::host::{Host, byte_at};

const OK: i16 = 0;

#[track_caller]
fn number(error: ErrorNumber) -> i16 {
    error.number()
}

#[tokio::test]
async fn a_request_is_sent_and_answered() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    let headers = [("X-One", "1"), ("x-two", "2"), ("X-One", "3")];
    let call = request("GET", &host.url("/head?a=b&c#fragment"), &headers, 0);
    let id = program.begin(&call).await.unwrap();
    assert_eq!(id, 0);
    let (error, status, headers) = program.response(id).await;
    assert_eq!((error, status), (OK, 200));
    assert!(headers.contains(&("content-type".into(), "text/plain".into())), "{headers:?}");
    let (body, note) = program.read(id, 10).await;
    let text = String::from_utf8(body).unwrap();
    assert_eq!(note, 0);
    assert!(text.starts_with("GET /head?a=b&c \n"), "{text}");
    assert!(text.contains("x-one: 1\nx-one: 3\n") && text.contains("x-two: 2\n"), "{text}");
    assert!(text.contains(&format!("host: localhost:{}\n", host.port)), "{text}");
    assert!(text.contains("accept: */*\n"), "{text}");
    assert!(!text.contains("user-agent") && !text.contains("content-length"), "{text}");
    program.close(id).await;
    // The stream is closed, and its id free.
    assert_eq!(program.begin(&call).await, Ok(0));
    assert_eq!(program.begin(&call).await, Ok(1));
}

#[tokio::test]
async fn bodies_are_streamed_both_ways() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    for length in [300_000, u64::MAX] {
        let call = request("POST", &host.url("/echo"), &[("content-type", "a/b")], length);
        let id = program.begin(&call).await.unwrap();
        let sent: Vec<u8> = (0..300_000).map(byte_at).collect();
        let (first, rest) = sent.split_at(100_000);
        program.write(id, first).await;
        // The head comes before the request has ended.
        let (error, status, headers) = program.response(id).await;
        assert_eq!((error, status), (OK, 200));
        assert!(headers.contains(&("content-type".into(), "a/b".into())), "{headers:?}");
        program.flow(id, 1_000_000).await;
        program.write(id, rest).await;
        program.end(id).await;
        let (body, note) = program.read(id, 0).await;
        assert!(body == sent, "{} bytes came back", body.len());
        assert_eq!(note, 0);
        program.close(id).await;
        program.expect_flow_end(id).await;
    }
}

#[tokio::test]
async fn nothing_is_sent_without_credit() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    let id = program.begin(&request("GET", &host.url("/bytes/200000"), &[], 0)).await.unwrap();
    assert_eq!(program.response(id).await.1, 200);
    program.settle().await;
    assert_eq!(program.received(id), (0, None));
    program.flow(id, 1000).await;
    program.settle().await;
    assert_eq!(program.received(id), (1000, None));
    program.flow(id, 70_000).await;
    program.settle().await;
    assert_eq!(program.received(id), (71_000, None));
    let (body, note) = program.read(id, 4096).await;
    assert_eq!((body.len(), note), (200_000, 0));
    assert!(body.iter().enumerate().all(|(position, byte)| *byte == byte_at(position)));
}

#[tokio::test]
async fn the_end_needs_no_credit() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    for length in [0, 1, 5000] {
        let url = host.url(&format!("/bytes/{length}"));
        let id = program.begin(&request("GET", &url, &[], 0)).await.unwrap();
        assert_eq!(program.response(id).await.1, 200);
        if length > 0 {
            program.flow(id, length).await;
        }
        assert_eq!(program.read(id, 0).await.1, 0);
        program.close(id).await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_read_gets_no_more_than_fits_on_the_way() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    let id = program.begin(&request("POST", &host.url("/never"), &[], u64::MAX)).await.unwrap();
    let mut sent = 0;
    while let Some(credit) = program.credit_within(id, Duration::from_millis(300)).await {
        sent += credit;
        program.data(id, &vec![7; credit]).await;
        assert!(sent < 64 << 20, "there is no end of credit");
    }
    assert!(sent >= 65_520);
}

#[tokio::test]
async fn a_server_can_answer_early() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    let id = program.begin(&request("POST", &host.url("/early"), &[], u64::MAX)).await.unwrap();
    program.data(id, b"some").await;
    let (error, status, _) = program.response(id).await;
    assert_eq!((error, status), (OK, 413));
    assert_eq!(program.read(id, 10).await, (Vec::new(), 0));
    program.expect_flow_end(id).await;
    // There is credit left.
    program.data(id, b"more").await;
    program.data(id, b"").await;
    program.close(id).await;
    assert_eq!(program.begin(&request("GET", &host.url("/head"), &[], 0)).await, Ok(0));
}

#[tokio::test]
async fn responses_come_in_any_order() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    let never = program.begin(&request("GET", &host.url("/never"), &[], 0)).await.unwrap();
    let first = program.begin(&request("GET", &host.url("/bytes/1"), &[], 0)).await.unwrap();
    program.ask(never).await;
    let (error, status, _) = program.response(first).await;
    assert_eq!((error, status), (OK, 200));
    // Replies that come at once pass those that wait, too.
    let second = program.begin(&request("GET", &host.url("/bytes/2"), &[], 0)).await.unwrap();
    assert_eq!(program.response(second).await.1, 200);
    assert_eq!(program.response(99).await.0, number(ErrorNumber::State));
    assert_eq!(program.response(never).await.0, number(ErrorNumber::State));
    program.close(never).await;
    assert_eq!(program.reply_of(never).await.0, number(ErrorNumber::GivenUp));
    assert_eq!(program.read(never, 0).await, (Vec::new(), 11));
}

#[tokio::test]
async fn redirects_are_given_to_the_program() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    let id = program.begin(&request("GET", &host.url("/redirect"), &[], 0)).await.unwrap();
    let (error, status, headers) = program.response(id).await;
    assert_eq!((error, status), (OK, 302));
    assert!(headers.contains(&("location".into(), "http://169.254.169.254/".into())));
    assert_eq!(host.requests(), 1);
}

#[tokio::test]
async fn both_versions_are_spoken_over_tls() {
    for protocol in ["http/1.1", "h2"] {
        let host = Host::https(protocol).await;
        let mut program = Program::new(config(&host)).await;
        let id = program.begin(&request("PUT", &host.url("/echo"), &[], 5)).await.unwrap();
        program.data(id, b"hello").await;
        program.data(id, b"").await;
        let (error, status, _) = program.response(id).await;
        assert_eq!((error, status), (OK, 200), "{protocol}");
        assert_eq!(program.read(id, 3).await, (b"hello".to_vec(), 0));
        program.close(id).await;

        let id = program.begin(&request("GET", &host.url("/head"), &[], 0)).await.unwrap();
        assert_eq!(program.response(id).await.1, 200);
        let text = String::from_utf8(program.read(id, 1000).await.0).unwrap();
        assert!(text.contains(&format!("localhost:{}", host.port)), "{text}");
    }
}

#[tokio::test]
async fn certificates_are_checked() {
    let host = Host::https("h2").await;
    let other = Host::https("h2").await;
    let mut untrusting = config(&host);
    untrusting.authorities = Some(vec![other.certificate.clone(), b"no certificate".to_vec()]);
    let mut program = Program::new(untrusting).await;
    let id = program.begin(&request("GET", &host.url("/head"), &[], 0)).await.unwrap();
    assert_eq!(program.response(id).await.0, number(ErrorNumber::Tls));
    // The name is another one.
    let mut config = config(&host);
    config.policy.rules.push("https://127.0.0.1:*".parse().unwrap());
    let mut program = Program::new(config).await;
    let url = format!("https://127.0.0.1:{}/", host.port);
    let id = program.begin(&request("GET", &url, &[], 0)).await.unwrap();
    assert_eq!(program.response(id).await.0, number(ErrorNumber::Tls));
    assert_eq!(program.read(id, 0).await, (Vec::new(), 8));
    assert_eq!((host.requests(), other.requests()), (0, 0));

    let plain = Host::http().await;
    let mut config = self::config(&plain);
    config.policy.rules = vec![Rule::allow_private_addresses("localhost:*".parse().unwrap())];
    let mut program = Program::new(config).await;
    let url = format!("https://localhost:{}/", plain.port);
    let id = program.begin(&request("GET", &url, &[], 0)).await.unwrap();
    assert_eq!(program.response(id).await.0, number(ErrorNumber::Tls));
}

#[tokio::test]
async fn only_what_is_allowed_is_connected_to() {
    let host = Host::http().await;
    let port = host.port;
    let rules = |rules: &[&str]| Policy { rules: rules.iter().map(|rule| rule.parse().unwrap()).collect() };
    // The name leads to an address of this host.
    let mut program = Program::new(Config::new(rules(&["http://localhost:*", "http://*:*"]))).await;
    let id = program.begin(&request("GET", &host.url("/head"), &[], 0)).await.unwrap();
    assert_eq!(program.response(id).await.0, number(ErrorNumber::PrivateAddress));
    assert_eq!(program.read(id, 0).await.1, i32::from(number(ErrorNumber::PrivateAddress)));
    for address in ["127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let url = format!("http://{address}:{port}/head");
        let begun = program.begin(&request("GET", &url, &[], 0)).await;
        assert_eq!(begun, Err(number(ErrorNumber::PrivateAddress)), "{address}");
    }
    let url = "https://example.com/";
    assert_eq!(program.begin(&request("GET", url, &[], 0)).await, Err(number(ErrorNumber::NotAllowed)));
    assert_eq!(host.requests(), 0);

    // An address that is named is meant.
    let mut program = Program::new(Config::new(rules(&["http://127.0.0.1:*"]))).await;
    let url = format!("http://127.0.0.1:{port}/head");
    let id = program.begin(&request("GET", &url, &[], 0)).await.unwrap();
    assert_eq!(program.response(id).await.1, 200);
}

#[tokio::test]
async fn servers_that_are_not_there_are_errors() {
    let rules = ["http://127.0.0.1:*", "http://*.invalid"].map(|rule| rule.parse().unwrap()).to_vec();
    let mut program = Program::new(Config::new(Policy { rules })).await;
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", unused.local_addr().unwrap());
    drop(unused);
    let id = program.begin(&request("GET", &url, &[], 0)).await.unwrap();
    assert_eq!(program.response(id).await.0, number(ErrorNumber::Connect));
    let id = program.begin(&request("GET", "http://no.such.invalid/", &[], 0)).await.unwrap();
    assert_eq!(program.response(id).await.0, number(ErrorNumber::Name));
}

#[tokio::test]
async fn servers_that_break_off_are_errors() {
    for (answer, is_answered) in [
        (&b""[..], false),
        (b"220 mail.example.com ESMTP\r\n", false),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", false),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", true),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", true),
    ] {
        let host = Host::raw(answer).await;
        let mut program = Program::new(config(&host)).await;
        let id = program.begin(&request("GET", &host.url("/"), &[], 0)).await.unwrap();
        let broken = number(ErrorNumber::Broken);
        let (error, status, headers) = program.response(id).await;
        if is_answered {
            assert_eq!((error, status), (OK, 200));
            assert!(!headers.iter().any(|(name, _)| name == "transfer-encoding"));
            assert_eq!(program.read(id, 10).await, (b"abc".to_vec(), broken.into()));
        } else {
            assert_eq!((error, status), (broken, 0));
            assert_eq!(program.read(id, 10).await, (Vec::new(), broken.into()));
        }
        program.close(id).await;
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let host = Host::http().await;
    let mut config = config(&host);
    (config.max_request_body, config.max_response_body, config.max_requests) = (1000, 1000, 4);
    let mut program = Program::new(config).await;
    let too_large = number(ErrorNumber::TooLarge);
    let call = |length| request("POST", &host.url("/length"), &[], length);
    assert_eq!(program.begin(&call(1001)).await, Err(too_large));

    let id = program.begin(&call(u64::MAX)).await.unwrap();
    program.data(id, &[0; 1001]).await;
    assert_eq!(program.response(id).await.0, too_large);
    let id = program.begin(&call(1000)).await.unwrap();
    program.data(id, &[0; 1000]).await;
    program.data(id, b"").await;
    assert_eq!(program.response(id).await.1, 200);
    assert_eq!(program.read(id, 10).await, (b"1000".to_vec(), 0));

    let id = program.begin(&request("GET", &host.url("/bytes/1001"), &[], 0)).await.unwrap();
    assert_eq!(program.response(id).await.1, 200);
    assert_eq!(program.read(id, 2000).await.1, i32::from(too_large));
    // Streams that are not closed count.
    let id = program.begin(&request("GET", &host.url("/headers/800"), &[], 0)).await.unwrap();
    assert_ne!(program.response(id).await.0, OK);
    assert_eq!(program.begin(&call(0)).await, Err(number(ErrorNumber::TooMany)));
}

#[tokio::test]
async fn a_head_that_fits_into_no_packet_is_an_error() {
    let host = Host::http().await;
    let long = Box::leak(
        format!("HTTP/1.1 200 OK\r\n{}\r\n", format!("a: {}\r\n", "v".repeat(1000)).repeat(70))
            .into_boxed_str(),
    );
    let raw = Host::raw(long.as_bytes()).await;
    let mut program = Program::new(config(&raw)).await;
    let id = program.begin(&request("GET", &raw.url("/"), &[], 0)).await.unwrap();
    assert_eq!(program.response(id).await.0, number(ErrorNumber::TooLarge));
    let mut program = Program::new(config(&host)).await;
    let id = program.begin(&request("GET", &host.url("/headers/90"), &[], 0)).await.unwrap();
    let (error, status, headers) = program.response(id).await;
    assert_eq!((error, status), (OK, 200));
    assert_eq!(headers.iter().filter(|(name, value)| name == "x-many" && value.len() == 94).count(), 90);
}

#[tokio::test]
async fn a_body_has_the_length_that_was_said() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    let broken = number(ErrorNumber::Broken);
    let id = program.begin(&request("POST", &host.url("/length"), &[], 5)).await.unwrap();
    program.data(id, b"four").await;
    program.data(id, b"").await;
    assert_eq!(program.response(id).await.0, broken);
    let id = program.begin(&request("POST", &host.url("/length"), &[], 5)).await.unwrap();
    program.data(id, b"sixsix").await;
    assert_eq!(program.response(id).await.0, broken);
    assert_eq!(program.read(id, 1).await, (Vec::new(), broken.into()));
    for (length, expected) in [(3, "content-length: 3\n"), (u64::MAX, "transfer-encoding: chunked\n")] {
        let id = program.begin(&request("POST", &host.url("/head"), &[], length)).await.unwrap();
        program.data(id, b"abc").await;
        program.end(id).await;
        assert_eq!(program.response(id).await.1, 200);
        let text = String::from_utf8(program.read(id, 1000).await.0).unwrap();
        assert!(text.contains(expected), "{text}");
    }
    for (method, length) in [("POST", "0"), ("DELETE", "none")] {
        let id = program.begin(&request(method, &host.url("/head"), &[], 0)).await.unwrap();
        assert_eq!(program.response(id).await.1, 200);
        let text = String::from_utf8(program.read(id, 1000).await.0).unwrap();
        assert_eq!(text.contains(&format!("content-length: {length}")), length == "0", "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn time_is_limited() {
    let host = Host::http().await;
    let mut config = config(&host);
    config.timeout = Duration::from_secs(1000);
    // There is no name to be resolved: the clock would not wait for that.
    config.policy.rules = vec![format!("http://127.0.0.1:{}", host.port).parse().unwrap()];
    let url = host.url("/never").replace("localhost", "127.0.0.1");
    let mut program = Program::new(config).await;
    let start = tokio::time::Instant::now();
    let mut call = request("GET", &url, &[], 0);
    let id = program.begin(&call).await.unwrap();
    assert_eq!(program.response(id).await.0, number(ErrorNumber::Timeout));
    assert_eq!(start.elapsed().as_secs(), DEFAULT_IDLE_TIMEOUT.as_secs());
    assert_eq!(program.read(id, 0).await.1, 9);

    call[16..20].copy_from_slice(&5000_u32.to_le_bytes());
    let start = tokio::time::Instant::now();
    let id = program.begin(&call).await.unwrap();
    assert_eq!(program.response(id).await.0, number(ErrorNumber::Timeout));
    assert_eq!(start.elapsed().as_secs(), 5);

    // Something moves, but it takes too long as a whole.
    let start = tokio::time::Instant::now();
    let id = program.begin(&request("POST", &url, &[], u64::MAX)).await.unwrap();
    while start.elapsed().as_secs() < 990 {
        program.data(id, b"a").await;
        program.settle().await;
        tokio::time::advance(Duration::from_secs(30)).await;
    }
    assert_eq!(program.response(id).await.0, number(ErrorNumber::Timeout));
    assert_eq!(start.elapsed().as_secs(), 1000);
}

#[tokio::test]
async fn giving_up_ends_the_connection() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    let id = program.begin(&request("GET", &host.url("/bytes/1000000"), &[], 0)).await.unwrap();
    assert_eq!(program.response(id).await.1, 200);
    program.flow(id, 100).await;
    program.settle().await;
    program.close(id).await;
    let (body, note) = program.read(id, 0).await;
    assert_eq!((body.len(), note), (100, 11));
    assert_eq!(program.begin(&request("GET", &host.url("/head"), &[], 0)).await, Ok(0));
}

#[tokio::test]
async fn what_makes_no_sense_is_answered() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    assert_eq!(program.call(b"").await, b"");
    assert_eq!(program.call(&[2, 0, 0, 0]).await, b"");
    assert_eq!(program.call(&[1]).await, message::error_reply(ErrorNumber::State));
    assert_eq!(program.call(&[0]).await, message::request_reply(Err(ErrorNumber::BadRequest)));
    program.send(Domain::Info, b"anything").await.unwrap();
}

#[tokio::test]
async fn the_protocol_is_kept() {
    let host = Host::http().await;
    let flow = |id: i32, value: i32| [id.to_le_bytes(), value.to_le_bytes()].concat();
    let data = |id: i32, bytes: &[u8]| [&id.to_le_bytes()[..], &[0; 4], bytes].concat();
    for (packets, reason) in [
        (vec![(Domain::Flow, flow(1, 1))], "stream 1: it does not exist"),
        (vec![(Domain::Flow, flow(-1, 1))], "stream -1: it does not exist"),
        (vec![(Domain::Data, data(1, b"a"))], "stream 1: it does not exist"),
        // It has no body.
        (vec![(Domain::Data, data(2, b"a"))], "stream 2: it does not exist"),
        (vec![(Domain::Flow, [flow(0, i32::MAX), flow(0, 1)].concat())], "1 bytes of credit are added"),
        (vec![(Domain::Flow, [flow(0, 0), flow(0, 1)].concat())], "flow of 1 after the end"),
        (vec![(Domain::Data, data(0, &[0; 65_520])), (Domain::Data, data(0, b"a"))], "(0 were granted)"),
        (vec![(Domain::Data, data(0, b"")), (Domain::Data, data(0, b""))], "after the end of data"),
    ] {
        let mut program = Program::new(config(&host)).await;
        assert_eq!(program.begin(&request("POST", &host.url("/echo"), &[], u64::MAX)).await, Ok(0));
        assert_eq!(program.begin(&request("GET", &host.url("/gone"), &[], 0)).await, Ok(1));
        assert_eq!(program.begin(&request("GET", &host.url("/never"), &[], 0)).await, Ok(2));
        program.response(1).await;
        program.read(1, 0).await;
        program.close(1).await;
        program.settle().await;
        let mut result = Ok(());
        for (domain, content) in packets {
            assert!(result.is_ok());
            result = program.send(domain, &content).await;
        }
        let Err(Failure::Program(found)) = result else { panic!("{reason}: {result:?}") };
        assert!(found.contains(reason), "{found}");
    }
}

#[tokio::test]
async fn it_is_there_if_a_server_is_allowed() {
    assert!(!Http::new(Config::new(Policy::default())).is_discoverable(&client(None)));
    let policy = Policy { rules: vec!["example.com".parse().unwrap()] };
    assert!(Http::new(Config::new(policy)).is_discoverable(&client(None)));
    assert!(Driven::start(&Http::new(Config::new(Policy::default())), &[]).await.is_ok());
}
