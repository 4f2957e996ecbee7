//! Tests with programs against a host that cuts packets anywhere, and replies in any order.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::panic::{catch_unwind, AssertUnwindSafe};

use gate_packet::Domain;
use proptest::prelude::*;

use crate::fake::{Event, FakeHost};
use crate::stream::state::Direction;
use crate::{run_with, CallError, StreamError, Wait};

/// How many bytes go through at once.
fn cuts() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((1..40_usize, 1..40_usize), 1..5)
}

proptest! {
    #[test]
    fn every_call_gets_its_reply_in_whatever_order_they_come(
        cuts in cuts(),
        delays in prop::collection::vec((0..4_usize, any::<prop::sample::Index>()), 1..40),
    ) {
        // Each call says how many calls are to be outstanding before any is answered, and which is then.
        let expected: Vec<Vec<u8>> = (0..delays.len()).map(|n| vec![0xa5; n]).collect();
        let (mut waiting, mut answered) = (Vec::new(), 0);
        let count = delays.len();
        let host = FakeHost::new(move |event, sender| {
            if let Event::Call(_, content) = event {
                waiting.push(content.clone());
                let (hold, which) = delays[answered % delays.len()];
                while waiting.len() > hold || (!waiting.is_empty() && answered + waiting.len() == count) {
                    let index = which.index(waiting.len());
                    sender.reply("s", u8::try_from(index).unwrap(), &waiting.remove(index));
                    answered += 1;
                }
            }
        });
        let calls = expected.clone();
        let replies = run_with(host.cut(cuts), |gate| async move {
            let service = gate.service("s");
            let tasks: Vec<_> = calls
                .into_iter()
                .map(|content| {
                    let service = service.clone();
                    gate.spawn(async move { service.call(&content).await.unwrap() })
                })
                .collect();
            let mut replies = Vec::new();
            for task in tasks {
                replies.push(task.await);
            }
            replies
        });
        prop_assert_eq!(replies, expected);
    }

    #[test]
    fn streams_carry_what_is_written_within_their_credit(
        cuts in cuts(),
        data in prop::collection::vec(any::<u8>(), 0..3000),
        credits in prop::collection::vec(1..300_i32, 1..10),
        window in 2..500_u32,
        buffer in 1..200_usize,
    ) {
        // The service echoes: what it gets, it sends as far as it may, and gives credit for in small amounts.
        let (mut granted, mut turn) = (0_usize, 0);
        let (mut room, mut held, mut ended) = (0_usize, Vec::<u8>::new(), false);
        let host = FakeHost::new(move |event, sender| {
            match event {
                Event::Call(..) => sender.reply("s", 0, b"ok"),
                Event::Flow(_, 5, 0) => {}
                Event::Flow(_, 5, more) => room += usize::try_from(*more).unwrap(),
                Event::Data(_, 5, _, bytes) if bytes.is_empty() => {
                    ended = true;
                    sender.flow("s", 5, 0);
                }
                Event::Data(_, 5, _, bytes) => {
                    granted = granted.checked_sub(bytes.len()).expect("no more than there is credit for");
                    held.extend(bytes);
                }
                event => panic!("{event:?}"),
            }
            let part = held.len().min(room);
            if part > 0 {
                room -= part;
                sender.data("s", 5, 0, &held.drain(..part).collect::<Vec<_>>());
            }
            if ended && held.is_empty() {
                ended = false;
                sender.data("s", 5, 77, &[]);
            }
            if granted == 0 && held.len() < 1000 {
                let credit = credits[turn % credits.len()];
                turn += 1;
                granted += usize::try_from(credit).unwrap();
                sender.flow("s", 5, credit);
            }
        });
        let (sent, log) = (data.clone(), host.clone());
        let (received, note) = run_with(host.cut(cuts), |gate| async move {
            let service = gate.service("s");
            service.call(&[]).await.unwrap();
            let (mut receiver, mut sender) = service.stream_with_window(5, window).split();
            gate.spawn(async move { sender.write_all(&sent).await.unwrap() });
            let mut received = Vec::new();
            let mut part = vec![0; buffer];
            loop {
                match receiver.read(&mut part).await.unwrap() {
                    0 => return (received, receiver.end_note()),
                    len => received.extend_from_slice(&part[..len]),
                }
            }
        });
        prop_assert_eq!(received, data);
        prop_assert_eq!(note, Some(77));
        let ends = |event: &&Event| match event {
            Event::Flow(_, _, value) => *value == 0,
            Event::Data(.., bytes) => bytes.is_empty(),
            _ => false,
        };
        prop_assert_eq!(log.events().iter().filter(ends).count(), 2, "each side is ended once");
    }
}

#[test]
fn services_are_discovered_together_and_only_once() {
    let host = FakeHost::new(|event, sender| {
        if let Event::Call(name, _) = event {
            sender.reply(name, 0, name.as_bytes());
        }
    });
    run_with(host, |gate| async move {
        let (a, no, b) = (gate.service("a"), gate.service("none"), gate.service("b"));
        assert_eq!(a.call(&[]).await.unwrap(), b"a");
        assert_eq!(b.call(&[]).await.unwrap(), b"b");
        let error = CallError::Unavailable { name: "none".to_string() };
        assert_eq!(no.call(&[]).await, Err(error.clone()));
        assert_eq!(no.send_info(&[]).await, Err(error));
        assert_eq!(gate.service("a").call(&[]).await.unwrap(), b"a");
        assert_eq!(gate.service("later").call(&[]).await.unwrap(), b"later");
        assert_eq!(a.call(&[0; 65529]).await, Err(CallError::TooLong { found: 65529 }));
        assert!(!no.is_available().await && b.is_available().await);
    });
}

#[test]
fn there_are_no_more_services_than_the_host_counts() {
    let host = FakeHost::new(|event, sender| {
        if let Event::Call(name, _) = event {
            sender.reply(name, 0, name.as_bytes());
        }
    });
    run_with(host, |gate| async move {
        let services: Vec<_> = (0..300).map(|n| gate.service(&n.to_string())).collect();
        assert_eq!(services[255].call(&[]).await.unwrap(), b"255");
        assert!(!services[256].is_available().await);
    });
}

#[test]
fn more_calls_than_replies_can_tell_apart_wait() {
    let mut held = 0;
    let host = FakeHost::new(move |event, sender| match event {
        Event::Call(..) => {
            held += 1;
            assert!(held <= 256);
        }
        // Nothing more comes: answer all, the last one first.
        Event::Wait(Wait::Forever) => {
            for index in (0..held).rev() {
                sender.reply("s", u8::try_from(index).unwrap(), &[u8::try_from(index).unwrap()]);
            }
            held = 0;
        }
        _ => {}
    });
    run_with(host, |gate| async move {
        let service = gate.service("s");
        let call = |_| {
            let service = service.clone();
            gate.spawn(async move { service.call(b"x").await.unwrap() })
        };
        let tasks: Vec<_> = (0..600).map(call).collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await, [u8::try_from(n % 256).unwrap()]);
        }
    });
}

#[test]
fn a_stream_can_be_told_of_before_the_program_knows_it() {
    let host = FakeHost::new(|event, sender| {
        if let Event::Call(..) = event {
            // All of it before the task that waits for the reply runs.
            sender.reply("s", 0, b"3");
            sender.flow("s", 3, 4);
            sender.flow("s", 3, -9);
            sender.data("s", 3, 1, &[]);
        }
        if let Event::Data(.., bytes) = event {
            if bytes.is_empty() {
                sender.flow("s", 3, 0);
            }
        }
    });
    let log = host.clone();
    run_with(host, |gate| async move {
        let service = gate.service("s");
        service.call(&[]).await.unwrap();
        let mut stream = service.stream(3);
        assert_eq!(stream.chunk().await, Ok(None));
        assert_eq!((stream.receiver.end_note(), stream.sender.note()), (Some(1), Some(-9)));
        assert_eq!(stream.sender.write(b"123456").await, Ok(4));
        assert_eq!(stream.sender.write(b"").await, Ok(0));
        stream.sender.close(2);
        gate.yield_now().await;
        // All four ends are there, so that the next stream can have the same number.
        service.call(&[]).await.unwrap();
        assert_eq!(service.stream(3).sender.write_note(b"12", 8).await, Ok(2));
    });
    let s = "s".to_string();
    let data = |note, bytes: &[u8]| Event::Data(s.clone(), 3, note, bytes.to_vec());
    let call = Event::Call(s.clone(), Vec::new());
    // The service had ended both before they were taken, so no credit was given.
    let flow = Event::Flow(s.clone(), 3, 0);
    assert_eq!(
        log.packets(),
        [
            call.clone(),
            flow.clone(),
            data(0, b"1234"),
            data(2, b""),
            call,
            flow,
            data(8, b"12"),
            data(0, b"")
        ]
    );
}

#[test]
fn credit_is_there_before_anything_is_read() {
    let host = FakeHost::new(|event, sender| match event {
        Event::Call(..) => sender.reply("s", 0, b""),
        // As another program would that writes first, too.
        Event::Flow(_, 0, more) if *more > 0 => sender.flow("s", 0, 1),
        _ => {}
    });
    run_with(host, |gate| async move {
        let service = gate.service("s");
        service.call(&[]).await.unwrap();
        assert_eq!(service.stream(0).write_all(b"1").await, Ok(()));
    });
}

#[test]
fn a_reader_that_closes_early_is_not_sent_more() {
    let host = FakeHost::new(|event, sender| match event {
        Event::Call(..) => sender.reply("s", 0, b""),
        Event::Flow(_, 0, more) if *more > 0 => sender.data("s", 0, 0, b"some"),
        Event::Flow(_, 0, 0) => {
            // Within the credit it had.
            sender.data("s", 0, 0, b"more");
            sender.data("s", 0, 0, b"");
        }
        _ => {}
    });
    let log = host.clone();
    run_with(host, |gate| async move {
        let service = gate.service("s");
        service.call(&[]).await.unwrap();
        let mut receiver = service.receiver(0);
        let mut buffer = [0; 3];
        assert_eq!(receiver.read(&mut buffer).await, Ok(3));
        assert_eq!(receiver.chunk().await.unwrap().unwrap().bytes, b"e");
        drop(receiver);
        service.call(&[]).await.unwrap();
    });
    let s = "s".to_string();
    let expected = [
        Event::Call(s.clone(), Vec::new()),
        Event::Flow(s.clone(), 0, 32768),
        Event::Flow(s.clone(), 0, 0),
        Event::Call(s, Vec::new()),
    ];
    assert_eq!(log.packets(), expected);
}

#[test]
fn a_writer_learns_that_nobody_listens() {
    let host = FakeHost::new(|event, sender| match event {
        Event::Call(..) => {
            sender.flow("s", 1, 2);
            sender.reply("s", 0, b"");
        }
        Event::Data(_, _, _, bytes) if !bytes.is_empty() => sender.flow("s", 1, 0),
        _ => {}
    });
    run_with(host, |gate| async move {
        let service = gate.service("s");
        service.call(&[]).await.unwrap();
        let mut stream = service.stream(1);
        assert_eq!(stream.write_all(b"123").await, Err(StreamError::Closed));
        assert_eq!(stream.sender.write(b"x").await, Err(StreamError::Closed));
    });
}

#[test]
fn what_waits_for_a_service_fails_when_it_goes_away() {
    let mut waits = 0;
    let host = FakeHost::new(move |event, sender| match event {
        Event::Call(_, content) if content == b"open" => sender.reply("s", 0, b""),
        Event::Wait(_) => {
            waits += 1;
            // As after the program was continued on a host without the service; then on one with it.
            sender.states(Domain::Info, |_| waits == 2);
        }
        Event::Call(_, content) if content == b"again" => sender.reply("s", 0, b"yes"),
        _ => {}
    });
    run_with(host, |gate| async move {
        let service = gate.service("s");
        service.call(b"open").await.unwrap();
        let (mut receiver, mut sender) = service.stream(0).split();
        let mut infos = service.listen();
        let gone = Err(CallError::Unavailable { name: "s".to_string() });
        let tasks = (
            gate.spawn(async move { receiver.chunk().await }),
            gate.spawn(async move { sender.write_all(b"1").await }),
            gate.spawn(async move { infos.next().await }),
        );
        assert_eq!(service.call(b"lost").await, gone);
        assert_eq!(
            (tasks.0.await, tasks.1.await, tasks.2.await),
            (Err(StreamError::Lost), Err(StreamError::Lost), None)
        );
        assert_eq!(service.call(b"refused").await, gone);
        // Waits for ever, which has the service come back.
        let (never, waiter) = (gate.clone(), service.clone());
        gate.timeout(core::time::Duration::from_secs(1), async move {
            never.spawn(core::future::pending::<()>()).await
        })
        .await;
        assert_eq!(waiter.call(b"again").await.unwrap(), b"yes");
    });
}

#[test]
fn streams_that_nobody_wants_are_closed() {
    let mut calls = 0;
    let host = FakeHost::new(move |event, sender| match event {
        Event::Call(..) => calls += 1,
        Event::Wait(_) if calls > 0 => {
            calls = 0;
            sender.reply("s", 0, b"\x07");
            sender.reply("s", 0, b"\x08");
        }
        _ => {}
    });
    let log = host.clone();
    run_with(host, |gate| async move {
        let service = gate.service("s");
        let id = |reply: &[u8]| reply.first().copied().map(i32::from);
        drop(service.start(b"a").await.unwrap().opening(Direction::Both, id));
        let second = service.start(b"b").await.unwrap().opening(Direction::Incoming, id);
        gate.sleep(core::time::Duration::from_secs(1)).await;
        gate.sleep(core::time::Duration::from_secs(1)).await;
        // It was replied to, but nobody has looked.
        drop(second);
    });
    let s = String::from("s");
    let expected = [
        Event::Call(s.clone(), b"a".to_vec()),
        Event::Call(s.clone(), b"b".to_vec()),
        Event::Flow(s.clone(), 7, 0),
        Event::Data(s.clone(), 7, 0, Vec::new()),
        Event::Flow(s, 8, 0),
    ];
    assert_eq!(log.packets(), expected);
}

#[test]
fn notifications_come_to_who_listens() {
    let host = FakeHost::new(|event, sender| {
        if let Event::Info(_, content) = event {
            sender.info("s", content);
            sender.info("s", b"more");
        }
    });
    run_with(host, |gate| async move {
        let service = gate.service("s");
        service.send_info(b"for nobody").await.unwrap();
        gate.sleep(core::time::Duration::from_secs(1)).await;
        let mut infos = service.listen();
        service.send_info(b"one").await.unwrap();
        assert_eq!(infos.next().await.unwrap(), b"one");
        assert_eq!(infos.next().await.unwrap(), b"more");
    });
}

#[test]
fn a_host_that_breaks_the_protocol_ends_the_program() {
    type Breach = fn(&mut crate::fake::Sender);
    let breaches: [(Breach, &str); 6] = [
        (|sender| sender.reply("s", 1, b""), "reply to call 1 when 1 are outstanding"),
        (|sender| sender.data("s", 0, 0, b"x"), "data of stream 0 without credit"),
        (|sender| sender.flow("s", -1, 1), "stream -1"),
        (
            |sender| {
                sender.flow("s", 0, i32::MAX);
                sender.flow("s", 0, 1);
            },
            "too much credit for stream 0",
        ),
        (
            |sender| {
                sender.data("s", 0, 0, b"");
                sender.data("s", 0, 0, b"");
            },
            "data of stream 0 without credit",
        ),
        (|sender| sender.states(Domain::Flow, |_| true), "packet with domain 2"),
    ];
    for (breach, message) in breaches {
        let host = FakeHost::new(move |event, sender| {
            if let Event::Call(..) = event {
                breach(sender);
            }
        });
        let program = || {
            run_with(host, |gate| async move {
                let _ = gate.service("s").call(&[]).await;
            });
        };
        let panic = catch_unwind(AssertUnwindSafe(program)).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert_eq!(*text, std::format!("the host has broken the packet protocol: {message}"));
    }
}
