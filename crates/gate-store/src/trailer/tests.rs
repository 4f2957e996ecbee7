//! Whole files are accepted, all others are not.

use std::io::Cursor;

use proptest::prelude::*;

use super::{Checksum, FORMAT, Rejection, TRAILER_BYTES, Trailer, verify};
use crate::key::{CHUNK_BYTES, Key};

const KEY: Key = Key::from_bytes([7; 32]);

fn file(artifact: &[u8], key: Key) -> Vec<u8> {
    let mut checksum = Checksum::new();
    checksum.update(artifact);
    let trailer = Trailer { key, artifact_bytes: artifact.len() as u64, checksum: checksum.finish() };
    [artifact, &trailer.encode()].concat()
}

#[track_caller]
fn rejected(bytes: &[u8], is_expected: impl Fn(&Rejection) -> bool) {
    let rejection = verify(&mut Cursor::new(bytes), &KEY).expect_err("the file is bad");
    assert!(is_expected(&rejection), "{rejection:?}");
}

/// The layout, byte for byte: a change of it needs a new `FORMAT`.
#[test]
fn the_layout_is_the_documented_one() {
    let mut expected = b"abcgate art\x01\0\0\0\0\0\0\0".to_vec();
    expected.extend([7; 32]);
    expected.extend(3u64.to_le_bytes());
    expected.extend(0x78AF_5F94_892F_3950_u64.to_le_bytes()); // XXH3_64bits("abc"), from the reference program
    assert_eq!(file(b"abc", KEY), expected);
}

#[test]
fn whole_files_of_any_size_are_accepted() {
    for len in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES] {
        let bytes = file(&vec![0xa5; len], KEY);
        assert_eq!(verify(&mut Cursor::new(bytes), &KEY).unwrap(), len as u64);
    }
}

#[test]
fn files_torn_anywhere_are_rejected() {
    let whole = file(&[0; 100], KEY);
    for len in 0..whole.len() {
        rejected(&whole[..len], |_| true);
        // The file system may have made it as long as it should be, but not have written the rest.
        let mut zeros = whole[..len].to_vec();
        zeros.resize(whole.len(), 0);
        assert_eq!(verify(&mut Cursor::new(&zeros), &KEY).is_ok(), zeros == whole, "torn at {len}");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let whole = file(b"some compiled code", KEY);
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        rejected(&flipped, |_| true);
    }
}

#[test]
fn rejections_say_what_is_wrong() {
    let whole = file(b"some compiled code", KEY);
    let len = whole.len() - TRAILER_BYTES;
    let with = |offset: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[offset] = value;
        bytes
    };
    rejected(b"", |r| matches!(r, Rejection::Short { found: 0 }));
    rejected(&[0; TRAILER_BYTES], |r| matches!(r, Rejection::Magic));
    rejected(&with(len + 8, 2), |r| matches!(r, Rejection::Format { found } if *found == FORMAT + 1));
    rejected(&with(len + 12, 9), |r| matches!(r, Rejection::Reserved { found: 9 }));
    rejected(&with(len + 16, 0), |r| matches!(r, Rejection::Key { wanted: KEY, .. }));
    rejected(&with(len + 48, 17), |r| matches!(r, Rejection::Length { found: 18, stated: 17 }));
    rejected(&with(0, 0), |r| matches!(r, Rejection::Checksum { .. }));
    rejected(&whole[1..], |r| matches!(r, Rejection::Length { found: 17, stated: 18 }));
}

proptest! {
    #[test]
    fn trailers_survive_encoding(key in any::<[u8; 32]>(), artifact_bytes in any::<u64>(), checksum in any::<u64>()) {
        let trailer = Trailer { key: Key::from_bytes(key), artifact_bytes, checksum };
        prop_assert_eq!(Trailer::decode(&trailer.encode()).unwrap(), trailer);
    }

    #[test]
    fn what_decodes_is_what_was_encoded(bytes in any::<[u8; TRAILER_BYTES]>(), plausible in any::<bool>()) {
        let mut bytes = bytes;
        if plausible {
            bytes[..16].copy_from_slice(b"gate art\x01\0\0\0\0\0\0\0");
        }
        match Trailer::decode(&bytes) {
            Ok(trailer) => prop_assert_eq!(trailer.encode(), bytes),
            Err(_) => prop_assert!(!plausible),
        }
    }

    #[test]
    fn only_the_own_key_opens_a_file(artifact: Vec<u8>, key in any::<[u8; 32]>()) {
        let key = Key::from_bytes(key);
        let bytes = file(&artifact, key);
        prop_assert_eq!(verify(&mut Cursor::new(&bytes), &key).unwrap(), artifact.len() as u64);
        prop_assert_eq!(verify(&mut Cursor::new(&bytes), &KEY).is_ok(), key == KEY);
    }

    #[test]
    fn any_bytes_are_judged_without_panic(bytes: Vec<u8>) {
        prop_assert!(verify(&mut Cursor::new(bytes), &KEY).is_err());
    }
}
