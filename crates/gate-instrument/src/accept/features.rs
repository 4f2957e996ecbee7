//! Which features of WebAssembly are accepted, and what the others are called.

use wasmparser::WasmFeatures;

/// What a module may use: WebAssembly 2.0, and what has no state that a stopped program could not carry along.
pub const ACCEPTED: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::RELAXED_SIMD);

/// What the validator knows and a module may not use, by the names that its users know it by.
///
/// A feature that rests on another one stands before it, so that the more telling name is found first.
pub(super) const REFUSED: [(WasmFeatures, &str); 12] = [
    (WasmFeatures::SHARED_EVERYTHING_THREADS, "shared-everything threads"),
    (WasmFeatures::THREADS, "threads (shared memories and atomic instructions)"),
    (WasmFeatures::CUSTOM_DESCRIPTORS, "custom descriptors"),
    (WasmFeatures::STACK_SWITCHING, "stack switching"),
    (WasmFeatures::GC, "garbage collection (struct, array and other heap types)"),
    (WasmFeatures::FUNCTION_REFERENCES, "typed function references"),
    (WasmFeatures::MEMORY64, "64-bit memories and tables (memory64)"),
    (
        WasmFeatures::LEGACY_EXCEPTIONS,
        "legacy exception handling (only the final form, with exnref, is accepted)",
    ),
    (WasmFeatures::CUSTOM_PAGE_SIZES, "custom page sizes"),
    (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic"),
    (WasmFeatures::MEMORY_CONTROL, "memory control"),
    (WasmFeatures::COMPACT_IMPORTS, "the compact import section"),
];

/// The name of a refused feature in `features`.
pub(super) fn name(features: WasmFeatures) -> Option<&'static str> {
    REFUSED.iter().find(|(feature, _)| features.contains(*feature)).map(|(_, name)| *name)
}

/// The name of a refused feature without which a module is invalid, when refused features are all that makes it so.
/// `valid` tells whether the module is valid with the given features.
///
/// This finds what the validator does not report as a missing feature by itself. It validates once for a module that is
/// simply invalid, and a dozen times at most.
pub(super) fn needed(valid: impl Fn(WasmFeatures) -> bool) -> Option<&'static str> {
    let mut features = REFUSED.iter().fold(ACCEPTED, |all, (feature, _)| all.union(*feature));
    if !valid(features) {
        return None;
    }
    for (feature, _) in REFUSED {
        let without = features.difference(feature);
        if valid(without) {
            features = without;
        }
    }
    name(features)
}

#[cfg(test)]
mod tests;
