//! Tests of what is kept of requests.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn limits() -> Limits {
    let time = Duration::from_secs(1);
    Limits { request_body: 1, response_body: 1, timeout: time, idle_timeout: time, head: 65_528 }
}

/// One request whose response has been called for, and another of which a part was sent.
fn example() -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&[9; 16]);
    bytes.push(2);
    bytes.extend_from_slice(&[3, 0, 0, 0, ASKED | TWO_WAYS, 15]);
    bytes.extend_from_slice(&[1, 2, 0, 0]);
    bytes.extend_from_slice(&[3, 4, 0, 0]);
    bytes.extend_from_slice(&[12, 0]);
    bytes.extend_from_slice(&[0, 0, 0, 0]);
    bytes.extend_from_slice(&[0, 0, 0, 0]);
    bytes.extend_from_slice(&[5, 0, 0, 0, ASKED | REPLIED, 3]);
    bytes.extend_from_slice(&[1, 0, 0, 0]);
    bytes.extend_from_slice(&[0, 0, 0, 0]);
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&[0, 0, 0, 0]);
    bytes.extend_from_slice(&[4, 0, 0, 0]);
    bytes.extend_from_slice(b"body");
    bytes.extend_from_slice(&[1, 3, 0, 0, 0]);
    bytes
}

#[tokio::test]
async fn what_is_written_is_what_was_read() {
    let (token, state) = read(&example(), limits()).unwrap();
    assert_eq!(token, [9; 16]);
    assert_eq!(state.asked, [3]);
    assert_eq!(write(&token, &state), example());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut Vec<u8>), reason: &str) {
        let mut bytes = example();
        change(&mut bytes);
        let Err(Failure::Snapshot(found)) = read(&bytes, limits()) else { panic!("{reason}: it is read") };
        assert!(found.contains(reason), "{found}");
    }
    check(|bytes| bytes[0] = 2, "format 2");
    check(|bytes| bytes[17] = 129, "129 requests");
    check(|bytes| bytes[21] = 0x80, "negative");
    check(|bytes| bytes[42] = 3, "there twice");
    check(|bytes| bytes[22] = 8, "flags");
    check(|bytes| bytes[23] = 16, "flags");
    check(|bytes| bytes[22] = ASKED, "flags");
    check(|bytes| bytes[27] = 0x80, "credit of");
    check(|bytes| bytes[30] = 1, "credit of");
    check(|bytes| bytes[32] = 1, "error is not known");
    check(|bytes| bytes[32] = 0, "head of a response");
    check(|bytes| bytes[22] = TWO_WAYS, "waited for");
    check(|bytes| bytes[22] = ASKED | REPLIED | TWO_WAYS, "waited for");
    check(|bytes| bytes[23] = 13, "after its end");
    check(|bytes| bytes[36] = 1, "too large");
    check(|bytes| bytes[40] = 1, "cut");
    check(|bytes| bytes[46] = REPLIED, "head of a response");
    let end = example().len() - 5;
    check(|bytes| bytes[end] = 0, "has no place");
    check(|bytes| bytes.truncate(end), "cut");
    check(|bytes| bytes[end + 1] = 5, "waited for");
    check(|bytes| bytes.push(0), "behind its end");
    for len in 0..example().len() {
        assert!(read(&example()[..len], limits()).is_err());
    }
}

proptest! {
    #[test]
    fn whatever_is_read_is_written_again(changes: Vec<(prop::sample::Index, u8)>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _guard = runtime.enter();
        let mut bytes = example();
        for (position, byte) in changes.into_iter().take(4) {
            let position = position.index(bytes.len());
            bytes[position] = byte;
        }
        if let Ok((token, state)) = read(&bytes, limits()) {
            let written = write(&token, &state);
            let (_, again) = read(&written, limits()).unwrap();
            prop_assert_eq!(write(&token, &again), written);
        }
    }
}
