//! Limits and contents of reservations.

use std::sync::atomic::Ordering;

use rustix::fs::{MemfdFlags, SealFlags};

use super::Region;

#[test]
fn grows_up_to_its_limit_and_is_zero_filled() {
    let region = Region::new(3 * 65536).unwrap();
    assert_eq!(region.size(), 0);
    region.grow_to(65536).unwrap();
    // SAFETY: nothing else uses the region.
    let bytes = unsafe { region.bytes_mut() };
    assert_eq!(bytes.len(), 65536);
    assert!(bytes.iter().all(|b| *b == 0));
    bytes[65535] = 7;
    region.grow_to(3 * 65536).unwrap();
    // SAFETY: the earlier slice is not used again.
    let bytes = unsafe { region.bytes_mut() };
    assert_eq!((bytes.len(), bytes[65535], bytes[65536]), (3 * 65536, 7, 0));
    assert!(region.grow_to(3 * 65536 + 1).is_err());
    assert_eq!(region.size(), 3 * 65536);
}

#[test]
fn the_file_holds_the_bytes_and_cannot_grow() {
    let region = Region::new(65536).unwrap();
    region.grow_to(65536).unwrap();
    // SAFETY: nothing else uses the region.
    let bytes = unsafe { region.bytes_mut() };
    bytes[10] = 42;
    let file = region.file().unwrap();
    let mut buffer = [0; 1];
    assert_eq!(rustix::io::pread(file, &mut buffer, 10).unwrap(), 1);
    assert_eq!(buffer, [42]);
    assert!(rustix::fs::ftruncate(file, 1 << 20).is_err());
    assert!(rustix::fs::ftruncate(file, 0).is_err());
}

#[test]
fn a_limit_of_less_than_a_page_is_nothing() {
    let region = Region::new(65535).unwrap();
    assert_eq!(rustix::fs::fstat(region.file().unwrap()).unwrap().st_size, 0);
    assert!(region.grow_to(1).is_err());
    region.grow_to(0).unwrap();
}

#[test]
fn a_memory_goes_on_where_it_was() {
    let region = Region::new(3 * 65536).unwrap();
    region.grow_to(2 * 65536).unwrap();
    // SAFETY: nothing else uses the region.
    let bytes = unsafe { region.bytes_mut() };
    bytes[65536] = 42;
    let file = region.file().unwrap().try_clone().unwrap();
    drop(region);
    let region = Region::adopt(file).unwrap();
    assert_eq!((region.size(), region.limit()), (0, 3 * 65536));
    region.grow_to(2 * 65536).unwrap();
    // SAFETY: nothing else uses the region.
    let bytes = unsafe { region.bytes_mut() };
    assert_eq!((bytes.len(), bytes[65535], bytes[65536]), (2 * 65536, 0, 42));
    region.grow_to(3 * 65536).unwrap();
    assert!(region.grow_to(4 * 65536).is_err());
}

#[track_caller]
fn check_refused(length: u64, seals: SealFlags, message: &str) {
    let file = rustix::fs::memfd_create("test", MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::ftruncate(&file, length).unwrap();
    rustix::fs::fcntl_add_seals(&file, seals).unwrap();
    assert_eq!(Region::adopt(file).unwrap_err().to_string(), message);
}

#[test]
fn files_that_are_no_memories_are_refused() {
    let both = SealFlags::GROW | SealFlags::SHRINK;
    let unsealed = "the file of a linear memory is not sealed in size";
    check_refused(65536, SealFlags::empty(), unsealed);
    check_refused(65536, SealFlags::GROW, unsealed);
    check_refused(65536, SealFlags::SHRINK, unsealed);
    check_refused((4 << 30) + 65536, both, "the file of a linear memory is larger than 4 GiB");
    check_refused(65537, both, "the length of a linear memory's file is not a multiple of 64 KiB");
}

#[test]
fn only_part_of_a_control_memory_can_be_used() {
    let region = Region::control(10 * 65536, 65536).unwrap();
    assert!(region.file().is_none());
    assert_eq!((region.size(), region.limit()), (10 * 65536, 10 * 65536));
    assert_eq!(region.first_word().load(Ordering::Relaxed), 0);
    let region = Region::control(65536, 10 * 65536).unwrap();
    assert_eq!((region.size(), region.limit()), (65536, 65536));
}
