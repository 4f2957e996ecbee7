//! Tests of tasks and time.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::time::Duration;

use proptest::prelude::*;

use crate::fake::{Event, FakeHost};
use crate::{run_with, Gate, Wait};

fn idle() -> FakeHost {
    FakeHost::new(|_, _| {})
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_program_without_need_of_the_host_does_not_wait_for_it() {
    let host = idle();
    let log = host.clone();
    let sum = run_with(host, |gate| async move {
        let tasks: Vec<_> = (1..=100_u32)
            .map(|n| {
                let own = gate.clone();
                gate.spawn(async move {
                    for _ in 0..n % 7 {
                        own.yield_now().await;
                    }
                    n
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await;
        }
        sum
    });
    assert_eq!(sum, 5050);
    assert_eq!(log.events(), []);
}

#[test]
fn tasks_take_turns() {
    let order = Rc::new(RefCell::new(Vec::new()));
    let result = Rc::clone(&order);
    run_with(idle(), |gate| async move {
        let task = |name: char| {
            let (order, own) = (Rc::clone(&order), gate.clone());
            gate.spawn(async move {
                for round in 0..3 {
                    order.borrow_mut().push((round, name));
                    own.yield_now().await;
                }
            })
        };
        let (a, b) = (task('a'), task('b'));
        a.await;
        b.await;
    });
    let expected: Vec<_> = (0..3).flat_map(|round| [(round, 'a'), (round, 'b')]).collect();
    assert_eq!(*result.borrow(), expected);
}

proptest! {
    #[test]
    fn sleepers_wake_in_order_and_the_host_waits_exactly_so_long(times in prop::collection::vec(0..10_u64, 1..50)) {
        let host = idle();
        let log = host.clone();
        let order = Rc::new(RefCell::new(Vec::new()));
        let (woken, all) = (Rc::clone(&order), times.clone());
        run_with(host, |gate| async move {
            let start = gate.now();
            let tasks: Vec<_> = all
                .into_iter()
                .map(|time| {
                    let (order, own) = (Rc::clone(&order), gate.clone());
                    gate.spawn(async move {
                        own.sleep(seconds(time)).await;
                        order.borrow_mut().push(time);
                        assert_eq!(own.now() - start, seconds(time));
                    })
                })
                .collect();
            for task in tasks {
                task.await;
            }
        });
        let mut sorted = times;
        sorted.sort_unstable();
        prop_assert_eq!(&*woken.borrow(), &sorted);
        sorted.dedup();
        let waits: Vec<_> = [0].iter().chain(&sorted).zip(&sorted).map(|(before, time)| time - before).collect();
        let expected: Vec<_> = waits.into_iter().filter(|time| *time > 0).map(|time| Event::Wait(Wait::AtMost(seconds(time)))).collect();
        prop_assert_eq!(log.events(), expected);
    }
}

#[test]
fn a_timeout_gives_up() {
    run_with(idle(), |gate: Gate| async move {
        let start = gate.now();
        assert_eq!(gate.timeout(seconds(2), gate.sleep(seconds(3))).await, None);
        assert_eq!(gate.now() - start, seconds(2));
        assert_eq!(gate.timeout(seconds(3), gate.sleep(seconds(2))).await, Some(()));
        // Neither is left behind among the timers: the next wait is for this one.
        gate.sleep(seconds(5)).await;
        assert_eq!(gate.now() - start, seconds(9));
    });
}

#[test]
fn tasks_may_outnumber_the_places_there_were() {
    // Places of tasks that have ended are used again, and wakers of those may still be there.
    let count = run_with(idle(), |gate| async move {
        let mut count = 0;
        for round in 0..10_u64 {
            let tasks: Vec<_> = (0..40 + round)
                .map(|n| {
                    let own = gate.clone();
                    gate.spawn(async move { own.timeout(seconds(n % 3), own.sleep(seconds(n % 2))).await })
                })
                .collect();
            for task in tasks {
                task.await;
                count += 1;
            }
        }
        count
    });
    assert_eq!(count, 445);
}

#[test]
fn what_is_left_is_dropped_and_what_was_to_be_sent_is_sent() {
    let host = FakeHost::new(|event, sender| {
        if let Event::Call(..) = event {
            sender.reply("s", 0, b"");
        }
    });
    let log = host.clone();
    run_with(host.cut(vec![(3, 3)]), |gate| async move {
        let service = gate.service("s");
        service.call(&[]).await.unwrap();
        let mut stream = service.stream(0);
        // Nothing ever comes.
        gate.spawn(async move { stream.chunk().await });
        gate.yield_now().await;
        service.send_info(b"last").await.unwrap();
    });
    let s = alloc::string::String::from("s");
    let packets = log.packets();
    for expected in [
        Event::Info(s.clone(), b"last".to_vec()),
        Event::Flow(s.clone(), 0, 0),
        Event::Data(s, 0, 0, Vec::new()),
    ] {
        assert!(packets.contains(&expected), "{expected:?} in {packets:?}");
    }
}

#[test]
fn a_task_that_never_waits_does_not_keep_the_others_from_the_host() {
    let host = FakeHost::new(|event, sender| {
        if let Event::Call(..) = event {
            sender.reply("s", 0, b"reply");
        }
    });
    let rounds = run_with(host, |gate| async move {
        let busy = gate.clone();
        gate.spawn(async move {
            loop {
                busy.yield_now().await;
            }
        });
        let (own, service) = (gate.clone(), gate.service("s"));
        let call = gate.spawn(async move { service.call(b"call").await });
        let mut call = alloc::boxed::Box::pin(call);
        let mut rounds = 0;
        while own.timeout(Duration::default(), call.as_mut()).await.is_none() {
            own.yield_now().await;
            rounds += 1;
        }
        rounds
    });
    assert!((1..100).contains(&rounds), "{rounds}");
}
