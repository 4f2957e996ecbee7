//! Programs that are stopped and continued do what they do without.

mod breakpoints;
mod frames;
mod golden;
mod hostile;
mod machine;
mod random;
mod standalone;
mod written;

use gate_instrument::stop::Poll;
use wasmparser::{Validator, WasmFeatures};

use self::machine::{Plan, run_original, run_stopped};

/// Checks that a program does the same however often it is stopped, and returns how often it was at most.
#[track_caller]
fn check(wasm: &[u8]) -> u32 {
    let expected = run_original(wasm);
    let mut most = 0;
    let countdowns = [0, 1, 2, 7].map(|every| (Poll::Countdown, every));
    for (poll, every) in countdowns.into_iter().chain([(Poll::Store, 0), (Poll::Store, 1)]) {
        for moves in [false, true] {
            let plan = Plan { poll, every, moves };
            let (found, stops) = run_stopped(wasm, plan);
            assert_eq!(found.0, expected.0, "{plan:?}\n{}", wasmprinter::print_bytes(wasm).unwrap());
            most = most.max(stops);
        }
    }
    most
}

/// Checks that a transformed module is one that the engine accepts.
#[track_caller]
fn validate(wasm: &[u8], exceptions: bool) {
    let mut features = WasmFeatures::WASM2
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::RELAXED_SIMD;
    features.set(WasmFeatures::EXCEPTIONS, exceptions);
    // What polls atomically needs both.
    features.set(WasmFeatures::THREADS | WasmFeatures::MEMORY64, exceptions);
    if let Err(error) = Validator::new_with_features(features).validate_all(wasm) {
        let text = wasmprinter::print_bytes(wasm).unwrap_or_default();
        panic!("{error}\n{text}");
    }
}
