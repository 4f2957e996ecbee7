//! Listing directories.

use gate_abi::errno::Errno::{BadF, Fault, NotCapable, NotDir, Success};

use super::fixture::{BAD, BUF, OUT, Program, ROOT};
use crate::rights;

/// An entry: next cookie, type, name.
type Entry = (u64, u8, String);

/// The complete entries in `len` bytes at [`BUF`].
fn entries(p: &Program, len: u32) -> Vec<Entry> {
    let (mut at, mut out) = (0, Vec::new());
    while at + 24 <= len {
        let name_len = p.u32_at(BUF + at + 16);
        if at + 24 + name_len > len {
            break;
        }
        let name = String::from_utf8(p.bytes(BUF + at + 24, name_len).to_vec()).unwrap();
        out.push((p.u64_at(BUF + at), p.bytes(BUF + at + 20, 1)[0], name));
        at += 24 + name_len;
    }
    out
}

fn readdir(p: &mut Program, len: u32, cookie: u64) -> (u32, Vec<Entry>) {
    p.check("fd_readdir", &[ROOT.into(), BUF.into(), len.into(), cookie, OUT.into()], Success);
    let used = p.u32_at(OUT);
    (used, entries(p, used))
}

#[test]
fn fd_readdir() {
    let mut p = Program::new();
    let all: Vec<Entry> = [(1, 3, "."), (2, 3, ".."), (3, 3, "dir"), (4, 4, "file"), (5, 7, "link")]
        .map(|(c, t, n)| (c, t, n.into()))
        .into();
    let (used, got) = readdir(&mut p, 1000, 0);
    assert_eq!((used, &got), (24 * 5 + 14, &all));
    for cookie in 0..=6 {
        let rest = all.get(usize::try_from(cookie).unwrap()..).unwrap_or_default();
        assert_eq!(readdir(&mut p, 1000, cookie).1, rest, "behind cookie {cookie}");
    }
    let root = ROOT.into();
    let file = p.create("new");
    p.check("fd_readdir", &[file.into(), BUF.into(), 10, 0, OUT.into()], NotDir);
    p.check("fd_readdir", &[0, BUF.into(), 10, 0, OUT.into()], NotDir);
    p.check("fd_readdir", &[99, BUF.into(), 10, 0, OUT.into()], BadF);
    p.check("fd_readdir", &[root, u64::from(BAD) - 9, 10, 0, OUT.into()], Fault);
    p.check("fd_readdir", &[root, BUF.into(), 10, 0, BAD.into()], Fault);
    p.without(ROOT, rights::FD_READDIR);
    p.check("fd_readdir", &[root, BUF.into(), 10, 0, OUT.into()], NotCapable);
}

/// Lists as `wasi-libc` does: a full buffer means that there is more, and an entry that was cut off is asked for again.
fn list(p: &mut Program, len: u32) -> Vec<Entry> {
    let (mut all, mut cookie) = (Vec::new(), 0);
    loop {
        let (used, got) = readdir(p, len, cookie);
        cookie = got.last().map_or(cookie, |entry| entry.0);
        all.extend(got);
        if used < len {
            return all;
        }
    }
}

#[test]
fn a_full_buffer_means_that_there_is_more() {
    let mut p = Program::new();
    for i in 0..20 {
        let file = p.create(&"n".repeat(i + 1));
        p.check("fd_close", &[file.into()], Success);
    }
    let all = list(&mut p, 4000);
    assert_eq!(all.len(), 25);
    for len in 44..200 {
        assert_eq!(list(&mut p, len), all, "buffers of {len} bytes");
    }
    for len in 0..24 {
        assert_eq!(readdir(&mut p, len, 0).0, len, "not even a header fits");
    }
}
