//! The examples of the packet protocol, byte for byte.

use std::future::poll_fn;

use super::{answer, client, hex, now, pump};
use crate::Pump;
use crate::models::registry;

#[test]
fn discovery_calls_and_streams() {
    let mut pump = pump();
    let exchanges = [
        (
            "16 00 00 00 ff ff 00 00 02 00 06 6f 72 69 67 69 6e 04 74 65 73 74 00 00",
            "0c 00 00 00 ff ff 00 00 02 00 01 00 00 00 00 00",
        ),
        (
            "13 00 00 00 ff ff 00 00 01 00 08 69 64 65 6e 74 69 74 79 00 00 00 00 00",
            "0d 00 00 00 ff ff 00 00 03 00 01 00 01 00 00 00",
        ),
        ("08 00 00 00 00 00 00 00", "10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        (
            "10 00 00 00 00 00 02 00 00 00 00 00 00 10 00 00",
            "10 00 00 00 00 00 02 00 00 00 00 00 ff 7f 00 00",
        ),
        ("15 00 00 00 00 00 03 00 00 00 00 00 00 00 00 00 68 65 6c 6c 6f 00 00 00", ""),
        (
            "10 00 00 00 00 00 03 00 00 00 00 00 00 00 00 00",
            "10 00 00 00 00 00 02 00 00 00 00 00 00 00 00 00",
        ),
        ("09 00 00 00 02 00 00 00 01 00 00 00 00 00 00 00", ""),
    ];
    for (sent, expect) in exchanges {
        assert_eq!(answer(&mut pump, &hex(sent)), hex(expect), "{sent}");
    }
    assert!(pump.wants_input());
}

#[test]
fn replies_out_of_order() {
    let mut pump = pump();
    let sent = "14 00 00 00 ff ff 00 00 02 00 04 65 63 68 6f 04 73 77 61 70 00 00 00 00";
    assert_eq!(answer(&mut pump, &hex(sent)), hex("0c 00 00 00 ff ff 00 00 02 00 01 01 00 00 00 00"));
    let calls =
        "0a 00 00 00 01 00 00 00 41 41 00 00 00 00 00 00 0a 00 00 00 01 00 00 00 42 42 00 00 00 00 00 00";
    let replies =
        "0a 00 00 00 01 00 00 01 42 42 00 00 00 00 00 00 0a 00 00 00 01 00 00 00 41 41 00 00 00 00 00 00";
    assert_eq!(answer(&mut pump, &hex(calls)), hex(replies));
}

#[test]
fn states_after_a_resume_come_behind_what_was_not_read() {
    let mut pump = pump();
    let names = "06 6f 72 69 67 69 6e 04 74 65 73 74 08 69 64 65 6e 74 69 74 79 00";
    pump.receive(&hex(&format!("1f 00 00 00 ff ff 00 00 03 00 {names}")));
    now(poll_fn(|context| pump.drain(context))).unwrap();
    let unread = hex("0d 00 00 00 ff ff 00 00 03 00 01 00 01 00 00 00");
    let buffers = now(pump.save()).unwrap();
    assert_eq!(buffers.input, unread);
    assert_eq!(buffers.output, []);
    let restored = now(Pump::restore(registry(), client(), buffers)).unwrap();
    let info = hex("0d 00 00 00 ff ff 01 00 03 00 01 00 01 00 00 00");
    assert_eq!(restored.outgoing(), [unread, info].concat());
}
