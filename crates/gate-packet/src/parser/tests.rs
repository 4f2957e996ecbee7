//! Tests of the parser: pieces of streams, incomplete packets, arbitrary bytes.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::{Code, Domain, Parser, Violation, encode};

/// What a stream holds: its packets, and how it ends.
#[derive(Debug, PartialEq)]
struct Parsed {
    packets: Vec<(Code, Domain, u8, Vec<u8>)>,
    end: Result<Vec<u8>, Violation>,
}

fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Parsed {
    let mut parser = Parser::new();
    let mut packets = Vec::new();
    for mut piece in pieces {
        loop {
            match parser.next(&mut piece) {
                Ok(Some(packet)) => {
                    packets.push((packet.code(), packet.domain(), packet.index(), packet.content().to_vec()))
                }
                Ok(None) => break,
                Err(violation) => return Parsed { packets, end: Err(violation) },
            }
        }
        assert!(piece.is_empty());
    }
    Parsed { packets, end: Ok(parser.partial().to_vec()) }
}

#[test]
fn a_packet_waits_for_its_padding() {
    let bytes = [13, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0];
    for len in 0..bytes.len() {
        let parsed = parse([&bytes[..len]]);
        assert_eq!(parsed, Parsed { packets: Vec::new(), end: Ok(bytes[..len].to_vec()) });
    }
    let parsed = parse([&bytes[..]]);
    assert_eq!(parsed.packets, [(Code::Service(0), Domain::Call, 0, vec![1, 2, 3, 4, 5])]);
    assert_eq!(parsed.end, Ok(Vec::new()));
}

#[test]
fn content_of_padding_does_not_matter() {
    let bytes = [9, 0, 0, 0, 0, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255, 255, 8, 0, 0, 0, 1, 0, 0, 0];
    assert_eq!(parse([&bytes[..]]).packets.len(), 2);
}

#[test]
fn a_packet_within_one_piece_is_not_copied() {
    let bytes = [9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    let mut parser = Parser::new();
    let packet = parser.next(&mut &bytes[..]).unwrap().unwrap();
    assert!(std::ptr::eq(packet.content(), &raw const bytes[8..9]));
}

#[test]
fn a_violation_is_found_with_the_header_and_stays() {
    let mut parser = Parser::new();
    assert_eq!(parser.next(&mut &[7, 0, 0, 0, 0, 0, 0][..]).unwrap(), None);
    let violation = Err(Violation::Size { found: 7 });
    assert_eq!(parser.next(&mut &[0][..]), violation);
    let mut sound: &[u8] = &[8, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(parser.next(&mut sound), violation);
    assert_eq!(sound.len(), 8);

    // The same where the header was not copied.
    let mut parser = Parser::new();
    assert_eq!(parser.next(&mut &[7, 0, 0, 0, 0, 0, 0, 0][..]), violation);
    assert_eq!(parser.next(&mut sound), violation);
}

#[test]
fn a_new_parser_continues_from_the_partial_packet() {
    let bytes = [20, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0];
    for len in 0..bytes.len() {
        let mut first = Parser::new();
        assert_eq!(first.next(&mut &bytes[..len]).unwrap(), None);
        let parsed = parse([first.partial(), &bytes[len..]]);
        assert_eq!(parsed, parse([&bytes[..]]));
        assert_eq!(parsed.packets.len(), 1);
    }
}

/// Bytes that are mostly sound: packets, and perhaps rubbish behind them.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let packet = (0u16..4, 0u8..4, any::<u8>(), vec(any::<u8>(), 8..60));
    (vec(packet, 0..8), vec(any::<u8>(), 0..20), any::<bool>()).prop_map(|(packets, rubbish, cut)| {
        let mut bytes = Vec::new();
        for (code, domain, index, content) in packets {
            let domain = Domain::from_number(domain).unwrap();
            encode::packet(&mut bytes, Code::Service(code), domain, index, &content).unwrap();
        }
        if cut {
            bytes.truncate(bytes.len().saturating_sub(rubbish.len()));
        } else {
            bytes.extend_from_slice(&rubbish);
        }
        bytes
    })
}

proptest! {
    #[test]
    fn pieces_make_no_difference(bytes in stream(), cuts in vec(1usize..40, 1..40)) {
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            let Some((piece, tail)) = rest.split_at_checked(*cut) else { break };
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
        prop_assert_eq!(parse(pieces), parse([&bytes[..]]));
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_stay_within_one_packet(pieces in vec(vec(any::<u8>(), 0..50), 0..20)) {
        let mut parser = Parser::new();
        for piece in &pieces {
            let mut piece = &piece[..];
            while let Ok(Some(packet)) = parser.next(&mut piece) {
                prop_assert!(packet.content().len() <= 65_528);
                let _ = (packet.flows().count(), packet.data());
            }
            prop_assert!(parser.partial().len() < 65_536);
        }
    }

    #[test]
    fn a_decoded_packet_is_the_encoded_one(
        code in 0u16..=32_767, domain in 0u8..4, index: u8, content in vec(any::<u8>(), 8..2000),
    ) {
        let (code, domain) = (Code::Service(code), Domain::from_number(domain).unwrap());
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, code, domain, index, &content).unwrap();
        let parsed = parse([&bytes[..]]);
        prop_assert_eq!(parsed, Parsed { packets: vec![(code, domain, index, content)], end: Ok(Vec::new()) });
    }
}
