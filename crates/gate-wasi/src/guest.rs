//! Arguments that are in guest memory: results, paths, lists of buffers.

use std::io::{IoSlice, IoSliceMut};

use gate_abi::errno::Errno;
use gate_abi::memory;
use gate_fs::PATH_MAX;

use crate::call::Fail;

/// Buffers in one call, as `IOV_MAX` of Linux; more are `inval`.
pub const MAX_IOVECS: u32 = 1024;

/// A buffer in guest memory that was checked to lie inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Buffer {
    pub(crate) ptr: u32,
    pub(crate) len: u32,
}

/// `fault` unless `len` bytes at `ptr` lie inside of memory.
pub(crate) fn check(memory: &[u8], ptr: u32, len: usize) -> Result<(), Fail> {
    let len = u32::try_from(len).map_err(|_| Errno::Fault)?;
    memory::bytes(memory, ptr, len)?;
    Ok(())
}

/// Writes `bytes` at `ptr`.
pub(crate) fn put(memory: &mut [u8], ptr: u32, bytes: &[u8]) -> Result<(), Fail> {
    let len = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
    memory::bytes_mut(memory, ptr, len)?.copy_from_slice(bytes);
    Ok(())
}

/// Writes a length at `ptr`.
pub(crate) fn put_len(memory: &mut [u8], ptr: u32, len: usize) -> Result<(), Fail> {
    let len = u32::try_from(len).map_err(|_| Errno::Overflow)?;
    put(memory, ptr, &len.to_le_bytes())
}

/// The path at `ptr`.
///
/// # Errors
/// `nametoolong` before it is looked at, `fault`, `ilseq` unless it is UTF-8.
pub(crate) fn path(memory: &[u8], ptr: u32, len: u32) -> Result<&str, Fail> {
    if len as usize > PATH_MAX {
        return Err(Errno::NameTooLong.into());
    }
    Ok(str::from_utf8(memory::bytes(memory, ptr, len)?).map_err(|_| Errno::IlSeq)?)
}

/// The list of `count` buffers at `ptr`, without empty ones.
///
/// # Errors
/// `inval` for more than [`MAX_IOVECS`] buffers or 2³² bytes; `fault` when the list or a buffer is out of bounds.
pub(crate) fn buffers(memory: &[u8], ptr: u32, count: u32) -> Result<Vec<Buffer>, Fail> {
    if count > MAX_IOVECS {
        return Err(Errno::Inval.into());
    }
    let list = memory::bytes(memory, ptr, count * 8)?;
    let mut buffers = Vec::with_capacity(count as usize);
    let mut total = 0_u32;
    for item in list.as_chunks::<8>().0 {
        let &[a, b, c, d, e, f, g, h] = item;
        let buffer = Buffer { ptr: u32::from_le_bytes([a, b, c, d]), len: u32::from_le_bytes([e, f, g, h]) };
        total = total.checked_add(buffer.len).ok_or(Errno::Inval)?;
        memory::bytes(memory, buffer.ptr, buffer.len)?;
        if buffer.len > 0 {
            buffers.push(buffer);
        }
    }
    Ok(buffers)
}

/// The buffers, to be written from.
pub(crate) fn slices<'a>(memory: &'a [u8], buffers: &[Buffer]) -> Result<Vec<IoSlice<'a>>, Fail> {
    buffers.iter().map(|b| Ok(IoSlice::new(memory::bytes(memory, b.ptr, b.len)?))).collect()
}

/// The buffers, to be read into. When some overlap, it is only the first: reading less than asked for is always right.
pub(crate) fn slices_mut<'a>(memory: &'a mut [u8], buffers: &[Buffer]) -> Result<Vec<IoSliceMut<'a>>, Fail> {
    let mut order: Vec<(usize, Buffer)> = buffers.iter().copied().enumerate().collect();
    order.sort_by_key(|(_, buffer)| buffer.ptr);
    let disjoint = order
        .windows(2)
        .all(|pair| pair[0].1.ptr as usize + pair[0].1.len as usize <= pair[1].1.ptr as usize);
    if !disjoint {
        order = buffers.iter().copied().enumerate().take(1).collect();
    }
    let mut slices = Vec::with_capacity(order.len());
    let mut rest = memory;
    let mut rest_at = 0;
    for (index, Buffer { ptr, len }) in order {
        let skip = ptr as usize - rest_at;
        let behind = rest.split_at_mut_checked(skip).ok_or(Errno::Fault)?.1;
        let (slice, behind) = behind.split_at_mut_checked(len as usize).ok_or(Errno::Fault)?;
        slices.push((index, IoSliceMut::new(slice)));
        rest = behind;
        rest_at = ptr as usize + len as usize;
    }
    slices.sort_by_key(|(index, _)| *index);
    Ok(slices.into_iter().map(|(_, slice)| slice).collect())
}

#[cfg(test)]
mod tests;
