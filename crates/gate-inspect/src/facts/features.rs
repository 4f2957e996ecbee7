//! Which features of WebAssembly code uses.

use wasmparser::Operator;

/// The names of the proposals that instructions came with, for people. Those of the first version of WebAssembly have none.
const NAMES: [(&str, &str); 17] = [
    ("bulk_memory", "bulk memory"),
    ("custom_descriptors", "custom descriptors"),
    ("exceptions", "exceptions"),
    ("function_references", "typed function references"),
    ("gc", "garbage collection"),
    ("legacy_exceptions", "legacy exceptions"),
    ("memory_control", "memory control"),
    ("reference_types", "reference types"),
    ("relaxed_simd", "relaxed SIMD"),
    ("saturating_float_to_int", "saturating conversions"),
    ("shared_everything_threads", "shared-everything threads"),
    ("sign_extension", "sign extension"),
    ("simd", "SIMD"),
    ("stack_switching", "stack switching"),
    ("tail_call", "tail calls"),
    ("threads", "threads"),
    ("wide_arithmetic", "wide arithmetic"),
];

/// The name of the feature that an instruction belongs to.
pub(super) fn of(operator: &Operator<'_>) -> Option<&'static str> {
    macro_rules! proposal {
        ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
            match operator {
                $(Operator::$op { .. } => stringify!($proposal),)*
                _ => "",
            }
        };
    }
    let proposal: &str = wasmparser::for_each_operator!(proposal);
    NAMES.iter().find(|(known, _)| *known == proposal).map(|(_, name)| *name)
}
