//! Modules that nobody has written do the same in one go and stopped at each stop point, each second, each seventh.

use arbitrary::Unstructured;
use gate_instrument::accept::{Kind, Limits, validate};
use gate_snapshot::Entry;

use crate::machine::{World, run};

/// How many modules are tried.
const MODULES: u64 = 2000;

/// How many stop points each may pass.
const BUDGET: u64 = 2000;

/// Numbers that look arbitrary.
struct Random(u64);

impl Random {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let mixed = (self.0 ^ (self.0 >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bytes.extend((mixed ^ (mixed >> 32)).to_le_bytes());
        }
        bytes
    }
}

fn config() -> wasm_smith::Config {
    wasm_smith::Config {
        allow_start_export: true,
        bulk_memory_enabled: true,
        canonicalize_nans: true,
        custom_descriptors_enabled: false,
        custom_page_sizes_enabled: false,
        disallow_traps: false,
        exceptions_enabled: true,
        export_everything: true,
        extended_const_enabled: true,
        gc_enabled: false,
        max_imports: 0,
        max_memories: 2,
        max_memory32_bytes: 4 << 16,
        max_table_elements: 1000,
        memory64_enabled: false,
        memory_max_size_required: true,
        min_funcs: 2,
        multi_value_enabled: true,
        reference_types_enabled: true,
        relaxed_simd_enabled: true,
        saturating_float_to_int_enabled: true,
        shared_everything_threads_enabled: false,
        sign_extension_ops_enabled: true,
        simd_enabled: true,
        table_max_size_required: true,
        tail_call_enabled: true,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..wasm_smith::Config::default()
    }
}

#[test]
fn stopping_changes_nothing() {
    let (mut tried, mut stopped) = (0, 0);
    for seed in 0..MODULES {
        let bytes = Random(seed).bytes(4096);
        let mut u = Unstructured::new(&bytes);
        let Ok(module) = wasm_smith::Module::new(config(), &mut u) else { continue };
        let wasm = module.to_bytes();
        let Ok(outline) = validate(&wasm, &Limits::STANDARD) else { continue };
        let functions = outline.exports.iter().filter_map(|export| match &export.kind {
            Kind::Function(ty) if ty.params.is_empty() => Some(export.index),
            _ => None,
        });
        for function in functions.take(3) {
            tried += 1;
            let entry = || Entry { initialize: None, function: Some(function), arguments: Vec::new() };
            let world = || World { budget: Some(BUDGET), ..World::default() };
            let (end, _) = run(&wasm, entry(), None, world());
            if end.outcome == gate_interpreter::Outcome::Stopped(gate_abi::host::Stop::Interrupted) {
                // It would not have ended.
                continue;
            }
            for every in [1, 2, 7] {
                let (stopping, stops) = run(&wasm, entry(), Some(every), world());
                stopped += stops;
                assert_eq!(
                    (&stopping.outcome, &stopping.state, &stopping.memories),
                    (&end.outcome, &end.state, &end.memories),
                    "seed {seed}, function {function}, every {every}"
                );
            }
        }
    }
    assert!(tried > 100, "only {tried} functions were called");
    assert!(stopped > 1000, "programs were stopped {stopped} times only");
}
