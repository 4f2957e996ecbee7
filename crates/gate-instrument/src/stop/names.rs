//! Names by which a stoppable module exports everything there is in it.

use super::link::Callee;
use super::module::Module;

/// What all names start with, before as many underscores as it takes to have them different from those of the program.
const PREFIX: &str = "gate";

/// Something that a stoppable module exports by a name that it has not got from the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hidden {
    /// A function, by index. Exported are the start function, and those that tables and globals can have references to.
    /// References to an imported function that may block are to [`Hidden::Import`].
    Function(u32),
    /// What the program calls instead of an imported function that may block, by the index of that.
    Import(u32),
    /// A table, by index; added ones, too.
    Table(u32),
    /// A memory, by index; the control memory, too.
    Memory(u32),
    /// A global, by index; added ones, too.
    Global(u32),
    /// An exception tag, by index.
    Tag(u32),
    /// A function without parameters and results, which writes the active segments to tables and memories. The host calls it
    /// once, instead of what instantiation of the original would have done, before the start function.
    Initialize,
    /// A function without parameters and results, which drops the segments that had been dropped. The host calls it
    /// instead of [`Hidden::Initialize`] in an instance that it restores, when the control memory has its contents.
    Restore,
}

/// Names what a stoppable module exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    prefix: String,
}

impl Names {
    /// The names of a module of which [`Names::prefix`] said this.
    pub const fn with_prefix(prefix: String) -> Self {
        Self { prefix }
    }

    /// What the names of a module start with. Nothing that the program exports itself does.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Chooses names that the program does not use.
    pub(super) fn new(module: &Module<'_>) -> Self {
        let underscores = |name: &&str| {
            let rest = name.strip_prefix(PREFIX)?;
            let name = rest.trim_start_matches('_');
            name.starts_with(' ').then_some(rest.len() - name.len() + 1)
        };
        let underscores = module.exports.iter().filter_map(underscores).max().unwrap_or_default();
        Self { prefix: format!("{PREFIX}{} ", "_".repeat(underscores)) }
    }

    /// The name by which something is exported.
    pub fn name(&self, hidden: Hidden) -> String {
        match hidden {
            Hidden::Function(function) => self.callee(&Callee::Function(function)),
            Hidden::Import(function) => self.callee(&Callee::Import(function)),
            Hidden::Table(index) => format!("{}table {index}", self.prefix),
            Hidden::Memory(index) => format!("{}memory {index}", self.prefix),
            Hidden::Global(index) => format!("{}global {index}", self.prefix),
            Hidden::Tag(index) => format!("{}tag {index}", self.prefix),
            Hidden::Initialize => format!("{}initialize", self.prefix),
            Hidden::Restore => format!("{}restore", self.prefix),
        }
    }

    pub(super) fn callee(&self, callee: &Callee) -> String {
        format!("{}{}", self.prefix, callee.name())
    }
}
