//! Restrictions, and how they outlive a host.

use std::collections::BTreeSet;
use std::sync::Arc;

use gate_packet::Domain;
use gate_service::conformance::{self, Message, Script, Subject};
use gate_service::{Client, Failure, Registry};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::{SYSTEM, Scope, ScopeError, decode, encode, is_name, resolve};
use crate::driven::{Driven, client};

/// A call that restricts to these.
fn restrict(names: &[&str]) -> Vec<u8> {
    let mut content = vec![0, u8::try_from(names.len()).unwrap()];
    for name in names {
        content.push(u8::try_from(name.len()).unwrap());
        content.extend_from_slice(name.as_bytes());
    }
    content
}

/// A program that may do these.
fn granted(names: &[&str]) -> Arc<Client> {
    let scope = gate_service::Scope::new(names.iter().map(|name| (*name).to_owned()));
    Arc::new(Client { scope, ..client(None) })
}

async fn start(client: &Arc<Client>, snapshot: &[u8]) -> Result<Driven, Failure> {
    Driven::new(&Scope, Arc::clone(client), Registry::new(), snapshot).await
}

#[tokio::test]
async fn restrictions_only_grow() {
    let program = granted(&["a", "b", SYSTEM]);
    let mut service = start(&program, &[]).await.unwrap();
    assert!(service.save().await.is_empty(), "nothing was given up");
    assert_eq!(service.call(&restrict(&["a", SYSTEM, "c"])).await.unwrap(), [0, 0]);
    assert!(program.scope.contains(SYSTEM) && program.scope.contains("a"));
    assert!(!program.scope.contains("b"), "it was given up");
    assert!(!program.scope.contains("c"), "it was never granted");
    assert_eq!(service.save().await, b"\x03\x01a\x01c\x0eprogram:system");
    assert_eq!(service.call(&restrict(&["a", "b"])).await.unwrap(), [0, 0]);
    assert_eq!(service.save().await, b"\x01\x01a");
    assert_eq!(service.call(&restrict(&[])).await.unwrap(), [0, 0]);
    assert!(!program.scope.contains("a"));
    let snapshot = service.save().await;
    assert_eq!(snapshot, [0], "unlike that of a program without restriction");

    let elsewhere = granted(&["a", "b", "c"]);
    start(&elsewhere, &snapshot).await.unwrap();
    assert_eq!(elsewhere.scope.restriction(), Some(BTreeSet::new()));
}

#[tokio::test]
async fn restrictions_go_elsewhere() {
    let elsewhere = granted(&["a", "b", "c"]);
    start(&elsewhere, b"\x02\x01a\x01d").await.unwrap();
    assert!(elsewhere.scope.contains("a") && !elsewhere.scope.contains("b"));
}

#[tokio::test]
async fn the_call_of_another_library_is_understood() {
    let program = granted(&[SYSTEM]);
    let mut service = start(&program, &[]).await.unwrap();
    let call = *b"\0\x01\x0eprogram:system";
    assert_eq!(service.call(&call).await.unwrap(), [0, 0]);
    assert!(program.scope.contains(SYSTEM));
}

#[tokio::test]
async fn other_calls_get_empty_replies() {
    let mut service = start(&granted(&[]), &[]).await.unwrap();
    for content in [&[][..], &[1], &[1, 1, 1, b'a'], &[255]] {
        assert_eq!(service.call(content).await.unwrap(), b"", "{content:?}");
    }
    service.send(Domain::Info, &restrict(&[])).await.unwrap();
    assert_eq!(service.try_next().await.unwrap(), None);
    assert!(service.save().await.is_empty());
}

#[tokio::test]
async fn what_is_no_restriction_ends_the_program() {
    for (content, expect) in [
        (&[0][..], ScopeError::NoCount),
        (&[0, 1], ScopeError::Short { index: 0 }),
        (&[0, 2, 1, b'a', 2, b'b'], ScopeError::Short { index: 1 }),
        (&[0, 1, 0], ScopeError::Name { index: 0 }),
        (&[0, 1, 1, b':'], ScopeError::Name { index: 0 }),
        (&[0, 1, 1, 0xff], ScopeError::Name { index: 0 }),
    ] {
        let program = granted(&["a"]);
        let mut service = start(&program, &[]).await.unwrap();
        match service.call(content).await {
            Err(Failure::Program(text)) => assert_eq!(text, format!("scope restriction: {expect}")),
            other => panic!("{content:?}: {other:?}"),
        }
        assert_eq!(program.scope.restriction(), None);
        match start(&program, &content[1..]).await.map(drop) {
            Err(Failure::Snapshot(_)) => assert!(content.len() > 1),
            Ok(()) => assert_eq!(content.len(), 1, "no bytes are no snapshot"),
            Err(other) => panic!("{content:?}: {other:?}"),
        }
    }
    match start(&granted(&[]), &[0, 0]).await.map(drop) {
        Err(Failure::Snapshot(text)) => assert_eq!(text, "1 bytes are left after privileges"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_are_checked() {
    for name in ["a", "program:system", "a:b:c", "-./_09AZaz", "/", "."] {
        assert!(is_name(name), "{name:?}");
    }
    for name in ["", ":", ":a", "a:", "a::b", "a b", "ä", "a\0", "a,b", "a\n"] {
        assert!(!is_name(name), "{name:?}");
    }
}

#[test]
fn operators_can_be_brief() {
    assert_eq!(resolve("system"), Some(SYSTEM));
    assert_eq!(resolve("program:system"), Some(SYSTEM));
    for text in ["", "program", "ystem", ":system", "System"] {
        assert_eq!(resolve(text), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn decoded_is_what_was_encoded(names in btree_set("[a-z./_-]{1,9}(:[A-Z0-9]{1,9}){0,2}", 0..=255)) {
        let bytes = encode(&names).unwrap();
        prop_assert_eq!(decode(&bytes), Ok((names, &[][..])));
    }

    #[test]
    fn any_bytes_are_judged(bytes in vec(any::<u8>(), 0..600)) {
        if let Ok((names, rest)) = decode(&bytes) {
            prop_assert!(names.len() <= usize::from(bytes[0]));
            prop_assert!(names.iter().all(|name| is_name(name)));
            prop_assert!(bytes.ends_with(rest));
        }
    }
}

#[tokio::test]
async fn it_is_a_service() {
    conformance::check(|| {
        let script = Script::new()
            .send(Message::call(&restrict(&["a", "b:c", SYSTEM])))
            .send(Message::call(&[]))
            .until(|program| program.replies() == 2)
            .send(Message::call(&restrict(&[SYSTEM])))
            .send(Message::call(&restrict(&[])))
            .until(|program| program.replies() == 4);
        Subject { client: granted(&["a", SYSTEM]), ..Subject::new(Arc::new(Scope), script) }
    })
    .await
    .unwrap();
}
