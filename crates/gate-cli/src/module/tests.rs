//! Modules that were made in a container.

use std::io::Write;

use super::*;

/// Wherever its writer has left the file's offset.
#[test]
fn what_was_made_is_hashed_from_its_start() {
    let mut file = File::from(memfd::create("module").unwrap());
    file.write_all(b"a module, and more").unwrap();
    memfd::seal(&file, Seals::Content).unwrap();
    let module = Module::of(Sealed { file: file.into(), bytes: 8 }).unwrap();
    let (hash, bytes) = gate_store::hash_and_copy(&mut &b"a module"[..], &mut io::sink()).unwrap();
    assert_eq!((module.hash, module.bytes), (hash, bytes));
    assert_eq!(bytes, 8);
}
