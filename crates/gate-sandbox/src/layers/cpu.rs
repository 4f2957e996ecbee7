//! Limit of processor time.

use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit};
use rustix::thread::ClockId;

use crate::sys;

/// After the timer's signal this much more time passes, at least, before the kernel kills.
const GRACE: Duration = Duration::from_secs(1);

/// Lets this process use at most `limit` more processor time (all threads together, user and kernel mode). Then it
/// gets `SIGXCPU`, which ends it unless there is a handler; a second or two later, whatever the handler does, `SIGKILL`.
///
/// The timer has the precision of the clock tick, some milliseconds; the backstop (`RLIMIT_CPU`) counts whole seconds.
/// The time spent so far does not count. Forked processes do not inherit the timer, but the backstop, for their own time.
///
/// # Errors
///
/// `EAGAIN` when the limit of pending signals leaves no room for a timer, `EINVAL` for zero, which would mean no limit.
pub fn limit(limit: Duration) -> io::Result<()> {
    if limit.is_zero() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let used = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
    let used = Duration::try_from(used).map_err(|_| io::ErrorKind::InvalidData)?;
    let kill = used.saturating_add(limit).saturating_add(GRACE);
    let seconds = kill.as_secs().saturating_add(u64::from(kill.subsec_nanos() > 0));
    let lower = match rustix::process::getrlimit(Resource::Cpu).maximum {
        Some(maximum) => seconds.min(maximum),
        None => seconds,
    };
    rustix::process::setrlimit(Resource::Cpu, Rlimit { current: Some(lower), maximum: Some(lower) })?;
    sys::start_cpu_timer(limit)
}
