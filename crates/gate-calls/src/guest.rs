//! Access to guest memory, where a pointer outside of it ends the program.

use gate_abi::host::Stop;
use gate_abi::memory::{self, OutOfBounds};
use gate_abi::trap::Trap;

fn wild(_: OutOfBounds) -> Stop {
    Stop::Trap(Trap::MemoryAccessOutOfBounds)
}

/// The address of element `index` of an array of `size` byte elements.
pub(crate) fn element(array: u32, index: u32, size: u32) -> Result<u32, Stop> {
    let offset = index.checked_mul(size).ok_or(OutOfBounds).map_err(wild)?;
    array.checked_add(offset).ok_or(OutOfBounds).map_err(wild)
}

pub(crate) fn bytes(memory: &[u8], ptr: u32, len: u32) -> Result<&[u8], Stop> {
    memory::bytes(memory, ptr, len).map_err(wild)
}

pub(crate) fn bytes_mut(memory: &mut [u8], ptr: u32, len: u32) -> Result<&mut [u8], Stop> {
    memory::bytes_mut(memory, ptr, len).map_err(wild)
}

pub(crate) fn read<const N: usize>(memory: &[u8], ptr: u32) -> Result<[u8; N], Stop> {
    memory::read(memory, ptr).map_err(wild)
}

pub(crate) fn write<const N: usize>(memory: &mut [u8], ptr: u32, value: [u8; N]) -> Result<(), Stop> {
    memory::write(memory, ptr, value).map_err(wild)
}
