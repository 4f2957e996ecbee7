//! WASI preview 1 over guest memory and an in-memory file system.
//!
//! [`Wasi`] is what one program has: arguments, environment, file descriptors, and its [`Fs`]. Each of the 46 functions
//! is a method with the parameters it has in WebAssembly; [`FUNCTIONS`] lists them, and [`Wasi::call`] calls them with
//! arguments as they come from an engine.
//!
//! Semantics are those of the WASI documents, and of POSIX where these are silent. What is decided here:
//!
//! * Pointers that do not lie in memory give `fault`, before the function has had any other effect.
//! * A function that may block is restartable: after [`Stop::Interrupted`](gate_abi::host::Stop::Interrupted) nothing
//!   has changed. A relative sleep that is run again begins anew.
//! * Rights are enforced, and can only be dropped. Where a kind of descriptor can never do what is asked, the error says
//!   why (`spipe`, `isdir`, `notdir`) rather than `notcapable`.
//! * Clocks of processor time stand still while a program waits. Waiting for one waits for the same span of time.
//!
//! **Invariant**: no I/O, no clocks, no randomness: all of them come through [`Host`](gate_abi::host::Host). Neither
//! arguments nor memory of a program can make this crate panic or let it allocate more than a bounded amount.
#![forbid(unsafe_code)]

mod call;
mod clock;
mod directory;
mod fds;
mod file;
mod flags;
mod functions;
mod guest;
mod metadata;
mod path;
mod poll;
mod process;
mod rights;
mod socket;
mod stream;
mod strings;

pub use fds::MAX_FDS;
pub use functions::{FUNCTIONS, Function, Param};
pub use guest::MAX_IOVECS;
pub use poll::MAX_SUBSCRIPTIONS;
pub use strings::MAX_STRINGS_BYTES;

use fds::Fds;
use gate_fs::Fs;
use strings::Strings;

/// Why a program cannot be given what it is to start with.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StartError {
    /// A string with a NUL inside would be two for the program.
    #[error("argument or environment variable {index} contains a NUL byte")]
    Nul { index: usize },
    /// More than [`MAX_STRINGS_BYTES`].
    #[error("arguments or environment variables have {found} bytes (the limit is {MAX_STRINGS_BYTES})")]
    TooLong { found: usize },
    /// More directories than there can be descriptors.
    #[error("there are {found} preopened directories (the limit is {limit})")]
    Preopens { found: usize, limit: usize },
}

/// What a program that imports WASI functions has.
#[derive(Debug)]
pub struct Wasi {
    args: Strings,
    env: Strings,
    fds: Fds,
    fs: Fs,
}

impl Wasi {
    /// A program with these arguments (the first is its name) and environment variables (`NAME=value`). Descriptors 0 to 2
    /// are the standard streams, then come the preopened directories of `fs`.
    ///
    /// # Errors
    /// [`StartError`] when arguments or environment contain NUL or are too large, or there are too many preopens.
    pub fn new<S: AsRef<[u8]>>(args: &[S], env: &[S], mut fs: Fs) -> Result<Self, StartError> {
        let (args, env) = (Strings::new(args)?, Strings::new(env)?);
        let fds = Fds::new(&mut fs)?;
        Ok(Self { args, env, fds, fs })
    }

    /// The file system.
    #[must_use]
    pub fn fs(&self) -> &Fs {
        &self.fs
    }
}

#[cfg(test)]
mod tests;
