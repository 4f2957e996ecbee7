//! The table of instructions that compute scalars from scalars, load or store them. Code, translation and execution are made of it.

/// Calls `$callback` with what it is given, and the table in seven lists:
///
/// * `unary`: the name, which is the operator's, the types, and the function;
/// * `partial_unary`: likewise, for what can trap;
/// * `binary`: the name, that of the form whose second operand is in the instruction, the types, and the function;
/// * `partial_binary`: the name, the types, and the function, which can trap;
/// * `compare`: the name, that with an immediate operand, those of the two forms that branch if it is true, the type, the
///   function, and the name of the opposite;
/// * `load`: the name, the number of bytes, the type, and what makes the value of the bytes;
/// * `store`: the name, the number of bytes, the type, and what makes the bytes of the value.
macro_rules! scalars {
    ($callback:ident $($context:tt)*) => {
        $callback! { [$($context)*]
            unary {
                I32Clz, u32 => u32, |a: u32| a.leading_zeros();
                I32Ctz, u32 => u32, |a: u32| a.trailing_zeros();
                I32Popcnt, u32 => u32, |a: u32| a.count_ones();
                I32Eqz, u32 => bool, |a: u32| a == 0;
                I64Clz, u64 => u64, |a: u64| u64::from(a.leading_zeros());
                I64Ctz, u64 => u64, |a: u64| u64::from(a.trailing_zeros());
                I64Popcnt, u64 => u64, |a: u64| u64::from(a.count_ones());
                I64Eqz, u64 => bool, |a: u64| a == 0;
                I32WrapI64, u64 => u32, |a: u64| Cast::<u32>::cast(a);
                I32Extend8S, u32 => i32, |a: u32| i32::from(Cast::<i8>::cast(a));
                I32Extend16S, u32 => i32, |a: u32| i32::from(Cast::<i16>::cast(a));
                I64Extend8S, u64 => i64, |a: u64| i64::from(Cast::<i8>::cast(a));
                I64Extend16S, u64 => i64, |a: u64| i64::from(Cast::<i16>::cast(a));
                I64Extend32S, u64 => i64, |a: u64| i64::from(Cast::<i32>::cast(a));
                I64ExtendI32S, i32 => i64, |a: i32| i64::from(a);
                I64ExtendI32U, u32 => u64, |a: u32| u64::from(a);
                F32Abs, f32 => f32, |a: f32| a.abs();
                F32Neg, f32 => f32, |a: f32| -a;
                F32Ceil, f32 => f32, |a: f32| a.round_up();
                F32Floor, f32 => f32, |a: f32| a.round_down();
                F32Trunc, f32 => f32, |a: f32| a.round_to_zero();
                F32Nearest, f32 => f32, |a: f32| a.round_to_even();
                F32Sqrt, f32 => f32, |a: f32| a.sqrt();
                F32ConvertI32S, i32 => f32, |a: i32| Cast::<f32>::cast(a);
                I32TruncSatF32S, f32 => i32, |a: f32| Cast::<i32>::cast(a);
                F32ConvertI32U, u32 => f32, |a: u32| Cast::<f32>::cast(a);
                I32TruncSatF32U, f32 => u32, |a: f32| Cast::<u32>::cast(a);
                F32ConvertI64S, i64 => f32, |a: i64| Cast::<f32>::cast(a);
                I64TruncSatF32S, f32 => i64, |a: f32| Cast::<i64>::cast(a);
                F32ConvertI64U, u64 => f32, |a: u64| Cast::<f32>::cast(a);
                I64TruncSatF32U, f32 => u64, |a: f32| Cast::<u64>::cast(a);
                F64Abs, f64 => f64, |a: f64| a.abs();
                F64Neg, f64 => f64, |a: f64| -a;
                F64Ceil, f64 => f64, |a: f64| a.round_up();
                F64Floor, f64 => f64, |a: f64| a.round_down();
                F64Trunc, f64 => f64, |a: f64| a.round_to_zero();
                F64Nearest, f64 => f64, |a: f64| a.round_to_even();
                F64Sqrt, f64 => f64, |a: f64| a.sqrt();
                F64ConvertI32S, i32 => f64, |a: i32| Cast::<f64>::cast(a);
                I32TruncSatF64S, f64 => i32, |a: f64| Cast::<i32>::cast(a);
                F64ConvertI32U, u32 => f64, |a: u32| Cast::<f64>::cast(a);
                I32TruncSatF64U, f64 => u32, |a: f64| Cast::<u32>::cast(a);
                F64ConvertI64S, i64 => f64, |a: i64| Cast::<f64>::cast(a);
                I64TruncSatF64S, f64 => i64, |a: f64| Cast::<i64>::cast(a);
                F64ConvertI64U, u64 => f64, |a: u64| Cast::<f64>::cast(a);
                I64TruncSatF64U, f64 => u64, |a: f64| Cast::<u64>::cast(a);
                F32DemoteF64, f64 => f32, |a: f64| Cast::<f32>::cast(a);
                F64PromoteF32, f32 => f64, |a: f32| f64::from(a);
                I32ReinterpretF32, f32 => u32, |a: f32| a.to_bits();
                I64ReinterpretF64, f64 => u64, |a: f64| a.to_bits();
                F32ReinterpretI32, u32 => f32, |a: u32| f32::from_bits(a);
                F64ReinterpretI64, u64 => f64, |a: u64| f64::from_bits(a);
            }
            partial_unary {
                I32TruncF32S, f32 => i32, |a: f32| Truncate::<i32>::truncate(a);
                I32TruncF32U, f32 => u32, |a: f32| Truncate::<u32>::truncate(a);
                I64TruncF32S, f32 => i64, |a: f32| Truncate::<i64>::truncate(a);
                I64TruncF32U, f32 => u64, |a: f32| Truncate::<u64>::truncate(a);
                I32TruncF64S, f64 => i32, |a: f64| Truncate::<i32>::truncate(a);
                I32TruncF64U, f64 => u32, |a: f64| Truncate::<u32>::truncate(a);
                I64TruncF64S, f64 => i64, |a: f64| Truncate::<i64>::truncate(a);
                I64TruncF64U, f64 => u64, |a: f64| Truncate::<u64>::truncate(a);
            }
            binary {
                I32Add, I32AddImm, u32 => u32, |a: u32, b: u32| a.wrapping_add(b);
                I32Sub, I32SubImm, u32 => u32, |a: u32, b: u32| a.wrapping_sub(b);
                I32Mul, I32MulImm, u32 => u32, |a: u32, b: u32| a.wrapping_mul(b);
                I32And, I32AndImm, u32 => u32, |a: u32, b: u32| a & b;
                I32Or, I32OrImm, u32 => u32, |a: u32, b: u32| a | b;
                I32Xor, I32XorImm, u32 => u32, |a: u32, b: u32| a ^ b;
                I32Shl, I32ShlImm, u32 => u32, |a: u32, b: u32| a.wrapping_shl(b);
                I32ShrU, I32ShrUImm, u32 => u32, |a: u32, b: u32| a.wrapping_shr(b);
                I32Rotl, I32RotlImm, u32 => u32, |a: u32, b: u32| a.rotate_left(b & 31);
                I32Rotr, I32RotrImm, u32 => u32, |a: u32, b: u32| a.rotate_right(b & 31);
                I32ShrS, I32ShrSImm, i32 => i32, |a: i32, b: i32| a.wrapping_shr(Cast::<u32>::cast(b));
                I64Add, I64AddImm, u64 => u64, |a: u64, b: u64| a.wrapping_add(b);
                I64Sub, I64SubImm, u64 => u64, |a: u64, b: u64| a.wrapping_sub(b);
                I64Mul, I64MulImm, u64 => u64, |a: u64, b: u64| a.wrapping_mul(b);
                I64And, I64AndImm, u64 => u64, |a: u64, b: u64| a & b;
                I64Or, I64OrImm, u64 => u64, |a: u64, b: u64| a | b;
                I64Xor, I64XorImm, u64 => u64, |a: u64, b: u64| a ^ b;
                I64Shl, I64ShlImm, u64 => u64, |a: u64, b: u64| a.wrapping_shl(Cast::<u32>::cast(b));
                I64ShrU, I64ShrUImm, u64 => u64, |a: u64, b: u64| a.wrapping_shr(Cast::<u32>::cast(b));
                I64Rotl, I64RotlImm, u64 => u64, |a: u64, b: u64| a.rotate_left(Cast::<u32>::cast(b) & 63);
                I64Rotr, I64RotrImm, u64 => u64, |a: u64, b: u64| a.rotate_right(Cast::<u32>::cast(b) & 63);
                I64ShrS, I64ShrSImm, i64 => i64, |a: i64, b: i64| a.wrapping_shr(Cast::<u32>::cast(b));
                F32Add, F32AddImm, f32 => f32, |a: f32, b: f32| a + b;
                F32Sub, F32SubImm, f32 => f32, |a: f32, b: f32| a - b;
                F32Mul, F32MulImm, f32 => f32, |a: f32, b: f32| a * b;
                F32Div, F32DivImm, f32 => f32, |a: f32, b: f32| a / b;
                F32Min, F32MinImm, f32 => f32, |a: f32, b: f32| a.least(b);
                F32Max, F32MaxImm, f32 => f32, |a: f32, b: f32| a.greatest(b);
                F32Copysign, F32CopysignImm, f32 => f32, |a: f32, b: f32| a.copysign(b);
                F32Eq, F32EqImm, f32 => bool, |a: f32, b: f32| a == b;
                F32Ne, F32NeImm, f32 => bool, |a: f32, b: f32| a != b;
                F32Lt, F32LtImm, f32 => bool, |a: f32, b: f32| a < b;
                F32Gt, F32GtImm, f32 => bool, |a: f32, b: f32| a > b;
                F32Le, F32LeImm, f32 => bool, |a: f32, b: f32| a <= b;
                F32Ge, F32GeImm, f32 => bool, |a: f32, b: f32| a >= b;
                F64Add, F64AddImm, f64 => f64, |a: f64, b: f64| a + b;
                F64Sub, F64SubImm, f64 => f64, |a: f64, b: f64| a - b;
                F64Mul, F64MulImm, f64 => f64, |a: f64, b: f64| a * b;
                F64Div, F64DivImm, f64 => f64, |a: f64, b: f64| a / b;
                F64Min, F64MinImm, f64 => f64, |a: f64, b: f64| a.least(b);
                F64Max, F64MaxImm, f64 => f64, |a: f64, b: f64| a.greatest(b);
                F64Copysign, F64CopysignImm, f64 => f64, |a: f64, b: f64| a.copysign(b);
                F64Eq, F64EqImm, f64 => bool, |a: f64, b: f64| a == b;
                F64Ne, F64NeImm, f64 => bool, |a: f64, b: f64| a != b;
                F64Lt, F64LtImm, f64 => bool, |a: f64, b: f64| a < b;
                F64Gt, F64GtImm, f64 => bool, |a: f64, b: f64| a > b;
                F64Le, F64LeImm, f64 => bool, |a: f64, b: f64| a <= b;
                F64Ge, F64GeImm, f64 => bool, |a: f64, b: f64| a >= b;
            }
            partial_binary {
                I32DivS, i32 => i32, |a: i32, b: i32| a.quotient(b);
                I32RemS, i32 => i32, |a: i32, b: i32| a.remainder(b);
                I32DivU, u32 => u32, |a: u32, b: u32| a.quotient(b);
                I32RemU, u32 => u32, |a: u32, b: u32| a.remainder(b);
                I64DivS, i64 => i64, |a: i64, b: i64| a.quotient(b);
                I64RemS, i64 => i64, |a: i64, b: i64| a.remainder(b);
                I64DivU, u64 => u64, |a: u64, b: u64| a.quotient(b);
                I64RemU, u64 => u64, |a: u64, b: u64| a.remainder(b);
            }
            compare {
                I32Eq, I32EqImm, BrI32Eq, BrI32EqImm, u32, |a: u32, b: u32| a == b, I32Ne;
                I32Ne, I32NeImm, BrI32Ne, BrI32NeImm, u32, |a: u32, b: u32| a != b, I32Eq;
                I32LtS, I32LtSImm, BrI32LtS, BrI32LtSImm, i32, |a: i32, b: i32| a < b, I32GeS;
                I32LtU, I32LtUImm, BrI32LtU, BrI32LtUImm, u32, |a: u32, b: u32| a < b, I32GeU;
                I32GtS, I32GtSImm, BrI32GtS, BrI32GtSImm, i32, |a: i32, b: i32| a > b, I32LeS;
                I32GtU, I32GtUImm, BrI32GtU, BrI32GtUImm, u32, |a: u32, b: u32| a > b, I32LeU;
                I32LeS, I32LeSImm, BrI32LeS, BrI32LeSImm, i32, |a: i32, b: i32| a <= b, I32GtS;
                I32LeU, I32LeUImm, BrI32LeU, BrI32LeUImm, u32, |a: u32, b: u32| a <= b, I32GtU;
                I32GeS, I32GeSImm, BrI32GeS, BrI32GeSImm, i32, |a: i32, b: i32| a >= b, I32LtS;
                I32GeU, I32GeUImm, BrI32GeU, BrI32GeUImm, u32, |a: u32, b: u32| a >= b, I32LtU;
                I64Eq, I64EqImm, BrI64Eq, BrI64EqImm, u64, |a: u64, b: u64| a == b, I64Ne;
                I64Ne, I64NeImm, BrI64Ne, BrI64NeImm, u64, |a: u64, b: u64| a != b, I64Eq;
                I64LtS, I64LtSImm, BrI64LtS, BrI64LtSImm, i64, |a: i64, b: i64| a < b, I64GeS;
                I64LtU, I64LtUImm, BrI64LtU, BrI64LtUImm, u64, |a: u64, b: u64| a < b, I64GeU;
                I64GtS, I64GtSImm, BrI64GtS, BrI64GtSImm, i64, |a: i64, b: i64| a > b, I64LeS;
                I64GtU, I64GtUImm, BrI64GtU, BrI64GtUImm, u64, |a: u64, b: u64| a > b, I64LeU;
                I64LeS, I64LeSImm, BrI64LeS, BrI64LeSImm, i64, |a: i64, b: i64| a <= b, I64GtS;
                I64LeU, I64LeUImm, BrI64LeU, BrI64LeUImm, u64, |a: u64, b: u64| a <= b, I64GtU;
                I64GeS, I64GeSImm, BrI64GeS, BrI64GeSImm, i64, |a: i64, b: i64| a >= b, I64LtS;
                I64GeU, I64GeUImm, BrI64GeU, BrI64GeUImm, u64, |a: u64, b: u64| a >= b, I64LtU;
            }
            load {
                I32Load, 4, u32, |bytes| u32::from_le_bytes(bytes);
                I64Load, 8, u64, |bytes| u64::from_le_bytes(bytes);
                F32Load, 4, u32, |bytes| u32::from_le_bytes(bytes);
                F64Load, 8, u64, |bytes| u64::from_le_bytes(bytes);
                I32Load8S, 1, i32, |bytes| i32::from(i8::from_le_bytes(bytes));
                I32Load8U, 1, u32, |bytes| u32::from(u8::from_le_bytes(bytes));
                I32Load16S, 2, i32, |bytes| i32::from(i16::from_le_bytes(bytes));
                I32Load16U, 2, u32, |bytes| u32::from(u16::from_le_bytes(bytes));
                I64Load8S, 1, i64, |bytes| i64::from(i8::from_le_bytes(bytes));
                I64Load8U, 1, u64, |bytes| u64::from(u8::from_le_bytes(bytes));
                I64Load16S, 2, i64, |bytes| i64::from(i16::from_le_bytes(bytes));
                I64Load16U, 2, u64, |bytes| u64::from(u16::from_le_bytes(bytes));
                I64Load32S, 4, i64, |bytes| i64::from(i32::from_le_bytes(bytes));
                I64Load32U, 4, u64, |bytes| u64::from(u32::from_le_bytes(bytes));
            }
            store {
                I32Store, 4, u32, |value: u32| value.to_le_bytes();
                I64Store, 8, u64, |value: u64| value.to_le_bytes();
                F32Store, 4, u32, |value: u32| value.to_le_bytes();
                F64Store, 8, u64, |value: u64| value.to_le_bytes();
                I32Store8, 1, u32, |value: u32| Cast::<u8>::cast(value).to_le_bytes();
                I32Store16, 2, u32, |value: u32| Cast::<u16>::cast(value).to_le_bytes();
                I64Store8, 1, u64, |value: u64| Cast::<u8>::cast(value).to_le_bytes();
                I64Store16, 2, u64, |value: u64| Cast::<u16>::cast(value).to_le_bytes();
                I64Store32, 4, u64, |value: u64| Cast::<u32>::cast(value).to_le_bytes();
            }
        }
    };
}

pub(crate) use scalars;
