//! Tests of what is sent to services, and what becomes of their replies, as bytes.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::future::Future;
use core::time::Duration;

use super::http::{HttpError, Request};
use super::kv::{Entry, Found, KvError, Listing, Query, Usage};
use super::log::{Line, LogError, Severity};
use super::peer::PeerError;
use super::*;
use crate::fake::{Event, FakeHost};
use crate::gate::Gate;
use crate::{run_with, Wait};

/// Has a program make one call, checks its content, and returns what the program makes of the reply.
#[track_caller]
fn exchange<T, F: Future<Output = T>>(call: &[u8], reply: &[u8], program: impl FnOnce(Gate) -> F) -> T {
    let reply = reply.to_vec();
    let host = FakeHost::new(move |event, sender| {
        if let Event::Call(name, _) = event {
            sender.reply(name, 0, &reply);
        }
    });
    let log = host.clone();
    let value = run_with(host, program);
    let calls: Vec<_> = log.packets().into_iter().collect();
    match &calls[..] {
        [Event::Call(_, content), ..] => assert_eq!(content, call),
        other => panic!("{other:?}"),
    }
    value
}

#[track_caller]
fn check<T: Debug + PartialEq, F: Future<Output = T>>(
    call: &[u8],
    reply: &[u8],
    program: impl FnOnce(Gate) -> F,
    expected: T,
) {
    assert_eq!(exchange(call, reply, program), expected);
}

/// The bytes of a reply or call, in parts.
fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn catalog() {
    let json = |gate: Gate| async move { Catalog::new(&gate).json().await };
    check(b"json", b"{}\n", json, Ok("{}\n".into()));
    check(b"json", b"", json, Err(ServiceError::Unsupported { service: "catalog" }));
}

#[test]
fn identity() {
    check(
        &[0],
        b"local",
        |gate| async move { Identity::new(&gate).principal().await },
        Ok(Some("local".into())),
    );
    check(&[1], b"", |gate| async move { Identity::new(&gate).instance().await }, Ok(None));
}

#[test]
fn scope() {
    let restrict = |gate: Gate| async move { Scope::new(&gate).restrict(&[SYSTEM]).await };
    check(b"\x00\x01\x0eprogram:system", &[0, 0], restrict, Ok(()));
    check(
        b"\x00\x01\x0eprogram:system",
        b"",
        restrict,
        Err(ServiceError::Unsupported { service: "scope" }.into()),
    );
    check(&[0, 0], &[0, 0], |gate| async move { Scope::new(&gate).restrict(&[]).await }, Ok(()));
    // The service would end the program for these.
    run_with(FakeHost::new(|_, _| {}), |gate| async move {
        let long = "x".repeat(256);
        for name in ["", ":a", "a:", "a::b", "a b", "ä", &long] {
            let error = ScopeError::Name { position: 1 };
            assert_eq!(Scope::new(&gate).restrict(&["fine", name]).await, Err(error), "{name}");
        }
        let error = ScopeError::TooMany { found: 256 };
        assert_eq!(Scope::new(&gate).restrict(&["a"; 256]).await, Err(error));
    });
}

#[test]
fn random_bytes_come_in_parts() {
    let mut calls = 0;
    let host = FakeHost::new(move |event, sender| {
        if let Event::Call(_, content) = event {
            let replies: [(u8, &[u8]); 4] = [(4, b"ab"), (2, b""), (2, b"c"), (1, b"d")];
            assert_eq!(*content, [replies[calls].0]);
            sender.reply("random", 0, replies[calls].1);
            calls += 1;
        }
    });
    let log = host.clone();
    run_with(host, |gate| async move {
        assert_eq!(Random::new(&gate).bytes().await, Ok(*b"abcd"));
    });
    assert!(log.events().contains(&Event::Wait(Wait::AtMost(Duration::from_millis(50)))));
}

#[test]
fn random_bytes_that_were_given_up_are_for_the_next() {
    let mut asked = 0;
    let host = FakeHost::new(move |event, sender| match event {
        Event::Call(_, content) => {
            asked += 1;
            assert_eq!((asked, &content[..]), (1, &[3][..]), "one call is outstanding, never two");
        }
        Event::Wait(Wait::Forever) => sender.reply("random", 0, b"123"),
        _ => {}
    });
    run_with(host, |gate| async move {
        let mut random = Random::new(&gate);
        assert_eq!(gate.timeout(Duration::from_secs(1), random.bytes::<3>()).await, None);
        assert_eq!(random.bytes::<2>().await, Ok(*b"12"));
    });
}

/// What a program tells `origin`: how much credit it can deal with.
const SAID: [u8; 4] = [0xff, 0xff, 0xff, 0x7f];

#[test]
fn origin_gives_a_connection_that_was_waited_for_to_who_waits_next() {
    let host = FakeHost::new(move |event, sender| match event {
        Event::Call(_, content) => assert_eq!(content[..], SAID),
        Event::Wait(Wait::Forever) => sender.reply("origin", 0, &[6, 0, 0, 0, 0, 0, 0, 0]),
        _ => {}
    });
    let log = host.clone();
    run_with(host, |gate| async move {
        let mut origin = Origin::new(&gate);
        assert!(gate.timeout(Duration::from_secs(1), origin.accept()).await.is_none());
        drop(origin.accept().await.unwrap());
    });
    let packets = log.packets();
    assert_eq!(packets.iter().filter(|event| matches!(event, Event::Call(..))).count(), 1);
    assert!(packets.contains(&Event::Flow("origin".into(), 6, 0)));
}

#[test]
fn origin_errors() {
    let accept = |gate: Gate| async move { Origin::new(&gate).accept().await.map(drop) };
    check(&SAID, &[0, 0, 0, 0, 9, 0, 0, 0], accept, Err(AcceptError::Refused { number: 9 }));
    check(&SAID, &[0xff; 4], accept, Err(ServiceError::Reply { service: "origin" }.into()));
    check(
        &SAID,
        &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
        accept,
        Err(ServiceError::Reply { service: "origin" }.into()),
    );
}

#[test]
fn shell() {
    let host = FakeHost::new(|event, sender| match event {
        Event::Call(name, command) if command == b"true" => {
            sender.reply(name, 0, &[0; 8]);
            sender.data(name, 0, 0, b"");
        }
        Event::Call(name, _) => sender.reply(name, 0, &[2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
        Event::Data(..) => panic!("nothing can be sent to a command"),
        _ => {}
    });
    run_with(host, |gate| async move {
        let shell = Shell::new(&gate);
        let mut output = shell.run("true").await.unwrap();
        assert_eq!((output.read_to_end().await.unwrap(), output.end_note()), (Vec::new(), Some(0)));
        assert_eq!(shell.run("false").await.map(drop), Err(ShellError::Quota));
    });
}

#[test]
fn peers_that_both_ask_are_connected() {
    let host = FakeHost::new(|event, sender| {
        let peer = b"\x01g\x01b\x02t2";
        match event {
            Event::Info(name, _) if name == "peer" => {
                sender.info("peer", &join(&[&[0xff; 4], &[0; 4], peer]))
            }
            Event::Call(name, content) if name == "peer" => match &content[8..] {
                b"\x01g\x01b\x02t1" => {
                    sender.reply("peer", 0, &[0; 4]);
                    // The stream may be used before the program looks.
                    sender.info("peer", &join(&[&[0; 8], peer]));
                    sender.flow("peer", 0, 10);
                }
                b"\x01h\x01b\x00" => sender.reply("peer", 0, &[2, 0, 0, 0]),
                b"\x01g\x01x\x00" => sender.reply("peer", 0, &[3, 0, 0, 0]),
                other => panic!("{other:?}"),
            },
            Event::Call(name, content) => {
                assert!(content.is_empty());
                sender.reply(name, 0, b"\x00\x00\x02\x00\x01b\x01c");
            }
            _ => {}
        }
    });
    run_with(host, |gate| async move {
        let mut peers = Peers::new(&gate).await.unwrap();
        let index = PrincipalIndex::register(&gate).await.unwrap();
        assert_eq!(index.instances().await.unwrap(), ["b", "c"]);
        let request = peers.next_request().await.unwrap();
        assert_eq!((&*request.group, &*request.peer, &*request.kind), ("g", "b", "t2"));
        let mut connection = peers.connect("g", "b", "t1").await.unwrap();
        assert_eq!(connection.peer, request);
        assert_eq!(connection.stream.sender.write(b"hello").await, Ok(5));
        assert_eq!(peers.connect("h", "b", "").await.map(drop), Err(PeerError::Group));
        assert_eq!(peers.connect("g", "x", "").await.map(drop), Err(PeerError::Peer));
        assert_eq!(peers.connect(&"x".repeat(256), "", "").await.map(drop), Err(PeerError::Name));
    });
}

/// A reply of `kv`.
fn kv_reply(error: u8, flags: u8, count: u8, version: u8, rest: &[u8]) -> Vec<u8> {
    join(&[&[error, 0, flags, 0, count, 0, 0, 0, version, 0, 0, 0, 0, 0, 0, 0], rest])
}

#[test]
fn kv_reads() {
    let get = |gate: Gate| async move { Kv::new(&gate).get(b"k").await };
    let call = join(&[&[0, 1], &[0; 14], b"k"]);
    check(&call, &kv_reply(0, 0, 0, 7, b"v"), get, Ok(Some(Found { version: 7, value: b"v".to_vec() })));
    check(&call, &kv_reply(2, 0, 0, 0, b""), get, Ok(None));
    check(&call, &kv_reply(6, 0, 0, 0, b""), get, Err(KvError::Storage));
    check(&call, b"", get, Err(KvError::Service(ServiceError::Unsupported { service: "kv" })));
    check(&call, b"\0", get, Err(KvError::Service(ServiceError::Reply { service: "kv" })));
    let unknown = ServiceError::Unknown { service: "kv", number: 99 };
    check(&call, &kv_reply(99, 0, 0, 0, b""), get, Err(KvError::Service(unknown)));
    run_with(FakeHost::new(|_, _| {}), |gate| async move {
        assert_eq!(Kv::new(&gate).get(b"").await, Err(KvError::Key { found: 0 }));
        assert_eq!(Kv::new(&gate).get(&[0; 256]).await, Err(KvError::Key { found: 256 }));
    });
}

#[test]
fn kv_writes() {
    let version = [5, 0, 0, 0, 0, 0, 0, 0];
    let set = |gate: Gate| async move { Kv::new(&gate).set(b"key", b"value").await };
    check(&join(&[&[1, 3], &[0; 14], b"keyvalue"]), &kv_reply(0, 0, 0, 9, b""), set, Ok(9));
    let set_if = |gate: Gate| async move { Kv::new(&gate).set_if(b"k", b"", 5).await };
    let call = join(&[&[1, 1, 1, 0, 0, 0, 0, 0], &version, b"k"]);
    check(&call, &kv_reply(3, 0, 0, 8, b""), set_if, Err(KvError::Version { found: 8 }));
    check(&call, &kv_reply(4, 0, 0, 0, b""), set_if, Err(KvError::Quota));
    let delete = |gate: Gate| async move { Kv::new(&gate).delete(b"k").await };
    let call = join(&[&[2, 1], &[0; 14], b"k"]);
    check(&call, &kv_reply(0, 0, 0, 9, b""), delete, Ok(true));
    check(&call, &kv_reply(2, 0, 0, 0, b""), delete, Ok(false));
    check(&call, &kv_reply(7, 0, 0, 0, b""), delete, Err(KvError::NoPrincipal));
    let delete_if = |gate: Gate| async move { Kv::new(&gate).delete_if(b"k", 5).await };
    check(&join(&[&[2, 1, 1, 0, 0, 0, 0, 0], &version, b"k"]), &kv_reply(0, 0, 0, 5, b""), delete_if, Ok(()));
}

#[test]
fn kv_lists() {
    let query = Query { prefix: b"ab", after: b"abc", limit: 2, values: true };
    let list = move |gate: Gate| async move { Kv::new(&gate).list(query).await };
    let call = join(&[&[3, 3, 2, 0, 2, 0, 0, 0], &[0; 8], b"abcab"]);
    let entry = |version, key: &[u8]| join(&[&[4, 0, 0, 0, 1, 0, 0, 0, version, 0, 0, 0, 0, 0, 0, 0], key]);
    let entries = join(&[&entry(6, b"abcdx"), &entry(7, b"abcey")]);
    let listed = |version, key: &[u8], value: &[u8]| Entry {
        key: key.to_vec(),
        version,
        value_bytes: 1,
        value: Some(value.to_vec()),
    };
    let expected = Listing { entries: vec![listed(6, b"abcd", b"x"), listed(7, b"abce", b"y")], more: true };
    check(&call, &kv_reply(0, 1, 2, 0, &entries), list, Ok(expected));
    let nonsense = Err(KvError::Service(ServiceError::Reply { service: "kv" }));
    check(&call, &kv_reply(0, 1, 3, 0, &entries), list, nonsense);
    let keys = |gate: Gate| async move { Kv::new(&gate).list(Query::default()).await };
    let expected = Entry { key: b"abcd".to_vec(), version: 6, value_bytes: 1, value: None };
    let reply = kv_reply(0, 0, 1, 0, &entry(6, b"abcd"));
    check(&join(&[&[3], &[0; 15]]), &reply, keys, Ok(Listing { entries: vec![expected], more: false }));
    let usage = |gate: Gate| async move { Kv::new(&gate).usage().await };
    let numbers: Vec<u8> = (1..5_u64).flat_map(u64::to_le_bytes).collect();
    let expected = Usage { keys: 1, max_keys: 2, bytes: 3, max_bytes: 4 };
    check(&join(&[&[4], &[0; 15]]), &kv_reply(0, 0, 0, 0, &numbers), usage, Ok(expected));
}

#[test]
fn log() {
    let line = Line { severity: Severity::Debug, target: "t", message: "m", fields: &[("k", "vv")] };
    let write = |gate: Gate| async move { Log::new(&gate).write(&line).await };
    let call = b"\x00\x03\x01\x01\x01\x00\x00\x00tm\x01\x00\x02\x00kvv";
    check(call, &[0; 4], write, Ok(()));
    check(call, &[2, 0, 0, 0], write, Err(LogError::Dropped));
    let host = FakeHost::new(|_, _| {});
    let seen = host.clone();
    run_with(host, |gate| async move {
        let log = Log::new(&gate);
        log.send(&line).await.unwrap();
        let long = "x".repeat(8192);
        let fields = [("k", ""); 33];
        for bad in [
            Line { message: &long, ..line },
            Line { target: &long[..65], ..line },
            Line { fields: &fields, ..line },
            Line { fields: &[("", "")], ..line },
        ] {
            assert_eq!(log.send(&bad).await, Err(LogError::Line));
        }
    });
    assert_eq!(seen.packets(), [Event::Info("log".into(), call.to_vec())]);
}

#[test]
fn http_with_bodies() {
    let host = FakeHost::new(|event, sender| match event {
        Event::Call(name, content) if content[0] == 0 => {
            let expected = join(&[
                &[0, 4, 3, 0, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0xe8, 3, 0, 0],
                b"POSTurl",
                &[1, 1, 0],
                b"av",
            ]);
            assert_eq!(*content, expected);
            sender.reply(name, 0, &[0; 8]);
            sender.flow(name, 0, 3);
        }
        Event::Call(name, content) => {
            assert_eq!(*content, [1, 0, 0, 0, 0, 0, 0, 0]);
            sender.reply(name, 0, b"\x00\x00\xc8\x00\x01\x00\x00\x00\x01\x02\x00xyz");
        }
        // The server wants no more of the request.
        Event::Data(name, 0, _, bytes) if !bytes.is_empty() => {
            assert_eq!(bytes, b"123");
            sender.flow(name, 0, 0);
        }
        Event::Flow(name, 0, more) if *more > 0 => {
            sender.data(name, 0, 0, b"body");
            sender.data(name, 0, 9, b"");
        }
        _ => {}
    });
    run_with(host, |gate| async move {
        let request = Request {
            method: "POST",
            url: "url",
            headers: &[("a", b"v")],
            timeout: Some(Duration::from_secs(1)),
        };
        let mut response = Http::new(&gate).send(&request, b"12345").await.unwrap();
        assert_eq!((response.status, response.headers), (200, vec![("x".into(), b"yz".to_vec())]));
        assert_eq!(response.body.chunk().await, Ok(Some(b"body".to_vec())));
        assert_eq!(response.body.chunk().await, Err(HttpError::Timeout));
    });
}

#[test]
fn http_without_body_sends_none() {
    let call = join(&[&[0, 3, 1, 0], &[0; 16], b"GETu"]);
    let get = |gate: Gate| async move { Http::new(&gate).send(&Request::get("u"), &[]).await.map(drop) };
    check(&call, &[2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], get, Err(HttpError::NotAllowed));
    let unsupported = ServiceError::Unsupported { service: "http" };
    check(&call, b"", get, Err(HttpError::Service(unsupported)));
    let host = FakeHost::new(|event, sender| match event {
        Event::Call(name, content) if content[0] == 0 => sender.reply(name, 0, &[0; 8]),
        Event::Call(name, _) => {
            sender.reply(name, 0, &[6, 0, 0, 0, 0, 0, 0, 0]);
            sender.data(name, 0, 6, b"");
        }
        Event::Data(..) => panic!("the request has no body"),
        _ => {}
    });
    run_with(host, |gate| async move { assert_eq!(get(gate).await, Err(HttpError::Name)) });
    let long = String::from("x").repeat(70_000);
    run_with(FakeHost::new(|_, _| {}), |gate| async move {
        let error = Http::new(&gate).send(&Request::get(&long), &[]).await.map(drop);
        assert_eq!(error, Err(HttpError::Request));
    });
}
