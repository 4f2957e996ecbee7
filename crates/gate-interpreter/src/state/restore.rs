//! Puts the state of a program into a new instance.

use gate_instrument::accept::ValueType;
use gate_instrument::stop::SiteId;
use gate_snapshot::{Exception, Frame, Frames, Phase, Reference, State, Value};

use super::{StateError, number, value_type};
use crate::code::{StopKind, width, widths};
use crate::exception::Thrown;
use crate::instance::{Instance, Limits, Memory, Next, Return, StartError, write};
use crate::module::{Module, count};

impl<'m, M: Memory> Instance<'m, M> {
    /// An instance that goes on from a state, whoever has written it. `memories` have the contents that they had,
    /// and the size, or one that they can be made larger from; the rest is as of [`Instance::new`].
    ///
    /// # Errors
    /// [`StartError::State`] when the program cannot be in this state, or is at a breakpoint; others as of [`Instance::new`].
    pub fn resume(
        module: &'m Module<'m>,
        memories: Vec<M>,
        host_memory: Option<u32>,
        limits: Limits,
        state: State,
    ) -> Result<Self, StartError> {
        let State { phase, entry, frames, memory_pages, globals, tables, dropped, exceptions, .. } = state;
        let Frames::Portable(frames) = frames else { return Err(StateError::Raw.into()) };
        let mut instance = Self::without_memories(module, memories, host_memory, limits, entry)?;
        instance.phase = phase;
        expect("memories", memory_pages.len(), module.memories.len())?;
        for (index, (pages, memory)) in memory_pages.into_iter().zip(&module.memories).enumerate() {
            if !(memory.minimum..=memory.maximum).contains(&pages.into()) {
                return Err(StateError::Memory { index, pages }.into());
            }
            instance.size_memory(index, pages.into())?;
        }
        if phase == Phase::Fresh {
            // Everything else is as in a new instance.
            expect("calls", frames.len(), 0)?;
            return Ok(instance);
        }
        let segments = if module.drops()? { module.data.len() + module.elements.len() } else { 0 };
        expect("segments that can be dropped", dropped.len(), segments)?;
        let all = instance.segments.data.iter_mut().chain(&mut instance.segments.elements);
        all.zip(dropped).for_each(|(flag, dropped)| *flag = dropped != 0);
        let mut loader = Loader { module, made: Vec::new() };
        for (index, exception) in exceptions.iter().enumerate() {
            let made = loader.exception(exception).and_then(|thrown| instance.exceptions.keep(thrown));
            loader.made.push(made.ok_or(StateError::Value { what: "exception", index })?);
        }
        expect("globals", globals.len(), module.globals.len())?;
        for (index, (value, global)) in globals.iter().zip(&module.globals).enumerate() {
            let wrong = StateError::Value { what: "global", index };
            let slots = loader.value(global.ty, value).ok_or(wrong)?;
            // The others have the values that they always have.
            if global.mutable {
                write(&mut instance.globals, global.slot, global.ty, slots);
            }
        }
        expect("tables", tables.len(), module.tables.len())?;
        for (index, (elements, table)) in tables.iter().zip(&module.tables).enumerate() {
            let size = elements.len() as u64;
            if !(table.minimum..=table.maximum).contains(&size) {
                return Err(StateError::Table { index, elements: elements.len() }.into());
            }
            instance.size_table(index, size, 0)?;
            let references = elements.iter().map(|element| loader.reference(table.ty, *element));
            let references: Option<Vec<_>> = references.collect();
            let wrong = StateError::Value { what: "table", index };
            if let Some(table) = instance.tables.get_mut(index) {
                *table = references.ok_or(wrong)?;
            }
        }
        instance.restore_frames(&loader, &frames)?;
        Ok(instance)
    }

    fn restore_frames(&mut self, loader: &Loader<'_>, frames: &[Frame]) -> Result<(), StateError> {
        let module = self.module;
        // What the host has called.
        let called = match self.phase {
            Phase::Start => module.start,
            Phase::Initialize => self.entry.initialize,
            Phase::Main => self.entry.function,
            Phase::Fresh => None,
        };
        let mut results =
            called.and_then(|called| module.function_type(called)).map(|ty| ty.results.as_slice());
        let mut base = 0;
        for (position, frame) in frames.iter().enumerate() {
            let function = frame.function;
            let order = || StateError::Order { position, calls: frames.len(), function };
            let site = || StateError::Site { position, function, site: frame.site };
            let wrong = || StateError::Value { what: "call", index: position };
            let is_last = position + 1 == frames.len();
            let ty = module.function_type(function).ok_or_else(order)?;
            if results != Some(ty.results.as_slice()) {
                return Err(order());
            }
            self.base = base;
            if module.import_at(frame.site) == Some(function) {
                let slots = widths(&ty.params).max(widths(&ty.results)) as usize;
                if base + slots + LAST_CALL_SLOTS > self.stack.len() {
                    return Err(StateError::Room { position });
                }
                loader.values(&ty.params, &frame.locals, &mut self.stack, base).ok_or_else(wrong)?;
                if !frame.operands.is_empty() {
                    return Err(wrong());
                }
                if !is_last || !module.may_block(function) {
                    return Err(order());
                }
                self.next = Some(Next::Import(function));
                continue;
            }
            let at = SiteId(frame.site);
            if at.is_before() || module.function_at(at.offset()) != Some(function) {
                return Err(site());
            }
            let code = module.function(function)?;
            let calls = (frames.len() + 1) * LAST_CALL_SLOTS;
            if base + code.slots + calls > self.stack.len() {
                return Err(StateError::Room { position });
            }
            let stop = match frame.site == code.offset {
                true => None,
                false => Some(code.stop_named(frame.site).ok_or_else(site)?),
            };
            let operands = stop.map(|stop| code.operands(stop)).unwrap_or_default();
            loader.values(&code.locals, &frame.locals, &mut self.stack, base).ok_or_else(wrong)?;
            let end = base + code.local_slots;
            loader.values(&operands, &frame.operands, &mut self.stack, end).ok_or_else(wrong)?;
            match stop.map(|stop| (stop, stop.kind)) {
                None if is_last => self.next = Some(Next::Go { function, position: 0 }),
                Some((stop, StopKind::Loop)) if is_last => {
                    self.next = Some(Next::Go { function, position: stop.position as usize + 1 });
                }
                Some((stop, StopKind::Call(ty))) if !is_last => {
                    let position = count(stop.position as usize + 1);
                    self.frames.push(Return { function: code, index: function, position, base });
                    results = module.types.get(ty as usize).map(|ty| ty.results.as_slice());
                    base = end + widths(&operands) as usize;
                }
                _ => return Err(order()),
            }
        }
        Ok(())
    }
}

/// What a call takes besides its slots.
const LAST_CALL_SLOTS: usize = crate::execute::CALL_SLOTS;

fn expect(what: &'static str, found: usize, expected: usize) -> Result<(), StateError> {
    if found == expected { Ok(()) } else { Err(StateError::Count { what, found, expected }) }
}

/// Makes slots of values.
struct Loader<'m> {
    module: &'m Module<'m>,
    /// References to the exceptions so far.
    made: Vec<u64>,
}

impl Loader<'_> {
    /// An exception. It can carry only those that were made before.
    fn exception(&self, exception: &Exception) -> Option<Thrown> {
        let ty = self.module.tags.get(exception.tag as usize)?;
        let ty = self.module.types.get(*ty as usize)?;
        let mut values = vec![0; widths(&ty.params) as usize];
        self.values(&ty.params, &exception.values, &mut values, 0)?;
        Some(Thrown { tag: exception.tag, values: values.into() })
    }

    /// Writes values, which have to have these types, to slots.
    fn values(&self, types: &[ValueType], values: &[Value], to: &mut [u64], mut slot: usize) -> Option<()> {
        if types.len() != values.len() {
            return None;
        }
        for (ty, value) in types.iter().zip(values) {
            let number = self.value(*ty, value)?;
            write(to, slot, *ty, number).then_some(())?;
            slot += width(*ty) as usize;
        }
        Some(())
    }

    fn value(&self, ty: ValueType, value: &Value) -> Option<u128> {
        if value_type(value) != ty {
            return None;
        }
        match value {
            Value::Reference(ty, reference) => self.reference(*ty, *reference).map(u128::from),
            value => number(*value),
        }
    }

    fn reference(&self, ty: ValueType, reference: Reference) -> Option<u64> {
        if !reference.can_be(ty) {
            return None;
        }
        match reference {
            Reference::Null => Some(0),
            Reference::Function(function) => {
                let exists = (function as usize) < self.module.functions.len();
                exists.then_some(u64::from(function) + 1)
            }
            Reference::Exception(place) => self.made.get(place as usize).copied(),
        }
    }
}
