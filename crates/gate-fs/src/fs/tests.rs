//! Tests of limits, accounting, holding, time stamps and listings.

use gate_abi::errno::Errno;

use crate::{Backing, ENTRY_BYTES, Fs, INODE_BYTES, InodeId, Limits, NodeType, Open, SetTime, Times};

const LIMITS: Limits = Limits { bytes: 1 << 20, inodes: 10, file_bytes: 1 << 30 };

const CREATE: Open =
    Open { follow: true, create: true, exclusive: false, truncate: false, directory: false, write: true };

fn fs() -> (Fs, InodeId) {
    let mut fs = Fs::new(LIMITS);
    let root = fs.add_preopen("/", 1).unwrap();
    (fs, root)
}

#[test]
fn unlinking_gives_back_everything() {
    let (mut fs, root) = fs();
    let empty = fs.used_bytes();
    assert_eq!(empty, INODE_BYTES + ENTRY_BYTES + 1);
    let file = fs.open(root, "file", CREATE, 2).unwrap();
    assert_eq!(fs.write(file, 0, &[7; 3000], 3), Ok(3000));
    assert_eq!(fs.used_bytes(), empty + INODE_BYTES + ENTRY_BYTES + 4 + 4096);
    assert_eq!(fs.unlink(root, "file", 4), Ok(()));
    assert_eq!(fs.used_bytes(), empty + INODE_BYTES + 4096, "it is still held");
    assert_eq!(fs.stat(file).unwrap().nlink, 0);
    let mut buf = [0; 4];
    assert_eq!(fs.read(file, 2998, &mut buf), Ok(2));
    fs.release(file);
    assert_eq!(fs.used_bytes(), empty);
    assert_eq!(fs.stat(file), Err(Errno::BadF));
    assert_eq!(fs.count_used(), empty);
}

#[test]
fn limits_are_kept_exactly() {
    let (mut fs, root) = fs();
    let file = fs.open(root, "file", CREATE, 2).unwrap();
    let data = vec![1; 1 << 20];
    let written = fs.write(file, 0, &data, 3).unwrap();
    assert!(written < data.len(), "not everything fits");
    assert!(fs.used_bytes() <= LIMITS.bytes);
    assert_eq!(fs.write(file, (written as u64).next_multiple_of(65_536), &[1; 65_536], 3), Err(Errno::NoSpc));
    assert_eq!(fs.set_len(file, LIMITS.file_bytes, 4), Ok(()), "a hole is free");
    assert_eq!(fs.set_len(file, LIMITS.file_bytes + 1, 4), Err(Errno::FBig));
    assert_eq!(fs.write(file, LIMITS.file_bytes, b"x", 4), Err(Errno::FBig));
    assert_eq!(fs.allocate(file, 0, LIMITS.file_bytes + 1, 4), Err(Errno::FBig));
    assert_eq!(fs.allocate(file, 0, LIMITS.file_bytes, 4), Err(Errno::NoSpc));
    assert_eq!(fs.allocate(file, u64::MAX, u64::MAX, 4), Err(Errno::FBig));
    assert_eq!(fs.set_len(file, 0, 5), Ok(()));
    assert_eq!(fs.write(file, LIMITS.file_bytes - 1, b"xy", 5), Ok(1), "one byte fits");
    assert_eq!(fs.used_bytes(), fs.count_used());
}

#[test]
fn inodes_are_limited() {
    let (mut fs, root) = fs();
    for i in 0..9 {
        fs.create_dir(root, &format!("d{i}"), 1).unwrap();
    }
    let used = fs.used_bytes();
    assert_eq!(fs.create_dir(root, "more", 1), Err(Errno::NoSpc));
    assert_eq!(fs.open(root, "more", CREATE, 1), Err(Errno::NoSpc));
    assert_eq!(fs.symlink("x", root, "more", 1), Err(Errno::NoSpc));
    assert_eq!((fs.used_bytes(), fs.used_inodes()), (used, 10));
    assert_eq!(fs.remove_dir(root, "d3", 1), Ok(()));
    assert!(fs.create_dir(root, "more", 1).is_ok());
}

#[test]
fn names_cost_something() {
    let (mut fs, root) = fs();
    let file = fs.open(root, "f", CREATE, 1).unwrap();
    fs.release(file);
    let mut links = 0;
    while fs.link((root, "f"), false, (root, &format!("link{links}")), 1).is_ok() {
        links += 1;
    }
    assert!(links < 8192, "{links} links do not fit into a MiB");
    assert!(fs.used_bytes() <= LIMITS.bytes);
    assert_eq!(fs.used_bytes(), fs.count_used());
}

#[test]
fn time_stamps() {
    let (mut fs, root) = fs();
    let times = |fs: &Fs, inode| fs.stat(inode).unwrap().times;
    let file = fs.open(root, "f", CREATE, 10).unwrap();
    assert_eq!(times(&fs, file), Times { atim: 10, mtim: 10, ctim: 10 });
    assert_eq!(times(&fs, root), Times { atim: 1, mtim: 10, ctim: 10 }, "a name was added");
    fs.write(file, 0, b"abc", 20).unwrap();
    assert_eq!(times(&fs, file), Times { atim: 10, mtim: 20, ctim: 20 });
    assert!(fs.read_is_news(file));
    fs.note_read(file, 30);
    assert!(!fs.read_is_news(file));
    fs.set_times(file, SetTime::To(5), SetTime::Keep, 40).unwrap();
    assert_eq!(times(&fs, file), Times { atim: 5, mtim: 20, ctim: 40 });
    fs.set_times(file, SetTime::Keep, SetTime::Now, 50).unwrap();
    assert_eq!(times(&fs, file), Times { atim: 5, mtim: 50, ctim: 50 });
    fs.set_len(file, 1, 60).unwrap();
    assert_eq!(times(&fs, file), Times { atim: 5, mtim: 60, ctim: 60 });
    fs.link((root, "f"), false, (root, "g"), 70).unwrap();
    assert_eq!(times(&fs, file).ctim, 70);
    fs.unlink(root, "g", 80).unwrap();
    assert_eq!((times(&fs, file).ctim, times(&fs, root).mtim), (80, 80));
    fs.rename((root, "f"), (root, "h"), 90).unwrap();
    assert_eq!((times(&fs, file).mtim, times(&fs, root).mtim), (60, 90));
}

/// Lists a directory, calling `between` after each entry.
fn list(fs: &mut Fs, dir: InodeId, mut between: impl FnMut(&mut Fs, &str)) -> Vec<String> {
    let (mut names, mut cookie) = (Vec::new(), 0);
    while let Some(entry) = fs.next_entry(dir, cookie).unwrap() {
        cookie = entry.cookie;
        between(fs, &entry.name);
        names.push(entry.name.to_string());
    }
    names
}

#[test]
fn listings_are_stable_while_names_come_and_go() {
    let (mut fs, root) = fs();
    for name in ["c", "a", "b"] {
        fs.create_dir(root, name, 1).unwrap();
    }
    assert_eq!(list(&mut fs, root, |_, _| ()), [".", "..", "c", "a", "b"]);
    let removing = list(&mut fs, root, |fs, name| {
        if name == "c" {
            fs.remove_dir(root, "c", 1).unwrap();
            fs.create_dir(root, "new", 1).unwrap();
        }
    });
    assert_eq!(removing, [".", "..", "c", "a", "b", "new"]);
    let replacing = list(&mut fs, root, |fs, name| {
        if !name.starts_with('.') {
            fs.create_dir(root, "tmp", 1).unwrap();
            fs.rename((root, "tmp"), (root, name), 1).unwrap();
        }
    });
    assert_eq!(replacing, [".", "..", "a", "b", "new"], "each is replaced once");
    assert_eq!(fs.next_entry(root, u64::MAX), Ok(None));
}

#[test]
fn listings_tell_kinds_and_inodes() {
    let (mut fs, root) = fs();
    let dir = fs.create_dir(root, "d", 1).unwrap();
    let dots: Vec<_> = [0, 1].map(|cookie| fs.next_entry(dir, cookie).unwrap().unwrap().inode).into();
    assert_eq!(dots, [dir, root]);
    fs.symlink("d", root, "s", 1).unwrap();
    let kinds: Vec<_> = (2..=3).map(|cookie| fs.next_entry(root, cookie).unwrap().unwrap().kind).collect();
    assert_eq!(kinds, [NodeType::Directory, NodeType::Symlink]);
    let file = fs.open(root, "f", CREATE, 1).unwrap();
    assert_eq!(fs.next_entry(file, 0), Err(Errno::NotDir));
    fs.hold(dir).unwrap();
    fs.remove_dir(root, "d", 1).unwrap();
    assert_eq!(fs.next_entry(dir, 0), Ok(None), "a removed directory is empty");
}

/// Which number is used next depends on which are free, not on the order in which they became so: nothing else is known of
/// a file system that was restored, even how many numbers there were in use once.
#[test]
fn the_lowest_free_number_is_used_next() {
    let (mut fs, root) = fs();
    let numbers = ["a", "b", "c", "d", "e"].map(|name| fs.create_dir(root, name, 2).unwrap().number());
    assert_eq!(numbers, [2, 3, 4, 5, 6]);
    for name in ["e", "b", "d", "a"] {
        fs.remove_dir(root, name, 3).unwrap();
    }
    let image = fs.write_image(Vec::new()).unwrap();
    let mut restored = Fs::load(Backing::new(image.out), LIMITS).unwrap();
    for fs in [&mut fs, &mut restored] {
        let again = ["f", "g", "h", "i", "j"].map(|name| fs.create_dir(root, name, 4).unwrap().number());
        assert_eq!(again, [2, 3, 5, 6, 7]);
    }
}

#[test]
fn changes_are_counted() {
    let (mut fs, root) = fs();
    let mut before = fs.changes();
    let mut changed = |fs: &Fs| std::mem::replace(&mut before, fs.changes()) != fs.changes();
    let file = fs.open(root, "file", CREATE, 2).unwrap();
    assert!(changed(&fs));
    assert_eq!(fs.open(root, "file", CREATE, 2), Ok(file));
    fs.note_read(file, 3);
    assert_eq!(fs.write(file, 0, b"", 3), Ok(0));
    assert_eq!(fs.unlink(root, "none", 3), Err(Errno::NoEnt));
    assert_eq!(fs.set_len(file, u64::MAX, 3), Err(Errno::FBig));
    assert!(!changed(&fs));
    type Do = fn(&mut Fs, InodeId, InodeId) -> Result<(), Errno>;
    let changes: [Do; 9] = [
        |fs, _, file| fs.write(file, 0, b"x", 4).map(drop),
        |fs, _, file| fs.set_len(file, 7, 4),
        |fs, _, file| fs.allocate(file, 0, 9, 4),
        |fs, _, file| fs.set_times(file, SetTime::To(1), SetTime::Keep, 4),
        |fs, root, _| fs.create_dir(root, "dir", 4).map(drop),
        |fs, root, _| fs.symlink("file", root, "link", 4).map(drop),
        |fs, root, _| fs.link((root, "file"), false, (root, "hard"), 4),
        |fs, root, _| fs.rename((root, "hard"), (root, "other"), 4),
        |fs, root, _| fs.remove_dir(root, "dir", 4),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        change(&mut fs, root, file).unwrap();
        assert!(changed(&fs), "number {number}");
    }
}
