//! What programs are told about themselves.

use std::sync::Arc;

use gate_packet::Domain;
use gate_service::Registry;
use gate_service::conformance::{self, Copies, Message, Script, Subject};

use super::Identity;
use crate::driven::{Driven, client};

#[tokio::test]
async fn programs_learn_who_they_are() {
    let mut known = client(Some("ed25519:AAAA"));
    known.instance = Some([
        0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x4d, 0xef, 0x80, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
    ]);
    let mut service = Driven::new(&Identity, Arc::new(known), Registry::new(), b"x").await.unwrap();
    assert_eq!(service.call(&[0]).await.unwrap(), b"ed25519:AAAA");
    assert_eq!(service.call(&[1, 0, 9]).await.unwrap(), b"01234567-89ab-4def-8011-223344556677");
    assert!(service.save().await.is_empty());
}

#[tokio::test]
async fn unknown_answers_are_empty() {
    let mut service = Driven::start(&Identity, &[]).await.unwrap();
    for content in [&[][..], &[0], &[1], &[2], &[255, 0]] {
        assert_eq!(service.call(content).await.unwrap(), b"", "{content:?}");
    }
    service.send(Domain::Info, &[0]).await.unwrap();
    assert_eq!(service.try_next().await.unwrap(), None);
}

#[tokio::test]
async fn it_is_a_service() {
    conformance::check(|| {
        let script = Script::new()
            .send(Message::call(&[0]))
            .send(Message::call(&[1]))
            .send(Message::call(&[]))
            .until(|program| program.replies() == 3);
        // Each is told who it is itself.
        Subject { copies: Copies::Different, ..Subject::new(Arc::new(Identity), script) }
    })
    .await
    .unwrap();
}
