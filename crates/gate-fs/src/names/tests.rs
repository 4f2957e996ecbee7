//! Tests of paths of inodes.

use crate::{Fs, Limits, Open};

const LIMITS: Limits = Limits { bytes: 1 << 24, inodes: 1000, file_bytes: 1 << 20 };

const CREATE: Open =
    Open { follow: true, create: true, exclusive: false, truncate: false, directory: false, write: true };

#[test]
fn paths_begin_with_the_preopen() {
    let mut fs = Fs::new(LIMITS);
    for (path, inner) in
        [("/", "/dir/file"), ("data", "data/dir/file"), (".", "./dir/file"), ("a/", "a/dir/file")]
    {
        let root = fs.add_preopen(path, 1).unwrap();
        let dir = fs.create_dir(root, "dir", 1).unwrap();
        let file = fs.open(dir, "file", CREATE, 1).unwrap();
        let expect = [Some(path.into()), Some(inner.trim_end_matches("/file").into()), Some(inner.into())];
        assert_eq!(fs.paths(&[root, dir, file]), expect);
    }
}

#[test]
fn a_path_is_where_a_name_is_now() {
    let mut fs = Fs::new(LIMITS);
    let root = fs.add_preopen("/", 1).unwrap();
    let dir = fs.create_dir(root, "dir", 1).unwrap();
    let file = fs.open(root, "file", CREATE, 1).unwrap();
    fs.rename((root, "file"), (dir, "moved"), 2).unwrap();
    fs.rename((root, "dir"), (root, "other"), 2).unwrap();
    assert_eq!(fs.paths(&[file]), [Some("/other/moved".into())]);
    fs.link((dir, "moved"), false, (root, "link"), 3).unwrap();
    fs.unlink(dir, "moved", 3).unwrap();
    assert_eq!(fs.paths(&[file]), [Some("/link".into())]);
    fs.unlink(root, "link", 3).unwrap();
    assert_eq!(fs.paths(&[file, dir]), [None, Some("/other".into())]);
}

#[test]
fn paths_that_are_too_long_are_left_out() {
    let mut fs = Fs::new(LIMITS);
    let root = fs.add_preopen("/", 1).unwrap();
    let name = "n".repeat(255);
    let mut dirs = vec![root];
    for _ in 0..20 {
        dirs.push(fs.create_dir(*dirs.last().unwrap(), &name, 1).unwrap());
    }
    let known: Vec<bool> = fs.paths(&dirs).iter().map(Option::is_some).collect();
    assert_eq!(known, [vec![true; 17], vec![false; 4]].concat());
}
