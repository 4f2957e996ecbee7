//! What a program can do wrong, and what becomes of it.

use std::future::poll_fn;

use gate_packet::buffers::{Buffers, ServiceBuffer};
use gate_packet::{Domain, Violation, discovery};

use super::{answer, client, exchange, hex, now, pump};
use crate::models::registry;
use crate::{Failure, Fault, Pump, RestoreError};

/// A program that has discovered `origin` (0), `test` (1, which there is not), `echo` (2) and `fail` (3) sends `sent`, which
/// breaks the packet protocol.
#[track_caller]
fn check(sent: &str, expect: Violation) {
    let mut pump = discovered();
    match exchange(&mut pump, &hex(sent)) {
        Err(Fault::Violation(found)) => assert_eq!(found, expect, "{sent}"),
        other => panic!("{sent}: {other:?}"),
    }
    // There is no way back.
    assert!(!pump.wants_input());
    assert_eq!(exchange(&mut pump, &hex("08 00 00 00 02 00 00 00")).unwrap(), []);

    // The same in a packet that was waiting when the program was restored.
    let mut buffers = now(discovered().save()).unwrap();
    buffers.output = hex(sent);
    let mut pump = now(Pump::restore(registry(), client(), buffers)).unwrap();
    assert!(matches!(exchange(&mut pump, &[]), Err(Fault::Violation(found)) if found == expect), "{sent}");

    // And in a program that has stopped.
    let mut pump = discovered();
    pump.receive(&hex(sent));
    let drained = now(poll_fn(|context| pump.drain(context)));
    assert!(matches!(drained, Err(Fault::Violation(found)) if found == expect), "{sent}");
}

fn discovered() -> Pump {
    let mut pump = pump();
    let mut request = Vec::new();
    discovery::encode_request(&mut request, &[b"origin", b"test", b"echo", b"fail"]).unwrap();
    assert_eq!(answer(&mut pump, &request), hex("0e 00 00 00 ff ff 00 00 04 00 01 00 01 01 00 00"));
    pump
}

/// The failure of a service when a program sends `sent`.
#[track_caller]
fn failure(sent: &str) -> (String, Failure) {
    match exchange(&mut discovered(), &hex(sent)) {
        Err(Fault::Service { name, failure }) => (name, failure),
        other => panic!("{sent}: {other:?}"),
    }
}

#[test]
fn sizes() {
    check("07 00 00 00 02 00 00 00", Violation::Size { found: 7 });
    check("01 00 01 00 02 00 00 00", Violation::Size { found: 65_537 });
}

#[test]
fn codes() {
    check("08 00 00 00 fe ff 00 00", Violation::Code { found: -2 });
    check("08 00 00 00 04 00 00 00", Violation::UndiscoveredService { code: 4, discovered: 4 });
}

#[test]
fn requests() {
    let domain = Violation::DiscoveryDomain { found: Domain::Flow };
    check("0a 00 00 00 ff ff 02 00 00 00 00 00 00 00 00 00", domain);
    let domain = Violation::DiscoveryDomain { found: Domain::Info };
    check("0a 00 00 00 ff ff 01 00 00 00 00 00 00 00 00 00", domain);
    check("09 00 00 00 ff ff 00 00 00 00 00 00 00 00 00 00", Violation::DiscoverySize { found: 9 });
    check("0b 00 00 00 ff ff 00 00 01 00 00 00 00 00 00 00", Violation::NameLength { found: 0 });
    check("0c 00 00 00 ff ff 00 00 01 00 80 61 00 00 00 00", Violation::NameLength { found: 128 });
    let truncated = Violation::NameTruncated { index: 0, count: 1 };
    check("0c 00 00 00 ff ff 00 00 01 00 02 61 00 00 00 00", truncated);
    let duplicate = Violation::DuplicateService { code: 2 };
    check("0f 00 00 00 ff ff 00 00 01 00 04 65 63 68 6f 00", duplicate);
}

#[test]
fn domains() {
    check("08 00 00 00 02 00 04 00", Violation::Domain { found: 4 });
    check("0f 00 00 00 00 00 03 00 00 00 00 00 00 00 00 00", Violation::DataSize { found: 15 });
}

#[test]
fn streams_of_services_without_streams() {
    for (sent, domain) in [
        ("10 00 00 00 02 00 02 00 00 00 00 00 01 00 00 00", "flow"),
        ("10 00 00 00 02 00 03 00 00 00 00 00 00 00 00 00", "data"),
    ] {
        let (name, failure) = failure(sent);
        assert_eq!(name, "echo");
        assert!(matches!(failure, Failure::Program(_)));
        assert_eq!(failure.to_string(), format!("{domain} packet for a service without streams"));
    }
}

#[test]
fn failures_of_services() {
    let (name, found) = failure("0f 00 00 00 03 00 00 00 70 72 6f 67 72 61 6d 00");
    assert_eq!((&*name, found.to_string()), ("fail", "as it was told".to_owned()));
    let (_, found) = failure("0f 00 00 00 03 00 00 00 73 65 72 76 69 63 65 00");
    assert!(matches!(found, Failure::Service(_)), "{found:?}");
    let (_, found) = failure("0d 00 00 00 03 00 00 00 6c 61 74 65 72 00 00 00");
    assert!(matches!(&found, Failure::Service(source) if source.to_string() == "later"), "{found:?}");
}

#[test]
fn what_is_ignored() {
    #[track_caller]
    fn check(sent: &str, expect: &str) {
        assert_eq!(answer(&mut discovered(), &hex(sent)), hex(expect), "{sent}");
    }
    let reply = "09 00 00 00 02 00 00 00 61 00 00 00 00 00 00 00";
    check("09 00 00 00 02 00 00 00 61 ff ff ff ff ff ff ff", reply);
    check("09 00 00 00 02 00 00 63 61 00 00 00 00 00 00 00", reply);
    check("09 00 00 00 02 00 f0 00 61 00 00 00 00 00 00 00", reply);
    let states = "0e 00 00 00 ff ff 00 00 04 00 01 00 01 01 00 00";
    check("0e 00 00 00 ff ff 00 00 00 00 ff ff ff ff 00 00", states);
    // A service that there is not can be discovered again.
    let states = "0f 00 00 00 ff ff 00 00 05 00 01 00 01 01 00 00";
    check("0f 00 00 00 ff ff 00 00 01 00 04 74 65 73 74 00", states);
    for domain in ["00", "01", "02", "03"] {
        check(&format!("10 00 00 00 01 00 {domain} 00 00 00 00 00 00 00 00 00"), "");
    }
}

#[test]
fn services_are_not_asked_after_a_fault() {
    let mut pump = discovered();
    answer(&mut pump, &hex("08 00 00 00 03 00 00 00"));
    assert!(matches!(now(pump.save()), Err(Fault::Service { name, .. }) if name == "fail"));
    pump.receive(&[1, 2, 3]);
    let buffers = now(pump.save()).unwrap();
    assert_eq!((buffers.services.len(), &buffers.output[..]), (4, &[1, 2, 3][..]));
    assert!(buffers.services.iter().all(|service| service.snapshot.is_empty()));
}

#[test]
fn services_that_cannot_be_restored() {
    let restore = |services: &[(&str, &[u8])]| {
        let service = |&(name, snapshot): &(&str, &[u8])| ServiceBuffer {
            name: name.as_bytes().into(),
            snapshot: snapshot.to_vec(),
        };
        let buffers = Buffers { services: services.iter().map(service).collect(), ..Buffers::default() };
        now(Pump::restore(registry(), client(), buffers)).err()
    };
    let found = restore(&[("echo", b""), ("fail", b"x")]);
    let Some(RestoreError::Service { name, failure: Failure::Snapshot(_) }) = found else {
        panic!("{found:?}")
    };
    assert_eq!(name, "fail");
    assert!(matches!(restore(&[("echo", b""), ("echo", b"")]), Some(RestoreError::Names { .. })));
    assert!(matches!(restore(&[("", b"")]), Some(RestoreError::Names { .. })));
    assert!(restore(&[("none", b""), ("none", b"x"), ("fail", b"")]).is_none());
}
