//! What a file is that is not a WebAssembly module.

use std::fmt;

/// The first bytes of every module: magic number and version.
const HEADER: [u8; 8] = *b"\0asm\x01\0\0\0";

/// What a file looks like that is not a WebAssembly module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotWasm {
    /// No bytes at all.
    Empty,
    /// Less than the eight bytes that every module starts with.
    Truncated,
    /// A component: it contains modules, but is none.
    Component,
    /// A module of a version that does not exist yet, or no longer.
    Version(u32),
    /// WebAssembly in its text format.
    Text,
    /// A program for some operating system (ELF, Mach-O or PE).
    Native,
    /// Compressed or packed data; the format's name.
    Packed(&'static str),
    /// Other text: a script, a page.
    OtherText,
    /// Something else, and how it starts.
    Unknown([u8; 4]),
}

impl NotWasm {
    /// What `bytes` are if they do not start like a module.
    pub(super) fn detect(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(&HEADER) {
            return None;
        }
        if bytes.is_empty() {
            return Some(Self::Empty);
        }
        if HEADER.starts_with(bytes) {
            return Some(Self::Truncated);
        }
        if let Some(rest) = bytes.strip_prefix(b"\0asm") {
            // The upper half of the word that used to be the version alone tells the layers apart.
            return Some(match rest.first_chunk::<4>() {
                None => Self::Truncated,
                Some([_, _, 1, 0]) => Self::Component,
                Some(version) => Self::Version(u32::from_le_bytes(*version)),
            });
        }
        let starts = |magics: &[&[u8]]| magics.iter().any(|magic| bytes.starts_with(magic));
        Some(
            if starts(&[
                b"\x7fELF",
                b"\xfe\xed\xfa\xce",
                b"\xfe\xed\xfa\xcf",
                b"\xce\xfa\xed\xfe",
                b"\xcf\xfa\xed\xfe",
                b"MZ",
            ]) {
                Self::Native
            } else if starts(&[b"\x1f\x8b"]) {
                Self::Packed("gzip")
            } else if starts(&[b"\x28\xb5\x2f\xfd"]) {
                Self::Packed("zstd")
            } else if starts(&[b"\xfd7zXZ\0"]) {
                Self::Packed("xz")
            } else if starts(&[b"PK\x03\x04"]) {
                Self::Packed("zip")
            } else {
                Self::text(bytes).unwrap_or(Self::Unknown(first_four(bytes)))
            },
        )
    }

    /// Which kind of text `bytes` are, if they are text as far as the first half kilobyte tells.
    fn text(bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..512).unwrap_or(bytes);
        let printable = |byte: &u8| *byte >= 0x20 && *byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r');
        if !head.iter().all(printable) {
            return None;
        }
        let mut head = head.trim_ascii_start();
        while head.starts_with(b";;") {
            let line = head.iter().position(|byte| *byte == b'\n').unwrap_or(head.len());
            head = head.get(line..).unwrap_or_default().trim_ascii_start();
        }
        let wat = head.starts_with(b"(module") || head.starts_with(b"(;") || head.starts_with(b"(component");
        Some(if wat { Self::Text } else { Self::OtherText })
    }
}

/// The first four bytes, zero where there are fewer.
fn first_four(bytes: &[u8]) -> [u8; 4] {
    let mut four = [0; 4];
    for (to, from) in four.iter_mut().zip(bytes) {
        *to = *from;
    }
    four
}

impl fmt::Display for NotWasm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty"),
            Self::Truncated => f.write_str("the file ends within the header of a module"),
            Self::Component => f.write_str(
                "it is a component; take its core module (`wasm-tools component unbundle`) or compile for wasm32-wasip1",
            ),
            Self::Version(version) => write!(f, "it has version {version}, and only version 1 is known"),
            Self::Text => f.write_str("it is WebAssembly text, which must be translated first (`wasm-tools parse`)"),
            Self::Native => f.write_str("it is a program for an operating system; compile it for wasm32-wasip1"),
            Self::Packed(format) => write!(f, "it is {format} data, which must be unpacked first"),
            Self::OtherText => f.write_str("it is some text file"),
            Self::Unknown([a, b, c, d]) => write!(f, "it starts with the bytes {a:02x} {b:02x} {c:02x} {d:02x}"),
        }
    }
}

#[cfg(test)]
mod tests;
