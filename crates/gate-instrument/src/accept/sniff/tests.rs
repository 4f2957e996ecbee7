//! Tests of the recognition of files that are not modules.

use super::NotWasm;

#[track_caller]
fn check(bytes: &[u8], expect: Option<NotWasm>) {
    assert_eq!(NotWasm::detect(bytes), expect);
}

#[test]
fn modules_are_not_sniffed() {
    check(b"\0asm\x01\0\0\0", None);
    check(b"\0asm\x01\0\0\0garbage", None);
}

#[test]
fn headers() {
    check(b"", Some(NotWasm::Empty));
    for len in 1..8 {
        check(b"\0asm\x01\0\0\0".get(..len).unwrap(), Some(NotWasm::Truncated));
    }
    check(b"\0asm\x0d", Some(NotWasm::Truncated));
    check(b"\0asm\x0d\0\x01\0", Some(NotWasm::Component));
    check(b"\0asm\x0b\0\x01\0", Some(NotWasm::Component));
    check(b"\0asm\x02\0\0\0", Some(NotWasm::Version(2)));
    check(b"\0asm\xff\xff\xff\xff", Some(NotWasm::Version(u32::MAX)));
}

#[test]
fn other_files() {
    check(b"\x7fELF\x02\x01\x01", Some(NotWasm::Native));
    check(b"MZ\x90\0", Some(NotWasm::Native));
    check(b"\x1f\x8b\x08\0", Some(NotWasm::Packed("gzip")));
    check(b"PK\x03\x04", Some(NotWasm::Packed("zip")));
    check(b"#!/bin/sh\n", Some(NotWasm::OtherText));
    check(b"\x01\x02", Some(NotWasm::Unknown([1, 2, 0, 0])));
    check(b"asm\0\x01\0\0\0", Some(NotWasm::Unknown(*b"asm\0")));
}

#[test]
fn text() {
    check(b"(module)", Some(NotWasm::Text));
    check(b"  ;; note\n;; more\n(module", Some(NotWasm::Text));
    check(b"(; note ;) (module)", Some(NotWasm::Text));
    check(b";; only a note", Some(NotWasm::OtherText));
    check(b"(module\0)", Some(NotWasm::Unknown(*b"(mod")));
}
