//! Checked access to guest memory.
//!
//! Guest pointers are 32-bit byte offsets. Nothing here reads or writes outside of the slice it is given; a range that
//! does not lie inside is reported as [`OutOfBounds`], and what that means is up to the caller (a trap in Gate's ABI, an
//! error number in WASI).

/// A guest pointer and length that do not lie inside guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBounds;

/// The bytes at `ptr..ptr + len`.
///
/// # Errors
/// [`OutOfBounds`] unless the whole range lies inside; an empty range may also start at the very end.
pub fn bytes(memory: &[u8], ptr: u32, len: u32) -> Result<&[u8], OutOfBounds> {
    let start = ptr as usize;
    let end = start.checked_add(len as usize).ok_or(OutOfBounds)?;
    memory.get(start..end).ok_or(OutOfBounds)
}

/// The bytes at `ptr..ptr + len`, to be written.
///
/// # Errors
/// As [`bytes`].
pub fn bytes_mut(memory: &mut [u8], ptr: u32, len: u32) -> Result<&mut [u8], OutOfBounds> {
    let start = ptr as usize;
    let end = start.checked_add(len as usize).ok_or(OutOfBounds)?;
    memory.get_mut(start..end).ok_or(OutOfBounds)
}

/// Reads `N` bytes at `ptr`, for `from_le_bytes`.
///
/// # Errors
/// As [`bytes`].
pub fn read<const N: usize>(memory: &[u8], ptr: u32) -> Result<[u8; N], OutOfBounds> {
    let start = ptr as usize;
    let end = start.checked_add(N).ok_or(OutOfBounds)?;
    let slice = memory.get(start..end).ok_or(OutOfBounds)?;
    slice.try_into().map_err(|_| OutOfBounds)
}

/// Writes `value` at `ptr`.
///
/// # Errors
/// As [`bytes`].
pub fn write<const N: usize>(memory: &mut [u8], ptr: u32, value: [u8; N]) -> Result<(), OutOfBounds> {
    let start = ptr as usize;
    let end = start.checked_add(N).ok_or(OutOfBounds)?;
    memory.get_mut(start..end).ok_or(OutOfBounds)?.copy_from_slice(&value);
    Ok(())
}
