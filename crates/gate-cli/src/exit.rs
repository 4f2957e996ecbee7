//! Exit statuses: the one mapping from what happened to a number.

use gate_runtime::{Failure, Limit, Outcome, Value, Verdict};

/// Used in a way that makes no sense, as clap has it.
pub(crate) const USAGE: u8 = 2;
/// Ended at its limit of wall time, as timeout(1) has it.
pub(crate) const WALL_TIME: u8 = 124;
/// The host could not run it.
pub(crate) const HOST: u8 = 125;
/// The module was refused.
pub(crate) const REFUSED: u8 = 126;
/// The module could not be read.
pub(crate) const NO_MODULE: u8 = 127;
/// Suspended: 128 + SIGQUIT.
pub(crate) const SUSPENDED: u8 = 131;
/// Trapped: 128 + SIGABRT.
pub(crate) const TRAP: u8 = 134;
/// Killed by something else: 128 + SIGKILL.
pub(crate) const KILLED: u8 = 137;
/// Ended at its limit of processor time: 128 + SIGXCPU.
pub(crate) const CPU_TIME: u8 = 152;
/// Ended at its limit of output: 128 + SIGXFSZ.
pub(crate) const OUTPUT: u8 = 153;
/// Ended by the system call filter: 128 + SIGSYS.
pub(crate) const FORBIDDEN: u8 = 159;

/// Ended because this process got a signal: 128 + its number.
pub(crate) fn signal(number: i32) -> u8 {
    u8::try_from(128 + number).unwrap_or(u8::MAX)
}

/// The status for a program that was run. `signal_number` is what this process got if it was cancelled; `invoked` says that
/// the function's results were asked for, not its success.
pub(crate) fn status(verdict: &Verdict, signal_number: Option<i32>, invoked: bool) -> u8 {
    match verdict {
        Verdict::Ended { outcome, .. } => match outcome {
            // A whole program that returns a number tells success from failure by it.
            Outcome::Returned(values) => match values.as_slice() {
                [Value::I32(value)] if !invoked => u8::from(*value != 0),
                _ => 0,
            },
            Outcome::Exited(status) => status.to_le_bytes()[0],
            Outcome::Trapped { .. } => TRAP,
            Outcome::OutputLimit(_) => OUTPUT,
            Outcome::HostFailure(_) => HOST,
        },
        Verdict::Suspended { .. } => SUSPENDED,
        Verdict::Refused { .. } => REFUSED,
        Verdict::Limit(Limit::CpuTime) => CPU_TIME,
        Verdict::Limit(Limit::WallTime) => WALL_TIME,
        Verdict::Limit(Limit::Suspension) => KILLED,
        Verdict::Violation(_) => TRAP,
        Verdict::Service { failure, .. } => match failure {
            Failure::Program(_) | Failure::Snapshot(_) => TRAP,
            Failure::Service(_) => HOST,
        },
        Verdict::Crashed(crash) if crash.is_forbidden_call() => FORBIDDEN,
        Verdict::Crashed(_) => KILLED,
        Verdict::Failed { .. } => HOST,
        Verdict::Cancelled => signal_number.map_or(HOST, signal),
    }
}
