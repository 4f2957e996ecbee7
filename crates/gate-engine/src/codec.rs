//! Bytes of the facts that go with compiled code: little-endian, a list is a `u32` count and its elements.

use gate_instrument::accept::ValueType;

/// Appends values to bytes.
#[derive(Debug, Default)]
pub(crate) struct Output(pub(crate) Vec<u8>);

impl Output {
    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).expect("a module of less than 4 GiB has fewer of anything"));
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// An index + 1, or 0 for none.
    pub(crate) fn index(&mut self, index: Option<u32>) {
        self.u64(index.map_or(0, |index| u64::from(index) + 1));
    }

    pub(crate) fn types(&mut self, types: &[ValueType]) {
        self.count(types.len());
        self.0.extend(types.iter().map(|ty| type_number(*ty)));
    }
}

/// Takes values from bytes. `None` everywhere: the bytes are not what they should be.
#[derive(Debug)]
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// How many elements follow, of at least this many bytes each, so that room for them can be allocated.
    pub(crate) fn count(&mut self, element_bytes: usize) -> Option<usize> {
        let count = usize::try_from(self.u32()?).ok()?;
        (count.checked_mul(element_bytes)? <= self.0.len()).then_some(count)
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.count(1)?;
        self.take(len)
    }

    pub(crate) fn string(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    pub(crate) fn index(&mut self) -> Option<Option<u32>> {
        match self.u64()? {
            0 => Some(None),
            n => u32::try_from(n - 1).ok().map(Some),
        }
    }

    pub(crate) fn types(&mut self) -> Option<Vec<ValueType>> {
        self.bytes()?.iter().map(|number| TYPES.get(usize::from(*number)).copied()).collect()
    }

    /// The value, if nothing is left.
    pub(crate) fn end<T>(&self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

const TYPES: [ValueType; 8] = [
    ValueType::I32,
    ValueType::I64,
    ValueType::F32,
    ValueType::F64,
    ValueType::V128,
    ValueType::FuncRef,
    ValueType::ExternRef,
    ValueType::ExnRef,
];

fn type_number(ty: ValueType) -> u8 {
    match ty {
        ValueType::I32 => 0,
        ValueType::I64 => 1,
        ValueType::F32 => 2,
        ValueType::F64 => 3,
        ValueType::V128 => 4,
        ValueType::FuncRef => 5,
        ValueType::ExternRef => 6,
        ValueType::ExnRef => 7,
    }
}
