//! Sections, and numbers of variable length.

use proptest::prelude::*;

use super::*;

#[test]
fn sections_are_found() {
    let mut module = HEADER.to_vec();
    push_section(&mut module, MEMORY, &[1, 0, 1]);
    push_custom(&mut module, "name", &[b"ab", b"c"]);
    let found: Vec<_> = sections(&module).map(Result::unwrap).collect();
    assert_eq!(found[0], Section { id: MEMORY, name: None, whole: 8..13, content: 10..13 });
    assert_eq!(found[1], Section { id: CUSTOM, name: Some(b"name"), whole: 13..23, content: 20..23 });
    assert_eq!(found.len(), 2);
}

#[test]
fn what_is_no_list_of_sections_is_refused() {
    let error = |tail: &[u8]| {
        let module = [HEADER, tail].concat();
        sections(&module).find_map(Result::err)
    };
    assert_eq!(sections(b"\0asm\x02\0\0\0").next(), Some(Err(SectionError::Header)));
    assert_eq!(sections(b"").next(), Some(Err(SectionError::Header)));
    assert_eq!(error(&[]), None);
    assert_eq!(error(&[5]), Some(SectionError::CutOff { offset: 8 }));
    assert_eq!(error(&[5, 1, 0, 5, 2, 0]), Some(SectionError::CutOff { offset: 11 }));
    assert_eq!(error(&[0, 1, 1]), Some(SectionError::CutOff { offset: 8 }));
    assert_eq!(error(&[5, 0xff, 0xff, 0xff, 0xff, 0x1f]), Some(SectionError::Number { offset: 8 }));
    assert_eq!(error(&[5, 0x80, 0x80, 0x80, 0x80, 0x80, 0]), Some(SectionError::Number { offset: 8 }));
}

#[test]
fn numbers_have_their_shortest_form() {
    let mut bytes = Vec::new();
    for number in [0, 63, 64, -64, -65] {
        push_signed(&mut bytes, number);
    }
    assert_eq!(bytes, [0, 0x3f, 0xc0, 0, 0x40, 0xbf, 0x7f]);
}

proptest! {
    #[test]
    fn unsigned_numbers_are_read_back(number: u64, tail: Vec<u8>) {
        let mut bytes = Vec::new();
        push_unsigned(&mut bytes, number);
        let length = bytes.len();
        bytes.extend(tail);
        prop_assert_eq!(unsigned(&bytes), Some((number, length)));
        prop_assert_eq!(unsigned(&bytes[..length - 1]), None);
    }

    #[test]
    fn signed_numbers_are_read_back(number: i64) {
        let mut bytes = Vec::new();
        push_signed(&mut bytes, number);
        let mut reader = wasmparser::BinaryReader::new(&bytes, 0);
        prop_assert_eq!(reader.read_var_i64().unwrap(), number);
        prop_assert!(reader.eof());
    }

    #[test]
    fn any_bytes_are_sections_or_not(bytes: Vec<u8>) {
        let module = [HEADER.as_slice(), &bytes].concat();
        let mut end = HEADER.len();
        for section in sections(&module).map_while(Result::ok) {
            prop_assert_eq!(section.whole.start, end);
            prop_assert!(section.content.end == section.whole.end);
            end = section.whole.end;
        }
        prop_assert!(end <= module.len());
    }
}
