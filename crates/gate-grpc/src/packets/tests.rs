//! Packets from servers that are right and wrong.

use gate_packet::{Domain, Parser};
use proptest::prelude::*;

use super::{Received, encode};
use crate::error::PacketError;

#[test]
fn what_is_no_packet() {
    for (bytes, error) in [
        (vec![], PacketError::Size { found: 0 }),
        (vec![0; 7], PacketError::Size { found: 7 }),
        (vec![0; 65537], PacketError::Size { found: 65537 }),
        (vec![0, 0, 0, 0, 0, 0, 4, 0], PacketError::Domain { found: 4 }),
        (vec![0, 0, 0, 0, 0, 0, 0x0f, 0], PacketError::Domain { found: 15 }),
        ([&[0, 0, 0, 0, 0, 0, 3, 0][..], &[0; 7]].concat(), PacketError::DataSize { found: 15 }),
    ] {
        assert_eq!(Received::decode(&bytes), Err(error));
    }
}

#[test]
fn size_and_code_are_corrected() {
    // Wrong size and code, high bits in the domain.
    let bytes = [1, 2, 3, 4, 5, 6, 0x70, 9, 0xaa];
    let packet = Received::decode(&bytes).unwrap();
    assert_eq!(packet, Received { domain: Domain::Call, index: 9, content: &[0xaa] });
    let mut out = Vec::new();
    packet.encode(&mut out, 0x102);
    assert_eq!(out, [9, 0, 0, 0, 2, 1, 0, 9, 0xaa]);
    // Only replies have an index.
    assert_eq!(Received::decode(&[0, 0, 0, 0, 0, 0, 1, 9]).unwrap().index, 0);
    assert!(Received::decode(&vec![0; 65536]).is_ok());
}

#[test]
fn packets_of_programs_keep_their_headers() {
    let mut input: &[u8] = &[9, 0, 0, 0, 7, 0, 1, 5, 0xaa, 0, 0, 0, 0, 0, 0, 0];
    let mut parser = Parser::new();
    let packet = parser.next(&mut input).unwrap().unwrap();
    assert_eq!(encode(&packet), [9, 0, 0, 0, 7, 0, 1, 5, 0xaa]);
}

proptest! {
    #[test]
    fn anything_can_be_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(packet) = Received::decode(&bytes) {
            let mut out = Vec::new();
            packet.encode(&mut out, 3);
            prop_assert_eq!(Received::decode(&out), Ok(packet));
            prop_assert_eq!(out.len(), bytes.len());
        }
    }
}
