//! Tests of images: round trips, and what hostile ones are refused for.

use std::io::{self, Cursor, Read};

use gate_abi::errno::Errno;
use proptest::prelude::*;

use super::{BuildError, Builder, HEADER_LEN, LoadError};
use crate::{Backing, Fs, InodeId, Limits, NodeType, Open, SetTime, Times};

const LIMITS: Limits = Limits { bytes: 1 << 22, inodes: 100, file_bytes: 1 << 30 };

const CREATE: Open =
    Open { follow: true, create: true, exclusive: false, truncate: false, directory: false, write: true };

/// ```text
/// /data: file ("contents"), hard (the same), empty, dir/ (link -> ../file), big (100000 bytes)
/// /tmp: nothing
/// ```
fn built() -> Vec<u8> {
    let mut builder = Builder::new(Cursor::new(Vec::new())).unwrap();
    let data = builder.preopen("/data", 1).unwrap();
    let file = builder.file(data, "file", 2, &mut &b"contents"[..]).unwrap();
    builder.link(data, "hard", file).unwrap();
    builder.file(data, "empty", 3, &mut io::empty()).unwrap();
    let dir = builder.directory(data, "dir", 4).unwrap();
    builder.symlink(dir, "link", 5, "../file").unwrap();
    builder.file(data, "big", 6, &mut io::repeat(9).take(100_000)).unwrap();
    builder.preopen("/tmp", 7).unwrap();
    let finished = builder.finish().unwrap();
    let bytes = finished.out.into_inner();
    assert_eq!(finished.len, bytes.len() as u64);
    let fs = load(&bytes).unwrap();
    assert_eq!((finished.charge, finished.inodes as usize), (fs.used_bytes(), fs.used_inodes()));
    bytes
}

fn load(bytes: &[u8]) -> Result<Fs, LoadError> {
    Fs::load(Backing::new(bytes.to_vec()), LIMITS)
}

fn contents(fs: &Fs, inode: InodeId) -> Vec<u8> {
    let mut buf = vec![0; usize::try_from(fs.stat(inode).unwrap().size).unwrap()];
    assert_eq!(fs.read(inode, 0, &mut buf), Ok(buf.len()));
    buf
}

#[test]
fn what_was_built_is_there() {
    let fs = load(&built()).unwrap();
    let paths: Vec<_> = fs.preopens().iter().map(|preopen| &*preopen.path).collect();
    assert_eq!(paths, ["/data", "/tmp"]);
    let data = fs.preopens()[0].root;
    let stat = |path| fs.lookup(data, path, true).unwrap();
    assert_eq!(contents(&fs, stat("file").inode), b"contents");
    assert_eq!((stat("file").inode, stat("file").nlink), (stat("hard").inode, 2));
    assert_eq!((stat("file").times.atim, stat("file").times.mtim, stat("file").times.ctim), (2, 2, 2));
    assert_eq!((stat("empty").size, stat("dir").kind, stat("dir").times.mtim), (0, NodeType::Directory, 4));
    assert_eq!(contents(&fs, stat("big").inode), vec![9; 100_000]);
    assert_eq!(fs.read_link(data, "dir/link"), Ok("../file"));
    assert_eq!(fs.lookup(data, "dir/../file", true).map(|stat| stat.kind), Ok(NodeType::File));
    assert_eq!(fs.stat(data).unwrap().nlink, 3);
    assert_eq!(fs.used_bytes(), fs.count_used());
}

/// A file that must be readable for ever, made by hand from the description of the format.
#[test]
fn version_1_is_readable() {
    let image = include_bytes!("../../tests/data/v1/tree.img");
    let fs = load(image).unwrap();
    let root = fs.preopens()[0].root;
    assert_eq!(&*fs.preopens()[0].path, "/data");
    let stat = |path| fs.lookup(root, path, true).unwrap();
    assert_eq!(stat(".").times, Times { atim: 1, mtim: 2, ctim: 3 });
    assert_eq!((stat("file").inode.number(), stat("hard").nlink), (2, 2));
    assert_eq!(contents(&fs, stat("hard").inode), b"contents");
    assert_eq!((fs.read_link(root, "dir/link"), stat("dir").inode.number()), (Ok("../file"), 4));
    let sparse = contents(&fs, stat("sparse").inode);
    assert_eq!((sparse.len(), &sparse[65_535..65_541]), (70_000, &b"\0tail\0"[..]));
    let cookies: Vec<_> =
        [2, 3, 5, 6].map(|cookie| fs.next_entry(root, cookie).unwrap().unwrap().cookie).into();
    assert_eq!(cookies, [3, 5, 6, 8]);
    let again = fs.write_image(Cursor::new(Vec::new())).unwrap().out.into_inner();
    assert_eq!(again, image, "version 1 is what we write");
}

#[test]
fn loaded_files_can_be_changed() {
    let mut fs = load(&built()).unwrap();
    let data = fs.preopens()[0].root;
    let used = fs.used_bytes();
    let big = fs.open(data, "big", CREATE, 10).unwrap();
    assert_eq!(fs.write(big, 65_530, b"0123456789", 10), Ok(10));
    assert_eq!(fs.used_bytes(), used, "copied, not grown");
    let all = contents(&fs, big);
    assert_eq!((all.len(), &all[65_528..65_542]), (100_000, &b"\x09\x090123456789\x09\x09"[..]));
    fs.set_len(big, 10, 10).unwrap();
    fs.set_len(big, 20, 10).unwrap();
    assert_eq!(contents(&fs, big), [vec![9; 10], vec![0; 10]].concat());
}

#[test]
fn an_unreadable_file_is_not_in_the_image() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    let mut builder = Builder::new(Cursor::new(Vec::new())).unwrap();
    let root = builder.preopen("/", 0).unwrap();
    let mut half = (&b"half"[..]).chain(Broken);
    assert!(matches!(builder.file(root, "f", 0, &mut half), Err(BuildError::Copy { .. })));
    builder.file(root, "f", 0, &mut &b"whole"[..]).unwrap();
    let fs = load(&builder.finish().unwrap().out.into_inner()).unwrap();
    let file = fs.lookup(fs.preopens()[0].root, "f", false).unwrap().inode;
    assert_eq!(contents(&fs, file), b"whole");
}

#[test]
fn builder_refuses_what_cannot_be_named() {
    let mut builder = Builder::new(Cursor::new(Vec::new())).unwrap();
    let root = builder.preopen("/", 0).unwrap();
    let long = "n".repeat(256);
    for name in ["", ".", "..", "a/b", "a\0b", &long] {
        let refused = builder.directory(root, name, 0);
        assert!(matches!(refused, Err(BuildError::Name { .. })), "{name:?}");
    }
    builder.directory(root, "a", 0).unwrap();
    assert!(matches!(builder.symlink(root, "a", 0, "b"), Err(BuildError::Duplicate { .. })));
    assert!(matches!(builder.symlink(root, "b", 0, ""), Err(BuildError::Path { .. })));
    assert!(matches!(builder.preopen("a\0", 0), Err(BuildError::Path { .. })));
}

#[test]
fn what_is_open_and_unlinked_survives() {
    let mut fs = load(&built()).unwrap();
    let data = fs.preopens()[0].root;
    let big = fs.open(data, "big", CREATE, 10).unwrap();
    fs.unlink(data, "big", 10).unwrap();
    let dir = fs.create_dir(data, "gone", 10).unwrap();
    fs.hold(dir).unwrap();
    fs.remove_dir(data, "gone", 10).unwrap();
    let image = fs.write_image(Cursor::new(Vec::new())).unwrap().out.into_inner();
    let mut again = load(&image).unwrap();
    assert_eq!(again.used_bytes(), fs.used_bytes());
    assert_eq!(again.inode(big.number()), Some(big));
    again.hold(big).unwrap();
    again.release_unused();
    assert_eq!(contents(&again, big), vec![9; 100_000]);
    assert_eq!(again.stat(dir), Err(Errno::BadF));
    again.release(big);
    assert_eq!(again.stat(big), Err(Errno::BadF));
    assert_eq!(again.used_bytes(), again.count_used());
}

#[test]
fn parts_of_a_backing() {
    let all = Backing::new(*b"0123456789");
    let part = all.part(2..8).unwrap();
    assert_eq!((part.bytes(), part.part(1..3).unwrap().bytes()), (&b"234567"[..], &b"34"[..]));
    assert_eq!(part.part(6..6).map(|part| part.bytes().len()), Some(0));
    for (start, end) in [(0, 7), (7, 7), (3, 2), (1, usize::MAX)] {
        assert!(part.part(start..end).is_none(), "{start}..{end}");
    }
    let image = built();
    let padded = [&b"before"[..], &image, b"behind"].concat();
    let fs = Fs::load(Backing::new(padded).part(6..6 + image.len()).unwrap(), LIMITS).unwrap();
    assert_eq!(contents(&fs, fs.lookup(fs.preopens()[0].root, "file", true).unwrap().inode), b"contents");
}

#[test]
fn images_can_begin_anywhere() {
    let fs = load(&built()).unwrap();
    let mut out = Cursor::new(b"prefix".to_vec());
    out.set_position(6);
    let finished = fs.write_image(out).unwrap();
    let bytes = finished.out.into_inner();
    assert_eq!(bytes.len() as u64, finished.len + 6);
    assert!(load(&bytes[6..]).is_ok());
}

/// An image of one preopened directory with these table bytes behind it.
fn crafted(records: &[&[u8]], roots: &[(u32, &str)]) -> Vec<u8> {
    let mut table = records.concat();
    for (inode, path) in roots {
        table.extend(inode.to_le_bytes());
        table.extend(u16::try_from(path.len()).unwrap().to_le_bytes());
        table.extend(path.as_bytes());
    }
    let mut image = Vec::new();
    image.extend(super::MAGIC);
    image.extend(1_u32.to_le_bytes());
    image.extend(HEADER_LEN.to_le_bytes());
    image.extend((64 + 8 + table.len() as u64).to_le_bytes());
    image.extend(72_u64.to_le_bytes());
    image.extend((table.len() as u64).to_le_bytes());
    image.extend(u32::try_from(records.len()).unwrap().to_le_bytes());
    image.extend(u32::try_from(roots.len()).unwrap().to_le_bytes());
    image.resize(64, 0);
    image.extend(b"contents");
    image.extend(table);
    image
}

fn dir(next_cookie: u64, entries: &[(u64, u32, &[u8])]) -> Vec<u8> {
    let mut out = vec![2];
    out.extend([0; 24]);
    out.extend(next_cookie.to_le_bytes());
    out.extend(u32::try_from(entries.len()).unwrap().to_le_bytes());
    for (cookie, inode, name) in entries {
        out.extend(cookie.to_le_bytes());
        out.extend(inode.to_le_bytes());
        out.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        out.extend(*name);
    }
    out
}

fn file(size: u64, extents: &[(u64, u64, u64)]) -> Vec<u8> {
    let mut out = vec![1];
    out.extend([0; 24]);
    out.extend(size.to_le_bytes());
    out.extend(u32::try_from(extents.len()).unwrap().to_le_bytes());
    for (at, from, len) in extents {
        out.extend([at, from, len].into_iter().flat_map(|n| n.to_le_bytes()));
    }
    out
}

#[track_caller]
fn refused(records: &[&[u8]], roots: &[(u32, &str)], matches: impl Fn(&LoadError) -> bool) {
    let error = load(&crafted(records, roots)).expect_err("it must be refused");
    assert!(matches(&error), "{error:?}");
}

#[test]
fn crafted_images_are_sound_without_a_defect() {
    let root = dir(4, &[(3, 1, b"f")]);
    let fs = load(&crafted(&[&root, &file(8, &[(0, 64, 8)])], &[(0, "/"), (0, "/again")])).unwrap();
    let inode = fs.lookup(fs.preopens()[1].root, "f", false).unwrap().inode;
    assert_eq!(contents(&fs, inode), b"contents");
}

#[test]
fn unsound_trees_are_refused() {
    let place = |inode| move |error: &LoadError| *error == LoadError::Place { inode };
    let empty = dir(3, &[]);
    refused(&[&empty], &[(1, "/")], place(1));
    refused(&[&file(0, &[])], &[(0, "/")], place(0));
    refused(&[&[0]], &[(0, "/")], place(0));
    refused(&[&dir(4, &[(3, 9, b"x")])], &[(0, "/")], place(9));
    refused(&[&dir(4, &[(3, 0, b"x")])], &[(0, "/")], place(0));
    refused(&[&dir(5, &[(3, 1, b"x"), (4, 1, b"y")]), &empty], &[(0, "/")], place(1));
    refused(&[&dir(4, &[(3, 1, b"x")]), &empty], &[(0, "/"), (1, "/x")], place(1));
    let cycle = [dir(4, &[(3, 2, b"x")]), dir(4, &[(3, 1, b"x")])];
    refused(&[&empty, &cycle[0], &cycle[1]], &[(0, "/")], |error| *error == LoadError::NotATree);
}

#[test]
fn unsound_entries_are_refused() {
    let f = file(0, &[]);
    for name in [&b""[..], b".", b"..", b"a/b", b"a\0", b"\xff"] {
        refused(&[&dir(4, &[(3, 1, name)]), &f], &[(0, "/")], |e| matches!(e, LoadError::Name { .. }));
    }
    for entries in [
        &[(3, 1, &b"a"[..]), (4, 1, b"a")][..],
        &[(3, 1, b"a"), (3, 1, b"b")],
        &[(2, 1, b"a")],
        &[(5, 1, b"a")],
    ] {
        refused(&[&dir(5, entries), &f], &[(0, "/")], |e| matches!(e, LoadError::Entry { .. }));
    }
    for next_cookie in [0, 2, u64::MAX] {
        refused(&[&dir(next_cookie, &[])], &[(0, "/")], |e| matches!(e, LoadError::Entry { .. }));
    }
    refused(&[&dir(3, &[])], &[(0, "")], |e| matches!(e, LoadError::Name { .. }));
}

#[test]
fn unsound_extents_are_refused() {
    for (size, extents) in [
        (8, &[(0, 64, 0)][..]),
        (8, &[(0, 64, 9)]),
        (7, &[(0, 64, 8)]),
        (8, &[(0, 63, 8)]),
        (8, &[(0, 65, 8)]),
        (8, &[(0, u64::MAX, 8)]),
        (8, &[(u64::MAX - 7, 64, 8)]),
        (80_000, &[(1, 64, 8)]),
        (80_000, &[(65_536, 64, 8), (0, 64, 8)]),
        (80_000, &[(0, 64, 8), (0, 64, 8)]),
    ] {
        let records = [dir(3, &[]), file(size, extents)];
        refused(&[&records[0], &records[1]], &[(0, "/")], |e| matches!(e, LoadError::Extent { .. }));
    }
}

#[test]
fn limits_apply_to_images() {
    let image = built();
    let used = load(&image).unwrap().used_bytes();
    let with = |limits| Fs::load(Backing::new(image.clone()), limits).map(drop);
    assert_eq!(with(Limits { bytes: used, ..LIMITS }), Ok(()));
    assert_eq!(with(Limits { bytes: used - 1, ..LIMITS }), Err(LoadError::Bytes { limit: used - 1 }));
    assert_eq!(with(Limits { inodes: 6, ..LIMITS }), Err(LoadError::Inodes { found: 7, limit: 6 }));
    let file_bytes = LoadError::FileBytes { found: 100_000, limit: 99_999 };
    assert_eq!(with(Limits { file_bytes: 99_999, ..LIMITS }), Err(file_bytes));
}

#[test]
fn damaged_headers_are_refused() {
    let image = built();
    let len = image.len() as u64;
    for (offset, expect) in [
        (0, LoadError::Magic),
        (8, LoadError::Version { found: 0x81 }),
        (12, LoadError::Header { len }),
        (16, LoadError::Header { len }),
        (24, LoadError::Header { len }),
        (32, LoadError::Header { len }),
        (48, LoadError::Header { len }),
        (63, LoadError::Header { len }),
    ] {
        let mut damaged = image.clone();
        damaged[offset] ^= 0x80;
        assert_eq!(load(&damaged).map(drop), Err(expect), "offset {offset}");
    }
    assert_eq!(load(&image[..63]).map(drop), Err(LoadError::Magic));
    assert_eq!(load(&[]).map(drop), Err(LoadError::Magic));
    let mut more = image.clone();
    more[44] += 1;
    assert!(matches!(load(&more), Err(LoadError::CutOff { .. })));
    more[44] -= 2;
    assert!(matches!(load(&more), Err(LoadError::Trailing { .. })));
}

#[derive(Clone, Debug)]
enum Op {
    Write { path: u8, at: u64, len: usize },
    SetLen { path: u8, len: u64 },
    CreateDir(u8),
    Symlink(u8),
    Link(u8, u8),
    Rename(u8, u8),
    Unlink(u8),
    Times(u8, u64, u64),
}

fn path(number: u8) -> String {
    ["a", "b", "dir/a", "dir/b", "dir/dir/a", "dir", "dir/dir", "file", "big"][usize::from(number) % 9].into()
}

fn op() -> impl Strategy<Value = Op> {
    let n = any::<u8>();
    prop_oneof![
        (n, 0..300_000_u64, 0..100_000_usize).prop_map(|(path, at, len)| Op::Write { path, at, len }),
        (n, 0..300_000_u64).prop_map(|(path, len)| Op::SetLen { path, len }),
        n.prop_map(Op::CreateDir),
        n.prop_map(Op::Symlink),
        (n, n).prop_map(|(old, new)| Op::Link(old, new)),
        (n, n).prop_map(|(old, new)| Op::Rename(old, new)),
        n.prop_map(Op::Unlink),
        (n, any::<u64>(), any::<u64>()).prop_map(|(path, atim, mtim)| Op::Times(path, atim, mtim)),
    ]
}

/// Does `op`; that some fail is part of the game.
fn apply(fs: &mut Fs, root: InodeId, op: &Op, now: u64) -> Result<(), Errno> {
    match *op {
        Op::Write { path: p, at, len } => {
            let inode = fs.open(root, &path(p), CREATE, now)?;
            fs.write(inode, at, &vec![p | 1; len], now).map(|_| fs.release(inode))
        }
        Op::SetLen { path: p, len } => {
            let inode = fs.open(root, &path(p), CREATE, now)?;
            fs.set_len(inode, len, now).map(|()| fs.release(inode))
        }
        Op::CreateDir(p) => fs.create_dir(root, &path(p), now).map(drop),
        Op::Symlink(p) => fs.symlink("dir/a", root, &path(p), now).map(drop),
        Op::Link(old, new) => fs.link((root, &path(old)), false, (root, &path(new)), now),
        Op::Rename(old, new) => fs.rename((root, &path(old)), (root, &path(new)), now),
        Op::Unlink(p) => fs.unlink(root, &path(p), now),
        Op::Times(p, atim, mtim) => {
            let inode = fs.lookup(root, &path(p), false)?.inode;
            fs.set_times(inode, SetTime::To(atim), SetTime::To(mtim), now)
        }
    }
}

/// Everything there is to know about a directory and what is below it.
fn describe(fs: &Fs, dir: InodeId, out: &mut Vec<String>) {
    let mut cookie = 0;
    while let Some(entry) = fs.next_entry(dir, cookie).unwrap() {
        cookie = entry.cookie;
        out.push(format!("{entry:?} {:?}", fs.stat(entry.inode).unwrap()));
        match entry.kind {
            NodeType::File => out.push(format!("{:?}", contents(fs, entry.inode))),
            NodeType::Symlink => out.push(fs.read_link(dir, &entry.name).unwrap().into()),
            NodeType::Directory if entry.name.starts_with('.') => {}
            NodeType::Directory => describe(fs, entry.inode, out),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn written_and_loaded_is_the_same(
        ops in prop::collection::vec(op(), 0..40),
        more in prop::collection::vec(op(), 0..20),
    ) {
        let mut fs = load(&built()).unwrap();
        let root = fs.preopens()[0].root;
        for (now, op) in (100..).zip(&ops) {
            // Holds of a failed write stay, as those of a program would.
            let _: Result<(), Errno> = apply(&mut fs, root, op, now);
        }
        let finished = fs.write_image(Cursor::new(Vec::new())).unwrap();
        prop_assert_eq!(finished.len, finished.out.get_ref().len() as u64);
        prop_assert_eq!(fs.image_bytes().unwrap(), finished.len);
        let again = load(finished.out.get_ref()).unwrap();
        prop_assert_eq!(again.preopens(), fs.preopens());
        prop_assert_eq!(again.used_bytes(), fs.used_bytes());
        prop_assert_eq!(finished.charge, fs.used_bytes());
        prop_assert_eq!(again.used_inodes(), fs.used_inodes());
        for preopen in fs.preopens() {
            let (mut expect, mut got) = (Vec::new(), Vec::new());
            describe(&fs, preopen.root, &mut expect);
            describe(&again, preopen.root, &mut got);
            prop_assert!(expect == got);
        }
        let third = again.write_image(Cursor::new(Vec::new())).unwrap();
        prop_assert!(third.out == finished.out, "equal file systems give equal images");
        // However they came to be equal: what follows is the same, inode by inode, and so is what is left of it.
        let mut again = again;
        for held in fs.inodes().map(|stat| stat.inode).filter(|inode| fs.node(*inode).is_ok_and(|node| node.holds > 0)) {
            again.hold(held).unwrap();
        }
        for (now, op) in (1000..).zip(&more) {
            let expect = apply(&mut fs, root, op, now);
            prop_assert_eq!(apply(&mut again, root, op, now), expect, "{:?}", op);
            prop_assert_eq!(again.used_bytes(), fs.used_bytes());
        }
        let expect = fs.write_image(Cursor::new(Vec::new())).unwrap();
        prop_assert!(again.write_image(Cursor::new(Vec::new())).unwrap().out == expect.out);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn damaged_images_do_no_harm(at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 1..9)) {
        let mut image = built();
        // The contents say nothing that could do harm, so the damage is done to the table.
        let table = usize::try_from(u64::from_le_bytes(image[24..32].try_into().unwrap())).unwrap();
        let at = table + at.index(image.len() - table);
        let end = (at + bytes.len()).min(image.len());
        image[at..end].copy_from_slice(&bytes[..end - at]);
        if let Ok(fs) = load(&image) {
            prop_assert!(fs.used_bytes() <= LIMITS.bytes);
            prop_assert_eq!(fs.used_bytes(), fs.count_used());
            for preopen in fs.preopens() {
                let mut cookie = 0;
                while let Some(entry) = fs.next_entry(preopen.root, cookie).unwrap() {
                    cookie = entry.cookie;
                    let mut buf = [0; 4096];
                    let _: Result<usize, Errno> = fs.read(entry.inode, 60_000, &mut buf);
                }
            }
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(header in any::<bool>(), table in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = if header { crafted(&[&table], &[]) } else { table };
        if let Ok(fs) = load(&bytes) {
            prop_assert_eq!(fs.used_bytes(), fs.count_used());
        }
    }
}
