//! Tests of looking up paths.

use gate_abi::errno::Errno::{self, Inval, Loop, NameTooLong, NoEnt, NotCapable, NotDir};

use crate::{Fs, InodeId, Limits, NodeType, Open};

/// ```text
/// dir/inner/file   dir/up -> ..       dir/out -> ../..     to-file -> dir/inner/file
/// file             loop -> loop       absolute -> /file    dangling -> nothing
/// ```
fn tree() -> (Fs, InodeId) {
    let mut fs = Fs::new(Limits { bytes: 1 << 20, inodes: 100, file_bytes: 1 << 20 });
    let root = fs.add_preopen("/", 0).unwrap();
    let dir = fs.create_dir(root, "dir", 0).unwrap();
    fs.create_dir(root, "dir/inner", 0).unwrap();
    for (path, target) in [
        ("dir/up", ".."),
        ("dir/out", "../.."),
        ("to-file", "dir/inner/file"),
        ("to-dir", "dir/"),
        ("loop", "loop"),
        ("dangling", "nothing"),
    ] {
        fs.symlink(target, root, path, 0).unwrap();
    }
    let how =
        Open { follow: true, create: true, exclusive: true, truncate: false, directory: false, write: false };
    for path in ["file", "dir/inner/file"] {
        let file = fs.open(root, path, how, 0).unwrap();
        fs.release(file);
    }
    let long = "n".repeat(255);
    fs.create_dir(dir, &long, 0).unwrap();
    (fs, root)
}

#[track_caller]
fn check(path: &str, follow: bool, expect: Result<NodeType, Errno>) {
    let (fs, root) = tree();
    assert_eq!(fs.lookup(root, path, follow).map(|stat| stat.kind), expect, "{path:?}, follow: {follow}");
}

#[test]
fn paths_that_lead_somewhere() {
    for (path, kind) in [
        (".", NodeType::Directory),
        ("./", NodeType::Directory),
        ("dir", NodeType::Directory),
        ("dir/", NodeType::Directory),
        ("dir//inner///.", NodeType::Directory),
        ("dir/..", NodeType::Directory),
        ("dir/../file", NodeType::File),
        ("dir/inner/../../file", NodeType::File),
        ("dir/up/file", NodeType::File),
        ("dir/up/dir/up/dir/up/file", NodeType::File),
        ("to-file", NodeType::File),
        ("to-dir", NodeType::Directory),
        ("to-dir/inner/file", NodeType::File),
        ("to-dir/up/file", NodeType::File),
    ] {
        check(path, true, Ok(kind));
    }
}

#[test]
fn links_are_kept_when_asked_for() {
    check("to-file", false, Ok(NodeType::Symlink));
    check("loop", false, Ok(NodeType::Symlink));
    check("dangling", false, Ok(NodeType::Symlink));
    check("to-dir", false, Ok(NodeType::Symlink));
    check("to-dir/", false, Ok(NodeType::Directory));
    check("to-dir/inner", false, Ok(NodeType::Directory));
}

#[test]
fn paths_that_lead_nowhere() {
    let name = "n".repeat(256);
    let long = "./".repeat(2049);
    for (path, errno) in [
        ("", NoEnt),
        ("nothing", NoEnt),
        ("nothing/more", NoEnt),
        ("dangling", NoEnt),
        ("dangling/", NoEnt),
        ("file/", NotDir),
        ("to-file/", NotDir),
        ("file/more", NotDir),
        ("file/.", NotDir),
        ("file/..", NotDir),
        ("loop", Loop),
        ("loop/x", Loop),
        ("/", NotCapable),
        ("/file", NotCapable),
        ("..", NotCapable),
        ("../", NotCapable),
        ("./..", NotCapable),
        ("dir/../..", NotCapable),
        ("dir/../../x", NotCapable),
        ("dir/out", NotCapable),
        ("dir/up/..", NotCapable),
        ("fi\0le", Inval),
        (&name, NameTooLong),
        (&long, NameTooLong),
    ] {
        check(path, true, Err(errno));
    }
    check(&format!("dir/{}", "n".repeat(255)), true, Ok(NodeType::Directory));
}

#[test]
fn the_base_is_the_top() {
    let (mut fs, root) = tree();
    let dir = fs.lookup(root, "dir", true).unwrap().inode;
    assert!(fs.lookup(dir, "inner/file", true).is_ok());
    assert_eq!(fs.lookup(dir, "..", true), Err(NotCapable));
    assert_eq!(fs.lookup(dir, "up", true), Err(NotCapable));
    let file = fs.lookup(root, "file", true).unwrap().inode;
    assert_eq!(fs.lookup(file, ".", true), Err(NotDir));
    let inner = fs.create_dir(root, "gone", 0).unwrap();
    fs.hold(inner).unwrap();
    fs.remove_dir(root, "gone", 0).unwrap();
    assert_eq!(fs.lookup(inner, ".", true), Err(NoEnt));
    assert_eq!(fs.create_dir(inner, "x", 0), Err(NoEnt));
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let (mut fs, root) = tree();
    fs.symlink("file", root, "l1", 0).unwrap();
    for i in 2..=41 {
        fs.symlink(&format!("l{}", i - 1), root, &format!("l{i}"), 0).unwrap();
    }
    assert_eq!(fs.lookup(root, "l40", true).map(|stat| stat.kind), Ok(NodeType::File));
    assert_eq!(fs.lookup(root, "l41", true), Err(Loop));
}
