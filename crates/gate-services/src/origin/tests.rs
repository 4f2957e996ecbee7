//! Tests of `origin`: packets byte by byte, and what becomes of connections.

use std::task::{Context, Poll, Waker};

use gate_packet::Flow;
use gate_service::{Client, Failure, Scope};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

mod conformance;
mod program;
mod random;
mod snapshots;

use program::{Program, run};

/// What tests have if it does not matter.
const LIMITS: Limits = Limits { max_connections: 3, buffer_size: 1000 };

fn program(connector: &Connector) -> Program {
    Program::new(LIMITS, connector)
}

/// Lets the program wait for a connection, and have one.
fn connected(program: &mut Program, connector: &Connector) -> (DuplexStream, Connection) {
    let (ours, theirs) = duplex(100);
    let connection = connector.connect(theirs);
    program.accept();
    program.poll();
    (ours, connection)
}

#[track_caller]
fn check_failure(result: Result<(), Failure>, expect: &str) {
    match result {
        Err(Failure::Program(text)) => assert_eq!(text, expect),
        other => panic!("{other:?} instead of {expect:?}"),
    }
}

#[test]
fn a_connection_waits_for_a_call_and_a_call_for_a_connection() {
    let connector = Connector::new();
    let mut program = program(&connector);
    let (_client, theirs) = duplex(100);
    let _connection = connector.connect(theirs);
    assert_eq!(program.take_raw(), b"");
    program.accept();
    let expect = [
        &[16, 0, 0, 0, 0, 0, 0, 0][..],
        &[0, 0, 0, 0, 0, 0, 0, 0],
        &[16, 0, 0, 0, 0, 0, 2, 0],
        &[0, 0, 0, 0, 0xe8, 3, 0, 0],
    ];
    assert_eq!(program.take_raw(), expect.concat());

    program.accept();
    assert_eq!(program.take_raw(), b"");
    let (_client, theirs) = duplex(100);
    let _connection = connector.connect(theirs);
    assert!(program.was_woken());
    assert_eq!(program.take_raw()[8..16], [1, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn ids_are_the_smallest_and_connections_limited() {
    run(async {
        let connector = Connector::new();
        let mut program = program(&connector);
        let mut clients: Vec<_> = (0..3).map(|_| connected(&mut program, &connector)).collect();
        let (_waiting, theirs) = duplex(100);
        let _connection = connector.connect(theirs);
        program.accept();
        program.poll();
        assert_eq!(program.ids(), [0, 1, 2]);

        let (client, connection) = clients.remove(1);
        drop(client);
        program.flow(1, 10).unwrap();
        program.poll();
        program.end_flow(1);
        program.end_data(1);
        program.poll();
        assert!(matches!(connection.await, Ended::Finished));
        // Stream 1 has ended, and another has come in its place.
        program.poll();
        assert_eq!(program.ids(), [0, 1, 2]);
        assert!(program.stream(1).data_open);
    });
}

#[test]
fn bytes_arrive_as_far_as_there_is_credit() {
    run(async {
        let connector = Connector::new();
        let mut program = program(&connector);
        let (mut client, _connection) = connected(&mut program, &connector);
        client.write_all(b"hello, world").await.unwrap();
        program.poll();
        assert_eq!(program.stream(0).received, b"");
        program.flow(0, 5).unwrap();
        program.poll();
        assert_eq!(program.stream(0).received, b"hello");
        program.flow(0, 100).unwrap();
        program.poll();
        assert_eq!(program.stream(0).received, b"hello, world");

        client.shutdown().await.unwrap();
        assert!(program.was_woken());
        program.poll();
        assert!(!program.stream(0).data_open);
    });
}

#[test]
fn a_program_that_wants_no_more_gets_what_it_granted() {
    run(async {
        let connector = Connector::new();
        let mut program = program(&connector);
        let (mut client, _connection) = connected(&mut program, &connector);
        program.flow(0, 5).unwrap();
        program.end_flow(0);
        program.poll();
        assert!(program.stream(0).data_open);
        client.write_all(b"hello, world").await.unwrap();
        program.poll();
        assert_eq!(program.stream(0).received, b"hello");
        assert!(!program.stream(0).data_open);
    });
}

#[test]
fn what_a_program_sends_is_written_and_then_credited() {
    run(async {
        let connector = Connector::new();
        let mut program = program(&connector);
        let (mut client, connection) = connected(&mut program, &connector);
        assert_eq!(program.stream(0).credit, 1000);
        program.data(0, &[1; 80]).unwrap();
        // It is little, and has to wait.
        assert_eq!(program.stream(0).credit, 920);
        program.poll();
        // It is written, and so little that it is not worth a packet.
        assert_eq!(program.stream(0).credit, 920);

        // 20 bytes fit the connection, 900 do not: it can send another window meanwhile, and no more.
        program.data(0, &[2; 920]).unwrap();
        assert_eq!(program.stream(0).credit, 1000);
        program.poll();
        program.data(0, &[3; 1000]).unwrap();
        program.poll();
        assert_eq!(program.stream(0).credit, 0);
        let mut buffer = vec![0; 2000];
        for written in [100, 100, 100, 100] {
            assert_eq!(program.stream(0).credit, 0);
            assert_eq!(client.read(&mut buffer).await.unwrap(), written);
            assert!(program.was_woken());
            program.poll();
        }
        // When half of a window was free.
        assert_eq!(program.stream(0).credit, 500);

        program.end_data(0);
        program.poll();
        assert!(program.stream(0).flow_open);
        let rest = async {
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).await.unwrap();
            rest.len()
        };
        let (rest, ()) = tokio::join!(rest, async {
            while program.stream(0).flow_open {
                program.poll();
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(rest, 1600);
        drop(client);
        program.flow(0, 1).unwrap();
        program.poll();
        assert!(matches!(connection.await, Ended::Finished));
    });
}

#[test]
fn a_connection_that_fails_takes_nothing_and_the_program_goes_on() {
    run(async {
        let connector = Connector::new();
        let mut program = program(&connector);
        let (client, connection) = connected(&mut program, &connector);
        program.flow(0, 1).unwrap();
        drop(client);
        program.data(0, b"lost").unwrap();
        program.data(0, b"lost, too").unwrap();
        program.poll();
        assert!(!program.stream(0).flow_open && !program.stream(0).data_open);
        match connection.await {
            Ended::Failed(error) => assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe),
            other => panic!("{other:?}"),
        }
        program.data(0, b"and this").unwrap();
        program.end_flow(0);
        program.end_data(0);
        program.poll();
        assert!(program.ids().is_empty());
    });
}

#[test]
fn programs_that_break_the_rules_end() {
    let connector = Connector::new();
    let mut program = program(&connector);
    let (_client, _connection) = connected(&mut program, &connector);
    check_failure(program.flow(1, 1), "stream 1: it does not exist");
    check_failure(program.raw_data(-1, b""), "stream -1: it does not exist");
    check_failure(program.raw_data(0, &[0; 1001]), "stream 0: data of 1001 bytes (1000 were granted)");
    program.flow(0, i32::MAX).unwrap();
    check_failure(
        program.flow(0, 1),
        "stream 0: 1 bytes of credit are added to 2147483647 (limit: 2147483647 together)",
    );
    program.flow(0, -5).unwrap();
    program.end_flow(0);
    check_failure(program.flow(0, -5), "stream 0: flow of -5 after the end of flow");
    program.end_data(0);
    check_failure(program.raw_data(0, b"x"), "stream 0: data of 1 bytes after the end of data");
    program.info();
}

#[test]
fn dropping_the_future_closes_the_connection() {
    run(async {
        let connector = Connector::new();
        let mut program = program(&connector);
        let (mut client, connection) = connected(&mut program, &connector);
        let (mut unaccepted, theirs) = duplex(100);
        drop(connector.connect(theirs));
        assert_eq!(unaccepted.read(&mut [0]).await.unwrap(), 0);

        drop(connection);
        assert!(program.was_woken());
        program.poll();
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert!(!program.stream(0).flow_open && !program.stream(0).data_open);
    });
}

#[test]
fn connections_end_with_their_program() {
    run(async {
        let connector = Connector::new();
        let mut program = program(&connector);
        let (_client, connection) = connected(&mut program, &connector);
        drop(program);
        assert!(matches!(connection.await, Ended::Gone));

        let (_client, theirs) = duplex(100);
        let waiting = connector.connect(theirs);
        connector.close();
        assert!(matches!(waiting.await, Ended::Gone));
        let (_client, theirs) = duplex(100);
        assert!(matches!(connector.connect(theirs).await, Ended::Gone));
    });
}

#[test]
fn too_many_connections_do_not_wait() {
    let connector = Connector::new();
    let connect = || connector.connect_pair(tokio::io::empty(), tokio::io::sink());
    let mut waiting: Vec<_> = (0..MAX_WAITING).map(|_| connect()).collect();
    let poll = |connection: &mut Connection| {
        std::pin::Pin::new(connection).poll(&mut Context::from_waker(Waker::noop()))
    };
    assert!(matches!(poll(&mut connect()), Poll::Ready(Ended::Refused)));
    assert!(poll(&mut waiting[0]).is_pending());
    waiting.pop();
    assert!(poll(&mut connect()).is_pending());
}

#[test]
fn what_a_program_sent_before_it_ended_is_written() {
    run(async {
        let connector = Connector::new();
        let mut program = program(&connector);
        let (mut client, connection) = connected(&mut program, &connector);
        program.data(0, &[3; 777]).unwrap();
        let read = async {
            let mut bytes = Vec::new();
            client.read_to_end(&mut bytes).await.unwrap();
            bytes
        };
        let ((), bytes) = tokio::join!(program.close(), read);
        assert_eq!(bytes, [3; 777]);
        assert!(matches!(connection.await, Ended::Finished));
    });
}

#[test]
fn many_streams_take_turns() {
    run(async {
        let connector = Connector::new();
        let mut program = Program::new(Limits { max_connections: 10, buffer_size: 10 }, &connector);
        let mut connections = Vec::new();
        for id in 0..10 {
            connections.push(connector.connect_pair(tokio::io::repeat(id), tokio::io::sink()));
            program.accept();
        }
        program.poll();
        for id in 0..10 {
            program.flow(id, 1 << 30).unwrap();
        }
        for _ in 0..50 {
            program.poll();
        }
        let received: Vec<usize> = (0..10).map(|id| program.stream(id).received.len()).collect();
        assert!(received.iter().all(|count| *count > 0), "{received:?}");
    });
}

#[test]
fn credit_is_returned_in_large_pieces_while_a_program_keeps_sending() {
    let connector = Connector::new();
    let mut program = Program::new(Limits { max_connections: 1, buffer_size: 1 << 20 }, &connector);
    let _connection = connector.connect_pair(tokio::io::empty(), tokio::io::sink());
    program.accept();
    program.poll();
    // The limit is out of range.
    assert_eq!(program.stream(0).credit, 65520);
    for _ in 0..1000 {
        program.data(0, &[0; 100]).unwrap();
    }
    assert_eq!(program.flow_packets, 1 + 100_000 / 32760);
}

#[test]
fn a_program_that_says_so_gets_credit_for_several_packets() {
    let connector = Connector::new();
    let mut program = Program::new(Limits { max_connections: 1, buffer_size: 200_000 }, &connector);
    // Nobody reads.
    let (_client, theirs) = duplex(1);
    let _connection = connector.connect(theirs);
    program.accept_saying(&[0xff, 0xff, 0xff, 0x7f, 9]);
    program.poll();
    assert_eq!(program.stream(0).credit, 200_000);
    let half = |program: &mut Program| {
        for _ in 0..2 {
            program.data(0, &[1; 50_000]).unwrap();
        }
        program.poll();
    };
    // What waits and what may come are never more than twice that together.
    for credit in [200_000, 200_000, 100_000, 0] {
        half(&mut program);
        assert_eq!(program.stream(0).credit, credit);
    }

    // It goes on knowing that.
    let saved = program.save();
    let said = [0xff, 0xff, 0xff, 0xff, 7];
    assert_eq!(saved[saved.len() - 5..], said);
    program.restart();
    assert_eq!(program.save(), saved);

    // What makes no sense is taken for nothing.
    let mut program = Program::new(Limits { max_connections: 1, buffer_size: 200_000 }, &connector);
    let _connection = connector.connect_pair(tokio::io::empty(), tokio::io::sink());
    program.accept_saying(&[0xff, 0xff, 0xff]);
    program.poll();
    assert_eq!(program.stream(0).credit, 65520);
}

#[test]
fn what_a_program_says_is_known_before_it_has_a_connection() {
    let connector = Connector::new();
    let limits = Limits { max_connections: 1, buffer_size: 200_000 };
    let mut program = Program::new(limits, &connector);
    program.accept_saying(&100_000_u32.to_le_bytes());
    assert_eq!(program.save(), [1, 0, 0xa0, 0x8d, 6]);
    program.restart();
    let _connection = connector.connect_pair(tokio::io::empty(), tokio::io::sink());
    program.poll();
    assert_eq!(program.stream(0).credit, 100_000);
}

#[test]
fn flows_of_several_streams_share_a_packet() {
    let connector = Connector::new();
    let mut program = program(&connector);
    let _connections = [(); 2].map(|()| connector.connect_pair(tokio::io::empty(), tokio::io::sink()));
    program.accept();
    program.accept();
    program.poll();
    assert_eq!(program.flow_packets, 1);
    assert_eq!(program.flows, [Flow { id: 0, value: 1000 }, Flow { id: 1, value: 1000 }]);
}

fn client() -> Client {
    Client { principal: None, instance: None, process_key: [0; 16], scope: Scope::new([]), system_user: None }
}
