//! Random modules and random bytes.

use arbitrary::Unstructured;
use gate_instrument::accept::{Limits, Refusal, accept, validate};
use proptest::prelude::*;
use wasm_smith::{Config, Module};

/// The accepted features, all of them.
fn config() -> Config {
    Config {
        bulk_memory_enabled: true,
        custom_page_sizes_enabled: false,
        exceptions_enabled: true,
        extended_const_enabled: true,
        gc_enabled: false,
        max_memories: 4,
        max_memory32_bytes: 1 << 24,
        max_tables: 4,
        max_table_elements: 1_000,
        memory64_enabled: false,
        min_funcs: 1,
        multi_value_enabled: true,
        reference_types_enabled: true,
        relaxed_simd_enabled: true,
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
    Module::new(config, &mut Unstructured::new(seed)).ok().map(|module| module.to_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn generated_modules_are_accepted(seed in prop::collection::vec(any::<u8>(), 0..4096)) {
        if let Some(wasm) = generate(config(), &seed) {
            validate(&wasm, &Limits::STANDARD).unwrap();
        }
    }

    /// Without imports, they are programs.
    #[test]
    fn generated_programs_have_entries(seed in prop::collection::vec(any::<u8>(), 0..4096)) {
        let config = Config { max_imports: 0, export_everything: true, ..config() };
        if let Some(wasm) = generate(config, &seed) {
            let facts = accept(&wasm, &Limits::STANDARD).unwrap();
            // An empty name asks for no function in particular.
            for export in facts.outline.exports.iter().filter(|export| !export.name.is_empty()) {
                if let Ok(entry) = facts.entry(Some(&export.name)) {
                    prop_assert_eq!(entry.function.map(|function| function.index), Some(export.index));
                }
            }
        }
    }

    #[test]
    fn mutated_modules_never_panic(
        seed in prop::collection::vec(any::<u8>(), 64..2048),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        if let Some(mut wasm) = generate(config(), &seed) {
            for (position, byte) in changes {
                let position = position.index(wasm.len());
                wasm[position] = byte;
            }
            check(&wasm);
        }
    }

    #[test]
    fn bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..256),
        header in any::<bool>(),
    ) {
        let mut wasm = if header { b"\0asm\x01\0\0\0".to_vec() } else { Vec::new() };
        wasm.extend_from_slice(&bytes);
        check(&wasm);
    }
}

/// Whatever is said about `wasm` is short and cannot steer a terminal.
fn check(wasm: &[u8]) {
    match accept(wasm, &Limits::STANDARD) {
        Ok(facts) => {
            if let Err(error) = facts.entry(Some("\u{1b}[31m")) {
                check_text(&error.to_string());
            }
        }
        Err(refusal) => {
            check_text(&refusal.to_string());
            if let Refusal::Import { source, .. } = refusal {
                check_text(&source.to_string());
            }
        }
    }
}

fn check_text(text: &str) {
    assert!(text.len() < 4_000, "{text}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
}
