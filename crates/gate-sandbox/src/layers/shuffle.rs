//! Different addresses in processes forked from one parent.
//!
//! Forked processes share the parent's address layout: what one program finds out about addresses would hold for all
//! others. The kernel places new mappings below the lowest one, so a reservation of random size, made first in each
//! worker, moves what is mapped after it: code, memories and stacks of the program. What is small enough for a gap
//! between the parent's mappings would still go there, the same in all workers, so the parent fills its gaps first. Not
//! moved are the parent's own code and data, and the heap, which grows where it was.

use std::io;

use rustix::rand::GetRandomFlags;

use crate::sys;

/// Largest reservation in pages: 26 bits of randomness, 256 GiB of 128 TiB of addresses.
const MAX_PAGES: u64 = 1 << 26;

/// Fills the gaps between the mappings of this process with reservations that stay for ever, so that what its children
/// map goes below all of them. Costs some hundred system calls and no memory.
///
/// # Errors
///
/// When there is no address space left.
pub fn fill_gaps() -> io::Result<()> {
    let page = rustix::param::page_size();
    let largest = usize::try_from(MAX_PAGES)
        .ok()
        .and_then(|pages| pages.checked_mul(page))
        .ok_or(io::ErrorKind::OutOfMemory)?;
    // No gap has that size, so this is below all of them.
    let below = sys::reserve(largest)?;
    let mut bytes = largest / 2;
    while bytes >= page {
        let address = sys::reserve(bytes)?;
        if address < below {
            sys::release(address, bytes);
            bytes /= 2;
        }
    }
    sys::release(below, largest);
    Ok(())
}

/// Address space without memory behind it. Dropping it gives the addresses back, which later mappings may then get:
/// keep it until the program is in place.
#[derive(Debug)]
pub struct Reservation {
    address: usize,
    bytes: usize,
}

impl Reservation {
    /// Reserves between one and 2²⁶ pages.
    ///
    /// # Errors
    ///
    /// When the kernel has no randomness yet, or `RLIMIT_AS` is in the way: apply that afterwards.
    pub fn random() -> io::Result<Reservation> {
        let mut random = [0; 8];
        let got = rustix::rand::getrandom(&mut random, GetRandomFlags::empty())?;
        if got != random.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let pages = u64::from_ne_bytes(random) % MAX_PAGES + 1;
        let pages = usize::try_from(pages).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let bytes = pages.checked_mul(rustix::param::page_size()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Reservation { address: sys::reserve(bytes)?, bytes })
    }

    /// Size in bytes, a multiple of the page size.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        sys::release(self.address, self.bytes);
    }
}
