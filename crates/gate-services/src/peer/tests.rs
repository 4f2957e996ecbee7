//! Tests of `peer`, and of the index that says who can be connected.

use gate_packet::Domain;
use gate_service::Failure;

use super::*;

mod lives;
pub(crate) mod program;
mod random;
mod rules;

use program::{Program, name};

/// Programs 1 and 2, whose streams with the id 0 are connected.
fn pair(hub: &Hub) -> [Program; 2] {
    let mut one = Program::registered(hub, 1);
    let mut two = Program::registered(hub, 2);
    assert_eq!(one.connect(2, "one's"), 0);
    assert_eq!(two.connect(1, "two's"), 0);
    one.poll();
    two.poll();
    [one, two]
}

#[test]
fn programs_are_connected_when_both_want_it() {
    let hub = Hub::new();
    let mut one = Program::registered(&hub, 1);
    let mut two = Program::registered(&hub, 2);
    two.poll();
    assert_eq!(one.connect(2, "one's"), 0);
    assert!(two.was_woken());
    two.poll();
    assert_eq!(two.wants, [(name(1), "one's".to_owned())]);
    assert!(one.connected.is_empty() && two.connected.is_empty());

    assert_eq!(two.connect(1, "two's"), 0);
    one.poll();
    two.poll();
    assert_eq!(one.connected, [(name(2), "two's".to_owned(), 0)]);
    assert_eq!(two.connected, [(name(1), "one's".to_owned(), 0)]);
    assert!(one.wants.is_empty());
}

#[test]
fn whoever_connects_is_not_told_any_more_that_the_other_wants_to() {
    let [one, two] = pair(&Hub::new());
    assert!(one.wants.is_empty() && two.wants.is_empty());
}

#[test]
fn notifications_are_as_documented() {
    let content = message::notification(-1, "group", "peer", "");
    assert_eq!(content, b"\xff\xff\xff\xff\0\0\0\0\x05group\x04peer\0");
}

#[test]
fn everything_is_relayed() {
    let [mut one, mut two] = pair(&Hub::new());
    two.flow(0, 5);
    assert!(one.was_woken());
    one.poll();
    assert_eq!(one.stream(0).credit, 5);
    one.data(0, 7, b"he");
    one.data(0, 7, b"l");
    one.data(0, 8, b"lo");
    assert!(two.was_woken());
    two.poll();
    assert_eq!(two.stream(0).received, b"hello");
    assert_eq!(two.stream(0).notes, [(0, 7), (3, 8)]);

    two.flow(0, -3);
    two.flow(0, -4);
    two.flow(0, 0);
    one.data(0, 9, b"");
    one.poll();
    two.poll();
    assert_eq!(one.stream(0).flow_notes, [-4]);
    assert!(one.stream(0).flow_ended && one.stream(0).data_end.is_none());
    assert_eq!(two.stream(0).data_end, Some(9));
    assert!(!two.stream(0).flow_ended);

    two.data(0, 0, b"");
    one.flow(0, 0);
    one.poll();
    two.poll();
    assert!(one.stream(0).is_closed() && two.stream(0).is_closed());

    // They can connect again.
    assert_eq!(two.connect(1, ""), 0);
    assert_eq!(one.connect(2, ""), 0);
    one.poll();
    two.poll();
    assert_eq!((one.connected.len(), two.connected.len()), (2, 2));
    assert!(!one.stream(0).is_closed());
}

#[test]
fn credit_is_passed_on_in_parts() {
    let [mut one, mut two] = pair(&Hub::new());
    two.flow(0, 100_000);
    two.flow(0, 0);
    one.poll();
    assert_eq!(one.stream(0).credit, 65520);
    assert!(!one.stream(0).flow_ended);
    one.data(0, 0, &[1; 65520]);
    one.poll();
    // Not before the other one has got it.
    assert_eq!(one.stream(0).credit, 0);
    two.poll();
    assert!(one.was_woken());
    one.poll();
    assert_eq!(one.stream(0).credit, 100_000 - 65520);
    assert!(one.stream(0).flow_ended);
    one.data(0, 0, &[1; 100_000 - 65520]);
    two.poll();
    assert_eq!(two.stream(0).received, [1; 100_000]);
}

#[test]
fn credit_for_data_that_will_not_come_does_not_hold_up_the_end() {
    let [mut one, mut two] = pair(&Hub::new());
    one.data(0, 0, b"");
    two.flow(0, 1_000_000);
    two.flow(0, 0);
    one.poll();
    assert!(one.stream(0).flow_ended);
}

#[test]
fn when_one_ends_the_other_gets_what_was_sent_and_the_ends() {
    let [mut one, mut two] = pair(&Hub::new());
    two.flow(0, 100);
    one.poll();
    one.data(0, 3, b"last words");
    two.was_woken();
    drop(one);
    assert!(two.was_woken());
    two.poll();
    assert_eq!(two.stream(0).received, b"last words");
    assert_eq!(two.stream(0).data_end, Some(0));
    assert!(two.stream(0).flow_ended);
    two.data(0, 0, b"");
    two.flow(0, 7);
    two.flow(0, 0);
    two.poll();
    assert!(two.stream(0).is_closed());
}

#[test]
fn wishes_of_a_program_that_has_ended_are_forgotten() {
    let hub = Hub::new();
    let mut one = Program::registered(&hub, 1);
    let mut two = Program::registered(&hub, 2);
    assert_eq!(one.connect(2, ""), 0);
    drop(one);
    two.poll();
    assert!(two.wants.is_empty());
    assert_eq!(two.connect(1, ""), 3);
}

#[test]
fn refusals() {
    let hub = Hub::new();
    let mut one = Program::new(&hub, 1);
    assert_eq!(one.connect(2, ""), 2);
    one.register();
    assert_eq!(one.connect_in("other", &name(2), ""), 2);
    assert_eq!(one.connect(1, ""), 4);
    assert_eq!(one.connect(2, ""), 3);
    let mut two = Program::new(&hub, 2);
    two.register();
    // It could not be told.
    assert_eq!(one.connect(2, ""), 3);
    let mut two = {
        drop(two);
        Program::registered(&hub, 2)
    };
    assert_eq!(one.connect(2, ""), 0);
    assert_eq!(one.connect(2, ""), 5);
    assert_eq!(two.connect(1, ""), 0);
    assert_eq!(one.connect(2, ""), 6);
    assert_eq!(two.connect(1, ""), 6);

    assert_eq!(one.call(b""), [1, 0, 0, 0]);
    assert_eq!(one.call(&[0; 8]), [1, 0, 0, 0]);
    assert_eq!(one.call(&[0, 0, 0, 0, 9, 9, 9, 9, 0, 0]), [1, 0, 0, 0]);
    assert_eq!(one.call(&[0, 0, 0, 0, 9, 9, 9, 9, 1, 0xff, 0, 0]), [1, 0, 0, 0]);
    assert_eq!(one.call(&[0, 0, 0, 0, 9, 9, 9, 9, 0, 0, 0, 1, 2]), [2, 0, 0, 0]);
    assert_eq!(one.call(&[1, 0, 0, 0]), b"");
}

#[test]
fn programs_that_break_the_rules_end() {
    #[track_caller]
    fn check<T: std::fmt::Debug>(result: Result<T, Failure>, expect: &str) {
        match result {
            Err(Failure::Program(text)) => assert_eq!(text, expect),
            other => panic!("{other:?} instead of {expect:?}"),
        }
    }
    let [mut one, mut two] = pair(&Hub::new());
    check(one.try_data(1, 0, b""), "stream 1: it does not exist");
    check(one.try_send(Domain::Flow, &[0xff; 8]), "stream -1: it does not exist");
    check(one.try_data(0, 0, b"x"), "stream 0: data of 1 bytes (0 were granted)");
    one.flow(0, i32::MAX);
    check(
        one.try_send(Domain::Flow, &[0, 0, 0, 0, 1, 0, 0, 0]),
        "stream 0: 1 bytes of credit are added to 2147483647 (limit: 2147483647 together)",
    );
    two.flow(0, 65520);
    one.poll();
    for note in 0..4096 {
        one.data(0, note, b"x");
    }
    check(one.try_data(0, 5000, b"x"), "stream 0: the notes of data change too often");
    one.flow(0, 0);
    one.data(0, 0, b"");
    check(one.try_data(0, 0, b""), "stream 0: data of 0 bytes after the end of data");
    check(one.try_send(Domain::Flow, &[0; 8]), "stream 0: flow of 0 after the end of flow");
}

#[test]
fn streams_are_limited() {
    let hub = Hub::new();
    let mut one = Program::registered(&hub, 1);
    let mut others = Vec::new();
    for number in 2..=255 {
        others.push(Program::registered(&hub, number));
        assert_eq!(one.connect(number, ""), 0);
    }
    others[0].connect(1, "");
    others[1].connect(1, "");
    one.poll();
    others[2].connect(1, "");
    // Two streams, one that it does not know of, and 251 wishes: 254 of 256.
    for (number, expect) in [(0x10, 0), (0x11, 0), (0x12, 7)] {
        let mut client = std::sync::Arc::into_inner(program::client(1, 0)).unwrap();
        client.instance = Some([[number, 1]; 8].concat().try_into().unwrap());
        client.process_key = [number; 16];
        let mut another = Program::of(&hub, std::sync::Arc::new(client));
        another.try_send(Domain::Info, &[]).unwrap();
        another.register();
        let id = format!("{number:02x}01");
        let name = [id.repeat(2), id.clone(), id.clone(), id.clone(), id.repeat(3)].join("-");
        assert_eq!(one.connect_in("index/principal", &name, ""), expect);
        others.push(another);
    }
}
