//! Tests of the names of features.

use wasmparser::WasmFeatures;

use super::{ACCEPTED, REFUSED, name, needed};

/// A new release of the validator may know more features. Each is accepted, or refused by name.
#[test]
fn every_feature_of_modules_is_known() {
    // Of components, which are recognized by their header.
    let components = WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::CM_VALUES
        | WasmFeatures::CM_NESTED_NAMES
        | WasmFeatures::CM_ASYNC
        | WasmFeatures::CM_ASYNC_STACKFUL
        | WasmFeatures::CM_MORE_ASYNC_BUILTINS
        | WasmFeatures::CM_THREADING
        | WasmFeatures::CM_ERROR_CONTEXT
        | WasmFeatures::CM_FIXED_LENGTH_LISTS
        | WasmFeatures::CM_GC
        | WasmFeatures::CM_MAP
        | WasmFeatures::CM64
        | WasmFeatures::CM_IMPLEMENTS
        | WasmFeatures::CM_CANON_NAMES;
    let refused = REFUSED.iter().fold(WasmFeatures::empty(), |all, (feature, _)| all | *feature);
    assert_eq!(ACCEPTED & refused, WasmFeatures::empty());
    assert_eq!(WasmFeatures::all() - components - ACCEPTED - refused, WasmFeatures::empty());
}

#[test]
fn names() {
    assert_eq!(name(WasmFeatures::GC), Some("garbage collection (struct, array and other heap types)"));
    assert_eq!(name(WasmFeatures::SIMD), None);
}

#[test]
fn the_needed_feature_is_found() {
    for (feature, expect) in REFUSED {
        assert_eq!(needed(|features| features.contains(feature)), Some(expect));
    }
    assert_eq!(needed(|_| false), None);
    // Either will do: the first one is given up first.
    let either =
        |features: WasmFeatures| features.intersects(WasmFeatures::GC | WasmFeatures::FUNCTION_REFERENCES);
    assert_eq!(needed(either), Some("typed function references"));
    // Both are needed: the first one is named.
    let both = |features: WasmFeatures| features.contains(WasmFeatures::THREADS | WasmFeatures::MEMORY64);
    assert_eq!(needed(both), Some("threads (shared memories and atomic instructions)"));
}
