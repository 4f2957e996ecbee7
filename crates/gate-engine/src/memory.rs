//! Linear memories: each one a memfd, mapped at the start of a reservation that covers every address the program can
//! form.
//!
//! ```text
//!   guard │ size … limit: mapped, no access yet │ limit … 4 GiB: reserved, no access │ guard
//!         └ base
//! ```
//!
//! The memfd has its full length from the beginning and is sealed against growing and shrinking, so that whatever
//! happens in the process, the memory never takes more than its limit. Pages that were never touched take nothing.
//!
//! The memory of a program that continues is the file that it had before. The control memory of a program that can be
//! stopped is private to the process: what it has of the program's state is taken out of it. Compiled code can have two
//! memories that are both the control memory, of which it reads only the first word of the second.
#![expect(unsafe_code, reason = "mapping memory, and giving the engine its address")]

use std::collections::VecDeque;
use std::ffi::c_void;
use std::io;
use std::os::fd::OwnedFd;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

/// What a 32-bit index can address.
pub(crate) const RESERVATION_BYTES: usize = 1 << 32;
/// What sizes of linear memories are multiples of.
pub(crate) const WASM_PAGE_BYTES: usize = 1 << 16;
/// No access, before and after each memory: constant offsets of loads and stores up to this need no check of their own.
pub(crate) const GUARD_BYTES: usize = 32 << 20;
/// The collector's heap, which holds exceptions in flight and nothing else. Another size than [`RESERVATION_BYTES`]
/// tells the two apart.
pub(crate) const GC_HEAP_RESERVATION: usize = 64 << 20;

/// The address space of one linear memory, and the file behind it.
#[derive(Debug)]
pub struct Region {
    mapping: *mut c_void,
    mapping_bytes: usize,
    base: *mut u8,
    size: AtomicUsize,
    /// The bytes that can be used: as many as the size, but of a control memory.
    accessible: AtomicUsize,
    limit: usize,
    file: Option<OwnedFd>,
}

// SAFETY: the pointers name a mapping that this value alone owns and that stays until it is dropped. Concurrent use of
// the bytes is ruled out by the users: a program has one thread, and it either runs or is looked at.
unsafe impl Send for Region {}
// SAFETY: as above; the size is atomic.
unsafe impl Sync for Region {}

impl Region {
    /// Reserves address space for a memory of at most `limit` bytes, rounded down to pages of 64 KiB.
    pub(crate) fn new(limit: usize) -> io::Result<Self> {
        let limit = limit.min(RESERVATION_BYTES) & !(WASM_PAGE_BYTES - 1);
        let file =
            rustix::fs::memfd_create("linear-memory", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::ftruncate(&file, limit as u64)?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
        Self::reserve(RESERVATION_BYTES, limit)?.with_file(file)
    }

    /// Reserves address space for a memory whose bytes are in `file` already. Its limit is the file's length. The file has
    /// to be sealed against growing and shrinking: whoever could shrink it could end this process.
    pub(crate) fn adopt(file: OwnedFd) -> io::Result<Self> {
        let invalid = |message| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        let seals = rustix::fs::fcntl_get_seals(&file)?;
        if !seals.contains(SealFlags::GROW | SealFlags::SHRINK) {
            return invalid("the file of a linear memory is not sealed in size");
        }
        let bytes = rustix::fs::fstat(&file)?.st_size;
        let Some(limit) = usize::try_from(bytes).ok().filter(|bytes| *bytes <= RESERVATION_BYTES) else {
            return invalid("the file of a linear memory is larger than 4 GiB");
        };
        if !limit.is_multiple_of(WASM_PAGE_BYTES) {
            return invalid("the length of a linear memory's file is not a multiple of 64 KiB");
        }
        Self::reserve(RESERVATION_BYTES, limit)?.with_file(file)
    }

    /// Maps `file`, which has as many bytes as the limit says, into a new reservation, without access yet.
    fn with_file(mut self, file: OwnedFd) -> io::Result<Self> {
        if self.limit > 0 {
            // SAFETY: `limit` bytes from `base` lie inside of the reservation that this value owns, and which nothing
            // uses before the size is set; replacing that part of it is what `FIXED` is for.
            unsafe {
                rustix::mm::mmap(
                    self.base.cast(),
                    self.limit,
                    ProtFlags::empty(),
                    MapFlags::SHARED | MapFlags::FIXED | MapFlags::NORESERVE,
                    &file,
                    0,
                )
            }?;
        }
        self.file = Some(file);
        Ok(self)
    }

    /// Reserves anonymous memory of at most `limit` bytes, for what is not a linear memory.
    fn anonymous(limit: usize) -> io::Result<Self> {
        Self::reserve(limit, limit)
    }

    /// Makes a control memory of `bytes` bytes, which is no file. Only the first `accessible` bytes can be used: the rest
    /// is what a program with a larger stack would need, and using it traps.
    pub(crate) fn control(bytes: usize, accessible: usize) -> io::Result<Self> {
        let region = Self::reserve(RESERVATION_BYTES, bytes.min(RESERVATION_BYTES))?;
        region.grow_to(accessible.min(region.limit))?;
        region.size.store(region.limit, Ordering::Relaxed);
        Ok(region)
    }

    fn reserve(bytes: usize, limit: usize) -> io::Result<Self> {
        let mapping_bytes = bytes + 2 * GUARD_BYTES;
        // SAFETY: a new mapping at an address of the kernel's choice affects no memory in use.
        let mapping = unsafe {
            rustix::mm::mmap_anonymous(
                ptr::null_mut(),
                mapping_bytes,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )
        }?;
        Ok(Self {
            mapping,
            mapping_bytes,
            base: mapping.cast::<u8>().wrapping_add(GUARD_BYTES),
            size: AtomicUsize::new(0),
            accessible: AtomicUsize::new(0),
            limit,
            file: None,
        })
    }

    /// Its size as the program sees it, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// The file that holds its bytes, as many as it may become. Only a control memory has none.
    #[must_use]
    pub fn file(&self) -> Option<&OwnedFd> {
        self.file.as_ref()
    }

    /// The most that its size can become, in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn grow_to(&self, new_size: usize) -> io::Result<()> {
        if new_size > self.limit {
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, "linear memory is at its limit"));
        }
        let size = self.size();
        if new_size > size {
            // Sizes that are no multiple of the page round up: the file has no bytes beyond its end, and the limit is
            // a multiple.
            let start = size & !(page() - 1);
            // SAFETY: the range lies inside of the mapping of at least `limit` bytes that starts at `base`; making more
            // of it accessible takes nothing away from anybody.
            unsafe {
                rustix::mm::mprotect(
                    self.base.wrapping_add(start).cast(),
                    new_size.next_multiple_of(page()) - start,
                    MprotectFlags::READ | MprotectFlags::WRITE,
                )
            }?;
            self.size.store(new_size, Ordering::Relaxed);
            self.accessible.store(new_size, Ordering::Relaxed);
        }
        Ok(())
    }

    /// How many bytes of it can be used, which is its size unless it is a control memory.
    pub(crate) fn accessible(&self) -> usize {
        self.accessible.load(Ordering::Relaxed)
    }

    /// A copy of some bytes; `None` if not all of them can be used. The program must not run meanwhile.
    pub(crate) fn read(&self, offset: u32, len: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let from = self.at(offset, len)?;
        bytes.reserve_exact(len);
        // SAFETY: `at` has checked that so many bytes are mapped readable there, and the vector has room for them.
        unsafe { ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), len) };
        // SAFETY: they have just been written.
        unsafe { bytes.set_len(len) };
        Some(bytes)
    }

    /// Replaces some bytes. Says whether all of them can be used. The program must not run meanwhile.
    #[must_use]
    pub(crate) fn write(&self, offset: u32, new: &[u8]) -> bool {
        let Some(to) = self.at(offset, new.len()) else { return false };
        // SAFETY: `at` has checked that so many bytes are mapped writable there, and nobody has a reference to them:
        // references are made by `bytes_mut`, for the length of a call, and to the first word, which is not among these.
        unsafe { ptr::copy_nonoverlapping(new.as_ptr(), to, new.len()) };
        true
    }

    /// Where some bytes are, if they can be used.
    fn at(&self, offset: u32, len: usize) -> Option<*mut u8> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(len)?;
        (end <= self.accessible()).then(|| self.base.wrapping_add(start))
    }

    /// The word at the start of a control memory.
    pub(crate) fn first_word(&self) -> &AtomicU32 {
        debug_assert!(self.size() >= WASM_PAGE_BYTES, "a control memory has pages");
        // SAFETY: the start of a control memory is mapped readable and writable as long as `self`, and aligned to a page.
        // The program reads it with an atomic instruction, or does not poll it at all.
        unsafe { AtomicU32::from_ptr(self.base.cast()) }
    }

    /// The bytes of the memory.
    ///
    /// # Safety
    /// While the slice lives, the program does not run and nobody else makes one.
    #[expect(clippy::mut_from_ref, reason = "the caller promises to be the only one")]
    pub(crate) unsafe fn bytes_mut(&self) -> &mut [u8] {
        // SAFETY: `size` bytes from `base` are mapped readable and writable (`grow_to`), stay so as long as `self`,
        // and the caller promises that nobody else uses them.
        unsafe { slice::from_raw_parts_mut(self.base, self.size()) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `reserve` with this length and belongs to this value alone; all that point
        // into it borrow the value or, in the engine, keep it alive.
        let unmapped = unsafe { rustix::mm::munmap(self.mapping, self.mapping_bytes) };
        debug_assert!(unmapped.is_ok(), "a mapping of our own can be unmapped");
    }
}

fn page() -> usize {
    rustix::param::page_size()
}

/// The memories that a program is about to get: made while the process may still map files, handed out to the engine
/// when the program is instantiated.
#[derive(Debug)]
pub(crate) struct Regions {
    waiting: Mutex<VecDeque<Arc<Region>>>,
}

impl Regions {
    /// None yet.
    pub(crate) fn waiting() -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::new(VecDeque::new()) })
    }

    /// Memories for the next instance, in the order of their indexes.
    pub(crate) fn provide(&self, regions: &[Arc<Region>]) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(regions.iter().cloned());
    }
}

// SAFETY: each memory handed out is a reservation of the size asked for, followed by a guard, with no access beyond the
// size asked for; zero-filled because its file is new, or filled with what the program had there; and no two get the same
// one, but for the control memory: nobody makes references to its bytes, and in one of the two there is only an atomic
// load of a word that nobody stores to otherwise.
unsafe impl wasmtime::MemoryCreator for Regions {
    fn new_memory(
        &self,
        _: wasmtime::MemoryType,
        minimum: usize,
        _: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn wasmtime::LinearMemory>, String> {
        if guard > GUARD_BYTES {
            return Err(format!("a guard of {guard} bytes is more than was reserved"));
        }
        let region = match reserved {
            Some(RESERVATION_BYTES) => self
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front()
                .ok_or("more memories than the module has")?,
            Some(GC_HEAP_RESERVATION) => {
                Arc::new(Region::anonymous(GC_HEAP_RESERVATION).map_err(|e| e.to_string())?)
            }
            other => return Err(format!("a reservation of {other:?} bytes was not configured")),
        };
        region.grow_to(minimum).map_err(|error| {
            let pages = |bytes: usize| bytes / WASM_PAGE_BYTES;
            format!("a memory of {} pages (at most {}): {error}", pages(minimum), pages(region.limit))
        })?;
        Ok(Box::new(Handle(region)))
    }
}

/// The engine's hold on a memory.
struct Handle(Arc<Region>);

// SAFETY: `as_ptr` stays the same for the life of the value, `byte_size` bytes from there are readable and writable, and
// `grow_to` never moves them.
unsafe impl wasmtime::LinearMemory for Handle {
    fn byte_size(&self) -> usize {
        self.0.size()
    }

    fn byte_capacity(&self) -> usize {
        self.0.limit
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        Ok(self.0.grow_to(new_size)?)
    }

    fn as_ptr(&self) -> *mut u8 {
        self.0.base
    }
}

#[cfg(test)]
mod tests;
