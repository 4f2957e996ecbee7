//! Values of scripts and of the engine.

use wasmtime::{ExternRef, Store, Trap, V128, Val, bail};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};

/// The engine's value of an argument. `None` when it has a type of a feature that is refused.
pub(crate) fn argument(store: &mut Store<()>, argument: &WastArgCore<'_>) -> wasmtime::Result<Option<Val>> {
    Ok(Some(match argument {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(V128::from(u128::from_le_bytes(value.to_le_bytes()))),
        WastArgCore::RefNull(HeapType::Abstract { shared: false, ty: AbstractHeapType::Func }) => {
            Val::FuncRef(None)
        }
        WastArgCore::RefNull(HeapType::Abstract { shared: false, ty: AbstractHeapType::Extern }) => {
            Val::ExternRef(None)
        }
        WastArgCore::RefNull(HeapType::Abstract { shared: false, ty: AbstractHeapType::Exn }) => {
            Val::ExnRef(None)
        }
        WastArgCore::RefExtern(value) => Val::ExternRef(Some(ExternRef::new(store, *value)?)),
        WastArgCore::RefNull(_) | WastArgCore::RefHost(_) => return Ok(None),
    }))
}

/// Whether `value` is what a script expects.
pub(crate) fn matches(store: &Store<()>, value: &Val, expected: &WastRetCore<'_>) -> wasmtime::Result<bool> {
    Ok(match (value, expected) {
        (Val::I32(value), WastRetCore::I32(expected)) => value == expected,
        (Val::I64(value), WastRetCore::I64(expected)) => value == expected,
        (Val::F32(bits), WastRetCore::F32(expected)) => is_f32(*bits, expected),
        (Val::F64(bits), WastRetCore::F64(expected)) => is_f64(*bits, expected),
        (Val::V128(value), WastRetCore::V128(expected)) => is_v128(value.as_u128().to_le_bytes(), expected),
        (value, WastRetCore::RefNull(expected)) => is_null(value, expected.as_ref()),
        (Val::FuncRef(Some(_)), WastRetCore::RefFunc(None)) => true,
        (Val::ExternRef(Some(_)), WastRetCore::RefExtern(None)) => true,
        (Val::ExternRef(Some(value)), WastRetCore::RefExtern(Some(expected))) => {
            let data = value.data(store)?;
            data.and_then(|data| data.downcast_ref::<u32>()) == Some(expected)
        }
        (value, WastRetCore::Either(all)) => {
            for expected in all {
                if matches(store, value, expected)? {
                    return Ok(true);
                }
            }
            false
        }
        (Val::ContRef(_), _) => bail!("a continuation"),
        _ => false,
    })
}

/// Whether `value` is null, and of the type if one is expected.
fn is_null(value: &Val, expected: Option<&HeapType<'_>>) -> bool {
    let ty = match value {
        Val::FuncRef(None) => AbstractHeapType::Func,
        Val::ExternRef(None) => AbstractHeapType::Extern,
        Val::ExnRef(None) => AbstractHeapType::Exn,
        _ => return false,
    };
    match expected {
        None => true,
        Some(HeapType::Abstract { shared: false, ty: expected }) => {
            *expected == ty || is_bottom_of(*expected, ty)
        }
        Some(_) => false,
    }
}

/// Whether null is all that the type `bottom` has of the type `top`.
fn is_bottom_of(bottom: AbstractHeapType, top: AbstractHeapType) -> bool {
    matches!(
        (bottom, top),
        (AbstractHeapType::NoFunc, AbstractHeapType::Func)
            | (AbstractHeapType::NoExtern, AbstractHeapType::Extern)
            | (AbstractHeapType::NoExn, AbstractHeapType::Exn)
    )
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

/// Whether `error` is the trap that a script describes as `message`.
pub(crate) fn is_trap(error: &wasmtime::Error, message: &str) -> bool {
    let Some(trap) = error.downcast_ref::<Trap>() else { return false };
    // The scripts' texts are those of the reference interpreter, which tells the number of the element.
    let message =
        if message.starts_with("uninitialized element") { "uninitialized element" } else { message };
    trap.to_string().contains(message)
}
