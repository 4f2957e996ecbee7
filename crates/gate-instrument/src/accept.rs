//! Accepts a module or says why not.
//!
//! Accepted are WebAssembly 2.0 (mutable globals, sign extension, saturating conversions, multiple values, bulk memory,
//! reference types, SIMD), tail calls, extended constant expressions, multiple memories, exceptions in their final form
//! with `exnref`, and relaxed SIMD, for which the engine is configured to be deterministic.
//!
//! Refused by name are threads and shared-everything threads, garbage collection, typed function references, custom
//! descriptors, 64-bit memories and tables, stack switching, legacy exceptions, custom page sizes, wide arithmetic, memory
//! control, the compact import section, and components.
//!
//! A module of any size and content gets its answer in time and memory proportional to its size.

mod entry;
mod facts;
mod features;
mod imports;
mod limits;
mod outline;
mod refusal;
mod sniff;
mod types;
mod walk;

pub use self::entry::{Entry, EntryError, EntryFunction, Runnable};
pub use self::facts::Facts;
pub use self::features::ACCEPTED;
pub use self::imports::ImportError;
pub use self::limits::Limits;
pub use self::outline::{Export, Import, Kind, Memory, Outline, Table};
pub use self::refusal::{Function, Refusal, What};
pub use self::sniff::NotWasm;
pub use self::types::{FunctionType, ValueType};

use self::walk::{Fault, FaultKind};

/// Decides whether `wasm` may be compiled and run as a program, and describes it.
///
/// # Errors
/// [`Refusal`] as of [`validate`]; also when the module imports what does not exist, or functions that use a memory
/// without having one.
pub fn accept(wasm: &[u8], limits: &Limits) -> Result<Facts, Refusal> {
    let outline = validate(wasm, limits)?;
    imports::resolve(outline)
}

/// Decides whether `wasm` is a valid module of the accepted features within `limits`, whatever it imports.
///
/// # Errors
/// [`Refusal`] when it is no module, or invalid, or needs a feature that is not accepted, or exceeds a limit.
pub fn validate(wasm: &[u8], limits: &Limits) -> Result<Outline, Refusal> {
    // Before anything else looks at the bytes.
    let found = u64::try_from(wasm.len()).unwrap_or(u64::MAX);
    if found > limits.module_bytes {
        return Err(Refusal::Limit {
            what: What::ModuleBytes,
            found,
            limit: limits.module_bytes,
            offset: 0,
            function: None,
        });
    }
    if let Some(found) = NotWasm::detect(wasm) {
        return Err(Refusal::NotWasm { found });
    }
    match walk::walk(wasm, limits, ACCEPTED) {
        Ok(notes) => Ok(Outline::from_notes(&notes)),
        Err(fault) => Err(refusal(wasm, fault)),
    }
}

/// What is wrong with `wasm`, which was refused with `fault`.
fn refusal(wasm: &[u8], fault: Fault) -> Refusal {
    let function = fault.function.map(|index| Function { index, name: walk::function_name(wasm, index) });
    match fault.kind {
        FaultKind::Limit { what, found, limit, offset } => {
            Refusal::Limit { what, found, limit, offset, function }
        }
        FaultKind::Claim { count, bytes, offset } => Refusal::Invalid {
            message: format!("section claims to have {count} entries in {bytes} bytes"),
            offset,
            function,
        },
        FaultKind::Feature { feature, offset } => {
            let feature = features::name(feature).expect("only refused features are not validated with");
            Refusal::Feature { feature, offset, function }
        }
        FaultKind::Invalid(error) => {
            let valid = |features| walk::walk(wasm, &Limits::NONE, features).is_ok();
            let reported = error.missing_wasm_feature().and_then(features::name);
            match reported.or_else(|| features::needed(valid)) {
                Some(feature) => Refusal::Feature { feature, offset: error.offset(), function },
                None => Refusal::invalid(&error, function),
            }
        }
    }
}
