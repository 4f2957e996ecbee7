//! Tests with real servers.

use gate_packet::{Code, Domain, encode};

use gate_service::conformance::{self, Message, Script, Subject};

use super::message::tests::{call, parse_response, request};
use super::*;
use crate::driven::{Driven, client};
use crate::host::{Host, byte_at};

fn localhost(host: &Host) -> Localhost {
    let address = host.url("").parse().unwrap();
    Localhost::new(address, DEFAULT_TIMEOUT, Some(vec![host.certificate.clone()]))
}

async fn start(host: &Host) -> Driven {
    Driven::start(&localhost(host), &[]).await.unwrap()
}

async fn fetch(service: &mut Driven, call: &[u8]) -> Response {
    let reply = service.call(call).await.unwrap();
    parse_response(&reply).expect("a response")
}

fn get(uri: &str) -> Vec<u8> {
    call(1, Some("GET"), Some(uri), None, None)
}

#[tokio::test]
async fn requests_are_sent_and_answered() {
    let host = Host::http().await;
    let mut service = start(&host).await;
    let response = fetch(&mut service, &get("/head?a#b")).await;
    assert_eq!((response.status, response.content_type.as_deref()), (200, Some("text/plain")));
    let text = String::from_utf8(response.body).unwrap();
    assert_eq!(text, format!("GET /head?a \naccept: */*\nhost: localhost:{}\n", host.port));

    let response = fetch(&mut service, &request("POST", "/echo", "a/b", b"body")).await;
    let expected = Response { status: 200, content_type: Some("a/b".into()), body: b"body".to_vec() };
    assert_eq!(response, expected);

    let response = fetch(&mut service, &call(1, None, Some("//name/head"), None, None)).await;
    let text = String::from_utf8(response.body).unwrap();
    assert!(text.starts_with("GET /head \n") && text.contains("host: name\n"), "{text}");

    let response = fetch(&mut service, &get("/none")).await;
    assert_eq!(response, Response::of(404));
    // It is not followed.
    assert_eq!(fetch(&mut service, &get("/redirect")).await.status, 302);
    let response = fetch(&mut service, &call(1, Some("PUT"), Some("/head"), None, None)).await;
    assert!(String::from_utf8(response.body).unwrap().contains("content-length: 0\n"));
    assert_eq!(host.requests(), 6);
}

#[tokio::test]
async fn https_and_sockets_are_servers_too() {
    let host = Host::https("http/1.1").await;
    let mut service = start(&host).await;
    assert_eq!(fetch(&mut service, &get("/bytes/3")).await.body, [0, 1, 2]);
    // Not trusted.
    let address = host.url("").parse().unwrap();
    let factory = Localhost::new(address, DEFAULT_TIMEOUT, Some(Vec::new()));
    let mut service = Driven::start(&factory, &[]).await.unwrap();
    assert_eq!(fetch(&mut service, &get("/bytes/3")).await, Response::of(502));

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let host = Host::unix(&path);
    let address = format!("unix://{}", path.display()).parse().unwrap();
    let mut service = Driven::start(&Localhost::new(address, DEFAULT_TIMEOUT, None), &[]).await.unwrap();
    let text = String::from_utf8(fetch(&mut service, &get("/head")).await.body).unwrap();
    assert!(text.contains("host: localhost\n"), "{text}");
    assert_eq!(host.requests(), 1);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused() {
    let host = Host::http().await;
    let mut service = start(&host).await;
    for call in [
        request("GET", "http://example.com/", "a/b", b""),
        request("GET", "/%", "a/b", b""),
        request("G T", "/", "a/b", b""),
        request("CONNECT", "/", "a/b", b""),
        request("GET", "/", "a\nb", b""),
    ] {
        assert_eq!(fetch(&mut service, &call).await, Response::of(400));
    }
    for call in [&b""[..], b"json", &[0xff; 100], &call(0, Some("GET"), Some("/head"), None, None)] {
        assert_eq!(service.call(call).await.unwrap(), b"");
    }
    service.send(Domain::Info, b"anything").await.unwrap();
    assert_eq!(host.requests(), 0);
}

#[tokio::test]
async fn failures_of_the_server_are_a_status() {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", unused.local_addr().unwrap()).parse().unwrap();
    drop(unused);
    let mut service = Driven::start(&Localhost::new(address, DEFAULT_TIMEOUT, None), &[]).await.unwrap();
    assert_eq!(fetch(&mut service, &get("/")).await, Response::of(502));

    for answer in [&b""[..], b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"] {
        let host = Host::raw(answer).await;
        assert_eq!(fetch(&mut start(&host).await, &get("/")).await, Response::of(502));
    }
    let host = Host::http().await;
    let mut service = start(&host).await;
    let response = fetch(&mut service, &get("/bytes/65400")).await;
    assert!((0..).zip(&response.body).all(|(position, byte)| *byte == byte_at(position)));
    assert_eq!((response.status, response.body.len()), (200, 65_400));
    for length in [65_520, 65_528, 65_529, 1_000_000] {
        assert_eq!(fetch(&mut service, &get(&format!("/bytes/{length}"))).await, Response::of(502));
    }
}

#[tokio::test(start_paused = true)]
async fn time_is_limited() {
    let host = Host::http().await;
    let mut service = start(&host).await;
    let start = tokio::time::Instant::now();
    assert_eq!(fetch(&mut service, &get("/never")).await, Response::of(502));
    assert_eq!(start.elapsed().as_secs(), DEFAULT_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn as_many_run_at_once_as_are_allowed() {
    let host = Host::http().await;
    let mut service = start(&host).await;
    for _ in 0..MAX_REQUESTS - 1 {
        service.send(Domain::Call, &get("/never")).await.unwrap();
    }
    for number in 0..3 {
        service.send(Domain::Call, &get(&format!("/bytes/{number}"))).await.unwrap();
        let (domain, index, reply) = service.next().await.unwrap();
        assert_eq!((domain, usize::from(index)), (Domain::Call, MAX_REQUESTS - 1));
        assert_eq!(parse_response(&reply).unwrap().body.len(), number);
    }
    service.send(Domain::Call, &get("/never")).await.unwrap();
    // Waits until there is an end to the others.
    let start = tokio::time::Instant::now();
    service.send(Domain::Call, &get("/bytes/1")).await.unwrap();
    assert!(start.elapsed().as_secs() > 50);
    for _ in 0..MAX_REQUESTS {
        let (_, index, reply) = service.next().await.unwrap();
        assert_eq!(index, 0);
        assert_eq!(parse_response(&reply), Some(Response::of(502)));
    }
    assert_eq!(parse_response(&service.reply().await.unwrap()).unwrap().body, [0]);
}

#[tokio::test]
async fn what_is_running_is_finished_and_kept() {
    let host = Host::http().await;
    let mut service = start(&host).await;
    assert_eq!(service.save().await, b"");
    service.send(Domain::Call, &get("/bytes/1")).await.unwrap();
    service.send(Domain::Call, &request("POST", "/echo", "a/b", b"body")).await.unwrap();
    let snapshot = service.save().await;
    // Both the one that was saved and the one elsewhere have the replies.
    let mut other = Driven::start(&localhost(&host), &snapshot).await.unwrap();
    for service in [&mut service, &mut other] {
        let mut bodies = Vec::new();
        for _ in 0..2 {
            let (_, index, reply) = service.next().await.unwrap();
            bodies.push((index, parse_response(&reply).unwrap().body));
        }
        let (first, second) = ((0, vec![0]), (0, b"body".to_vec()));
        assert!(bodies == [first.clone(), second] || bodies == [(1, b"body".to_vec()), first], "{bodies:?}");
    }
    assert_eq!(host.requests(), 2);
    assert_eq!(other.save().await, b"");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_finish_is_sent_again_only_if_it_is_harmless() {
    let host = Host::http().await;
    let mut service = start(&host).await;
    service.send(Domain::Call, &request("POST", "/never", "a/b", b"")).await.unwrap();
    service.send(Domain::Call, &get("/never")).await.unwrap();
    service.send(Domain::Call, b"something else").await.unwrap();
    let start = tokio::time::Instant::now();
    let snapshot = service.save().await;
    assert_eq!(start.elapsed().as_secs(), SAVE_TIME.as_secs());
    assert_eq!(host.requests(), 2);

    let mut service = Driven::start(&localhost(&host), &snapshot).await.unwrap();
    let (_, index, reply) = service.next().await.unwrap();
    assert_eq!((index, &*reply), (2, &b""[..]));
    assert_eq!(parse_response(&service.reply().await.unwrap()), Some(Response::of(502)));
    assert!(tokio::time::timeout(Duration::from_secs(1), service.next()).await.is_err());
    assert_eq!(host.requests(), 3);
}

#[tokio::test]
async fn snapshots_of_other_hosts_are_taken() {
    let host = Host::http().await;
    let mut service = Driven::start(&localhost(&host), &[0, 0]).await.unwrap();
    assert_eq!(fetch(&mut service, &get("/bytes/1")).await.body, [0]);
    // The last packet is padded, and that is left out.
    let mut packet = Vec::new();
    let content = get("/bytes/2");
    encode::packet(&mut packet, Code::Service(0), Domain::Call, 0, &content).unwrap();
    packet.truncate(8 + content.len());
    let snapshot = [&[1], &packet[..], &[1], &[12, 0, 0, 0, 9, 0, 0, 1], b"late"].concat();
    let mut service = Driven::start(&localhost(&host), &snapshot).await.unwrap();
    assert_eq!(service.next().await.unwrap(), (Domain::Call, 1, b"late".to_vec()));
    assert_eq!(parse_response(&service.reply().await.unwrap()).unwrap().body, [0, 1]);
    assert!(matches!(Driven::start(&localhost(&host), &[1]).await, Err(Failure::Snapshot(_))));
    assert!(localhost(&host).is_discoverable(&client(None)));
}

#[tokio::test]
async fn it_is_a_service() {
    let host = Host::http().await;
    conformance::check(|| {
        let script = Script::new()
            .send(Message::call(&get("/bytes/3")))
            .send(Message::info(b"anything"))
            .send(Message::call(b"something else"))
            .send(Message::call(&request("POST", "/echo", "a/b", b"body")))
            .until(|program| program.replies() == 3)
            .send(Message::call(&get("http:")))
            .until(|program| program.replies() == 4);
        Subject::new(Arc::new(localhost(&host)), script)
    })
    .await
    .unwrap();
}
