//! Lines as programs send them, and what becomes of their texts.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// The content of a packet, as the table says.
pub(in crate::log) fn content(
    severity: u8,
    target: &[u8],
    message: &[u8],
    fields: &[(&[u8], &[u8])],
) -> Vec<u8> {
    let byte = |number: usize| u8::try_from(number).unwrap();
    let mut content = vec![0, severity, byte(target.len()), byte(fields.len())];
    content.extend(u16::try_from(message.len()).unwrap().to_le_bytes());
    content.extend([0, 0]);
    content.extend([target, message].concat());
    for (key, value) in fields {
        content.extend([byte(key.len()), 0]);
        content.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
        content.extend([*key, value].concat());
    }
    content
}

#[track_caller]
fn check(content: &[u8], expect: &str) {
    let line = Line::decode(content).unwrap();
    assert_eq!(format!("{:<8}{line}", line.severity), expect);
}

#[test]
fn lines_are_shown() {
    check(&content(0, b"", b"", &[]), "error   ");
    check(&content(1, b"net", b"it is slow", &[]), "warning net: it is slow");
    check(
        &content(2, b"", b"got it", &[(b"file", b"a b"), (b"say", b"\"x\""), (b"A-z_0.9", b"")]),
        "info    got it file=\"a b\" say=\"\\\"x\\\"\" A-z_0.9=\"\"",
    );
    check(&content(3, b"t", "Grüße 漢字 'x' \\n".as_bytes(), &[]), "debug   t: Grüße 漢字 'x' \\n");
    check(&content(4, b"\x07", b"x", &[]), "trace   \\u{7}: x");
}

#[test]
fn bytes_are_where_the_table_says() {
    let bytes = [0, 1, 1, 1, 2, 0, 0, 0, b't', b'm', b'n', 1, 0, 2, 0, b'k', b'v', b'w'];
    let line = Line {
        severity: Severity::Warning,
        target: "t".to_owned(),
        message: "mn".to_owned(),
        fields: vec![("k".to_owned(), "vw".to_owned())],
    };
    assert_eq!(Line::decode(&bytes), Ok(line));
}

#[test]
fn nothing_reaches_a_terminal_but_text() {
    check(&content(0, b"", b"a\x1b[2Jb\r\nc\td\x7f\0", &[]), "error   a\\u{1b}[2Jb\\r\\nc\\td\\u{7f}\\0");
    check(
        &content(0, b"", "\u{9b}31m\u{202e}\u{2066}\u{200b}\u{2028}".as_bytes(), &[]),
        concat!("error   ", r"\u{9b}31m\u{202e}\u{2066}\u{200b}\u{2028}"),
    );
    check(&content(0, b"", b"ok \xff\xc3( \xed\xa0\x80", &[]), r"error   ok \xff\xc3( \xed\xa0\x80");
    check(&content(0, b"", b"m", &[(b"k", b"\x1b\"\n")]), r#"error   m k="\u{1b}\"\n""#);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let key = [b'k'; MAX_FIELD_KEY_BYTES + 1];
    let good = content(0, b"t", b"m", &[(b"k", b"v")]);
    for length in 0..good.len() {
        let expect = if length < HEADER_BYTES { Refusal::Unsupported } else { Refusal::Invalid };
        assert_eq!(Line::decode(&good[..length]), Err(expect), "{length}");
    }
    for bytes in [
        [&good[..], &[0]].concat(),
        content(5, b"", b"", &[]),
        content(0, &[b't'; MAX_TARGET_BYTES + 1], b"", &[]),
        content(0, b"", b"", &[(&b"k"[..], &b""[..]); MAX_FIELDS + 1]),
        content(0, b"", b"", &[(&key, b"")]),
        content(0, b"", b"", &[(b"", b"v")]),
        content(0, b"", b"", &[(b"a b", b"v")]),
        content(0, b"", b"", &[(b"a=", b"v")]),
        content(0, b"", b"", &[(b"\xc3\xa4", b"v")]),
        content(0, b"", &[b'm'; MAX_LINE_BYTES - HEADER_BYTES + 1], &[]),
    ] {
        assert_eq!(Line::decode(&bytes), Err(Refusal::Invalid), "{bytes:?}");
    }
    for at in [6, 7, 11] {
        let mut bytes = good.clone();
        bytes[at] = 1;
        assert_eq!(Line::decode(&bytes), Err(Refusal::Invalid), "{at}");
    }
    let mut bytes = good;
    bytes[0] = 1;
    assert_eq!(Line::decode(&bytes), Err(Refusal::Unsupported));

    assert!(
        Line::decode(&content(0, &[b't'; MAX_TARGET_BYTES], b"", &[(&key[1..], &b""[..]); MAX_FIELDS]))
            .is_ok()
    );
    assert!(Line::decode(&content(0, b"", &[b'm'; MAX_LINE_BYTES - HEADER_BYTES], &[])).is_ok());
}

proptest! {
    #[test]
    fn any_bytes_are_judged(
        head in vec(0_u8..6, 8),
        rest in vec(prop_oneof![0_u8..6, any::<u8>()], 0..60),
    ) {
        if let Ok(line) = Line::decode(&[&[0][..], &head[1..6], &[0, 0], &rest].concat()) {
            let text = line.to_string();
            prop_assert!(!text.chars().any(char::is_control), "{text:?}");
            prop_assert!(text.len() <= 6 * rest.len() + 5 * line.fields.len() + 2);
        }
    }

    #[test]
    fn text_stays_as_it_is(text in "[ -~]{0,50}") {
        let line = Line::decode(&content(2, b"", text.as_bytes(), &[])).unwrap();
        prop_assert_eq!(line.message, text);
    }
}
