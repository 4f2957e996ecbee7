//! How much work a question about debug information may cause.

use std::cell::Cell;

/// Steps for each byte of debug information. Well-made information needs one or two.
const STEPS_PER_BYTE: u64 = 16;

/// Steps that there are in any case: a tenth of a second's.
const MIN_STEPS: u64 = 16 << 20;

/// Steps that are left, each of some nanoseconds.
#[derive(Debug)]
pub(super) struct Budget {
    left: Cell<u64>,
}

/// Why reading ended.
#[derive(Debug)]
pub(super) enum Fault {
    /// Something is malformed.
    Malformed,
    /// The budget is spent.
    Spent,
}

impl From<gimli::Error> for Fault {
    fn from(_: gimli::Error) -> Self {
        Self::Malformed
    }
}

impl Budget {
    /// For one question about so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        Self { left: Cell::new(bytes.saturating_mul(STEPS_PER_BYTE).saturating_add(MIN_STEPS)) }
    }

    /// Takes some steps.
    pub(super) fn take(&self, steps: usize) -> Result<(), Fault> {
        let left = self.left.get().checked_sub(u64::try_from(steps).unwrap_or(u64::MAX));
        // Once spent, it stays so.
        self.left.set(left.unwrap_or(0));
        left.map(drop).ok_or(Fault::Spent)
    }
}
