//! Lanes of vectors.
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a lane is cut out of a vector")]

/// A type of lanes.
pub(super) trait Lane: Copy {
    /// How many bits a lane has.
    const BITS: u32;

    /// The lane in the lowest bits of a vector.
    fn lowest(vector: u128) -> Self;

    /// A vector that has this in the lowest bits, and is otherwise zero.
    fn vector(self) -> u128;

    /// A lane.
    fn get(vector: u128, lane: u32) -> Self {
        Self::lowest(vector >> (lane * Self::BITS))
    }

    /// The vector with another lane.
    fn set(vector: u128, lane: u32, value: Self) -> u128 {
        let mask = (u128::MAX >> (128 - Self::BITS)) << (lane * Self::BITS);
        (vector & !mask) | (value.vector() << (lane * Self::BITS))
    }

    /// The vector with these lanes.
    fn make(f: impl Fn(u32) -> Self) -> u128 {
        (0..128 / Self::BITS).fold(0, |made, lane| made | (f(lane).vector() << (lane * Self::BITS)))
    }

    /// A function of each lane.
    fn map(a: u128, f: impl Fn(Self) -> Self) -> u128 {
        Self::make(|lane| f(Self::get(a, lane)))
    }

    /// A function of the lanes at each place.
    fn zip(a: u128, b: u128, f: impl Fn(Self, Self) -> Self) -> u128 {
        Self::make(|lane| f(Self::get(a, lane), Self::get(b, lane)))
    }

    /// All bits of a lane, or none of them.
    fn compare(a: u128, b: u128, f: impl Fn(Self, Self) -> bool) -> u128 {
        let ones = u128::MAX >> (128 - Self::BITS);
        (0..128 / Self::BITS).fold(0, |made, lane| {
            let bits = if f(Self::get(a, lane), Self::get(b, lane)) { ones } else { 0 };
            made | (bits << (lane * Self::BITS))
        })
    }

    /// Whether it is true of all lanes.
    fn all(a: u128, f: impl Fn(Self) -> bool) -> bool {
        (0..128 / Self::BITS).all(|lane| f(Self::get(a, lane)))
    }

    /// A bit for each lane that it is true of.
    fn mask(a: u128, f: impl Fn(Self) -> bool) -> u32 {
        (0..128 / Self::BITS).fold(0, |mask, lane| mask | (u32::from(f(Self::get(a, lane))) << lane))
    }
}

macro_rules! integer_lane {
    ($($ty:ident via $unsigned:ident;)*) => {
        $(impl Lane for $ty {
            const BITS: u32 = <$ty>::BITS;

            fn lowest(vector: u128) -> Self {
                vector as $ty
            }

            fn vector(self) -> u128 {
                u128::from(self as $unsigned)
            }
        })*
    };
}

integer_lane! {
    u8 via u8;
    i8 via u8;
    u16 via u16;
    i16 via u16;
    u32 via u32;
    i32 via u32;
    u64 via u64;
    i64 via u64;
}

impl Lane for f32 {
    const BITS: u32 = 32;

    fn lowest(vector: u128) -> Self {
        Self::from_bits(vector as u32)
    }

    fn vector(self) -> u128 {
        self.to_bits().into()
    }
}

impl Lane for f64 {
    const BITS: u32 = 64;

    fn lowest(vector: u128) -> Self {
        Self::from_bits(vector as u64)
    }

    fn vector(self) -> u128 {
        self.to_bits().into()
    }
}
