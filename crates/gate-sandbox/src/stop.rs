//! Asking a program's process to stop: a signal, whose arrival also ends what the process waits for.
//!
//! ```text
//! supervisor                            process
//!   request(pidfd) ──── SIGUSR1 ──────▶   handler: requested, word = 1
//!   ... again each millisecond,           code that runs reads the word
//!   until it is answered or over          a call that waits fails with EINTR; is_requested()
//! ```
//!
//! A signal that comes after a process has looked at [`is_requested`] and before it waits does not end that wait. Closing
//! this gap would take a changed signal mask around every wait, which is a system call or two for each; instead the
//! supervisor repeats its request, so that the gap costs one period and nothing where nobody asks.
//!
//! Life of the handler:
//!
//! | process | calls | because |
//! |---|---|---|
//! | zygote | [`install`], before its filter | workers inherit the handler: a request never finds the default action, which is death |
//! | program | [`forget`] first, later [`set_word`] | what the zygote was sent, if anything, does not concern it |
//! | compiler | [`ignore`] first | there is nothing to stop: it is killed |
//!
//! The handler runs on the alternate stack if there is one, because a program may be at the end of its own. It does not
//! restart calls, blocks no other signals, and does nothing but atomic loads and stores, so it may run at any moment.
#![expect(unsafe_code, reason = "a signal handler reads a pointer")]

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

use rustix::io::Errno;
use rustix::process::Signal;

use crate::sys;

#[cfg(test)]
mod tests;

/// The signal that asks.
const SIGNAL: Signal = Signal::USR1;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Null, or what [`set_word`] was given. The order between this and `REQUESTED` matters, hence `SeqCst` on both.
static WORD: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());

extern "C" fn on_signal(_signal: libc::c_int) {
    REQUESTED.store(true, Ordering::SeqCst);
    let word = WORD.load(Ordering::SeqCst);
    // SAFETY: it is null, or was made in `set_word` from a reference that is valid for ever.
    if let Some(word) = unsafe { word.as_ref() } {
        word.store(1, Ordering::SeqCst);
    }
}

/// Installs the handler in this process and those that it forks.
///
/// # Errors
///
/// Those of `sigaction`; none are known.
pub fn install() -> io::Result<()> {
    sys::handle_signal(SIGNAL, sys::Action::Handler(on_signal))
}

/// Makes requests have no effect in this process, not even that of ending a wait.
///
/// # Errors
///
/// Those of `sigaction`; none are known.
pub fn ignore() -> io::Result<()> {
    sys::handle_signal(SIGNAL, sys::Action::Ignore)
}

/// Forgets requests that have come, and the word. The handler stays.
pub fn forget() {
    WORD.store(ptr::null_mut(), Ordering::SeqCst);
    REQUESTED.store(false, Ordering::SeqCst);
}

/// Names a word that becomes 1 when a request comes, or now if one has come already. It replaces the one before.
///
/// Nothing here ever sets it back to 0.
pub fn set_word(word: &'static AtomicU32) {
    WORD.store(ptr::from_ref(word).cast_mut(), Ordering::SeqCst);
    if is_requested() {
        word.store(1, Ordering::SeqCst);
    }
}

/// Whether a request has come to this process since it was forked, or since [`forget`].
#[must_use]
pub fn is_requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Asks a process to stop, once. Returns whether it is still there: one that has ended and was not waited for yet is.
///
/// The process must have the handler, as everything has that a zygote has forked.
///
/// # Errors
///
/// `EPERM` when the process is not one that this one may signal. The owner of a container may signal what is inside.
pub fn request(pidfd: BorrowedFd<'_>) -> io::Result<bool> {
    match rustix::process::pidfd_send_signal(pidfd, SIGNAL) {
        Ok(()) => Ok(true),
        Err(Errno::SRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
