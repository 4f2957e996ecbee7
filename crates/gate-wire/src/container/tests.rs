//! Round trips, and bytes that are no messages.

use proptest::prelude::*;

use super::{End, Event, ProcessId, Request, Role, Usage};
use crate::DecodeError;

#[track_caller]
fn round_trip_request(request: &Request) {
    assert_eq!(Request::decode(&request.encode(), request.descriptors()).as_ref(), Ok(request));
}

#[track_caller]
fn round_trip_event(event: &Event) {
    let bytes = event.encode();
    assert_eq!(Event::decode(&bytes, event.descriptors()).as_ref(), Ok(event));
    assert!(Event::decode(&bytes, event.descriptors() + 1).is_err(), "a descriptor too many");
    for len in 0..bytes.len() {
        assert!(Event::decode(&bytes[..len], event.descriptors()).is_err(), "cut at {len}");
    }
}

#[test]
fn every_message_survives() {
    for role in [Role::Program, Role::Compiler] {
        round_trip_request(&Request::Start { id: ProcessId(7), role });
    }
    round_trip_request(&Request::Prefork { count: 3 });
    round_trip_request(&Request::Kill { id: ProcessId(u32::MAX) });
    round_trip_event(&Event::Ready {
        fingerprint: vec![1, 2, 3],
        layers: vec!["seccomp".to_owned()],
        missing: vec![],
    });
    round_trip_event(&Event::NotReady { message: "no namespaces".to_owned() });
    round_trip_event(&Event::Started { id: ProcessId(1) });
    round_trip_event(&Event::Failed { id: ProcessId(1), errno: 11 });
    let usage = Usage { user_micros: 1, system_micros: 2, max_resident_bytes: 3 };
    round_trip_event(&Event::Ended { id: ProcessId(1), end: End::Exited(0), usage });
    round_trip_event(&Event::Ended { id: ProcessId(1), end: End::Signaled(9), usage });
}

#[test]
fn left_over_bytes_are_refused() {
    let mut bytes = Request::Prefork { count: 1 }.encode();
    bytes.push(0);
    assert_eq!(Request::decode(&bytes, 0), Err(DecodeError::Long { extra: 1 }));
}

#[test]
fn descriptors_that_no_request_has_are_refused() {
    let mut bytes = Request::Prefork { count: 1 }.encode();
    bytes[6] = 2;
    assert_eq!(Request::decode(&bytes, 2), Err(DecodeError::Descriptors { found: 2, expected: 0 }));
}

#[test]
fn other_builds_are_refused() {
    let mut bytes = Request::Prefork { count: 1 }.encode();
    bytes[3] = b'0';
    assert_eq!(Request::decode(&bytes, 0), Err(DecodeError::Magic));
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(kind in 0u16..8, fds in 0usize..4, body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = b"GtW1".to_vec();
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(fds).unwrap().to_le_bytes());
        bytes.extend_from_slice(&body);
        if let Ok(request) = Request::decode(&bytes, fds) {
            prop_assert_eq!(request.encode(), bytes.clone());
        }
        if let Ok(event) = Event::decode(&bytes, fds) {
            prop_assert_eq!(event.descriptors(), fds);
        }
    }
}
