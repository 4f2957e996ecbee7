//! Text for terminals.

use std::error::Error;
use std::ffi::OsStr;

/// `text` with everything that could make a terminal do something written out: it comes from a stranger.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => safe.push(character),
            other => safe.extend(other.escape_debug()),
        }
    }
    safe
}

/// The name of a file or the like: a stranger may have chosen it, too.
pub(crate) fn name(name: &(impl AsRef<OsStr> + ?Sized)) -> String {
    escaped(&name.as_ref().display().to_string())
}

/// Like [`escaped`], of several lines, which are kept and indented.
pub(crate) fn escaped_lines(text: &str) -> String {
    text.lines().map(escaped).collect::<Vec<_>>().join("\n  ")
}

/// Like [`escaped`], of several lines, which are kept as they are.
pub(crate) fn safe_lines(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        safe.push_str(&escaped(line));
        safe.push_str(end);
    }
    safe
}

/// An error with all its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// A size for people.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::{escaped, escaped_lines, safe_lines};

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(escaped("a\x1b[31mb"), "a\\u{1b}[31mb");
        assert_eq!(escaped("tab\tnl\n"), "tab\\tnl\\n");
        assert_eq!(escaped("\u{202e}evil"), "\\u{202e}evil");
        assert_eq!(escaped("Grüße \"x\" 漢字"), "Grüße \"x\" 漢字");
        assert_eq!(escaped_lines("a\x07\nb"), "a\\u{7}\n  b");
        assert_eq!(safe_lines("  a\x07\n\n b\n"), "  a\\u{7}\n\n b\n");
    }
}
