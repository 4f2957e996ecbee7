//! The text for people.

//! Descriptions, compared with files in `tests/golden`.

use gate_snapshot::Details;

use super::{bytes, number, seconds};
use crate::facts::{facts, tests};

/// Compares with a file in `tests/golden`; `cargo xtask bless` writes it.
#[track_caller]
fn check(name: &str, text: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expect = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expect, "{path}; `cargo xtask bless` accepts what it is now");
}

#[test]
fn modules_are_shown() {
    check("module.txt", &facts(&tests::module()).text());
    check("module.json", &facts(&tests::module()).json());
}

#[test]
fn snapshots_are_shown() {
    let details = Details { trap: 2, breakpoints: vec![10, 12], ..Details::default() };
    check("snapshot.txt", &facts(&tests::snapshot(&details)).text());
    check("snapshot.json", &facts(&tests::snapshot(&details)).json());
}

#[test]
fn what_is_no_module_is_shown() {
    check("unknown.txt", &facts(b"#!/bin/sh\necho hello\n").text());
}

#[test]
fn numbers_are_readable() {
    assert_eq!(number(0), "0");
    assert_eq!(number(999), "999");
    assert_eq!(number(1_000), "1,000");
    assert_eq!(number(u64::MAX), "18,446,744,073,709,551,615");
    assert_eq!(bytes(1), "1 byte");
    assert_eq!(bytes(1_023), "1,023 bytes");
    assert_eq!(bytes(1_536), "1,536 bytes (1.5 KiB)");
    assert_eq!(bytes(u64::MAX), "18,446,744,073,709,551,615 bytes (17179869183.9 GiB)");
    assert_eq!(seconds(1_000_000_001), "1.000000001 s");
}
