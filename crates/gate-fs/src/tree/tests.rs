//! Tests of what is done by path: one per function, and all of them against a model.

mod model;

use gate_abi::errno::Errno::{
    self, Busy, Exist, Inval, IsDir, Loop, NoEnt, NotCapable, NotDir, NotEmpty, Perm,
};

use crate::{Fs, InodeId, Limits, NodeType, Open};

const LIMITS: Limits = Limits { bytes: 1 << 20, inodes: 100, file_bytes: 1 << 20 };

const READ: Open =
    Open { follow: true, create: false, exclusive: false, truncate: false, directory: false, write: false };

const CREATE: Open = Open { create: true, write: true, ..READ };

/// `file` ("abc"), `dir/`, `full/file`, `link -> file`, `dirlink -> dir`, `dangling -> nothing`.
fn tree() -> (Fs, InodeId) {
    let mut fs = Fs::new(LIMITS);
    let root = fs.add_preopen("/", 0).unwrap();
    fs.create_dir(root, "dir", 0).unwrap();
    fs.create_dir(root, "full", 0).unwrap();
    for path in ["file", "full/file"] {
        let file = fs.open(root, path, CREATE, 0).unwrap();
        fs.write(file, 0, b"abc", 0).unwrap();
        fs.release(file);
    }
    for (target, path) in [("file", "link"), ("dir", "dirlink"), ("nothing", "dangling")] {
        fs.symlink(target, root, path, 0).unwrap();
    }
    (fs, root)
}

fn exists(fs: &Fs, root: InodeId, path: &str) -> bool {
    fs.lookup(root, path, false).is_ok()
}

#[test]
fn open() {
    let keep = Open { follow: false, ..READ };
    let exclusive = Open { exclusive: true, ..CREATE };
    let directory = Open { directory: true, ..READ };
    let truncate = Open { truncate: true, ..READ };
    for (path, how, expect) in [
        ("file", READ, Ok(NodeType::File)),
        ("link", READ, Ok(NodeType::File)),
        ("dir", READ, Ok(NodeType::Directory)),
        ("dir/", READ, Ok(NodeType::Directory)),
        (".", directory, Ok(NodeType::Directory)),
        ("dirlink", directory, Ok(NodeType::Directory)),
        ("new", CREATE, Ok(NodeType::File)),
        ("dangling", CREATE, Ok(NodeType::File)),
        ("file", CREATE, Ok(NodeType::File)),
        ("new", exclusive, Ok(NodeType::File)),
        ("file", truncate, Ok(NodeType::File)),
        ("nothing", READ, Err(NoEnt)),
        ("dangling", READ, Err(NoEnt)),
        ("link", keep, Err(Loop)),
        ("dangling", Open { follow: false, ..CREATE }, Err(Loop)),
        ("file/", READ, Err(NotDir)),
        ("file", directory, Err(NotDir)),
        ("file", exclusive, Err(Exist)),
        ("dir", exclusive, Err(Exist)),
        (".", exclusive, Err(Exist)),
        ("dangling", exclusive, Err(Exist)),
        ("new/", CREATE, Err(IsDir)),
        ("dir", CREATE, Err(IsDir)),
        ("dir", truncate, Err(IsDir)),
        ("dir", Open { write: true, ..READ }, Err(IsDir)),
        ("../file", READ, Err(NotCapable)),
    ] {
        let (mut fs, root) = tree();
        let opened = fs.open(root, path, how, 1);
        assert_eq!(opened.map(|inode| fs.stat(inode).unwrap().kind), expect, "{path:?} {how:?}");
        if how.truncate
            && let Ok(inode) = opened
        {
            assert_eq!(fs.stat(inode).unwrap().size, 0);
        }
        assert_eq!(fs.used_bytes(), fs.count_used());
    }
    let (mut fs, root) = tree();
    fs.open(root, "dangling", CREATE, 1).unwrap();
    assert!(exists(&fs, root, "nothing"), "what the link led to was created");
}

#[test]
fn create_dir() {
    for (path, expect) in [
        ("new", Ok(())),
        ("new/", Ok(())),
        ("dirlink/new", Ok(())),
        ("dir", Err(Exist)),
        ("dir/", Err(Exist)),
        ("file", Err(Exist)),
        ("dangling", Err(Exist)),
        (".", Err(Exist)),
        ("nothing/new", Err(NoEnt)),
        ("file/new", Err(NotDir)),
        ("..", Err(NotCapable)),
    ] {
        let (mut fs, root) = tree();
        assert_eq!(fs.create_dir(root, path, 1).map(drop), expect, "{path:?}");
    }
    let (mut fs, root) = tree();
    assert_eq!(fs.stat(root).unwrap().nlink, 4);
    fs.create_dir(root, "new", 1).unwrap();
    assert_eq!(fs.stat(root).unwrap().nlink, 5);
}

#[test]
fn remove_dir() {
    for (path, expect) in [
        ("dir", Ok(())),
        ("dir/", Ok(())),
        ("full", Err(NotEmpty)),
        ("file", Err(NotDir)),
        ("dirlink", Err(NotDir)),
        ("dirlink/", Err(NotDir)),
        ("nothing", Err(NoEnt)),
        (".", Err(Inval)),
        ("dir/.", Err(Inval)),
        ("dir/..", Err(Inval)),
    ] {
        let (mut fs, root) = tree();
        assert_eq!(fs.remove_dir(root, path, 1), expect, "{path:?}");
        assert_eq!(exists(&fs, root, "dir"), expect.is_err());
        assert_eq!(fs.stat(root).unwrap().nlink, if expect.is_ok() { 3 } else { 4 });
    }
}

#[test]
fn unlink() {
    for (path, expect) in [
        ("file", Ok(())),
        ("link", Ok(())),
        ("dangling", Ok(())),
        ("dir", Err(IsDir)),
        ("dir/", Err(IsDir)),
        (".", Err(IsDir)),
        ("file/", Err(NotDir)),
        ("link/", Err(NotDir)),
        ("nothing", Err(NoEnt)),
    ] {
        let (mut fs, root) = tree();
        assert_eq!(fs.unlink(root, path, 1), expect, "{path:?}");
        assert_eq!(exists(&fs, root, "file"), path != "file");
    }
}

#[test]
fn link() {
    for (old, follow, new, expect) in [
        ("file", false, "new", Ok(())),
        ("link", false, "new", Ok(())),
        ("link", true, "new", Ok(())),
        ("file", false, "dir/new", Ok(())),
        ("file", false, "file", Err(Exist)),
        ("file", false, "dir", Err(Exist)),
        ("file", false, "dangling", Err(Exist)),
        ("file", false, "new/", Err(NoEnt)),
        ("file/", false, "new", Err(NotDir)),
        ("nothing", false, "new", Err(NoEnt)),
        ("dangling", true, "new", Err(NoEnt)),
        ("dir", false, "new", Err(Perm)),
    ] {
        let (mut fs, root) = tree();
        assert_eq!(fs.link((root, old), follow, (root, new), 1), expect, "{old:?} {new:?}");
    }
    let (mut fs, root) = tree();
    fs.link((root, "link"), true, (root, "new"), 1).unwrap();
    let (a, b) = (fs.lookup(root, "file", false).unwrap(), fs.lookup(root, "new", false).unwrap());
    assert_eq!((a.inode, a.nlink, b.nlink), (b.inode, 2, 2));
    fs.unlink(root, "file", 1).unwrap();
    assert_eq!(fs.stat(b.inode).unwrap().nlink, 1);
}

#[test]
fn symlink_and_read_link() {
    let long = "x".repeat(4097);
    for (target, path, expect) in [
        ("file", "new", Ok("file")),
        ("../..", "new", Ok("../..")),
        ("file", "file", Err(Exist)),
        ("file", "dangling", Err(Exist)),
        ("file", "new/", Err(NoEnt)),
        ("", "new", Err(NoEnt)),
        ("/file", "new", Err(NotCapable)),
        ("a\0b", "new", Err(Inval)),
        (&long, "new", Err(Errno::NameTooLong)),
    ] {
        let (mut fs, root) = tree();
        let created = fs.symlink(target, root, path, 1).map(drop);
        assert_eq!(created.and_then(|()| fs.read_link(root, path)), expect, "{target:?} {path:?}");
    }
    let (fs, root) = tree();
    for (path, errno) in [("file", Inval), ("dir", Inval), ("dirlink/", Inval), ("nothing", NoEnt)] {
        assert_eq!(fs.read_link(root, path), Err(errno), "{path:?}");
    }
}

#[test]
fn rename() {
    for (old, new, expect) in [
        ("file", "new", Ok(())),
        ("file", "link", Ok(())),
        ("file", "full/file", Ok(())),
        ("link", "file", Ok(())),
        ("dir", "new", Ok(())),
        ("dir/", "new/", Ok(())),
        ("full", "dir", Ok(())),
        ("full", "dir/new", Ok(())),
        ("file", "file", Ok(())),
        ("file", "dir", Err(IsDir)),
        ("file", "new/", Err(NotDir)),
        ("file/", "new", Err(NotDir)),
        ("link/", "new", Err(NotDir)),
        ("dir", "file", Err(NotDir)),
        ("dir", "full", Err(NotEmpty)),
        ("full", "full/inner", Err(Inval)),
        ("dir", "dir/a", Err(Inval)),
        ("dir", "dirlink/a", Err(Inval)),
        (".", "new", Err(Busy)),
        ("dir", ".", Err(Busy)),
        ("nothing", "new", Err(NoEnt)),
        ("file", "nothing/new", Err(NoEnt)),
        ("file", "../new", Err(NotCapable)),
    ] {
        let (mut fs, root) = tree();
        let inode = fs.lookup(root, old, false).map(|stat| stat.inode);
        assert_eq!(fs.rename((root, old), (root, new), 1), expect, "{old:?} {new:?}");
        if expect.is_ok() {
            assert_eq!(fs.lookup(root, new, false).map(|stat| stat.inode), inode, "{old:?} {new:?}");
            assert_eq!(exists(&fs, root, old), old == new);
        }
        assert_eq!(fs.used_bytes(), fs.count_used(), "{old:?} {new:?}");
    }
}

#[test]
fn rename_keeps_counts_and_parents() {
    let (mut fs, root) = tree();
    let two = fs.add_preopen("/two", 0).unwrap();
    fs.rename((root, "full"), (two, "moved"), 1).unwrap();
    assert_eq!((fs.stat(root).unwrap().nlink, fs.stat(two).unwrap().nlink), (3, 3));
    let moved = fs.lookup(two, "moved", false).unwrap().inode;
    assert_eq!(fs.next_entry(moved, 1).unwrap().unwrap().inode, two, "`..` follows");
    fs.link((root, "file"), false, (root, "same"), 1).unwrap();
    assert_eq!(fs.rename((root, "file"), (root, "same"), 1), Ok(()));
    assert!(exists(&fs, root, "file"), "names of one file: nothing happens");
}

#[test]
fn rename_to_a_longer_name_needs_space() {
    let (mut fs, root) = tree();
    let file = fs.lookup(root, "file", false).unwrap().inode;
    // Use up all but some bytes, by names.
    let mut links = 0;
    while fs.link((root, "file"), false, (root, &format!("{links:0>100}")), 1).is_ok() {
        links += 1;
    }
    let long = "l".repeat(255);
    assert_eq!(fs.rename((root, "link"), (root, &long), 1), Err(Errno::NoSpc));
    assert!(exists(&fs, root, "link") && !exists(&fs, root, &long));
    assert_eq!(fs.rename((root, "link"), (root, "l"), 1), Ok(()));
    assert_eq!(fs.stat(file).unwrap().nlink, links + 1);
}
