//! Text that a module's author chose, made safe for terminals and logs.

/// How much of such a text people are shown, in characters. Mangled names of C++ can be longer than any line.
const MAX_CHARS: usize = 160;

/// `text` with everything that could make a terminal do something written out, and cut where it is long.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == MAX_CHARS {
            safe.push('…');
            break;
        }
        match character {
            '"' | '\'' | '\\' => safe.push(character),
            other => safe.extend(other.escape_debug()),
        }
    }
    safe
}

/// JSON in ASCII: what is not can only be in strings, where it may be escaped.
pub(crate) fn ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        if character < '\u{7f}' {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::{MAX_CHARS, ascii, escaped};

    #[test]
    fn nothing_reaches_the_terminal() {
        assert_eq!(escaped("a\x1b[31mb\n\u{202e}c"), "a\\u{1b}[31mb\\n\\u{202e}c");
        assert_eq!(escaped("Grüße \"x\" 漢字"), "Grüße \"x\" 漢字");
        assert_eq!(escaped(&"x".repeat(1_000)).chars().count(), MAX_CHARS + 1);
    }

    #[test]
    fn json_stays_what_it_says() {
        assert_eq!(ascii("{\"a\": \"ü\u{1F600}\u{7f}\"}"), "{\"a\": \"\\u00fc\\ud83d\\ude00\\u007f\"}");
    }
}
