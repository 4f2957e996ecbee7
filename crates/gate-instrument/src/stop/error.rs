//! Why a program cannot be made stoppable, or not be continued.

use super::site::SiteId;

/// Why a module cannot be transformed.
///
/// A module that [`accept`](crate::accept) let through fails only with the variants about size: what makes a program
/// stoppable has to fit into the engine's limits, too.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StopError {
    /// The module is not valid with the accepted features.
    #[error("the module is invalid at offset {offset:#x}")]
    Invalid { offset: usize, source: wasmparser::Error },
    /// A function is too large with its stop points.
    #[error("function {function} has more than {limit} bytes of code with its stop points")]
    FunctionBytes { function: u32, limit: usize },
    /// A function has too many locals when those are added that operands are parked in.
    #[error(
        "function {function} has {found} locals with those for its stop points, and at most {limit} are allowed"
    )]
    Locals { function: u32, found: usize, limit: usize },
    /// An index space has no room for what a stoppable program adds to it.
    #[error("the module has {found} {what} with those for its stop points, and at most {limit} are allowed")]
    Entries { what: &'static str, found: usize, limit: usize },
    /// The continuations that were asked for are too large together.
    #[error("the continuations have more than {limit} bytes of code")]
    ContinuationBytes { limit: usize },
    /// A breakpoint is not at the start of an instruction.
    #[error("there is no instruction at offset {offset:#x}{}", nearest(*before, *after))]
    NoInstruction { offset: u32, before: Option<u32>, after: Option<u32> },
    /// There is no such stop point.
    #[error("the program has no stop point {} offset {:#x}", if site.is_before() { "before" } else { "at" }, site.offset())]
    NoSite { site: SiteId },
}

/// Where there are instructions.
fn nearest(before: Option<u32>, after: Option<u32>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("; the nearest ones are at {before:#x} and {after:#x}"),
        (Some(nearest), None) | (None, Some(nearest)) => format!("; the nearest one is at {nearest:#x}"),
        (None, None) => String::from(", nor anywhere else in the module"),
    }
}

impl From<wasmparser::Error> for StopError {
    fn from(source: wasmparser::Error) -> Self {
        Self::Invalid { offset: source.offset(), source }
    }
}
