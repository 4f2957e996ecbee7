//! Runs programs: as they are, and stopped all the time.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use gate_abi::host::Stop;
use gate_abi::import::{Function, WasiFunction};
use gate_engine::{
    Argument, Calls, CompileError, Finished, MemoryLimits, Outcome, Program, Region, RunOptions, Settings,
    Start, StopFlag, Stops, Tier, compile, continuation,
};
use gate_instrument::accept::{FunctionType, ValueType};
use gate_snapshot::{Frames, State};

/// What programs may allocate here.
pub(crate) const LIMITS: MemoryLimits = MemoryLimits { memory_bytes: 32 << 20, table_elements: 100_000 };

/// Every engine.
pub(crate) const TIERS: [Tier; 4] = [Tier::Cranelift, Tier::Winch, Tier::Pulley, Tier::Interpreter];

/// Settings with a usual stack.
pub(crate) const fn settings(tier: Tier, stops: Stops) -> Settings {
    Settings { tier, stops, stack_bytes: 1 << 20 }
}

/// A small generator of random numbers (SplitMix64): what follows from a seed comes again.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn choose<T: Copy, const N: usize>(&mut self, from: [T; N]) -> T {
        let index = usize::try_from(self.below(N as u64)).unwrap();
        from[index]
    }
}

/// Stops are expensive, and generated programs may have very many.
const MAX_STOPS: u32 = 60;

/// A file with these bytes.
pub(crate) fn file_of(bytes: &[u8]) -> File {
    let memfd = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let mut file = File::from(memfd);
    file.write_all(bytes).unwrap();
    file
}

/// What is behind the imports of programs here. `proc_exit` does not end them: it logs its argument.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// The calls that had an effect.
    pub(crate) text: String,
    /// How often a function that may block was called. Every second time it does, if that is asked for.
    blocking_calls: u32,
    /// Whether functions that may block do.
    pub(crate) blocks: bool,
    /// Whom to stop at the next call that is logged.
    pub(crate) flag: Option<StopFlag>,
}

impl Log {
    /// What was kept of one that blocks when its program was stopped.
    pub(crate) fn resumed(bytes: &[u8]) -> Self {
        let (blocking_calls, text) = bytes.split_first_chunk().unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        Self { text, blocking_calls: u32::from_le_bytes(*blocking_calls), blocks: true, flag: None }
    }

    /// What is kept of it when its program is stopped.
    pub(crate) fn suspended(&self) -> Vec<u8> {
        [&self.blocking_calls.to_le_bytes(), self.text.as_bytes()].concat()
    }
}

impl Calls for Log {
    fn call(
        &mut self,
        function: Function,
        arguments: &[u64],
        memory: &mut [u8],
    ) -> Result<Option<u32>, Stop> {
        if self.blocks && function.may_block() {
            self.blocking_calls += 1;
            if self.blocking_calls % 2 == 1 {
                return Err(Stop::Interrupted);
            }
        }
        writeln!(self.text, "{} {arguments:?} {}", function.name(), memory.len()).unwrap();
        if let Some(flag) = self.flag.take() {
            flag.request();
        }
        match function {
            Function::Wasi(WasiFunction::ProcExit) => Ok(None),
            _ => Ok(Some(u32::try_from(self.text.len()).unwrap())),
        }
    }
}

/// When a program stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Every {
    /// Never.
    Never,
    /// At every so many stop points. With [`Stops::Count`].
    Points(u64),
    /// So often at most, first at stop point number `first` and from there on at every so many. With [`Stops::Count`].
    Window { first: u64, points: u64, stops: u32 },
    /// After each call that it logs. With [`Stops::Flag`].
    Call,
}

impl Every {
    /// The stop point at which a program stops that has stopped so often, counted from where it continues.
    pub(crate) fn countdown(self, stops: u32) -> Option<u64> {
        match self {
            Self::Points(points) => Some(points),
            Self::Window { first, .. } if stops == 0 => Some(first),
            Self::Window { points, stops: most, .. } => (stops < most).then_some(points),
            Self::Never | Self::Call => None,
        }
    }
}

/// The artifacts of a module.
pub(crate) struct Module {
    pub(crate) source: Vec<u8>,
    artifacts: HashMap<(Tier, Stops), Vec<u8>>,
}

impl Module {
    /// The module in a text, whose imports become some that there are.
    pub(crate) fn new(text: &str) -> Self {
        let four = r#"(param i32 i32 i32 i32) (result i32)"#;
        let text = text
            .replace(r#""host" "log""#, r#""wasi_snapshot_preview1" "proc_exit""#)
            .replace(r#""host" "block""#, r#""wasi_snapshot_preview1" "fd_close""#)
            .replace(
                r#"(import "host" "block write" (func $write (param i32 i64) (result i32)))"#,
                &format!(
                    r#"(import "wasi_snapshot_preview1" "fd_write" (func $fd_write {four}))
                    (memory (export "memory") 1)
                    (func $write (param i32 i64) (result i32)
                      (call $fd_write (local.get 0) (i32.wrap_i64 (local.get 1)) (i32.const 1) (i32.const 2)))"#
                ),
            )
            .replace(
                r#"(import "host" "block read" (func $read (param i32)))"#,
                &format!(
                    r#"(import "wasi_snapshot_preview1" "fd_read" (func $fd_read {four}))
                    (memory (export "memory") 1)
                    (func $read (param i32)
                      (drop (call $fd_read (local.get 0) (i32.const 0) (i32.const 1) (i32.const 2))))"#
                ),
            );
        Self::of(wat::parse_str(text).unwrap())
    }

    pub(crate) fn of(source: Vec<u8>) -> Self {
        Self { source, artifacts: HashMap::new() }
    }

    /// Whether an engine can compile it. If it can, then also when it is stoppable.
    pub(crate) fn fits(&mut self, tier: Tier) -> bool {
        match compile(&self.source, settings(tier, Stops::None)) {
            Ok(_) => true,
            Err(CompileError::Engine { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn artifact(&mut self, settings: Settings) -> &[u8] {
        let source = &self.source;
        self.artifacts
            .entry((settings.tier, settings.stops))
            .or_insert_with(|| compile(source, settings).unwrap().artifact)
    }

    pub(crate) fn load(&mut self, settings: Settings, adopted: Option<Vec<OwnedFd>>) -> Program {
        let artifact = self.artifact(settings);
        let bytes = artifact.len() as u64;
        Program::load(file_of(artifact), bytes, settings, LIMITS, adopted).unwrap()
    }

    /// Loads the program to continue in a state.
    pub(crate) fn reload(&mut self, settings: Settings, state: &State, memories: Vec<OwnedFd>) -> Program {
        let has_frames = match &state.frames {
            Frames::Raw { bytes, .. } => !bytes.is_empty(),
            Frames::Portable(frames) => !frames.is_empty(),
        };
        let mut program = self.load(settings, Some(memories));
        if has_frames {
            let file = continuation(&self.source, state, settings).unwrap();
            program.continue_with(file_of(&file), file.len() as u64).unwrap();
        }
        program
    }
}

/// The files of memories, for the next program.
pub(crate) fn files(memories: &[Arc<Region>]) -> Vec<OwnedFd> {
    memories.iter().map(|region| region.file().unwrap().try_clone().unwrap()).collect()
}

/// The state as another process gets it.
pub(crate) fn sent(state: &State) -> State {
    let sent = State::decode(&state.encode()).unwrap();
    assert_eq!(&sent, state);
    sent
}

/// Runs the exported function `name`, in each life with the next of `lives`, and says what it came to and how often it
/// stopped.
pub(crate) fn run(module: &mut Module, name: &str, lives: &[Settings], every: Every) -> (String, u32) {
    let mut lives = lives.iter().copied().cycle();
    let mut program = module.load(lives.next().unwrap(), None);
    let entry = program.facts().entry(Some(name)).unwrap();
    let arguments: Vec<_> = entry.function.as_ref().map(|function| arguments(&function.ty)).unwrap();
    let mut start = Start::Fresh { entry: &entry, arguments: &arguments };
    let mut calls = Log { blocks: every != Every::Never, ..Log::default() };
    let mut stops = 0;
    loop {
        let now = if stops < MAX_STOPS { every } else { Every::Never };
        calls.flag = if now == Every::Call { program.stop_flag() } else { None };
        let countdown = now.countdown(stops);
        let memories = program.memories().to_vec();
        let Finished { outcome, calls: next, .. } =
            program.run(calls, start, RunOptions { countdown }).unwrap();
        calls = next;
        let Outcome::Suspended(state) = outcome else {
            return (text(outcome, &calls, &memories), stops);
        };
        stops += 1;
        assert!(stops < 10 * MAX_STOPS, "it never ends");
        let state = sent(&state);
        program = module.reload(lives.next().unwrap(), &state, files(&memories));
        start = Start::Resume(Box::new(state));
    }
}

/// What a program came to, its memories included.
pub(crate) fn text(outcome: Outcome, calls: &Log, memories: &[Arc<Region>]) -> String {
    let mut text = match outcome {
        // Places in code are compared elsewhere: not all stoppable modules are the same.
        Outcome::Trapped { trap, detail, frames } => {
            // Not all of very many are there, and what was added has been among them.
            format!("{trap:?} {detail:?} {}\n", frames.len().min(30))
        }
        outcome => format!("{outcome:?}\n"),
    };
    text.push_str(&calls.text);
    for region in memories {
        let bytes = contents(region);
        // Memories consist of whole pages, so nothing is left over.
        let words = bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()));
        let hash = words.fold(0u64, |hash, word| (hash ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(5));
        writeln!(text, "{} bytes {hash:x}", bytes.len()).unwrap();
    }
    text
}

/// The bytes of a memory.
pub(crate) fn contents(region: &Region) -> Vec<u8> {
    let mut bytes = vec![0; region.size()];
    File::from(region.file().unwrap().try_clone().unwrap()).read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// Arguments of the types of a function's parameters.
pub(crate) fn arguments(ty: &FunctionType) -> Vec<Argument> {
    let argument = |ty: &ValueType| match ty {
        ValueType::I64 => Argument::I64(-3),
        ValueType::F32 => Argument::F32(1.5f32.to_bits()),
        ValueType::F64 => Argument::F64((-0.25f64).to_bits()),
        _ => Argument::I32(7),
    };
    ty.params.iter().map(argument).collect()
}

/// The names of the functions that can be run.
pub(crate) fn runnable(module: &mut Module, settings: Settings) -> Vec<String> {
    let program = module.load(settings, None);
    let mut names = Vec::new();
    for export in &program.facts().exports {
        // An empty name asks for the default.
        if program.facts().entry(Some(&export.name)).is_ok() && !export.name.is_empty() {
            names.push(export.name.clone());
        }
    }
    names
}

/// Checks that everything that can be run in a module does the same however it is stopped and wherever it continues, and
/// returns how often it was at most.
#[track_caller]
pub(crate) fn check(module: &mut Module) -> u32 {
    let tiers: Vec<_> = TIERS.into_iter().filter(|tier| module.fits(*tier)).collect();
    assert!(!tiers.is_empty(), "no engine can compile it");
    let all = |stops| tiers.iter().map(|tier| settings(*tier, stops)).collect::<Vec<_>>();
    let mut most = 0;
    for name in runnable(module, settings(tiers[0], Stops::Flag)) {
        let (expected, _) = run(module, &name, &[settings(tiers[0], Stops::None)], Every::Never);
        let mut plans = Vec::new();
        for tier in &tiers {
            plans.push((vec![settings(*tier, Stops::Count)], Every::Points(1)));
            plans.push((vec![settings(*tier, Stops::Flag)], Every::Call));
            plans.push((vec![settings(*tier, Stops::Count)], Every::Points(3)));
            plans.push((vec![settings(*tier, Stops::Flag)], Every::Never));
        }
        plans.push((all(Stops::Count), Every::Points(1)));
        plans.push((all(Stops::Flag), Every::Call));
        for (lives, every) in plans {
            let (found, stops) = run(module, &name, &lives, every);
            // Without stops nothing blocks, but the calls are the same.
            assert_eq!(found, expected, "{name} {every:?} {lives:?}, stopped {stops} times");
            most = most.max(stops);
        }
    }
    most
}
