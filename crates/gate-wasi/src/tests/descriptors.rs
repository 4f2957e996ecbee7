//! Descriptors themselves.

use gate_abi::errno::Errno::{self, BadF, Fault, Inval, IsDir, MFile, NameTooLong, NotCapable, Success};
use gate_fs::PATH_MAX;

use super::fixture::{BAD, BUF, OUT, Program, ROOT};
use crate::MAX_FDS;
use crate::flags::{FDFLAGS_APPEND, FDFLAGS_NONBLOCK, OFLAGS_CREAT};
use crate::rights::{self, ALL, FD_READ};

const OUT64: u64 = OUT as u64;
const BAD64: u64 = BAD as u64;

#[test]
fn fd_close() {
    let mut p = Program::new();
    let file = p.create("new");
    assert_eq!(file, 4, "the lowest number that is free");
    p.check("fd_close", &[0], Success);
    assert_eq!(p.create("other"), 0);
    p.check("fd_close", &[file.into()], Success);
    p.check("fd_close", &[file.into()], BadF);
    p.check("fd_close", &[u64::from(u32::MAX)], BadF);
}

#[test]
fn closing_frees_what_was_unlinked() {
    let mut p = Program::new();
    let used = p.wasi.fs().used_bytes();
    let file = p.create("new");
    p.write_all(file, b"abc");
    let (path, len) = p.text(0, "new");
    p.check("path_unlink_file", &[ROOT.into(), path, len], Success);
    assert_eq!(p.read_all(file), b"abc");
    p.check("fd_close", &[file.into()], Success);
    assert_eq!(p.wasi.fs().used_bytes(), used);
}

#[test]
fn descriptors_are_limited() {
    let mut p = Program::new();
    let mut last = ROOT;
    while let Ok(fd) = p.open("file", 0, ALL, 0) {
        last = fd;
    }
    assert_eq!(last, MAX_FDS - 1);
    assert_eq!(p.open("new", OFLAGS_CREAT, ALL, 0), Err(MFile));
    p.check("fd_close", &[77], Success);
    assert_eq!(p.open("new", 0, ALL, 0), Err(Errno::NoEnt), "it was not created before");
    assert_eq!(p.open("file", 0, ALL, 0), Ok(77));
}

#[test]
fn fd_renumber() {
    let mut p = Program::new();
    let (a, b) = (p.create("a"), p.create("b"));
    p.write_all(a, b"aaa");
    p.check("fd_renumber", &[a.into(), b.into()], Success);
    assert_eq!(p.read_all(b), b"aaa");
    p.check("fd_close", &[a.into()], BadF);
    p.check("fd_renumber", &[b.into(), b.into()], Success);
    assert_eq!(p.read_all(b), b"aaa");
    p.check("fd_renumber", &[b.into(), 99], BadF);
    p.check("fd_renumber", &[99, b.into()], BadF);
    assert_eq!(p.read_all(b), b"aaa");
    p.check("fd_renumber", &[b.into(), 1], Success);
    p.write_all(1, b"x");
    assert_eq!(p.host.output, b"");
}

#[test]
fn fd_fdstat_get() {
    let mut p = Program::new();
    p.check("fd_fdstat_get", &[0, OUT64], Success);
    assert_eq!((p.bytes(OUT, 1)[0], p.u64_at(OUT + 8)), (0, rights::INPUT), "unknown, as it is no terminal");
    p.host.terminal = true;
    p.check("fd_fdstat_get", &[1, OUT64], Success);
    assert_eq!((p.bytes(OUT, 1)[0], p.u64_at(OUT + 8)), (2, rights::OUTPUT));
    assert_eq!(
        p.u64_at(OUT + 8) & (rights::FD_SEEK | rights::FD_TELL),
        0,
        "isatty of wasi-libc asks for this"
    );
    p.check("fd_fdstat_get", &[ROOT.into(), OUT64], Success);
    assert_eq!((p.bytes(OUT, 1)[0], p.u64_at(OUT + 8)), (3, rights::DIRECTORY));
    assert_eq!(p.u64_at(OUT + 16), rights::DIRECTORY | rights::FILE);
    let file = p.open("file", 0, FD_READ, FDFLAGS_APPEND).unwrap();
    p.check("fd_fdstat_get", &[file.into(), OUT64], Success);
    assert_eq!((p.bytes(OUT, 1)[0], p.u16_at(OUT + 2), p.u64_at(OUT + 8)), (4, FDFLAGS_APPEND, FD_READ));
    p.check("fd_fdstat_get", &[99, OUT64], BadF);
    p.check("fd_fdstat_get", &[0, BAD64 - 23], Fault);
}

#[test]
fn fd_fdstat_set_flags() {
    let mut p = Program::new();
    let file = p.create("new");
    for flags in [FDFLAGS_NONBLOCK, FDFLAGS_APPEND, 0x1f, 0] {
        p.check("fd_fdstat_set_flags", &[file.into(), flags.into()], Success);
        p.check("fd_fdstat_get", &[file.into(), OUT64], Success);
        assert_eq!(p.u16_at(OUT + 2), flags);
    }
    p.check("fd_fdstat_set_flags", &[file.into(), 0x20], Inval);
    p.check("fd_fdstat_set_flags", &[file.into(), 0x10000], Inval);
    p.check("fd_fdstat_set_flags", &[99, 0], BadF);
    p.without(file, rights::FD_FDSTAT_SET_FLAGS);
    p.check("fd_fdstat_set_flags", &[file.into(), 0], NotCapable);
}

#[test]
fn fd_fdstat_set_rights() {
    let mut p = Program::new();
    let root = ROOT.into();
    let base = rights::DIRECTORY & !rights::PATH_SYMLINK;
    p.check("fd_fdstat_set_rights", &[root, base, FD_READ | rights::PATH_OPEN], Success);
    p.check("fd_fdstat_set_rights", &[root, rights::DIRECTORY, 0], NotCapable);
    p.check("fd_fdstat_set_rights", &[root, base, rights::FD_WRITE], NotCapable);
    p.check("fd_fdstat_set_rights", &[root, base, u64::MAX], NotCapable);
    p.check("fd_fdstat_set_rights", &[99, 0, 0], BadF);
    assert_eq!(p.open("file", 0, rights::FD_WRITE, 0), Err(NotCapable), "it is not inherited any more");
    let file = p.open("file", 0, FD_READ, 0).unwrap();
    p.check("fd_fdstat_get", &[file.into(), OUT64], Success);
    assert_eq!(p.u64_at(OUT + 8), FD_READ);
}

#[test]
fn fd_filestat_get() {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    p.check("fd_filestat_get", &[file.into(), OUT64], Success);
    assert_eq!((p.bytes(OUT + 16, 1)[0], p.u64_at(OUT + 24), p.u64_at(OUT + 32)), (4, 1, 8));
    assert_eq!([40, 48, 56].map(|at| p.u64_at(OUT + at)), [1_000_000; 3]);
    assert_ne!(p.u64_at(OUT + 8), 0, "inode numbers begin with 1");
    p.check("fd_filestat_get", &[ROOT.into(), OUT64], Success);
    assert_eq!((p.bytes(OUT + 16, 1)[0], p.u64_at(OUT + 24)), (3, 3));
    p.check("fd_filestat_get", &[1, OUT64], Success);
    assert_eq!((p.bytes(OUT + 16, 1)[0], p.u64_at(OUT + 32)), (0, 0));
    p.check("fd_filestat_get", &[99, OUT64], BadF);
    p.check("fd_filestat_get", &[1, BAD64 - 63], Fault);
    p.without(file, rights::FD_FILESTAT_GET);
    p.check("fd_filestat_get", &[file.into(), OUT64], NotCapable);
}

#[test]
fn fd_filestat_set_size() {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    let fd = file.into();
    p.check("fd_filestat_set_size", &[fd, 3], Success);
    assert_eq!(p.read_all(file), b"con");
    p.check("fd_filestat_set_size", &[fd, 5], Success);
    assert_eq!(p.read_all(file), b"con\0\0");
    p.check("fd_filestat_set_size", &[fd, (1 << 24) + 1], Errno::FBig);
    p.check("fd_filestat_set_size", &[fd, 1 << 63], Inval);
    p.check("fd_filestat_set_size", &[1, 0], Inval);
    p.check("fd_filestat_set_size", &[ROOT.into(), 0], IsDir);
    p.check("fd_filestat_set_size", &[99, 0], BadF);
    p.without(file, rights::FD_FILESTAT_SET_SIZE);
    p.check("fd_filestat_set_size", &[fd, 3], NotCapable);
}

#[test]
fn fd_filestat_set_times() {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    p.host.realtime = 2_000_000;
    for (flags, expect) in [
        (0b0101, [11, 22, 2_000_000]),
        (0b1000, [11, 2_000_000, 2_000_000]),
        (0b0110, [2_000_000, 22, 2_000_000]),
        (0, [2_000_000, 22, 2_000_000]),
    ] {
        p.check("fd_filestat_set_times", &[file.into(), 11, 22, flags], Success);
        p.check("fd_filestat_get", &[file.into(), OUT64], Success);
        assert_eq!([40, 48, 56].map(|at| p.u64_at(OUT + at)), expect, "flags {flags:b}");
    }
    for flags in [0b0011, 0b1100, 0b1_0000] {
        p.check("fd_filestat_set_times", &[file.into(), 11, 22, flags], Inval);
    }
    p.check("fd_filestat_set_times", &[99, 0, 0, 0], BadF);
    p.check("fd_filestat_set_times", &[1, 0, 0, 0], NotCapable);
}

#[test]
fn fd_prestat_get() {
    let mut p = Program::new();
    p.memory[OUT as usize..][..8].fill(0xff);
    p.check("fd_prestat_get", &[ROOT.into(), OUT64], Success);
    assert_eq!((p.bytes(OUT, 1)[0], p.u32_at(OUT + 4)), (0, 1));
    let dir = p.open_dir("dir");
    for fd in [0, 99, dir] {
        p.check("fd_prestat_get", &[fd.into(), OUT64], BadF);
    }
    p.check("fd_prestat_get", &[ROOT.into(), BAD64 - 7], Fault);
}

#[test]
fn fd_prestat_dir_name() {
    let mut p = Program::new();
    p.memory[BUF as usize..][..2].fill(b'.');
    p.check("fd_prestat_dir_name", &[ROOT.into(), BUF.into(), 1], Success);
    assert_eq!(p.bytes(BUF, 2), b"/.", "there is no NUL behind it");
    p.check("fd_prestat_dir_name", &[ROOT.into(), BUF.into(), PATH_MAX as u64], Success);
    p.check("fd_prestat_dir_name", &[ROOT.into(), BUF.into(), 0], NameTooLong);
    p.check("fd_prestat_dir_name", &[ROOT.into(), BAD64, 1], Fault);
    p.check("fd_prestat_dir_name", &[1, BUF.into(), 1], BadF);
}
