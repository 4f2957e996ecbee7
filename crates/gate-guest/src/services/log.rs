//! `log`: lines for the operator of the host.

use alloc::vec::Vec;
use core::fmt;

use super::{Reader, ServiceError};
use crate::gate::Gate;
use crate::service::{CallError, Service};

const NAME: &str = "log";

const LINE: u8 = 0;

/// The longest target and the longest key of a field, in bytes.
const MAX_NAME: usize = 64;
const MAX_FIELDS: usize = 32;
/// The largest line, with target and fields, as it is sent.
const MAX_BYTES: usize = 8192;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something failed.
    Error,
    /// Something may fail.
    Warning,
    /// Something happened.
    Info,
    /// For who looks for errors.
    Debug,
    /// Every step.
    Trace,
}

/// A line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// How much it matters.
    pub severity: Severity,
    /// Which part of the program says it; at most 64 bytes, may be empty.
    pub target: &'a str,
    /// What it says.
    pub message: &'a str,
    /// Keys (1 to 64 bytes) and values; at most 32.
    pub fields: &'a [(&'a str, &'a str)],
}

/// Why a line is not in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogError {
    /// There is no reply that makes sense.
    Service(ServiceError),
    /// The line has too many fields, or something in it is too long, or a key is empty.
    Line,
    /// The program has sent too many lines lately.
    Dropped,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(error) => error.fmt(f),
            Self::Line => write!(
                f,
                "the line is too long (at most {MAX_BYTES} bytes, {MAX_FIELDS} fields, {MAX_NAME} bytes in a target or key)"
            ),
            Self::Dropped => f.write_str("the line was dropped, as there were too many"),
        }
    }
}

#[cfg(feature = "std")]
impl std::error::Error for LogError {}

impl From<CallError> for LogError {
    fn from(error: CallError) -> Self {
        Self::Service(error.into())
    }
}

/// Lines for the operator of the host.
#[derive(Clone, Debug)]
pub struct Log {
    service: Service,
}

impl Log {
    /// Asks for the service.
    #[must_use]
    pub fn new(gate: &Gate) -> Self {
        Self { service: gate.service(NAME) }
    }

    /// Sends a line, without waiting for what becomes of it: lines are dropped if there are too many.
    ///
    /// # Errors
    /// [`LogError::Line`]; [`LogError::Service`] if there is no log.
    pub async fn send(&self, line: &Line<'_>) -> Result<(), LogError> {
        Ok(self.service.send_info(&encode(line).ok_or(LogError::Line)?).await?)
    }

    /// Sends a line, and waits until the log has it.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn write(&self, line: &Line<'_>) -> Result<(), LogError> {
        let reply = self.service.call(&encode(line).ok_or(LogError::Line)?).await?;
        match Reader(&reply).i16() {
            Some(0) => Ok(()),
            Some(1) => Err(LogError::Line),
            Some(2) => Err(LogError::Dropped),
            Some(number) => Err(LogError::Service(ServiceError::Unknown { service: NAME, number })),
            None => Err(LogError::Service(ServiceError::Unsupported { service: NAME })),
        }
    }
}

/// `None` if it is over a limit.
fn encode(line: &Line<'_>) -> Option<Vec<u8>> {
    let Line { severity, target, message, fields } = *line;
    if target.len() > MAX_NAME || fields.len() > MAX_FIELDS {
        return None;
    }
    let severity = match severity {
        Severity::Error => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
        Severity::Debug => 3,
        Severity::Trace => 4,
    };
    let mut content = Vec::from([LINE, severity]);
    content.push(u8::try_from(target.len()).ok()?);
    content.push(u8::try_from(fields.len()).ok()?);
    content.extend_from_slice(&u16::try_from(message.len()).ok()?.to_le_bytes());
    content.extend_from_slice(&[0; 2]);
    content.extend_from_slice(target.as_bytes());
    content.extend_from_slice(message.as_bytes());
    for (key, value) in fields {
        if !(1..=MAX_NAME).contains(&key.len()) {
            return None;
        }
        // The length of the key, and a zero.
        content.extend_from_slice(&[u8::try_from(key.len()).ok()?, 0]);
        content.extend_from_slice(&u16::try_from(value.len()).ok()?.to_le_bytes());
        content.extend_from_slice(key.as_bytes());
        content.extend_from_slice(value.as_bytes());
    }
    Some(content).filter(|content| content.len() <= MAX_BYTES)
}
