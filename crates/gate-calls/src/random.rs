//! Randomness: a little for every start.

use gate_abi::errno::Errno;
use gate_abi::host::{Host, Stop};
use gate_abi::trap::Trap;

use crate::{Calls, guest};

impl Calls {
    /// `random_get`: fills the buffer, if what is left of the budget is enough for all of it.
    ///
    /// If not, the program stops, and repeats the call with a new budget.
    pub(crate) fn random_get(
        &mut self,
        memory: &mut [u8],
        host: &mut dyn Host,
        buffer: u32,
        len: u32,
    ) -> Result<Errno, Stop> {
        if len == 0 {
            return Ok(Errno::Success);
        }
        if buffer == 0 {
            return Ok(Errno::Fault);
        }
        let buffer = guest::bytes_mut(memory, buffer, len)?;
        let Some(left) = self.random_left.checked_sub(len) else {
            return Err(Stop::Trap(Trap::AbiDeficiency));
        };
        host.random(buffer)?;
        self.random_left = left;
        Ok(Errno::Success)
    }
}
