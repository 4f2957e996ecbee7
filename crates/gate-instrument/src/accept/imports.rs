//! Resolves what a module imports.

use gate_abi::import::{self, Function, Personality, UnknownImport, ValType, WasiFunction};

use super::facts::Facts;
use super::outline::{Import, Kind, Outline};
use super::refusal::Refusal;
use super::types::{FunctionType, ValueType};
use crate::quote;

/// Why an import cannot be satisfied.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum ImportError {
    /// The names mean nothing, or nothing to the module's personality.
    #[error(transparent)]
    Unknown(#[from] UnknownImport),
    /// Only functions can be imported.
    #[error(
        "{} of module {} is imported as a {kind}, and only functions can be imported",
        quote::name(field),
        quote::name(module)
    )]
    NotFunction { module: String, field: String, kind: &'static str },
    /// The function has another type.
    #[error("function {name} is imported with type {found}, and its type is {expected}")]
    Type { name: &'static str, found: FunctionType, expected: gate_abi::import::Signature },
}

/// Resolves the imports of a valid module.
pub(super) fn resolve(outline: Outline) -> Result<Facts, Refusal> {
    let names = outline.imports.iter().map(|import| (import.module.as_str(), import.field.as_str()));
    let personality = Personality::of(names);
    let mut imported = Vec::with_capacity(outline.imports.len());
    for (index, import) in outline.imports.iter().enumerate() {
        let function = resolve_one(personality, import).map_err(|source| Refusal::Import {
            index,
            offset: import.offset,
            source,
        })?;
        imported.push(function);
    }
    let memory = memory(&outline, personality);
    if memory.is_none()
        && let Some(function) = imported.iter().find(|function| uses_memory(**function))
    {
        return Err(Refusal::NoMemory { function: function.name() });
    }
    Ok(Facts { outline, personality, imported, memory })
}

fn resolve_one(personality: Personality, import: &Import) -> Result<Function, ImportError> {
    let Kind::Function(ty) = &import.kind else {
        return Err(ImportError::NotFunction {
            module: import.module.clone(),
            field: import.field.clone(),
            kind: import.kind.name(),
        });
    };
    let function = import::resolve(personality, &import.module, &import.field)?;
    function.typed(ty.params.iter().map(abi_type), ty.results.iter().map(abi_type)).ok_or_else(|| {
        let (name, found) = (function.name(), ty.clone());
        ImportError::Type { name, found, expected: function.signature() }
    })
}

const fn abi_type(ty: &ValueType) -> Option<ValType> {
    match ty {
        ValueType::I32 => Some(ValType::I32),
        ValueType::I64 => Some(ValType::I64),
        ValueType::F32
        | ValueType::F64
        | ValueType::V128
        | ValueType::FuncRef
        | ValueType::ExternRef
        | ValueType::ExnRef => None,
    }
}

/// The memory that imported functions read and write.
fn memory(outline: &Outline, personality: Personality) -> Option<u32> {
    let exported = match personality {
        Personality::Wasi => {
            outline.exports.iter().find(|export| export.name == "memory" && export.kind == Kind::Memory)
        }
        Personality::Gate => None,
    };
    match exported {
        Some(export) => Some(export.index),
        None => (!outline.memories.is_empty()).then_some(0),
    }
}

/// Whether a function takes pointers.
const fn uses_memory(function: Function) -> bool {
    match function {
        Function::GateFd => false,
        Function::GateIo | Function::GateIoNoFlags => true,
        Function::Wasi(function) => !matches!(
            function,
            WasiFunction::FdAdvise
                | WasiFunction::FdAllocate
                | WasiFunction::FdClose
                | WasiFunction::FdDatasync
                | WasiFunction::FdFdstatSetFlags
                | WasiFunction::FdFdstatSetRights
                | WasiFunction::FdFilestatSetSize
                | WasiFunction::FdFilestatSetTimes
                | WasiFunction::FdRenumber
                | WasiFunction::FdSync
                | WasiFunction::ProcExit
                | WasiFunction::ProcRaise
                | WasiFunction::SchedYield
                | WasiFunction::SockShutdown
        ),
    }
}
