//! Tests of the escaping.

use super::{message, name};

#[test]
fn names_cannot_steer_a_terminal() {
    assert_eq!(name("plain-name_1.2 it's"), "\"plain-name_1.2 it's\"");
    assert_eq!(name("a\x1b[31m\"\\\n"), "\"a\\u{1b}[31m\\\"\\\\\\n\"");
    assert_eq!(name("\u{202e}abc\u{200b}"), "\"\\u{202e}abc\\u{200b}\"");
    assert_eq!(name("ä日"), "\"ä日\"");
}

#[test]
fn names_and_messages_are_cut() {
    assert_eq!(name(&"x".repeat(81)), format!("\"{}…\"", "x".repeat(80)));
    assert_eq!(name(&"x".repeat(80)), format!("\"{}\"", "x".repeat(80)));
    assert_eq!(message("abc", 2), "ab…");
}

#[test]
fn messages_keep_their_quotes() {
    assert_eq!(message("a `b` \"c\" 'd'\n", 99), "a `b` \"c\" 'd'\\n");
}
