//! Tests against the codec of the host.

use alloc::vec::Vec;

use gate_packet::discovery::{self, Names};
use gate_packet::{encode, Code, Data, Domain, Flow, Parser};
use proptest::prelude::*;

use super::*;

/// The one packet in these bytes, as the host sees it.
fn seen(bytes: &[u8], check: impl FnOnce(gate_packet::Packet<'_>)) {
    let mut parser = Parser::new();
    let mut rest = bytes;
    check(parser.next(&mut rest).unwrap().unwrap());
    assert!(rest.is_empty());
}

proptest! {
    #[test]
    fn the_host_reads_what_is_sent(
        code in 0..256_u16,
        id in 0..i32::MAX,
        number: i32,
        bytes in prop::collection::vec(any::<u8>(), 0..100),
        before in prop::collection::vec(Just(0_u8), 0..3),
    ) {
        // A packet is appended to those before it, which are multiples of eight bytes.
        let start = before.len() * 8;
        let packet = |build: &dyn Fn(&mut Vec<u8>)| {
            let mut out = vec![0; start];
            build(&mut out);
            out.split_off(start)
        };
        seen(&packet(&|out| call(out, code, &bytes)), |packet| {
            assert_eq!((packet.code(), packet.domain()), (Code::Service(code), Domain::Call));
            assert_eq!((packet.index(), packet.content()), (0, &bytes[..]));
        });
        seen(&packet(&|out| info(out, code, &bytes)), |packet| {
            assert_eq!((packet.code(), packet.domain()), (Code::Service(code), Domain::Info));
            assert_eq!(packet.content(), &bytes[..]);
        });
        seen(&packet(&|out| flow(out, code, id, number)), |packet| {
            assert_eq!(packet.code(), Code::Service(code));
            assert_eq!(packet.flows().collect::<Vec<_>>(), [Flow { id, value: number }]);
        });
        seen(&packet(&|out| data(out, code, id, number, &bytes)), |packet| {
            assert_eq!(packet.code(), Code::Service(code));
            assert_eq!(packet.data(), Some(Data { id, note: number, bytes: &bytes }));
        });
    }

    #[test]
    fn the_host_reads_names(names in prop::collection::vec("[a-z/.]{1,127}", 0..20)) {
        let mut out = Vec::new();
        discover(&mut out, names.iter().map(|name| name.as_str()));
        seen(&out, |packet| {
            let seen: Vec<_> = Names::decode(&packet).unwrap().map(Result::unwrap).collect();
            assert_eq!(seen, names.iter().map(|name| name.as_bytes()).collect::<Vec<_>>());
        });
    }

    #[test]
    fn what_the_host_sends_is_read_however_much_is_there(
        code in 0..256_u16,
        index: u8,
        id: i32,
        number: i32,
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut out = Vec::new();
        let mut ends = Vec::new();
        let service = Code::Service(code);
        encode::packet(&mut out, service, Domain::Call, index, &bytes).unwrap();
        ends.push(out.len());
        encode::packet(&mut out, service, Domain::Info, 0, &bytes).unwrap();
        ends.push(out.len());
        let entry = Flow { id, value: number };
        encode::flows(&mut out, service, &[entry, entry]).unwrap();
        ends.push(out.len());
        encode::data(&mut out, service, Data { id, note: number, bytes: &bytes }).unwrap();
        ends.push(out.len());
        discovery::encode_states(&mut out, Domain::Call, bytes.iter().copied()).unwrap();
        ends.push(out.len());
        discovery::encode_states(&mut out, Domain::Info, bytes.iter().copied()).unwrap();
        ends.push(out.len());
        let entries: Vec<u8> = [id, number, id, number].iter().flat_map(|number| number.to_le_bytes()).collect();
        let expected = [
            Packet::Reply { code, index, content: &bytes },
            Packet::Info { code, content: &bytes },
            Packet::Flow { code, entries: &entries },
            Packet::Data { code, id, note: number, bytes: &bytes },
            Packet::States { reply: true, states: &bytes },
            Packet::States { reply: false, states: &bytes },
        ];
        for cut in 0..=out.len() {
            let complete = ends.iter().filter(|end| **end <= cut).count();
            let mut rest = &out[..cut];
            let mut found = Vec::new();
            while let Some(packet) = next(&mut rest).unwrap() {
                found.push(packet);
            }
            prop_assert_eq!(&found[..], &expected[..complete]);
            let end = complete.checked_sub(1).map_or(0, |last| ends[last]);
            prop_assert_eq!(rest, &out[end..cut]);
        }
        prop_assert_eq!(flows(&entries).collect::<Vec<_>>(), [(id, number), (id, number)]);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut rest = &bytes[..];
        while let Ok(Some(_)) = next(&mut rest) {}
        prop_assert!(rest.len() <= bytes.len());
    }
}

#[track_caller]
fn check(bytes: &[u8], violation: Violation) {
    let mut rest = bytes;
    assert_eq!(next(&mut rest), Err(violation));
}

#[test]
fn packets_that_make_no_sense_are_refused() {
    check(&[7, 0, 0, 0, 0, 0, 0, 0], Violation::Size { found: 7 });
    check(&[1, 0, 1, 0, 0, 0, 0, 0], Violation::Size { found: 65537 });
    check(&[8, 0, 0, 0, 0xfe, 0xff, 0, 0], Violation::Code { found: -2 });
    check(&[8, 0, 0, 0, 0, 0, 4, 0], Violation::Domain { found: 4 });
    check(&[8, 0, 0, 0, 0xff, 0xff, 2, 0], Violation::Domain { found: 2 });
    check(&[8, 0, 0, 0, 0, 0, 3, 0], Violation::Short { found: 8 });
    check(&[8, 0, 0, 0, 0xff, 0xff, 0, 0], Violation::Short { found: 8 });
    check(&[11, 0, 0, 0, 0xff, 0xff, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0], Violation::Short { found: 11 });
}
