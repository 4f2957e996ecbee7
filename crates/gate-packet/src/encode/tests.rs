//! Tests of encoding: known bytes, and limits.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{EncodeError, data, flows, packet};
use crate::{Code, Data, Domain, Flow, Parser};

/// The bytes that `text` lists in hexadecimal.
fn bytes(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

#[test]
fn known_packets() {
    let zero = Code::Service(0);
    let mut out = Vec::new();
    packet(&mut out, zero, Domain::Call, 0, &[]).unwrap();
    packet(&mut out, zero, Domain::Call, 0, &[0; 8]).unwrap();
    flows(&mut out, zero, &[Flow { id: 0, value: 4096 }]).unwrap();
    flows(&mut out, zero, &[Flow { id: 0, value: 32_767 }]).unwrap();
    data(&mut out, zero, Data { id: 0, note: 0, bytes: b"hello" }).unwrap();
    data(&mut out, zero, Data { id: 0, note: 0, bytes: b"" }).unwrap();
    flows(&mut out, zero, &[Flow { id: 0, value: 0 }]).unwrap();
    packet(&mut out, Code::Service(2), Domain::Call, 0, &[1]).unwrap();
    packet(&mut out, Code::Service(1), Domain::Call, 1, b"BB").unwrap();
    packet(&mut out, Code::Service(1), Domain::Call, 0, b"AA").unwrap();
    let expect = bytes(
        "08 00 00 00 00 00 00 00
         10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
         10 00 00 00 00 00 02 00 00 00 00 00 00 10 00 00
         10 00 00 00 00 00 02 00 00 00 00 00 ff 7f 00 00
         15 00 00 00 00 00 03 00 00 00 00 00 00 00 00 00 68 65 6c 6c 6f 00 00 00
         10 00 00 00 00 00 03 00 00 00 00 00 00 00 00 00
         10 00 00 00 00 00 02 00 00 00 00 00 00 00 00 00
         09 00 00 00 02 00 00 00 01 00 00 00 00 00 00 00
         0a 00 00 00 01 00 00 01 42 42 00 00 00 00 00 00
         0a 00 00 00 01 00 00 00 41 41 00 00 00 00 00 00",
    );
    assert_eq!(out, expect);
}

#[test]
fn limits() {
    let mut out = Vec::new();
    let (code, domain) = (Code::Service(0), Domain::Call);
    assert_eq!(packet(&mut out, code, domain, 0, &[0; 65_529]), Err(EncodeError::Size { found: 65_537 }));
    assert_eq!(
        data(&mut out, code, Data { id: 0, note: 0, bytes: &[0; 65_521] }),
        Err(EncodeError::Size { found: 65_537 })
    );
    let code = Code::Service(32_768);
    assert_eq!(packet(&mut out, code, domain, 0, &[]), Err(EncodeError::Code { found: 32_768 }));
    assert_eq!(out, []);
    packet(&mut out, Code::Service(32_767), domain, 0, &[0; 65_528]).unwrap();
    assert_eq!(out.len(), 65_536);
}

#[test]
fn credit_towards_a_program_fits_one_data_packet() {
    let credit = usize::try_from(crate::MAX_CREDIT_TO_PROGRAM).unwrap();
    let mut out = Vec::new();
    data(&mut out, Code::Service(0), Data { id: 0, note: 0, bytes: &vec![0; credit] }).unwrap();
    assert_eq!(out.len(), 65_536);
    assert!(data(&mut out, Code::Service(0), Data { id: 0, note: 0, bytes: &vec![0; credit + 1] }).is_err());
}

proptest! {
    #[test]
    fn flows_and_data_come_back(
        entries in vec((any::<i32>(), any::<i32>()), 0..50), id: i32, note: i32, content in vec(any::<u8>(), 0..300),
    ) {
        let entries: Vec<Flow> = entries.into_iter().map(|(id, value)| Flow { id, value }).collect();
        let mut out = Vec::new();
        flows(&mut out, Code::Service(7), &entries).unwrap();
        data(&mut out, Code::Service(8), Data { id, note, bytes: &content }).unwrap();
        let (mut parser, mut input) = (Parser::new(), &out[..]);
        let packet = parser.next(&mut input).unwrap().unwrap();
        prop_assert_eq!(packet.flows().collect::<Vec<_>>(), entries);
        let packet = parser.next(&mut input).unwrap().unwrap();
        prop_assert_eq!(packet.data(), Some(Data { id, note, bytes: &content }));
    }
}
