//! Programs that are suspended and go on, here and elsewhere.

use gate_packet::{Domain, MAX_SIZE};

use crate::harness::{EchoServer, Program, echo_path, run, start};

/// Runs a test with services that are a command, and with services at a socket. It gets two of a kind.
fn both<F: Future<Output = ()>>(test: impl Fn(gate_grpc::Services, gate_grpc::Services) -> F) {
    let path = echo_path().into_os_string().into_string().unwrap();
    run(async { test(start(&[&path], &[]).await, start(&[&path], &[]).await).await });
    let (one, other) = (EchoServer::start(), EchoServer::start());
    run(async { test(start(&[], &[&one.target()]).await, start(&[], &[&other.target()]).await).await });
}

#[test]
fn packets_come_back_in_order() {
    both(|services, _| async move {
        let mut program = Program::start(&services, "echo").await;
        program.call(b"one").await;
        program.info(b"two").await;
        program.call(b"").await;
        assert_eq!(program.reply().await, b"one");
        let info = program.next().await.unwrap();
        assert_eq!((info.domain, &*info.content), (Domain::Info, &b"two"[..]));
        assert_eq!(program.reply().await, b"");
        program.close().await;
        services.close().await;
    });
}

#[test]
fn many_and_large_packets() {
    both(|services, _| async move {
        let mut program = Program::start(&services, "echo").await;
        let content = |number: u32| {
            let size = if number.is_multiple_of(50) { MAX_SIZE as usize - 8 } else { 100 };
            vec![number.to_le_bytes()[0]; size]
        };
        let mut answered = 0;
        for number in 0..1000 {
            // As a program that reads what has come before it sends more.
            program.call(&content(number)).await;
            if number % 100 == 99 {
                while answered <= number {
                    assert_eq!(program.reply().await, content(answered));
                    answered += 1;
                }
            }
        }
    });
}

#[test]
fn calls_that_are_not_answered_go_on_elsewhere() {
    both(|here, there| async move {
        let mut program = Program::start(&here, "echo/later").await;
        for content in [b"1", b"2", b"3"] {
            program.call(content).await;
        }
        let snapshot = program.save().await.unwrap();
        assert!(!snapshot.is_empty());
        drop(program);

        let mut program = Program::resume(&there, "echo/later", snapshot).await.unwrap();
        program.call(b"4").await;
        program.info(b"").await;
        for content in [b"1", b"2", b"3", b"4"] {
            assert_eq!(program.reply().await, content);
        }
        // Now there is nothing to keep.
        assert!(program.save().await.unwrap().is_empty());
    });
}

#[test]
fn a_program_goes_on_twice() {
    both(|here, there| async move {
        let mut program = Program::start(&here, "counter").await;
        program.call(b"").await;
        assert_eq!(program.reply().await, 1_u64.to_le_bytes());
        program.call(b"").await;
        let snapshot = program.save().await.unwrap();
        let mut clone = Program::resume(&there, "counter", snapshot).await.unwrap();
        for program in [&mut program, &mut clone] {
            assert_eq!(program.reply().await, 2_u64.to_le_bytes());
            program.call(b"").await;
            assert_eq!(program.reply().await, 3_u64.to_le_bytes());
        }
        // Saved again without having been used: as it is.
        let snapshot = program.save().await.unwrap();
        assert_eq!(program.save().await.unwrap(), snapshot);
    });
}

#[test]
fn what_nobody_has_handled_is_kept() {
    both(|here, there| async move {
        let mut program = Program::start(&here, "echo").await;
        for number in 0..100_u8 {
            program.put(Domain::Call, &[number]);
        }
        let snapshot = program.save().await.unwrap();
        let mut clone = Program::resume(&there, "echo", snapshot).await.unwrap();
        for program in [&mut clone, &mut program] {
            for number in 0..100 {
                assert_eq!(program.reply().await, [number]);
            }
        }
    });
}

#[test]
fn what_the_program_has_not_read_is_kept() {
    both(|here, there| async move {
        let mut program = Program::start(&here, "echo/later").await;
        let large = vec![7; 60_000];
        for _ in 0..10 {
            program.call(&large).await;
        }
        program.info(b"").await;
        assert_eq!(program.reply().await, large);
        let read = program.buffered();
        let snapshot = program.save().await.unwrap();
        let mut clone = Program::resume(&there, "echo/later", snapshot).await.unwrap();
        for _ in read..9 {
            assert_eq!(clone.reply().await, large);
        }
        clone.call(b"end").await;
        clone.info(b"").await;
        assert_eq!(clone.reply().await, b"end");
    });
}

#[test]
fn a_server_knows_whose_snapshots_it_gets() {
    both(|here, _| async move {
        for snapshot in [&b"nonsense"[..], &[0; 17]] {
            let failure = Program::resume(&here, "echo", snapshot.to_vec()).await.map(drop).unwrap_err();
            assert!(matches!(failure, gate_service::Failure::Snapshot(_)), "{failure:?}");
            let text = failure.to_string();
            assert!(
                text.contains("\"echo\"") && text.contains("packets") || text.contains("no sense"),
                "{text}"
            );
        }
    });
}

#[test]
fn programs_do_not_see_each_other() {
    both(|services, _| async move {
        let mut programs = Vec::new();
        for _ in 0..50 {
            programs.push(Program::start(&services, "counter").await);
        }
        for count in 1_u64..4 {
            for program in &mut programs {
                program.call(b"").await;
                assert_eq!(program.reply().await, count.to_le_bytes());
            }
        }
    });
}
