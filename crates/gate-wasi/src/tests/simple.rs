//! Arguments, environment, clocks, the process, randomness, sockets.

use gate_abi::clock::MONOTONIC_START_NS;
use gate_abi::errno::Errno::{BadF, Fault, Inval, NotSock, NotSup, Success};
use gate_abi::host::Stop;
use gate_fs::{Fs, Limits};

use super::fixture::{BAD, BUF, FakeHost, OUT, Program, ROOT};
use crate::{MAX_STRINGS_BYTES, StartError, Wasi};

const OUT64: u64 = OUT as u64;
const BUF64: u64 = BUF as u64;
const BAD64: u64 = BAD as u64;

#[test]
fn args_sizes_get() {
    let mut p = Program::new();
    p.check("args_sizes_get", &[OUT64, OUT64 + 4], Success);
    assert_eq!((p.u32_at(OUT), p.u32_at(OUT + 4)), (2, 9));
    p.check("args_sizes_get", &[BAD64, OUT64], Fault);
    p.check("args_sizes_get", &[OUT64, BAD64 - 3], Fault);
}

#[test]
fn args_get() {
    let mut p = Program::new();
    p.check("args_get", &[OUT64, BUF64], Success);
    assert_eq!((p.u32_at(OUT), p.u32_at(OUT + 4)), (BUF, BUF + 5));
    assert_eq!(p.bytes(BUF, 9), b"prog\0arg\0");
    p.check("args_get", &[OUT64, BAD64 - 9], Success);
    p.check("args_get", &[OUT64, BAD64 - 8], Fault);
    p.check("args_get", &[BAD64 - 7, BUF64], Fault);
    p.check("args_get", &[u64::from(u32::MAX), u64::from(u32::MAX)], Fault);
}

#[test]
fn environ_sizes_get() {
    let mut p = Program::new();
    p.check("environ_sizes_get", &[OUT64, OUT64 + 4], Success);
    assert_eq!((p.u32_at(OUT), p.u32_at(OUT + 4)), (1, 4));
    p.check("environ_sizes_get", &[BAD64, OUT64], Fault);
}

#[test]
fn environ_get() {
    let mut p = Program::new();
    p.check("environ_get", &[OUT64, BUF64], Success);
    assert_eq!((p.u32_at(OUT), p.bytes(BUF, 4)), (BUF, &b"A=1\0"[..]));
    p.check("environ_get", &[BAD64, BUF64], Fault);
}

#[test]
fn arguments_that_cannot_be_handed_over() {
    let fs = || Fs::new(Limits { bytes: 1 << 20, inodes: 2000, file_bytes: 0 });
    let new =
        |args: &[&str], env: &[&str], fs| Wasi::new(args, env, fs, 0, &mut FakeHost::default()).map(drop);
    assert_eq!(new(&["a", "b\0"], &[], fs()), Err(StartError::Nul { index: 1 }));
    let long = "x".repeat(MAX_STRINGS_BYTES);
    let found = MAX_STRINGS_BYTES + 1;
    assert_eq!(new(&["a"], &[&long], fs()), Err(StartError::TooLong { found }));
    let mut many = fs();
    for _ in 0..1022 {
        many.add_preopen("/", 0).unwrap();
    }
    let refused = Err(StartError::Preopens { found: 1022, limit: 1021 });
    assert_eq!(new(&["a"], &[], many), refused);
}

#[test]
fn clock_res_get() {
    let mut p = Program::new();
    for (id, expect) in [(0, 1000), (1, 1), (2, 1), (3, 1)] {
        p.check("clock_res_get", &[id, OUT64], Success);
        assert_eq!(p.u64_at(OUT), expect);
    }
    p.check("clock_res_get", &[4, OUT64], Inval);
    p.check("clock_res_get", &[0, BAD64 - 7], Fault);
}

#[test]
fn clock_time_get() {
    let mut p = Program::new();
    p.host.cpu += 7;
    p.host.monotonic += 9;
    for (id, expect) in [(0, 1_000_000), (1, MONOTONIC_START_NS + 9), (2, 7), (3, 7)] {
        p.check("clock_time_get", &[id, 0, OUT64], Success);
        assert_eq!(p.u64_at(OUT), expect);
    }
    p.check("clock_time_get", &[4, 0, OUT64], Inval);
    p.check("clock_time_get", &[0, 0, BAD64], Fault);
}

#[test]
fn proc_exit() {
    let mut p = Program::new();
    for status in [0, 1, u32::MAX] {
        assert_eq!(p.try_call("proc_exit", &[status.into()]), Err(Stop::Exit(status)));
    }
}

#[test]
fn proc_raise() {
    let mut p = Program::new();
    for signal in [0, 16, 17, 22, 27] {
        p.check("proc_raise", &[signal], Success);
    }
    for signal in 18..=21 {
        p.check("proc_raise", &[signal], NotSup);
    }
    for signal in [1_u32, 2, 6, 9, 11, 15, 30] {
        assert_eq!(p.try_call("proc_raise", &[signal.into()]), Err(Stop::Exit(128 + signal)));
    }
    p.check("proc_raise", &[31], Inval);
}

#[test]
fn random_get() {
    let mut p = Program::new();
    p.check("random_get", &[OUT64, 3], Success);
    assert_eq!(p.bytes(OUT, 4), [0x77, 0x77, 0x77, 0]);
    p.check("random_get", &[BAD64, 0], Success);
    p.check("random_get", &[BAD64 - 1, 2], Fault);
}

#[test]
fn sched_yield() {
    Program::new().check("sched_yield", &[], Success);
}

#[test]
fn sock_accept() {
    let mut p = Program::new();
    p.check("sock_accept", &[0, 0, OUT64], NotSock);
    p.check("sock_accept", &[ROOT.into(), 0, OUT64], NotSock);
    p.check("sock_accept", &[99, 0, OUT64], BadF);
}

#[test]
fn sock_recv() {
    let mut p = Program::new();
    p.check("sock_recv", &[0, 0, 0, 0, OUT64, OUT64], NotSock);
    p.check("sock_recv", &[99, 0, 0, 0, OUT64, OUT64], BadF);
}

#[test]
fn sock_send() {
    let mut p = Program::new();
    p.check("sock_send", &[1, 0, 0, 0, OUT64], NotSock);
    p.check("sock_send", &[99, 0, 0, 0, OUT64], BadF);
}

#[test]
fn sock_shutdown() {
    let mut p = Program::new();
    p.check("sock_shutdown", &[1, 0], NotSock);
    p.check("sock_shutdown", &[99, 0], BadF);
}
