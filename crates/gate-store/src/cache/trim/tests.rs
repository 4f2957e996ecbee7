//! Which files are ours, and which of those go.

use std::fs::{self, File};
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};

use super::ours;
use crate::cache::Cache;
use crate::key::Key;

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const TEMPORARY: &str = "tmp-00112233445566778899aabbccddeeff";

#[test]
fn names_are_told_apart() {
    for name in [format!("{KEY}.v1"), format!("{KEY}.v27"), TEMPORARY.to_owned()] {
        let text = std::ffi::CString::new(name.clone()).unwrap();
        assert_eq!(ours(&text), Some(name.as_str()));
    }
    let foreign = [
        "",
        ".",
        "..",
        "README",
        "tmp-",
        "tmp-zz",
        ".v1",
        "x.v1",
        &KEY[1..],
        KEY,
        &format!("{KEY}.v"),
        &format!("{KEY}.v1x"),
        &format!("{KEY}.vx"),
        &format!("{}.v1", KEY.to_uppercase()),
        &format!("{TEMPORARY}0"),
        &TEMPORARY.to_uppercase(),
    ];
    for name in foreign {
        assert_eq!(ours(&std::ffi::CString::new(name).unwrap()), None, "{name}");
    }
    assert_eq!(ours(c"\xff"), None);
}

/// A cache and a file in its directory.
fn with_file(name: &str, max_bytes: u64) -> (tempfile::TempDir, Cache, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let cache = Cache::open(temp.path(), max_bytes).unwrap();
    let path = temp.path().join(name);
    fs::write(&path, [0; 500]).unwrap();
    (temp, cache, path)
}

fn put(cache: &Cache) -> usize {
    cache.put(&Key::from_bytes([1; 32]), &mut [0; 800].as_slice()).unwrap().evicted.unwrap()
}

#[test]
fn files_of_dead_writers_are_collected_and_those_of_living_ones_are_not() {
    let (_temp, cache, path) = with_file(TEMPORARY, 1000);
    let writer = File::open(&path).unwrap();
    flock(&writer, FlockOperation::LockExclusive).unwrap();
    assert_eq!(put(&cache), 0);
    assert!(path.exists());
    drop(writer);
    assert_eq!(put(&cache), 0, "temporary files are not artifacts");
    assert!(!path.exists());
}

#[test]
fn artifacts_of_other_formats_are_evicted_too() {
    let (_temp, cache, path) = with_file(&format!("{KEY}.v999"), 1000);
    assert_eq!(put(&cache), 1);
    assert!(!path.exists());
}

#[test]
fn foreign_files_are_left_alone() {
    let (_temp, cache, path) = with_file("notes.txt", 1000);
    assert_eq!(put(&cache), 0);
    assert!(path.exists());
}
