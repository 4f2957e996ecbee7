//! Modules of scripts that are made stoppable.
//!
//! They share tables, memories, globals and functions, so that none can be moved to a new instance by itself: they continue
//! where they are.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use gate_instrument::stop::{Config, Hidden, PROGRAM, Poll, Program, control};
use wasmtime::error::Context;
use wasmtime::{Error, Func, Instance, Linker, Memory, Module, Store, Val, ensure};

/// How the programs of scripts are stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopping {
    /// They cannot be.
    Unstoppable,
    /// They could be.
    Never,
    /// At every stop point.
    Everywhere,
}

/// A call that is stopped more often than this runs on then: some count to a million.
const MAX_STOPS: u32 = 100;

const CONFIG: Config<'static> =
    Config { poll: Poll::Countdown, control_pages: 64, may_block: &|_, _| false, breakpoints: &[] };

/// How often programs have been stopped, in all scripts.
pub(crate) static STOPS: AtomicU64 = AtomicU64::new(0);

/// A module that was made stoppable.
pub(crate) struct Stoppable {
    wasm: Vec<u8>,
    stopping: Stopping,
    /// What continues an instance, known by the address of its control memory, by the module that does.
    continuations: RefCell<HashMap<(usize, Vec<u8>), Instance>>,
}

impl Stoppable {
    /// The stoppable form of a module, and what is needed to stop it.
    pub(crate) fn new(wasm: &[u8], stopping: Stopping) -> wasmtime::Result<(Vec<u8>, Self)> {
        let instrumented = Program::new(wasm, &CONFIG)?.instrument()?.wasm;
        let continuations = RefCell::default();
        Ok((instrumented, Self { wasm: wasm.to_vec(), stopping, continuations }))
    }

    /// Does what instantiation of the original would have done.
    pub(crate) fn start(&self, store: &mut Store<()>, instance: Instance) -> wasmtime::Result<()> {
        let program = Program::new(&self.wasm, &CONFIG)?;
        let start = program.start().map(Hidden::Function);
        for hidden in [Some(Hidden::Initialize), start].into_iter().flatten() {
            let function = instance.get_func(&mut *store, &program.name(hidden)).context("not exported")?;
            self.call(store, instance, function, &[], &mut [])?;
        }
        Ok(())
    }

    /// Calls a function of an instance, and continues it as often as it stops.
    pub(crate) fn call(
        &self,
        store: &mut Store<()>,
        instance: Instance,
        mut function: Func,
        mut arguments: &[Val],
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let program = Program::new(&self.wasm, &CONFIG)?;
        let control = program.control();
        let name = |index: u32| program.name(Hidden::Global(index));
        let unwinding = instance.get_global(&mut *store, &name(control.unwinding)).context("not exported")?;
        let countdown = control.countdown.context("it does not count")?;
        let countdown = instance.get_global(&mut *store, &name(countdown)).context("not exported")?;
        for stops in 0.. {
            let stop = self.stopping == Stopping::Everywhere && stops < MAX_STOPS;
            countdown.set(&mut *store, Val::I64(i64::from(stop)))?;
            let called = function.call(&mut *store, arguments, results);
            // It may be called by another program now, which knows nothing of stopping.
            countdown.set(&mut *store, Val::I64(0))?;
            called?;
            if !matches!(unwinding.get(&mut *store), Val::I32(1)) {
                break;
            }
            STOPS.fetch_add(1, Ordering::Relaxed);
            function = self.continuation(store, instance, &program)?;
            arguments = &[];
            unwinding.set(&mut *store, Val::I32(0))?;
        }
        let memory = control_memory(store, instance, &program)?;
        ensure!(word(store, memory, control::FRAMES_SIZE)? == 0, "there are frames left");
        Ok(())
    }

    /// The function that continues what has stopped.
    fn continuation(
        &self,
        store: &mut Store<()>,
        instance: Instance,
        program: &Program<'_>,
    ) -> wasmtime::Result<Func> {
        let memory = control_memory(store, instance, program)?;
        let start = usize::try_from(program.control().frames)?;
        let size = usize::try_from(word(store, memory, control::FRAMES_SIZE)?)?;
        let bytes = memory.data(&*store)[start..][..size].to_vec();
        let frames = program.decode(&bytes)?;
        let sites: Vec<_> = frames.iter().map(|frame| frame.site).collect();
        let continuations = program.continuations(&sites)?;
        // They may take less room than those that were saved.
        let encoded = program.encode(&frames, &continuations)?;
        memory.write(&mut *store, start, &encoded)?;
        let size = u32::try_from(encoded.len())?;
        memory.write(&mut *store, usize::try_from(control::FRAMES_SIZE)?, &size.to_le_bytes())?;
        let key = (memory.data_ptr(&*store).addr(), continuations.wasm);
        let known = self.continuations.borrow().get(&key).copied();
        let side = match known {
            Some(side) => side,
            None => {
                let side = Module::new(store.engine(), &key.1)?;
                let side = link(store, instance, &side)?;
                self.continuations.borrow_mut().insert(key, side);
                side
            }
        };
        let slot = continuations.slots.get(&sites[0]).context("no slot")?;
        side.get_func(&mut *store, &slot.to_string()).context("no continuation")
    }
}

/// An instance of a module that continues another one.
fn link(store: &mut Store<()>, instance: Instance, side: &Module) -> wasmtime::Result<Instance> {
    let mut linker = Linker::new(store.engine());
    for import in side.imports() {
        let export = instance.get_export(&mut *store, import.name()).context("not exported")?;
        linker.define(&mut *store, PROGRAM, import.name(), export)?;
    }
    linker.instantiate(store, side)
}

fn control_memory(store: &mut Store<()>, instance: Instance, program: &Program<'_>) -> Result<Memory, Error> {
    let name = program.name(Hidden::Memory(program.control().memory));
    instance.get_memory(store, &name).context("no control memory")
}

fn word(store: &Store<()>, memory: Memory, offset: u32) -> wasmtime::Result<u32> {
    let bytes = memory.data(store)[usize::try_from(offset)?..].first_chunk().context("no such word")?;
    Ok(u32::from_le_bytes(*bytes))
}
