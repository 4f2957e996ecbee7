//! The modules and instances of one script.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use gate_abi::host::Stop;
use gate_abi::trap::Trap;
use gate_instrument::accept::{Kind, Limits as Accepted, Outline, Refusal, validate};
use gate_interpreter::{Instance, Limits, Memory, Module, Outcome, Outside};
use gate_snapshot::{Entry, Phase, State, Value};

/// How often programs were stopped.
pub(crate) static STOPS: AtomicUsize = AtomicUsize::new(0);

/// A program that is stopped more often runs on to its end.
const MAX_STOPS: usize = 60;

const LIMITS: Limits = Limits {
    stack_bytes: 256 << 10,
    memory_bytes: 1 << 32,
    table_elements: 10_000_000,
    exception_bytes: 1 << 20,
};

/// Whether programs are stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopping {
    Never,
    Everywhere,
}

/// A linear memory.
#[derive(Debug, Default)]
pub(crate) struct Bytes(Vec<u8>);

/// What a test can afford.
const MEMORY_LIMIT: usize = 1 << 26;

impl Memory for Bytes {
    fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn grow_to(&mut self, bytes: usize) -> bool {
        if bytes > MEMORY_LIMIT {
            return false;
        }
        self.0.resize(bytes, 0);
        true
    }
}

/// The functions of the module `spectest`, which do nothing.
struct Spectest {
    /// How many stop points there are to the next one at which it shall stop.
    countdown: Option<usize>,
}

impl Outside for Spectest {
    fn is_stop_requested(&mut self) -> bool {
        let Some(countdown) = &mut self.countdown else { return false };
        *countdown -= 1;
        if *countdown == 0 {
            self.countdown = None;
            return true;
        }
        false
    }

    fn call(&mut self, _: u32, _: &[u64], _: &mut [u8]) -> Result<Option<u32>, Stop> {
        Ok(None)
    }
}

/// A program of which nothing runs.
struct Idle {
    wasm: Vec<u8>,
    outline: Outline,
    state: State,
    memories: Vec<Bytes>,
}

/// An instance, or the place of one that was skipped.
enum Slot {
    Idle(Box<Idle>),
    Skipped(String),
}

/// Why most modules are skipped.
const IMPORTS: &str = "need other imports than functions that do nothing";

/// What instantiating a module came to.
pub(crate) enum Made {
    Skipped(String),
    Passed,
    Failed(Failure),
}

/// Why something has no result.
#[derive(Debug)]
pub(crate) enum Failure {
    Trap(Trap, Option<String>),
    Start,
}

#[derive(Default)]
pub(crate) struct Runner {
    stopping: Option<Stopping>,
    instances: Vec<Slot>,
    named: HashMap<String, usize>,
    registered: HashMap<String, usize>,
    current: Option<usize>,
    definitions: HashMap<Option<String>, Vec<u8>>,
}

impl Runner {
    pub(crate) fn new(stopping: Stopping) -> Self {
        Self { stopping: Some(stopping), ..Self::default() }
    }

    /// Why a module cannot be run here, or what it consists of.
    fn judge(wasm: &[u8]) -> Result<Result<Outline, String>, String> {
        let outline = match validate(wasm, &Accepted::STANDARD) {
            Ok(outline) => outline,
            Err(Refusal::Feature { feature, .. }) => return Ok(Err(format!("need {feature}"))),
            Err(Refusal::Limit { what, limit, .. }) => {
                return Ok(Err(format!("have more than {limit} {what}")));
            }
            Err(refusal) => return Err(refusal.to_string()),
        };
        let is_known = |import: &gate_instrument::accept::Import| {
            import.module == "spectest" && matches!(import.kind, Kind::Function(_))
        };
        match outline.imports.iter().all(is_known) {
            true => Ok(Ok(outline)),
            false => Ok(Err(IMPORTS.to_owned())),
        }
    }

    /// Gives up the instances that a module shares which is skipped.
    fn give_up_shared(&mut self, wasm: &[u8]) {
        let Ok(outline) = validate(wasm, &Accepted::STANDARD) else { return };
        for import in &outline.imports {
            if let Some(slot) = self.registered.get(&import.module).and_then(|it| self.instances.get_mut(*it))
            {
                *slot = Slot::Skipped("share something with a module that was skipped".to_owned());
            }
        }
    }

    pub(crate) fn instantiate(&mut self, name: Option<&str>, wasm: Vec<u8>) -> Result<Made, String> {
        let (slot, made) = match Self::judge(&wasm)? {
            Ok(outline) => match self.start(wasm, outline) {
                Ok(idle) => (Slot::Idle(Box::new(idle)), Made::Passed),
                Err(failure) => return Ok(Made::Failed(failure)),
            },
            Err(reason) => {
                self.give_up_shared(&wasm);
                (Slot::Skipped(reason.clone()), Made::Skipped(reason))
            }
        };
        self.instances.push(slot);
        let index = self.instances.len() - 1;
        self.current = Some(index);
        if let Some(name) = name {
            self.named.insert(name.to_owned(), index);
        }
        Ok(made)
    }

    pub(crate) fn define(&mut self, name: Option<&str>, wasm: Vec<u8>) {
        self.definitions.insert(name.map(str::to_owned), wasm.clone());
        self.definitions.insert(None, wasm);
    }

    pub(crate) fn instantiate_defined(
        &mut self,
        name: Option<&str>,
        module: Option<&str>,
    ) -> Result<Made, String> {
        let wasm = self.definitions.get(&module.map(str::to_owned)).ok_or("no such module")?.clone();
        self.instantiate(name, wasm)
    }

    fn start(&self, wasm: Vec<u8>, outline: Outline) -> Result<Idle, Failure> {
        let module = Module::parse(&wasm, |_| false).map_err(|_| Failure::Start)?;
        let memories = outline.memories.iter().map(|_| Bytes::default()).collect();
        let instance = Instance::new(&module, memories, None, LIMITS, Entry::default());
        let instance = instance.map_err(|_| Failure::Start)?;
        let (state, memories, outcome) = self.finish(&module, instance);
        outcome?;
        Ok(Idle { wasm, outline, state, memories })
    }

    /// Runs an instance to its end, through stops if there are to be any. What it did before a trap stays.
    fn finish<'m>(
        &self,
        module: &'m Module<'m>,
        mut instance: Instance<'m, Bytes>,
    ) -> (State, Vec<Bytes>, Result<Vec<Value>, Failure>) {
        let mut stops = 0;
        let outcome = loop {
            let stop = self.stopping == Some(Stopping::Everywhere) && stops < MAX_STOPS;
            match instance.run(&mut Spectest { countdown: stop.then_some(1) }) {
                Outcome::Returned(values) => break Ok(values),
                Outcome::Suspended(state) => {
                    stops += 1;
                    STOPS.fetch_add(1, Ordering::Relaxed);
                    let state = State::decode(&state.encode()).unwrap();
                    let memories = instance.into_memories();
                    instance = Instance::resume(module, memories, None, LIMITS, state).unwrap();
                }
                Outcome::Trapped { trap, detail, .. } => break Err(Failure::Trap(trap, detail)),
                Outcome::Stopped(_) => break Err(Failure::Start),
            }
        };
        instance.abandon();
        let state = instance.state().unwrap();
        (state, instance.into_memories(), outcome)
    }

    fn slot(&mut self, module: Option<&str>) -> Result<&mut Slot, String> {
        let index = match module {
            Some(name) => self.named.get(name).copied(),
            None => self.current,
        };
        let slot = index.and_then(|index| self.instances.get_mut(index));
        slot.ok_or_else(|| "no such instance".to_owned())
    }

    /// Calls an exported function; `None` when its module was skipped.
    pub(crate) fn call(
        &mut self,
        module: Option<&str>,
        name: &str,
        arguments: &[Value],
    ) -> Result<Option<Result<Vec<Value>, Failure>>, String> {
        let runner = Self::new(self.stopping.unwrap());
        let Slot::Idle(idle) = self.slot(module)? else { return Ok(None) };
        let export = idle.outline.exports.iter().find(|export| export.name == name);
        let function = export.ok_or_else(|| format!("no function {name}"))?.index;
        let mut state = idle.state.clone();
        state.phase = Phase::Main;
        state.entry = Entry { initialize: None, function: Some(function), arguments: arguments.to_vec() };
        let module = Module::parse(&idle.wasm, |_| false).unwrap();
        let memories = std::mem::take(&mut idle.memories);
        let instance = Instance::resume(&module, memories, None, LIMITS, state).unwrap();
        let (state, memories, outcome) = runner.finish(&module, instance);
        (idle.state, idle.memories) = (state, memories);
        Ok(Some(outcome))
    }

    /// Reads an exported global; `None` when its module was skipped.
    pub(crate) fn global(
        &mut self,
        module: Option<&str>,
        name: &str,
    ) -> Result<Option<Result<Vec<Value>, Failure>>, String> {
        let Slot::Idle(idle) = self.slot(module)? else { return Ok(None) };
        let export = idle.outline.exports.iter().find(|export| export.name == name);
        let global = export.ok_or_else(|| format!("no global {name}"))?.index;
        Ok(Some(Ok(vec![idle.state.globals[usize::try_from(global).unwrap()]])))
    }

    /// Gives up an instance that is given what it cannot be given here.
    pub(crate) fn give_up(&mut self, module: Option<&str>) -> Result<(), String> {
        *self.slot(module)? = Slot::Skipped("were given a reference of the host".to_owned());
        Ok(())
    }

    /// Notes that a module is there for others to import, which nothing here can.
    pub(crate) fn register(&mut self, name: &str, module: Option<&str>) -> Result<Option<String>, String> {
        let index = match module {
            Some(name) => self.named.get(name).copied(),
            None => self.current,
        };
        self.registered.insert(name.to_owned(), index.ok_or("no such instance")?);
        match self.slot(module)? {
            Slot::Idle(_) => Ok(None),
            Slot::Skipped(reason) => Ok(Some(reason.clone())),
        }
    }
}
