//! How much is allowed per time.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// A bucket of tokens, which is filled again at a constant rate.
///
/// Instead of tokens, which would be fractions, it has the time at which it will be full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    per_second: NonZeroU32,
    capacity: NonZeroU32,
    full_at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(per_second: NonZeroU32, capacity: NonZeroU32, now: Instant) -> Self {
        Self { per_second, capacity, full_at: now }
    }

    /// This bucket without so many tokens; `None` if there are fewer in it.
    pub(super) fn after(self, tokens: u32, now: Instant) -> Option<Self> {
        let full_at = self.full_at.max(now) + self.time(tokens);
        let is_allowed = full_at.duration_since(now) <= self.time(self.capacity.get());
        is_allowed.then_some(Self { full_at, ..self })
    }

    /// How long it takes until so many tokens are in the bucket. Rounded up, so that no rate is too high.
    fn time(&self, tokens: u32) -> Duration {
        let nanos = u64::from(tokens) * 1_000_000_000;
        Duration::from_nanos(nanos.div_ceil(u64::from(self.per_second.get())))
    }
}

#[cfg(test)]
mod tests;
