//! Arguments, of which there are none, and the environment, which is always the same.

use gate_abi::errno::Errno;
use gate_abi::host::Stop;

use crate::{Calls, guest};

/// The variables, each ended by a zero, at the offsets of [`OFFSETS`]. A program copies all of it.
const VARIABLES: [u8; 72] = *b"GATE_ABI_VERSION=0\0\0\0\0\0\0\
    GATE_FD=4\0\0\0\0\0\0\0\
    GATE_MAX_SEND_SIZE=65536\0\0\0\0\0\0\0\0";

/// Where the variables begin.
const OFFSETS: [u8; 3] = [0, 24, 40];

impl Calls {
    /// `args_sizes_get`: stores zero arguments and zero bytes.
    pub(crate) fn args_sizes_get(&self, memory: &mut [u8], count: u32, size: u32) -> Result<Errno, Stop> {
        store_sizes(memory, count, size, [0, 0])
    }

    /// `environ_sizes_get`: stores the number of variables and the bytes they need.
    pub(crate) fn environ_sizes_get(&self, memory: &mut [u8], count: u32, size: u32) -> Result<Errno, Stop> {
        store_sizes(memory, count, size, [3, 72])
    }

    /// `environ_get`: stores pointers to the variables at `pointers`, and the variables at `buffer`.
    pub(crate) fn environ_get(&self, memory: &mut [u8], pointers: u32, buffer: u32) -> Result<Errno, Stop> {
        if pointers == 0 || buffer == 0 {
            return Ok(Errno::Fault);
        }
        guest::write(memory, buffer, VARIABLES)?;
        for (index, offset) in (0..).zip(OFFSETS) {
            let pointer = guest::element(buffer, u32::from(offset), 1)?;
            guest::write(memory, guest::element(pointers, index, 4)?, pointer.to_le_bytes())?;
        }
        Ok(Errno::Success)
    }
}

fn store_sizes(memory: &mut [u8], count: u32, size: u32, values: [u32; 2]) -> Result<Errno, Stop> {
    if count == 0 || size == 0 {
        return Ok(Errno::Fault);
    }
    let [value, bytes] = values;
    guest::write(memory, count, value.to_le_bytes())?;
    guest::write(memory, size, bytes.to_le_bytes())?;
    Ok(Errno::Success)
}
