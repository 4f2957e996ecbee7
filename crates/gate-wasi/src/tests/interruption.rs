//! Interruptions at every possible moment: the program is stopped there, continues on another host, and does not notice.

use std::time::Duration;

use gate_abi::clock::MONOTONIC_START_NS;
use gate_abi::errno::Errno::{self, Again, Success};
use gate_abi::host::Stop;
use gate_abi::import::{Function, WasiFunction};

use super::fixture::{BUF, IOVS, OUT, PATH, Program, ROOT};
use super::polling::{Sub, put};
use crate::FUNCTIONS;
use crate::rights::ALL;

/// Where subscriptions are put.
const SUBS: u32 = 0x9000;

/// One call and what is put into memory before it.
struct Step {
    name: &'static str,
    args: Vec<u64>,
    subs: Vec<Sub>,
    iovs: Vec<(u32, u32)>,
    expect: Errno,
}

fn step(name: &'static str, args: &[u64]) -> Step {
    Step { name, args: args.to_vec(), subs: Vec::new(), iovs: Vec::new(), expect: Success }
}

fn transfer(name: &'static str, fd: u32, iovs: &[(u32, u32)]) -> Step {
    let args = vec![fd.into(), IOVS.into(), iovs.len() as u64, OUT.into()];
    Step { name, args, subs: Vec::new(), iovs: iovs.to_vec(), expect: Success }
}

fn poll(subs: &[Sub]) -> Step {
    let args = vec![SUBS.into(), BUF.into(), subs.len() as u64, OUT.into()];
    Step { name: "poll_oneoff", args, subs: subs.to_vec(), iovs: Vec::new(), expect: Success }
}

fn after(id: u32, timeout: u64) -> Sub {
    Sub::Clock { id, timeout, absolute: false }
}

fn at(id: u32, timeout: u64) -> Sub {
    Sub::Clock { id, timeout, absolute: true }
}

const STDIN: Sub = Sub::Fd { fd: 0, write: false };
const STDOUT: Sub = Sub::Fd { fd: 1, write: true };

/// Everything that can block, with things in between that show the time and the state of files.
fn steps() -> Vec<Step> {
    let start = MONOTONIC_START_NS;
    let time = || step("clock_time_get", &[1, 0, u64::from(OUT) + 8]);
    vec![
        time(),
        poll(&[after(1, 100)]),
        time(),
        poll(&[after(0, 50), after(1, 70), after(1, 50)]),
        transfer("fd_write", 1, &[(BUF, 10), (BUF + 100, 7)]),
        poll(&[at(1, start + 200), after(1, 1_000)]),
        poll(&[at(0, 1_000_000 + 250)]),
        poll(&[after(2, 20), after(3, 30)]),
        poll(&[at(2, 40), at(3, 60)]),
        time(),
        transfer("fd_read", 0, &[(BUF, 3), (BUF + 8, 2)]),
        poll(&[STDIN, STDOUT, after(1, 10)]),
        transfer("fd_write", 2, &[(BUF, 1)]),
        step("path_open", &[ROOT.into(), 1, PATH.into(), 4, 0, ALL, ALL, 0, u64::from(OUT) + 16]),
        transfer("fd_write", 4, &[(BUF, 10), (BUF + 100, 7)]),
        transfer("fd_read", 4, &[(BUF, 2)]),
        step("fd_fdstat_set_flags", &[0, 4]),
        transfer("fd_read", 0, &[(BUF, 30)]),
        Step { expect: Again, ..transfer("fd_read", 0, &[(BUF, 30)]) },
        poll(&[after(1, 0), STDIN]),
        time(),
    ]
}

/// What a run of all steps comes to.
#[derive(Debug, PartialEq)]
struct Run {
    /// Memory after each step.
    memories: Vec<Vec<u8>>,
    output: Vec<u8>,
    input: Vec<u8>,
    state: Vec<u8>,
    monotonic_time: u64,
    realtime: u64,
}

/// Makes all calls, again and again until they are not interrupted. Returns also how often they could have been.
fn run(interrupts: &[usize]) -> (Run, usize) {
    let mut p = Program::new();
    p.host.input.extend(b"hello, you");
    (p.host.accept, p.host.wakes_after) = (8, Duration::from_nanos(7));
    p.host.interruptible = 0;
    p.host.interrupts = interrupts.iter().copied().collect();
    p.text(PATH, "file");
    let mut memories = Vec::new();
    for step in steps() {
        p.memory[BUF as usize..][..8].copy_from_slice(b"contents");
        put(&mut p, SUBS, &step.subs);
        p.iovs(&step.iovs);
        // Standard input has nothing more behind these.
        p.host.input_ready = !p.host.input.is_empty();
        make(&mut p, &step);
        memories.push(p.memory.clone());
    }
    let state = p.wasi.save(&mut p.host).unwrap();
    let monotonic_time = p.wasi.monotonic_time(&mut p.host).unwrap();
    let (output, input) = (p.host.output.clone(), p.host.input.iter().copied().collect());
    let run = Run { memories, output, input, state, monotonic_time, realtime: p.host.realtime };
    (run, p.host.interruptible)
}

fn make(p: &mut Program, step: &Step) {
    for _ in 0..10 {
        let before = (p.memory.clone(), p.host.output.clone(), p.host.input.clone());
        match p.try_call(step.name, &step.args) {
            Err(Stop::Interrupted) => {
                let now = (p.memory.clone(), p.host.output.clone(), p.host.input.clone());
                assert!(now == before, "{} has done something", step.name);
                p.restart();
            }
            result => {
                assert_eq!(result, Ok(step.expect), "{}", step.name);
                return;
            }
        }
    }
    panic!("{} is interrupted for ever", step.name);
}

#[test]
fn an_interruption_at_any_moment_makes_no_difference() {
    let (expect, moments) = run(&[]);
    assert!(moments > 50, "{moments}");
    assert_eq!(expect.monotonic_time - MONOTONIC_START_NS, expect.realtime - 1_000_000);
    for moment in 0..moments {
        let (run, _) = run(&[moment]);
        assert!(run == expect, "interrupted at moment {moment}");
    }
    for moment in 0..moments {
        let (run, _) = run(&[moment, moment + 1, moment + 3]);
        assert!(run == expect, "interrupted at moments {moment}, {}, {}", moment + 1, moment + 3);
    }
}

#[test]
fn a_wait_goes_on_with_what_is_left() {
    let mut p = Program::new();
    put(&mut p, SUBS, &[after(1, 1000)]);
    let args = [SUBS.into(), BUF.into(), 1, OUT.into()];
    p.host.interrupts = (0..4).collect();
    for left in [500, 250, 125, 63] {
        assert_eq!(p.try_call("poll_oneoff", &args), Err(Stop::Interrupted));
        p.restart();
        assert!(p.wasi.describe().waits);
        // However long it is stopped.
        p.host.realtime += 1 << 40;
        let time = p.wasi.monotonic_time(&mut p.host).unwrap();
        assert_eq!(MONOTONIC_START_NS + 1000 - time, left);
    }
    p.check("poll_oneoff", &args, Success);
    assert_eq!(p.host.waits, [Some(Duration::from_nanos(63))]);
    p.check("poll_oneoff", &args, Success);
    assert_eq!(p.host.waits[1], Some(Duration::from_nanos(1000)), "the next one is new");
}

#[test]
fn an_absolute_time_of_the_wall_clock_comes_while_the_program_is_stopped() {
    let mut p = Program::new();
    put(&mut p, SUBS, &[at(0, 1_000_000 + 1000)]);
    let args = [SUBS.into(), BUF.into(), 1, OUT.into()];
    p.host.interrupts = [0].into();
    assert_eq!(p.try_call("poll_oneoff", &args), Err(Stop::Interrupted));
    p.restart();
    p.host.realtime += 1 << 40;
    p.check("poll_oneoff", &args, Success);
    assert_eq!(p.host.waits, []);
}

#[test]
fn only_the_same_call_goes_on() {
    let mut p = Program::new();
    put(&mut p, SUBS, &[after(1, 1000)]);
    let args = [SUBS.into(), BUF.into(), 1, OUT.into()];
    p.host.interrupts = [0].into();
    assert_eq!(p.try_call("poll_oneoff", &args), Err(Stop::Interrupted));
    p.check("sched_yield", &[], Success);
    p.check("poll_oneoff", &args, Success);
    assert_eq!(p.host.waits, [Some(Duration::from_nanos(1000))]);
}

#[test]
fn a_call_cannot_claim_to_have_begun_in_the_future() {
    let mut p = Program::new();
    p.wasi.begun = Some(u64::MAX);
    put(&mut p, SUBS, &[after(1, 1000)]);
    p.check("poll_oneoff", &[SUBS.into(), BUF.into(), 1, OUT.into()], Success);
    assert_eq!(p.host.waits, [Some(Duration::from_nanos(1000))]);
}

/// Programs can be stopped only in functions that are said to block.
#[test]
fn which_functions_can_be_interrupted() {
    let mut interrupted = Vec::new();
    for function in FUNCTIONS {
        let mut p = Program::new();
        p.host.interrupted = true;
        put(&mut p, SUBS, &[after(1, 1000)]);
        p.iovs(&[(BUF, 1)]);
        let (result, fds): (_, &[u64]) = match function.function {
            WasiFunction::PollOneoff => (vec![SUBS.into(), BUF.into(), 1, OUT.into()], &[0]),
            WasiFunction::FdRead | WasiFunction::FdWrite => (vec![0, IOVS.into(), 1, OUT.into()], &[0, 1]),
            _ => (vec![0; function.params.len()], &[0, 1, 3]),
        };
        for fd in fds {
            let mut args = result.clone();
            if function.function != WasiFunction::PollOneoff && !args.is_empty() {
                args[0] = *fd;
            }
            if p.try_call(function.name, &args) == Err(Stop::Interrupted) {
                interrupted.push(function.name);
            }
        }
    }
    let may = FUNCTIONS.iter().filter(|f| Function::Wasi(f.function).may_block()).map(|f| f.name);
    assert_eq!(interrupted, may.collect::<Vec<_>>());
}
