//! Images of file systems: any bytes, and images of all that there can be in one, changed in some places.

use std::io::{self, Cursor, Read};

use arbitrary::{Result, Unstructured};
use gate_fs::image::{Builder, DirId, HEADER_LEN, MAGIC, VERSION};
use gate_fs::{Backing, Fs, InodeId, Limits, NodeType, Open, Stat};

/// Small enough to be reached.
const LIMITS: Limits = Limits { bytes: 1 << 20, inodes: 200, file_bytes: 1 << 40 };

/// How many entries of directories are listed at most: names of long chains of directories are not worth more.
const MAX_LISTED: usize = 500;

/// Loads images; what is accepted must be sound, and its image must say the same.
///
/// # Panics
/// When it is not, or when the code under test panics.
pub fn run(data: &[u8]) {
    judge(data.to_vec());
    judge(with_header(data));
    let (seed, changes) = data.split_at(data.len() - data.len() / 8);
    let mut image = build(&mut Unstructured::new(seed));
    judge(image.clone());
    for change in changes.chunks_exact(4) {
        if let [high, low, how, byte] = *change {
            // Most of the time in the table, which comes last.
            let offset = usize::from(u16::from_be_bytes([high, low]));
            let at = image.len().checked_sub(1 + offset % image.len().clamp(1, 2000));
            if how == 0xff {
                image.truncate(at.unwrap_or_default());
            } else if let Some(place) = at.and_then(|at| image.get_mut(at)) {
                *place = if how < 0x80 { byte } else { place.wrapping_add(byte % 3).wrapping_sub(1) };
            }
            if image.is_empty() {
                break;
            }
        }
    }
    judge(image);
}

/// A sound header with a table of `data`, behind a few bytes of contents.
fn with_header(data: &[u8]) -> Vec<u8> {
    let Some(([records, roots, contents], table)) = data.split_first_chunk() else { return Vec::new() };
    let table_at = u64::from(HEADER_LEN) + u64::from(*contents);
    let mut image = Vec::from(MAGIC);
    image.extend(VERSION.to_le_bytes());
    image.extend(HEADER_LEN.to_le_bytes());
    image.extend((table_at + table.len() as u64).to_le_bytes());
    image.extend(table_at.to_le_bytes());
    image.extend((table.len() as u64).to_le_bytes());
    image.extend(u32::from(*records).to_le_bytes());
    image.extend(u32::from(*roots).to_le_bytes());
    image.resize(HEADER_LEN as usize + usize::from(*contents), 0);
    image.extend(table);
    image
}

/// An image as it is built from directories of the host, and as a program leaves it.
fn build(u: &mut Unstructured<'_>) -> Vec<u8> {
    let mut builder = Builder::new(Cursor::new(Vec::new())).expect("memory can be written to");
    let root = builder.preopen("/", 1).expect("the path is sound");
    let mut directories = vec![root, builder.preopen("/other", 2).expect("the path is sound")];
    let mut files = Vec::new();
    while !u.is_empty() && files.len() < 6 && directories.len() < 20 {
        if add(u, &mut builder, &mut directories, &mut files).is_err() {
            break;
        }
    }
    let finished = builder.finish().expect("memory can be written to");
    let image = finished.out.into_inner();
    assert_eq!(finished.len, image.len() as u64);
    let fs = Fs::load(Backing::new(image), LIMITS).expect("what was built can be loaded");
    assert_eq!((fs.used_bytes(), fs.used_inodes()), (finished.charge, finished.inodes as usize));
    let fs = change(u, fs);
    fs.write_image(Cursor::new(Vec::new())).expect("memory can be written to").out.into_inner()
}

fn add(
    u: &mut Unstructured<'_>,
    builder: &mut Builder<Cursor<Vec<u8>>>,
    directories: &mut Vec<DirId>,
    files: &mut Vec<gate_fs::image::FileId>,
) -> Result<()> {
    let parent = *u.choose(directories)?;
    let name = *u.choose(&NAMES)?;
    let mtim = u64::from(u.arbitrary::<u8>()?);
    // Names that are there already, or cannot be, are refused: that is all right.
    match u.int_in_range(0..=4)? {
        0 => directories.extend(builder.directory(parent, name, mtim)),
        1 => ignore(builder.symlink(parent, name, mtim, u.choose(&NAMES)?)),
        2 => {
            let file = files.get(usize::from(u.arbitrary::<u8>()?)).copied();
            ignore(file.map(|file| builder.link(parent, name, file)));
        }
        _ => {
            let (len, byte) = (u64::from(*u.choose(&SIZES)?), u.arbitrary::<u8>()? | 1);
            files.extend(builder.file(parent, name, mtim, &mut io::repeat(byte).take(len)));
        }
    }
    Ok(())
}

/// Names, targets and paths.
const NAMES: [&str; 10] = ["a", "b", "c", "d", "a/b", "..", "a/../b", "c/d", ".", "caf\u{e9}"];

/// Sizes of files and places in them, around those of units and chunks.
const SIZES: [u32; 10] = [0, 1, 511, 512, 513, 5000, 65_535, 65_536, 65_537, 140_000];

/// What a program does with it.
fn change(u: &mut Unstructured<'_>, mut fs: Fs) -> Fs {
    let root = fs.preopens()[0].root;
    let mut now = 1000;
    while !u.is_empty() && now < 1030 {
        now += 1;
        if step(u, &mut fs, root, now).is_err() {
            break;
        }
        assert_eq!(fs.used_bytes(), fs.count_used(), "miscounted");
        assert!(fs.used_bytes() <= LIMITS.bytes && fs.used_inodes() <= LIMITS.inodes as usize);
    }
    fs
}

fn step(u: &mut Unstructured<'_>, fs: &mut Fs, root: InodeId, now: u64) -> Result<()> {
    let (path, other) = (*u.choose(&NAMES)?, *u.choose(&NAMES)?);
    let how =
        Open { follow: true, create: true, exclusive: false, truncate: false, directory: false, write: true };
    // Whatever fails changes nothing.
    match u.int_in_range(0..=7)? {
        0 => ignore(fs.create_dir(root, path, now)),
        1 => ignore(fs.symlink(other, root, path, now)),
        2 => ignore(fs.rename((root, path), (root, other), now)),
        3 => ignore(fs.link((root, path), true, (root, other), now)),
        4 => ignore(fs.unlink(root, path, now)),
        5 => ignore(fs.remove_dir(root, path, now)),
        what => {
            let (at, len) = (u64::from(*u.choose(&SIZES)?), *u.choose(&SIZES)?);
            if let Ok(inode) = fs.open(root, path, how, now) {
                if what == 6 {
                    ignore(fs.write(inode, at, &vec![0xee; len as usize], now));
                } else {
                    ignore(fs.set_len(inode, at, now));
                }
                // Now and then it stays open, to be lost with the image.
                if len != 513 {
                    fs.release(inode);
                }
            }
        }
    }
    Ok(())
}

/// What fails has its reasons; only what has changed afterwards is looked at.
fn ignore<T>(_: T) {}

fn judge(image: Vec<u8>) {
    let len = image.len();
    let Ok(fs) = Fs::load(Backing::new(image), LIMITS) else { return };
    assert_eq!(fs.used_bytes(), fs.count_used(), "miscounted");
    assert!(fs.used_bytes() <= LIMITS.bytes, "{} bytes of an image of {len}", fs.used_bytes());
    assert!(fs.used_inodes() <= LIMITS.inodes as usize);

    let written = fs.write_image(Cursor::new(Vec::new())).expect("memory can be written to");
    let bytes = written.out.into_inner();
    let again = Fs::load(Backing::new(bytes.clone()), LIMITS).expect("what was written can be loaded");
    let all = listing(&fs);
    assert_eq!(all, listing(&again), "not the same");
    assert_eq!((fs.used_bytes(), fs.used_inodes()), (again.used_bytes(), again.used_inodes()));
    assert_eq!(fs.preopens(), again.preopens());
    for stat in all.iter().filter(|stat| stat.kind == NodeType::File) {
        same_contents(&fs, &again, stat);
    }
    let third = again.write_image(Cursor::new(Vec::new())).expect("memory can be written to");
    assert!(third.out.into_inner() == bytes, "the image of an image is another one");
    walk(&fs);
    let mut fs = again;
    fs.release_unused();
    assert_eq!(fs.used_bytes(), fs.count_used(), "miscounted");
    scribble(&mut fs, &all);
}

/// Everything that is known of inodes.
fn listing(fs: &Fs) -> Vec<Stat> {
    (1..=u64::from(LIMITS.inodes))
        .filter_map(|number| fs.inode(number))
        .map(|inode| fs.stat(inode).expect("it is in use"))
        .collect()
}

/// Compares the beginnings of chunks and what is at the end.
fn same_contents(one: &Fs, other: &Fs, stat: &Stat) {
    let places = (0..4).map(|chunk| chunk << 16).chain([stat.size.saturating_sub(100)]);
    for at in places.filter(|at| *at < stat.size) {
        let (mut here, mut there) = ([1; 600], [2; 600]);
        let read = one.read(stat.inode, at, &mut here).expect("it is a file");
        assert_eq!(other.read(stat.inode, at, &mut there), Ok(read));
        assert!(read as u64 == 600.min(stat.size - at) && here[..read] == there[..read], "other contents");
    }
}

/// Follows the directories from their roots.
fn walk(fs: &Fs) {
    let mut to_visit: Vec<InodeId> = fs.preopens().iter().map(|preopen| preopen.root).collect();
    let mut listed = 0;
    while let Some(directory) = to_visit.pop() {
        let mut cookie = 0;
        while let Some(entry) = fs.next_entry(directory, cookie).expect("it is a directory") {
            assert!(entry.cookie > cookie, "listing does not get on");
            cookie = entry.cookie;
            listed += 1;
            if listed > MAX_LISTED {
                return;
            }
            if cookie > 2 {
                let found = fs.lookup(directory, &entry.name, false).expect("a name leads somewhere");
                assert_eq!((found.inode, found.kind), (entry.inode, entry.kind));
                // Wherever a link leads: it ends.
                ignore(fs.lookup(directory, &entry.name, true));
                if entry.kind == NodeType::Directory {
                    to_visit.push(entry.inode);
                }
            }
        }
    }
}

/// Writes to every file and cuts it, then removes what the root holds.
fn scribble(fs: &mut Fs, all: &[Stat]) {
    for stat in all.iter().filter(|stat| stat.kind == NodeType::File).take(8) {
        for at in [0, 70_000, stat.size] {
            ignore(fs.write(stat.inode, at, b"written", 7));
            assert_eq!(fs.used_bytes(), fs.count_used(), "miscounted after a write at {at}");
        }
        ignore(fs.set_len(stat.inode, stat.size / 2, 8));
        assert_eq!(fs.used_bytes(), fs.count_used(), "miscounted after a cut");
    }
    let roots: Vec<InodeId> = fs.preopens().iter().map(|preopen| preopen.root).collect();
    for root in roots {
        let mut cookie = 2;
        while let Ok(Some(entry)) = fs.next_entry(root, cookie) {
            cookie = entry.cookie;
            let removed = fs.unlink(root, &entry.name, 9).or_else(|_| fs.remove_dir(root, &entry.name, 9));
            assert!(removed.is_ok() || entry.kind == NodeType::Directory, "{removed:?}");
            assert_eq!(fs.used_bytes(), fs.count_used(), "miscounted after removing");
        }
    }
}

#[test]
fn smoke() {
    crate::driver::smoke(run, 500);
}
