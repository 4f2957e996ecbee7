//! Who uses a service.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// A running program, as its services see it.
///
/// It is one for as long as the program runs in one host; a program that is restored elsewhere has got another.
#[derive(Debug)]
pub struct Client {
    /// Whom the program belongs to: `local`, or `ed25519:` and the key in base64url; `None` if that is not known.
    pub principal: Option<String>,
    /// The instance's id, a UUID; `None` if it has none.
    pub instance: Option<[u8; 16]>,
    /// Chosen at random each time a program is launched or continued; tells programs apart.
    pub process_key: [u8; 16],
    /// What the program may do through services that ask.
    pub scope: Scope,
    /// The system user for whom services may run programs of the host; `None` for nobody.
    pub system_user: Option<u32>,
}

/// The privileges of a program.
#[derive(Debug)]
pub struct Scope {
    /// What whoever invoked the program granted.
    invocation: BTreeSet<String>,
    /// What the program has restricted itself to; `None` as long as it has not.
    program: Mutex<Option<BTreeSet<String>>>,
}

impl Scope {
    /// The scope of a program that is granted these privileges, and has not restricted itself.
    #[must_use]
    pub fn new(granted: impl IntoIterator<Item = String>) -> Self {
        Self { invocation: granted.into_iter().collect(), program: Mutex::new(None) }
    }

    /// The scope of a program with the same privileges that has not restricted itself.
    pub(crate) fn unrestricted(&self) -> Self {
        Self::new(self.invocation.iter().cloned())
    }

    /// Takes everything from the program that is not among `privileges`, for good.
    pub fn restrict(&self, privileges: BTreeSet<String>) {
        let mut program = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *program {
            Some(old) => old.retain(|privilege| privileges.contains(privilege)),
            None => *program = Some(privileges),
        }
    }

    /// What the program has restricted itself to; `None` if it has not.
    #[must_use]
    pub fn restriction(&self) -> Option<BTreeSet<String>> {
        self.program.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the program has this privilege.
    #[must_use]
    pub fn contains(&self, privilege: &str) -> bool {
        let program = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        self.invocation.contains(privilege)
            && program.as_ref().is_none_or(|program| program.contains(privilege))
    }
}
