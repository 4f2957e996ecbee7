//! Tests of headers and of the views of content.

use crate::{Code, Data, Domain, Flow, FlowMeaning, Packet, Parser, Violation};

/// Parses a header followed by as many zeros as it asks for.
#[track_caller]
fn check(header: [u8; 8], expect: Result<(Code, Domain, u8), Violation>) {
    let mut bytes = header.to_vec();
    bytes.resize(70_000, 0);
    let mut parser = Parser::new();
    let found = parser
        .next(&mut &bytes[..])
        .map(|packet| packet.map(|packet| (packet.code(), packet.domain(), packet.index())).unwrap());
    assert_eq!(found, expect, "{header:02x?}");
    let found = Packet::split_first(&bytes)
        .map(|packet| packet.map(|(packet, _)| (packet.code(), packet.domain(), packet.index())).unwrap());
    assert_eq!(found, expect, "{header:02x?} in one place");
}

#[test]
fn a_packet_is_split_from_what_follows_its_padding() {
    let bytes = [9, 0, 0, 0, 2, 0, 1, 0, 5, 9, 9, 9, 9, 9, 9, 9, 7, 0];
    for len in 0..16 {
        assert_eq!(Packet::split_first(&bytes[..len]), Ok(None));
    }
    let (packet, rest) = Packet::split_first(&bytes).unwrap().unwrap();
    assert_eq!(
        (packet.code(), packet.domain(), packet.content()),
        (Code::Service(2), Domain::Info, &[5][..])
    );
    assert_eq!(rest, [7, 0]);
    assert_eq!(Packet::split_first(&[7, 0, 0, 0, 0, 0, 0, 0]), Err(Violation::Size { found: 7 }));
}

#[test]
fn sizes() {
    let call = Ok((Code::Service(0), Domain::Call, 0));
    check([8, 0, 0, 0, 0, 0, 0, 0], call);
    check([0, 0, 1, 0, 0, 0, 0, 0], call);
    check([7, 0, 0, 0, 0, 0, 0, 0], Err(Violation::Size { found: 7 }));
    check([0, 0, 0, 0, 0, 0, 0, 0], Err(Violation::Size { found: 0 }));
    check([1, 0, 1, 0, 0, 0, 0, 0], Err(Violation::Size { found: 65_537 }));
    check([255, 255, 255, 255, 0, 0, 0, 0], Err(Violation::Size { found: u32::MAX }));
}

#[test]
fn codes() {
    check([10, 0, 0, 0, 255, 255, 0, 0], Ok((Code::Discovery, Domain::Call, 0)));
    check([8, 0, 0, 0, 255, 127, 0, 0], Ok((Code::Service(32_767), Domain::Call, 0)));
    check([8, 0, 0, 0, 254, 255, 0, 0], Err(Violation::Code { found: -2 }));
    check([8, 0, 0, 0, 0, 128, 0, 0], Err(Violation::Code { found: -32_768 }));
}

#[test]
fn domains_and_their_smallest_sizes() {
    check([8, 0, 0, 0, 1, 0, 1, 0], Ok((Code::Service(1), Domain::Info, 0)));
    check([8, 0, 0, 0, 1, 0, 2, 0], Ok((Code::Service(1), Domain::Flow, 0)));
    check([16, 0, 0, 0, 1, 0, 3, 0], Ok((Code::Service(1), Domain::Data, 0)));
    check([15, 0, 0, 0, 1, 0, 3, 0], Err(Violation::DataSize { found: 15 }));
    for number in 4..16 {
        check([16, 0, 0, 0, 1, 0, number, 0], Err(Violation::Domain { found: number }));
    }
    check([9, 0, 0, 0, 255, 255, 0, 0], Err(Violation::DiscoverySize { found: 9 }));
    check([16, 0, 0, 0, 255, 255, 2, 0], Err(Violation::DiscoveryDomain { found: Domain::Flow }));
    check([16, 0, 0, 0, 255, 255, 3, 0], Err(Violation::DiscoveryDomain { found: Domain::Data }));
}

#[test]
fn high_bits_of_the_domain_and_the_index_do_not_matter() {
    check([8, 0, 0, 0, 2, 0, 0xf1, 77], Ok((Code::Service(2), Domain::Info, 77)));
}

#[test]
fn flow_entries_are_read_in_order_and_a_remainder_is_ignored() {
    let mut bytes = vec![27, 0, 0, 0, 0, 0, 2, 0];
    bytes.extend_from_slice(&[1, 0, 0, 0, 0, 16, 0, 0]);
    bytes.extend_from_slice(&[0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    bytes.extend_from_slice(&[9; 8]);
    let mut parser = Parser::new();
    let packet = parser.next(&mut &bytes[..]).unwrap().unwrap();
    let flows: Vec<Flow> = packet.flows().collect();
    assert_eq!(flows, [Flow { id: 1, value: 4096 }, Flow { id: -2, value: 0 }]);
    assert_eq!(packet.data(), None);
}

#[test]
fn flow_values_have_three_meanings() {
    let meaning = |value| Flow { id: 0, value }.meaning();
    assert_eq!(meaning(1), FlowMeaning::Credit(1));
    assert_eq!(meaning(i32::MAX), FlowMeaning::Credit(0x7fff_ffff));
    assert_eq!(meaning(0), FlowMeaning::End);
    assert_eq!(meaning(-1), FlowMeaning::Note(-1));
}

#[test]
fn data_has_id_note_and_bytes() {
    let bytes = [18, 0, 0, 0, 0, 0, 3, 0, 5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 7, 7, 7, 7, 7, 7];
    let mut parser = Parser::new();
    let packet = parser.next(&mut &bytes[..]).unwrap().unwrap();
    assert_eq!(packet.data(), Some(Data { id: 5, note: -1, bytes: &[1, 2] }));
    assert_eq!(packet.flows().count(), 0);
}

#[test]
fn debug_output_does_not_show_content() {
    let mut parser = Parser::new();
    let bytes = [10, 0, 0, 0, 0, 0, 0, 0, 211, 212, 0, 0, 0, 0, 0, 0];
    let text = format!("{:?}", parser.next(&mut &bytes[..]).unwrap().unwrap());
    assert!(text.contains("size: 10") && !text.contains("211"), "{text}");
}

#[test]
fn what_a_packet_lacks() {
    let packet = b"\x0d\0\0\0\0\0\0\0hello\0\0\0";
    for (length, lacking) in [(0, 0), (7, 0), (8, 8), (12, 4), (15, 1), (16, 0)] {
        assert_eq!(Packet::lacking(&packet[..length]), lacking, "{length}");
    }
    assert_eq!(Packet::lacking(&[packet.as_slice(), b"more"].concat()), 0);
    assert_eq!(Packet::lacking(b"\x07\0\0\0\0\0\0\0"), 0, "it is none");
}
