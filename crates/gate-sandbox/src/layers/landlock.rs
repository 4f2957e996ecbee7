//! Landlock: no file system, no network, no signals or abstract Unix sockets beyond this process.
//!
//! In a container there is nothing left for it to protect; it is a second wall, made by other code of the kernel than
//! namespaces, and the first one where namespaces are disabled. Sockets and files that are open stay usable.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope,
};

/// Newest set of rights that this program asks for; the kernel enforces those it knows.
const NEWEST: ABI = ABI::V9;

/// How much of it the kernel enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforced {
    /// Everything this program asks for.
    Fully,
    /// What this kernel knows: files since Linux 5.13, TCP since 6.7, signals and abstract sockets since 6.12.
    Partially,
    /// Nothing: the kernel is older than 5.13, or Landlock is not among its enabled security modules.
    Not,
}

/// The kernel has Landlock but refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot restrict this process with Landlock")]
pub struct LandlockError {
    #[from]
    source: landlock::RulesetError,
}

/// Forbids to this thread, and all processes and threads it makes later, every right Landlock handles. Sets
/// `no_new_privs`.
///
/// # Errors
///
/// When the kernel knows Landlock but refuses; what it does not know is no error but reported.
pub fn restrict() -> Result<Enforced, LandlockError> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Enforced::Fully,
        RulesetStatus::PartiallyEnforced => Enforced::Partially,
        RulesetStatus::NotEnforced => Enforced::Not,
    })
}
