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
const MODULES: u64 = 60;

/// How many functions of each are run.
const FUNCTIONS: usize = 2;

/// One in so many modules is stopped at every stop point from the first on. The others are stopped a few times somewhere: a stop
/// costs much more than a module, and what goes wrong at one of them goes wrong in another module, too.
const THOROUGH: u64 = 10;

/// At every so many stop points they are stopped.
const STEPS: [u64; 4] = [1, 2, 7, 100];

/// The binary logarithm of the last stop point at which they are stopped first.
const FIRST: u64 = 7;

/// After how many modules a long run says how far it is.
const PROGRESS: u64 = 1000;

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
        // Functions have the bytes that these leave.
        max_data_segments: 6,
        max_elements: 6,
        max_funcs: random.choose([4, 6, 8, 11]),
        max_globals: 12,
        max_imports: 0,
        max_instructions: 300,
        max_memories: 3,
        max_memory32_bytes: 1 << 20,
        max_table_elements: 100,
        max_tables: 3,
        max_tags: 4,
        max_types: 12,
        memory64_enabled: false,
        memory_offset_choices: MemoryOffsetChoices(30, 1, 1),
        min_funcs: 4,
        min_memories: 1,
        min_types: 4,
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
    // Many small ones and some large ones find more than as many instructions in modules of one size.
    let size = 512 << random.below(5);
    let bytes: Vec<u8> = (0..size).map(|_| random.next().to_le_bytes()[0]).collect();
    let mut module = wasm_smith::Module::new(config(random), &mut Unstructured::new(&bytes)).ok()?;
    module.ensure_termination(FUEL).ok()?;
    Some(module.to_bytes())
}

/// Checks the module that follows from a seed, and says how often it was stopped. `None` if no module does, or one that
/// has nothing to run.
fn check(seed: u64) -> Option<u32> {
    let mut random = Random::new(seed);
    let wasm = generate(&mut random)?;
    let mut module = Module::of(wasm);
    let fast = if module.fits(Tier::Winch) { Tier::Winch } else { Tier::Pulley };
    let mut stops = 0;
    let names = runnable(&mut module, settings(Tier::Cranelift, Stops::Flag));
    if names.is_empty() {
        return None;
    }
    let thorough = seed.is_multiple_of(THOROUGH);
    for name in names.into_iter().take(FUNCTIONS) {
        let (expected, _) = run(&mut module, &name, &[settings(Tier::Cranelift, Stops::None)], Every::Never);
        let flag = |tier| settings(tier, Stops::Flag);
        let count = |tier| settings(tier, Stops::Count);
        let tiers = [Tier::Cranelift, fast, Tier::Interpreter];
        let mut plans: Vec<_> = tiers.map(|tier| (vec![flag(tier)], Every::Never)).into();
        if thorough {
            plans.extend(STEPS.map(|step| (vec![count(Tier::Cranelift)], Every::Points(step))));
        }
        let moves = [
            (vec![count(Tier::Cranelift)], 6),
            (vec![count(fast), count(Tier::Cranelift)], 4),
            (vec![count(Tier::Interpreter), count(Tier::Cranelift)], 4),
            (vec![count(Tier::Interpreter)], 50),
        ];
        for (lives, most) in moves {
            let points = random.choose(STEPS);
            let last = 1 << random.below(FIRST);
            let first = 1 + random.below(last);
            plans.push((lives, Every::Window { first, points, stops: most }));
        }
        for (lives, every) in plans {
            let (found, stopped) = run(&mut module, &name, &lives, every);
            stops += stopped;
            assert!(
                found == expected,
                "{name:?} {every:?} {lives:?}, stopped {stopped} times\nexpected {expected}\nfound {found}"
            );
        }
    }
    Some(stops)
}

#[test]
fn generated_modules() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seconds = number("GATE_ORACLE_SECONDS");
    let first = number("GATE_ORACLE_SEED").unwrap_or(1);
    let started = Instant::now();
    let (mut modules, mut stops) = (0, 0);
    for seed in first.. {
        let enough = match seconds {
            Some(seconds) => started.elapsed() >= Duration::from_secs(seconds),
            None => seed - first == MODULES,
        };
        if enough {
            eprintln!("{modules} modules, stopped {stops} times");
            break;
        }
        if (seed - first) % PROGRESS == PROGRESS - 1 {
            eprintln!("{modules} modules up to seed {seed}, stopped {stops} times");
        }
        match catch_unwind(AssertUnwindSafe(|| check(seed))) {
            Ok(stopped) => {
                modules += u64::from(stopped.is_some());
                stops += u64::from(stopped.unwrap_or_default());
            }
            Err(panic) => {
                eprintln!("the module is that of GATE_ORACLE_SEED={seed}");
                resume_unwind(panic);
            }
        }
    }
    assert!(seconds.is_some() || stops > 200, "programs were stopped {stops} times only");
}
