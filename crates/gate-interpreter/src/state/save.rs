//! Takes the state of a program that has stopped.

use std::collections::HashMap;

use gate_instrument::accept::ValueType;
use gate_snapshot::{Exception, Frame, Frames, Reference, State, Value};

use super::StateError;
use crate::code::{Function, StopKind, width};
use crate::exception::Exceptions;
use crate::instance::{Instance, Memory, Next, PAGE_BYTES, vector};
use crate::module::Module;
use crate::numeric::Slot;

impl<M: Memory> Instance<'_, M> {
    /// The state of the program, which does not run, as of [`Outcome::Suspended`](crate::Outcome::Suspended).
    ///
    /// # Errors
    /// [`StateError::Site`] if it is in no state that can be written down, which is so after a trap;
    /// [`StateError::Module`] if the module is not one that was accepted.
    pub fn state(&mut self) -> Result<State, StateError> {
        let memory_pages = pages(&mut self.memories);
        let mut saver = Saver::new(self.module, &self.exceptions);
        let frames = self.save_frames(&mut saver)?;
        let mut globals = Vec::new();
        for (index, global) in self.module.globals.iter().enumerate() {
            let value = self.globals.get(global.slot..).and_then(|slots| saver.value(global.ty, slots));
            globals.push(value.ok_or(StateError::Value { what: "global", index })?);
        }
        let mut tables = Vec::new();
        for (index, (table, ty)) in self.tables.iter().zip(&self.module.tables).enumerate() {
            let elements = table.iter().map(|element| saver.reference(ty.ty, *element));
            let elements: Option<_> = elements.collect();
            tables.push(elements.ok_or(StateError::Value { what: "table", index })?);
        }
        let dropped = match self.module.drops()? {
            true => self.segments.data.iter().chain(&self.segments.elements).copied().map(u8::from).collect(),
            false => Vec::new(),
        };
        Ok(State {
            phase: self.phase,
            entry: self.entry.clone(),
            frames: Frames::Portable(frames),
            memory_pages,
            globals,
            tables,
            dropped,
            exceptions: saver.exceptions,
            monotonic_nanos: 0,
            host: Vec::new(),
        })
    }

    /// The frames, outermost first.
    fn save_frames(&self, saver: &mut Saver<'_>) -> Result<Vec<Frame>, StateError> {
        let mut frames = Vec::new();
        match self.next {
            None => return Ok(frames),
            Some(Next::Import(function)) => {
                let wrong = StateError::Site { position: self.frames.len(), function, site: 0 };
                let ty = self.module.function_type(function);
                let import = self.module.imports.get(function as usize);
                let (Some(ty), Some(import)) = (ty, import) else { return Err(wrong) };
                let slots = self.stack.get(self.base..).unwrap_or_default();
                let locals = saver.values(&ty.params, slots).ok_or(wrong)?;
                frames.push(Frame { function, site: import.offset, locals, operands: Vec::new() });
            }
            Some(Next::Go { function, position }) => {
                let code = self.module.function(function)?;
                frames.push(self.save_frame(saver, function, code, position, self.base, true)?);
            }
            Some(Next::Enter(function)) => {
                return Err(StateError::Site { position: 0, function, site: 0 });
            }
        }
        for frame in self.frames.iter().rev() {
            let position = frame.position as usize;
            frames.push(self.save_frame(saver, frame.index, frame.function, position, frame.base, false)?);
        }
        frames.reverse();
        Ok(frames)
    }

    fn save_frame(
        &self,
        saver: &mut Saver<'_>,
        function: u32,
        code: &Function,
        position: usize,
        base: usize,
        is_innermost: bool,
    ) -> Result<Frame, StateError> {
        let wrong = |site| StateError::Site { position, function, site };
        let (site, operands) = match position.checked_sub(1) {
            None if is_innermost => (code.offset, Vec::new()),
            None => return Err(wrong(0)),
            Some(before) => {
                let stop = code.stop_at(before).ok_or(wrong(0))?;
                if (stop.kind == StopKind::Loop) != is_innermost {
                    return Err(wrong(stop.offset));
                }
                (stop.offset, code.operands(stop))
            }
        };
        let slots = self.stack.get(base..base + code.slots).ok_or(wrong(site))?;
        let locals = saver.values(&code.locals, slots).ok_or(wrong(site))?;
        let operands = saver.values(&operands, &slots[code.local_slots..]).ok_or(wrong(site))?;
        Ok(Frame { function, site, locals, operands })
    }
}

/// Makes values of slots, and a list of the exceptions that they refer to.
pub(crate) struct Saver<'e> {
    module: &'e Module<'e>,
    held: &'e Exceptions,
    /// Where each exception is in the list, by the number of the reference.
    places: HashMap<u64, u32>,
    exceptions: Vec<Exception>,
}

impl<'e> Saver<'e> {
    pub(crate) fn new(module: &'e Module<'e>, held: &'e Exceptions) -> Self {
        Self { module, held, places: HashMap::new(), exceptions: Vec::new() }
    }

    /// The values that follow each other in slots.
    pub(crate) fn values(&mut self, types: &[ValueType], mut slots: &[u64]) -> Option<Vec<Value>> {
        let mut values = Vec::with_capacity(types.len());
        for ty in types {
            values.push(self.value(*ty, slots)?);
            slots = slots.get(width(*ty) as usize..)?;
        }
        Some(values)
    }

    /// The value in the first slots.
    fn value(&mut self, ty: ValueType, slots: &[u64]) -> Option<Value> {
        let slot = *slots.first()?;
        Some(match ty {
            ValueType::I32 => Value::I32(Slot::get(slot)),
            ValueType::I64 => Value::I64(slot),
            ValueType::F32 => Value::F32(Slot::get(slot)),
            ValueType::F64 => Value::F64(slot),
            ValueType::V128 => Value::V128(vector(slot, *slots.get(1)?)),
            ValueType::FuncRef | ValueType::ExternRef | ValueType::ExnRef => {
                Value::Reference(ty, self.reference(ty, slot)?)
            }
        })
    }

    /// What a slot refers to.
    fn reference(&mut self, ty: ValueType, slot: u64) -> Option<Reference> {
        match (ty, slot.checked_sub(1)) {
            (_, None) => Some(Reference::Null),
            (ValueType::FuncRef, Some(function)) => u32::try_from(function).ok().map(Reference::Function),
            (ValueType::ExnRef, Some(_)) => self.exception(slot).map(Reference::Exception),
            (_, Some(_)) => None,
        }
    }

    /// The place of an exception, after those that it carries. It may carry one that carries one, and so on: there is no
    /// recursion here.
    fn exception(&mut self, slot: u64) -> Option<u32> {
        let mut pending = vec![slot];
        while let Some(slot) = pending.last().copied() {
            if self.places.contains_key(&slot) {
                pending.pop();
                continue;
            }
            let thrown = self.held.get(slot)?.clone();
            let ty = self.module.tags.get(thrown.tag as usize)?;
            let types = self.module.types.get(*ty as usize)?.params.as_slice();
            let before = pending.len();
            let mut values = thrown.values.iter();
            for ty in types {
                let value = values.next()?;
                if *ty == ValueType::V128 {
                    values.next()?;
                }
                if *ty == ValueType::ExnRef && *value != 0 && !self.places.contains_key(value) {
                    pending.push(*value);
                }
            }
            if pending.len() > before {
                continue;
            }
            let values = self.values(types, &thrown.values)?;
            let place = u32::try_from(self.exceptions.len()).ok()?;
            self.exceptions.push(Exception { tag: thrown.tag, values });
            self.places.insert(slot, place);
            pending.pop();
        }
        self.places.get(&slot).copied()
    }
}

/// The sizes of memories in pages.
fn pages<M: Memory>(memories: &mut [M]) -> Vec<u32> {
    let pages = memories.iter_mut().map(|memory| memory.bytes().len() / PAGE_BYTES);
    pages.map(|pages| u32::try_from(pages).unwrap_or(u32::MAX)).collect()
}
