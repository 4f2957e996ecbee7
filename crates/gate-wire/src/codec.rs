//! The encoding of messages: header, integers, byte strings, lists.

/// The largest message in bytes. The kernel's default send buffer (`net.core.wmem_default`, 208 KiB) holds one.
pub const MAX_MESSAGE_BYTES: usize = 192 * 1024;

const MAGIC: [u8; 4] = *b"GtW1";

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum DecodeError {
    /// The bytes end inside of the value.
    #[error("message ends early, at byte {offset}")]
    Short { offset: usize },
    /// The message does not start with the magic number: the other end is of another build.
    #[error("message is not of this version of the protocol")]
    Magic,
    /// No message has this number in this direction.
    #[error("unknown message kind {kind}")]
    Kind { kind: u16 },
    /// The message came with another number of descriptors than its header says.
    #[error("message came with {found} descriptors (expected: {expected})")]
    Descriptors { found: usize, expected: usize },
    /// A field has a value that is not allowed.
    #[error("message has a bad value at byte {offset}")]
    Value { offset: usize },
    /// Bytes are left over.
    #[error("message has {extra} bytes too many")]
    Long { extra: usize },
}

/// Builds one message.
#[derive(Debug)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new(kind: u16, descriptors: u16) -> Self {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(&descriptors.to_le_bytes());
        Self { bytes }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A count. Lists and strings of more than `u32::MAX` items do not fit into a message and are refused when sent.
    pub(crate) fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX));
    }

    pub(crate) fn string(&mut self, value: &[u8]) {
        self.count(value.len());
        self.bytes.extend_from_slice(value);
    }

    pub(crate) fn strings<S: AsRef<[u8]>>(&mut self, values: &[S]) {
        self.count(values.len());
        for value in values {
            self.string(value.as_ref());
        }
    }

    pub(crate) fn option<T>(&mut self, value: Option<&T>, encode: impl FnOnce(&mut Self, &T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            encode(self, value);
        }
    }
}

/// Takes one message apart.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Decoder<'a> {
    /// Reads the header and checks that as many descriptors came as it says.
    pub(crate) fn new(bytes: &'a [u8], descriptors: usize) -> Result<(u16, Self), DecodeError> {
        let mut decoder = Self { bytes, offset: 0 };
        if decoder.array::<4>()? != MAGIC {
            return Err(DecodeError::Magic);
        }
        let kind = u16::from_le_bytes(decoder.array()?);
        let expected = usize::from(u16::from_le_bytes(decoder.array()?));
        if descriptors != expected {
            return Err(DecodeError::Descriptors { found: descriptors, expected });
        }
        Ok((kind, decoder))
    }

    pub(crate) fn finish<T>(self, value: T) -> Result<T, DecodeError> {
        match self.bytes.len() - self.offset {
            0 => Ok(value),
            extra => Err(DecodeError::Long { extra }),
        }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let end = self.offset.checked_add(len).ok_or(DecodeError::Short { offset: self.bytes.len() })?;
        let slice =
            self.bytes.get(self.offset..end).ok_or(DecodeError::Short { offset: self.bytes.len() })?;
        self.offset = end;
        Ok(slice)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let slice = self.take(N)?;
        slice.try_into().map_err(|_| DecodeError::Short { offset: self.offset })
    }

    pub(crate) fn bad_value(&self) -> DecodeError {
        DecodeError::Value { offset: self.offset }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.bad_value()),
        }
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    /// The count of a list whose items take at least `item_bytes` each: never more than what is left can hold.
    pub(crate) fn count(&mut self, item_bytes: usize) -> Result<usize, DecodeError> {
        let count = self.u32()? as usize;
        let left = self.bytes.len() - self.offset;
        if count > left / item_bytes.max(1) {
            return Err(DecodeError::Short { offset: self.bytes.len() });
        }
        Ok(count)
    }

    pub(crate) fn string(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.count(1)?;
        self.take(len)
    }

    /// A byte string that is text. What is not UTF-8 in it is replaced: it comes from the other side's programmer,
    /// not from a format.
    pub(crate) fn text(&mut self) -> Result<String, DecodeError> {
        Ok(String::from_utf8_lossy(self.string()?).into_owned())
    }

    pub(crate) fn strings(&mut self) -> Result<Vec<Vec<u8>>, DecodeError> {
        let count = self.count(4)?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(self.string()?.to_vec());
        }
        Ok(list)
    }

    pub(crate) fn option<T>(
        &mut self,
        decode: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.bool()? { Ok(Some(decode(self)?)) } else { Ok(None) }
    }
}
