//! Runs programs in an interpreter: as they are, and stopped all the time.

use std::collections::BTreeMap;
use std::fmt::Write;

use gate_instrument::accept::ValueType;
use gate_instrument::stop::{Config, Frame, Hidden, PROGRAM, Poll, Program, SiteId, Value, control};
use wasmi::{
    Caller, Engine, Extern, Func, Instance, Linker, Module, Nullable, Ref, Store, V128, Val, ValType,
};

/// What imported functions know.
#[derive(Clone, Default)]
pub(super) struct Host {
    /// The calls that had an effect.
    pub(super) log: String,
    /// How often a function that may block was called.
    blocking_calls: u32,
    /// The global to be set to refuse such a call, every second time.
    unwinding: Option<String>,
}

impl Host {
    /// That of a program that was continued.
    pub(super) fn with_log(log: String) -> Self {
        Self { log, ..Self::default() }
    }
}

/// What running a program came to, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome(pub(super) String);

/// When to stop a program, and where to continue it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// How the program polls.
    pub(super) poll: Poll,
    /// Stop at every how many stop points. Without a countdown, only 0 and 1 are possible.
    pub(super) every: i64,
    /// Continue in a new instance.
    pub(super) moves: bool,
}

/// Stops are expensive, and programs may have very many.
const MAX_STOPS: u32 = 400;

/// How many exported functions are run.
const MAX_CALLS: usize = 12;

pub(super) fn engine() -> Engine {
    let mut config = wasmi::Config::default();
    config.set_max_recursion_depth(5_000);
    config.set_max_stack_height(64 << 20);
    Engine::new(&config)
}

/// The configuration that programs are transformed with here.
pub(super) fn config(poll: Poll) -> Config<'static> {
    with_breakpoints(poll, &[])
}

/// The same, with breakpoints.
pub(super) fn with_breakpoints(poll: Poll, breakpoints: &[u32]) -> Config<'_> {
    Config { poll, control_pages: 4, may_block: &|_, field| may_block(field), breakpoints }
}

/// Whether an imported function may block.
fn may_block(field: &str) -> bool {
    field.starts_with("block") || field.len() % 3 == 1
}

/// Whether all that a module imports can be defined: functions with different names.
pub(super) fn can_link(wasm: &[u8]) -> bool {
    let module = Module::new(&engine(), wasm).unwrap();
    let mut names = std::collections::BTreeSet::new();
    module.imports().all(|import| {
        import.ty().func().is_some() && names.insert((import.module().to_owned(), import.name()))
    })
}

/// Runs all exported functions of a module, which is not transformed.
pub(super) fn run_original(wasm: &[u8]) -> Outcome {
    let engine = engine();
    let module = Module::new(&engine, wasm).unwrap();
    let mut store = Store::new(&engine, Host::default());
    let mut outcome = String::new();
    match linker(&engine, &module).instantiate_and_start(&mut store, &module) {
        Ok(instance) => {
            for (name, arguments) in calls(&module) {
                let function = instance.get_func(&store, &name).unwrap();
                let mut results = zeros(&function, &store);
                let ended = function.call(&mut store, &arguments, &mut results).map(|()| results);
                write_call(&mut outcome, &name, ended);
            }
            write_state(&mut outcome, &module, &instance, &store);
        }
        Err(_) => outcome.push_str("cannot be instantiated\n"),
    }
    outcome.push_str(&store.data().log);
    Outcome(outcome)
}

/// Does the same with the transformed module, and stops it. Also says how often.
pub(super) fn run_stopped(wasm: &[u8], plan: Plan) -> (Outcome, u32) {
    run_at_breakpoints(wasm, plan, &[&[]])
}

/// Does the same with stoppable modules that have different breakpoints, one after the other if the program moves.
pub(super) fn run_at_breakpoints(wasm: &[u8], plan: Plan, breakpoints: &[&[u32]]) -> (Outcome, u32) {
    let engine = engine();
    let original = Module::new(&engine, wasm).unwrap();
    let variants: Vec<_> = breakpoints
        .iter()
        .map(|breakpoints| {
            let program = Program::new(wasm, &with_breakpoints(plan.poll, breakpoints)).unwrap();
            let stoppable = program.instrument().unwrap().wasm;
            super::validate(&stoppable, false);
            (program, Module::new(&engine, &stoppable[..]).unwrap())
        })
        .collect();
    let mut machine = Machine::new(&variants, &engine, plan);
    let program = &variants[0].0;
    let mut outcome = String::new();
    let ready = machine.call(&program.name(Hidden::Initialize), &[]).and_then(|_| match program.start() {
        Some(start) => machine.call(&program.name(Hidden::Function(start)), &[]),
        None => Ok(Vec::new()),
    });
    match ready {
        Ok(_) => {
            for (name, arguments) in calls(&original) {
                let ended = machine.call(&name, &arguments);
                write_call(&mut outcome, &name, ended);
            }
            write_state(&mut outcome, &original, &machine.instance, &machine.store);
        }
        Err(_) => outcome.push_str("cannot be instantiated\n"),
    }
    outcome.push_str(&machine.store.data().log);
    (Outcome(outcome), machine.stops)
}

/// Runs the function `run` with room for few frames, and says how it ended, and what the control memory says of that.
pub(super) fn run_stopped_in_one_page(wasm: &[u8], plan: Plan) -> (String, u32) {
    let config = Config { control_pages: 1, ..config(plan.poll) };
    let program = Program::new(wasm, &config).unwrap();
    let engine = engine();
    let module = Module::new(&engine, program.instrument().unwrap().wasm).unwrap();
    let variants = [(program, module)];
    let mut machine = Machine::new(&variants, &engine, plan);
    let ended = match machine.call("run", &[]) {
        Ok(values) => format!("{values:?}"),
        Err(error) => format!("trap: {error}, status {}", machine.word(control::STATUS)),
    };
    (ended, machine.stops)
}

/// A transformed program in an instance, which is another one from time to time.
pub(super) struct Machine<'m> {
    /// The stoppable programs that it is continued in, one after the other.
    variants: &'m [(Program<'m>, Module)],
    pub(super) program: &'m Program<'m>,
    engine: &'m Engine,
    plan: Plan,
    store: Store<Host>,
    instance: Instance,
    stops: u32,
}

impl<'m> Machine<'m> {
    pub(super) fn new(variants: &'m [(Program<'m>, Module)], engine: &'m Engine, plan: Plan) -> Self {
        Self::at(variants, 0, engine, plan)
    }

    /// In an instance of one of the programs.
    fn at(variants: &'m [(Program<'m>, Module)], variant: u32, engine: &'m Engine, plan: Plan) -> Self {
        let (program, module) = &variants[usize::try_from(variant).unwrap() % variants.len()];
        let unwinding = Some(program.name(Hidden::Global(program.control().unwinding)));
        let host = Host { unwinding, ..Host::default() };
        let mut store = Store::new(engine, host);
        let instance = linker(engine, module).instantiate_and_start(&mut store, module).unwrap();
        Self { variants, program, engine, plan, store, instance, stops: 0 }
    }

    pub(super) fn call(&mut self, name: &str, arguments: &[Val]) -> Result<Vec<Val>, wasmi::Error> {
        let mut function = self.instance.get_func(&self.store, name).unwrap();
        let mut results = zeros(&function, &self.store);
        self.request_stop();
        function.call(&mut self.store, arguments, &mut results)?;
        while self.is_unwinding() {
            self.stops += 1;
            function = self.continuation();
            function.call(&mut self.store, &[], &mut results)?;
        }
        assert_eq!(self.word(control::FRAMES_SIZE), 0);
        assert_eq!(self.word(control::STATUS), 0);
        Ok(results)
    }

    /// Calls a function, and says whether it was stopped, at a stop point counted from 1 or at a breakpoint.
    pub(super) fn stops_in(&mut self, name: &str, arguments: &[Val], stop: i64) -> bool {
        self.plan.every = stop;
        self.request_stop();
        let function = self.instance.get_func(&self.store, name).unwrap();
        let mut results = zeros(&function, &self.store);
        function.call(&mut self.store, arguments, &mut results).is_ok() && self.is_unwinding()
    }

    /// The frames of the program, which is stopped.
    pub(super) fn frames(&self) -> Vec<Frame> {
        let start = usize::try_from(self.program.control().frames).unwrap();
        let size = usize::try_from(self.word(control::FRAMES_SIZE)).unwrap();
        let bytes = &self.memory_bytes(self.program.control().memory)[start..][..size];
        let frames = self.program.decode(bytes).unwrap();
        check_canonical(self.program, &frames);
        frames
    }

    /// Takes the program down, and gives the function that continues it.
    fn continuation(&mut self) -> Func {
        let start = usize::try_from(self.program.control().frames).unwrap();
        let memory = self.program.control().memory;
        let frames = self.frames();
        if self.plan.moves {
            self.move_to_new_instance();
        }
        let sites: Vec<SiteId> = frames.iter().map(|frame| frame.site).collect();
        let continuations = self.program.continuations(&sites).unwrap();
        super::validate(&continuations.wasm, false);
        let encoded = self.program.encode(&frames, &continuations).unwrap();
        let side = Module::new(self.engine, &continuations.wasm[..]).unwrap();
        let mut linker = Linker::new(self.engine);
        for import in side.imports() {
            assert_eq!(import.module(), PROGRAM);
            let export = self.instance.get_export(&self.store, import.name());
            linker.define(PROGRAM, import.name(), export.unwrap()).unwrap();
        }
        let side = linker.instantiate_and_start(&mut self.store, &side).unwrap();
        let memory = self.memory(memory);
        memory.write(&mut self.store, start, &encoded).unwrap();
        let size = u32::try_from(encoded.len()).unwrap();
        let at = usize::try_from(control::FRAMES_SIZE).unwrap();
        memory.write(&mut self.store, at, &size.to_le_bytes()).unwrap();
        let unwinding = self.global(self.program.control().unwinding);
        unwinding.set(&mut self.store, Val::I32(0)).unwrap();
        self.request_stop();
        let slot = continuations.slots[&frames[0].site];
        side.get_func(&self.store, &slot.to_string()).unwrap()
    }

    /// Makes an instance with the state of this one.
    fn move_to_new_instance(&mut self) {
        let mut next = Machine::at(self.variants, self.stops, self.engine, self.plan);
        *next.store.data_mut() = self.store.data().clone();
        let controls = self.program.control();
        for index in 0..=controls.memory {
            let from = self.memory(index).data(&self.store).to_vec();
            let to = next.memory(index);
            let pages = from.len().div_ceil(65_536) as u64 - to.size(&next.store);
            to.grow(&mut next.store, pages).unwrap();
            to.write(&mut next.store, 0, &from).unwrap();
        }
        let mut none = [];
        let restore = next.instance.get_func(&next.store, &self.program.name(Hidden::Restore)).unwrap();
        restore.call(&mut next.store, &[], &mut none).unwrap();
        let old = self.names_of_functions();
        let translate = |value: Nullable<Func>, next: &Machine<'_>| match value {
            Nullable::Null => Nullable::Null,
            Nullable::Val(function) => {
                let name = old.get(&format!("{function:?}")).expect("functions with references are exported");
                Nullable::Val(next.instance.get_func(&next.store, name).unwrap())
            }
        };
        for index in 0..controls.unwinding {
            let global = self.global(index);
            if !global.ty(&self.store).mutability().is_mut() {
                continue;
            }
            let value = match global.get(&self.store) {
                Val::FuncRef(function) => Val::FuncRef(translate(function, &next)),
                Val::ExternRef(reference) => {
                    assert!(reference.is_null());
                    Val::ExternRef(reference)
                }
                number => number,
            };
            next.global(index).set(&mut next.store, value).unwrap();
        }
        for index in 0.. {
            let name = self.program.name(Hidden::Table(index));
            let Some(from) = self.instance.get_table(&self.store, &name) else { break };
            let to = next.instance.get_table(&next.store, &name).unwrap();
            for element in 0..from.size(&self.store) {
                let value = match from.get(&self.store, element).unwrap() {
                    Ref::Func(function) => Ref::Func(translate(function, &next)),
                    Ref::Extern(reference) => {
                        assert!(reference.is_null());
                        Ref::Extern(reference)
                    }
                };
                if element == to.size(&next.store) {
                    to.grow(&mut next.store, 1, value).unwrap();
                } else {
                    to.set(&mut next.store, element, value).unwrap();
                }
            }
        }
        *self = Self { stops: self.stops, ..next };
    }

    /// The name by which each function is exported, by what it is called when it is debugged.
    pub(super) fn names_of_functions(&self) -> BTreeMap<String, String> {
        let functions = 0..self.program.functions();
        let hidden = functions.flat_map(|function| [Hidden::Function(function), Hidden::Import(function)]);
        hidden
            .filter_map(|hidden| {
                let name = self.program.name(hidden);
                let function = self.instance.get_func(&self.store, &name)?;
                Some((format!("{function:?}"), name))
            })
            .collect()
    }

    /// The elements of a table.
    pub(super) fn table(&self, index: u32) -> Vec<Ref> {
        let table = self.instance.get_table(&self.store, &self.program.name(Hidden::Table(index))).unwrap();
        (0..table.size(&self.store)).map(|element| table.get(&self.store, element).unwrap()).collect()
    }

    /// The contents of a memory.
    pub(super) fn memory_bytes(&self, index: u32) -> Vec<u8> {
        self.memory(index).data(&self.store).to_vec()
    }

    /// The value of a global.
    pub(super) fn global_value(&self, index: u32) -> Val {
        self.global(index).get(&self.store)
    }

    /// The calls of imported functions that had an effect.
    pub(super) fn log(&self) -> String {
        self.store.data().log.clone()
    }

    fn memory(&self, index: u32) -> wasmi::Memory {
        self.instance.get_memory(&self.store, &self.program.name(Hidden::Memory(index))).unwrap()
    }

    fn global(&self, index: u32) -> wasmi::Global {
        self.instance.get_global(&self.store, &self.program.name(Hidden::Global(index))).unwrap()
    }

    fn word(&self, offset: u32) -> u32 {
        let data = self.memory(self.program.control().memory).data(&self.store);
        let bytes = data[usize::try_from(offset).unwrap()..].first_chunk().unwrap();
        u32::from_le_bytes(*bytes)
    }

    fn is_unwinding(&self) -> bool {
        matches!(self.global(self.program.control().unwinding).get(&self.store), Val::I32(1))
    }

    fn request_stop(&mut self) {
        let every = if self.stops < MAX_STOPS { self.plan.every } else { 0 };
        if let Some(breakpoints) = self.program.control().breakpoints {
            let stop = Val::I32(i32::from(self.stops < MAX_STOPS));
            self.global(breakpoints).set(&mut self.store, stop).unwrap();
        }
        match self.program.control().countdown {
            Some(countdown) => self.global(countdown).set(&mut self.store, Val::I64(every)).unwrap(),
            None => {
                let request = u32::try_from(every).unwrap().to_le_bytes();
                let at = usize::try_from(control::STOP_REQUESTED).unwrap();
                self.memory(self.program.control().memory).write(&mut self.store, at, &request).unwrap();
            }
        }
    }
}

/// Locals that are not saved are zero.
fn check_canonical(program: &Program<'_>, frames: &[Frame]) {
    for frame in frames {
        let site = program.site(frame.site).unwrap();
        for (local, value) in (0..).zip(&frame.locals) {
            assert!(site.live.contains(&local) || *value == Value::zero(value.ty()), "{frame:?}");
        }
        let live = site.live.iter().map(|local| site.locals[usize::try_from(*local).unwrap()]);
        assert!(live.clone().all(|ty| ty != ValueType::ExnRef));
    }
}

/// Defines all that a module imports: functions that log, and give results made of their arguments.
pub(super) fn linker(engine: &Engine, module: &Module) -> Linker<Host> {
    let mut linker = Linker::new(engine);
    linker.allow_shadowing(true);
    for import in module.imports() {
        let ty = import.ty().func().expect("only functions are imported").clone();
        let name = import.name().to_owned();
        let results = ty.results().to_vec();
        let host = move |mut caller: Caller<'_, Host>, arguments: &[Val], values: &mut [Val]| {
            for (value, ty) in values.iter_mut().zip(&results) {
                *value = zero(*ty);
            }
            if may_block(&name) && refuses(&mut caller) {
                return Ok(());
            }
            let host = caller.data_mut();
            write!(host.log, "{name}").unwrap();
            for argument in arguments {
                write!(host.log, " {}", text(argument)).unwrap();
            }
            host.log.push('\n');
            let seed = i32::try_from(host.log.len()).unwrap();
            for value in values {
                match value {
                    Val::I32(value) => *value = seed,
                    Val::I64(value) => *value = i64::from(seed) << 20,
                    _ => {}
                }
            }
            Ok(())
        };
        linker.func_new(import.module(), import.name(), ty, host).unwrap();
    }
    linker
}

/// Whether a call that may block does, this time.
fn refuses(caller: &mut Caller<'_, Host>) -> bool {
    let Some(name) = caller.data().unwinding.clone() else { return false };
    caller.data_mut().blocking_calls += 1;
    if caller.data().blocking_calls.is_multiple_of(2) {
        return false;
    }
    let Some(Extern::Global(unwinding)) = caller.get_export(&name) else {
        panic!("there is no global {name}");
    };
    unwinding.set(caller, Val::I32(1)).unwrap();
    true
}

/// The functions to be called, and with what.
pub(super) fn calls(module: &Module) -> Vec<(String, Vec<Val>)> {
    let functions = module.exports().filter_map(|export| {
        let ty = export.ty().func()?.clone();
        let arguments = ty.params().iter().map(|ty| match ty {
            ValType::I32 => Val::I32(7),
            ValType::I64 => Val::I64(-3),
            ValType::F32 => Val::F32(1.5.into()),
            ValType::F64 => Val::F64((-0.25).into()),
            other => zero(*other),
        });
        Some((export.name().to_owned(), arguments.collect()))
    });
    functions.take(MAX_CALLS).collect()
}

pub(super) fn zeros(function: &Func, store: &Store<Host>) -> Vec<Val> {
    function.ty(store).results().iter().copied().map(zero).collect()
}

fn zero(ty: ValType) -> Val {
    match ty {
        ValType::I32 => Val::I32(0),
        ValType::I64 => Val::I64(0),
        ValType::F32 => Val::F32(0.0.into()),
        ValType::F64 => Val::F64(0.0.into()),
        ValType::V128 => Val::V128(V128::from(0)),
        ValType::FuncRef => Val::FuncRef(Nullable::Null),
        ValType::ExternRef => Val::ExternRef(Nullable::Null),
    }
}

fn write_call(outcome: &mut String, name: &str, ended: Result<Vec<Val>, wasmi::Error>) {
    write!(outcome, "{name:?}:").unwrap();
    match ended {
        Ok(values) => values.iter().for_each(|value| write!(outcome, " {}", text(value)).unwrap()),
        Err(error) => write!(outcome, " {error}").unwrap(),
    }
    outcome.push('\n');
}

fn text(value: &Val) -> String {
    match value {
        Val::I32(value) => format!("{value}"),
        Val::I64(value) => format!("{value}"),
        Val::F32(value) => format!("{:x}", value.to_bits()),
        Val::F64(value) => format!("{:x}", value.to_bits()),
        Val::V128(value) => format!("{value:?}"),
        Val::FuncRef(function) => String::from(if function.is_null() { "null" } else { "function" }),
        Val::ExternRef(reference) => String::from(if reference.is_null() { "null" } else { "extern" }),
    }
}

/// Writes what can be seen of a program's state by the names that the original exports.
pub(super) fn write_state(outcome: &mut String, original: &Module, instance: &Instance, store: &Store<Host>) {
    for export in original.exports() {
        if export.ty().func().is_some() {
            continue;
        }
        let name = export.name();
        match instance.get_export(store, name).unwrap() {
            Extern::Memory(memory) => {
                let data = memory.data(store);
                let hash = data.iter().fold(0u64, |hash, byte| {
                    (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3).rotate_left(5)
                });
                writeln!(outcome, "{name:?}: {} bytes {hash:x}", data.len()).unwrap();
            }
            Extern::Global(global) => writeln!(outcome, "{name:?}: {}", text(&global.get(store))).unwrap(),
            Extern::Table(table) => {
                write!(outcome, "{name:?}:").unwrap();
                for element in 0..table.size(store) {
                    let is_null = match table.get(store, element).unwrap() {
                        Ref::Func(function) => function.is_null(),
                        Ref::Extern(reference) => reference.is_null(),
                    };
                    outcome.push(if is_null { '.' } else { '*' });
                }
                outcome.push('\n');
            }
            Extern::Func(_) => unreachable!("{name:?} is no function"),
        }
    }
}
