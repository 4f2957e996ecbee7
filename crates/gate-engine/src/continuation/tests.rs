//! What a file says is read back; what is damaged is refused.

use gate_snapshot::Reference;

use super::ContinuationFacts;
use crate::codec::Input;

fn facts() -> ContinuationFacts {
    ContinuationFacts {
        outermost: 7,
        frames: vec![1, 2, 3],
        spilled: [
            vec![Reference::Null, Reference::Function(5)],
            Vec::new(),
            vec![Reference::Exception(u32::MAX), Reference::Null],
        ],
        functions: vec![3, 4],
    }
}

#[test]
fn facts_survive() {
    assert_eq!(ContinuationFacts::decode(&mut Input(&facts().encode())), Some(facts()));
}

#[test]
fn damage_is_refused() {
    let bytes = facts().encode();
    for len in 0..bytes.len() {
        assert_eq!(ContinuationFacts::decode(&mut Input(&bytes[..len])), None, "cut at {len}");
    }
    for position in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[position] = !damaged[position];
        assert_ne!(ContinuationFacts::decode(&mut Input(&damaged)), Some(facts()), "changed at {position}");
    }
    // A claim of more than there is.
    assert_eq!(ContinuationFacts::decode(&mut Input(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1])), None);
}
