//! Which engine, and how it is set up.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::{Collector, Config, Engine, OptLevel, Strategy, WasmBacktraceDetails};

use crate::compile::Threads;
use crate::memory::{GC_HEAP_RESERVATION, GUARD_BYTES, RESERVATION_BYTES, Regions};

/// How a program is translated and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Wasmtime's optimizing compiler.
    Cranelift,
    /// Wasmtime's baseline compiler. It lacks tail calls, exceptions, relaxed SIMD and part of the reference types.
    Winch,
    /// Wasmtime's portable bytecode, made by Cranelift and interpreted.
    Pulley,
}

/// What all steps for one program must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The engine. An artifact of one is refused by the others.
    pub tier: Tier,
    /// The most stack that the program's own functions may take, in bytes. Matters when running only.
    pub stack_bytes: usize,
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
    let engine = Engine::new(&config(Settings { tier: Tier::Cranelift, stack_bytes: 0x10000 }))?;
    let mut hasher = DigestHasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    // The source of truth for everything but the processor is the build: the settings below are part of it.
    hasher.0.update(concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")));
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
    config.parallel_compilation(threads == Threads::Many);
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
        }
        Tier::Winch => {
            config.strategy(Strategy::Winch);
        }
        Tier::Pulley => {
            config.strategy(Strategy::Cranelift);
            config.target("pulley64").expect("the bytecode's target is built in");
        }
    }
    config.cranelift_opt_level(OptLevel::Speed);

    // What `gate_instrument::accept` lets through, and nothing else.
    let optional = settings.tier != Tier::Winch;
    config.wasm_tail_call(optional);
    config.wasm_exceptions(optional);
    config.wasm_relaxed_simd(optional);
    config.wasm_reference_types(true);
    config.wasm_multi_memory(true);
    config.wasm_extended_const(true);
    config.relaxed_simd_deterministic(true);
    config.wasm_threads(false);
    config.wasm_memory64(false);
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
    config.memory_may_move(false);
    // Memories are files of their own: they cannot be private copies of the artifact's data.
    config.memory_init_cow(false);
    config.gc_heap_reservation(GC_HEAP_RESERVATION as u64);
    config.gc_heap_may_move(false);

    config.generate_address_map(true);
    config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32));
    // For native debuggers and profilers only; registering it costs time at each start.
    config.native_unwind_info(false);
    config
}
