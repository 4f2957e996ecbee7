//! Tests of saved states: round trips, and what hostile ones are refused for.

use gate_fs::{Backing, Limits};

use crate::Wasi;
use crate::tests::fixture::{FakeHost, Program};

const LIMITS: Limits = Limits { bytes: 1 << 20, inodes: 100, file_bytes: 1 << 24 };

fn restore(saved: &[u8]) -> Result<Wasi, super::RestoreError> {
    Wasi::restore(&Backing::new(saved.to_vec()), LIMITS, 0, &mut FakeHost::default())
}

#[test]
fn a_restored_program_is_saved_as_the_same_bytes() {
    let mut p = Program::new();
    p.create("new");
    let saved = p.wasi.save(&mut p.host).unwrap();
    let mut again = restore(&saved).unwrap();
    assert!(again.save(&mut FakeHost::default()).unwrap() == saved);
    assert_eq!(again.describe(), p.wasi.describe());
}
