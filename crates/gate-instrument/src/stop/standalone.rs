//! A stopped program as one ordinary module, which any engine continues.
//!
//! The functions of the program are there as they are, without stop points. For each frame there is one more, which has what was
//! saved as constants, calls that for the next inner frame where it was in a call, and runs the rest.
//!
//! ```wat
//! (func $f_1 (result i32) (local $n i32)
//!   (local.set $n (i32.const 7))                              ;; a local that was alive
//!   (i32.const 1)                                             ;; an operand
//!   (block $done                                              ;; as in the continuation of a stoppable program
//!     (block $again
//!       (call $g_2)                                           ;; the next inner frame
//!       (br_if $again (…))
//!       (br $done))
//!     (loop $again (…)))
//!   (i32.add (local.get $n)))
//! (func (export "_start")
//!   (drop (call $f_1))
//!   (drop (call $main (i32.const 5))))                        ;; what comes then
//! ```

mod functions;
mod sections;

use super::Program;
use super::error::StopError;
use super::frames::{Frame, FrameError, Value};
use crate::accept::ValueType;

/// A program that was stopped, and what is to be run when it is continued.
#[derive(Clone, Copy, Debug)]
pub struct Stopped<'s> {
    /// A module with the program's types, imports, functions, tags and code, byte by byte, in which memories, tables, globals and
    /// segments are such that instantiation gives them the program's state. Its exports, start function and custom sections are
    /// not looked at.
    pub state: &'s [u8],
    /// The calls that have not returned, outermost first. There may be none.
    pub frames: &'s [Frame],
    /// What the references in frames, exceptions and arguments refer to: those that are `funcref`, `externref` and `exnref`.
    pub spilled: [&'s [Referent]; 3],
    /// The exceptions that [`Referent::Exception`] names.
    pub exceptions: &'s [Exception],
    /// What is to be called when the outermost frame has returned, one after the other. All results are dropped, but that of
    /// `_start` if it has one: it is given to the function `proc_exit` if the program imports it.
    pub then: &'s [Invocation],
}

/// What a reference refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Referent {
    /// Nothing.
    Null,
    /// The function with this index.
    Function(u32),
    /// The exception with this number.
    Exception(u32),
}

/// An exception that something refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The index of its tag.
    pub tag: u32,
    /// What it carries.
    pub values: Vec<Value>,
}

/// A call of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The function.
    pub function: u32,
    /// Its arguments.
    pub arguments: Vec<Value>,
}

/// Why there is no module for a stopped program.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StandaloneError {
    /// The frames make no sense.
    #[error("the program cannot have stopped like that")]
    Frames { source: FrameError },
    /// The module with the state is of another program.
    #[error("section {id} of the module with the state is not that of the program")]
    State { id: u8 },
    /// A value refers to something that there is not, or that has another type.
    #[error("{place} has a reference of type {ty} to something that there is not")]
    Reference { place: Place, ty: ValueType },
    /// An exception carries itself.
    #[error("exception {exception} carries itself")]
    Cycle { exception: u32 },
    /// There is no such tag, or exceptions with it have other values.
    #[error("exception {exception} has tag {tag}, which does not exist or takes other values")]
    Exception { exception: u32, tag: u32 },
    /// There is no such function, or it has other parameters.
    #[error("call {position} is of function {function}, which does not exist or takes other arguments")]
    Invocation { position: usize, function: u32 },
    /// The module would be too large, or the program cannot be made stoppable at all.
    #[error(transparent)]
    Stop(#[from] StopError),
    /// The module with the state does not fit to the program.
    #[error("the program is not valid with the state that was given")]
    Invalid { source: wasmparser::Error },
}

/// Where a value is that has a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are numbers of what they name")]
pub enum Place {
    Frame(usize),
    Exception(u32),
    Call(usize),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame(position) => write!(f, "frame {position}"),
            Self::Exception(exception) => write!(f, "exception {exception}"),
            Self::Call(position) => write!(f, "call {position}"),
        }
    }
}

impl Program<'_> {
    /// A module that continues the program on any engine that has what it imports: its export `_start` runs everything that is
    /// left to run. It has the other exports of the program as far as they are not functions, and needs nothing that the program
    /// does not need, but references if the program has any in frames.
    ///
    /// Code that the frames are in is there once for each of them, and again for each loop around.
    ///
    /// # Errors
    /// [`StandaloneError`] when what is given is not a state of the program, or the code of the frames becomes too large.
    pub fn standalone(&self, stopped: &Stopped<'_>) -> Result<Vec<u8>, StandaloneError> {
        if !stopped.frames.is_empty() {
            self.check_frames(stopped.frames).map_err(|source| StandaloneError::Frames { source })?;
        }
        let state = sections::State::read(&self.module, stopped.state)?;
        let functions = functions::Functions::of(self, stopped)?;
        let wasm = sections::assemble(&self.module, &state, &functions)?;
        wasmparser::Validator::new_with_features(crate::accept::ACCEPTED)
            .validate_all(&wasm)
            .map_err(|source| StandaloneError::Invalid { source })?;
        Ok(wasm)
    }
}
