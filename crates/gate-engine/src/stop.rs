//! The request to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::memory::Region;

/// Lets somebody else stop a program.
///
/// It is valid as long as it lives, whatever becomes of the program. A request stays: a program that is asked to stop before
/// it starts stops at once.
#[derive(Clone, Debug)]
pub struct StopFlag(Arc<Region>);

impl StopFlag {
    pub(crate) fn new(control: Arc<Region>) -> Self {
        Self(control)
    }

    /// Asks the program to stop at its next stop point. It is a single store: signal handlers may do it.
    ///
    /// A program that waits in an imported function notices only if that is interrupted.
    pub fn request(&self) {
        self.word().store(1, Ordering::Relaxed);
    }

    /// Whether that has been done.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.word().load(Ordering::Relaxed) != 0
    }

    /// What [`StopFlag::request`] stores 1 to.
    #[must_use]
    pub fn word(&self) -> &AtomicU32 {
        self.0.first_word()
    }

    /// The same for the rest of the process's life, for a signal handler. The memory behind it is never returned.
    #[must_use]
    pub fn leak(self) -> &'static AtomicU32 {
        Box::leak(Box::new(self)).word()
    }
}
