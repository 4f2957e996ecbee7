//! What is added to a program for the control of it: a memory, globals and tables.
//!
//! The *control memory* comes after the memories of the program. The program's own code cannot reach it.
//!
//! | Offset | Size | Meaning |
//! |---|---|---|
//! | [`STOP_REQUESTED`] | 4 | nonzero: stop. Set by the host at any moment, and reset by it |
//! | 4 | 4 | written to before each poll of [`Poll::Store`](super::Poll::Store), and never read |
//! | [`STATUS`] | 4 | [`STATUS_OVERFLOW`] if saving the state failed for want of room, otherwise zero |
//! | [`FRAMES_SIZE`] | 4 | bytes of frames |
//! | [`SPILLED`] | 3 × 4 | how many elements of the three spill tables are in use: `funcref`, `externref`, `exnref` |
//! | 28 | 4 | zero |
//! | `RECORD` | `IN_PLACE` | the values of the frame that is being saved |
//! | [`SEGMENTS`] | data segments + element segments | a byte per segment, 1 if the program has dropped it; nothing in a program that drops none |
//! | [`Control::frames`] | up to the end | frames, the innermost first |
//!
//! All numbers are little-endian. A frame is
//!
//! | Size | Meaning |
//! |---|---|
//! | varies | the saved values |
//! | 4 | the stop point, see [`SiteId`](super::SiteId) |
//! | 4 | the frame's slot among the continuations that were made to continue it; in a program that has stopped, zero or `STORED` |
//!
//! where `i32` and `f32` have 4 bytes, `i64` and `f64` have 8, `v128` has 16, and a reference has 4: its index in the spill
//! table of its type. Nothing is aligned to more than 4 bytes. The values are ordered by type as in [`ValueType`], and within a type
//! live locals before operands, upwards. Where the last number is `STORED` they are where the function stores them in the record, and
//! take as much room as its largest record; what is between them means nothing.
//!
//! With [`Poll::Atomic`](super::Poll::Atomic) the program has one more memory, [`Control::polled`], of which it uses nothing but the
//! word at [`STOP_REQUESTED`]. The host has it be the same as the control memory, or stores to both.

use wasm_encoder::{GlobalType, MemArg, MemoryType, RefType, TableType, ValType};

use super::Config;
use super::calls::Calls;
use super::error::StopError;
use super::module::{Module, count, index};
use super::values;
use crate::accept::ValueType;

/// Offset of the word that is polled.
pub const STOP_REQUESTED: u32 = 0;
/// Offset of the word that a poll may write to.
pub(super) const POLL_SCRATCH: u32 = 4;
/// Offset of the word that tells how saving the state ended.
pub const STATUS: u32 = 8;
/// The state of the program did not fit into the control memory. The program has trapped and cannot be continued.
pub const STATUS_OVERFLOW: u32 = 1;
/// Offset of the size of all frames together, in bytes.
pub const FRAMES_SIZE: u32 = 12;
/// Offset of the numbers of elements in use of the spill tables.
pub const SPILLED: u32 = 16;
/// Offset of the values of the frame that is being saved. Near the start, instructions that store them are shorter.
pub(super) const RECORD: u32 = 32;
/// Offset of the bytes that tell which segments were dropped.
pub const SEGMENTS: u32 = RECORD + IN_PLACE;

/// What a frame has instead of a slot if its values come from the record. There are not as many continuations.
pub(super) const STORED: u32 = u32::MAX;

/// The largest frame, in bytes, whose values are stored before it is known that they fit. There is always room for it.
pub(super) const IN_PLACE: u32 = 1024;

/// Bytes in a page of memory.
const PAGE: u32 = 65_536;

/// The types that cannot be stored in memory, in the order of [`SPILLED`].
pub(super) const SPILL_TYPES: [ValueType; 3] = [ValueType::FuncRef, ValueType::ExternRef, ValueType::ExnRef];

/// Where the additions to a module are. See the documentation of this module for the layout of the control memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// The index of the control memory.
    pub memory: u32,
    /// The size of the control memory in pages of 64 KiB. It does not grow.
    pub pages: u32,
    /// The index of the memory that functions poll which recur: the control memory, or the one after it. That has 64-bit addresses,
    /// a page at least, and no maximum.
    ///
    /// As far as its type tells, it can grow and move in any call, so that a compiler gets its address anew after each. The address of
    /// a memory that stays where it is, is kept during calls, and every activation of a recursive function has a larger frame for it.
    pub polled: u32,
    /// The index of the global, an `i32`, that is 1 while the program unwinds. The host resets it to 0 before it calls
    /// anything in the program again.
    pub unwinding: u32,
    /// The index of the global, an `i64`, that [`Poll::Countdown`](super::Poll::Countdown) counts down. The program stops
    /// when it becomes 0, so that 1 stops it at the next stop point and 0 practically never.
    pub countdown: Option<u32>,
    /// The index of the global, an `i32`, that the host sets to 1 for the program to stop at breakpoints, if it has any.
    pub breakpoints: Option<u32>,
    /// The indices of the spill tables: of `funcref`, `externref` and `exnref`, as far as the program uses them.
    pub tables: [Option<u32>; 3],
    /// How many bytes at [`SEGMENTS`] tell of dropped segments.
    pub segments: u32,
    /// The offset of the first frame.
    pub frames: u32,
}

impl Control {
    pub(super) fn new(module: &Module<'_>, calls: &Calls, config: &Config<'_>) -> Result<Self, StopError> {
        let segments = if calls.drops { count(module.data.len() + module.elements.len()) } else { 0 };
        let frames = SEGMENTS + segments.next_multiple_of(16);
        let mut next = count(module.tables.len());
        let tables = calls.references.map(|used| {
            used.then(|| {
                next += 1;
                next - 1
            })
        });
        let mut global = count(module.globals.len());
        let mut next_global = || {
            global += 1;
            global - 1
        };
        let memory = count(module.memories.len());
        let control = Self {
            memory,
            polled: match config.poll {
                super::Poll::Atomic => memory + 1,
                super::Poll::Store | super::Poll::Countdown => memory,
            },
            // At least a page for frames, whatever else there is.
            pages: config.control_pages.clamp(1 + (frames + IN_PLACE) / PAGE, PAGE),
            unwinding: next_global(),
            countdown: match config.poll {
                super::Poll::Countdown => Some(next_global()),
                super::Poll::Atomic | super::Poll::Store => None,
            },
            breakpoints: (!config.breakpoints.is_empty()).then(next_global),
            tables,
            segments,
            frames,
        };
        control.check_limits(module, next)?;
        Ok(control)
    }

    /// Makes sure that the engine's validator does not refuse what is added.
    fn check_limits(&self, module: &Module<'_>, tables: u32) -> Result<(), StopError> {
        let globals = module.globals.len() + 3;
        for (what, found, limit) in [
            ("memories", index(self.polled) + 1, 100),
            ("tables", usize::try_from(tables).unwrap_or(usize::MAX), 100),
            ("globals", globals, 1_000_000),
        ] {
            if found > limit {
                return Err(StopError::Entries { what, found, limit });
            }
        }
        Ok(())
    }

    /// How many bytes of frames fit.
    pub(super) fn capacity(&self) -> u32 {
        // All 65,536 pages are a byte more than fits into the type.
        self.pages.saturating_mul(PAGE) - self.frames - IN_PLACE
    }

    /// Where to load from or store to, with an address that is an offset into the control memory less `offset`.
    pub(super) fn at(&self, offset: u32) -> MemArg {
        MemArg { offset: offset.into(), align: 2, memory_index: self.memory }
    }

    /// The spill table for a type of reference, and the offset of how many of its elements are in use.
    pub(super) fn spill(&self, ty: ValueType) -> Option<(u32, u32)> {
        let is_reference = SPILL_TYPES.contains(&ty);
        is_reference
            .then(|| self.existing_spill(ty).expect("every type of reference that has values has a table"))
    }

    /// The spill table for a type, if there is one.
    pub(super) fn existing_spill(&self, ty: ValueType) -> Option<(u32, u32)> {
        let position = SPILL_TYPES.iter().position(|spilled| *spilled == ty)?;
        let table = self.tables.get(position).copied().flatten()?;
        Some((table, SPILLED + 4 * count(position)))
    }

    /// The types of the added memories, in order.
    pub(super) fn memory_types(&self) -> Vec<MemoryType> {
        let control = MemoryType {
            minimum: self.pages.into(),
            maximum: Some(self.pages.into()),
            memory64: false,
            shared: false,
            page_size_log2: None,
        };
        let polled = MemoryType { minimum: 1, maximum: None, memory64: true, ..control };
        if self.polled == self.memory { vec![control] } else { vec![control, polled] }
    }

    /// The types of the added globals, in order.
    pub(super) fn global_types(&self) -> Vec<GlobalType> {
        let global = |val_type| GlobalType { val_type, mutable: true, shared: false };
        let countdown = self.countdown.map(|_| global(ValType::I64));
        let breakpoints = self.breakpoints.map(|_| global(ValType::I32));
        std::iter::once(global(ValType::I32)).chain(countdown).chain(breakpoints).collect()
    }

    /// The types of the added tables, in order.
    pub(super) fn table_types(&self) -> Vec<TableType> {
        let used = SPILL_TYPES.iter().zip(self.tables).filter(|(_, table)| table.is_some());
        let references = used.filter_map(|(ty, _)| values::encoded_reference(*ty));
        references.map(spill_table_type).collect()
    }
}

fn spill_table_type(element_type: RefType) -> TableType {
    TableType { element_type, minimum: 0, maximum: None, table64: false, shared: false }
}
