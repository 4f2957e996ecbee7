//! What is saved, and what becomes of it.

use gate_service::{Factory, Failure};

use super::super::{Hub, MAX_STREAMS, Peer};
use super::pair;
use super::program::{Program, client, config, name, now};

#[test]
fn a_program_that_stops_keeps_its_place() {
    let hub = Hub::new();
    let mut one = Program::registered(&hub, 1);
    let mut two = Program::registered(&hub, 2);
    let saved = two.save();
    two.leave();
    assert_eq!(one.list().len(), 41);
    assert_eq!(one.connect(2, "kind"), 0);
    two.come_back(&hub, saved);
    assert_eq!(two.wants, [(name(1), "kind".to_owned())]);
    assert_eq!(two.connect(1, ""), 0);
    two.restart();
    assert_eq!(two.connected.len(), 1);
    one.poll();

    // Streams go on, and so does what is on its way.
    one.flow(0, 100);
    two.restart();
    two.data(0, 1, b"before");
    let saved = two.save();
    two.leave();
    one.poll();
    assert_eq!(one.stream(0).received, b"before");
    one.data(0, 0, b"");
    two.come_back(&hub, saved);
    assert_eq!(two.stream(0).data_end, Some(0));
    two.data(0, 1, b", after");
    one.poll();
    assert_eq!(one.stream(0).received, b"before, after");
}

#[test]
fn a_program_that_goes_on_elsewhere_gets_what_was_sent_and_the_ends() {
    let hub = Hub::new();
    let [mut one, mut two] = pair(&hub);
    two.flow(0, 100);
    one.flow(0, 100);
    one.poll();
    two.poll();
    one.data(0, 3, b"some");
    one.data(0, 4, b"thing");
    one.data(0, 5, b"");
    one.flow(0, -1);
    two.data(0, 0, b"answer");
    let saved = two.save();
    let known = two_streams(&two);
    drop(two);
    let mut two = moved(known, saved);
    two.poll();
    assert_eq!(two.stream(0).received, b"something");
    assert_eq!(two.stream(0).notes, [(0, 3), (4, 4)]);
    assert_eq!(two.stream(0).data_end, Some(5));
    assert_eq!(two.stream(0).flow_notes, [-1]);
    assert!(two.stream(0).flow_ended);
    two.data(0, 0, b"nobody hears this");
    two.data(0, 0, b"");
    two.flow(0, 0);
    two.poll();
    assert!(two.stream(0).is_closed());
}

/// What a program knows of its stream.
fn two_streams(program: &Program) -> (u64, usize) {
    let stream = &program.streams[&0];
    (stream.granted, stream.credit)
}

/// The program 2 in another host.
fn moved((granted, credit): (u64, usize), saved: [Vec<u8>; 2]) -> Program {
    let hub = Hub::new();
    let mut program = Program::new(&hub, 2);
    program.leave();
    let stream = super::program::Stream { granted, credit, ..Default::default() };
    program.streams.insert(0, stream);
    program.come_back(&hub, saved);
    assert_eq!(program.list(), [0, 0, 0, 0]);
    program
}

#[test]
fn streams_that_a_program_does_not_know_of_are_not_lost() {
    let hub = Hub::new();
    let mut one = Program::registered(&hub, 1);
    let mut two = Program::registered(&hub, 2);
    let mut three = Program::registered(&hub, 3);
    assert_eq!(one.connect(2, "one's"), 0);
    assert_eq!(two.connect(1, "two's"), 0);
    assert_eq!(three.connect(1, "three's"), 0);
    let saved = one.save();

    let elsewhere = Hub::new();
    let mut program = Program::new(&elsewhere, 1);
    program.leave();
    program.come_back(&elsewhere, saved);
    assert_eq!(program.wants, [(name(3), "three's".to_owned())]);
    assert_eq!(program.connected, [(name(2), "two's".to_owned(), 0)]);
    assert_eq!(program.stream(0).data_end, Some(0));
    assert!(program.stream(0).flow_ended);
}

#[test]
fn programs_that_come_from_elsewhere_find_each_other() {
    let hub = Hub::new();
    let mut one = Program::registered(&hub, 1);
    let mut two = Program::registered(&hub, 2);
    assert_eq!(one.connect(2, "one's"), 0);
    let saved = [one.save(), two.save()];

    let elsewhere = Hub::new();
    let restore = |number, saved| {
        let mut program = Program::new(&elsewhere, number);
        program.leave();
        program.come_back(&elsewhere, saved);
        program
    };
    let [one_saved, two_saved] = saved;
    let mut one = restore(1, one_saved);
    let mut two = restore(2, two_saved);
    two.poll();
    // It knew already here, in this case by what was not delivered there.
    assert_eq!(two.wants, [(name(1), "one's".to_owned())]);
    assert_eq!(two.connect(1, "two's"), 0);
    one.poll();
    assert_eq!(one.connected, [(name(2), "two's".to_owned(), 0)]);
}

#[test]
fn only_the_last_snapshot_has_the_streams_and_only_once() {
    let hub = Hub::new();
    let [mut one, mut two] = pair(&hub);
    let old = two.save();
    one.flow(0, 1);
    two.poll();
    let new = two.save();
    assert_ne!(old, new);
    two.leave();
    two.come_back(&hub, old);
    one.poll();
    // What came back is another program; the one that was stopped can still come.
    assert!(two.stream(0).flow_ended);
    assert!(!one.stream(0).flow_ended);

    let [mut one, mut two] = pair(&Hub::new());
    let saved = two.save();
    one.flow(0, 1);
    two.poll();
    drop(two);
    one.poll();
    assert!(one.stream(0).flow_ended);
    drop(saved);
}

#[test]
fn another_instance_does_not_get_the_streams() {
    let hub = Hub::new();
    let [mut one, mut two] = pair(&hub);
    let saved = two.save();
    two.leave();
    let mut thief = Program::new(&hub, 3);
    thief.leave();
    thief.streams.insert(0, super::program::Stream::default());
    thief.come_back(&hub, saved.clone());
    assert!(thief.stream(0).flow_ended);
    one.poll();
    assert!(!one.stream(0).flow_ended);
    // And whose they are still does.
    two.come_back(&hub, saved);
    one.flow(0, 3);
    two.poll();
    two.data(0, 0, b"two");
    one.poll();
    assert_eq!(one.stream(0).received, b"two");
}

#[test]
fn damaged_snapshots_are_refused() {
    #[track_caller]
    fn check(snapshot: &[u8], expect: &str) {
        let client = client(1, 0);
        match now(Peer::new(Hub::new()).create(config(&client), snapshot.to_vec())) {
            Err(Failure::Snapshot(text)) => assert_eq!(text, expect),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{snapshot:?} is accepted"),
        }
    }
    let with = |rest: &[u8]| [&[1; 17][..], rest].concat();
    check(&[2], "version 2 (supported: 1)");
    check(&[1; 16], "it is cut");
    check(&with(&[0x81, 2]), "257 parts of a kind (limit: 256)");
    check(&with(&[1, 0, 1, 0xff]), "a name is cut, or not UTF-8");
    check(&with(&[0, 0, 1, 5, 64]), "stream 5: flags 0x40 are not known");
    check(&with(&[0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xf]), "stream id 4294967295 is too large");
    check(&with(&[0, 0, 1, 5, 15, 3, 0, 1, 0, 0, 0, 0, 4]), "stream 5: 4 bytes of data behind 0 (limit: 3)");
    check(&with(&[0, 0, 1, 5, 15, 3, 0, 1, 0, 0, 0, 0, 0]), "stream 5: 0 bytes of data behind 0 (limit: 3)");
    check(
        &with(&[0, 0, 1, 5, 23, 0, 0, 0, 0, 0, 0, 0]),
        "stream 5: there is something behind the end of data",
    );
    check(&with(&[0, 0, 1, 5, 0, 0, 0, 0]), "stream 5: it has ended");
    check(&with(&[0, 0, 1, 5, 15, 0, 0xf1, 0xff, 3]), "stream 5: credit of 65521 bytes (limit: 65520)");
    check(&with(&[0, 0, 2, 5, 15, 0, 0, 0, 5, 15, 0, 0, 0]), "stream 5 is there twice");
    check(&with(&[0, 0, 0, 0, 0]), "1 bytes too many");
    check(&with(&[0x80, 0x80, 0x80, 0x80, 0x80, 0]), "a number is too long");
    check(&with(&[0x80, 0x80, 0x80, 0x80, 0x10]), "a number is too large");
    assert_eq!(MAX_STREAMS, 256);
}
