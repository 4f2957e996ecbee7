//! What is kept without a server: it comes back as it was, and anything else is refused.

use proptest::prelude::*;

use super::{Kept, MAGIC};
use crate::ledger::Ledger;

fn packet(domain: u8, content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(8 + content.len()).unwrap();
    [&size.to_le_bytes()[..], &[7, 0, domain, 0], content].concat()
}

fn kept() -> Kept {
    let mut ledger = Ledger::new(true);
    ledger.push(packet(0, b"one"), true);
    ledger.take();
    ledger.push(packet(1, b""), false);
    ledger.push(packet(0, b"two"), true);
    let undelivered = vec![packet(0, b"reply"), packet(3, &[0; 8])];
    Kept { snapshot: b"state".to_vec(), has_streams: true, is_quiet: false, ledger, undelivered }
}

#[test]
fn it_comes_back() {
    for kept in [kept(), Kept::of(Vec::new()), Kept::of(b"x".to_vec())] {
        assert_eq!(Kept::decode(kept.encode(), 7), Ok(kept));
    }
}

#[test]
fn nothing_is_kept_as_nothing() {
    assert!(Kept::of(Vec::new()).encode().is_empty());
}

#[test]
fn snapshots_of_other_hosts_are_as_the_server_wrote_them() {
    let kept = Kept::decode(b"anything".to_vec(), 7).unwrap();
    assert_eq!(kept, Kept::of(b"anything".to_vec()));
    assert!(kept.has_streams && !kept.is_quiet && !kept.ledger.is_complete());
    // One that looks like ours comes back as well.
    let kept = Kept::of(kept.encode());
    assert_eq!(Kept::decode(kept.encode(), 7), Ok(kept));
}

#[test]
fn pieces_are_refused() {
    let bytes = kept().encode();
    for len in MAGIC.len()..bytes.len() {
        assert!(Kept::decode(bytes[..len].to_vec(), 7).is_err(), "{len}");
    }
    assert_eq!(Kept::decode([&bytes[..], &[0]].concat(), 7), Err("bytes behind the end"));
}

#[test]
fn only_calls_can_be_outstanding() {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(packet(1, b""));
    assert_eq!(Kept::decode(bytes, 7), Err("outstanding packets that are not calls"));
}

proptest! {
    #[test]
    fn anything_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..100), cut in 0_usize..100) {
        let _ = Kept::decode([&MAGIC[..], &bytes].concat(), 7);
        let mut changed = kept().encode();
        let at = MAGIC.len() + cut % (changed.len() - MAGIC.len());
        changed[at] ^= bytes.first().copied().unwrap_or(1);
        let _ = Kept::decode(changed, 7);
    }
}
