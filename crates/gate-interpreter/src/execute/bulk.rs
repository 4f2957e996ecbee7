//! Instructions for memories, tables and segments as a whole.

use gate_abi::trap::Trap;

use crate::code::{Code, Op};
use crate::instance::{INVALID, Limits, Memory, PAGE_BYTES, Segments};
use crate::module::Module;
use crate::numeric::{Fault, Slot};

/// What these instructions need of an instance.
pub(super) struct Bulk<'i, 'm, M> {
    pub(super) module: &'i Module<'m>,
    pub(super) limits: &'i Limits,
    pub(super) memories: &'i mut [M],
    pub(super) memory_bytes: &'i mut usize,
    pub(super) tables: &'i mut [Vec<u64>],
    pub(super) globals: &'i [u64],
    pub(super) segments: &'i mut Segments,
}

/// What `memory.grow` and `table.grow` say if they do nothing.
const FAILED: u32 = u32::MAX;

impl<M: Memory> Bulk<'_, '_, M> {
    /// Runs one of them.
    pub(super) fn run(&mut self, op: Op, frame: &mut [u64]) -> Result<(), Fault> {
        let number = |slot: u32| u32::get(frame[slot as usize]);
        match op.code {
            Code::MemorySize => {
                let pages = self.memory(op.a)?.bytes().len() / PAGE_BYTES;
                frame[op.d as usize] = pages as u64;
            }
            Code::MemoryGrow => {
                let more = number(op.a);
                frame[op.d as usize] = self.grow_memory(op.b, more)?.put();
            }
            Code::MemoryFill => {
                let [start, value, length] = [0, 1, 2].map(|more| number(op.a + more));
                let [value, ..] = value.to_le_bytes();
                range(self.memory(op.b)?.bytes(), start, length).ok_or(OUTSIDE)?.fill(value);
            }
            Code::MemoryCopy => self.copy_memory(op, [0, 1, 2].map(|more| number(op.a + more)))?,
            Code::MemoryInit => {
                let [to, from, length] = [0, 1, 2].map(|more| number(op.a + more));
                let from = part(self.segments.bytes(op.d as usize, self.module), from, length);
                let from = from.ok_or(OUTSIDE)?;
                range(self.memory(op.b)?.bytes(), to, length).ok_or(OUTSIDE)?.copy_from_slice(from);
            }
            Code::DataDrop => *self.segments.data.get_mut(op.a as usize).ok_or(INVALID)? = true,
            Code::TableGet => {
                let element = self.table(op.b)?.get(number(op.a) as usize).copied();
                frame[op.d as usize] = element.ok_or(NO_ELEMENT)?;
            }
            Code::TableSet => {
                let (index, value) = (number(op.a) as usize, frame[op.d as usize]);
                *self.table(op.b)?.get_mut(index).ok_or(NO_ELEMENT)? = value;
            }
            Code::TableSize => frame[op.d as usize] = self.table(op.b)?.len() as u64,
            Code::TableGrow => {
                let (value, more) = (frame[op.a as usize], number(op.b));
                frame[op.d as usize] = self.grow_table(op.x.into(), more, value)?.put();
            }
            Code::TableFill => {
                let (start, length) = (number(op.a), number(op.a + 2));
                let value = frame[op.a as usize + 1];
                range(self.table(op.b)?, start, length).ok_or(NO_ELEMENT)?.fill(value);
            }
            Code::TableCopy => self.copy_table(op, [0, 1, 2].map(|more| number(op.a + more)))?,
            Code::TableInit => {
                let [to, from, length] = [0, 1, 2].map(|more| number(op.a + more));
                let from = match self.segments.is_empty_element(op.d as usize, self.module) {
                    true => part(&[], from, length),
                    false => {
                        part(self.segments.elements(op.d as usize, self.module, self.globals)?, from, length)
                    }
                };
                let table = self.tables.get_mut(op.b as usize).ok_or(INVALID)?;
                range(table, to, length).ok_or(NO_ELEMENT)?.copy_from_slice(from.ok_or(NO_ELEMENT)?);
            }
            Code::ElemDrop => *self.segments.elements.get_mut(op.a as usize).ok_or(INVALID)? = true,
            _ => return Err(INVALID),
        }
        Ok(())
    }

    fn memory(&mut self, index: u32) -> Result<&mut M, Fault> {
        self.memories.get_mut(index as usize).ok_or(INVALID)
    }

    fn table(&mut self, index: u32) -> Result<&mut Vec<u64>, Fault> {
        self.tables.get_mut(index as usize).ok_or(INVALID)
    }

    /// The size before, in pages, or [`FAILED`].
    fn grow_memory(&mut self, index: u32, more: u32) -> Result<u32, Fault> {
        let maximum = self.module.memories.get(index as usize).ok_or(INVALID)?.maximum;
        let (used, limit) = (*self.memory_bytes, self.limits.memory_bytes);
        let memory = self.memory(index)?;
        let size = memory.bytes().len();
        let before = size / PAGE_BYTES;
        let more_bytes = more as usize * PAGE_BYTES;
        let fits = before as u64 + u64::from(more) <= maximum && used.saturating_add(more_bytes) <= limit;
        if more > 0 && !(fits && memory.grow_to(size + more_bytes)) {
            return Ok(FAILED);
        }
        *self.memory_bytes += more_bytes;
        Ok(u32::try_from(before).unwrap_or(FAILED))
    }

    /// The size before, or [`FAILED`].
    fn grow_table(&mut self, index: u32, more: u32, value: u64) -> Result<u32, Fault> {
        let maximum = self.module.tables.get(index as usize).ok_or(INVALID)?.maximum;
        let all: usize = self.tables.iter().map(Vec::len).sum();
        let limit = self.limits.table_elements;
        let table = self.table(index)?;
        let before = table.len();
        let size = before + more as usize;
        if size as u64 > maximum || all + more as usize > limit {
            return Ok(FAILED);
        }
        table.resize(size, value);
        Ok(u32::try_from(before).unwrap_or(FAILED))
    }

    fn copy_memory(&mut self, op: Op, [to, from, length]: [u32; 3]) -> Result<(), Fault> {
        if op.b == op.d {
            let memory = self.memory(op.b)?.bytes();
            let source = positions(memory.len(), from, length).ok_or(OUTSIDE)?;
            let target = positions(memory.len(), to, length).ok_or(OUTSIDE)?;
            memory.copy_within(source, target.start);
            return Ok(());
        }
        let (to_memory, from_memory) = (op.b as usize, op.d as usize);
        let [to_memory, from_memory] =
            self.memories.get_disjoint_mut([to_memory, from_memory]).map_err(|_| INVALID)?;
        let source = range(from_memory.bytes(), from, length).ok_or(OUTSIDE)?;
        range(to_memory.bytes(), to, length).ok_or(OUTSIDE)?.copy_from_slice(source);
        Ok(())
    }

    fn copy_table(&mut self, op: Op, [to, from, length]: [u32; 3]) -> Result<(), Fault> {
        if op.b == op.d {
            let table = self.table(op.b)?;
            let source = positions(table.len(), from, length).ok_or(NO_ELEMENT)?;
            let target = positions(table.len(), to, length).ok_or(NO_ELEMENT)?;
            table.copy_within(source, target.start);
            return Ok(());
        }
        let (to_table, from_table) = (op.b as usize, op.d as usize);
        let [to_table, from_table] =
            self.tables.get_disjoint_mut([to_table, from_table]).map_err(|_| INVALID)?;
        let source = range(from_table, from, length).ok_or(NO_ELEMENT)?;
        range(to_table, to, length).ok_or(NO_ELEMENT)?.copy_from_slice(source);
        Ok(())
    }
}

const OUTSIDE: Fault = Fault { trap: Trap::MemoryAccessOutOfBounds, detail: None };
const NO_ELEMENT: Fault = Fault { trap: Trap::IndirectCallIndexOutOfBounds, detail: None };

/// The positions of some elements, if there are so many.
fn positions(size: usize, start: u32, length: u32) -> Option<std::ops::Range<usize>> {
    let start = start as usize;
    let end = start.checked_add(length as usize)?;
    (end <= size).then_some(start..end)
}

fn range<T>(all: &mut [T], start: u32, length: u32) -> Option<&mut [T]> {
    let positions = positions(all.len(), start, length)?;
    all.get_mut(positions)
}

fn part<T>(all: &[T], start: u32, length: u32) -> Option<&[T]> {
    all.get(positions(all.len(), start, length)?)
}
