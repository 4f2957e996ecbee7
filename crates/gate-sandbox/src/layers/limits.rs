//! Resource limits.

use std::io;

use rustix::process::{Resource, Rlimit};

/// What nothing in the container ever needs: core files, locked memory, message queues, real-time and raised priority.
pub(crate) const NEVER_NEEDED: [Resource; 5] =
    [Resource::Core, Resource::Memlock, Resource::Msgqueue, Resource::Rtprio, Resource::Nice];

/// Limits of one worker. Each sets the soft and hard limit, and never raises a hard limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One more than the highest descriptor number (`RLIMIT_NOFILE`). Descriptors that are open stay open.
    pub open_files: u64,
    /// Processes and threads of the worker's user id (`RLIMIT_NPROC`). The kernel counts all workers with this id, so
    /// only zero (can create none) and large values are useful. No effect for the user id 0 of the host.
    pub processes: u64,
    /// Queued signals of the worker's user id (`RLIMIT_SIGPENDING`), which each timer counts as one of. Counted over
    /// all workers too: at least as many as there can be workers, or [`crate::layers::cpu::limit`] fails with `EAGAIN`.
    pub pending_signals: u64,
    /// Private writable memory, in bytes (`RLIMIT_DATA`); `None` leaves it alone. Counts reservations once they are
    /// made writable, not when they are touched.
    pub data_bytes: Option<u64>,
    /// Size of the main thread's stack, in bytes (`RLIMIT_STACK`); `None` leaves it alone.
    pub stack_bytes: Option<u64>,
    /// Largest file that can be written, in bytes (`RLIMIT_FSIZE`); `None` leaves it alone. Memfds count, which the other
    /// limits do not see. Not for programs: their standard output belongs to the caller and may be any size if it is
    /// redirected to a file. What a worker writes beyond its standard streams is bounded by
    /// [`create_sized`](crate::memfd::create_sized) then; where there is this limit too, it must not be less than that.
    pub file_bytes: Option<u64>,
    /// Address space, in bytes (`RLIMIT_AS`); `None` leaves it alone. An engine that reserves gigabytes of addresses
    /// needs `None` or that much.
    pub address_space_bytes: Option<u64>,
}

impl Limits {
    /// Applies them to this process, together with zero for what no worker needs: core files, locked memory, message
    /// queues, real-time priority and raised priority.
    ///
    /// # Errors
    ///
    /// None are known for these limits; a failure names an unexpected refusal by the kernel or a filter.
    pub fn apply(&self) -> io::Result<()> {
        lower_to_zero(&NEVER_NEEDED)?;
        lower(Resource::Nofile, self.open_files)?;
        lower(Resource::Nproc, self.processes)?;
        lower(Resource::Sigpending, self.pending_signals)?;
        for (resource, bytes) in [
            (Resource::Data, self.data_bytes),
            (Resource::Stack, self.stack_bytes),
            (Resource::Fsize, self.file_bytes),
            (Resource::As, self.address_space_bytes),
        ] {
            if let Some(bytes) = bytes {
                lower(resource, bytes)?;
            }
        }
        Ok(())
    }
}

/// Sets soft and hard limit, to the present hard limit if that is lower.
pub(crate) fn lower(resource: Resource, value: u64) -> io::Result<()> {
    let value = match rustix::process::getrlimit(resource).maximum {
        Some(maximum) => value.min(maximum),
        None => value,
    };
    Ok(rustix::process::setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })?)
}

pub(crate) fn lower_to_zero(resources: &[Resource]) -> io::Result<()> {
    resources.iter().try_for_each(|resource| lower(*resource, 0))
}
