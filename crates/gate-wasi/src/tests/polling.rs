//! `poll_oneoff`.

use std::time::Duration;

use gate_abi::clock::MONOTONIC_START_NS;
use gate_abi::errno::Errno::{BadF, Fault, Inval, NotCapable, Success};
use gate_abi::host::Stop;

use super::fixture::{BAD, BUF, OUT, Program, ROOT};
use crate::MAX_SUBSCRIPTIONS;
use crate::rights::ALL;

/// Where subscriptions are put.
const SUBS: u32 = 0x100;

#[derive(Clone, Copy, Debug)]
pub(super) enum Sub {
    Clock { id: u32, timeout: u64, absolute: bool },
    Fd { fd: u32, write: bool },
}

/// What an event says: number of the subscription, error, type, bytes, flags.
type Event = (u64, u16, u8, u64, u16);

const CLOCK: u8 = 0;
const READ: u8 = 1;
const WRITE: u8 = 2;

/// Puts subscriptions at `at`.
pub(super) fn put(p: &mut Program, at: u32, subs: &[Sub]) {
    for (i, sub) in subs.iter().enumerate() {
        let at = at as usize + i * 48;
        let bytes = &mut p.memory[at..at + 48];
        bytes.fill(0);
        bytes[0..8].copy_from_slice(&(i as u64 + 1).to_le_bytes());
        match *sub {
            Sub::Clock { id, timeout, absolute } => {
                bytes[16..20].copy_from_slice(&id.to_le_bytes());
                bytes[24..32].copy_from_slice(&timeout.to_le_bytes());
                bytes[40] = absolute.into();
            }
            Sub::Fd { fd, write } => {
                bytes[8] = if write { WRITE } else { READ };
                bytes[16..20].copy_from_slice(&fd.to_le_bytes());
            }
        }
    }
}

fn poll(p: &mut Program, subs: &[Sub]) -> Vec<Event> {
    put(p, SUBS, subs);
    let count = subs.len() as u64;
    p.check("poll_oneoff", &[SUBS.into(), BUF.into(), count, OUT.into()], Success);
    (0..p.u32_at(OUT))
        .map(|i| BUF + i * 32)
        .map(|at| {
            (p.u64_at(at), p.u16_at(at + 8), p.bytes(at + 10, 1)[0], p.u64_at(at + 16), p.u16_at(at + 24))
        })
        .collect()
}

const STDIN: Sub = Sub::Fd { fd: 0, write: false };
const STDOUT: Sub = Sub::Fd { fd: 1, write: true };

fn after(timeout: u64) -> Sub {
    Sub::Clock { id: 1, timeout, absolute: false }
}

#[test]
fn poll_oneoff() {
    let mut p = Program::new();
    p.check("poll_oneoff", &[SUBS.into(), BUF.into(), 0, OUT.into()], Inval);
    let many = u64::from(MAX_SUBSCRIPTIONS) + 1;
    p.check("poll_oneoff", &[SUBS.into(), BUF.into(), many, OUT.into()], Inval);
    p.check("poll_oneoff", &[u64::from(BAD) - 47, BUF.into(), 1, OUT.into()], Fault);
    p.check("poll_oneoff", &[SUBS.into(), u64::from(BAD) - 31, 1, OUT.into()], Fault);
    p.check("poll_oneoff", &[SUBS.into(), BUF.into(), 1, u64::from(BAD)], Fault);
    put(&mut p, SUBS, &[STDIN]);
    p.memory[SUBS as usize + 8] = 3;
    p.check("poll_oneoff", &[SUBS.into(), BUF.into(), 1, OUT.into()], Inval);
    assert!(p.host.waits.is_empty());
    // Events may lie where the subscriptions were.
    put(&mut p, SUBS, &[after(5), after(5)]);
    p.check("poll_oneoff", &[SUBS.into(), SUBS.into(), 2, OUT.into()], Success);
    assert_eq!((p.u32_at(OUT), p.u64_at(SUBS), p.u64_at(SUBS + 32)), (2, 1, 2));
}

#[test]
fn every_clock_can_be_waited_for() {
    for id in 0..=3 {
        let now = [1_000_000, MONOTONIC_START_NS, 0, 0][id as usize];
        for (timeout, absolute, slept) in
            [(300, false, 300), (now + 300, true, 300), (now, true, 0), (0, true, 0), (0, false, 0)]
        {
            let mut p = Program::new();
            let events = poll(&mut p, &[Sub::Clock { id, timeout, absolute }]);
            assert_eq!(events, [(1, 0, CLOCK, 0, 0)]);
            assert_eq!(p.host.monotonic, 5_000 + slept, "clock {id}, {timeout}, absolute: {absolute}");
        }
    }
    let mut p = Program::new();
    let none = poll(&mut p, &[Sub::Clock { id: 4, timeout: 9, absolute: false }, after(9)]);
    assert_eq!(none, [(1, Inval.number(), CLOCK, 0, 0)]);
    assert_eq!(p.host.monotonic, 5_000, "an error does not wait");
    put(&mut p, SUBS, &[after(9)]);
    p.memory[SUBS as usize + 40] = 2;
    p.check("poll_oneoff", &[SUBS.into(), BUF.into(), 1, OUT.into()], Success);
    assert_eq!(p.u16_at(BUF + 8), Inval.number());
}

#[test]
fn waking_up_too_early_is_not_an_event() {
    let mut p = Program::new();
    p.host.wakes_after = Duration::from_nanos(7);
    assert_eq!(poll(&mut p, &[after(50)]).len(), 1);
    assert_eq!(p.host.waits.len(), 8);
    assert!(p.host.monotonic >= 5_050);
}

#[test]
fn the_first_clock_ends_the_wait() {
    let mut p = Program::new();
    let realtime = Sub::Clock { id: 0, timeout: 1_000_000 + 20, absolute: true };
    assert_eq!(poll(&mut p, &[after(500), realtime, after(20)]), [(2, 0, CLOCK, 0, 0), (3, 0, CLOCK, 0, 0)]);
    assert_eq!(p.host.monotonic, 5_020);
}

#[test]
fn sleeping_for_ever_does_not_overflow() {
    let mut p = Program::new();
    let for_ever = Sub::Clock { id: 0, timeout: u64::MAX, absolute: false };
    assert_eq!(poll(&mut p, &[for_ever, after(u64::MAX)]).len(), 2);
    assert_eq!(p.host.monotonic, 5_000 + (u64::MAX - MONOTONIC_START_NS), "until the program's clock ends");
}

#[test]
fn streams_can_be_waited_for() {
    let mut p = Program::new();
    p.host.input.extend(b"abc");
    assert_eq!(poll(&mut p, &[STDIN, STDOUT]), [(1, 0, READ, 3, 0), (2, 0, WRITE, 0, 0)]);
    p.host.input_ready = false;
    assert_eq!(poll(&mut p, &[STDIN, STDOUT]), [(2, 0, WRITE, 0, 0)]);
    assert_eq!(poll(&mut p, &[STDIN, after(30)]), [(2, 0, CLOCK, 0, 0)]);
    assert_eq!(p.host.monotonic, 5_030);
    p.host.waits.clear();
    (p.host.ready_after, p.host.wakes_after) = (Some(3), Duration::from_nanos(1));
    assert_eq!(poll(&mut p, &[STDIN]), [(1, 0, READ, 3, 0)]);
    assert_eq!(p.host.waits, [None; 3]);
    p.host.hangup = true;
    p.host.input_ready = false;
    assert_eq!(poll(&mut p, &[STDIN]), [(1, 0, READ, 3, 1)]);
}

#[test]
fn files_are_always_ready() {
    let mut p = Program::new();
    let fd = p.open("file", 0, ALL, 0).unwrap();
    p.check("fd_seek", &[fd.into(), 3, 0, OUT.into()], Success);
    p.host.input_ready = false;
    let subs = [Sub::Fd { fd, write: false }, Sub::Fd { fd, write: true }, STDIN, after(1000)];
    assert_eq!(poll(&mut p, &subs), [(1, 0, READ, 5, 0), (2, 0, WRITE, 0, 0)]);
    assert_eq!(p.host.monotonic, 5_000);
    assert_eq!(p.host.waits, [Some(Duration::ZERO)], "it only looked");
}

#[test]
fn what_is_wrong_with_a_subscription_is_an_event() {
    let mut p = Program::new();
    p.host.input_ready = false;
    let subs = [
        STDIN,
        Sub::Fd { fd: 99, write: false },
        Sub::Fd { fd: 0, write: true },
        Sub::Fd { fd: ROOT, write: false },
        after(1000),
    ];
    let expect = [
        (2, BadF.number(), READ, 0, 0),
        (3, NotCapable.number(), WRITE, 0, 0),
        (4, BadF.number(), READ, 0, 0),
    ];
    assert_eq!(poll(&mut p, &subs), expect);
    assert_eq!(p.host.monotonic, 5_000);
}

#[test]
fn an_interrupted_wait_has_no_effect() {
    let mut p = Program::new();
    put(&mut p, SUBS, &[after(100)]);
    p.host.interrupted = true;
    let before = p.memory.clone();
    let args = [SUBS.into(), BUF.into(), 1, OUT.into()];
    assert_eq!(p.try_call("poll_oneoff", &args), Err(Stop::Interrupted));
    assert!(p.memory == before);
    p.host.interrupted = false;
    p.check("poll_oneoff", &args, Success);
    assert_eq!(p.host.monotonic, 5_100);
}
