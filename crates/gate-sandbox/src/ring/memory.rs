//! Memory that two processes share, one of which may do with it what it likes.
#![expect(
    unsafe_code,
    reason = "maps a file, and copies from and to memory that another process changes meanwhile"
)]

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU32;

use rustix::mm::{Advice, MapFlags, ProtFlags};

/// A shared mapping of the first bytes of a file.
///
/// There is never a reference to what is in it, except to atomic words: whatever is looked at is copied out before, and stays as it
/// was then.
#[derive(Debug)]
pub(super) struct Memory {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping belongs to this value, and is not bound to a thread.
unsafe impl Send for Memory {}
// SAFETY: words are atomic, and bytes are copied as memory that anybody may change: another process does, in any case.
unsafe impl Sync for Memory {}

impl Memory {
    /// Maps the first `bytes` bytes of `file`, which has them and cannot be cut.
    pub(super) fn map(file: BorrowedFd<'_>, bytes: usize) -> io::Result<Self> {
        // First addresses and then the file: the filter of a process that loads a program lets files be mapped over
        // reservations only.
        // SAFETY: a new mapping at an address of the kernel's choice replaces nothing.
        let base = unsafe {
            rustix::mm::mmap_anonymous(
                ptr::null_mut(),
                bytes,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )
        }?;
        let memory = Self { base: NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?, bytes };
        // SAFETY: what is replaced is the reservation just made, all of which `memory` owns. If this fails, it is given back.
        unsafe {
            rustix::mm::mmap(
                base,
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::FIXED,
                file,
                0,
            )
        }?;
        Ok(memory)
    }

    /// The word at this offset, a multiple of 4.
    pub(super) fn word(&self, at: usize) -> &AtomicU32 {
        let word = self.at(at, size_of::<AtomicU32>()).cast::<u32>();
        assert!(word.is_aligned(), "word at {at}");
        // SAFETY: it is mapped as long as `self` lives, is aligned, and nobody here refers to it in another way.
        unsafe { AtomicU32::from_ptr(word.as_ptr()) }
    }

    /// Copies `bytes` to this offset.
    pub(super) fn write(&self, at: usize, bytes: &[u8]) {
        let to = self.at(at, bytes.len());
        // SAFETY: `at` has checked that there is room for them, and nothing that Rust knows of is inside of the mapping.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr(), bytes.len()) };
        changed_meanwhile(to);
    }

    /// Copies bytes from this offset, as many as fit in `buffer`.
    pub(super) fn read(&self, at: usize, buffer: &mut [u8]) {
        let from = self.at(at, buffer.len());
        // SAFETY: `at` has checked that there are that many, and nothing that Rust knows of is inside of the mapping. That another
        // process may write to it now is not an access of this program: the bytes are some bytes.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), buffer.as_mut_ptr(), buffer.len()) };
        changed_meanwhile(from);
    }

    /// Appends `count` bytes from this offset to `bytes`.
    pub(super) fn append_to(&self, bytes: &mut Vec<u8>, at: usize, count: usize) {
        let from = self.at(at, count);
        bytes.reserve(count);
        let room = bytes.spare_capacity_mut().as_mut_ptr().cast::<u8>();
        // SAFETY: as in `read`; there is room, which was reserved above.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), room, count) };
        changed_meanwhile(from);
        // SAFETY: that many bytes behind the last one have just been written, and there is room for them.
        unsafe { bytes.set_len(bytes.len() + count) };
    }

    /// Gives back the memory behind these offsets, multiples of the size of a page. What was there is zeros then.
    pub(super) fn remove(&self, range: Range<usize>) -> io::Result<()> {
        let count = range.len();
        let from = self.at(range.start, count);
        // SAFETY: this is mapped memory of a file, of which all parts are bytes that may become others at any moment.
        unsafe { rustix::mm::madvise(from.as_ptr().cast(), count, Advice::LinuxRemove) }?;
        Ok(())
    }

    /// Where `count` bytes at this offset are.
    fn at(&self, at: usize, count: usize) -> NonNull<u8> {
        let fits = at.checked_add(count).is_some_and(|end| end <= self.bytes);
        assert!(fits, "{count} bytes at {at} of {}", self.bytes);
        // SAFETY: that is inside of the mapping or at its end.
        unsafe { self.base.add(at) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this address and length, and references to words borrow this value. An error leaves it
        // there, which harms nobody.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

/// Tells the compiler that the memory at this place has just been changed, as it may have been: so that it does not read from there again
/// what was copied, in the belief that it is the same.
fn changed_meanwhile(place: NonNull<u8>) {
    // SAFETY: there is no instruction in it, so that nothing happens.
    unsafe { std::arch::asm!("/* {0} */", in(reg) place.as_ptr(), options(nostack, preserves_flags)) };
}
