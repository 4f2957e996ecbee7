//! System call filters (seccomp).
//!
//! A filter is a list of [`Rule`]s, each with the code that makes the call. Whatever is not on the list ends the
//! process with `SIGSYS`: other calls, other arguments, other architectures (32-bit entry points on a 64-bit kernel
//! arrive under another architecture with other meanings of the same numbers), and x32 calls on x86-64 (which arrive
//! under the same architecture with bit 30 of the number set: no rule has such a number).
//!
//! The kernel itself excepts two numbers on x86-64 from all filters, `uretprobe` (335, since Linux 6.11) and `uprobe` (336,
//! since 6.18). A tracer inserts them into programs; called from anywhere else they fail or end the process.
//!
//! Filters add up: a process forked under one filter and given another may do what both allow. So the list of the
//! zygote contains those of all the workers it forks, and that of a loading worker contains that of a running one:
//!
//! ```text
//! Zygote ⊃ Loading ⊃ Running          (zygote forks a worker, which loads a program, then runs it)
//! Zygote ⊃ Compiler                   (zygote forks a worker which compiles a module)
//! ```
//!
//! The calls by which a worker gives something away, and what they are worth to somebody who has taken it over:
//!
//! | stage | call | worth |
//! |---|---|---|
//! | Running | `write` to [`STATE`] | nothing but bytes in a file that was made by [`create_sized`] before: its seal bounds it, no call that is left lengthens it or takes the seal away, and the trusted side hands it on without reading it |
//! | Running | `sendmsg` on [`CONTROL`] | a filter cannot see what is in a message: any descriptor the worker has, as often as it likes. There is none that the supervisor did not give it, or that reaches further than the sealed files and sockets it made while loading. The supervisor closes what it did not expect, and is to use nothing before [`verify`], [`finish`], or for a socket a comparison of its [`identity`]: else a standard stream that can only be written could come back as one to read |
//! | Compiler | `write` and `pwrite64` to [`OUTPUTS`] | the contents of what it makes, which are its own to choose. Files with sealed contents refuse; a linear memory that it is only to read is that of the program whose snapshot it is. No call makes a file, or maps one for writing |
//! | Compiler | `fcntl` that seals [`OUTPUTS`] | no other process can write what this one could not either; what it is only to read is sealed already, so that no seals can be added. A file sealed so that [`finish`] fails is one that it did not make |
//! | Compiler | `lseek` for data and holes | where in a file that it can read anyway there is data; offsets of these files, which nobody else relies on |
//!
//! [`STATE`]: crate::descriptors::STATE
//! [`CONTROL`]: crate::descriptors::CONTROL
//! [`OUTPUTS`]: crate::descriptors::OUTPUTS
//! [`create_sized`]: crate::memfd::create_sized
//! [`verify`]: crate::memfd::verify
//! [`finish`]: crate::memfd::finish
//! [`identity`]: crate::descriptors::identity

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

mod lists;

#[cfg(test)]
mod tests;

/// Life of a process in the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Process 1: forks workers and waits for them.
    Zygote,
    /// Worker that compiles a module.
    Compiler,
    /// Worker that loads a compiled program.
    Loading,
    /// Worker that runs it. Everything here is at the disposal of whoever breaks out of the engine.
    Running,
}

impl Stage {
    /// All of them.
    pub const ALL: [Stage; 4] = [Stage::Zygote, Stage::Compiler, Stage::Loading, Stage::Running];
}

/// What happens to a call that matches a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The kernel executes it.
    Allow,
    /// It fails with `ENOSYS`, as on a kernel that does not have it, so that the caller uses an older one.
    Missing,
}

/// Test of one argument, on its low 32 bits: all arguments tested here are of type `int` or have their meaning there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which argument, from 0.
    pub argument: u8,
    /// Bits that are looked at.
    pub mask: u32,
    /// What they must be.
    pub value: u32,
}

/// One entry of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Number of the call on this architecture.
    pub number: libc::c_long,
    /// Its name.
    pub name: &'static str,
    /// All must hold; none means any arguments.
    pub conditions: &'static [Condition],
    /// What happens then.
    pub effect: Effect,
    /// Who makes this call and what for.
    pub caller: &'static str,
}

/// Why a filter could not be installed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum FilterError {
    /// A mistake in the lists.
    #[error("cannot make a filter program")]
    Compile { source: seccompiler::BackendError },
    /// The kernel has no seccomp filters, or this process may not use them.
    #[error("the kernel refuses the system call filter; it needs CONFIG_SECCOMP_FILTER")]
    Install { source: seccompiler::Error },
}

/// The rules of a stage. A number can occur several times: the call is allowed if one of its rules matches.
#[must_use]
pub fn allowed(stage: Stage) -> Vec<Rule> {
    let parts: &[&[Rule]] = match stage {
        Stage::Running => &[lists::RUNNING],
        Stage::Loading => &[lists::RUNNING, lists::LOADING],
        Stage::Compiler => &[lists::COMPILER],
        Stage::Zygote => &[lists::RUNNING, lists::LOADING, lists::COMPILER, lists::ZYGOTE],
    };
    parts.concat()
}

/// A filter ready to be installed. Making it allocates; installing it does not.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Allows what the list says and kills the rest.
    allow: BpfProgram,
    /// Makes some calls fail and allows the rest. A program has one action for what matches, hence the second one; of
    /// the two verdicts about a call the kernel takes the stricter.
    missing: Option<BpfProgram>,
}

impl Filter {
    /// Compiles the list of a stage.
    ///
    /// # Errors
    ///
    /// None with the lists as they are (a test compiles them all).
    pub fn new(stage: Stage) -> Result<Filter, FilterError> {
        let rules = allowed(stage);
        let missing: Vec<Rule> =
            rules.iter().copied().filter(|rule| rule.effect == Effect::Missing).collect();
        let program = |rules: &[Rule], mismatch, hit| {
            compile(rules, mismatch, hit).map_err(|source| FilterError::Compile { source })
        };
        Ok(Filter {
            allow: program(&rules, SeccompAction::KillProcess, SeccompAction::Allow)?,
            missing: if missing.is_empty() {
                None
            } else {
                let errno = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
                Some(program(&missing, SeccompAction::Allow, errno)?)
            },
        })
    }

    /// Installs it on this thread, for ever, and on all threads and processes it makes later. Sets `no_new_privs`.
    ///
    /// If this process is under a filter already, that one must allow `prctl` and `seccomp` to do so.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn install(&self) -> Result<(), FilterError> {
        let install = |program: &BpfProgram| {
            seccompiler::apply_filter(program).map_err(|source| FilterError::Install { source })
        };
        // The one that allows more calls goes first: the other may forbid this very call.
        if let Some(missing) = &self.missing {
            install(missing)?;
        }
        install(&self.allow)
    }
}

/// Compiles and installs the filter of a stage.
///
/// # Errors
///
/// When the kernel refuses.
pub fn install(stage: Stage) -> Result<(), FilterError> {
    Filter::new(stage)?.install()
}

/// The architecture whose numbers are in the lists.
const ARCHITECTURE: TargetArch = if cfg!(target_arch = "x86_64") {
    TargetArch::x86_64
} else if cfg!(target_arch = "aarch64") {
    TargetArch::aarch64
} else {
    panic!("there are no filters for this architecture")
};

fn compile(
    rules: &[Rule],
    mismatch: SeccompAction,
    hit: SeccompAction,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut chains: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for rule in rules {
        // For the compiler an empty chain means any arguments, which here must win over other rules for the number.
        if rules.iter().any(|other| other.number == rule.number && other.conditions.is_empty()) {
            chains.insert(rule.number, Vec::new());
            continue;
        }
        let mut conditions = Vec::new();
        for Condition { argument, mask, value } in rule.conditions {
            conditions.push(SeccompCondition::new(
                *argument,
                SeccompCmpArgLen::Dword,
                SeccompCmpOp::MaskedEq(u64::from(*mask)),
                u64::from(*value),
            )?);
        }
        let rule_of_number = SeccompRule::new(conditions)?;
        let chain = chains.entry(rule.number).or_default();
        if !chain.contains(&rule_of_number) {
            chain.push(rule_of_number);
        }
    }
    SeccompFilter::new(chains, mismatch, hit, ARCHITECTURE)?.try_into()
}
