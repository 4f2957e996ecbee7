//! Types of values: conversions, and what is emitted for each.

use wasm_encoder::{AbstractHeapType as AbstractHeap, HeapType, Instruction, MemArg, RefType, ValType};
use wasmparser::{AbstractHeapType, HeapType as ParsedHeapType, RefType as ParsedRefType};

use crate::accept::{FunctionType, ValueType};

/// What exceptions are of.
const EXN: HeapType = HeapType::Abstract { shared: false, ty: AbstractHeap::Exn };

/// The type of a validated value.
///
/// A reference whose type tells more than its kind, as that of a function known by `ref.func`, is one of its kind: no
/// accepted instruction needs to know more, and null is a value that locals of such a type can start with.
pub(super) fn value_type(ty: wasmparser::ValType) -> ValueType {
    match ty {
        wasmparser::ValType::I32 => ValueType::I32,
        wasmparser::ValType::I64 => ValueType::I64,
        wasmparser::ValType::F32 => ValueType::F32,
        wasmparser::ValType::F64 => ValueType::F64,
        wasmparser::ValType::V128 => ValueType::V128,
        wasmparser::ValType::Ref(ty) => reference_type(ty),
    }
}

/// The type of a validated reference.
pub(super) fn reference_type(ty: ParsedRefType) -> ValueType {
    match ty.heap_type() {
        ParsedHeapType::Abstract { ty: AbstractHeapType::Extern | AbstractHeapType::NoExtern, .. } => {
            ValueType::ExternRef
        }
        ParsedHeapType::Abstract { ty: AbstractHeapType::Exn | AbstractHeapType::NoExn, .. } => {
            ValueType::ExnRef
        }
        // Concrete types are types of functions as long as there are no other types.
        ParsedHeapType::Abstract { .. } | ParsedHeapType::Concrete(_) | ParsedHeapType::Exact(_) => {
            ValueType::FuncRef
        }
    }
}

/// The type of a validated function.
pub(super) fn function_type(ty: &wasmparser::FuncType) -> FunctionType {
    let all = |types: &[wasmparser::ValType]| types.iter().copied().map(value_type).collect();
    FunctionType { params: all(ty.params()), results: all(ty.results()) }
}

/// The type as it is encoded.
pub(super) fn encoded(ty: ValueType) -> ValType {
    match ty {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
        ValueType::F32 => ValType::F32,
        ValueType::F64 => ValType::F64,
        ValueType::V128 => ValType::V128,
        ValueType::FuncRef => ValType::FUNCREF,
        ValueType::ExternRef => ValType::EXTERNREF,
        ValueType::ExnRef => ValType::EXNREF,
    }
}

/// The reference type, if it is one.
pub(super) fn encoded_reference(ty: ValueType) -> Option<RefType> {
    match encoded(ty) {
        ValType::Ref(ty) => Some(ty),
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 | ValType::V128 => None,
    }
}

/// Encodes the types of values.
pub(super) fn all_encoded(types: &[ValueType]) -> Vec<ValType> {
    types.iter().copied().map(encoded).collect()
}

/// Pushes the value that locals of a type start with.
pub(super) fn zero(ty: ValueType) -> Instruction<'static> {
    match ty {
        ValueType::I32 => Instruction::I32Const(0),
        ValueType::I64 => Instruction::I64Const(0),
        ValueType::F32 => Instruction::F32Const(0.0.into()),
        ValueType::F64 => Instruction::F64Const(0.0.into()),
        ValueType::V128 => Instruction::V128Const(0),
        ValueType::FuncRef => Instruction::RefNull(HeapType::FUNC),
        ValueType::ExternRef => Instruction::RefNull(HeapType::EXTERN),
        ValueType::ExnRef => Instruction::RefNull(EXN),
    }
}

/// Loads a value from a record; of a reference, its index in the table of spilled references.
pub(super) fn load(ty: ValueType, at: MemArg) -> Instruction<'static> {
    match ty {
        ValueType::I32 | ValueType::FuncRef | ValueType::ExternRef | ValueType::ExnRef => {
            Instruction::I32Load(at)
        }
        ValueType::I64 => Instruction::I64Load(at),
        ValueType::F32 => Instruction::F32Load(at),
        ValueType::F64 => Instruction::F64Load(at),
        ValueType::V128 => Instruction::V128Load(at),
    }
}

/// Stores a value into a record; of a reference, its index in the table of spilled references.
pub(super) fn store(ty: ValueType, at: MemArg) -> Instruction<'static> {
    match ty {
        ValueType::I32 | ValueType::FuncRef | ValueType::ExternRef | ValueType::ExnRef => {
            Instruction::I32Store(at)
        }
        ValueType::I64 => Instruction::I64Store(at),
        ValueType::F32 => Instruction::F32Store(at),
        ValueType::F64 => Instruction::F64Store(at),
        ValueType::V128 => Instruction::V128Store(at),
    }
}
