//! What is saved, and what becomes of it.

use gate_service::Failure;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::super::{Connector, Ended, MAX_STREAMS, Origin};
use super::program::{Program, create, run};
use super::{LIMITS, connected, program};

#[test]
fn nothing_is_saved_if_there_is_nothing() {
    let connector = Connector::new();
    let mut program = program(&connector);
    assert_eq!(program.save(), b"");
    program.accept();
    assert_eq!(program.save(), [1]);
}

#[test]
fn streams_that_have_ended_are_not_saved() {
    let connector = Connector::new();
    let mut program = program(&connector);
    let _connection = connector.connect_pair(tokio::io::empty(), tokio::io::sink());
    program.accept();
    program.poll();
    program.flow(0, 1).unwrap();
    program.poll();
    program.end_data(0);
    program.poll();
    program.end_flow(0);
    assert_eq!(program.save(), b"");
}

#[test]
fn the_form_is_that_of_other_implementations() {
    run(async {
        let connector = Connector::new();
        let mut program = program(&connector);
        let (_client, _connection) = connected(&mut program, &connector);
        program.flow(0, 300).unwrap();
        program.accept();
        program.poll();
        assert_eq!(program.save(), [1, 1, 0, 7, 0xac, 2, 0, 7, 0xe8, 7, 0]);

        // 100 bytes are written, 3 are not; and then it ends.
        program.data(0, &[9; 103]).unwrap();
        program.poll();
        assert_eq!(program.save(), [1, 1, 0, 7, 0xac, 2, 0, 7, 0x81, 7, 3, 9, 9, 9]);
        program.end_data(0);
        program.poll();
        assert_eq!(program.save(), [1, 1, 0, 7, 0xac, 2, 0, 15, 0x81, 7, 3, 9, 9, 9]);
    });
}

#[test]
fn a_service_made_of_what_was_just_saved_has_the_connections() {
    run(async {
        let connector = Connector::new();
        let mut program = program(&connector);
        let (mut client, connection) = connected(&mut program, &connector);
        client.write_all(b"some of this").await.unwrap();
        program.flow(0, 4).unwrap();
        program.poll();
        program.data(0, &[1; 150]).unwrap();
        program.restart();
        program.flow(0, 100).unwrap();
        program.poll();
        assert_eq!(program.stream(0).received, b"some of this");
        let mut bytes = [0; 150];
        client.read_exact(&mut bytes[..100]).await.unwrap();
        assert!(program.was_woken());
        program.restart();
        program.poll();
        client.read_exact(&mut bytes[100..]).await.unwrap();
        assert_eq!(bytes, [1; 150]);

        // A connection can end in between.
        drop(connection);
        program.restart();
        program.poll();
        assert!(!program.stream(0).flow_open && !program.stream(0).data_open);
    });
}

#[test]
fn an_older_snapshot_has_no_connections() {
    run(async {
        let connector = Connector::new();
        let mut program = program(&connector);
        let (_client, connection) = connected(&mut program, &connector);
        let old = program.save();
        program.flow(0, 4).unwrap();
        program.save();
        let mut program = program.move_to(&connector, old);
        assert!(matches!(connection.await, Ended::Gone));
        program.poll();
        assert!(!program.stream(0).flow_open && !program.stream(0).data_open);
    });
}

#[test]
fn a_service_that_goes_on_after_it_was_saved_keeps_its_connections() {
    run(async {
        let connector = Connector::new();
        let mut program = program(&connector);
        let (mut client, connection) = connected(&mut program, &connector);
        let snapshot = program.save();
        program.flow(0, 4).unwrap();
        client.write_all(b"more").await.unwrap();
        program.poll();
        assert_eq!(program.stream(0).received, b"more");

        // A clone has none.
        assert!(create(&Origin::new(LIMITS, Connector::new()), snapshot).is_ok());
        drop(program);
        assert!(matches!(connection.await, Ended::Gone));
    });
}

#[test]
fn parked_connections_end_with_the_connector() {
    run(async {
        let connector = Connector::new();
        let mut program = program(&connector);
        let (_client, connection) = connected(&mut program, &connector);
        program.save();
        drop(program);
        connector.close();
        assert!(matches!(connection.await, Ended::Gone));
    });
}

#[test]
fn a_program_that_went_on_elsewhere_gets_the_ends() {
    let connector = Connector::new();
    let mut program = program(&connector);
    let (_client, _connection) = connected(&mut program, &connector);
    program.flow(0, 2).unwrap();
    program.poll();
    program.save();
    // As if another implementation had read ahead, and one call were waiting.
    let elsewhere = Connector::new();
    let mut program = program.move_to(&elsewhere, vec![1, 1, 0, 7, 2, 3, 1, 2, 3, 7, 100, 0]);
    program.waiting = 1;
    program.poll();
    assert_eq!(program.stream(0).received, [1, 2]);
    assert!(!program.stream(0).flow_open && program.stream(0).data_open);
    program.flow(0, 1).unwrap();
    program.poll();
    assert_eq!(program.stream(0).received, [1, 2, 3]);
    assert!(!program.stream(0).data_open);
    // What it still sends is of no interest to anybody.
    program.data(0, &[0; 100]).unwrap();
    program.end_data(0);
    program.end_flow(0);
    program.poll();
    assert!(program.ids().is_empty());

    let _connection = elsewhere.connect_pair(tokio::io::empty(), tokio::io::sink());
    program.poll();
    assert_eq!(program.ids(), [0]);
}

#[test]
fn something_can_take_the_place_of_connections() {
    run(async {
        let connector = Connector::new();
        let mut program = program(&connector);
        let (_first, _gone) = connected(&mut program, &connector);
        let (_second, _gone) = connected(&mut program, &connector);
        program.data(0, &[7; 150]).unwrap();
        program.flow(0, 100).unwrap();
        program.poll();
        let snapshot = program.save();

        let elsewhere = Connector::new();
        let (mut input, reader) = duplex(1000);
        let (mut output, writer) = duplex(1000);
        let connection = elsewhere.adopt(reader, writer);
        let mut program = program.move_to(&elsewhere, snapshot);
        input.write_all(b"again").await.unwrap();
        program.poll();
        assert_eq!(program.stream(0).received, b"again");
        let mut bytes = [0; 50];
        output.read_exact(&mut bytes).await.unwrap();
        assert_eq!(bytes, [7; 50]);
        assert!(!program.stream(1).flow_open && !program.stream(1).data_open);
        drop(input);
        program.end_data(0);
        program.poll();
        assert!(matches!(connection.await, Ended::Finished));
        assert_eq!(output.read(&mut bytes).await.unwrap(), 0);
    });
}

#[test]
fn what_could_adopt_a_stream_connects_if_there_is_none() {
    let connector = Connector::new();
    let _connection = connector.adopt(tokio::io::empty(), tokio::io::sink());
    let mut program = Program::new(LIMITS, &connector);
    program.accept();
    program.poll();
    assert_eq!(program.ids(), [0]);
}

#[test]
fn damaged_snapshots_are_refused() {
    #[track_caller]
    fn check(snapshot: &[u8], expect: &str) {
        match create(&Origin::new(LIMITS, Connector::new()), snapshot.to_vec()) {
            Err(Failure::Snapshot(text)) => assert_eq!(text, expect),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{snapshot:?} is accepted"),
        }
    }
    check(&[0x80], "it is cut");
    check(&[0xff, 0xff, 0xff, 0xff, 8], "a number is too large");
    check(&[0x80, 0x80, 0x80, 0x80, 0x80, 0], "a number is too long");
    check(&[0, 0x81, 0x20], "4097 streams (limit: 4096)");
    assert_eq!(MAX_STREAMS, 4096);
    check(&[0, 1, 5, 7, 0], "stream 5: it is cut");
    check(&[0, 1, 5, 7, 0, 2, 1], "stream 5: it is cut");
    check(&[0, 1, 5, 7, 0, 0, 7, 0, 0, 1, 1], "1 bytes behind the end");
    check(&[0, 1, 5, 7, 0, 0, 7, 0, 0, 0x80], "it is cut");
    check(&[0, 2, 5, 7, 0, 0, 7, 0, 0, 5, 7, 0, 0, 7, 0, 0], "stream 5 is there twice");
    check(&[0, 1, 5, 8, 0, 0], "stream 5: flags 0x8 (known: 0x7)");
    check(&[0, 1, 5, 7, 0, 0, 16, 0, 0], "stream 5: flags 0x10 (known: 0xf)");
    check(&[0, 1, 5, 3, 0, 0], "stream 5: there is something behind the end of data");
    check(&[0, 1, 5, 1, 0, 1, 0], "stream 5: there is something behind the end of data");
    check(&[0, 1, 5, 7, 0, 0, 8, 0, 0], "stream 5: there is something behind the end of data");
    check(&[0, 1, 5, 7, 0, 0, 6, 0, 0], "stream 5: its connection can be written though its flow has ended");
    check(&[0, 1, 5, 7, 0, 0, 7, 0x81, 0x80, 0x40, 0], "stream 5: credit of 1048577 bytes (limit: 1048576)");
    check(&[0, 1, 5, 7, 0, 0, 7, 0xf1, 0xff, 3, 0], "stream 5: 65521 bytes of credit (limit: 65520)");
    let said = [0xf1, 0xff, 3];
    check(
        &[&[0, 1, 5, 7, 0, 0, 7, 0xf2, 0xff, 3, 0][..], &said].concat(),
        "stream 5: 65522 bytes of credit (limit: 65521)",
    );
    let whole = [&[0, 1, 5, 7, 0, 0, 7, 0xf1, 0xff, 3, 0][..], &said].concat();
    assert!(create(&Origin::new(LIMITS, Connector::new()), whole).is_ok());
    check(&[0, 1, 5, 7, 0, 0x81, 0x80, 0x80, 0x01], "stream 5: 2097153 bytes of data (limit: 2097152)");
    check(&[0, 1, 5, 0, 0, 0, 0, 0, 0], "stream 5: it has ended");
}
