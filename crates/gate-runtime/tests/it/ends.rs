//! How programs end, and that none stays behind.

use std::time::{Duration, Instant};

use gate_runtime::{Limit, Outcome, RefusalKind, Undone, Verdict};
use gate_sandbox::wait;
use rustix::process::{Signal, pidfd_send_signal};

use crate::crowd::{assert_ends, compile, container, idle, launch, report, step, try_launch};

#[test]
fn programs_end_in_any_order() {
    let mut container = container();
    container.prefork(3).unwrap();
    let artifact = idle(&mut container);
    let (mut instances, mut inputs): (Vec<_>, Vec<_>) =
        (0..10).map(|_| launch(&mut container, &artifact)).map(|(i, w)| (i, Some(w))).unzip();
    for index in [7, 0, 9, 3, 1, 2, 8, 6, 5, 4] {
        inputs[index] = None;
        let ended = loop {
            let ended = step(&mut container, &mut instances);
            if !ended.is_empty() {
                break ended;
            }
        };
        let [(who, report)] = &ended[..] else { panic!("{ended:?}") };
        assert_eq!(*who, index);
        assert!(
            matches!(&report.verdict, Verdict::Ended { outcome: Outcome::Returned(_), .. }),
            "{report:?}"
        );
        assert!(report.usage.is_some());
    }
}

#[test]
fn a_cancelled_program_ends_and_its_neighbour_goes_on() {
    let mut container = container();
    let artifact = idle(&mut container);
    let (neighbour, input) = launch(&mut container, &artifact);
    let (mut instance, _input) = launch(&mut container, &artifact);
    instance.cancel(&mut container).unwrap();
    instance.cancel(&mut container).unwrap();
    let ended = report(&mut container, instance);
    assert!(matches!(ended.verdict, Verdict::Cancelled), "{ended:?}");
    assert!(ended.usage.is_some());
    drop(input);
    let ended = report(&mut container, neighbour);
    assert!(matches!(ended.verdict, Verdict::Ended { .. }), "{ended:?}");
}

#[test]
fn a_program_has_no_more_than_its_time() {
    let mut container = container();
    let artifact = idle(&mut container);
    let time = Duration::from_millis(50);
    let started = Instant::now();
    let (instance, _input) = try_launch(&mut container, &artifact, Some(time)).unwrap();
    let ended = report(&mut container, instance);
    assert!(started.elapsed() >= time);
    assert!(ended.wall_time >= time);
    assert!(matches!(ended.verdict, Verdict::Limit(Limit::WallTime)), "{ended:?}");
}

#[test]
fn a_killed_program_has_crashed() {
    let mut container = container();
    let artifact = idle(&mut container);
    let (instance, _input) = launch(&mut container, &artifact);
    pidfd_send_signal(instance.process().pidfd(), Signal::KILL).unwrap();
    let ended = report(&mut container, instance);
    assert!(matches!(ended.verdict, Verdict::Crashed(_)), "{ended:?}");
}

#[test]
fn a_dropped_program_is_killed_and_the_container_stays_of_use() {
    let mut container = container();
    let artifact = idle(&mut container);
    let (instance, _input) = launch(&mut container, &artifact);
    let pidfd = instance.process().pidfd().try_clone_to_owned().unwrap();
    assert!(!wait::readable(instance.process().pidfd(), Some(Instant::now())).unwrap(), "it waits");
    drop(instance);
    assert_ends(&pidfd);
    let (instance, input) = launch(&mut container, &artifact);
    drop(input);
    assert!(matches!(report(&mut container, instance).verdict, Verdict::Ended { .. }));
}

#[test]
fn everything_ends_with_the_container() {
    let mut container = container();
    let artifact = idle(&mut container);
    let instances: Vec<_> = (0..3).map(|_| launch(&mut container, &artifact)).collect();
    drop(container);
    for (instance, _input) in &instances {
        let pidfd = instance.process().pidfd();
        assert!(wait::readable(pidfd, Some(Instant::now())).unwrap(), "dropping has waited for the end");
    }
}

#[test]
fn what_is_no_module_is_refused() {
    let mut container = container();
    match compile(&mut container, b"\0asm\x01\0\0\0 and something else") {
        Err(Undone::Refused { kind: RefusalKind::Invalid, message }) => assert!(!message.is_empty()),
        other => panic!("{other:?}"),
    }
    // The compiler is gone; the container is not.
    idle(&mut container);
}
