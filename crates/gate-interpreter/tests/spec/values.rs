//! Values of scripts and of programs.

use gate_abi::trap::Trap;
use gate_instrument::accept::ValueType;
use gate_snapshot::{Reference, Value};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};

/// The value of an argument. `None` when it is a reference to something of the host, or has a type that is refused.
pub(crate) fn argument(argument: &WastArgCore<'_>) -> Option<Value> {
    Some(match argument {
        WastArgCore::I32(value) => Value::I32(value.cast_unsigned()),
        WastArgCore::I64(value) => Value::I64(value.cast_unsigned()),
        WastArgCore::F32(value) => Value::F32(value.bits),
        WastArgCore::F64(value) => Value::F64(value.bits),
        WastArgCore::V128(value) => Value::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(HeapType::Abstract { shared: false, ty }) => {
            let ty = match ty {
                AbstractHeapType::Func => ValueType::FuncRef,
                AbstractHeapType::Extern => ValueType::ExternRef,
                AbstractHeapType::Exn => ValueType::ExnRef,
                _ => return None,
            };
            Value::Reference(ty, Reference::Null)
        }
        WastArgCore::RefExtern(_) | WastArgCore::RefNull(_) | WastArgCore::RefHost(_) => return None,
    })
}

/// Whether `value` is what a script expects.
pub(crate) fn matches(value: &Value, expected: &WastRetCore<'_>) -> bool {
    match (value, expected) {
        (Value::I32(value), WastRetCore::I32(expected)) => *value == expected.cast_unsigned(),
        (Value::I64(value), WastRetCore::I64(expected)) => *value == expected.cast_unsigned(),
        (Value::F32(bits), WastRetCore::F32(expected)) => is_f32(*bits, expected),
        (Value::F64(bits), WastRetCore::F64(expected)) => is_f64(*bits, expected),
        (Value::V128(value), WastRetCore::V128(expected)) => is_v128(value.to_le_bytes(), expected),
        (Value::Reference(ty, Reference::Null), WastRetCore::RefNull(expected)) => {
            is_of(*ty, expected.as_ref())
        }
        (Value::Reference(_, Reference::Function(_)), WastRetCore::RefFunc(None)) => true,
        (value, WastRetCore::Either(all)) => all.iter().any(|expected| matches(value, expected)),
        _ => false,
    }
}

/// Whether null of a type is null of an expected one, if any is expected.
fn is_of(ty: ValueType, expected: Option<&HeapType<'_>>) -> bool {
    use AbstractHeapType::{Exn, Extern, Func, NoExn, NoExtern, NoFunc};
    match expected {
        None => true,
        Some(HeapType::Abstract { shared: false, ty: expected }) => matches!(
            (ty, expected),
            (ValueType::FuncRef, Func | NoFunc)
                | (ValueType::ExternRef, Extern | NoExtern)
                | (ValueType::ExnRef, Exn | NoExn)
        ),
        Some(_) => false,
    }
}

/// The sign does not matter. Canonical: of the payload, the highest bit alone is set. Arithmetic: at least that.
fn is_f32(bits: u32, expected: &NanPattern<F32>) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(expected) => bits == expected.bits,
    }
}

fn is_f64(bits: u64, expected: &NanPattern<F64>) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        NanPattern::Value(expected) => bits == expected.bits,
    }
}

fn is_v128(bytes: [u8; 16], expected: &V128Pattern) -> bool {
    match expected {
        V128Pattern::I8x16(lanes) => {
            lanes_are(&bytes, lanes, |bytes, lane| i8::from_le_bytes(bytes) == *lane)
        }
        V128Pattern::I16x8(lanes) => {
            lanes_are(&bytes, lanes, |bytes, lane| i16::from_le_bytes(bytes) == *lane)
        }
        V128Pattern::I32x4(lanes) => {
            lanes_are(&bytes, lanes, |bytes, lane| i32::from_le_bytes(bytes) == *lane)
        }
        V128Pattern::I64x2(lanes) => {
            lanes_are(&bytes, lanes, |bytes, lane| i64::from_le_bytes(bytes) == *lane)
        }
        V128Pattern::F32x4(lanes) => {
            lanes_are(&bytes, lanes, |bytes, lane| is_f32(u32::from_le_bytes(bytes), lane))
        }
        V128Pattern::F64x2(lanes) => {
            lanes_are(&bytes, lanes, |bytes, lane| is_f64(u64::from_le_bytes(bytes), lane))
        }
    }
}

fn lanes_are<const N: usize, T>(bytes: &[u8; 16], lanes: &[T], is: impl Fn([u8; N], &T) -> bool) -> bool {
    let (chunks, rest) = bytes.as_chunks::<N>();
    chunks.len() == lanes.len()
        && rest.is_empty()
        && chunks.iter().zip(lanes).all(|(bytes, lane)| is(*bytes, lane))
}

/// Whether this is the trap that a script describes as `message`.
pub(crate) fn is_trap(trap: Trap, detail: Option<&str>, message: &str) -> bool {
    let expected = match message {
        "integer divide by zero" => Trap::IntegerDivideByZero,
        "integer overflow" => Trap::IntegerOverflow,
        "invalid conversion to integer" => {
            return trap == Trap::IntegerOverflow && detail == Some("invalid conversion to integer");
        }
        "unreachable" => Trap::Unreachable,
        // Old scripts say no more.
        "out of bounds" => {
            return matches!(trap, Trap::MemoryAccessOutOfBounds | Trap::IndirectCallIndexOutOfBounds);
        }
        "undefined" => Trap::IndirectCallIndexOutOfBounds,
        "indirect call" => Trap::IndirectCallSignatureMismatch,
        "out of bounds memory access" => Trap::MemoryAccessOutOfBounds,
        "out of bounds table access" | "undefined element" => Trap::IndirectCallIndexOutOfBounds,
        "indirect call type mismatch" => Trap::IndirectCallSignatureMismatch,
        "null exception reference" | "null reference" => Trap::NullReference,
        other if other.starts_with("uninitialized") => {
            return trap == Trap::IndirectCallSignatureMismatch
                && detail == Some("the table element is null");
        }
        _ => return false,
    };
    trap == expected && (detail.is_none() || trap != Trap::IntegerOverflow)
}
