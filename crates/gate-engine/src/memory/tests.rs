//! Limits and contents of reservations.

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
fn a_limit_of_nothing_has_no_file() {
    let region = Region::new(0).unwrap();
    assert!(region.file().is_none());
    assert!(region.grow_to(1).is_err());
    region.grow_to(0).unwrap();
}
