//! The `gate.snapshot` section.

use proptest::prelude::*;

use super::*;

#[test]
fn a_section_is_read() {
    let bytes = [0, 0, 2, 0, 0x80, 0x94, 0xeb, 0xfc, 4, 0];
    let content = Content::decode(&bytes).unwrap();
    let details = Details { is_final: false, trap: 2, result: 0, breakpoints: Vec::new() };
    assert_eq!(content, Content { version: 0, monotonic_nanos: 1_335_544_320, details });
    assert_eq!(content.encode(), bytes);
    // A later version may add something.
    assert_eq!(Content::decode(&[bytes.as_slice(), &[1, 2]].concat()), Ok(content));
    assert_eq!(Content::decode(&bytes[..9]), Err(DetailsError::Number { what: "the number of breakpoints" }));
    assert_eq!(
        Content::decode(&[0, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 0]),
        Err(DetailsError::Number { what: "the trap" })
    );
    assert_eq!(Content::decode(&[0, 3, 9, 1, 5, 101]), Err(DetailsError::Breakpoints { found: 101 }));
    assert!(Content::decode(&[0, 3, 9, 1, 5, 0]).unwrap().details.is_final);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        version: u64,
        monotonic_nanos: u64,
        is_final: bool,
        trap: u32,
        result: u32,
        breakpoints in prop::collection::vec(any::<u64>(), 0..=MAX_BREAKPOINTS),
    ) {
        let content = Content { version, monotonic_nanos, details: Details { is_final, trap, result, breakpoints } };
        prop_assert_eq!(Content::decode(&content.encode()), Ok(content));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = Content::decode(&bytes);
    }
}
