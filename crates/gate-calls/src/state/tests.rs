//! Tests of saved states.

use std::time::Duration;

use super::RestoreError;
use crate::Calls;
use crate::tests::host::{FakeHost, broken};

fn restore(saved: &[u8]) -> Result<Vec<u8>, RestoreError> {
    Calls::restore(saved, Duration::from_nanos(1), 0, &mut FakeHost::new()).map(|calls| calls.save())
}

/// As it is described: a magic, a version, a length, and the time.
fn state(magic: &[u8; 8], version: u32, len: u32, begun: u64) -> Vec<u8> {
    [&magic[..], &version.to_le_bytes(), &len.to_le_bytes(), &begun.to_le_bytes()].concat()
}

#[test]
fn what_is_saved_is_restored() {
    let new = Calls::start(Duration::from_nanos(1), 0, &mut FakeHost::new()).unwrap().save();
    assert_eq!(new, state(b"GateCl\r\n", 1, 24, 0));
    for begun in [0, 1, 1_234_567_890, u64::MAX] {
        let saved = state(b"GateCl\r\n", 1, 24, begun);
        assert_eq!(restore(&saved), Ok(saved));
    }
}

#[test]
fn other_states_are_refused() {
    let good = state(b"GateCl\r\n", 1, 24, 7);
    for len in 0..good.len() {
        let expect = if len < 12 { RestoreError::Magic } else { RestoreError::Length { found: len as u64 } };
        assert_eq!(restore(&good[..len]), Err(expect), "{len} bytes");
    }
    assert_eq!(restore(&[&good[..], &[0]].concat()), Err(RestoreError::Length { found: 25 }));
    assert_eq!(restore(&state(b"GateWs\r\n", 1, 24, 7)), Err(RestoreError::Magic));
    assert_eq!(restore(&state(b"GateCl\r\n", 2, 24, 7)), Err(RestoreError::Version { found: 2 }));
    assert_eq!(restore(&state(b"GateCl\r\n", 1, 25, 7)), Err(RestoreError::Length { found: 24 }));
}

#[test]
fn a_failing_clock_is_told() {
    let mut host = FakeHost::new();
    host.clock_fails = true;
    let good = state(b"GateCl\r\n", 1, 24, 7);
    let refused = Calls::restore(&good, Duration::from_nanos(1), 0, &mut host).unwrap_err();
    assert!(
        matches!(&refused, RestoreError::Clock { source } if broken(source.operation) == broken("read the clock"))
    );
}
