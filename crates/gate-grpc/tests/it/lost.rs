//! Servers that go away while programs use them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gate_grpc::{Services, Timeouts};
use gate_packet::Domain;

use crate::harness::{EchoServer, Events, Program, children, config, echo_path, run, start};
use crate::misbehaviour::{Behaviour, listen};

#[test]
fn a_program_without_calls_does_not_notice() {
    let mut server = EchoServer::start();
    run(async {
        let services = start(&[], &[&server.target()]).await;
        let mut program = Program::start(&services, "echo").await;
        for content in [b"a", b"b", b"c"] {
            program.call(content).await;
            assert_eq!(program.reply().await, content);
            server.kill();
            server.start_again();
        }
    });
}

#[test]
fn calls_are_made_again() {
    let mut server = EchoServer::start();
    run(async {
        let log = Arc::<Events>::default();
        let services = Services::start(config(&[], &[&server.target()], &log)).await.unwrap();
        let mut program = Program::start(&services, "echo/later").await;
        program.call(b"1").await;
        program.call(b"2").await;
        program.info(b"").await;
        assert_eq!(program.reply().await, b"1");
        assert_eq!(program.reply().await, b"2");
        program.call(b"3").await;
        program.call(b"4").await;
        program.until(|| true).await;
        server.kill();
        program.until(|| log.all().contains(&"disconnected".to_owned())).await;
        program.call(b"5").await;
        server.start_again();
        program.info(b"").await;
        for content in [b"3", b"4", b"5"] {
            assert_eq!(program.reply().await, content);
        }
    });
}

#[test]
fn a_server_that_restarts_before_anything_has_passed_gets_the_snapshot_again() {
    let mut server = EchoServer::start();
    run(async {
        let services = start(&[], &[&server.target()]).await;
        let mut program = Program::start(&services, "echo/later").await;
        program.call(b"1").await;
        program.call(b"2").await;
        let snapshot = program.save().await.unwrap();
        let mut clone = Program::resume(&services, "echo/later", snapshot).await.unwrap();
        server.kill();
        server.start_again();
        for program in [&mut program, &mut clone] {
            program.info(b"").await;
            assert_eq!(program.reply().await, b"1");
            assert_eq!(program.reply().await, b"2");
        }
    });
}

#[test]
fn a_program_that_was_continued_goes_on_from_its_last_snapshot() {
    let mut server = EchoServer::start();
    run(async {
        let services = start(&[], &[&server.target()]).await;
        let mut program = Program::start(&services, "counter").await;
        program.call(b"").await;
        assert_eq!(program.reply().await, 1_u64.to_le_bytes());
        let snapshot = program.save().await.unwrap();
        let mut clone = Program::resume(&services, "counter", snapshot).await.unwrap();
        for program in [&mut program, &mut clone] {
            for count in [2_u64, 3] {
                program.call(b"").await;
                assert_eq!(program.reply().await, count.to_le_bytes());
            }
            server.kill();
            server.start_again();
            program.call(b"").await;
            assert_eq!(program.reply().await, 2_u64.to_le_bytes());
        }
    });
}

#[test]
fn a_program_that_was_continued_with_calls_has_them_made_again() {
    let mut server = EchoServer::start();
    run(async {
        let services = start(&[], &[&server.target()]).await;
        let mut program = Program::start(&services, "echo/later").await;
        program.call(b"1").await;
        let snapshot = program.save().await.unwrap();
        let mut program = Program::resume(&services, "echo/later", snapshot).await.unwrap();
        program.call(b"2").await;
        program.info(b"").await;
        assert_eq!(program.reply().await, b"1");
        assert_eq!(program.reply().await, b"2");
        program.call(b"3").await;
        let snapshot = program.save().await.unwrap();
        let mut program = Program::resume(&services, "echo/later", snapshot).await.unwrap();
        program.call(b"4").await;
        program.until(|| true).await;
        server.kill();
        server.start_again();
        program.info(b"").await;
        assert_eq!(program.reply().await, b"3");
        assert_eq!(program.reply().await, b"4");
    });
}

#[test]
fn a_program_of_another_host_ends_if_nobody_knows_its_calls() {
    let mut server = EchoServer::start();
    run(async {
        let services = start(&[], &[&server.target()]).await;
        // As the server has written it: three calls were counted.
        let snapshot = [[3_u8, 0, 0, 0, 0, 0, 0, 0], [0; 8]].concat();
        let mut program = Program::resume(&services, "counter", snapshot).await.unwrap();
        program.call(b"").await;
        assert_eq!(program.reply().await, 4_u64.to_le_bytes());
        server.kill();
        server.start_again();
        let failure = program.failure().await;
        assert!(failure.contains("the connection was lost, with what the server knew"), "{failure}");
    });
}

#[test]
fn a_program_is_saved_without_a_server() {
    let mut server = EchoServer::start();
    run(async {
        let log = Arc::<Events>::default();
        let mut config = config(&[], &[&server.target()], &log);
        config.timeouts = Timeouts { reconnect: Duration::from_secs(1), ..Timeouts::USUAL };
        let services = Services::start(config).await.unwrap();
        let mut program = Program::start(&services, "echo/later").await;
        program.call(b"1").await;
        program.info(b"").await;
        assert_eq!(program.reply().await, b"1");
        program.call(b"2").await;
        program.call(b"3").await;
        program.until(|| true).await;
        server.kill();
        log.wait("disconnected").await;
        program.put(Domain::Call, b"4");
        let snapshot = program.save().await.unwrap();

        server.start_again();
        let mut clone = Program::resume(&services, "echo/later", snapshot).await.unwrap();
        for program in [&mut program, &mut clone] {
            program.info(b"").await;
            for content in [b"2", b"3", b"4"] {
                assert_eq!(program.reply().await, content);
            }
            assert!(program.save().await.unwrap().is_empty());
        }
    });
}

#[test]
fn a_program_does_not_wait_for_ever() {
    let mut server = EchoServer::start();
    run(async {
        let log = Arc::<Events>::default();
        let mut config = config(&[], &[&server.target()], &log);
        config.timeouts = Timeouts { reconnect: Duration::from_secs(1), ..Timeouts::USUAL };
        let services = Services::start(config).await.unwrap();
        let mut program = Program::start(&services, "echo").await;
        server.kill();
        log.wait("disconnected").await;
        program.put(Domain::Call, b"1");
        let failure = program.failure().await;
        assert!(
            failure.contains("service failed: service \"echo\": no server: cannot connect to unix:"),
            "{failure}"
        );
        // And so it stays.
        assert!(program.failure().await.contains("failed before"));
        assert!(program.save().await.is_err());
        // Others go on.
        server.start_again();
        let mut program = Program::start(&services, "echo").await;
        program.call(b"2").await;
        assert_eq!(program.reply().await, b"2");
    });
}

#[test]
fn a_command_is_started_again() {
    run(async {
        let path = echo_path();
        let log = Arc::<Events>::default();
        let services = Services::start(config(&[path.to_str().unwrap()], &[], &log)).await.unwrap();
        let mut program = Program::start(&services, "echo").await;
        program.call(b"1").await;
        assert_eq!(program.reply().await, b"1");
        let children = children();
        assert_eq!(children.len(), 1, "{children:?}");
        rustix::process::kill_process(children[0], rustix::process::Signal::KILL).unwrap();
        program.call(b"2").await;
        assert_eq!(program.reply().await, b"2");
        log.wait("exited signal: 9").await;
        services.close().await;
    });
}

#[test]
fn a_program_whose_streams_have_ended_does_not_notice() {
    run(async {
        let server = listen(Behaviour::LosesInfos, None).await;
        let services = start(&[], &[&server.target()]).await;
        let mut program = Program::start(&services, "bad").await;
        // What the program sends comes back, so both send both ends.
        for domain in [Domain::Flow, Domain::Data] {
            program.send(domain, &[0; 8]).await.unwrap();
            assert_eq!(program.next().await.unwrap().domain, domain);
        }
        program.info(b"").await;
        assert_eq!(program.next().await.unwrap().domain, Domain::Info);
        assert_eq!(server.creates.load(Ordering::Relaxed), 2);

        program.send(Domain::Flow, &[0; 8]).await.unwrap();
        assert_eq!(program.next().await.unwrap().domain, Domain::Flow);
        program.put(Domain::Info, b"");
        let failure = program.failure().await;
        assert!(failure.contains("with what the server knew of the program's streams"), "{failure}");
    });
}

#[test]
fn a_program_with_streams_ends() {
    let mut server = EchoServer::start();
    run(async {
        let services = start(&[], &[&server.target()]).await;
        let mut program = Program::start(&services, "echo").await;
        program.send(Domain::Flow, &[0; 8]).await.unwrap();
        program.call(b"1").await;
        assert_eq!(program.reply().await, b"1");
        server.kill();
        server.start_again();
        let failure = program.failure().await;
        assert!(failure.contains("with what the server knew of the program's streams"), "{failure}");
    });
}
