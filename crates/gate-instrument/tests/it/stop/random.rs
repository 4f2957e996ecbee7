//! Random modules.

use arbitrary::Unstructured;
use gate_instrument::stop::{Poll, Program};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use wasm_smith::{Config, Module};

use super::breakpoints::{check_breakpoints, instructions};
use super::standalone::check_standalone;
use super::{check, machine, validate};

/// What is enough for generated functions to do something. They trap when it is used up.
const FUEL: u32 = 120;

fn config() -> Config {
    Config {
        allow_start_export: true,
        bulk_memory_enabled: true,
        canonicalize_nans: true,
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        export_everything: true,
        extended_const_enabled: true,
        gc_enabled: false,
        max_imports: 2,
        max_memories: 3,
        max_memory32_bytes: 1 << 20,
        max_tables: 3,
        max_table_elements: 100,
        max_instructions: 300,
        memory64_enabled: false,
        memory_offset_choices: wasm_smith::MemoryOffsetChoices(30, 1, 1),
        min_funcs: 2,
        max_funcs: 12,
        multi_value_enabled: true,
        reference_types_enabled: true,
        relaxed_simd_enabled: false,
        saturating_float_to_int_enabled: true,
        shared_everything_threads_enabled: false,
        sign_extension_ops_enabled: true,
        simd_enabled: true,
        tail_call_enabled: true,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

fn generate(config: Config, seed: &[u8]) -> Option<Vec<u8>> {
    let mut module = Module::new(config, &mut Unstructured::new(seed)).ok()?;
    module.ensure_termination(FUEL).ok()?;
    Some(module.to_bytes())
}

proptest! {
    // The same modules each time: the interpreter has bugs of its own, and some module would find one.
    #![proptest_config(ProptestConfig { cases: 100, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn stopped_programs_do_the_same(seed in prop::collection::vec(any::<u8>(), 2048..8192)) {
        // The interpreter dies of `v128.store8_lane`. Vectors are among what is written in `tests/stop`.
        let config = Config { simd_enabled: false, ..config() };
        if let Some(wasm) = generate(config, &seed)
            && machine::can_link(&wasm)
        {
            check(&wasm);
        }
    }

    /// Of programs with exceptions, only whether what comes out is valid.
    #[test]
    fn all_transformed_modules_are_valid(seed in prop::collection::vec(any::<u8>(), 0..8192)) {
        let config = Config { exceptions_enabled: true, relaxed_simd_enabled: true, ..config() };
        if let Some(wasm) = generate(config, &seed) {
            for poll in [Poll::Atomic, Poll::Store, Poll::Countdown] {
                let program = Program::new(&wasm, &machine::config(poll)).unwrap();
                validate(&program.instrument().unwrap().wasm, true);
                let functions = 0..program.functions();
                let sites: Vec<_> =
                    functions.flat_map(|function| program.sites(function).unwrap()).map(|site| site.id).collect();
                validate(&program.continuations(&sites).unwrap().wasm, true);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, rng_seed: RngSeed::Fixed(2), ..ProptestConfig::default() })]

    #[test]
    fn programs_stopped_at_breakpoints_do_the_same(
        seed in prop::collection::vec(any::<u8>(), 1024..4096),
        some in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
        others in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
    ) {
        let config = Config { simd_enabled: false, ..config() };
        if let Some(wasm) = generate(config, &seed)
            && machine::can_link(&wasm)
        {
            let all = instructions(&wasm).concat();
            let pick = |indices: &[prop::sample::Index]| -> Vec<u32> {
                indices.iter().filter(|_| !all.is_empty()).map(|index| *index.get(&all)).collect()
            };
            check_breakpoints(&wasm, &pick(&some), &pick(&others));
        }
    }

    #[test]
    fn programs_that_go_on_alone_do_the_same(
        seed in prop::collection::vec(any::<u8>(), 2048..8192),
        stops in prop::collection::vec(1i64..40, 6),
    ) {
        let config = Config { simd_enabled: false, ..config() };
        if let Some(wasm) = generate(config, &seed)
            && machine::can_link(&wasm)
        {
            for stop in stops {
                check_standalone(&wasm, stop, &[]);
            }
        }
    }
}
