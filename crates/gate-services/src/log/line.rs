//! Lines, and how packets hold them.

use std::fmt;

use super::{MAX_FIELD_KEY_BYTES, MAX_FIELDS, MAX_LINE_BYTES, MAX_TARGET_BYTES};

/// The size of what every packet begins with, in bytes.
const HEADER_BYTES: usize = 8;

/// How bad it is, from the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something has failed.
    Error,
    /// Something may go wrong.
    Warning,
    /// What an operator may want to know.
    Info,
    /// What helps to find errors.
    Debug,
    /// What helps to find them, and is too much for other times.
    Trace,
}

impl Severity {
    fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Error),
            1 => Some(Self::Warning),
            2 => Some(Self::Info),
            3 => Some(Self::Debug),
            4 => Some(Self::Trace),
            _ => None,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        })
    }
}

/// A line of a program.
///
/// All texts are safe to show: there are no control characters in them, no line ends, and nothing that changes the direction of text.
///
/// It is displayed as target, message, and fields: `parser: skipped a record file="a.csv" line="7"`. A message can look like that, too; who
/// must know takes the parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How bad it is.
    pub severity: Severity,
    /// Which part of the program says it; can be empty.
    pub target: String,
    /// What it says.
    pub message: String,
    /// Keys and values, in the order of the program. Keys can occur more than once.
    pub fields: Vec<(String, String)>,
}

/// Why a packet is no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Another version of the service may know what it is.
    Unsupported,
    /// It makes no sense.
    Invalid,
}

impl Line {
    /// The line that the content of a packet is.
    pub(super) fn decode(content: &[u8]) -> Result<Self, Refusal> {
        let Some((&[operation, severity, target_length, field_count, m0, m1, z0, z1], rest)) =
            content.split_first_chunk::<HEADER_BYTES>()
        else {
            return Err(Refusal::Unsupported);
        };
        if operation != 0 {
            return Err(Refusal::Unsupported);
        }
        let (target_length, field_count) = (usize::from(target_length), usize::from(field_count));
        if content.len() > MAX_LINE_BYTES
            || target_length > MAX_TARGET_BYTES
            || field_count > MAX_FIELDS
            || [z0, z1] != [0, 0]
        {
            return Err(Refusal::Invalid);
        }
        let severity = Severity::from_number(severity).ok_or(Refusal::Invalid)?;
        let mut rest = rest;
        let target = escaped(take(&mut rest, target_length)?);
        let message = escaped(take(&mut rest, usize::from(u16::from_le_bytes([m0, m1])))?);
        let mut fields = Vec::with_capacity(field_count);
        for _ in 0..field_count {
            fields.push(field(&mut rest)?);
        }
        if !rest.is_empty() {
            return Err(Refusal::Invalid);
        }
        Ok(Self { severity, target, message, fields })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.target.is_empty() {
            write!(f, "{}: ", self.target)?;
        }
        f.write_str(&self.message)?;
        for (key, value) in &self.fields {
            write!(f, " {key}=\"{}\"", value.replace('"', "\\\""))?;
        }
        Ok(())
    }
}

/// The key and value at the front of `rest`.
fn field(rest: &mut &[u8]) -> Result<(String, String), Refusal> {
    let Some((&[key_length, zero, v0, v1], behind)) = rest.split_first_chunk() else {
        return Err(Refusal::Invalid);
    };
    *rest = behind;
    let key_length = usize::from(key_length);
    if key_length == 0 || key_length > MAX_FIELD_KEY_BYTES || zero != 0 {
        return Err(Refusal::Invalid);
    }
    let key = take(rest, key_length)?;
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if !key.iter().all(is_sign) {
        return Err(Refusal::Invalid);
    }
    let value = take(rest, usize::from(u16::from_le_bytes([v0, v1])))?;
    Ok((escaped(key), escaped(value)))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Refusal> {
    let (taken, behind) = rest.split_at_checked(length).ok_or(Refusal::Invalid)?;
    *rest = behind;
    Ok(taken)
}

/// Text, with everything written out that is none or could make a terminal do something. That can be six times as long.
fn escaped(bytes: &[u8]) -> String {
    let mut safe = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\'' | '\\' => safe.push(character),
                other => safe.extend(other.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            safe.push_str(&format!("\\x{byte:02x}"));
        }
    }
    safe
}

#[cfg(test)]
pub(super) mod tests;
