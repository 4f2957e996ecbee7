//! Tests of the content of discovery packets.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Names, encode_request, encode_states, states};
use crate::encode::{self, EncodeError};
use crate::{Code, Domain, Parser, Violation};

/// The names in a request with this content.
fn names(content: &[u8]) -> Result<Vec<Vec<u8>>, Violation> {
    let mut bytes = Vec::new();
    encode::packet(&mut bytes, Code::Discovery, Domain::Call, 0, content).unwrap();
    let mut parser = Parser::new();
    let packet = parser.next(&mut &bytes[..])?.unwrap();
    Names::decode(&packet)?.map(|name| name.map(<[u8]>::to_vec)).collect()
}

#[test]
fn names_in_requests() {
    assert_eq!(names(&[0, 0]), Ok(Vec::new()));
    assert_eq!(names(&[2, 0, 1, b'a', 2, b'b', b'c']), Ok(vec![b"a".to_vec(), b"bc".to_vec()]));
    assert_eq!(names(&[1, 0, 1, b'a', 0, 200]), Ok(vec![b"a".to_vec()]), "what is left is ignored");
    assert_eq!(names(&[1, 0, 1, 0xff]), Ok(vec![vec![0xff]]), "names need not be text");
}

#[test]
fn violations_in_requests() {
    assert_eq!(names(&[]), Err(Violation::DiscoverySize { found: 8 }));
    assert_eq!(names(&[1]), Err(Violation::DiscoverySize { found: 9 }));
    assert_eq!(names(&[1, 0, 0]), Err(Violation::NameLength { found: 0 }));
    let mut longest = vec![1, 0, 127];
    longest.resize(3 + 127, b'x');
    assert_eq!(names(&longest), Ok(vec![vec![b'x'; 127]]));
    longest[2] = 128;
    longest.push(b'x');
    assert_eq!(names(&longest), Err(Violation::NameLength { found: 128 }));
    assert_eq!(names(&[1, 0]), Err(Violation::NameTruncated { index: 0, count: 1 }));
    assert_eq!(names(&[2, 0, 1, b'a']), Err(Violation::NameTruncated { index: 1, count: 2 }));
    assert_eq!(names(&[0, 1, 2, b'a']), Err(Violation::NameTruncated { index: 0, count: 256 }));
}

#[test]
fn there_is_nothing_behind_an_error() {
    let mut bytes = Vec::new();
    encode::packet(&mut bytes, Code::Discovery, Domain::Call, 0, &[9, 0, 0, 1, b'a']).unwrap();
    let mut parser = Parser::new();
    let packet = parser.next(&mut &bytes[..]).unwrap().unwrap();
    let mut names = Names::decode(&packet).unwrap();
    assert!(names.next().unwrap().is_err());
    assert_eq!(names.next(), None);
}

#[test]
fn requests_are_calls() {
    let mut bytes = Vec::new();
    encode::packet(&mut bytes, Code::Discovery, Domain::Info, 0, &[0, 0]).unwrap();
    let mut parser = Parser::new();
    let packet = parser.next(&mut &bytes[..]).unwrap().unwrap();
    assert_eq!(Names::decode(&packet).unwrap_err(), Violation::DiscoveryDomain { found: Domain::Info });
}

#[test]
fn known_bytes() {
    let mut out = Vec::new();
    encode_request(&mut out, &[b"origin", b"test"]).unwrap();
    encode_states(&mut out, Domain::Call, [1, 0].into_iter()).unwrap();
    encode_request(&mut out, &[b"identity"]).unwrap();
    encode_states(&mut out, Domain::Call, [1, 0, 1].into_iter()).unwrap();
    encode_states(&mut out, Domain::Info, [1, 0, 1].into_iter()).unwrap();
    let expect = [
        &b"\x16\0\0\0\xff\xff\0\0\x02\0\x06origin\x04test\0\0"[..],
        b"\x0c\0\0\0\xff\xff\0\0\x02\0\x01\0\0\0\0\0",
        b"\x13\0\0\0\xff\xff\0\0\x01\0\x08identity\0\0\0\0\0",
        b"\x0d\0\0\0\xff\xff\0\0\x03\0\x01\0\x01\0\0\0",
        b"\x0d\0\0\0\xff\xff\x01\0\x03\0\x01\0\x01\0\0\0",
    ];
    assert_eq!(out, expect.concat());
}

#[test]
fn requests_that_cannot_be() {
    let mut out = Vec::new();
    assert_eq!(encode_request(&mut out, &[b"a", b""]), Err(EncodeError::NameLength { found: 0 }));
    assert_eq!(encode_request(&mut out, &[&[1; 128]]), Err(EncodeError::NameLength { found: 128 }));
    assert!(matches!(encode_request(&mut out, &[&[1; 127][..]; 600]), Err(EncodeError::Size { .. })));
    assert_eq!(out, []);
}

#[test]
fn states_that_are_cut_off_are_not_read() {
    let mut bytes = Vec::new();
    encode::packet(&mut bytes, Code::Discovery, Domain::Call, 0, &[2, 0, 1]).unwrap();
    let mut parser = Parser::new();
    assert_eq!(states(&parser.next(&mut &bytes[..]).unwrap().unwrap()), None);
}

proptest! {
    #[test]
    fn names_and_states_come_back(sent in vec(vec(any::<u8>(), 1..=127), 0..100), told in vec(any::<u8>(), 0..=256)) {
        let mut out = Vec::new();
        encode_request(&mut out, &sent.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        encode_states(&mut out, Domain::Info, told.iter().copied()).unwrap();
        let (mut parser, mut input) = (Parser::new(), &out[..]);
        let packet = parser.next(&mut input).unwrap().unwrap();
        let names: Vec<_> = Names::decode(&packet).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(names, sent);
        let packet = parser.next(&mut input).unwrap().unwrap();
        prop_assert_eq!(states(&packet), Some(&told[..]));
    }

    #[test]
    fn arbitrary_content_never_panics(content in vec(any::<u8>(), 0..300)) {
        if let Ok(names) = names(&content) {
            prop_assert!(names.iter().all(|name| (1..=127).contains(&name.len())));
        }
    }
}
