//! What numeric instructions compute, as far as Rust's operators do not say it alone.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the instructions are defined by wrapping, truncating and saturating"
)]

use gate_abi::trap::Trap;
use gate_instrument::accept::ValueType;

/// Why an instruction traps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) trap: Trap,
    /// What the trap's own text does not say.
    pub(crate) detail: Option<&'static str>,
}

impl From<Trap> for Fault {
    fn from(trap: Trap) -> Self {
        Self { trap, detail: None }
    }
}

/// A value that has one slot. Of one that is shorter than the slot, the upper bits are zero.
pub(crate) trait Slot: Copy {
    /// Its type.
    const TY: ValueType;

    /// The value in a slot.
    fn get(slot: u64) -> Self;

    /// The slot of a value.
    fn put(self) -> u64;

    /// The value that an instruction has in itself.
    fn immediate(bits: u32) -> Self;

    /// How an instruction has the value of this slot in itself, if it can.
    fn to_immediate(slot: u64) -> Option<u32>;
}

macro_rules! integer_slot {
    ($($ty:ident via $unsigned:ident is $value:ident;)*) => {
        $(impl Slot for $ty {
            const TY: ValueType = ValueType::$value;

            fn get(slot: u64) -> Self {
                slot as $ty
            }

            fn put(self) -> u64 {
                u64::from(self as $unsigned)
            }

            fn immediate(bits: u32) -> Self {
                bits as i32 as $ty
            }

            fn to_immediate(slot: u64) -> Option<u32> {
                let bits = slot as u32;
                (Self::immediate(bits).put() == slot).then_some(bits)
            }
        })*
    };
}

integer_slot! {
    u32 via u32 is I32;
    i32 via u32 is I32;
    u64 via u64 is I64;
    i64 via u64 is I64;
}

impl Slot for bool {
    const TY: ValueType = ValueType::I32;

    fn get(slot: u64) -> Self {
        slot != 0
    }

    fn put(self) -> u64 {
        u64::from(self)
    }

    fn immediate(bits: u32) -> Self {
        bits != 0
    }

    fn to_immediate(slot: u64) -> Option<u32> {
        u32::try_from(slot).ok()
    }
}

impl Slot for f32 {
    const TY: ValueType = ValueType::F32;

    fn get(slot: u64) -> Self {
        Self::from_bits(slot as u32)
    }

    fn put(self) -> u64 {
        u64::from(self.to_bits())
    }

    fn immediate(bits: u32) -> Self {
        Self::from_bits(bits)
    }

    fn to_immediate(slot: u64) -> Option<u32> {
        u32::try_from(slot).ok()
    }
}

impl Slot for f64 {
    const TY: ValueType = ValueType::F64;

    fn get(slot: u64) -> Self {
        Self::from_bits(slot)
    }

    fn put(self) -> u64 {
        self.to_bits()
    }

    /// The number is rounded to single precision: [`Slot::to_immediate`] takes only those that this does nothing to.
    fn immediate(bits: u32) -> Self {
        Self::from(f32::from_bits(bits))
    }

    fn to_immediate(slot: u64) -> Option<u32> {
        let number = Self::from_bits(slot);
        let bits = (number as f32).to_bits();
        (!number.is_nan() && Self::immediate(bits).to_bits() == slot).then_some(bits)
    }
}

/// Integer division, as far as signed and unsigned ones differ in the same way from Rust's.
pub(crate) trait Divide: Sized {
    fn quotient(self, by: Self) -> Result<Self, Fault>;
    fn remainder(self, by: Self) -> Result<Self, Fault>;
}

macro_rules! divide {
    ($($ty:ident)*) => {
        $(impl Divide for $ty {
            fn quotient(self, by: Self) -> Result<Self, Fault> {
                if by == 0 {
                    return Err(Trap::IntegerDivideByZero.into());
                }
                self.checked_div(by).ok_or(Trap::IntegerOverflow.into())
            }

            fn remainder(self, by: Self) -> Result<Self, Fault> {
                if by == 0 {
                    return Err(Trap::IntegerDivideByZero.into());
                }
                Ok(self.wrapping_rem(by))
            }
        })*
    };
}

divide!(u32 i32 u64 i64);

/// Truncation of a float to an integer that it may not fit in.
pub(crate) trait Truncate<T> {
    fn truncate(self) -> Result<T, Fault>;
}

macro_rules! truncate {
    // The bounds are exclusive; the lower one is the least of which the type of floats has a number, and which no integer is
    // the truncation of.
    ($($float:ident to $int:ident: $low:expr, $high:expr;)*) => {
        $(impl Truncate<$int> for $float {
            fn truncate(self) -> Result<$int, Fault> {
                if self.is_nan() {
                    let detail = Some("invalid conversion to integer");
                    return Err(Fault { trap: Trap::IntegerOverflow, detail });
                }
                if self > $low && self < $high {
                    return Ok(self as $int);
                }
                Err(Trap::IntegerOverflow.into())
            }
        })*
    };
}

truncate! {
    f32 to i32: -2147483904.0f32, 2147483648.0f32;
    f32 to u32: -1.0f32, 4294967296.0f32;
    f64 to i32: -2147483649.0f64, 2147483648.0f64;
    f64 to u32: -1.0f64, 4294967296.0f64;
    f32 to i64: -9223373136366403584.0f32, 9223372036854775808.0f32;
    f32 to u64: -1.0f32, 18446744073709551616.0f32;
    f64 to i64: -9223372036854777856.0f64, 9223372036854775808.0f64;
    f64 to u64: -1.0f64, 18446744073709551616.0f64;
}

/// What floats compute that Rust's functions do in another way, or leave open, with NaNs.
pub(crate) trait Float: Sized {
    fn least(self, other: Self) -> Self;
    fn greatest(self, other: Self) -> Self;
    fn round_up(self) -> Self;
    fn round_down(self) -> Self;
    fn round_to_zero(self) -> Self;
    fn round_to_even(self) -> Self;
}

macro_rules! float {
    ($($ty:ident quiet $quiet:literal;)*) => {
        $(impl Float for $ty {
            fn least(self, other: Self) -> Self {
                if self.is_nan() || other.is_nan() {
                    return self + other;
                }
                if self == other {
                    // Zeros differ in their sign alone.
                    return Self::from_bits(self.to_bits() | other.to_bits());
                }
                if self < other { self } else { other }
            }

            fn greatest(self, other: Self) -> Self {
                if self.is_nan() || other.is_nan() {
                    return self + other;
                }
                if self == other {
                    return Self::from_bits(self.to_bits() & other.to_bits());
                }
                if self > other { self } else { other }
            }

            fn round_up(self) -> Self {
                rounded(self, Self::ceil, |nan| Self::from_bits(nan.to_bits() | $quiet), Self::is_nan)
            }

            fn round_down(self) -> Self {
                rounded(self, Self::floor, |nan| Self::from_bits(nan.to_bits() | $quiet), Self::is_nan)
            }

            fn round_to_zero(self) -> Self {
                rounded(self, Self::trunc, |nan| Self::from_bits(nan.to_bits() | $quiet), Self::is_nan)
            }

            fn round_to_even(self) -> Self {
                rounded(self, Self::round_ties_even, |nan| Self::from_bits(nan.to_bits() | $quiet), Self::is_nan)
            }
        })*
    };
}

float! {
    f32 quiet 0x0040_0000;
    f64 quiet 0x0008_0000_0000_0000;
}

/// A number that is rounded, or the quiet form of one that is none.
fn rounded<T: Copy>(
    number: T,
    round: impl FnOnce(T) -> T,
    quiet: impl FnOnce(T) -> T,
    is_nan: impl FnOnce(T) -> bool,
) -> T {
    if is_nan(number) { quiet(number) } else { round(number) }
}

/// Casts, which the table of instructions uses.
pub(crate) trait Cast<T> {
    /// As of Rust's `as`: integers wrap, floats are rounded to the nearest, and saturated to integers.
    fn cast(self) -> T;
}

macro_rules! cast {
    ($($from:ident to $($to:ident)*;)*) => {
        $($(impl Cast<$to> for $from {
            fn cast(self) -> $to {
                self as $to
            }
        })*)*
    };
}

cast! {
    u32 to u8 u16 i8 i16 f32 f64 u64 i32;
    i16 to i8 u8;
    i32 to f32 f64 i64 u32 i8 i16 u16;
    u64 to u8 u16 u32 i8 i16 i32 f32 f64;
    i64 to f32 f64 u32 i8 i16 i32;
    f32 to i32 u32 i64 u64 f64;
    f64 to i32 u32 i64 u64 f32;
}
