//! Why a module is refused.

use std::fmt;

use super::imports::ImportError;
use super::sniff::NotWasm;
use crate::quote;

/// How much of a validator's message is kept, in characters. Such messages repeat names that the module's author chose.
const MESSAGE_CHARS: usize = 300;

/// Why a module is not accepted. It is always the fault of the module.
///
/// Offsets are in bytes from the start of the module, as other tools print them.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum Refusal {
    /// It does not start like a module.
    #[error("this is not a WebAssembly module: {found}")]
    NotWasm { found: NotWasm },
    /// It is not valid WebAssembly, with whatever features. The message is escaped text.
    ///
    /// It holds the validator's message, not its error as a source: that prints names from the module as they are.
    #[error("the module is invalid at offset {offset:#x}{}: {message}", in_function(function.as_ref()))]
    Invalid { message: String, offset: usize, function: Option<Function> },
    /// It uses a part of WebAssembly that programs cannot use here.
    #[error("the module uses {feature} at offset {offset:#x}{}, which is not supported", in_function(function.as_ref()))]
    Feature { feature: &'static str, offset: usize, function: Option<Function> },
    /// A part of it is too large.
    #[error("the module has {found} {what} at offset {offset:#x}{}, and at most {limit} are allowed", in_function(function.as_ref()))]
    Limit { what: What, found: u64, limit: u64, offset: usize, function: Option<Function> },
    /// It imports what does not exist.
    #[error("import {index} of the module, at offset {offset:#x}, cannot be satisfied")]
    Import { index: usize, offset: usize, source: ImportError },
    /// It calls functions that use a memory and has none.
    #[error(
        "the module imports {function}, which reads or writes the program's memory, but it has no memory; define one and \
         export it as \"memory\""
    )]
    NoMemory { function: &'static str },
}

impl Refusal {
    /// The refusal of what the validator found wrong.
    pub(super) fn invalid(error: &wasmparser::Error, function: Option<Function>) -> Self {
        Self::Invalid {
            message: quote::message(error.message(), MESSAGE_CHARS),
            offset: error.offset(),
            function,
        }
    }
}

/// A function of a module, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its index in the module, imported functions counted first.
    pub index: u32,
    /// Its name, from the name section, as the module has it: not escaped.
    pub name: Option<String>,
}

impl fmt::Display for Function {
    /// As in `function 3 "main"`; the name is escaped and cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {}", self.index)?;
        match &self.name {
            Some(name) => write!(f, " {}", quote::name(name)),
            None => Ok(()),
        }
    }
}

fn in_function(function: Option<&Function>) -> String {
    function.map(|function| format!(" in {function}")).unwrap_or_default()
}

/// What there is too much of. Each is a field of [`Limits`](super::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "`Limits` documents them")]
pub enum What {
    ModuleBytes,
    Types,
    Functions,
    Imports,
    Exports,
    Globals,
    Tags,
    Memories,
    MemoryPages,
    TableElements,
    FunctionBytes,
    FunctionLocals,
    FunctionNesting,
    FunctionFlow,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ModuleBytes => "bytes",
            Self::Types => "types",
            Self::Functions => "functions",
            Self::Imports => "imports",
            Self::Exports => "exports",
            Self::Globals => "globals",
            Self::Tags => "tags",
            Self::Memories => "memories",
            Self::MemoryPages => "initial pages of memory",
            Self::TableElements => "initial elements of tables",
            Self::FunctionBytes => "bytes of code",
            Self::FunctionLocals => "parameters and locals",
            Self::FunctionNesting => "levels of nested blocks",
            Self::FunctionFlow => "values entering and leaving blocks and calls",
        })
    }
}
