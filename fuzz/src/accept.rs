//! Modules offered to be run: any bytes, any bytes behind a sound header, and generated modules with some bytes changed.

use arbitrary::Unstructured;
use gate_instrument::accept::{self, Facts, Limits};
use wasm_smith::{Config, Module};

/// Offers what `data` makes to be accepted: whatever is said about it must be fit to be shown.
///
/// # Panics
/// When a valid module is refused, or what is said about a module could steer a terminal or is endless.
pub fn run(data: &[u8]) {
    judge(data);
    judge(&[b"\0asm\x01\0\0\0", data].concat());
    // How often a generated module is changed, and where, comes from the input's end, as the generator reads its start.
    let (seed, changes) = data.split_at(data.len() - data.len() / 8);
    let Ok(module) = Module::new(config(), &mut Unstructured::new(seed)) else { return };
    let mut wasm = module.to_bytes();
    if let Err(refusal) = accept::validate(&wasm, &Limits::STANDARD) {
        panic!("a valid module is refused: {refusal}");
    }
    for change in changes.chunks_exact(4) {
        if let [at, more, most, byte] = *change
            && let Some(offset) = u32::from_le_bytes([at, more, most, 0]).checked_rem(len(&wasm))
            && let Some(place) = usize::try_from(offset).ok().and_then(|offset| wasm.get_mut(offset))
        {
            *place = byte;
        }
    }
    judge(&wasm);
}

fn len(wasm: &[u8]) -> u32 {
    u32::try_from(wasm.len()).expect("generated modules are small")
}

/// What generated modules may use: all that is accepted.
fn config() -> Config {
    Config {
        custom_page_sizes_enabled: false,
        exceptions_enabled: true,
        extended_const_enabled: true,
        gc_enabled: false,
        max_memories: 4,
        max_memory32_bytes: 1 << 24,
        max_table_elements: 1_000,
        max_tables: 4,
        memory64_enabled: false,
        relaxed_simd_enabled: true,
        shared_everything_threads_enabled: false,
        tail_call_enabled: true,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

fn judge(wasm: &[u8]) {
    match accept::accept(wasm, &Limits::STANDARD) {
        Ok(facts) => enter(&facts),
        Err(refusal) => {
            let mut error: Option<&dyn std::error::Error> = Some(&refusal);
            while let Some(cause) = error {
                judge_text(&cause.to_string());
                error = cause.source();
            }
        }
    }
}

/// Asks for every export.
fn enter(facts: &Facts) {
    let names = facts.outline.exports.iter().map(|export| Some(export.name.as_str()));
    for requested in names.chain([None, Some("_start"), Some("\x1b[2J")]) {
        if let Err(error) = facts.entry(requested) {
            judge_text(&error.to_string());
        }
    }
}

fn judge_text(text: &str) {
    assert!(text.len() < 10_000, "endless: {text:?}");
    assert!(!text.chars().any(char::is_control), "unfit for a terminal: {text:?}");
}

#[test]
fn smoke() {
    crate::driver::smoke(run, 2_000);
}
