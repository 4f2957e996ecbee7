//! Modules offered to be run: any bytes, any bytes behind a sound header, and with some bytes changed: generated modules, and
//! the ones that tests of `gate-instrument` have.

use std::path::Path;
use std::sync::OnceLock;

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
    if let Some((number, changes)) = data.split_first() {
        let examples = examples();
        // Few changes, as almost every one makes a module invalid.
        let changes = changes.get(..4 * usize::from(number >> 6)).unwrap_or(changes);
        judge(&changed(examples[usize::from(*number) % examples.len()].clone(), changes));
    }
    let imports = changes.first().is_some_and(|first| first % 2 == 0);
    let Ok(module) = Module::new(config(imports), &mut Unstructured::new(seed)) else { return };
    let wasm = module.to_bytes();
    if let Err(refusal) = accept::validate(&wasm, &Limits::STANDARD) {
        panic!("a valid module is refused: {refusal}");
    }
    judge(&changed(wasm, changes));
}

/// Overwrites, removes and doubles bytes of `wasm`.
fn changed(mut wasm: Vec<u8>, changes: &[u8]) -> Vec<u8> {
    for change in changes.chunks_exact(4).take(16) {
        let [high, low, how, byte] = *change else { continue };
        let Some(at) = usize::from(u16::from_be_bytes([high, low])).checked_rem(wasm.len()) else { break };
        let end = wasm.len().min(at + usize::from(byte % 16));
        match how {
            0..=0xbf => wasm[at] = byte,
            0xc0..=0xdf => drop(wasm.drain(at..end)),
            _ => wasm.extend_from_within(at..end),
        }
    }
    wasm
}

/// The modules of the tests of `gate-instrument`, accepted and refused.
fn examples() -> &'static [Vec<u8>] {
    static EXAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    EXAMPLES.get_or_init(|| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/gate-instrument/tests/golden");
        let files = directory.read_dir().expect("the source is there");
        let mut paths: Vec<_> = files.map(|file| file.expect("the directory can be read").path()).collect();
        paths.sort_unstable();
        // Some are no modules at all.
        let examples: Vec<Vec<u8>> = paths.iter().filter_map(|path| wat::parse_file(path).ok()).collect();
        assert!(examples.len() > 30, "there are {} modules", examples.len());
        examples
    })
}

/// What generated modules may use: all that is accepted. No name that they make up can be imported.
fn config(imports: bool) -> Config {
    Config {
        custom_page_sizes_enabled: false,
        exceptions_enabled: true,
        extended_const_enabled: true,
        gc_enabled: false,
        max_imports: if imports { 100 } else { 0 },
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

/// The target is worth something only if enough of what it makes is accepted.
#[test]
fn changed_examples_are_accepted_sometimes() {
    let mut prng = crate::driver::Prng::new(1);
    let changed = (0..4_000).map(|_| {
        let examples = examples();
        let changes: Vec<u8> = (0..4).map(|_| prng.byte()).collect();
        changed(examples[prng.below(examples.len())].clone(), &changes)
    });
    let accepted = changed.filter(|wasm| accept::accept(wasm, &Limits::STANDARD).is_ok()).count();
    assert!((100..3_000).contains(&accepted), "{accepted} of 4000 changed modules are accepted");
}

#[test]
fn smoke() {
    crate::driver::smoke(run, 2_000);
}
