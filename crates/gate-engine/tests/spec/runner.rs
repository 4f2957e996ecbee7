//! The modules and instances of one script.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use gate_engine::{Settings, Stops, Tier};
use gate_instrument::accept::{Limits, Refusal, validate};
use wasmtime::error::Context;
use wasmtime::{Engine, Error, Instance, Linker, Module, Store, Val, bail, ensure};

use crate::script::Done;
use crate::spectest;
use crate::stoppable::{Stoppable, Stopping};

/// The stack of programs in scripts. Some recurse some hundred levels deep, others until it is exhausted.
const STACK_BYTES: usize = 512 << 10;

/// The modules and instances of one script.
pub(crate) struct Runner {
    pub(crate) store: Store<()>,
    linker: Linker<()>,
    stopping: Stopping,
    current: Option<Slot>,
    named: HashMap<String, Slot>,
    definitions: HashMap<Option<String>, Option<Compiled>>,
    skipped_imports: HashSet<String>,
}

/// A module, and what is needed to stop its instances.
#[derive(Clone)]
struct Compiled {
    module: Module,
    stoppable: Option<Rc<Stoppable>>,
}

/// An instance, or the place of one that was skipped.
#[derive(Clone)]
enum Slot {
    Instance(Instance, Option<Rc<Stoppable>>),
    Skipped,
}

/// What instantiating a module came to.
pub(crate) enum Made {
    /// It was skipped for this reason.
    Skipped(String),
    /// It worked.
    Instance(Instance, Option<Rc<Stoppable>>),
    /// It could not be linked, or it trapped.
    Failed(Error),
}

impl Runner {
    /// A runner with nothing but the module `spectest`.
    pub(crate) fn new(tier: Tier, stopping: Stopping) -> wasmtime::Result<Self> {
        let stops = if stopping == Stopping::Unstoppable { Stops::None } else { Stops::Count };
        let settings = Settings { tier, stops, stack_bytes: STACK_BYTES };
        let engine = Engine::new(&gate_engine::engine_config(settings))?;
        let mut store = Store::new(&engine, ());
        let linker = spectest::linker(&mut store)?;
        Ok(Self {
            store,
            linker,
            stopping,
            current: None,
            named: HashMap::new(),
            definitions: HashMap::new(),
            skipped_imports: HashSet::new(),
        })
    }

    /// Whether `wasm` is accepted. The engine's own validation must say the same.
    pub(crate) fn judge(&self, wasm: &[u8]) -> wasmtime::Result<Result<(), Refusal>> {
        let ours = validate(wasm, &Limits::STANDARD).map(drop);
        let theirs = Module::validate(self.store.engine(), wasm);
        match (&ours, theirs) {
            (Ok(()), Err(error)) => bail!("accepted, but invalid for the engine: {error:#}"),
            // The engine has other limits, and reads with all features on, so that some numbers may be longer than they
            // should be.
            (Err(Refusal::Limit { .. } | Refusal::Feature { .. }), Ok(())) => {}
            (Err(refusal), Ok(())) => bail!("refused, but valid for the engine: {refusal}"),
            (Ok(()), Ok(())) | (Err(_), Err(_)) => {}
        }
        Ok(ours)
    }

    fn compile(&self, wasm: &[u8]) -> wasmtime::Result<Result<Compiled, String>> {
        match self.judge(wasm)? {
            Ok(()) => {
                let engine = self.store.engine();
                Ok(Ok(match self.stopping {
                    Stopping::Unstoppable => Compiled { module: Module::new(engine, wasm)?, stoppable: None },
                    Stopping::Never | Stopping::Everywhere => {
                        let (instrumented, stoppable) = Stoppable::new(wasm, self.stopping)?;
                        let module = Module::new(engine, instrumented)?;
                        Compiled { module, stoppable: Some(Rc::new(stoppable)) }
                    }
                }))
            }
            Err(Refusal::Feature { feature, .. }) => Ok(Err(format!("need {feature}"))),
            Err(Refusal::Limit { what, limit, .. }) => Ok(Err(format!("have more than {limit} {what}"))),
            Err(refusal) => bail!("{refusal}"),
        }
    }

    /// Compiles and instantiates `wasm`.
    pub(crate) fn instantiate(&mut self, wasm: &[u8]) -> wasmtime::Result<Made> {
        match self.compile(wasm)? {
            Ok(module) => Ok(self.link(&module)),
            Err(reason) => Ok(Made::Skipped(reason)),
        }
    }

    fn link(&mut self, compiled: &Compiled) -> Made {
        let Compiled { module, stoppable } = compiled;
        if module.imports().any(|import| self.skipped_imports.contains(import.module())) {
            return Made::Skipped("need a module that was skipped".to_owned());
        }
        let instance = match self.linker.instantiate(&mut self.store, module) {
            Ok(instance) => instance,
            Err(error) => return Made::Failed(error),
        };
        match stoppable.as_ref().map_or(Ok(()), |stoppable| stoppable.start(&mut self.store, instance)) {
            Ok(()) => Made::Instance(instance, stoppable.clone()),
            Err(error) => Made::Failed(error),
        }
    }

    /// Compiles and instantiates `wasm`, which becomes the current instance.
    pub(crate) fn instantiate_named(&mut self, name: Option<&str>, wasm: &[u8]) -> wasmtime::Result<Done> {
        let made = self.instantiate(wasm)?;
        self.keep(name, made)
    }

    fn keep(&mut self, name: Option<&str>, made: Made) -> wasmtime::Result<Done> {
        let (slot, done) = match made {
            Made::Instance(instance, stoppable) => (Slot::Instance(instance, stoppable), Done::Passed),
            Made::Skipped(reason) => (Slot::Skipped, Done::Skipped(reason)),
            Made::Failed(error) => return Err(error),
        };
        if let Some(name) = name {
            self.named.insert(name.to_owned(), slot.clone());
        }
        self.current = Some(slot);
        Ok(done)
    }

    /// Compiles `wasm` to be instantiated later.
    pub(crate) fn define(&mut self, name: Option<&str>, wasm: &[u8]) -> wasmtime::Result<Done> {
        let (module, done) = match self.compile(wasm)? {
            Ok(module) => (Some(module), Done::Passed),
            Err(reason) => (None, Done::Skipped(reason)),
        };
        self.definitions.insert(name.map(str::to_owned), module.clone());
        self.definitions.insert(None, module);
        Ok(done)
    }

    /// Instantiates a module that was defined before.
    pub(crate) fn instantiate_defined(
        &mut self,
        name: Option<&str>,
        module: Option<&str>,
    ) -> wasmtime::Result<Done> {
        let defined = self.definitions.get(&module.map(str::to_owned)).context("no such module")?.clone();
        let made = match defined {
            Some(module) => self.link(&module),
            None => Made::Skipped("need a module that was skipped".to_owned()),
        };
        self.keep(name, made)
    }

    /// Makes an instance available for imports.
    pub(crate) fn register(&mut self, name: &str, module: Option<&str>) -> wasmtime::Result<Done> {
        match self.slot(module)? {
            Slot::Instance(instance, _) => {
                self.skipped_imports.remove(name);
                self.linker.instance(&mut self.store, name, instance)?;
                Ok(Done::Passed)
            }
            Slot::Skipped => {
                self.skipped_imports.insert(name.to_owned());
                Ok(Done::Skipped("need a module that was skipped".to_owned()))
            }
        }
    }

    fn slot(&self, module: Option<&str>) -> wasmtime::Result<Slot> {
        match module {
            Some(name) => self.named.get(name).cloned().with_context(|| format!("no instance {name}")),
            None => self.current.clone().context("no current instance"),
        }
    }

    /// Calls an exported function; `None` when its module was skipped.
    pub(crate) fn call(
        &mut self,
        module: Option<&str>,
        name: &str,
        arguments: &[Val],
    ) -> wasmtime::Result<Option<Result<Vec<Val>, Error>>> {
        let Slot::Instance(instance, stoppable) = self.slot(module)? else { return Ok(None) };
        let function =
            instance.get_func(&mut self.store, name).with_context(|| format!("no function {name}"))?;
        let ty = function.ty(&self.store);
        ensure!(ty.params().len() == arguments.len(), "{} parameters expected", ty.params().len());
        let mut results = vec![Val::I32(0); ty.results().len()];
        let called = match stoppable {
            Some(stoppable) => stoppable.call(&mut self.store, instance, function, arguments, &mut results),
            None => function.call(&mut self.store, arguments, &mut results),
        };
        Ok(Some(called.map(|()| results)))
    }

    /// Reads an exported global; `None` when its module was skipped.
    pub(crate) fn global(
        &mut self,
        module: Option<&str>,
        name: &str,
    ) -> wasmtime::Result<Option<Result<Vec<Val>, Error>>> {
        let Slot::Instance(instance, _) = self.slot(module)? else { return Ok(None) };
        let global =
            instance.get_global(&mut self.store, name).with_context(|| format!("no global {name}"))?;
        Ok(Some(Ok(vec![global.get(&mut self.store)])))
    }
}
