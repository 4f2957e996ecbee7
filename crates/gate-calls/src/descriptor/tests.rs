//! Tests of descriptors, and of reading and writing through them.

use gate_abi::errno::Errno;
use gate_abi::host::{Stop, StreamError};
use gate_abi::import::WasiFunction;

use crate::tests::host::broken;
use crate::tests::{Program, SUSPEND, TRAP_BOUNDS, errno};

const READ: WasiFunction = WasiFunction::FdRead;
const WRITE: WasiFunction = WasiFunction::FdWrite;

/// Buffers at 32: 100..110, an empty one, 200..204.
fn program() -> Program {
    let mut program = Program::new();
    program.vectors(32, &[(100, 10), (u32::MAX, 0), (200, 4)]);
    program.memory[100..110].copy_from_slice(b"0123456789");
    program.memory[200..204].copy_from_slice(b"abcd");
    program
}

#[test]
fn stat() {
    for (fd, flags, rights) in [(0, 0, 0), (1, 0, 0x40), (2, 0, 0x40), (4, 4, 0x42)] {
        let mut program = Program::new();
        assert_eq!(program.wasi(WasiFunction::FdFdstatGet, &[fd, 64]), errno(Errno::Success));
        let words = [64, 72, 80].map(|at| program.u64_at(at));
        assert_eq!(words, [flags << 16, rights, 0], "{fd}");
        assert_eq!(program.memory[88], 0xaa);
    }
    let mut program = Program::new();
    for fd in [3, 5, 0xffff_ffff] {
        assert_eq!(program.wasi(WasiFunction::FdFdstatGet, &[fd, 64]), errno(Errno::BadF));
        assert_eq!(program.wasi(WasiFunction::FdFdstatGet, &[fd, 0]), errno(Errno::Fault));
    }
    assert_eq!(program.wasi(WasiFunction::FdFdstatGet, &[4, 4073]), TRAP_BOUNDS);
}

#[test]
fn rights() {
    let set = WasiFunction::FdFdstatSetRights;
    for (fd, base, inheriting, expect) in [
        (4, 0x42, 0, errno(Errno::Success)),
        (4, 0x42, 1, errno(Errno::NotCapable)),
        (4, 0x43, 0, errno(Errno::NotCapable)),
        (4, 0x02, 0, SUSPEND),
        (4, 0x40, 0, SUSPEND),
        (4, 0, 0, SUSPEND),
        (4, 0, 1, errno(Errno::NotCapable)),
        (1, 0x40, 0, errno(Errno::Success)),
        (2, 0x42, 0, errno(Errno::NotCapable)),
        (2, 0, 0, SUSPEND),
        (0, 0, 0, errno(Errno::Success)),
        (0, 1, 0, errno(Errno::NotCapable)),
        (0, 0, 1, errno(Errno::NotCapable)),
        (3, 0, 0, errno(Errno::BadF)),
        (5, 0x42, 1, errno(Errno::BadF)),
    ] {
        assert_eq!(Program::new().wasi(set, &[fd, base, inheriting]), expect, "{fd} {base:#x} {inheriting}");
    }
}

#[test]
fn closing_and_renumbering() {
    for fd in [0, 1, 2, 4] {
        assert_eq!(Program::new().wasi(WasiFunction::FdClose, &[fd]), SUSPEND);
        assert_eq!(Program::new().wasi(WasiFunction::FdRenumber, &[fd, fd]), errno(Errno::Success));
        assert_eq!(
            Program::new().wasi(WasiFunction::FdRenumber, &[fd, fd ^ 4]),
            match fd {
                0 | 4 => SUSPEND,
                _ => errno(Errno::BadF),
            }
        );
        assert_eq!(Program::new().wasi(WasiFunction::FdRenumber, &[3, fd]), errno(Errno::BadF));
    }
    assert_eq!(Program::new().wasi(WasiFunction::FdRenumber, &[3, 3]), errno(Errno::BadF));
    assert_eq!(Program::new().wasi(WasiFunction::FdClose, &[3]), errno(Errno::BadF));
}

#[test]
fn no_descriptor_is_a_directory() {
    let name = WasiFunction::FdPrestatDirName;
    for (fd, path, len, expect) in [
        (4, 64, 1, Errno::Inval),
        (4, 0, 0, Errno::Inval),
        (4, 0, 1, Errno::Fault),
        (3, 64, 1, Errno::BadF),
        (3, 0, 1, Errno::Fault),
    ] {
        assert_eq!(Program::new().wasi(name, &[fd, path, len]), errno(expect));
    }
}

#[test]
fn reading_packets() {
    let mut program = program();
    assert_eq!(program.wasi(READ, &[4, 32, 3, 16]), errno(Errno::Again));
    assert_eq!(program.u32_at(16), 0xaaaa_aaaa, "nothing is stored");
    program.host.input.extend([vec![1; 10], vec![2; 3]]);
    assert_eq!(program.wasi(READ, &[4, 32, 3, 16]), errno(Errno::Success));
    assert_eq!(program.u32_at(16), 13);
    assert_eq!((program.memory[109], &program.memory[199..204]), (1, &[0xaa, 2, 2, 2, b'd'][..]));
    assert_eq!(program.host.waits, []);
}

#[test]
fn writing_packets() {
    let mut program = program();
    program.host.room = 12;
    assert_eq!(program.wasi(WRITE, &[4, 32, 3, 16]), errno(Errno::Success));
    assert_eq!((program.u32_at(16), &program.host.output[..]), (12, &b"0123456789ab"[..]));
    assert_eq!(program.wasi(WRITE, &[4, 32, 3, 16]), errno(Errno::Again));
    assert_eq!(program.u32_at(16), 12, "nothing is stored");
}

#[test]
fn nothing_to_transfer_is_success() {
    for (function, fd) in [(READ, 4), (WRITE, 4), (WRITE, 1)] {
        for (list, count) in [(40, 1), (0, 0), (0, 0xffff_ffff)] {
            let mut program = program();
            program.host.room = 0;
            assert_eq!(program.wasi(function, &[fd, list, count, 16]), errno(Errno::Success));
            assert_eq!(program.u32_at(16), 0);
        }
    }
}

#[test]
fn the_log_takes_everything() {
    for fd in [1, 2] {
        let mut program = program();
        program.host.log_script.extend([Ok(3), Ok(4)]);
        assert_eq!(program.wasi(WRITE, &[fd, 32, 3, 16]), errno(Errno::Success));
        assert_eq!((program.u32_at(16), &program.host.log[..]), (14, &b"0123456789abcd"[..]));
        assert_eq!(program.host.output, b"");
    }
}

#[test]
fn a_log_that_fails_is_not_noticed() {
    for failure in [Ok(0), Err(StreamError::Errno(Errno::Pipe)), Err(StreamError::Errno(Errno::Io))] {
        let mut program = program();
        program.host.log_script.extend([Ok(2), failure]);
        assert_eq!(program.wasi(WRITE, &[2, 32, 3, 16]), errno(Errno::Success));
        assert_eq!((program.u32_at(16), &program.host.log[..]), (14, &b"01abcd"[..]));
    }
}

#[test]
fn more_than_can_be_told_is_not_written() {
    let mut program = program();
    // 4097 times the same buffer of a mebibyte, which begins with the list.
    program.memory = vec![0; 1 << 20];
    program.vectors(32, &[(0, 1 << 20); 4097]);
    program.host.log_script.extend(vec![Ok(0); 4097]);
    assert_eq!(program.wasi(WRITE, &[2, 32, 4097, 16]), errno(Errno::Success));
    assert_eq!((program.u32_at(16), program.host.log_script.len()), (u32::MAX, 1));
}

#[test]
fn interruptions_repeat_a_call_without_effect_and_end_any_other() {
    let interruption = || Err(StreamError::Stop(Stop::Interrupted));
    let mut program = program();
    program.host.log_script.push_back(interruption());
    assert_eq!(program.wasi(WRITE, &[2, 32, 3, 16]), Err(Stop::Interrupted));
    program.host.log_script.extend([Ok(4), interruption()]);
    assert_eq!(program.wasi(WRITE, &[2, 32, 3, 16]), errno(Errno::Success));
    assert_eq!((program.u32_at(16), &program.host.log[..]), (4, &b"0123"[..]));
    program.host.log_script.extend([Ok(10), interruption()]);
    assert_eq!(program.wasi(WRITE, &[2, 32, 3, 16]), errno(Errno::Success));
    assert_eq!(program.u32_at(16), 10);
    program.host.input.extend([Vec::new(), vec![1; 10], Vec::new()]);
    assert_eq!(program.wasi(READ, &[4, 32, 3, 16]), Err(Stop::Interrupted));
    assert_eq!(program.wasi(READ, &[4, 32, 3, 16]), errno(Errno::Success));
    assert_eq!(program.u32_at(16), 10);
}

#[test]
fn other_stops_end_the_run_at_any_time() {
    for stop in [Stop::OutputLimit(4), broken("write")] {
        let mut program = program();
        program.host.log_script.extend([Ok(4), Err(StreamError::Stop(stop.clone()))]);
        assert_eq!(program.wasi(WRITE, &[2, 32, 3, 16]), Err(stop));
    }
}

#[test]
fn what_cannot_be_read_or_written() {
    for (function, fd, expect) in [
        (READ, 0, Errno::Perm),
        (READ, 1, Errno::Perm),
        (READ, 2, Errno::Perm),
        (READ, 3, Errno::BadF),
        (READ, 5, Errno::BadF),
        (WRITE, 0, Errno::Perm),
        (WRITE, 3, Errno::BadF),
        (WRITE, 5, Errno::BadF),
    ] {
        assert_eq!(program().wasi(function, &[fd, 32, 3, 16]), errno(expect));
        // Null pointers are looked for first.
        assert_eq!(program().wasi(function, &[fd, 0, 1, 16]), errno(Errno::Fault));
        assert_eq!(program().wasi(function, &[fd, 32, 3, 0]), errno(Errno::Fault));
    }
}

#[test]
fn wild_pointers_end_the_run() {
    for (function, fd) in [(READ, 4), (WRITE, 4), (WRITE, 2)] {
        let mut program = program();
        program.host.input.push_back(vec![1; 20]);
        assert_eq!(program.wasi(function, &[fd, 4089, 1, 16]), TRAP_BOUNDS);
        assert_eq!(program.wasi(function, &[fd, 32, 3, 4093]), TRAP_BOUNDS);
        program.vectors(32, &[(4090, 7)]);
        assert_eq!(program.wasi(function, &[fd, 32, 1, 16]), TRAP_BOUNDS);
    }
}
