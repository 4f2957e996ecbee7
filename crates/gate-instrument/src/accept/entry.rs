//! Which function of a program is run.
//!
//! | Personality | `_start` exported | Requested | Runs |
//! |---|---|---|---|
//! | any | yes | nothing | `_start` |
//! | any | no | nothing | nothing but the start function of the module |
//! | Gate | yes | a name | error: a program with `_start` has no other entry |
//! | Gate | no | `_start` | nothing but the start function of the module |
//! | Gate | no | another name | the export, of type `() -> ()` or `() -> i32` |
//! | WASI | any | a name | `_initialize` if it is exported, then the export, whose parameters and results are numbers |
//!
//! "Nothing" runs only what instantiation runs. A WASI program that has not even that is refused, and so is one whose
//! `_start` has another type than `() -> ()` or `() -> i32`; a Gate program then halts at once, as it always did.

use std::fmt;

use gate_abi::import::Personality;

use super::facts::Facts;
use super::outline::{Export, Kind};
use super::types::{FunctionType, ValueType};
use crate::quote;

/// The entry function of a command.
const START: &str = "_start";

/// The function that makes the exports of a library usable.
const INITIALIZE: &str = "_initialize";

/// What [`is_program`] asks for, in words.
const PROGRAM_TYPE: &str = "no parameters, and no result or one i32";

/// How many exports an error message lists.
const LISTED: usize = 8;

/// What to run after instantiation, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The function `_initialize`, of type `() -> ()`.
    pub initialize: Option<EntryFunction>,
    /// The function that is the program. `None` when instantiation was all there is to run.
    pub function: Option<EntryFunction>,
}

/// A function to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFunction {
    /// The name it is exported by, as the module has it: not escaped.
    pub name: String,
    /// Its index in the module, imported functions counted first.
    pub index: u32,
    /// Its type: numbers only.
    pub ty: FunctionType,
}

/// Why a program cannot be run as requested. It is the fault of who requested it, or of the module.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum EntryError {
    /// The program has no `_start` and no start function, so that nothing would run.
    #[error("the program has no function _start, so a function must be requested; {runnable}")]
    Nothing { runnable: Runnable },
    /// There is no export of that name.
    #[error("the program exports nothing named {}; {runnable}", quote::name(name))]
    NotFound { name: String, runnable: Runnable },
    /// The export is no function.
    #[error("export {} of the program is a {kind} and cannot be run; {runnable}", quote::name(name))]
    NotFunction { name: String, kind: &'static str, runnable: Runnable },
    /// The function has parameters or results that cannot be given or shown.
    #[error("function {} has type {ty} and cannot be run (needed: {needed}); {runnable}", quote::name(name))]
    Type { name: String, ty: FunctionType, needed: &'static str, runnable: Runnable },
    /// A program for Gate with `_start` cannot be entered anywhere else.
    #[error(
        "function {} cannot be requested: the program has a function _start, which is always what runs",
        quote::name(name)
    )]
    HasStart { name: String },
}

/// The functions of a program that could be requested, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runnable {
    listed: Vec<(String, FunctionType)>,
    more: usize,
}

impl fmt::Display for Runnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.listed.is_empty() {
            return f.write_str("it has no function that can be requested");
        }
        f.write_str("it has these functions: ")?;
        for (position, (name, ty)) in self.listed.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{} {ty}", quote::name(name))?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl Facts {
    /// What to run of a program that has not run yet, when `requested` was asked for. An empty name is the same as none.
    ///
    /// # Errors
    /// [`EntryError`] when nothing can be run as requested.
    pub fn entry(&self, requested: Option<&str>) -> Result<Entry, EntryError> {
        let requested = requested.filter(|name| !name.is_empty());
        match (self.personality, requested) {
            (Personality::Gate, None) => Ok(Entry { initialize: None, function: self.gate_start() }),
            (Personality::Gate, Some(name)) => self.gate_entry(name),
            (Personality::Wasi, None) => self.wasi_start(),
            (Personality::Wasi, Some(name)) => self.wasi_entry(name),
        }
    }

    fn gate_start(&self) -> Option<EntryFunction> {
        self.function(START).ok().filter(|function| is_program(&function.ty))
    }

    fn gate_entry(&self, name: &str) -> Result<Entry, EntryError> {
        if self.function(START).is_ok() {
            return Err(EntryError::HasStart { name: name.to_owned() });
        }
        if name == START {
            return Ok(Entry { initialize: None, function: None });
        }
        let function = self.function(name)?;
        self.check_type(&function, PROGRAM_TYPE)?;
        Ok(Entry { initialize: None, function: Some(function) })
    }

    fn wasi_start(&self) -> Result<Entry, EntryError> {
        match self.function(START) {
            Ok(function) if is_program(&function.ty) => {
                Ok(Entry { initialize: None, function: Some(function) })
            }
            Ok(function) => Err(self.wrong_type(function, PROGRAM_TYPE)),
            Err(_) if self.outline.start.is_some() => Ok(Entry { initialize: None, function: None }),
            Err(_) => Err(EntryError::Nothing { runnable: self.runnable() }),
        }
    }

    fn wasi_entry(&self, name: &str) -> Result<Entry, EntryError> {
        let function = self.function(name)?;
        self.check_type(&function, "numbers only")?;
        let initialize = if name == INITIALIZE { None } else { self.function(INITIALIZE).ok() };
        if let Some(initialize) = initialize.as_ref().filter(|initialize| !is_nullary(&initialize.ty)) {
            return Err(self.wrong_type(initialize.clone(), "no parameters and no results"));
        }
        Ok(Entry { initialize, function: Some(function) })
    }

    /// The exported function with a name.
    fn function(&self, name: &str) -> Result<EntryFunction, EntryError> {
        let export = self.outline.exports.iter().find(|export| export.name == name);
        let Some(Export { index, kind, .. }) = export else {
            return Err(EntryError::NotFound { name: name.to_owned(), runnable: self.runnable() });
        };
        let Kind::Function(ty) = kind else {
            return Err(EntryError::NotFunction {
                name: name.to_owned(),
                kind: kind.name(),
                runnable: self.runnable(),
            });
        };
        Ok(EntryFunction { name: name.to_owned(), index: *index, ty: ty.clone() })
    }

    fn check_type(&self, function: &EntryFunction, needed: &'static str) -> Result<(), EntryError> {
        if self.can_run(&function.ty) { Ok(()) } else { Err(self.wrong_type(function.clone(), needed)) }
    }

    fn wrong_type(&self, function: EntryFunction, needed: &'static str) -> EntryError {
        EntryError::Type { name: function.name, ty: function.ty, needed, runnable: self.runnable() }
    }

    /// Whether a function of this type can be requested.
    fn can_run(&self, ty: &FunctionType) -> bool {
        match self.personality {
            Personality::Gate => is_program(ty),
            Personality::Wasi => ty.is_numeric(),
        }
    }

    /// The functions that could be requested.
    fn runnable(&self) -> Runnable {
        let mut all = self.outline.exports.iter().filter_map(|export| match &export.kind {
            Kind::Function(ty) if export.name != INITIALIZE && self.can_run(ty) => {
                Some((export.name.clone(), ty.clone()))
            }
            _ => None,
        });
        Runnable { listed: all.by_ref().take(LISTED).collect(), more: all.count() }
    }
}

/// Whether a function of this type can be a whole program. Its result tells success (0) from failure.
fn is_program(ty: &FunctionType) -> bool {
    ty.params.is_empty() && matches!(ty.results.as_slice(), [] | [ValueType::I32])
}

/// Whether a function has neither parameters nor results.
fn is_nullary(ty: &FunctionType) -> bool {
    ty.params.is_empty() && ty.results.is_empty()
}
