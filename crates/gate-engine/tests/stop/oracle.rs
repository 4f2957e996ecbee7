//! Generated modules do the same as they are, stoppable, and stopped again and again, each time continued in a new instance,
//! on the same engine and on others.
//!
//! Which modules those are follows from a seed. `cargo xtask fuzz oracle` runs others, for as long as it is told.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use gate_engine::{Stops, Tier};
use wasm_smith::{Config, MemoryOffsetChoices};

use super::machine::{Every, Module, Random, run, runnable, settings};

/// Loops and calls that a generated program makes before it traps.
const FUEL: u32 = 150;

/// How many modules are tried by default.
const MODULES: u64 = 40;

/// How many functions of each are run.
const FUNCTIONS: usize = 5;

fn config(random: &mut Random) -> Config {
    Config {
        allow_start_export: true,
        bulk_memory_enabled: true,
        canonicalize_nans: true,
        custom_page_sizes_enabled: false,
        exceptions_enabled: random.below(2) == 0,
        export_everything: true,
        extended_const_enabled: true,
        gc_enabled: false,
        max_funcs: 12,
        max_imports: 0,
        max_instructions: 300,
        max_memories: 3,
        max_memory32_bytes: 1 << 20,
        max_table_elements: 100,
        max_tables: 3,
        memory64_enabled: false,
        memory_offset_choices: MemoryOffsetChoices(30, 1, 1),
        min_funcs: 2,
        min_memories: 1,
        multi_value_enabled: true,
        reference_types_enabled: true,
        relaxed_simd_enabled: random.below(4) == 0,
        saturating_float_to_int_enabled: true,
        shared_everything_threads_enabled: false,
        sign_extension_ops_enabled: true,
        simd_enabled: random.below(2) == 0,
        tail_call_enabled: random.below(2) == 0,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

pub(crate) fn generate(random: &mut Random) -> Option<Vec<u8>> {
    let size = 2048 + random.below(6144);
    let bytes: Vec<u8> = (0..size).map(|_| random.next().to_le_bytes()[0]).collect();
    let mut module = wasm_smith::Module::new(config(random), &mut Unstructured::new(&bytes)).ok()?;
    module.ensure_termination(FUEL).ok()?;
    Some(module.to_bytes())
}

/// Checks the module that follows from a seed, and says how often it was stopped.
fn check(seed: u64) -> u32 {
    let mut random = Random::new(seed);
    let Some(wasm) = generate(&mut random) else { return 0 };
    let mut module = Module::of(wasm);
    let fast = if module.fits(Tier::Winch) { Tier::Winch } else { Tier::Pulley };
    let mut stops = 0;
    let names = runnable(&mut module, settings(Tier::Cranelift, Stops::Flag));
    for name in names.into_iter().take(FUNCTIONS) {
        let (expected, _) = run(&mut module, &name, &[settings(Tier::Cranelift, Stops::None)], Every::Never);
        let flag = |tier| settings(tier, Stops::Flag);
        let count = |tier| settings(tier, Stops::Count);
        let points = Every::Points(1 + random.below(12));
        let plans = [
            (vec![flag(Tier::Cranelift)], Every::Never),
            (vec![flag(fast)], Every::Never),
            (vec![count(Tier::Cranelift)], Every::Points(1)),
            (vec![count(Tier::Cranelift)], points),
            (vec![count(fast), count(Tier::Cranelift)], points),
        ];
        for (lives, every) in plans {
            let (found, stopped) = run(&mut module, &name, &lives, every);
            stops += stopped;
            assert!(
                found == expected,
                "{name:?} {every:?} {lives:?}, stopped {stopped} times\nexpected {expected}\nfound {found}"
            );
        }
    }
    stops
}

#[test]
fn generated_modules() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seconds = number("GATE_ORACLE_SECONDS");
    let first = number("GATE_ORACLE_SEED").unwrap_or(1);
    let started = Instant::now();
    let mut stops = 0;
    for seed in first.. {
        let enough = match seconds {
            Some(seconds) => started.elapsed() >= Duration::from_secs(seconds),
            None => seed - first == MODULES,
        };
        if enough {
            eprintln!("{} modules, stopped {stops} times", seed - first);
            break;
        }
        match catch_unwind(AssertUnwindSafe(|| check(seed))) {
            Ok(stopped) => stops += u64::from(stopped),
            Err(panic) => {
                eprintln!("the module is that of GATE_ORACLE_SEED={seed}");
                resume_unwind(panic);
            }
        }
    }
    assert!(seconds.is_some() || stops > 500, "programs were stopped {stops} times only");
}
