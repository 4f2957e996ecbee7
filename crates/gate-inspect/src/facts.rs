//! What a module or snapshot is.

mod features;
mod host;
mod outline;
mod program;
mod state;

use gate_snapshot::{Snapshot, file};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::symbols::Symbols;

pub use self::host::{DescriptorState, FileTotals, HostState, WasiState};
pub use self::outline::{Counts, Export, Global, Import, Memory, Producer, Section, Table};
pub use self::program::{FunctionName, Program, Stops};
pub use self::state::{
    Buffers, CallFrame, DataUse, EntryPoint, Exception, NamedValue, ServiceBuffer, Site, State, TableUse,
    Trap, TypedValue,
};

/// What a file is, as far as can be told without running it.
///
/// Its texts are as the module has them: [`Facts::text`] and [`Facts::json`] escape them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Facts {
    /// What kind of file it is.
    pub kind: Kind,
    /// The version of the snapshot, if it is one: 0 is that of the existing system.
    pub snapshot_version: Option<u64>,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// Why it cannot be used, if it cannot. What else is known of it is here none the less.
    pub problem: Option<String>,
    /// Its sections, as far as it can be taken apart.
    pub sections: Vec<Section>,
    /// The module, or the one that the snapshot is of. `None` if the snapshot cannot be read.
    pub program: Option<Program>,
    /// The state of the snapshot's program.
    pub state: Option<State>,
}

/// What kind of file something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A program of which nothing has run.
    Module,
    /// A program that was stopped.
    Snapshot,
    /// Something else.
    Unknown,
}

/// Takes a look at the file with these bytes, whatever they are.
pub fn facts(bytes: &[u8]) -> Facts {
    let (sections, problem) = outline::sections(bytes);
    let mut facts = Facts {
        kind: if sections.is_empty() && problem.is_some() { Kind::Unknown } else { Kind::Module },
        snapshot_version: None,
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        sha256: sha256(bytes),
        problem,
        sections,
        program: None,
        state: None,
    };
    if file::is_snapshot(bytes) {
        facts.kind = Kind::Snapshot;
        match state::read(bytes) {
            Ok(snapshot) => facts.add_snapshot(&snapshot),
            Err(problem) => facts.problem = Some(problem),
        }
    } else if facts.kind == Kind::Module {
        let program = program::program(bytes, &Symbols::read(bytes));
        facts.problem = facts.problem.or_else(|| program.refusal.clone());
        facts.program = Some(program);
    } else {
        facts.problem = program::refusal(bytes).err().or(facts.problem);
    }
    facts
}

impl Facts {
    fn add_snapshot(&mut self, snapshot: &Snapshot<'_>) {
        let symbols = Symbols::read(&snapshot.module);
        let program = program::program(&snapshot.module, &symbols);
        self.snapshot_version = Some(snapshot.version);
        self.problem = program.refusal.clone();
        self.state = Some(state::state(snapshot, &symbols));
        self.program = Some(program);
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The message of an error with those of its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
pub(crate) mod tests;
