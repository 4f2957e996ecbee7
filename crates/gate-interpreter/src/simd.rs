//! What vector instructions compute. Vectors are numbers of 128 bits, whose lowest lane is in the lowest bits.
//!
//! Relaxed instructions do what the engine does that is told to be deterministic.

mod lanes;

use wasmparser::Operator;

use self::lanes::Lane;
use crate::numeric::{Cast, Float};

/// Makes a table of functions, and the function that finds an instruction's place in it.
macro_rules! vector {
    ($(#[$doc:meta])* $find:ident $table:ident: $ty:ty; $($name:ident => $f:expr;)*) => {
        /// The place of an instruction in the table with the same name, if it is there.
        pub(crate) fn $find(operator: &Operator<'_>) -> Option<u16> {
            #[derive(Clone, Copy)]
            enum Place {
                // So that not all of them end alike.
                None,
                $($name,)*
            }
            Some(match operator {
                $(Operator::$name => Place::$name as u16 - Place::None as u16 - 1,)*
                _ => return None,
            })
        }

        $(#[$doc])*
        pub(crate) static $table: &[$ty] = &[$($f,)*];
    };
}

vector! {
    /// Functions of a vector.
    unary UNARY: fn(u128) -> u128;
    V128Not => |a| !a;
    I8x16Abs => |a| i8::map(a, i8::wrapping_abs);
    I8x16Neg => |a| i8::map(a, i8::wrapping_neg);
    I8x16Popcnt => |a| u8::map(a, |a| Cast::<u8>::cast(a.count_ones()));
    I16x8Abs => |a| i16::map(a, i16::wrapping_abs);
    I16x8Neg => |a| i16::map(a, i16::wrapping_neg);
    I32x4Abs => |a| i32::map(a, i32::wrapping_abs);
    I32x4Neg => |a| i32::map(a, i32::wrapping_neg);
    I64x2Abs => |a| i64::map(a, i64::wrapping_abs);
    I64x2Neg => |a| i64::map(a, i64::wrapping_neg);
    I16x8ExtAddPairwiseI8x16S => |a| i16::make(|i| i16::from(i8::get(a, 2 * i)) + i16::from(i8::get(a, 2 * i + 1)));
    I16x8ExtAddPairwiseI8x16U => |a| u16::make(|i| u16::from(u8::get(a, 2 * i)) + u16::from(u8::get(a, 2 * i + 1)));
    I32x4ExtAddPairwiseI16x8S => |a| i32::make(|i| i32::from(i16::get(a, 2 * i)) + i32::from(i16::get(a, 2 * i + 1)));
    I32x4ExtAddPairwiseI16x8U => |a| u32::make(|i| u32::from(u16::get(a, 2 * i)) + u32::from(u16::get(a, 2 * i + 1)));
    I16x8ExtendLowI8x16S => |a| i16::make(|i| i8::get(a, i).into());
    I16x8ExtendHighI8x16S => |a| i16::make(|i| i8::get(a, i + 8).into());
    I16x8ExtendLowI8x16U => |a| u16::make(|i| u8::get(a, i).into());
    I16x8ExtendHighI8x16U => |a| u16::make(|i| u8::get(a, i + 8).into());
    I32x4ExtendLowI16x8S => |a| i32::make(|i| i16::get(a, i).into());
    I32x4ExtendHighI16x8S => |a| i32::make(|i| i16::get(a, i + 4).into());
    I32x4ExtendLowI16x8U => |a| u32::make(|i| u16::get(a, i).into());
    I32x4ExtendHighI16x8U => |a| u32::make(|i| u16::get(a, i + 4).into());
    I64x2ExtendLowI32x4S => |a| i64::make(|i| i32::get(a, i).into());
    I64x2ExtendHighI32x4S => |a| i64::make(|i| i32::get(a, i + 2).into());
    I64x2ExtendLowI32x4U => |a| u64::make(|i| u32::get(a, i).into());
    I64x2ExtendHighI32x4U => |a| u64::make(|i| u32::get(a, i + 2).into());
    F32x4Ceil => |a| f32::map(a, Float::round_up);
    F32x4Floor => |a| f32::map(a, Float::round_down);
    F32x4Trunc => |a| f32::map(a, Float::round_to_zero);
    F32x4Nearest => |a| f32::map(a, Float::round_to_even);
    F32x4Abs => |a| f32::map(a, f32::abs);
    F32x4Neg => |a| f32::map(a, |a| -a);
    F32x4Sqrt => |a| f32::map(a, f32::sqrt);
    F64x2Ceil => |a| f64::map(a, Float::round_up);
    F64x2Floor => |a| f64::map(a, Float::round_down);
    F64x2Trunc => |a| f64::map(a, Float::round_to_zero);
    F64x2Nearest => |a| f64::map(a, Float::round_to_even);
    F64x2Abs => |a| f64::map(a, f64::abs);
    F64x2Neg => |a| f64::map(a, |a| -a);
    F64x2Sqrt => |a| f64::map(a, f64::sqrt);
    I32x4TruncSatF32x4S => |a| i32::make(|i| f32::get(a, i).cast());
    I32x4TruncSatF32x4U => |a| u32::make(|i| f32::get(a, i).cast());
    F32x4ConvertI32x4S => |a| f32::make(|i| i32::get(a, i).cast());
    F32x4ConvertI32x4U => |a| f32::make(|i| u32::get(a, i).cast());
    I32x4TruncSatF64x2SZero => |a| i32::make(|i| if i < 2 { f64::get(a, i).cast() } else { 0 });
    I32x4TruncSatF64x2UZero => |a| u32::make(|i| if i < 2 { f64::get(a, i).cast() } else { 0 });
    I32x4RelaxedTruncF32x4S => |a| i32::make(|i| f32::get(a, i).cast());
    I32x4RelaxedTruncF32x4U => |a| u32::make(|i| f32::get(a, i).cast());
    I32x4RelaxedTruncF64x2SZero => |a| i32::make(|i| if i < 2 { f64::get(a, i).cast() } else { 0 });
    I32x4RelaxedTruncF64x2UZero => |a| u32::make(|i| if i < 2 { f64::get(a, i).cast() } else { 0 });
    F64x2ConvertLowI32x4S => |a| f64::make(|i| i32::get(a, i).into());
    F64x2ConvertLowI32x4U => |a| f64::make(|i| u32::get(a, i).into());
    F32x4DemoteF64x2Zero => |a| f32::make(|i| if i < 2 { f64::get(a, i).cast() } else { 0.0 });
    F64x2PromoteLowF32x4 => |a| f64::make(|i| f32::get(a, i).into());
}

vector! {
    /// Functions of two vectors.
    binary BINARY: fn(u128, u128) -> u128;
    V128And => |a, b| a & b;
    V128AndNot => |a, b| a & !b;
    V128Or => |a, b| a | b;
    V128Xor => |a, b| a ^ b;
    I8x16Swizzle => swizzle;
    I8x16RelaxedSwizzle => swizzle;
    I8x16Eq => |a, b| u8::compare(a, b, |a, b| a == b);
    I8x16Ne => |a, b| u8::compare(a, b, |a, b| a != b);
    I8x16LtS => |a, b| i8::compare(a, b, |a, b| a < b);
    I8x16LtU => |a, b| u8::compare(a, b, |a, b| a < b);
    I8x16GtS => |a, b| i8::compare(a, b, |a, b| a > b);
    I8x16GtU => |a, b| u8::compare(a, b, |a, b| a > b);
    I8x16LeS => |a, b| i8::compare(a, b, |a, b| a <= b);
    I8x16LeU => |a, b| u8::compare(a, b, |a, b| a <= b);
    I8x16GeS => |a, b| i8::compare(a, b, |a, b| a >= b);
    I8x16GeU => |a, b| u8::compare(a, b, |a, b| a >= b);
    I16x8Eq => |a, b| u16::compare(a, b, |a, b| a == b);
    I16x8Ne => |a, b| u16::compare(a, b, |a, b| a != b);
    I16x8LtS => |a, b| i16::compare(a, b, |a, b| a < b);
    I16x8LtU => |a, b| u16::compare(a, b, |a, b| a < b);
    I16x8GtS => |a, b| i16::compare(a, b, |a, b| a > b);
    I16x8GtU => |a, b| u16::compare(a, b, |a, b| a > b);
    I16x8LeS => |a, b| i16::compare(a, b, |a, b| a <= b);
    I16x8LeU => |a, b| u16::compare(a, b, |a, b| a <= b);
    I16x8GeS => |a, b| i16::compare(a, b, |a, b| a >= b);
    I16x8GeU => |a, b| u16::compare(a, b, |a, b| a >= b);
    I32x4Eq => |a, b| u32::compare(a, b, |a, b| a == b);
    I32x4Ne => |a, b| u32::compare(a, b, |a, b| a != b);
    I32x4LtS => |a, b| i32::compare(a, b, |a, b| a < b);
    I32x4LtU => |a, b| u32::compare(a, b, |a, b| a < b);
    I32x4GtS => |a, b| i32::compare(a, b, |a, b| a > b);
    I32x4GtU => |a, b| u32::compare(a, b, |a, b| a > b);
    I32x4LeS => |a, b| i32::compare(a, b, |a, b| a <= b);
    I32x4LeU => |a, b| u32::compare(a, b, |a, b| a <= b);
    I32x4GeS => |a, b| i32::compare(a, b, |a, b| a >= b);
    I32x4GeU => |a, b| u32::compare(a, b, |a, b| a >= b);
    I64x2Eq => |a, b| u64::compare(a, b, |a, b| a == b);
    I64x2Ne => |a, b| u64::compare(a, b, |a, b| a != b);
    I64x2LtS => |a, b| i64::compare(a, b, |a, b| a < b);
    I64x2GtS => |a, b| i64::compare(a, b, |a, b| a > b);
    I64x2LeS => |a, b| i64::compare(a, b, |a, b| a <= b);
    I64x2GeS => |a, b| i64::compare(a, b, |a, b| a >= b);
    F32x4Eq => |a, b| f32::compare(a, b, |a, b| a == b);
    F32x4Ne => |a, b| f32::compare(a, b, |a, b| a != b);
    F32x4Lt => |a, b| f32::compare(a, b, |a, b| a < b);
    F32x4Gt => |a, b| f32::compare(a, b, |a, b| a > b);
    F32x4Le => |a, b| f32::compare(a, b, |a, b| a <= b);
    F32x4Ge => |a, b| f32::compare(a, b, |a, b| a >= b);
    F64x2Eq => |a, b| f64::compare(a, b, |a, b| a == b);
    F64x2Ne => |a, b| f64::compare(a, b, |a, b| a != b);
    F64x2Lt => |a, b| f64::compare(a, b, |a, b| a < b);
    F64x2Gt => |a, b| f64::compare(a, b, |a, b| a > b);
    F64x2Le => |a, b| f64::compare(a, b, |a, b| a <= b);
    F64x2Ge => |a, b| f64::compare(a, b, |a, b| a >= b);
    I8x16NarrowI16x8S => |a, b| i8::make(|i| narrow(i, 8, |i| i16::get(a, i), |i| i16::get(b, i), -128, 127));
    I8x16NarrowI16x8U => |a, b| u8::make(|i| narrow(i, 8, |i| i16::get(a, i), |i| i16::get(b, i), 0, 255));
    I16x8NarrowI32x4S => |a, b| i16::make(|i| narrow(i, 4, |i| i32::get(a, i), |i| i32::get(b, i), -32768, 32767));
    I16x8NarrowI32x4U => |a, b| u16::make(|i| narrow(i, 4, |i| i32::get(a, i), |i| i32::get(b, i), 0, 65535));
    I8x16Add => |a, b| u8::zip(a, b, u8::wrapping_add);
    I8x16AddSatS => |a, b| i8::zip(a, b, i8::saturating_add);
    I8x16AddSatU => |a, b| u8::zip(a, b, u8::saturating_add);
    I8x16Sub => |a, b| u8::zip(a, b, u8::wrapping_sub);
    I8x16SubSatS => |a, b| i8::zip(a, b, i8::saturating_sub);
    I8x16SubSatU => |a, b| u8::zip(a, b, u8::saturating_sub);
    I8x16MinS => |a, b| i8::zip(a, b, Ord::min);
    I8x16MinU => |a, b| u8::zip(a, b, Ord::min);
    I8x16MaxS => |a, b| i8::zip(a, b, Ord::max);
    I8x16MaxU => |a, b| u8::zip(a, b, Ord::max);
    I8x16AvgrU => |a, b| u8::make(|i| Cast::<u8>::cast((u32::from(u8::get(a, i)) + u32::from(u8::get(b, i))).div_ceil(2)));
    I16x8Q15MulrSatS => |a, b| i16::zip(a, b, q15_multiply);
    I16x8RelaxedQ15mulrS => |a, b| i16::zip(a, b, q15_multiply);
    I16x8Add => |a, b| u16::zip(a, b, u16::wrapping_add);
    I16x8AddSatS => |a, b| i16::zip(a, b, i16::saturating_add);
    I16x8AddSatU => |a, b| u16::zip(a, b, u16::saturating_add);
    I16x8Sub => |a, b| u16::zip(a, b, u16::wrapping_sub);
    I16x8SubSatS => |a, b| i16::zip(a, b, i16::saturating_sub);
    I16x8SubSatU => |a, b| u16::zip(a, b, u16::saturating_sub);
    I16x8Mul => |a, b| u16::zip(a, b, u16::wrapping_mul);
    I16x8MinS => |a, b| i16::zip(a, b, Ord::min);
    I16x8MinU => |a, b| u16::zip(a, b, Ord::min);
    I16x8MaxS => |a, b| i16::zip(a, b, Ord::max);
    I16x8MaxU => |a, b| u16::zip(a, b, Ord::max);
    I16x8AvgrU => |a, b| u16::make(|i| Cast::<u16>::cast((u32::from(u16::get(a, i)) + u32::from(u16::get(b, i))).div_ceil(2)));
    I16x8ExtMulLowI8x16S => |a, b| i16::make(|i| i16::from(i8::get(a, i)) * i16::from(i8::get(b, i)));
    I16x8ExtMulHighI8x16S => |a, b| i16::make(|i| i16::from(i8::get(a, i + 8)) * i16::from(i8::get(b, i + 8)));
    I16x8ExtMulLowI8x16U => |a, b| u16::make(|i| u16::from(u8::get(a, i)) * u16::from(u8::get(b, i)));
    I16x8ExtMulHighI8x16U => |a, b| u16::make(|i| u16::from(u8::get(a, i + 8)) * u16::from(u8::get(b, i + 8)));
    I32x4Add => |a, b| u32::zip(a, b, u32::wrapping_add);
    I32x4Sub => |a, b| u32::zip(a, b, u32::wrapping_sub);
    I32x4Mul => |a, b| u32::zip(a, b, u32::wrapping_mul);
    I32x4MinS => |a, b| i32::zip(a, b, Ord::min);
    I32x4MinU => |a, b| u32::zip(a, b, Ord::min);
    I32x4MaxS => |a, b| i32::zip(a, b, Ord::max);
    I32x4MaxU => |a, b| u32::zip(a, b, Ord::max);
    I32x4DotI16x8S => |a, b| i32::make(|i| product(a, b, 2 * i).wrapping_add(product(a, b, 2 * i + 1)));
    I32x4ExtMulLowI16x8S => |a, b| i32::make(|i| product(a, b, i));
    I32x4ExtMulHighI16x8S => |a, b| i32::make(|i| product(a, b, i + 4));
    I32x4ExtMulLowI16x8U => |a, b| u32::make(|i| u32::from(u16::get(a, i)) * u32::from(u16::get(b, i)));
    I32x4ExtMulHighI16x8U => |a, b| u32::make(|i| u32::from(u16::get(a, i + 4)) * u32::from(u16::get(b, i + 4)));
    I64x2Add => |a, b| u64::zip(a, b, u64::wrapping_add);
    I64x2Sub => |a, b| u64::zip(a, b, u64::wrapping_sub);
    I64x2Mul => |a, b| u64::zip(a, b, u64::wrapping_mul);
    I64x2ExtMulLowI32x4S => |a, b| i64::make(|i| i64::from(i32::get(a, i)) * i64::from(i32::get(b, i)));
    I64x2ExtMulHighI32x4S => |a, b| i64::make(|i| i64::from(i32::get(a, i + 2)) * i64::from(i32::get(b, i + 2)));
    I64x2ExtMulLowI32x4U => |a, b| u64::make(|i| u64::from(u32::get(a, i)) * u64::from(u32::get(b, i)));
    I64x2ExtMulHighI32x4U => |a, b| u64::make(|i| u64::from(u32::get(a, i + 2)) * u64::from(u32::get(b, i + 2)));
    F32x4Add => |a, b| f32::zip(a, b, |a, b| a + b);
    F32x4Sub => |a, b| f32::zip(a, b, |a, b| a - b);
    F32x4Mul => |a, b| f32::zip(a, b, |a, b| a * b);
    F32x4Div => |a, b| f32::zip(a, b, |a, b| a / b);
    F32x4Min => |a, b| f32::zip(a, b, Float::least);
    F32x4Max => |a, b| f32::zip(a, b, Float::greatest);
    F32x4RelaxedMin => |a, b| f32::zip(a, b, Float::least);
    F32x4RelaxedMax => |a, b| f32::zip(a, b, Float::greatest);
    F32x4PMin => |a, b| f32::zip(a, b, |a, b| if b < a { b } else { a });
    F32x4PMax => |a, b| f32::zip(a, b, |a, b| if a < b { b } else { a });
    F64x2Add => |a, b| f64::zip(a, b, |a, b| a + b);
    F64x2Sub => |a, b| f64::zip(a, b, |a, b| a - b);
    F64x2Mul => |a, b| f64::zip(a, b, |a, b| a * b);
    F64x2Div => |a, b| f64::zip(a, b, |a, b| a / b);
    F64x2Min => |a, b| f64::zip(a, b, Float::least);
    F64x2Max => |a, b| f64::zip(a, b, Float::greatest);
    F64x2RelaxedMin => |a, b| f64::zip(a, b, Float::least);
    F64x2RelaxedMax => |a, b| f64::zip(a, b, Float::greatest);
    F64x2PMin => |a, b| f64::zip(a, b, |a, b| if b < a { b } else { a });
    F64x2PMax => |a, b| f64::zip(a, b, |a, b| if a < b { b } else { a });
    I16x8RelaxedDotI8x16I7x16S => dot;
}

vector! {
    /// Functions of three vectors.
    ternary TERNARY: fn(u128, u128, u128) -> u128;
    V128Bitselect => select_bits;
    I8x16RelaxedLaneselect => select_bits;
    I16x8RelaxedLaneselect => select_bits;
    I32x4RelaxedLaneselect => select_bits;
    I64x2RelaxedLaneselect => select_bits;
    F32x4RelaxedMadd => |a, b, c| f32::make(|i| f32::get(a, i).mul_add(f32::get(b, i), f32::get(c, i)));
    F32x4RelaxedNmadd => |a, b, c| f32::make(|i| (-f32::get(a, i)).mul_add(f32::get(b, i), f32::get(c, i)));
    F64x2RelaxedMadd => |a, b, c| f64::make(|i| f64::get(a, i).mul_add(f64::get(b, i), f64::get(c, i)));
    F64x2RelaxedNmadd => |a, b, c| f64::make(|i| (-f64::get(a, i)).mul_add(f64::get(b, i), f64::get(c, i)));
    I32x4RelaxedDotI8x16I7x16AddS => |a, b, c| {
        let dot = dot(a, b);
        let pair = |i| i32::from(i16::get(dot, 2 * i)) + i32::from(i16::get(dot, 2 * i + 1));
        i32::make(|i| pair(i).wrapping_add(i32::get(c, i)))
    };
}

vector! {
    /// Functions of a vector and how far to shift its lanes.
    shift SHIFT: fn(u128, u32) -> u128;
    I8x16Shl => |a, by| u8::map(a, |a| a.wrapping_shl(by));
    I8x16ShrS => |a, by| i8::map(a, |a| a.wrapping_shr(by));
    I8x16ShrU => |a, by| u8::map(a, |a| a.wrapping_shr(by));
    I16x8Shl => |a, by| u16::map(a, |a| a.wrapping_shl(by));
    I16x8ShrS => |a, by| i16::map(a, |a| a.wrapping_shr(by));
    I16x8ShrU => |a, by| u16::map(a, |a| a.wrapping_shr(by));
    I32x4Shl => |a, by| u32::map(a, |a| a.wrapping_shl(by));
    I32x4ShrS => |a, by| i32::map(a, |a| a.wrapping_shr(by));
    I32x4ShrU => |a, by| u32::map(a, |a| a.wrapping_shr(by));
    I64x2Shl => |a, by| u64::map(a, |a| a.wrapping_shl(by));
    I64x2ShrS => |a, by| i64::map(a, |a| a.wrapping_shr(by));
    I64x2ShrU => |a, by| u64::map(a, |a| a.wrapping_shr(by));
}

vector! {
    /// Functions that make a number of a vector.
    test TEST: fn(u128) -> u32;
    V128AnyTrue => |a| u32::from(a != 0);
    I8x16AllTrue => |a| u32::from(u8::all(a, |a| a != 0));
    I16x8AllTrue => |a| u32::from(u16::all(a, |a| a != 0));
    I32x4AllTrue => |a| u32::from(u32::all(a, |a| a != 0));
    I64x2AllTrue => |a| u32::from(u64::all(a, |a| a != 0));
    I8x16Bitmask => |a| i8::mask(a, |a| a < 0);
    I16x8Bitmask => |a| i16::mask(a, |a| a < 0);
    I32x4Bitmask => |a| i32::mask(a, |a| a < 0);
    I64x2Bitmask => |a| i64::mask(a, |a| a < 0);
}

vector! {
    /// Functions that make a vector of a number's slot.
    splat SPLAT: fn(u64) -> u128;
    I8x16Splat => |a| u8::make(|_| a.cast());
    I16x8Splat => |a| u16::make(|_| a.cast());
    I32x4Splat => |a| u32::make(|_| a.cast());
    I64x2Splat => |a| u64::make(|_| a);
    F32x4Splat => |a| u32::make(|_| a.cast());
    F64x2Splat => |a| u64::make(|_| a);
}

/// A function that makes a number's slot of a lane.
pub(crate) type Extract = fn(u128, u32) -> u64;

/// How lanes are taken out.
pub(crate) static EXTRACT: &[Extract] = &[
    |a, lane| u64::from(i32::from(i8::get(a, lane)).cast_unsigned()),
    |a, lane| u8::get(a, lane).into(),
    |a, lane| u64::from(i32::from(i16::get(a, lane)).cast_unsigned()),
    |a, lane| u16::get(a, lane).into(),
    |a, lane| u32::get(a, lane).into(),
    u64::get,
];

/// A function that puts a number's slot into a lane.
pub(crate) type Replace = fn(u128, u32, u64) -> u128;

/// How lanes are replaced, by the logarithm of their size.
pub(crate) static REPLACE: [Replace; 4] = [
    |a, lane, value| u8::set(a, lane, value.cast()),
    |a, lane, value| u16::set(a, lane, value.cast()),
    |a, lane, value| u32::set(a, lane, value.cast()),
    u64::set,
];

/// A function that makes a vector of the lowest bytes of another.
pub(crate) type Widen = fn(u128) -> u128;

/// How vectors are made of memory: of how many bytes, by which function, given these as the lowest of a vector.
pub(crate) static LOAD: &[(usize, Widen)] = &[
    (16, |a| a),
    (8, |a| i16::make(|i| i8::get(a, i).into())),
    (8, |a| u16::make(|i| u8::get(a, i).into())),
    (8, |a| i32::make(|i| i16::get(a, i).into())),
    (8, |a| u32::make(|i| u16::get(a, i).into())),
    (8, |a| i64::make(|i| i32::get(a, i).into())),
    (8, |a| u64::make(|i| u32::get(a, i).into())),
    (1, |a| u8::make(|_| u8::get(a, 0))),
    (2, |a| u16::make(|_| u16::get(a, 0))),
    (4, |a| u32::make(|_| u32::get(a, 0))),
    (8, |a| u64::make(|_| u64::get(a, 0))),
    (4, |a| a),
    (8, |a| a),
];

/// The lanes of two vectors that a third one names.
pub(crate) fn shuffle(a: u128, b: u128, lanes: u128) -> u128 {
    u8::make(|i| {
        let lane = u32::from(u8::get(lanes, i));
        if lane < 16 { u8::get(a, lane) } else { u8::get(b, lane - 16) }
    })
}

fn swizzle(a: u128, lanes: u128) -> u128 {
    u8::map(lanes, |lane| if lane < 16 { u8::get(a, lane.into()) } else { 0 })
}

fn select_bits(a: u128, b: u128, mask: u128) -> u128 {
    (a & mask) | (b & !mask)
}

/// Lane `i` of what two vectors are narrowed to that have half as many lanes each.
fn narrow<T: Copy + Ord + Cast<N>, N>(
    i: u32,
    half: u32,
    a: impl Fn(u32) -> T,
    b: impl Fn(u32) -> T,
    low: T,
    high: T,
) -> N {
    let lane = if i < half { a(i) } else { b(i - half) };
    lane.clamp(low, high).cast()
}

fn q15_multiply(a: i16, b: i16) -> i16 {
    let product = (i32::from(a) * i32::from(b) + (1 << 14)) >> 15;
    product.min(i16::MAX.into()).cast()
}

/// The product of two lanes of 16 bits.
fn product(a: u128, b: u128, lane: u32) -> i32 {
    i32::from(i16::get(a, lane)) * i32::from(i16::get(b, lane))
}

/// Products of lanes of 8 bits, added by twos.
fn dot(a: u128, b: u128) -> u128 {
    let product = |i| i16::from(i8::get(a, i)) * i16::from(i8::get(b, i));
    i16::make(|i| product(2 * i).wrapping_add(product(2 * i + 1)))
}
