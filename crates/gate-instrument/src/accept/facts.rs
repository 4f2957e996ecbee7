//! What is known of an accepted program.

use std::ops::Deref;

use gate_abi::import::{Function, Personality};

use super::outline::Outline;

/// What is known of an accepted program, so that nobody needs to parse it again.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What the module consists of. All its imports are functions.
    pub outline: Outline,
    /// Which set of functions it runs with.
    pub personality: Personality,
    /// The function that each import is, in the order of [`Outline::imports`].
    pub imported: Vec<Function>,
    /// The index of the memory that imported functions read and write, if the module has one: of a WASI program the one
    /// it exports as `memory`, otherwise and by default the first.
    pub memory: Option<u32>,
}

impl Deref for Facts {
    type Target = Outline;

    fn deref(&self) -> &Outline {
        &self.outline
    }
}
