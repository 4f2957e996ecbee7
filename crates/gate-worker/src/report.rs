//! Errors as one line of text.

/// The error and its causes, joined by colons.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    format!("{error:#}")
}
