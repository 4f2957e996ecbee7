//! Tests of `poll_oneoff`.

use std::time::Duration;

use gate_abi::errno::Errno;
use gate_abi::host::{Interest, Stop, Stream};
use gate_abi::import::WasiFunction;

use crate::Calls;
use crate::tests::host::broken;
use crate::tests::{Program, SUSPEND, TRAP_BOUNDS, errno};

const POLL: WasiFunction = WasiFunction::PollOneoff;

const READ: Interest = Interest { stream: Stream::Packets, write: false };
const WRITE: Interest = Interest { stream: Stream::Packets, write: true };

const SUBSCRIPTIONS: u64 = 256;
const EVENTS: u64 = 2048;
const RESULT: u64 = 16;

#[derive(Clone, Copy)]
enum Sub {
    /// Clock, nanoseconds.
    Relative(u32, u64),
    Absolute(u32, u64),
    /// Tag, descriptor.
    Fd(u8, u32),
}

/// An event: position of the subscription, error number, tag, bytes.
type Event = (u64, u16, u8, u64);

fn store(program: &mut Program, subs: &[Sub]) {
    for (index, sub) in subs.iter().enumerate() {
        let bytes = &mut program.memory[256 + 48 * index..][..48];
        // What has no meaning is not zero.
        bytes.fill(0xee);
        bytes[..8].copy_from_slice(&(1000 + u64::try_from(index).unwrap()).to_le_bytes());
        match *sub {
            Sub::Relative(clock, time) | Sub::Absolute(clock, time) => {
                bytes[8] = 0;
                bytes[16..20].copy_from_slice(&clock.to_le_bytes());
                bytes[24..32].copy_from_slice(&time.to_le_bytes());
                bytes[32..40].fill(0);
                bytes[40..42].copy_from_slice(&[u8::from(matches!(sub, Sub::Absolute(..))), 0xfe]);
            }
            Sub::Fd(tag, fd) => {
                bytes[8] = tag;
                bytes[16..20].copy_from_slice(&fd.to_le_bytes());
            }
        }
    }
}

#[track_caller]
fn poll(program: &mut Program, subs: &[Sub]) -> Vec<Event> {
    store(program, subs);
    let count = u64::try_from(subs.len()).unwrap();
    assert_eq!(program.wasi(POLL, &[SUBSCRIPTIONS, EVENTS, count, RESULT]), errno(Errno::Success));
    let events = program.memory[2048..].chunks(32).take(usize::try_from(program.u32_at(16)).unwrap());
    events
        .map(|event| {
            let word = |at: usize| u64::from_le_bytes(*event[at..].first_chunk().unwrap());
            assert_eq!((&event[11..16], word(24)), (&[0; 5][..], 0));
            (word(0) - 1000, u16::from_le_bytes([event[8], event[9]]), event[10], word(16))
        })
        .collect()
}

/// Events of a program with room to send and nothing to receive, and how long it waited.
#[track_caller]
fn check(subs: &[Sub], events: &[Event], interests: &[Interest], timeout: Option<Duration>) {
    let mut program = Program::new();
    assert_eq!(poll(&mut program, subs), events);
    assert_eq!(program.host.waits, [(interests.to_vec(), timeout)]);
}

#[test]
fn packets() {
    check(&[Sub::Fd(2, 4)], &[(0, 0, 2, 65_536)], &[WRITE], None);
    check(&[Sub::Fd(1, 4)], &[], &[READ], None);
    check(
        &[Sub::Fd(1, 4), Sub::Fd(2, 4), Sub::Fd(2, 4)],
        &[(1, 0, 2, 65_536), (2, 0, 2, 65_536)],
        &[READ, WRITE],
        None,
    );
    let mut program = Program::new();
    program.host.room = 0;
    program.host.input.push_back(vec![1]);
    assert_eq!(poll(&mut program, &[Sub::Fd(2, 4), Sub::Fd(1, 4)]), [(1, 0, 1, 65_536)]);
    assert_eq!(poll(&mut program, &[Sub::Fd(1, 4)]), [(0, 0, 1, 65_536)]);
}

#[test]
fn what_cannot_be_waited_for_is_told_at_once() {
    let (perm, badf, inval) = (Errno::Perm.number(), Errno::BadF.number(), Errno::Inval.number());
    for (sub, event) in [
        (Sub::Fd(2, 1), (0, 0, 2, 0x7fff_ffff)),
        (Sub::Fd(2, 2), (0, 0, 2, 0x7fff_ffff)),
        (Sub::Fd(2, 0), (0, perm, 2, 0)),
        (Sub::Fd(1, 0), (0, perm, 1, 0)),
        (Sub::Fd(1, 1), (0, perm, 1, 0)),
        (Sub::Fd(1, 2), (0, perm, 1, 0)),
        (Sub::Fd(1, 3), (0, badf, 1, 0)),
        (Sub::Fd(2, 5), (0, badf, 2, 0)),
        (Sub::Fd(3, 4), (0, inval, 3, 0)),
        (Sub::Fd(255, 4), (0, inval, 255, 0)),
        (Sub::Relative(4, 10), (0, inval, 0, 0)),
    ] {
        let zero = Some(Duration::ZERO);
        check(&[sub], &[event], &[], zero);
        let also = (event.0 + 1, event.1, event.2, event.3);
        check(&[Sub::Fd(1, 4), sub, Sub::Relative(1, 5000)], &[also], &[READ], zero);
    }
}

#[test]
fn a_time_of_zero_has_come() {
    for sub in [Sub::Relative(0, 0), Sub::Relative(1, 0), Sub::Absolute(0, 0), Sub::Absolute(1, 0)] {
        check(&[sub], &[(0, 0, 0, 0)], &[], Some(Duration::ZERO));
    }
}

#[test]
fn a_relative_time_comes_when_it_has_passed() {
    for clock in [0, 1] {
        let wait = Some(Duration::from_nanos(7_000_000_000));
        check(&[Sub::Relative(clock, 7_000_000_001)], &[(0, 0, 0, 0)], &[], wait);
    }
    let subs = [Sub::Relative(1, 9000), Sub::Relative(0, 5000), Sub::Fd(1, 4), Sub::Relative(1, 5000)];
    check(&subs, &[(1, 0, 0, 0), (3, 0, 0, 0)], &[READ], Some(Duration::from_nanos(5000)));
}

#[test]
fn a_wait_that_ends_early_has_no_event() {
    let mut program = Program::new();
    program.host.wakes_after = Some(Duration::from_nanos(4998));
    assert_eq!(poll(&mut program, &[Sub::Relative(1, 5000)]), []);
}

#[test]
fn a_wait_that_ends_late_has_all_that_have_passed() {
    let mut program = Program::new();
    program.host.wakes_after = Some(Duration::from_nanos(9000));
    let subs = [Sub::Relative(1, 9000), Sub::Relative(0, 5000), Sub::Relative(0, 10_000)];
    assert_eq!(poll(&mut program, &subs), [(0, 0, 0, 0), (1, 0, 0, 0)]);
}

#[test]
fn waits_are_cut_to_the_resolution_and_sleeps_end_all_the_same() {
    for (time, wait) in [
        (10_000_000, Duration::ZERO),
        (20_000_000, Duration::from_nanos(16_777_216)),
        (2_999_999_999, Duration::from_nanos(2_989_855_744)),
    ] {
        let mut program = Program::new();
        program.calls = Calls::start(Duration::from_millis(10), 0, &mut program.host).unwrap();
        assert_eq!(poll(&mut program, &[Sub::Relative(1, time)]), [(0, 0, 0, 0)]);
        assert_eq!(program.host.waits, [(vec![], Some(wait))]);
    }
}

#[test]
fn an_absolute_time_is_by_the_programs_clock() {
    let wait = Duration::from_nanos(5000);
    let real = 1_600_000_000_123_456_788;
    check(&[Sub::Absolute(0, real + 5000)], &[(0, 0, 0, 0)], &[], Some(wait));
    check(&[Sub::Absolute(1, 1_000_005_000)], &[(0, 0, 0, 0)], &[], Some(wait));
    check(&[Sub::Absolute(0, real)], &[(0, 0, 0, 0)], &[], Some(Duration::ZERO));
    check(&[Sub::Absolute(1, 1)], &[(0, 0, 0, 0)], &[], Some(Duration::ZERO));
    let subs = [Sub::Absolute(1, 1_000_009_000), Sub::Absolute(0, real + 5000), Sub::Relative(1, 7000)];
    check(&subs, &[(1, 0, 0, 0)], &[], Some(wait));
    let mut program = Program::new();
    program.host.wakes_after = Some(Duration::from_nanos(4998));
    assert_eq!(poll(&mut program, &[Sub::Absolute(1, 1_000_005_000)]), []);
}

#[test]
fn clocks_that_are_not_to_be_had_suspend_before_anything_else() {
    for clock in [2, 3] {
        for sub in [Sub::Relative(clock, 0), Sub::Absolute(clock, 5)] {
            let mut program = Program::new();
            store(&mut program, &[Sub::Fd(2, 1), sub]);
            let before = program.memory.clone();
            assert_eq!(program.wasi(POLL, &[SUBSCRIPTIONS, EVENTS, 2, RESULT]), SUSPEND);
            assert_eq!((program.memory, program.host.waits.len()), (before, 0));
        }
    }
}

#[test]
fn nothing_at_all_is_waited_for_until_the_program_is_stopped() {
    let mut program = Program::new();
    program.host.wait_stops = Some(Stop::Interrupted);
    assert_eq!(program.wasi(POLL, &[0, 0, 0, RESULT]), Err(Stop::Interrupted));
    assert_eq!(program.host.waits, [(vec![], None)]);
    assert_eq!(poll(&mut program, &[]), []);
}

#[test]
fn an_interrupted_wait_is_repeated() {
    let mut program = Program::new();
    store(&mut program, &[Sub::Fd(1, 4)]);
    let before = program.memory.clone();
    program.host.wait_stops = Some(Stop::Interrupted);
    assert_eq!(program.wasi(POLL, &[SUBSCRIPTIONS, EVENTS, 1, RESULT]), Err(Stop::Interrupted));
    assert_eq!(program.memory, before);
    program.host.wait_stops = Some(broken("wait"));
    assert_eq!(program.wasi(POLL, &[SUBSCRIPTIONS, EVENTS, 1, RESULT]), Err(broken("wait")));
}

#[test]
fn events_may_replace_subscriptions() {
    let mut program = Program::new();
    store(&mut program, &[Sub::Fd(2, 1), Sub::Fd(2, 3), Sub::Fd(2, 2), Sub::Fd(2, 0)]);
    assert_eq!(program.wasi(POLL, &[SUBSCRIPTIONS, SUBSCRIPTIONS, 4, RESULT]), errno(Errno::Success));
    let users = [256, 288, 320, 352].map(|at| program.u64_at(at));
    assert_eq!((program.u32_at(16), users), (4, [1000, 1001, 1002, 1003]));
}

#[test]
fn null_and_wild_pointers() {
    for (args, expect) in [
        ([0, EVENTS, 1, RESULT], errno(Errno::Fault)),
        ([SUBSCRIPTIONS, 0, 1, RESULT], errno(Errno::Fault)),
        ([SUBSCRIPTIONS, EVENTS, 1, 0], errno(Errno::Fault)),
        ([0, 0, 0, 0], errno(Errno::Fault)),
        ([4049, EVENTS, 1, RESULT], TRAP_BOUNDS),
        ([SUBSCRIPTIONS, 4065, 1, RESULT], TRAP_BOUNDS),
        ([SUBSCRIPTIONS, EVENTS, 1, 4093], TRAP_BOUNDS),
        ([SUBSCRIPTIONS, EVENTS, 0xffff_ffff, RESULT], TRAP_BOUNDS),
    ] {
        let mut program = Program::new();
        store(&mut program, &[Sub::Fd(2, 1)]);
        assert_eq!(program.wasi(POLL, &args), expect, "{args:?}");
    }
}

#[test]
fn an_event_over_a_subscription_does_not_stop_a_program_that_was_told_something() {
    let mut program = Program::new();
    // The last byte of the first event, a zero, becomes the tag of the second subscription, which is one to a clock that
    // is not to be had then.
    store(&mut program, &[Sub::Fd(2, 1), Sub::Fd(2, 2)]);
    let events = SUBSCRIPTIONS + 48 + 8 - 31;
    assert_eq!(program.wasi(POLL, &[SUBSCRIPTIONS, events, 2, RESULT]), errno(Errno::Success));
    assert_eq!(program.u32_at(16), 2);
    let second = &program.memory[usize::try_from(events).unwrap() + 32..][..32];
    assert_eq!((&second[8..10], second[10]), (&Errno::Inval.number().to_le_bytes()[..], 0));
}
