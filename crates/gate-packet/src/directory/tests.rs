//! Tests of discovery over the life of an instance.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Directory, RestoreError, Route};
use crate::{Code, Domain, Parser, Violation, discovery, encode};

/// Routes the first packet in `bytes`; the services whose names start with `a` are available.
fn route(directory: &mut Directory, bytes: &[u8], replies: &mut Vec<u8>) -> Result<Route, Violation> {
    let mut parser = Parser::new();
    let packet = parser.next(&mut &bytes[..])?.unwrap();
    directory.route(&packet, replies, |name| name.starts_with(b"a"))
}

/// Discovers `names` and returns the states in the reply.
fn discover(directory: &mut Directory, names: &[&[u8]]) -> Result<Vec<u8>, Violation> {
    let mut bytes = Vec::new();
    discovery::encode_request(&mut bytes, names).unwrap();
    let mut reply = Vec::new();
    assert_eq!(route(directory, &bytes, &mut reply)?, Route::Answered);
    let (mut parser, mut input) = (Parser::new(), &reply[..]);
    let packet = parser.next(&mut input).unwrap().unwrap();
    assert_eq!((packet.domain(), packet.index(), input.len()), (Domain::Call, 0, 0));
    Ok(discovery::states(&packet).unwrap().to_vec())
}

fn send(directory: &mut Directory, code: u16) -> Result<Route, Violation> {
    let mut bytes = Vec::new();
    encode::packet(&mut bytes, Code::Service(code), Domain::Call, 0, &[]).unwrap();
    let mut replies = Vec::new();
    let route = route(directory, &bytes, &mut replies);
    assert_eq!(replies, []);
    route
}

#[test]
fn discovery_is_incremental() {
    let mut directory = Directory::new();
    assert_eq!(discover(&mut directory, &[]), Ok(vec![]));
    assert_eq!(discover(&mut directory, &[b"a1", b"b1"]), Ok(vec![1, 0]));
    assert_eq!(discover(&mut directory, &[b"a2"]), Ok(vec![1, 0, 1]));
    assert_eq!(discover(&mut directory, &[]), Ok(vec![1, 0, 1]));
}

#[test]
fn packets_go_to_available_services_only() {
    let mut directory = Directory::new();
    assert_eq!(send(&mut directory, 0), Err(Violation::UndiscoveredService { code: 0, discovered: 0 }));
    discover(&mut directory, &[b"a1", b"b1"]).unwrap();
    assert_eq!(send(&mut directory, 0), Ok(Route::Service(0)));
    assert_eq!(send(&mut directory, 1), Ok(Route::Drop));
    assert_eq!(send(&mut directory, 2), Err(Violation::UndiscoveredService { code: 2, discovered: 2 }));
}

#[test]
fn only_available_services_must_not_repeat() {
    let mut directory = Directory::new();
    assert_eq!(discover(&mut directory, &[b"b", b"b"]), Ok(vec![0, 0]));
    assert_eq!(discover(&mut directory, &[b"b", b"a"]), Ok(vec![0, 0, 0, 1]));
    assert_eq!(discover(&mut directory, &[b"a"]), Err(Violation::DuplicateService { code: 3 }));
    let mut directory = Directory::new();
    assert_eq!(discover(&mut directory, &[b"a", b"a"]), Err(Violation::DuplicateService { code: 0 }));
}

#[test]
fn names_beyond_the_limit_are_not_looked_at() {
    let mut directory = Directory::new();
    assert_eq!(discover(&mut directory, &[&b"b"[..]; 255]).unwrap().len(), 255);
    // The second name has length 0, which would be a violation.
    let mut bytes = Vec::new();
    encode::packet(&mut bytes, Code::Discovery, Domain::Call, 0, &[9, 0, 1, b'a', 0]).unwrap();
    let mut reply = Vec::new();
    assert_eq!(route(&mut directory, &bytes, &mut reply), Ok(Route::Answered));
    assert_eq!(reply.len(), 272, "the longest reply");
    assert_eq!(discover(&mut directory, &[b"a", b"b"]).unwrap().len(), 256);
    assert_eq!(send(&mut directory, 255), Ok(Route::Service(255)));
    assert_eq!(send(&mut directory, 256), Err(Violation::UndiscoveredService { code: 256, discovered: 256 }));
}

#[test]
fn a_restored_directory_announces_itself() {
    let names: [&[u8]; 3] = [b"a1", b"b", b"a2"];
    let directory = Directory::restore(names, |name| name.starts_with(b"a")).unwrap();
    let mut out = Vec::new();
    directory.notify(&mut out);
    assert_eq!(out, b"\x0d\0\0\0\xff\xff\x01\0\x03\0\x01\0\x01\0\0\0");
    assert!(directory.services().iter().map(|service| &*service.name).eq(names));
    out.clear();
    Directory::new().notify(&mut out);
    assert_eq!(out, []);
}

#[test]
fn names_that_cannot_be_restored() {
    let restore = |names: &[&[u8]]| Directory::restore(names.iter().copied(), |name| name == b"a").err();
    assert_eq!(restore(&[b"b", b"b"]), None);
    assert_eq!(restore(&[b"a", b"b", b"a"]), Some(RestoreError::Duplicate { position: 2 }));
    assert_eq!(restore(&[b"b", b""]), Some(RestoreError::NameLength { position: 1, found: 0 }));
    assert_eq!(restore(&[&[0; 128]]), Some(RestoreError::NameLength { position: 0, found: 128 }));
    assert_eq!(restore(&[&b"b"[..]; 256]), None);
    assert_eq!(restore(&[&b"b"[..]; 257]), Some(RestoreError::Count));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(input in vec(prop_oneof![Just(0u8), Just(8), Just(16), Just(255), any::<u8>()], 0..400)) {
        let (mut directory, mut parser, mut rest, mut replies) = (Directory::new(), Parser::new(), &input[..], Vec::new());
        while let Ok(Some(packet)) = parser.next(&mut rest) {
            if directory.route(&packet, &mut replies, |_| false).is_err() {
                break;
            }
            prop_assert!(replies.len() <= 272);
            replies.clear();
        }
        prop_assert!(directory.services().len() <= 256);
    }
}
