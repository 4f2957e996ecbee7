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

/// A file of `bytes` zeros, in which somebody else has written `content` at the start.
fn filled(bytes: u64, content: &[u8]) -> File {
    let mut file = File::from(create_sized("output", bytes).unwrap());
    file.write_all(content).unwrap();
    file
}

#[test]
fn what_is_allocated_is_zeros_until_it_is_written() {
    let file = filled(1 << 20, b"content");
    let blocks = || rustix::fs::fstat(&file).unwrap().st_blocks;
    allocate(&file, 3 << 16).unwrap();
    assert_eq!(blocks(), 3 << 16 >> 9);
    let mut bytes = [1; 9];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(bytes, *b"content\0\0");
    assert!(allocate(&file, (1 << 20) + 1).is_err(), "it does not grow");
    finish(&file, 7, Seals::Content).unwrap();
    assert_eq!(blocks(), 4096 >> 9, "what was not written is given back");
}

#[test]
fn a_sized_file_grows_by_no_means() {
    let file = filled(10, b"content");
    assert_eq!(size(&file).unwrap(), 10);
    assert!(file.write_at(b"x", 10).is_err());
    assert!(file.write_at(b"xyz", 8).is_err(), "partly behind the end");
    assert!(file.set_len(11).is_err());
    assert!(rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 5, 6).is_err());
    // Not either after it was cut.
    file.set_len(3).unwrap();
    assert!(file.set_len(4).is_err());
    assert!(file.write_at(b"x", 3).is_err());
    assert_eq!(size(&file).unwrap(), 3);
}

#[test]
fn a_finished_file_is_sealed() {
    let file = filled(10, b"content");
    finish(&file, 7, Seals::Content).unwrap();
    assert_eq!(map(&file).unwrap().as_ref(), b"content");
    let file = filled(10, b"content");
    finish(&file, 10, Seals::Size).unwrap();
    assert_eq!(verify(&file, Seals::Size).unwrap(), 10);
    file.write_at(b"x", 9).unwrap();
    finish(filled(0, b""), 0, Seals::Content).unwrap();
}

#[test]
fn a_file_that_nobody_writes_to_can_still_be_finished() {
    let file = filled(10, b"content");
    end_writing(&file).unwrap();
    let error = file.write_at(b"x", 9).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(Errno::PERM.raw_os_error()));
    finish(&file, 7, Seals::Content).unwrap();
    assert_eq!(map(&file).unwrap().as_ref(), b"content");
}

#[test]
fn memories_at_rest_can_be_read() {
    let file = filled(10, b"content");
    assert!(matches!(map_at_rest(&file), Err(MemfdError::NotSealed { .. })), "it could be cut");
    finish(&file, 10, Seals::Size).unwrap();
    assert!(matches!(map(&file), Err(MemfdError::NotSealed { .. })));
    assert_eq!(map_at_rest(&file).unwrap().as_ref(), b"content\0\0\0");
}

#[test]
fn claims_are_not_believed() {
    let file = filled(10, b"content");
    assert!(matches!(
        finish(&file, 11, Seals::Content),
        Err(MemfdError::TooShort { claimed: 11, found: 10 })
    ));
    assert!(matches!(finish(&file, u64::MAX, Seals::Content), Err(MemfdError::TooShort { .. })));
    // The writer has sealed it so that it could be changed for ever.
    seal(&file, Seals::Size).unwrap();
    assert!(matches!(finish(&file, 10, Seals::Content), Err(MemfdError::Seal { .. })));
    assert!(matches!(finish(&file, 7, Seals::Content), Err(MemfdError::Seal { .. })));
    assert_eq!(size(&file).unwrap(), 10);
}

/// A worker has descriptors of files that belong to others, for instance as standard output.
#[test]
fn files_of_others_are_left_alone() {
    let other = file(b"content");
    assert!(matches!(
        finish(&other, 3, Seals::Content),
        Err(MemfdError::NotSealed { missing }) if missing == SealFlags::GROW
    ));
    let path = std::env::temp_dir().join(format!("gate-memfd-{}", std::process::id()));
    for path in [path, format!("/dev/shm/gate-memfd-{}", std::process::id()).into()] {
        let Ok(mut other) = File::options().read(true).write(true).create_new(true).open(&path) else {
            continue;
        };
        other.write_all(b"content").unwrap();
        let result = finish(&other, 3, Seals::Content);
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(result, Err(MemfdError::NotSealed { .. } | MemfdError::NotAMemfd)), "{result:?}");
        assert_eq!(size(&other).unwrap(), 7);
    }
}

#[test]
fn extents_of_data() {
    const PAGE: u64 = 64 << 10;
    let found = |file: &File| extents(file.as_fd()).collect::<io::Result<Vec<_>>>().unwrap();
    let file = File::from(create_sized("sparse", 10 * PAGE).unwrap());
    assert_eq!(found(&file), []);
    file.write_all_at(&[1], 2 * PAGE).unwrap();
    file.write_all_at(&[1; 1 << 16], 5 * PAGE).unwrap();
    file.write_all_at(&[1], 10 * PAGE - 1).unwrap();
    let parts = found(&file);
    let starts: Vec<u64> = parts.iter().map(|part| part.start / PAGE).collect();
    assert_eq!(starts, [2, 5, 9]);
    assert!(parts.iter().all(|part| part.start < part.end), "{parts:?}");
    assert!(parts[0].end <= 3 * PAGE, "{parts:?}");
    assert_eq!(parts[1], 5 * PAGE..6 * PAGE);
    assert_eq!(parts[2].end, 10 * PAGE);
    // Without a hole at the end, and with an end in the middle of a page.
    file.set_len(5 * PAGE + 100).unwrap();
    assert_eq!(found(&file).last(), Some(&(5 * PAGE..5 * PAGE + 100)));
    assert_eq!(found(&File::from(create("empty").unwrap())), []);
}

#[test]
fn extents_of_something_else() {
    let (pipe, _other) = std::io::pipe().unwrap();
    let mut parts = extents(pipe.as_fd());
    assert!(parts.next().unwrap().is_err());
    assert!(parts.next().is_none(), "it ends after an error");
}
