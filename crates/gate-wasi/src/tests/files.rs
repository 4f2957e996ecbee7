//! Reading, writing, seeking.

use gate_abi::errno::Errno::{
    Again, BadF, FBig, Fault, Inval, IsDir, NoSpc, NotCapable, Overflow, Pipe, SPipe, Success,
};
use gate_abi::host::Stop;

use super::fixture::{BAD, BUF, IOVS, OUT, Program, ROOT};
use crate::MAX_IOVECS;
use crate::flags::{FDFLAGS_APPEND, FDFLAGS_NONBLOCK};
use crate::rights::{self, ALL};

const OUT64: u64 = OUT as u64;
const BAD64: u64 = BAD as u64;

/// What goes wrong for all four functions that take buffers; `tail` are the arguments behind them.
#[track_caller]
fn check_buffers(name: &str, fd: u64, tail: &[u64]) {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    assert_eq!(u64::from(file), fd);
    let args = |fd, iovs, count| [&[fd, iovs, count], tail].concat();
    let (iovs, _) = p.iovs(&[(BUF, 2), (BAD, 1)]);
    p.check(name, &args(fd, iovs, 2), Fault);
    p.check(name, &args(fd, BAD64, 1), Fault);
    p.check(name, &args(fd, iovs, u64::from(MAX_IOVECS) + 1), Inval);
    p.check(name, &args(fd, iovs, u64::from(u32::MAX)), Inval);
    let (iovs, count) = p.iovs(&[(0, BAD), (0, u32::MAX)]);
    p.check(name, &args(fd, iovs, count), Inval);
    p.check(name, &args(99, iovs, 1), BadF);
    p.check(name, &args(ROOT.into(), iovs, 1), IsDir);
    let (iovs, _) = p.iovs(&[(BUF, 2)]);
    let mut bad_out = args(fd, iovs, 1);
    *bad_out.last_mut().unwrap() = BAD64 - 3;
    p.check(name, &bad_out, Fault);
    assert_eq!(p.read_all(file), b"contents", "nothing was written");
    p.check("fd_tell", &[fd, OUT64], Success);
    assert_eq!(p.u64_at(OUT), 0, "nothing was read");
    p.check(name, &args(fd, 0, 0), Success);
    assert_eq!(p.u32_at(OUT), 0);
}

#[test]
fn fd_read() {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    let fd = file.into();
    let (iovs, count) = p.iovs(&[(BUF + 8, 3), (BUF, 0), (BUF, 2)]);
    p.check("fd_read", &[fd, iovs, count, OUT64], Success);
    assert_eq!((p.u32_at(OUT), p.bytes(BUF + 8, 3), p.bytes(BUF, 2)), (5, &b"con"[..], &b"te"[..]));
    p.check("fd_read", &[fd, iovs, count, OUT64], Success);
    assert_eq!(p.u32_at(OUT), 3, "the end of the file");
    p.check("fd_read", &[fd, iovs, count, OUT64], Success);
    assert_eq!(p.u32_at(OUT), 0);
    p.check("fd_read", &[1, iovs, count, OUT64], NotCapable);
    p.without(file, rights::FD_READ);
    p.check("fd_read", &[fd, iovs, count, OUT64], NotCapable);
    check_buffers("fd_read", 4, &[OUT64]);
}

#[test]
fn fd_read_of_a_stream() {
    let mut p = Program::new();
    p.host.input.extend(b"0123456789");
    let (iovs, count) = p.iovs(&[(BUF + 2, 4), (BUF, 2)]);
    p.check("fd_read", &[0, iovs, count, OUT64], Success);
    assert_eq!((p.u32_at(OUT), p.bytes(BUF, 6)), (6, &b"450123"[..]));
    let (iovs, count) = p.iovs(&[(BUF, 2), (BUF + 1, 9)]);
    p.check("fd_read", &[0, iovs, count, OUT64], Success);
    assert_eq!((p.u32_at(OUT), p.bytes(BUF, 2)), (2, &b"67"[..]), "buffers overlap: the first one only");
    p.host.interrupted = true;
    assert_eq!(p.try_call("fd_read", &[0, iovs, count, OUT64]), Err(Stop::Interrupted));
    p.host.interrupted = false;
    p.check("fd_read", &[0, iovs, 1, OUT64], Success);
    assert_eq!(p.bytes(BUF, 2), b"89");
    p.check("fd_read", &[0, iovs, 1, OUT64], Success);
    assert_eq!(p.u32_at(OUT), 0, "the end of the stream");
}

#[test]
fn streams_that_are_not_to_block() {
    let mut p = Program::new();
    p.check("fd_fdstat_set_flags", &[0, FDFLAGS_NONBLOCK.into()], Success);
    p.host.input.extend(b"x");
    p.host.input_ready = false;
    let (iovs, count) = p.iovs(&[(BUF, 4)]);
    p.check("fd_read", &[0, iovs, count, OUT64], Again);
    assert_eq!(p.host.input.len(), 1);
    p.host.input_ready = true;
    p.check("fd_read", &[0, iovs, count, OUT64], Success);
    assert_eq!(p.u32_at(OUT), 1);
}

#[test]
fn fd_write() {
    let mut p = Program::new();
    let file = p.create("new");
    let fd = file.into();
    p.text(BUF, "abcdef");
    let (iovs, count) = p.iovs(&[(BUF + 3, 3), (BUF, 3), (BUF + 1, 1)]);
    p.check("fd_write", &[fd, iovs, count, OUT64], Success);
    assert_eq!((p.u32_at(OUT), p.read_all(file)), (7, b"defabcb".to_vec()));
    p.write_all(file, b"!");
    assert_eq!(p.read_all(file), b"defabcb!");
    p.check("fd_write", &[0, iovs, count, OUT64], NotCapable);
    p.without(file, rights::FD_WRITE);
    p.check("fd_write", &[fd, iovs, count, OUT64], NotCapable);
    check_buffers("fd_write", 4, &[OUT64]);
}

#[test]
fn fd_write_to_a_stream() {
    let mut p = Program::new();
    p.write_all(1, b"hello ");
    p.write_all(2, b"world");
    assert_eq!(p.host.output, b"hello world");
    p.host.accept = 2;
    let (iovs, count) = p.iovs(&[(BUF, 5)]);
    p.check("fd_write", &[1, iovs, count, OUT64], Success);
    assert_eq!(p.u32_at(OUT), 2);
    p.host.interrupted = true;
    assert_eq!(p.try_call("fd_write", &[1, iovs, count, OUT64]), Err(Stop::Interrupted));
    p.host.interrupted = false;
    p.host.hangup = true;
    p.check("fd_write", &[1, iovs, count, OUT64], Pipe);
    assert_eq!(p.host.output, b"hello worldwo");
}

#[test]
fn appending() {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, FDFLAGS_APPEND).unwrap();
    p.write_all(file, b"12");
    p.check("fd_tell", &[file.into(), OUT64], Success);
    assert_eq!(p.u64_at(OUT), 10);
    p.check("fd_seek", &[file.into(), 0, 0, OUT64], Success);
    p.write_all(file, b"34");
    assert_eq!(p.read_all(file), b"contents1234");
}

#[test]
fn fd_pread() {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    let fd = file.into();
    let (iovs, count) = p.iovs(&[(BUF, 4)]);
    for (offset, expect) in [(0, &b"cont"[..]), (5, b"nts"), (8, b""), (1 << 62, b"")] {
        p.check("fd_pread", &[fd, iovs, count, offset, OUT64], Success);
        assert_eq!(p.bytes(BUF, p.u32_at(OUT)), expect);
    }
    p.check("fd_tell", &[fd, OUT64], Success);
    assert_eq!(p.u64_at(OUT), 0, "the offset has not moved");
    p.check("fd_pread", &[fd, iovs, count, 1 << 63, OUT64], Inval);
    p.check("fd_pread", &[0, iovs, count, 0, OUT64], SPipe);
    p.without(file, rights::FD_SEEK);
    p.check("fd_pread", &[fd, iovs, count, 0, OUT64], NotCapable);
    check_buffers("fd_pread", 4, &[0, OUT64]);
}

#[test]
fn fd_pwrite() {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    let fd = file.into();
    p.text(BUF, "XY");
    let (iovs, count) = p.iovs(&[(BUF, 2)]);
    p.check("fd_pwrite", &[fd, iovs, count, 1, OUT64], Success);
    p.check("fd_pwrite", &[fd, iovs, count, 10, OUT64], Success);
    assert_eq!(p.read_all(file), b"cXYtents\0\0XY");
    p.check("fd_pwrite", &[fd, iovs, count, (1 << 24) - 1, OUT64], Success);
    assert_eq!(p.u32_at(OUT), 1, "one byte below the limit");
    p.check("fd_pwrite", &[fd, iovs, count, 1 << 24, OUT64], FBig);
    p.check("fd_pwrite", &[fd, iovs, count, u64::MAX, OUT64], Inval);
    p.check("fd_pwrite", &[1, iovs, count, 0, OUT64], SPipe);
    p.without(file, rights::FD_WRITE);
    p.check("fd_pwrite", &[fd, iovs, count, 0, OUT64], NotCapable);
    check_buffers("fd_pwrite", 4, &[0, OUT64]);
}

#[test]
fn writing_until_nothing_is_left() {
    let mut p = Program::new();
    let file = p.create("new");
    let (iovs, count) = p.iovs(&[(0, BAD), (0, BAD)]);
    let mut total = 0_u64;
    while p.call("fd_write", &[file.into(), iovs, count, OUT64]) == Success {
        total += u64::from(p.u32_at(OUT));
        p.iovs(&[(0, BAD), (0, BAD)]);
    }
    p.check("fd_write", &[file.into(), iovs, count, OUT64], NoSpc);
    assert!((900_000..1 << 20).contains(&total), "{total}");
    assert!(p.wasi.fs().used_bytes() <= 1 << 20);
}

#[test]
fn fd_seek() {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    let fd = file.into();
    let back = |n: i64| (-n).cast_unsigned();
    for (delta, whence, expect) in [
        (5, 0, 5),
        (2, 1, 7),
        (back(7), 1, 0),
        (back(3), 2, 5),
        (100, 2, 108),
        (0, 1, 108),
        (i64::MAX.cast_unsigned(), 0, i64::MAX.cast_unsigned()),
    ] {
        p.check("fd_seek", &[fd, delta, whence, OUT64], Success);
        assert_eq!(p.u64_at(OUT), expect);
    }
    p.check("fd_seek", &[fd, 1, 1, OUT64], Overflow);
    p.check("fd_seek", &[fd, back(9), 2, OUT64], Inval);
    p.check("fd_seek", &[fd, back(1), 0, OUT64], Inval);
    p.check("fd_seek", &[fd, 0, 3, OUT64], Inval);
    p.check("fd_seek", &[fd, 0, 0, BAD64 - 7], Fault);
    p.check("fd_seek", &[0, 0, 0, OUT64], SPipe);
    p.check("fd_seek", &[ROOT.into(), 0, 0, OUT64], BadF);
    p.check("fd_seek", &[99, 0, 0, OUT64], BadF);
    p.without(file, rights::FD_SEEK);
    p.check("fd_seek", &[fd, 0, 0, OUT64], NotCapable);
    p.check("fd_seek", &[fd, 0, 1, OUT64], Success);
    assert_eq!(p.u64_at(OUT), i64::MAX.cast_unsigned());
}

#[test]
fn fd_tell() {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    p.check("fd_seek", &[file.into(), 3, 0, OUT64], Success);
    p.check("fd_tell", &[file.into(), OUT64 + 16], Success);
    assert_eq!(p.u64_at(OUT + 16), 3);
    p.check("fd_tell", &[file.into(), BAD64], Fault);
    p.check("fd_tell", &[1, OUT64], SPipe);
    p.check("fd_tell", &[ROOT.into(), OUT64], BadF);
    p.without(file, rights::FD_TELL);
    p.check("fd_tell", &[file.into(), OUT64], Success);
    p.without(file, rights::FD_SEEK);
    p.check("fd_tell", &[file.into(), OUT64], NotCapable);
}

#[test]
fn fd_advise() {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    for advice in 0..=5 {
        p.check("fd_advise", &[file.into(), 0, 100, advice], Success);
    }
    p.check("fd_advise", &[file.into(), 0, 0, 6], Inval);
    p.check("fd_advise", &[file.into(), u64::MAX, 0, 0], Inval);
    p.check("fd_advise", &[0, 0, 0, 0], SPipe);
    p.check("fd_advise", &[ROOT.into(), 0, 0, 0], BadF);
    p.check("fd_advise", &[99, 0, 0, 0], BadF);
    p.without(file, rights::FD_ADVISE);
    p.check("fd_advise", &[file.into(), 0, 0, 0], NotCapable);
}

#[test]
fn fd_allocate() {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    let fd = file.into();
    p.check("fd_allocate", &[fd, 4, 8], Success);
    assert_eq!(p.read_all(file), b"contents\0\0\0\0");
    p.check("fd_allocate", &[fd, 0, 2], Success);
    assert_eq!(p.read_all(file).len(), 12, "it never becomes shorter");
    p.check("fd_allocate", &[fd, 0, 0], Inval);
    p.check("fd_allocate", &[fd, 0, u64::MAX], Inval);
    p.check("fd_allocate", &[fd, 0, 1 << 24], NoSpc);
    p.check("fd_allocate", &[fd, 1, 1 << 24], FBig);
    p.check("fd_allocate", &[1, 0, 1], SPipe);
    p.check("fd_allocate", &[ROOT.into(), 0, 1], BadF);
    p.check("fd_allocate", &[99, 0, 1], BadF);
    p.without(file, rights::FD_ALLOCATE);
    p.check("fd_allocate", &[fd, 0, 1], NotCapable);
}

#[test]
fn fd_datasync() {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    p.check("fd_datasync", &[file.into()], Success);
    p.check("fd_datasync", &[ROOT.into()], Success);
    p.check("fd_datasync", &[1], Inval);
    p.check("fd_datasync", &[99], BadF);
    p.without(file, rights::FD_DATASYNC);
    p.check("fd_datasync", &[file.into()], NotCapable);
}

#[test]
fn fd_sync() {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    p.check("fd_sync", &[file.into()], Success);
    p.check("fd_sync", &[ROOT.into()], Success);
    p.check("fd_sync", &[1], Inval);
    p.check("fd_sync", &[99], BadF);
    p.without(file, rights::FD_SYNC);
    p.check("fd_sync", &[file.into()], NotCapable);
}

#[test]
fn the_list_of_buffers_may_be_overwritten() {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    let (iovs, count) = p.iovs(&[(IOVS, 4), (IOVS + 4, 4)]);
    p.check("fd_read", &[file.into(), iovs, count, u64::from(IOVS)], Success);
    assert_eq!((p.u32_at(IOVS), p.bytes(IOVS + 4, 4)), (8, &b"ents"[..]));
}
