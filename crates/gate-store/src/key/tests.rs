//! Hashes and keys.

use std::io::{self, Read, Write};

use proptest::prelude::*;

use super::{CHUNK_BYTES, CopyError, Key, ModuleHash, hash_and_copy};

#[test]
fn the_hash_of_nothing_is_the_published_one() {
    assert_eq!(
        ModuleHash::of(b"").to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[test]
fn copying_hashes_what_it_copies() {
    for len in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 7] {
        let module: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let mut copy = Vec::new();
        let (hash, bytes) = hash_and_copy(&mut module.as_slice(), &mut copy).unwrap();
        assert_eq!(hash, ModuleHash::of(&module));
        assert_eq!(bytes, len as u64);
        assert_eq!(copy, module);
    }
}

/// Fails as the test wants it to.
struct Broken(Vec<io::ErrorKind>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.pop().map_or(Ok(0), |kind| Err(kind.into()))
    }
}

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn copying_says_which_side_failed() {
    let read = hash_and_copy(&mut Broken(vec![io::ErrorKind::TimedOut]), &mut io::sink());
    assert!(matches!(read, Err(CopyError::Read { .. })), "{read:?}");
    let write = hash_and_copy(&mut b"x".as_slice(), &mut Broken(Vec::new()));
    assert!(matches!(write, Err(CopyError::Write { .. })), "{write:?}");
}

#[test]
fn copying_survives_interruption() {
    let interrupted = hash_and_copy(&mut Broken(vec![io::ErrorKind::Interrupted; 3]), &mut io::sink());
    assert_eq!(interrupted.unwrap(), (ModuleHash::of(b""), 0));
}

/// Existing caches stay valid only as long as this does not change without a new format.
#[test]
fn the_key_is_stable() {
    assert_eq!(
        Key::new(&ModuleHash::of(b"\0asm"), b"engine 1").to_string(),
        "f0f9827c83623e5d83c89b744588db8e68a820a45305ec3959bc4dc0d399085a"
    );
}

proptest! {
    #[test]
    fn every_part_changes_the_key(
        module in any::<[u8; 32]>(),
        engine in proptest::collection::vec(any::<u8>(), 0..64),
        bit in 0usize..256,
        extra in any::<u8>(),
    ) {
        let key = Key::new(&ModuleHash::from_bytes(module), &engine);
        let mut other = module;
        other[bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(key, Key::new(&ModuleHash::from_bytes(other), &engine));
        let mut longer = engine;
        longer.push(extra);
        prop_assert_ne!(key, Key::new(&ModuleHash::from_bytes(module), &longer));
    }
}
