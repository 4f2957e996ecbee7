//! System calls by number, and the few other things tests need `unsafe` for.
#![expect(unsafe_code, reason = "tests of system call filters make system calls by number")]

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes a system call with any number and arguments; returns the error number, or zero.
///
/// The callers choose arguments with which no call writes memory: pointers are invalid, or of constants.
pub(crate) fn syscall(number: i64, arguments: [u64; 6]) -> i32 {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: in a process of its own which ends right after; pointers among the arguments are invalid, which the
    // kernel reports, or of constants that the call reads.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result == -1 { std::io::Error::last_os_error().raw_os_error().unwrap() } else { 0 }
}

/// Makes a system call by the entry point for 32-bit programs.
#[cfg(target_arch = "x86_64")]
pub(crate) fn syscall_32(number: u32) {
    // SAFETY: the compiler keeps `rbx` for itself, so it is exchanged around the instruction; all arguments are
    // invalid. In a process of its own which ends right after.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {b}",
            "int 0x80",
            "xchg rbx, {b}",
            b = inout(reg) u64::from(u32::MAX) => _,
            inlateout("rax") u64::from(number) => _,
            in("rcx") u64::from(u32::MAX),
            in("rdx") u64::from(u32::MAX),
            in("rsi") u64::from(u32::MAX),
            in("rdi") u64::from(u32::MAX),
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
}

/// Whether this process has children, ended or not.
pub(crate) fn has_children() -> bool {
    let mut status = 0;
    // SAFETY: the pointer is valid for writing.
    let result = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    result != -1
}

/// Maps a page of a file privately and makes it readable code, as the engine does; whether that worked.
pub(crate) fn map_code(file: BorrowedFd<'_>) -> bool {
    let (protection, fd) = (libc::PROT_READ | libc::PROT_WRITE, file.as_raw_fd());
    // SAFETY: a new mapping, which replaces nothing and is not used.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, libc::MAP_PRIVATE, fd, 0) };
    if address == libc::MAP_FAILED {
        return false;
    }
    // SAFETY: the mapping made just above, which is not used.
    let result = unsafe { libc::mprotect(address, 4096, libc::PROT_READ | libc::PROT_EXEC) };
    result == 0
}

/// Replaces a reservation by a file, as the engine does with linear memories; whether that worked.
pub(crate) fn map_memory(file: BorrowedFd<'_>) -> bool {
    let address = std::ptr::with_exposed_provenance_mut(map(1 << 20));
    let flags = libc::MAP_SHARED | libc::MAP_FIXED | libc::MAP_NORESERVE;
    // SAFETY: the reservation made just above, which is not used.
    let mapped = unsafe { libc::mmap(address, 1 << 20, libc::PROT_NONE, flags, file.as_raw_fd(), 0) };
    mapped == address
}

/// Address of a new mapping.
pub(crate) fn map(bytes: usize) -> usize {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, which replaces nothing and is not used.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
    address.expose_provenance()
}

/// Gives back a part of what [`map`] returned.
pub(crate) fn unmap(address: usize, bytes: usize) {
    // SAFETY: a part of a mapping that is not used.
    let result = unsafe { libc::munmap(std::ptr::with_exposed_provenance_mut(address), bytes) };
    assert_eq!(result, 0);
}

/// Enters a new user namespace.
pub(crate) fn unshare_user() -> bool {
    // SAFETY: takes no pointers.
    let result = unsafe { libc::unshare(libc::CLONE_NEWUSER) };
    result == 0
}

/// Ignores a signal.
pub(crate) fn ignore(signal: i32) {
    // SAFETY: SIG_IGN is not a function.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// How often the handler ran.
pub(crate) static SIGNALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_signal: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

/// Delivers `SIGALRM` again and again to a handler that counts.
pub(crate) fn signal_every_5_ms() {
    // SAFETY: the handler does nothing but an atomic addition, so it may run at any time.
    unsafe { libc::signal(libc::SIGALRM, count as *const () as libc::sighandler_t) };
    let period = libc::timeval { tv_sec: 0, tv_usec: 5000 };
    let timer = libc::itimerval { it_interval: period, it_value: period };
    // SAFETY: the new value is initialized, and null says the old one is not wanted.
    let result = unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// A flag of every action, which says that it names the function that returns from the handler: x86-64's C libraries
/// set it.
pub(crate) const RESTORER: i32 = 0x0400_0000;

/// The flags of a signal's action.
pub(crate) fn signal_flags(signal: i32) -> i32 {
    // SAFETY: all-zero is a valid value of this plain C type.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: `action` is valid for writing, and null says that no new action is given.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    assert_eq!(result, 0);
    action.sa_flags
}
