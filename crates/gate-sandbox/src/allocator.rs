//! What happens when a process in a container has no memory left.
//!
//! The standard library would print a message and abort, which takes signals that the filters do not allow. This process
//! ends in a way that its parent can tell apart instead.
#![expect(unsafe_code, reason = "an allocator is an unsafe interface")]

use std::alloc::{GlobalAlloc, Layout, System};

use crate::process;

/// The exit status of a process that had no memory left.
pub const OUT_OF_MEMORY: i32 = 77;

/// The system's allocator, except that it ends the process with status [`OUT_OF_MEMORY`] instead of failing.
///
/// Code that would rather be told (`Vec::try_reserve`) is not: a process that has reached its limit has nobody to tell.
#[derive(Debug)]
pub struct EndWhenExhausted;

// SAFETY: every call is handed on to the system's allocator unchanged, and what it returns is returned unchanged.
unsafe impl GlobalAlloc for EndWhenExhausted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that are asked for.
        present(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        present(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        present(unsafe { System.realloc(pointer, layout, new_size) })
    }
}

fn present(pointer: *mut u8) -> *mut u8 {
    if pointer.is_null() {
        process::exit(OUT_OF_MEMORY);
    }
    pointer
}
