//! Services that reach out of the host, here to where there is nothing.

use std::sync::Arc;
use std::time::Duration;

use gate_service::Factory;
use gate_service::conformance::{self, Subject};
use gate_services::http::{self, Http, Policy};
use gate_services::localhost::Localhost;
use gate_services::shell::Shell;

/// The service `http`: what `data` says, and the same after two requests were made that make sense.
///
/// # Panics
/// When the code under test is wrong.
pub fn http(data: &[u8]) {
    // Nothing listens there, or if it does, it discards what it gets.
    let rule = "http://127.0.0.1:9".parse().expect("it is a rule");
    let mut config = http::Config::new(Policy { rules: vec![rule] });
    // Those of the system take long to read.
    config.authorities = Some(Vec::new());
    let subject = || Arc::new(Http::new(config.clone()));
    check(subject(), data);

    let url = b"http://127.0.0.1:9/";
    let mut bytes = Vec::new();
    for length in [0, u64::MAX] {
        let mut call = vec![0, 3, 19, 0, 1, 0, 0, 0];
        call.extend_from_slice(&length.to_le_bytes());
        call.extend_from_slice(&[0; 4]);
        call.extend_from_slice(b"GET");
        call.extend_from_slice(url);
        call.extend_from_slice(b"\x01\x02\x00avw");
        push_call(&mut bytes, &call);
    }
    push_call(&mut bytes, &[1, 0, 0, 0, 1, 0, 0, 0]);
    bytes.extend_from_slice(data);
    check(subject(), &bytes);

    // Requests that almost make sense.
    for (position, byte) in data.iter().zip(0..bytes.len()).map(|(byte, position)| (position, *byte)) {
        bytes[position] ^= byte & byte.rotate_left(3) & byte.rotate_left(5);
    }
    check(subject(), &bytes);
}

/// The service `gate.computer/localhost`: what `data` says, and calls that are almost FlatBuffers.
///
/// # Panics
/// When the code under test is wrong.
pub fn localhost(data: &[u8]) {
    let subject = || {
        let address = "unix:///nonexistent/socket".parse().expect("it is an address");
        Arc::new(Localhost::new(address, Duration::from_secs(1), None))
    };
    check(subject(), data);
    // A call that gets `a` with method `GET`.
    let mut call = [
        &[12, 0, 0, 0, 8, 0, 12, 0, 7, 0, 8, 0, 8, 0, 0, 0, 0, 0, 0, 1, 16, 0, 0, 0][..],
        &[0, 0, 8, 0, 12, 0, 4, 0, 8, 0, 0, 0, 10, 0, 0, 0, 8, 0, 0, 0, 12, 0, 0, 0],
        b"\x03\0\0\0GET\0\x01\0\0\0a\0\0\0",
    ]
    .concat();
    let mut bytes = Vec::new();
    push_call(&mut bytes, &call);
    let (changes, rest) = data.split_at(data.len() / 2);
    for change in changes.chunks_exact(2) {
        let position = usize::from(change[0]) % call.len();
        call[position] = change[1];
        push_call(&mut bytes, &call);
    }
    bytes.extend_from_slice(rest);
    check(subject(), &bytes);
}

/// The service `gate.computer/shell`, for a program that may not run anything.
///
/// # Panics
/// When the code under test is wrong.
pub fn shell(data: &[u8]) {
    check(Arc::new(Shell::new()), data);
    // With a command that is lost, in each state.
    for flags in 1..=3 {
        check(Arc::new(Shell::new()), &[&[255, 1, flags], data].concat());
    }
}

/// The way in which [`conformance::fuzz`] is told of a call, of at most 255 bytes.
fn push_call(bytes: &mut Vec<u8>, call: &[u8]) {
    bytes.extend_from_slice(&[0, u8::try_from(call.len()).expect("it is short")]);
    bytes.extend_from_slice(call);
}

fn check(factory: Arc<dyn Factory>, bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let subject = Subject::new(factory, conformance::Script::new());
    if let Err(breach) = runtime.expect("a runtime").block_on(conformance::fuzz(subject, bytes)) {
        panic!("{breach:?}");
    }
}

#[test]
fn smoke() {
    for target in [http, localhost, shell] {
        crate::driver::smoke(target, 500);
    }
}
