//! Tests of the index.

use std::sync::Arc;

use gate_service::{Factory, Failure};

use super::*;
use crate::peer::tests::program::{Program, client, config, name, now};

#[test]
fn others_are_listed_in_order() {
    let hub = Hub::new();
    let mut two = Program::registered(&hub, 2);
    assert_eq!(two.list(), [0, 0, 0, 0]);
    let three = Program::registered(&hub, 3);
    let mut one = Program::new(&hub, 1);
    assert_eq!(one.list(), [1, 0, 0, 0]);
    one.register();
    one.register();
    let list = |names: [u8; 2]| {
        let names = names.map(|number| format!("\u{24}{}", name(number)));
        [&[0, 0, 2, 0][..], names.concat().as_bytes()].concat()
    };
    assert_eq!(two.list(), list([1, 3]));
    assert_eq!(one.list(), list([2, 3]));
    drop(three);
    assert_eq!(two.list().len(), 41);
}

#[test]
fn principals_do_not_see_each_other() {
    let hub = Hub::new();
    let of = |principal: Option<&str>, number| {
        let mut client = Arc::into_inner(client(number, 0)).unwrap();
        client.principal = principal.map(str::to_owned);
        let mut program = Program::of(&hub, Arc::new(client));
        program.try_send(Domain::Info, &[]).unwrap();
        program.register();
        program
    };
    let mut alice = of(Some("ed25519:a"), 1);
    let mut bob = of(Some("ed25519:b"), 2);
    let mut nobody = of(None, 3);
    assert_eq!(alice.list(), [0, 0, 0, 0]);
    assert_eq!(bob.list(), [0, 0, 0, 0]);
    assert_eq!(nobody.list(), [1, 0, 0, 0]);
    assert_eq!(alice.connect(2, ""), 3);
    assert_eq!(nobody.connect(1, ""), 2);
}

#[test]
fn a_name_belongs_to_one_program() {
    let hub = Hub::new();
    let mut first = Program::registered(&hub, 1);
    let mut second = Program::of(&hub, client(1, 1));
    second.register();
    assert_eq!(second.list(), [1, 0, 0, 0]);
    assert_eq!(first.list(), [0, 0, 0, 0]);
    drop(first);
    second.register();
    assert_eq!(second.list(), [0, 0, 0, 0]);
}

#[test]
fn a_copy_is_a_program_of_its_own() {
    let hub = Hub::new();
    let mut two = Program::registered(&hub, 2);
    let mut one = Program::registered(&hub, 1);
    let saved = one.save();
    one.leave();
    let mut copy = Program::new(&hub, 3);
    copy.leave();
    copy.come_back(&hub, saved.clone());
    assert_eq!(two.list()[2], 2);
    assert_eq!(copy.list()[2], 2);
    // The first one has kept its place.
    one.come_back(&hub, saved.clone());
    assert_eq!(one.list()[2], 2);
    // A second one of the same instance has no name.
    let mut again = Program::of(&hub, client(1, 9));
    again.leave();
    again.come_back(&hub, saved);
    assert_eq!(again.list(), [1, 0, 0, 0]);
    assert_eq!(one.list()[2], 2);
}

#[test]
fn damaged_snapshots_are_refused() {
    #[track_caller]
    fn check(snapshot: &[u8], expect: &str) {
        let client = client(1, 0);
        match now(PrincipalIndex::new(Hub::new()).create(config(&client), snapshot.to_vec())) {
            Err(Failure::Snapshot(text)) => assert_eq!(text, expect),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{snapshot:?} is accepted"),
        }
    }
    check(&[2], "version 2 (supported: 1)");
    check(&[1], "0 bytes behind the version instead of 16");
    check(&[1; 18], "17 bytes behind the version instead of 16");
}
