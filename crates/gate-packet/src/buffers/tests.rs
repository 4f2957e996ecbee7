//! Round trips, the real example, and bytes that are no buffers.

use proptest::prelude::*;

use super::{Buffers, BuffersError, ServiceBuffer, pad_input};
use crate::{Code, Domain, encode};

/// What a snapshot made by the existing system has: two services, and an unread reply of discovery.
const REAL: &[u8] =
    b"\x10\x00\x03\x06origin\x00\x04test\x00\x0c_nonexistent\x00\x0d\0\0\0\xff\xff\0\0\x03\0\x01\0\0\0\0\0";

#[test]
fn a_real_payload_is_read_and_written() {
    let buffers = Buffers::decode(REAL).unwrap();
    let names: Vec<_> = buffers.services.iter().map(|service| &*service.name).collect();
    assert_eq!(names, [&b"origin"[..], b"test", b"_nonexistent"]);
    assert_eq!((buffers.input.len(), buffers.output.len()), (16, 0));
    assert_eq!(buffers.encode(), REAL);
}

#[test]
fn damage_is_refused() {
    for len in 0..REAL.len() {
        assert_eq!(Buffers::decode(&REAL[..len]), Err(BuffersError::Short), "cut at {len}");
    }
    assert_eq!(Buffers::decode(&[0xff; 9]), Err(BuffersError::Number));
    assert_eq!(Buffers::decode(&[0, 0, 0x81, 0x02]), Err(BuffersError::Services { found: 257 }));
    assert_eq!(Buffers::decode(&[0, 0, 1, 0]), Err(BuffersError::NameLength { position: 0, found: 0 }));
    assert_eq!(Buffers::decode(&[0, 0, 1, 200]), Err(BuffersError::NameLength { position: 0, found: 200 }));
}

/// What becomes of the input.
fn input_padded(input: &[u8]) -> Option<Vec<u8>> {
    let buffers = Buffers { input: input.to_vec(), output: vec![1], ..Buffers::default() };
    let padded = Buffers::decode(&pad_input(&buffers.encode())?).unwrap();
    assert_eq!(padded.output, [1]);
    Some(padded.input)
}

#[test]
fn padding_is_put_in_where_it_was_left_out() {
    let states = b"\x0d\0\0\0\xff\xff\0\0\x03\0\x01\0\0";
    let reply = b"\x09\0\0\0\x01\0\0\0A";
    let whole = [&states[..], &[0; 3], reply, &[0; 7]].concat();
    assert_eq!(input_padded(&[&states[..], reply].concat()), Some(whole.clone()));
    assert_eq!(input_padded(&[&states[..], &[0; 3], reply].concat()), Some(whole.clone()));
    assert_eq!(input_padded(&[&states[..], reply, &[0; 7]].concat()), Some(whole.clone()));
    assert_eq!(input_padded(&whole), None);
    assert_eq!(input_padded(&[]), None);
    assert_eq!(pad_input(REAL), None);
    // The middle of a packet, and a packet that is cut.
    assert_eq!(input_padded(&[&[7, 7][..], reply, &[0; 7]].concat()), None);
    assert_eq!(input_padded(&states[..12]), None);
    assert_eq!(pad_input(&[0xff; 9]), None);
}

proptest! {
    #[test]
    fn packets_without_padding_get_it(
        packets in prop::collection::vec((0_u16..300, prop::collection::vec(any::<u8>(), 0..200), any::<bool>()), 0..10),
    ) {
        let (mut whole, mut input, mut len) = (Vec::new(), Vec::new(), 0);
        for (code, content, is_padded) in packets {
            encode::packet(&mut whole, Code::Service(code), Domain::Call, 0, &content).unwrap();
            let end = if is_padded { whole.len() } else { len + 8 + content.len() };
            input.extend_from_slice(&whole[len..end]);
            len = whole.len();
        }
        let expect = (input != whole).then_some(whole);
        prop_assert_eq!(input_padded(&input), expect);
    }

    #[test]
    fn buffers_survive(
        input in prop::collection::vec(any::<u8>(), 0..300),
        output in prop::collection::vec(any::<u8>(), 0..300),
        services in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 1..=127), prop::collection::vec(any::<u8>(), 0..300)),
            0..20,
        ),
    ) {
        let services = services
            .into_iter()
            .map(|(name, snapshot)| ServiceBuffer { name: name.into(), snapshot })
            .collect();
        let buffers = Buffers { services, input, output };
        prop_assert_eq!(Buffers::decode(&buffers.encode()), Ok(buffers));
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Buffers::decode(&bytes);
    }
}
