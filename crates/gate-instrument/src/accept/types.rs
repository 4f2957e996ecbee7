//! Types of values and functions, as the accepted features have them.

use std::fmt;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit floating-point number.
    F32,
    /// A 64-bit floating-point number.
    F64,
    /// A vector of 128 bits.
    V128,
    /// A reference to a function, or null.
    FuncRef,
    /// A reference to something of the host, or null.
    ExternRef,
    /// A reference to an exception. It may exclude null, which makes no difference to anybody outside of the module.
    ExnRef,
}

impl ValueType {
    /// Whether it is one of the four types of numbers, which people can write down.
    pub const fn is_number(self) -> bool {
        matches!(self, Self::I32 | Self::I64 | Self::F32 | Self::F64)
    }

    /// The type of the validator's; `None` for one of a feature that is not accepted.
    pub fn from_validated(ty: wasmparser::ValType) -> Option<Self> {
        use wasmparser::{AbstractHeapType, HeapType, ValType};
        Some(match ty {
            ValType::I32 => Self::I32,
            ValType::I64 => Self::I64,
            ValType::F32 => Self::F32,
            ValType::F64 => Self::F64,
            ValType::V128 => Self::V128,
            ValType::Ref(reference) => match reference.heap_type() {
                HeapType::Abstract { shared: false, ty: AbstractHeapType::Func } => Self::FuncRef,
                HeapType::Abstract { shared: false, ty: AbstractHeapType::Extern } => Self::ExternRef,
                HeapType::Abstract { shared: false, ty: AbstractHeapType::Exn | AbstractHeapType::NoExn } => {
                    Self::ExnRef
                }
                HeapType::Abstract { .. } | HeapType::Concrete(_) | HeapType::Exact(_) => return None,
            },
        })
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::FuncRef => "funcref",
            Self::ExternRef => "externref",
            Self::ExnRef => "exnref",
        })
    }
}

/// The type of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FunctionType {
    /// The types of its parameters.
    pub params: Vec<ValueType>,
    /// The types of its results.
    pub results: Vec<ValueType>,
}

impl FunctionType {
    /// The type of the validator's, as of [`ValueType::from_validated`].
    pub fn from_validated(ty: &wasmparser::FuncType) -> Option<Self> {
        Some(Self { params: value_types(ty.params())?, results: value_types(ty.results())? })
    }

    /// Whether all parameters and results are numbers.
    pub fn is_numeric(&self) -> bool {
        self.params.iter().chain(&self.results).all(|ty| ty.is_number())
    }
}

fn value_types(types: &[wasmparser::ValType]) -> Option<Vec<ValueType>> {
    types.iter().map(|ty| ValueType::from_validated(*ty)).collect()
}

/// How many types of a list are shown.
const SHOWN: usize = 12;

impl fmt::Display for FunctionType {
    /// As in `(i32, i64) -> f32` and `() -> (i32, i32)`; long lists are cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, &self.params)?;
        match self.results.as_slice() {
            [] => Ok(()),
            [result] => write!(f, " -> {result}"),
            results => {
                f.write_str(" -> ")?;
                list(f, results)
            }
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, types: &[ValueType]) -> fmt::Result {
    f.write_str("(")?;
    for (position, ty) in types.iter().enumerate() {
        let separator = if position == 0 { "" } else { ", " };
        if position == SHOWN {
            write!(f, "{separator}…")?;
            break;
        }
        write!(f, "{separator}{ty}")?;
    }
    f.write_str(")")
}
