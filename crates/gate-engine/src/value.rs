//! Values as the engine, a program's state, and who runs a program have them.

use wasmtime::{Ref, V128, Val};

/// A value given to an invoked function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument {
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// 32-bit float, as its bits.
    F32(u32),
    /// 64-bit float, as its bits.
    F64(u64),
}

/// A value returned by an invoked function: of the same types as arguments.
pub type Value = Argument;

impl Argument {
    pub(crate) fn to_state(self) -> gate_snapshot::Value {
        match self {
            Self::I32(v) => gate_snapshot::Value::I32(v.cast_unsigned()),
            Self::I64(v) => gate_snapshot::Value::I64(v.cast_unsigned()),
            Self::F32(bits) => gate_snapshot::Value::F32(bits),
            Self::F64(bits) => gate_snapshot::Value::F64(bits),
        }
    }

    /// The value that a function returned; `None` if it is no number.
    pub(crate) fn from_state(value: gate_snapshot::Value) -> Option<Self> {
        match value {
            gate_snapshot::Value::I32(bits) => Some(Self::I32(bits.cast_signed())),
            gate_snapshot::Value::I64(bits) => Some(Self::I64(bits.cast_signed())),
            gate_snapshot::Value::F32(bits) => Some(Self::F32(bits)),
            gate_snapshot::Value::F64(bits) => Some(Self::F64(bits)),
            gate_snapshot::Value::V128(_) | gate_snapshot::Value::Reference(..) => None,
        }
    }

    pub(crate) fn from_val(val: &Val) -> Option<Self> {
        match val {
            Val::I32(v) => Some(Self::I32(*v)),
            Val::I64(v) => Some(Self::I64(*v)),
            Val::F32(bits) => Some(Self::F32(*bits)),
            Val::F64(bits) => Some(Self::F64(*bits)),
            _ => None,
        }
    }
}

/// The engine's value of a number; `None` for references, which need an instance.
pub(crate) fn number(value: gate_snapshot::Value) -> Option<Val> {
    Some(match value {
        gate_snapshot::Value::I32(bits) => Val::I32(bits.cast_signed()),
        gate_snapshot::Value::I64(bits) => Val::I64(bits.cast_signed()),
        gate_snapshot::Value::F32(bits) => Val::F32(bits),
        gate_snapshot::Value::F64(bits) => Val::F64(bits),
        gate_snapshot::Value::V128(bits) => Val::V128(V128::from(bits)),
        gate_snapshot::Value::Reference(..) => return None,
    })
}

/// A value of a type for the engine to overwrite, if it is one of an accepted feature.
pub(crate) fn placeholder(ty: &wasmtime::ValType) -> Val {
    Val::default_for_ty(ty).unwrap_or(Val::I32(0))
}

/// The reference that a value is.
pub(crate) fn value_of(reference: Ref) -> Val {
    match reference {
        Ref::Func(function) => Val::FuncRef(function),
        Ref::Extern(reference) => Val::ExternRef(reference),
        Ref::Any(reference) => Val::AnyRef(reference),
        Ref::Exn(exception) => Val::ExnRef(exception),
    }
}
