//! Which engine, and how it is set up.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use gate_abi::import::{self, Function, Personality};
use gate_instrument::stop::Poll;
use sha2::{Digest, Sha256};
use wasmtime::{Collector, Config, Engine, OptLevel, RegallocAlgorithm, Strategy, WasmBacktraceDetails};

use crate::compile::{self, Threads};
use crate::memory::{GC_HEAP_RESERVATION, GUARD_BYTES, RESERVATION_BYTES, Regions, WASM_PAGE_BYTES};

/// How a program is translated and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Wasmtime's optimizing compiler.
    Cranelift,
    /// Wasmtime's baseline compiler. It lacks tail calls, exceptions, relaxed SIMD and part of the reference types.
    Winch,
    /// Wasmtime's portable bytecode, made by Cranelift and interpreted.
    Pulley,
    /// Nothing is compiled: the module itself is interpreted. It starts at once, and is much slower than the others.
    Interpreter,
}

/// Whether and how a program can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stops {
    /// Not at all: it is compiled as it is. For measuring what the others cost.
    None,
    /// At any moment, with [`StopFlag::request`](crate::StopFlag::request).
    Flag,
    /// When it has passed a number of stop points: [`RunOptions::countdown`](crate::RunOptions::countdown). It makes runs
    /// reproducible.
    Count,
}

/// What all steps for one program must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The engine. An artifact of one is refused by the others.
    pub tier: Tier,
    /// Whether and how the program can be stopped. An artifact that was made with another choice is refused.
    pub stops: Stops,
    /// The most stack that the program's own functions may take, in bytes, up to [`MAX_STACK_BYTES`]. Matters when running
    /// only.
    pub stack_bytes: usize,
}

/// The most stack that a program can have. The control memory, which is the same for all, has room for what a stack of
/// this size can hold.
pub const MAX_STACK_BYTES: usize = 64 << 20;

/// The size of the control memory in pages. A saved value takes no more room than in a native frame, unless the compiler
/// found out that it is a constant; twice the stack is more than any compiled program has been seen to need. What a program
/// does not use is never touched.
pub(crate) const CONTROL_PAGES: u32 = 2 * 1024 + 1;
const _: () = assert!(CONTROL_PAGES as usize == control_bytes(MAX_STACK_BYTES) / WASM_PAGE_BYTES);

/// How many bytes of private memory a program with this much stack needs for the state of its calls, if it can be stopped.
/// Little of it is touched before it is.
#[must_use]
pub const fn control_bytes(stack_bytes: usize) -> usize {
    stack_bytes.saturating_mul(2).saturating_add(WASM_PAGE_BYTES)
}

/// How much stack the functions of a program that continues may take which had `stack_bytes` when it was new.
///
/// A function that continues somewhere in its middle is larger than the original, and its frame can be: the smallest ones, of
/// functions that do little but call themselves, become more than twice as large. Whatever was on the stack must fit again.
/// The program can use what is left of the surplus, but it does not add up: it is the same however often a program continues.
#[must_use]
pub const fn resumed_stack_bytes(stack_bytes: usize) -> usize {
    stack_bytes.saturating_mul(3).saturating_add(WASM_PAGE_BYTES)
}

impl Settings {
    /// How the program finds out that it shall stop, if it can.
    pub(crate) fn poll(self) -> Option<Poll> {
        match (self.stops, self.tier) {
            (Stops::None, _) => None,
            (Stops::Count, _) => Some(Poll::Countdown),
            (Stops::Flag, Tier::Cranelift) => Some(Poll::Atomic),
            // Winch has no atomic instructions, nor has the bytecode.
            (Stops::Flag, Tier::Winch | Tier::Pulley) => Some(Poll::Store),
            // It has no need of any, and finds the same stop points.
            (Stops::Flag, Tier::Interpreter) => Some(Poll::Store),
        }
    }

    /// How many memories the program gets besides its own, if it can be stopped. They are all the control memory.
    pub(crate) fn control_memories(self) -> usize {
        match self.poll() {
            None => 0,
            Some(Poll::Store | Poll::Countdown) => 1,
            Some(Poll::Atomic) => 2,
        }
    }

    /// How it is transformed.
    pub(crate) fn transform(poll: Poll, breakpoints: &[u32]) -> gate_instrument::stop::Config<'_> {
        gate_instrument::stop::Config {
            poll,
            control_pages: CONTROL_PAGES,
            may_block: &may_block,
            breakpoints,
        }
    }
}

/// How programs are made stoppable, for those who look at their frames: these are the same whatever stops a program.
#[must_use]
pub fn transform() -> gate_instrument::stop::Config<'static> {
    Settings::transform(Poll::Store, &[])
}

/// Whether a call of the imported function with these names may block.
fn may_block(module: &str, field: &str) -> bool {
    // Who the program is makes no difference: a function that both have does the same.
    [Personality::Gate, Personality::Wasi]
        .into_iter()
        .any(|personality| import::resolve(personality, module, field).is_ok_and(Function::may_block))
}

/// Why this host cannot have an engine with these settings.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the engine")]
pub struct ConfigError {
    #[from]
    source: wasmtime::Error,
}

/// Bytes that differ whenever artifacts of one engine might not run on another: they cover the engine's version, the
/// processor's features, and every setting that the compiled code depends on.
///
/// # Errors
/// [`ConfigError`] when this processor lacks something that the engine needs.
pub fn fingerprint() -> Result<Vec<u8>, ConfigError> {
    let engine =
        Engine::new(&config(Settings { tier: Tier::Cranelift, stops: Stops::Flag, stack_bytes: 0x10000 }))?;
    let mut hasher = DigestHasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    // The source of truth for everything but the processor is the build: the settings below are part of it, and how programs
    // are made stoppable.
    hasher.0.update(concat!(env!("CARGO_PKG_NAME"), " ", env!("GATE_ENGINE_SOURCES")));
    Ok(hasher.0.finalize().to_vec())
}

/// A `Hasher` that keeps everything it is fed.
struct DigestHasher(Sha256);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

/// An engine that runs programs, with these memories.
pub(crate) fn engine(settings: Settings, regions: Arc<Regions>) -> Result<Engine, ConfigError> {
    let mut config = config(settings);
    config.with_host_memory(regions);
    Ok(Engine::new(&config)?)
}

/// An engine that compiles.
pub(crate) fn compiling_engine(settings: Settings, threads: Threads) -> Result<Engine, ConfigError> {
    let mut config = config(settings);
    config.parallel_compilation(threads != Threads::Own);
    if threads == Threads::Many {
        compile::make_threads();
    }
    Ok(Engine::new(&config)?)
}

/// How the engine is set up, apart from where linear memories come from: for tests that look at the engine itself.
#[must_use]
pub fn engine_config(settings: Settings) -> Config {
    config(settings)
}

fn config(settings: Settings) -> Config {
    let mut config = Config::new();
    match settings.tier {
        Tier::Cranelift => {
            config.strategy(Strategy::Cranelift);
            config.cranelift_opt_level(OptLevel::Speed);
        }
        Tier::Winch => {
            config.strategy(Strategy::Winch);
            // Cranelift makes what leads from the host's functions into the program's: one short piece for each function that can
            // be referred to. Winch looks at neither setting.
            config.cranelift_opt_level(OptLevel::None);
            config.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
        }
        // What is interpreted needs no engine, and gets one only where somebody looks at what engines can do.
        Tier::Interpreter => {}
        Tier::Pulley => {
            config.strategy(Strategy::Cranelift);
            config.target("pulley64").expect("the bytecode's target is built in");
            config.cranelift_opt_level(OptLevel::Speed);
        }
    }

    // What `gate_instrument::accept` lets through, and nothing else.
    let optional = settings.tier != Tier::Winch;
    config.wasm_tail_call(optional);
    config.wasm_exceptions(optional);
    config.wasm_relaxed_simd(optional);
    config.wasm_reference_types(true);
    config.wasm_multi_memory(true);
    config.wasm_extended_const(true);
    config.relaxed_simd_deterministic(true);
    // For one instruction, an atomic load that no optimization removes. What is accepted has none of its own.
    let polls = settings.poll() == Some(Poll::Atomic);
    config.wasm_threads(polls);
    // Only a memory with 64-bit addresses is one that may move: the reservation covers all that others can have.
    config.wasm_memory64(polls);
    config.memory_may_move(polls);
    // Stop points have hints, without which their code is laid out in the way of the program's.
    config.wasm_branch_hinting(settings.tier != Tier::Winch);
    config.wasm_function_references(false);
    config.wasm_gc(false);
    // Exception packages are objects on the collector's heap.
    config.gc_support(optional);
    config.collector(Collector::DeferredReferenceCounting);

    config.max_wasm_stack(settings.stack_bytes);
    // Stacks of this size are never made, but the engine refuses a configuration in which they would be smaller.
    config.async_stack_size(settings.stack_bytes);
    // The whole index space is reserved, so that most bounds checks are the processor's.
    config.memory_reservation(RESERVATION_BYTES as u64);
    config.memory_guard_size(GUARD_BYTES as u64);
    // Memories are files of their own: they cannot be private copies of the artifact's data.
    config.memory_init_cow(false);
    config.gc_heap_reservation(GC_HEAP_RESERVATION as u64);
    config.gc_heap_may_move(false);

    config.generate_address_map(true);
    // Names and lines are found out elsewhere, by those who have the original module.
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32));
    // For native debuggers and profilers only; registering it costs time at each start.
    config.native_unwind_info(false);
    config
}
