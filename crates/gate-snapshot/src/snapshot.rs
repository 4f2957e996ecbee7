//! What a snapshot has in it.

use std::ops::Range;

use crate::State;
use crate::details::Details;

/// A snapshot, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot<'a> {
    /// The version that its file has.
    pub version: u64,
    /// The program.
    pub module: Vec<u8>,
    /// Its state, the frames by themselves.
    pub state: State,
    /// What is in each linear memory. All else in it is zero. Nothing in a program of which nothing has run.
    pub memories: Vec<Vec<Run<'a>>>,
    /// What is between the program and its services: the content of section `gate.buffer`, empty if there is none.
    pub buffers: &'a [u8],
    /// How it was stopped.
    pub details: Details,
}

/// Bytes in a linear memory. Runs are in the order in which they are written; they are within the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run<'a> {
    /// Where the first one is.
    pub offset: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// A linear memory to be written into a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Memory<'a> {
    /// Its bytes, from the first on. What is missing at the end is zero, and what is more than its size is not looked at.
    pub bytes: &'a [u8],
    /// Where there may be other bytes than zero, if that is known: all others are not looked at.
    pub extents: Option<&'a [Range<u64>]>,
}

/// What a program may need whose snapshot is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the module.
    pub module_bytes: u64,
    /// Bytes of all linear memories together.
    pub memory_bytes: u64,
    /// Elements of all tables together. Each takes 8 bytes here.
    pub table_elements: u64,
}

/// Bytes in a page of memory.
pub(crate) const PAGE: u64 = 65_536;
