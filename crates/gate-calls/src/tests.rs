//! A program with a scripted host, tests of every function, and tests with arbitrary calls.

pub(crate) mod host;
mod interruption;
mod random;

use std::time::Duration;

use gate_abi::errno::Errno;
use gate_abi::host::{HostFailure, Stop};
use gate_abi::import::{Function, WasiFunction};
use gate_abi::trap::Trap;

use crate::Calls;
use host::FakeHost;

pub(crate) const TRAP_BOUNDS: Result<u16, Stop> = Err(Stop::Trap(Trap::MemoryAccessOutOfBounds));
pub(crate) const SUSPEND: Result<u16, Stop> = Err(Stop::Trap(Trap::AbiDeficiency));

/// A started program with 4096 bytes of memory, which it can only make calls from.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) calls: Calls,
    pub(crate) host: FakeHost,
    pub(crate) memory: Vec<u8>,
}

impl Program {
    /// A new program that can tell nanoseconds (in fact two) apart.
    pub(crate) fn new() -> Program {
        Program::with(Duration::from_nanos(1), 0)
    }

    pub(crate) fn with(time_resolution: Duration, monotonic_time: u64) -> Program {
        let mut host = FakeHost::new();
        let calls = Calls::start(time_resolution, monotonic_time, &mut host).unwrap();
        host.clock_calls.clear();
        Program { calls, host, memory: vec![0xaa; 4096] }
    }

    /// The error number that a WASI function gives.
    pub(crate) fn wasi(&mut self, function: WasiFunction, args: &[u64]) -> Result<u16, Stop> {
        let result = self.calls.dispatch(Function::Wasi(function), args, &mut self.memory, &mut self.host)?;
        Ok(u16::try_from(result.expect("WASI functions have a result")).unwrap())
    }

    pub(crate) fn io(&mut self, args: [u64; 8]) -> Result<(), Stop> {
        let result = self.calls.dispatch(Function::GateIo, &args, &mut self.memory, &mut self.host)?;
        assert_eq!(result, None);
        Ok(())
    }

    /// Stores a list of buffers at `at`.
    pub(crate) fn vectors(&mut self, at: usize, buffers: &[(u32, u32)]) {
        for (index, (ptr, len)) in buffers.iter().enumerate() {
            self.memory[at + 8 * index..][..4].copy_from_slice(&ptr.to_le_bytes());
            self.memory[at + 8 * index + 4..][..4].copy_from_slice(&len.to_le_bytes());
        }
    }

    pub(crate) fn u32_at(&self, at: usize) -> u32 {
        u32::from_le_bytes(*self.memory[at..].first_chunk().unwrap())
    }

    pub(crate) fn u64_at(&self, at: usize) -> u64 {
        u64::from_le_bytes(*self.memory[at..].first_chunk().unwrap())
    }
}

pub(crate) fn errno(errno: Errno) -> Result<u16, Stop> {
    Ok(errno.number())
}

#[track_caller]
fn check(function: WasiFunction, args: &[u64], expect: Result<u16, Stop>) {
    let mut program = Program::new();
    let before = program.memory.clone();
    assert_eq!(program.wasi(function, args), expect, "{}{args:?}", function.name());
    assert_eq!(program.memory, before, "{} wrote to memory", function.name());
}

#[test]
fn the_packet_stream_is_descriptor_4() {
    let mut program = Program::new();
    let result = program.calls.dispatch(Function::GateFd, &[], &mut [], &mut program.host);
    assert_eq!(result, Ok(Some(4)));
}

/// Functions that refuse, with the position of the descriptor among their arguments. Pointers are not looked at.
const REFUSING: [(WasiFunction, usize); 24] = [
    (WasiFunction::FdAdvise, 0),
    (WasiFunction::FdAllocate, 0),
    (WasiFunction::FdDatasync, 0),
    (WasiFunction::FdFdstatSetFlags, 0),
    (WasiFunction::FdFilestatGet, 0),
    (WasiFunction::FdFilestatSetSize, 0),
    (WasiFunction::FdFilestatSetTimes, 0),
    (WasiFunction::FdPread, 0),
    (WasiFunction::FdPrestatGet, 0),
    (WasiFunction::FdPwrite, 0),
    (WasiFunction::FdReaddir, 0),
    (WasiFunction::FdSeek, 0),
    (WasiFunction::FdSync, 0),
    (WasiFunction::FdTell, 0),
    (WasiFunction::PathCreateDirectory, 0),
    (WasiFunction::PathFilestatGet, 0),
    (WasiFunction::PathFilestatSetTimes, 0),
    (WasiFunction::PathOpen, 0),
    (WasiFunction::PathReadlink, 0),
    (WasiFunction::PathRemoveDirectory, 0),
    (WasiFunction::PathSymlink, 2),
    (WasiFunction::PathUnlinkFile, 0),
    (WasiFunction::SockAccept, 0),
    (WasiFunction::SockShutdown, 0),
];

#[test]
fn refusing_functions() {
    for (function, position) in REFUSING {
        let mut args = vec![u64::from(u32::MAX); function.signature().params.len()];
        for fd in 0..8 {
            args[position] = fd;
            let expect = if [0, 1, 2, 4].contains(&fd) { Errno::Perm } else { Errno::BadF };
            check(function, &args, errno(expect));
        }
        args[position] = u64::from(u32::MAX);
        check(function, &args, errno(Errno::BadF));
    }
}

#[test]
fn functions_with_two_descriptors_refuse_after_looking_at_both() {
    for (function, second) in [(WasiFunction::PathLink, 4), (WasiFunction::PathRename, 3)] {
        let mut args = vec![0; function.signature().params.len()];
        for (first_fd, second_fd, expect) in
            [(4, 0, Errno::Perm), (1, 2, Errno::Perm), (3, 4, Errno::BadF), (4, 3, Errno::BadF)]
        {
            args[0] = first_fd;
            args[second] = second_fd;
            check(function, &args, errno(expect));
        }
    }
}

#[test]
fn there_are_no_arguments() {
    let mut program = Program::new();
    assert_eq!(program.wasi(WasiFunction::ArgsGet, &[u64::from(u32::MAX), 0]), errno(Errno::Success));
    assert_eq!(program.wasi(WasiFunction::ArgsSizesGet, &[16, 20]), errno(Errno::Success));
    assert_eq!((program.u32_at(16), program.u32_at(20)), (0, 0));
    check(WasiFunction::ArgsSizesGet, &[0, 20], errno(Errno::Fault));
    check(WasiFunction::ArgsSizesGet, &[16, 0], errno(Errno::Fault));
    check(WasiFunction::ArgsSizesGet, &[4093, 16], TRAP_BOUNDS);
}

#[test]
fn the_environment_has_three_variables() {
    let mut program = Program::new();
    assert_eq!(program.wasi(WasiFunction::EnvironSizesGet, &[16, 20]), errno(Errno::Success));
    assert_eq!((program.u32_at(16), program.u32_at(20)), (3, 72));
    assert_eq!(program.wasi(WasiFunction::EnvironGet, &[32, 100]), errno(Errno::Success));
    let pointers = [32, 36, 40].map(|at| program.u32_at(at));
    assert_eq!(pointers, [100, 124, 140]);
    let text = |at: usize| program.memory[at..].split(|byte| *byte == 0).next().unwrap();
    assert_eq!(text(100), b"GATE_ABI_VERSION=0");
    assert_eq!(text(124), b"GATE_FD=4");
    assert_eq!(text(140), b"GATE_MAX_SEND_SIZE=65536");
    assert!(program.memory[164..172].iter().all(|byte| *byte == 0));
    assert_eq!(program.memory[172], 0xaa);
    check(WasiFunction::EnvironSizesGet, &[0, 20], errno(Errno::Fault));
    check(WasiFunction::EnvironSizesGet, &[20, 0], errno(Errno::Fault));
    check(WasiFunction::EnvironGet, &[0, 100], errno(Errno::Fault));
    check(WasiFunction::EnvironGet, &[32, 0], errno(Errno::Fault));
    check(WasiFunction::EnvironGet, &[32, 4096 - 71], TRAP_BOUNDS);
    check(WasiFunction::EnvironGet, &[32, u64::from(u32::MAX)], TRAP_BOUNDS);
    assert_eq!(program.wasi(WasiFunction::EnvironGet, &[4096 - 11, 100]), TRAP_BOUNDS);
}

#[test]
fn exit_and_raise() {
    check(WasiFunction::ProcExit, &[0], Err(Stop::Exit(0)));
    check(WasiFunction::ProcExit, &[0xffff_ffff], Err(Stop::Exit(u32::MAX)));
    check(WasiFunction::ProcRaise, &[9], SUSPEND);
    check(WasiFunction::SchedYield, &[], errno(Errno::Success));
}

#[test]
fn sockets() {
    for (fd, recv, send) in [
        (0, Errno::Perm, Errno::Perm),
        (1, Errno::Perm, Errno::NotSock),
        (2, Errno::Perm, Errno::NotSock),
        (3, Errno::BadF, Errno::BadF),
        (4, Errno::NotSock, Errno::NotSock),
        (5, Errno::BadF, Errno::BadF),
    ] {
        check(WasiFunction::SockRecv, &[fd, 0, 0, 0, 0, 0], errno(recv));
        check(WasiFunction::SockSend, &[fd, 0, 0, 0, 0], errno(send));
    }
}

#[test]
fn randomness_is_a_budget_per_start() {
    let get = WasiFunction::RandomGet;
    let mut program = Program::new();
    assert_eq!(program.wasi(get, &[100, 10]), errno(Errno::Success));
    assert_eq!(program.memory[99..111], [0xaa, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xaa]);
    assert_eq!(program.wasi(get, &[100, 55]), SUSPEND);
    assert_eq!(program.wasi(get, &[200, 48]), errno(Errno::Success));
    assert_eq!(program.wasi(get, &[200, 6]), errno(Errno::Success));
    assert_eq!(program.memory[200..207], [59, 60, 61, 62, 63, 64, 17]);
    assert_eq!(program.wasi(get, &[100, 1]), SUSPEND);
    assert_eq!(program.wasi(get, &[0, 0]), errno(Errno::Success));
    program.calls = Calls::start(Duration::from_nanos(1), 0, &mut program.host).unwrap();
    assert_eq!(program.wasi(get, &[100, 64]), errno(Errno::Success));

    check(get, &[100, 65], SUSPEND);
    check(get, &[0, 4], errno(Errno::Fault));
    check(get, &[4093, 4], TRAP_BOUNDS);
    check(get, &[u64::from(u32::MAX), 0], errno(Errno::Success));
}

#[test]
fn only_the_lower_half_of_an_i32_counts() {
    check(WasiFunction::FdTell, &[0xdead_beef_0000_0004, 0], errno(Errno::Perm));
}

#[test]
fn a_wrong_number_of_arguments_is_a_failure_of_the_host() {
    let mut program = Program::new();
    for args in [&[][..], &[0], &[0, 0, 0]] {
        let result = program.wasi(WasiFunction::FdTell, args);
        assert!(matches!(result, Err(Stop::Host(HostFailure { .. }))), "{result:?}");
    }
}
