//! Runs that end before their program does, for a reason that is not the program's.

use gate_runtime::{ContainerError, RefusalKind, Undone};

use crate::json::State;
use crate::signals::Signals;
use crate::{exit, report, text};

/// What ended the run.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) state: State,
    pub(crate) status: u8,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn failed(status: u8, message: String) -> Self {
        Self { state: State { state: "failed", cause: None }, status, message }
    }

    pub(crate) fn host(error: &anyhow::Error) -> Self {
        Self::failed(exit::HOST, format!("{error:#}"))
    }

    pub(crate) fn refused(kind: RefusalKind, message: String) -> Self {
        Self { state: State::refused(kind), status: exit::REFUSED, message }
    }

    pub(crate) fn cancelled(signals: &Signals) -> Self {
        let status = signals.caught().map_or(exit::HOST, exit::signal);
        let state = State { state: "cancelled", cause: None };
        Self { state, status, message: "interrupted".to_owned() }
    }
}

pub(crate) fn lost(error: ContainerError, signals: &Signals) -> Failure {
    match error {
        ContainerError::Cancelled => Failure::cancelled(signals),
        error => {
            let mut failure = Failure::host(&error.into());
            failure.message = text::escaped(&failure.message);
            failure
        }
    }
}

/// What is left of something that was not done, such as `"compiling module m.wasm"`.
#[derive(Debug)]
pub(crate) struct Doing {
    pub(crate) what: String,
    /// The option that sets how long it may take, and what that is.
    pub(crate) time: (&'static str, std::time::Duration),
    /// The option that sets how much memory it may take, and what that is.
    pub(crate) memory: (&'static str, u64),
}

impl Doing {
    pub(crate) fn failure(&self, undone: Undone, signals: &Signals) -> Failure {
        let Self { what, time, memory } = self;
        match undone {
            Undone::Refused { kind, message } => Failure::refused(kind, report::refusal(kind, &message)),
            Undone::TimeLimit => Failure::refused(
                RefusalKind::Limit,
                format!("{what} takes more than {} ({})", humantime::format_duration(time.1), time.0),
            ),
            Undone::Crashed(crash) if crash.is_out_of_memory() => Failure::refused(
                RefusalKind::Limit,
                format!("{what} takes more than {} of memory ({})", text::bytes(memory.1), memory.0),
            ),
            Undone::Crashed(crash) => Failure {
                state: State { state: "refused", cause: Some("COMPILER_CRASH") },
                status: exit::REFUSED,
                message: format!("{what} failed: the process for it was {crash}"),
            },
            Undone::Failed { message } => {
                Failure::failed(exit::HOST, format!("{what} failed: {}", text::escaped(&message)))
            }
            Undone::Cancelled => Failure::cancelled(signals),
        }
    }
}
