//! Numbers, values and lists of them as bytes.
//!
//! All numbers are little-endian and not aligned. A *list* is its length, a `u32`, and its elements.
//!
//! | Part | Bytes |
//! |---|---|
//! | function, tag, … that there may be | its index, a `u32`; ffffffff for none |
//! | reference | a byte, 0 null, 1 function, 2 exception; then, unless it is null, the index, a `u32` |
//! | value | a byte, 0 `i32`, 1 `i64`, 2 `f32`, 3 `f64`, 4 `v128`, 5 `funcref`, 6 `externref`, 7 `exnref`; then 4, 8, 4, 8 or 16 bytes, or a reference |
//! | frame | function and site, `u32` each; the locals, a list of values; the operands, a list of values |
//! | exception | tag, a `u32`; a list of values |

use gate_instrument::accept::ValueType;

use crate::{Exception, Frame, Reference, Value};

/// What stands for no index.
const NONE: u32 = u32::MAX;

/// Why bytes are not what they should be. Offsets are counted from the first of them.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum DecodeError {
    /// They start with something else.
    #[error("this is not {what}")]
    Magic { what: &'static str },
    /// A version that was not invented yet.
    #[error("version {found} of {what} is not readable here (supported: {supported})")]
    Version { what: &'static str, found: u32, supported: u32 },
    /// The length that the header tells is not that of the bytes.
    #[error("the header tells of {found} bytes where there are {actual}")]
    Length { found: u64, actual: u64 },
    /// They end in the middle of something.
    #[error("cut off at offset {at}: {needed} bytes of {what} should be there, and {left} are")]
    CutOff { what: &'static str, at: usize, needed: u64, left: usize },
    /// They go on behind the end.
    #[error("unknown data from offset {at} on")]
    Trailing { at: usize },
    /// A number that stands for nothing.
    #[error("{what} at offset {at} cannot be {found}")]
    Code { what: &'static str, at: usize, found: u64 },
    /// A reference that a value of its type cannot be.
    #[error("the value at offset {at} has type {ty} and refers to something else")]
    Reference { at: usize, ty: ValueType },
    /// An exception that is not there, or that is carried by another one and does not come before it.
    #[error(
        "the reference before offset {at} is to exception {found}, and only {count} can be referred to there"
    )]
    Exception { at: usize, found: u32, count: u32 },
}

/// Appends parts to bytes.
pub(crate) trait Write {
    fn u32(&mut self, number: u32);
    fn u64(&mut self, number: u64);
    fn index(&mut self, index: Option<u32>);
    /// The length of a list.
    fn count(&mut self, length: usize);
    fn reference(&mut self, reference: Reference);
    fn references(&mut self, references: &[Reference]);
    fn value(&mut self, value: Value);
    fn values(&mut self, values: &[Value]);
    fn frame(&mut self, frame: &Frame);
    fn exception(&mut self, exception: &Exception);
}

impl Write for Vec<u8> {
    fn u32(&mut self, number: u32) {
        self.extend(number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.extend(number.to_le_bytes());
    }

    fn index(&mut self, index: Option<u32>) {
        self.u32(index.unwrap_or(NONE));
    }

    fn count(&mut self, length: usize) {
        self.u32(u32::try_from(length).expect("what a module has is counted with 32 bits"));
    }

    fn reference(&mut self, reference: Reference) {
        match reference {
            Reference::Null => self.push(0),
            Reference::Function(index) => {
                self.push(1);
                self.u32(index);
            }
            Reference::Exception(index) => {
                self.push(2);
                self.u32(index);
            }
        }
    }

    fn references(&mut self, references: &[Reference]) {
        self.count(references.len());
        for reference in references {
            self.reference(*reference);
        }
    }

    fn value(&mut self, value: Value) {
        match value {
            Value::I32(bits) => {
                self.push(0);
                self.u32(bits);
            }
            Value::I64(bits) => {
                self.push(1);
                self.u64(bits);
            }
            Value::F32(bits) => {
                self.push(2);
                self.u32(bits);
            }
            Value::F64(bits) => {
                self.push(3);
                self.u64(bits);
            }
            Value::V128(bits) => {
                self.push(4);
                self.extend(bits.to_le_bytes());
            }
            Value::Reference(ty, reference) => {
                self.push(match ty {
                    ValueType::FuncRef => 5,
                    ValueType::ExternRef => 6,
                    ValueType::ExnRef => 7,
                    ValueType::I32 | ValueType::I64 | ValueType::F32 | ValueType::F64 | ValueType::V128 => {
                        unreachable!("a reference is of a type of references")
                    }
                });
                self.reference(reference);
            }
        }
    }

    fn values(&mut self, values: &[Value]) {
        self.count(values.len());
        for value in values {
            self.value(*value);
        }
    }

    fn frame(&mut self, frame: &Frame) {
        self.u32(frame.function);
        self.u32(frame.site);
        self.values(&frame.locals);
        self.values(&frame.operands);
    }

    fn exception(&mut self, exception: &Exception) {
        self.u32(exception.tag);
        self.values(&exception.values);
    }
}

/// Reads parts of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many exceptions can be referred to, as far as is known.
    exceptions: u32,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self::with_exceptions(bytes, 0)
    }

    /// When exceptions are known from elsewhere.
    pub(crate) fn with_exceptions(bytes: &'a [u8], exceptions: u32) -> Self {
        Self { bytes, at: 0, exceptions }
    }

    /// The offset of what is read next.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn take(&mut self, what: &'static str, length: u64) -> Result<&'a [u8], DecodeError> {
        let (at, left) = (self.at, self.left());
        let cut_off = DecodeError::CutOff { what, at, needed: length, left };
        let Some(length) = usize::try_from(length).ok().filter(|length| *length <= left) else {
            return Err(cut_off);
        };
        self.at += length;
        Ok(&self.bytes[at..self.at])
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let bytes = self.take(what, N as u64)?;
        Ok(bytes.try_into().expect("so many bytes were taken"))
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        self.array(what).map(u8::from_le_bytes)
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        self.array(what).map(u64::from_le_bytes)
    }

    pub(crate) fn index(&mut self, what: &'static str) -> Result<Option<u32>, DecodeError> {
        Ok(Some(self.u32(what)?).filter(|index| *index != NONE))
    }

    /// A list of which each element has at least `size` bytes, so that no more is allocated than there can be elements.
    pub(crate) fn list<T>(
        &mut self,
        what: &'static str,
        size: u64,
        mut element: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.u32(what)?;
        let (at, left, needed) = (self.at, self.left(), u64::from(count).saturating_mul(size));
        if needed > left as u64 {
            return Err(DecodeError::CutOff { what, at, needed, left });
        }
        (0..count).map(|_| element(self)).collect()
    }

    pub(crate) fn reference(&mut self) -> Result<Reference, DecodeError> {
        let at = self.at;
        match self.u8("a reference")? {
            0 => Ok(Reference::Null),
            1 => Ok(Reference::Function(self.u32("a reference")?)),
            2 => {
                let found = self.u32("a reference")?;
                if found >= self.exceptions {
                    return Err(DecodeError::Exception { at: self.at, found, count: self.exceptions });
                }
                Ok(Reference::Exception(found))
            }
            found => Err(DecodeError::Code { what: "the kind of reference", at, found: found.into() }),
        }
    }

    pub(crate) fn references(&mut self) -> Result<Vec<Reference>, DecodeError> {
        self.list("references", 1, Self::reference)
    }

    pub(crate) fn value(&mut self) -> Result<Value, DecodeError> {
        let at = self.at;
        let what = "a value";
        let ty = match self.u8(what)? {
            0 => return self.u32(what).map(Value::I32),
            1 => return self.u64(what).map(Value::I64),
            2 => return self.u32(what).map(Value::F32),
            3 => return self.u64(what).map(Value::F64),
            4 => return Ok(Value::V128(u128::from_le_bytes(self.array(what)?))),
            5 => ValueType::FuncRef,
            6 => ValueType::ExternRef,
            7 => ValueType::ExnRef,
            found => return Err(DecodeError::Code { what: "the type of a value", at, found: found.into() }),
        };
        let reference = self.reference()?;
        if reference.can_be(ty) {
            Ok(Value::Reference(ty, reference))
        } else {
            Err(DecodeError::Reference { at, ty })
        }
    }

    pub(crate) fn values(&mut self, what: &'static str) -> Result<Vec<Value>, DecodeError> {
        self.list(what, 2, Self::value)
    }

    pub(crate) fn frames(&mut self) -> Result<Vec<Frame>, DecodeError> {
        self.list("frames", 16, |reader| {
            Ok(Frame {
                function: reader.u32("a frame")?,
                site: reader.u32("a frame")?,
                locals: reader.values("locals")?,
                operands: reader.values("operands")?,
            })
        })
    }

    /// Exceptions, which come before everything that refers to them.
    pub(crate) fn exceptions(&mut self) -> Result<Vec<Exception>, DecodeError> {
        self.exceptions = 0;
        self.list("exceptions", 8, |reader| {
            let tag = reader.u32("an exception")?;
            let values = reader.values("the values of an exception")?;
            reader.exceptions += 1;
            Ok(Exception { tag, values })
        })
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }

    /// Nothing is left.
    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        if self.left() == 0 { Ok(()) } else { Err(DecodeError::Trailing { at: self.at }) }
    }
}
