//! Interruptions at every possible moment: the program is stopped there, and continues on another host.

use std::time::Duration;

use gate_abi::errno::Errno;
use gate_abi::host::Stop;
use gate_abi::import::{Function, WasiFunction};

use super::{Program, errno};
use crate::Calls;

/// A resolution that cuts what is waited for.
const RESOLUTION: Duration = Duration::from_nanos(700);

/// Where buffers, their lists, subscriptions and results are.
const RECEIVE: u64 = 0x100;
const SEND: u64 = 0x120;
const SUBS: u64 = 0x200;
const EVENTS: u64 = 0x400;
const RESULTS: u64 = 0x10;
const INTO: u32 = 0x600;
const FROM: u32 = 0x800;

const FOREVER: u64 = u64::MAX;

impl Program {
    /// Stops the program, and continues it on another host.
    fn restart(&mut self) {
        let saved = self.calls.save();
        let time = self.calls.monotonic_time(&mut self.host).unwrap();
        self.host.monotonic = self.host.monotonic.wrapping_mul(7) % 1_000_000_000;
        self.calls = Calls::restore(&saved, RESOLUTION, time, &mut self.host).unwrap();
        assert_eq!(self.calls.save(), saved);
    }

    /// Makes a call until it is not interrupted.
    fn insist<T>(&mut self, call: impl Fn(&mut Program) -> Result<T, Stop>) -> T {
        for _ in 0..20 {
            let before = self.trace();
            match call(self) {
                Err(Stop::Interrupted) => {
                    assert!(self.trace() == before, "it has done something");
                    self.restart();
                }
                result => return result.unwrap(),
            }
        }
        panic!("it is interrupted for ever")
    }

    fn trace(&self) -> (Vec<u8>, Vec<u8>, Vec<u8>, usize) {
        let host = &self.host;
        (self.memory.clone(), host.output.clone(), host.log.clone(), host.input.iter().map(Vec::len).sum())
    }

    /// `io` with one buffer of `receive` and one of `send` bytes; returns how many were received and sent.
    fn exchange(&mut self, receive: u32, send: u32, timeout: u64) -> (u32, u32) {
        self.vectors(0x100, &[(INTO, receive)]);
        self.vectors(0x120, &[(FROM, send)]);
        self.insist(|p| p.io([RECEIVE, 1, RESULTS, SEND, 1, RESULTS + 4, timeout, RESULTS + 8]));
        (self.u32_at(0x10), self.u32_at(0x14))
    }

    /// Sends all of these bytes, in as many calls as it takes.
    fn send_all(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.memory[FROM as usize..][..rest.len()].copy_from_slice(rest);
            let (_, sent) = self.exchange(0, u32::try_from(rest.len()).unwrap(), FOREVER);
            rest = &rest[sent as usize..];
            self.host.room += 3;
        }
    }

    /// Writes all of these bytes to the log, in as many calls as it takes.
    fn log_all(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.memory[FROM as usize..][..rest.len()].copy_from_slice(rest);
            let (first, second) = (u32::try_from(rest.len() / 2).unwrap(), rest.len() - rest.len() / 2);
            self.vectors(0x120, &[(FROM, first), (FROM + first, u32::try_from(second).unwrap())]);
            let written = self.insist(|p| p.wasi(WasiFunction::FdWrite, &[2, SEND, 2, RESULTS]));
            assert_eq!(Ok(written), errno(Errno::Success));
            rest = &rest[self.u32_at(0x10) as usize..];
        }
    }

    /// Receives this many bytes, in as many calls as it takes.
    fn receive_all(&mut self, count: u32) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < count as usize {
            let left = count - u32::try_from(all.len()).unwrap();
            let (received, _) = self.exchange(left, 0, FOREVER);
            all.extend_from_slice(&self.memory[INTO as usize..][..received as usize]);
        }
        all
    }

    /// Waits for relative times by the monotonic clock; returns how many have come.
    fn sleep(&mut self, times: &[u64]) -> u32 {
        for (index, time) in times.iter().enumerate() {
            let sub = &mut self.memory[0x200 + index * 48..][..48];
            sub.fill(0);
            sub[16] = 1;
            sub[24..32].copy_from_slice(&time.to_le_bytes());
        }
        let args = [SUBS, EVENTS, times.len() as u64, RESULTS];
        let result = self.insist(|p| p.wasi(WasiFunction::PollOneoff, &args));
        assert_eq!(Ok(result), errno(Errno::Success));
        self.u32_at(0x10)
    }

    fn now(&mut self) -> u64 {
        let result = self.insist(|p| p.wasi(WasiFunction::ClockTimeGet, &[1, 0, RESULTS]));
        assert_eq!(Ok(result), errno(Errno::Success));
        self.u64_at(0x10)
    }
}

/// What a program did and saw that does everything that can be interrupted. Returns also how often it could have been.
fn run(interrupts: &[usize]) -> (Vec<String>, usize) {
    let mut p = Program::with(RESOLUTION, 0);
    p.host.interrupts = interrupts.iter().copied().collect();
    p.host.input.extend([b"0123".to_vec(), b"4567".to_vec(), b"89".to_vec()]);
    p.host.room = 4;
    let mut seen = vec![format!("{}", p.now())];
    seen.push(format!("slept {} {}", p.sleep(&[5_000, 9_000]), p.now()));
    p.send_all(b"packets to be sent");
    seen.push(format!("received {:?} {}", p.receive_all(10), p.now()));
    p.host.log_script.extend([3, 2, 1, 9, 1].map(Ok));
    p.log_all(b"a line for the log\n");
    seen.push(format!("nothing {:?} {}", p.exchange(5, 0, 30_000), p.now()));
    seen.push(format!("slept {} {}", p.sleep(&[7_000]), p.now()));
    seen.push(format!("{:?} {:?}", p.host.output, p.host.log));
    (seen, p.host.interruptible)
}

#[test]
fn an_interruption_at_any_moment_makes_no_difference() {
    let (expect, moments) = run(&[]);
    assert!(moments > 15, "{moments}");
    // Interruptions make more calls of some, so there may be more moments.
    for moment in 0..moments + 5 {
        assert_eq!(run(&[moment]).0, expect, "interrupted at moment {moment}");
        let moments = [moment, moment + 1, moment + 2, moment + 4];
        assert_eq!(run(&moments).0, expect, "interrupted at moments {moments:?}");
    }
}

#[test]
fn a_wait_goes_on_with_what_is_left() {
    for io in [false, true] {
        let mut p = Program::with(RESOLUTION, 0);
        p.host.interrupts = (0..3).collect();
        let start = p.now();
        if io {
            assert_eq!(p.exchange(5, 0, 10_000), (0, 0));
        } else {
            assert_eq!(p.sleep(&[10_000]), 1);
        }
        // The resolution is 1024 ns, and waits are cut to it.
        assert_eq!(p.now() - start, 9_216);
        let waits: Vec<u64> =
            p.host.waits.iter().map(|(_, time)| u64::try_from(time.unwrap().as_nanos()).unwrap()).collect();
        assert_eq!(waits, [9_216, 4_608, 2_304, 1_152]);
    }
}

#[test]
fn only_the_same_call_goes_on() {
    let mut p = Program::with(RESOLUTION, 0);
    p.host.interrupts = [0].into();
    p.vectors(0x100, &[(INTO, 1)]);
    let args = [RECEIVE, 1, RESULTS, 0, 0, 0, 10_240, 0];
    assert_eq!(p.io(args), Err(Stop::Interrupted));
    assert_ne!(p.calls.save(), Program::new().calls.save());
    p.now();
    assert_eq!(p.calls.save(), Program::new().calls.save());
    p.io(args).unwrap();
    assert_eq!(p.host.waits.last().unwrap().1, Some(Duration::from_nanos(10_240)));
}

#[test]
fn a_call_cannot_claim_to_have_begun_in_the_future() {
    let mut p = Program::with(RESOLUTION, 0);
    p.calls.begun = Some(u64::MAX);
    assert_eq!(p.sleep(&[10_240]), 1);
    assert_eq!(p.host.waits.last().unwrap().1, Some(Duration::from_nanos(10_240)));
}

/// Programs can be stopped only in functions that are said to block.
#[test]
fn which_functions_can_be_interrupted() {
    for function in Function::all() {
        let mut interrupted = false;
        for fd in [0, 1, 4] {
            let mut p = Program::with(RESOLUTION, 0);
            p.host.interrupts = (0..10).collect();
            p.vectors(0x100, &[(INTO, 1)]);
            p.memory[0x200..0x230].fill(0);
            // A list of one buffer, or of one subscription: to a clock, which has come.
            let args: [u64; 9] = match function {
                Function::Wasi(WasiFunction::PollOneoff) => [SUBS, EVENTS, 1, RESULTS, 0, 0, 0, 0, 0],
                Function::GateIo | Function::GateIoNoFlags => [RECEIVE, 1, RESULTS, 0, 0, 0, FOREVER, 0, 0],
                _ => [fd, RECEIVE, 1, RESULTS, 0, 0, 0, 0, 0],
            };
            let args = &args[..function.signature().params.len()];
            let result = p.calls.dispatch(function, args, &mut p.memory, &mut p.host);
            interrupted |= result == Err(Stop::Interrupted);
        }
        assert_eq!(interrupted, function.may_block(), "{}", function.name());
    }
}

#[test]
fn a_resumed_program_is_told_and_has_new_randomness() {
    let mut p = Program::with(RESOLUTION, 0);
    let random = |p: &mut Program| p.wasi(WasiFunction::RandomGet, &[RESULTS, 64]);
    p.exchange(0, 1, 0);
    assert_eq!(p.u64_at(0x18), 1);
    assert_eq!(random(&mut p), errno(Errno::Success));
    p.exchange(0, 1, 0);
    assert_eq!((p.u64_at(0x18), random(&mut p)), (0, super::SUSPEND));
    p.restart();
    p.exchange(0, 1, 0);
    assert_eq!((p.u64_at(0x18), random(&mut p)), (1, errno(Errno::Success)));
}
