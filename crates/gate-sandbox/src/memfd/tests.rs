//! Seals of files in memory.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

use super::*;

fn file(content: &[u8]) -> File {
    let mut file = File::from(create("test").unwrap());
    file.write_all(content).unwrap();
    file
}

#[test]
fn sealed_content_stays() {
    let file = file(b"content");
    seal(&file, Seals::Content).unwrap();
    assert_eq!(verify(&file, Seals::Content).unwrap(), 7);
    assert_eq!(verify(&file, Seals::Size).unwrap(), 7);
    assert!(file.write_at(b"x", 0).is_err());
    assert!(file.set_len(3).is_err());
    assert!(file.set_len(30).is_err());
}

#[test]
fn sealed_size_stays() {
    let file = file(b"content");
    seal(&file, Seals::Size).unwrap();
    assert_eq!(verify(&file, Seals::Size).unwrap(), 7);
    assert!(matches!(
        verify(&file, Seals::Content),
        Err(MemfdError::NotSealed { missing }) if missing == SealFlags::WRITE
    ));
    file.write_at(b"x", 0).unwrap();
    assert!(file.set_len(3).is_err());
    assert!(seal(&file, Seals::Content).is_err(), "no seal can be added");
}

#[test]
fn what_is_not_sealed_is_refused() {
    let file = file(b"content");
    assert!(matches!(verify(&file, Seals::Size), Err(MemfdError::NotSealed { .. })));
    let null = File::open("/dev/null").unwrap();
    assert!(matches!(verify(&null, Seals::Size), Err(MemfdError::NotAMemfd)));
}
