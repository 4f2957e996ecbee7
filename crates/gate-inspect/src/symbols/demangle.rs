//! Names that a compiler encoded types in.

use std::fmt::{self, Write};

use cpp_demangle::{DemangleOptions, ParseOptions, Symbol};

/// Encoded names above this length stay as they are, in bytes.
const MAX_ENCODED: usize = 4_096;

/// What is decoded is cut after so many bytes: an encoded name can refer to its own parts, and so stand for an endless one.
const MAX_DECODED: usize = 1_000;

/// How deep an encoded C++ name may be nested. Deeper ones stay as they are.
const MAX_NESTING: u32 = 64;

/// The name that Rust or C++ encoded as `name`, or itself.
pub(super) fn demangled(name: &str) -> String {
    rust(name).or_else(|| cpp(name, false)).unwrap_or_else(|| name.to_owned())
}

/// Whether people could mean a function with the encoded name `name` when they say `said`.
pub(super) fn is_called(name: &str, said: &str) -> bool {
    name == said
        || rust(name).is_some_and(|name| name == said)
        || cpp(name, true).is_some_and(|name| name == said)
        || cpp(name, false).is_some_and(|name| name == said)
}

fn rust(name: &str) -> Option<String> {
    if name.len() > MAX_ENCODED {
        return None;
    }
    let name = rustc_demangle::try_demangle(name).ok()?;
    let mut text = Text::new();
    // Without the hash at the end. What does not fit is cut off.
    let _ = write!(text, "{name:#}");
    Some(text.text)
}

fn cpp(name: &str, without_parameters: bool) -> Option<String> {
    if !name.starts_with("_Z") || name.len() > MAX_ENCODED {
        return None;
    }
    let symbol =
        Symbol::new_with_options(name, &ParseOptions::default().recursion_limit(MAX_NESTING)).ok()?;
    let mut options = DemangleOptions::new().recursion_limit(MAX_NESTING);
    if without_parameters {
        options = options.no_params().no_return_type();
    }
    let mut text = Text::new();
    match symbol.structured_demangle(&mut text, &options) {
        Ok(()) => Some(text.text),
        Err(_) if text.full => Some(text.text),
        Err(_) => None,
    }
}

/// Text of bounded length.
struct Text {
    text: String,
    full: bool,
}

impl Text {
    fn new() -> Self {
        Self { text: String::new(), full: false }
    }

    fn push(&mut self, text: &str) -> fmt::Result {
        if self.full {
            return Err(fmt::Error);
        }
        for character in text.chars() {
            if self.text.len() + character.len_utf8() > MAX_DECODED {
                self.text.push('…');
                self.full = true;
                return Err(fmt::Error);
            }
            self.text.push(character);
        }
        Ok(())
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text)
    }
}

#[cfg(test)]
mod tests;
