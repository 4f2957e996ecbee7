//! A part of a file, mapped to be read.
#![expect(unsafe_code, reason = "mapping a file")]

use std::fs::File;
use std::{io, ptr, slice};

use rustix::mm::{MapFlags, ProtFlags};

/// The beginning of a file, in memory as long as this lives.
#[derive(Debug)]
pub(crate) struct Mapped {
    start: ptr::NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is this value's own, and nobody writes to it.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// The first `len` bytes of `file`. Whoever could shorten the file could end this process, and only that.
    pub(crate) fn new(file: &File, len: u64) -> io::Result<Self> {
        let too_long = || io::Error::from(io::ErrorKind::FileTooLarge);
        let len = usize::try_from(len).map_err(|_| too_long())?;
        if len == 0 {
            return Ok(Self { start: ptr::NonNull::dangling(), len });
        }
        // SAFETY: a new mapping at an address of the kernel's choice affects no memory in use.
        let start =
            unsafe { rustix::mm::mmap(ptr::null_mut(), len, ProtFlags::READ, MapFlags::PRIVATE, file, 0) }?;
        let start = ptr::NonNull::new(start.cast()).ok_or_else(too_long)?;
        Ok(Self { start, len })
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes are mapped readable there as long as this lives, and the file is one that nobody changes.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: the mapping was made by `new` with this length, and all that point into it borrow this.
            let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len) };
            debug_assert!(unmapped.is_ok(), "a mapping of our own can be unmapped");
        }
    }
}
