//! Things that cannot be saved, and wait for their program to be continued in this process.
//!
//! A service that holds, for example, a connection gives it a [`Token`], which goes into the snapshot, and parks it when it is dropped after
//! having been saved. The service that is made of the snapshot takes it. Nothing can be taken twice, so a program that is continued
//! more than once has it only the first time; and tokens cannot be guessed, so what is parked for one program is not found by another.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gate_service::Failure;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// For how long a thing is parked. Then nobody is expected to come for it.
pub(crate) const PARK_TIME: Duration = Duration::from_secs(60);

/// How many things can be parked at once in one place. What comes when it is full is dropped.
///
/// They hold sockets and processes, of which a host has some thousands.
const MAX_PARKED: usize = 1024;

/// What to find a parked thing by.
pub(crate) type Token = [u8; 16];

/// A new token.
///
/// # Errors
/// [`Failure::Service`] if the system has no random numbers.
pub(crate) fn token() -> Result<Token, Failure> {
    let mut token = Token::default();
    getrandom::fill(&mut token).map_err(|error| Failure::Service(error.to_string().into()))?;
    Ok(token)
}

/// A place for things of one kind.
pub(crate) struct Park<T> {
    spaces: Arc<Mutex<HashMap<Token, Space<T>>>>,
}

struct Space<T> {
    thing: T,
    /// Ends the task that would remove it.
    removal: AbortHandle,
}

impl<T> Default for Park<T> {
    fn default() -> Self {
        Self { spaces: Arc::default() }
    }
}

impl<T: Send + 'static> Park<T> {
    /// Keeps `thing` for whoever has the token, or drops it after [`PARK_TIME`] in the runtime in which it lives; or at once if there is
    /// no space.
    pub(crate) fn put(&self, token: Token, thing: T, runtime: &Handle) {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        if spaces.len() >= MAX_PARKED {
            return;
        }
        let place = Arc::downgrade(&self.spaces);
        let removal = runtime.spawn(async move {
            sleep(PARK_TIME).await;
            let spaces = place.upgrade();
            let removed = spaces
                .and_then(|spaces| spaces.lock().unwrap_or_else(PoisonError::into_inner).remove(&token));
            // Not under the lock.
            drop(removed);
        });
        spaces.insert(token, Space { thing, removal: removal.abort_handle() });
    }

    /// What was put here with this token, if it still is here.
    pub(crate) fn take(&self, token: &Token) -> Option<T> {
        let space = self.spaces.lock().unwrap_or_else(PoisonError::into_inner).remove(token)?;
        space.removal.abort();
        Some(space.thing)
    }
}

impl<T> fmt::Debug for Park<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.spaces.lock().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_struct("Park").field("count", &count).finish()
    }
}

#[cfg(test)]
mod tests;
