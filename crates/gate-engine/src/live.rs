//! A stoppable program in an instance: where everything is that belongs to its state.

use gate_instrument::stop::{Hidden, control};
use wasmtime::{AsContext, AsContextMut, Extern, Func, Global, Instance, Memory, Table, Tag, Val};

use crate::artifact::Added;
use crate::compiled::Stoppable;
use crate::memory::Region;

/// A stoppable program in an instance. Its parts are found by names, which come from an artifact whose maker may have lied:
/// what is missing is an error.
#[derive(Debug)]
pub(crate) struct Live<'p> {
    pub(crate) program: &'p Stoppable,
    pub(crate) added: &'p Added,
    pub(crate) instance: Instance,
    /// How many functions are imported.
    imported: u32,
}

impl<'p> Live<'p> {
    pub(crate) fn new(program: &'p Stoppable, instance: Instance, imported: u32) -> Self {
        Self { program, added: &program.added, instance, imported }
    }

    fn export(&self, store: impl AsContextMut, hidden: Hidden) -> wasmtime::Result<Extern> {
        let name = self.added.names.name(hidden);
        let export = self.instance.get_export(store, &name);
        export.ok_or_else(|| wasmtime::format_err!("the compiled module has no {name:?}"))
    }

    pub(crate) fn global(&self, store: impl AsContextMut, index: u32) -> wasmtime::Result<Global> {
        self.export(store, Hidden::Global(index))?.into_global().ok_or_else(wrong)
    }

    pub(crate) fn table(&self, store: impl AsContextMut, index: u32) -> wasmtime::Result<Table> {
        self.export(store, Hidden::Table(index))?.into_table().ok_or_else(wrong)
    }

    pub(crate) fn memory(&self, store: impl AsContextMut, index: u32) -> wasmtime::Result<Memory> {
        self.export(store, Hidden::Memory(index))?.into_memory().ok_or_else(wrong)
    }

    pub(crate) fn restore(&self, store: impl AsContextMut) -> wasmtime::Result<Func> {
        self.export(store, Hidden::Restore)?.into_func().ok_or_else(wrong)
    }

    /// A function as references are to it. To one that is imported and may block, they are to what is called instead.
    pub(crate) fn referenced(&self, mut store: impl AsContextMut, index: u32) -> Option<Func> {
        let imported = index < self.imported;
        let hidden = imported.then_some(Hidden::Import(index)).into_iter().chain([Hidden::Function(index)]);
        let mut names = hidden.map(|hidden| self.added.names.name(hidden));
        names.find_map(|name| self.instance.get_func(&mut store, &name))
    }

    /// The exception tag with an index, if there are so many.
    pub(crate) fn tag(&self, store: impl AsContextMut, index: u32) -> Option<Tag> {
        self.export(store, Hidden::Tag(index)).ok()?.into_tag()
    }

    /// The global that is 1 while the program unwinds.
    pub(crate) fn unwinding(&self, store: impl AsContextMut) -> wasmtime::Result<Global> {
        self.global(store, self.added.unwinding)
    }

    /// The global that counts down, if there is one.
    pub(crate) fn countdown(&self, store: impl AsContextMut) -> wasmtime::Result<Option<Global>> {
        self.added.countdown.map(|index| self.global(store, index)).transpose()
    }

    /// The global that is 1 if the program is to stop at breakpoints, if it has any.
    pub(crate) fn breakpoints(&self, store: impl AsContextMut) -> wasmtime::Result<Option<Global>> {
        self.added.breakpoints.map(|index| self.global(store, index)).transpose()
    }

    /// Whether the call that has just returned did so because the program stops.
    pub(crate) fn is_unwinding(&self, mut store: impl AsContextMut) -> bool {
        let unwinding = self.unwinding(store.as_context_mut());
        unwinding.is_ok_and(|unwinding| matches!(unwinding.get(store), Val::I32(1)))
    }

    /// Whether the program is asked to stop.
    pub(crate) fn is_stop_requested(&self) -> bool {
        crate::StopFlag::new(self.program.control.clone()).is_requested()
    }

    /// Whether a stopping program found no room for its frames.
    pub(crate) fn overflowed(region: &Region) -> bool {
        word(region, control::STATUS) == control::STATUS_OVERFLOW
    }

    /// A word of the control memory.
    pub(crate) fn word(&self, offset: u32) -> u32 {
        word(&self.program.control, offset)
    }

    /// Some bytes of the control memory; `None` if it has not so many.
    pub(crate) fn control(&self, offset: u32, len: usize) -> Option<Vec<u8>> {
        self.program.control.read(offset, len)
    }

    /// Writes to the control memory. Says whether it has so many bytes.
    #[must_use]
    pub(crate) fn set_control(&self, offset: u32, new: &[u8]) -> bool {
        self.program.control.write(offset, new)
    }

    /// The size of a table.
    pub(crate) fn table_size(store: impl AsContext, table: Table) -> usize {
        usize::try_from(table.size(store)).unwrap_or(usize::MAX)
    }
}

fn wrong() -> wasmtime::Error {
    wasmtime::format_err!("an export of the compiled module is of another kind")
}

fn word(region: &Region, offset: u32) -> u32 {
    let bytes = region.read(offset, 4);
    bytes.and_then(|bytes| bytes.first_chunk().copied()).map_or(0, u32::from_le_bytes)
}
