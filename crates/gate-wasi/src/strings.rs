//! Arguments and environment: lists of strings, as `args_get` and `environ_get` hand them over.

use gate_abi::host::Host;

use crate::StartError;
use crate::call::{Call, Fail};
use crate::guest;

/// Bytes of arguments, or of environment variables, with a NUL behind each. Linux has a limit of this kind too.
pub const MAX_STRINGS_BYTES: usize = 2 * 1024 * 1024;

/// Strings with a NUL behind each.
#[derive(Debug, Default)]
pub(crate) struct Strings {
    bytes: Vec<u8>,
    /// Where each begins.
    starts: Vec<u32>,
}

impl Strings {
    pub(crate) fn new<S: AsRef<[u8]>>(strings: &[S]) -> Result<Self, StartError> {
        let found = strings.iter().map(|string| string.as_ref().len() + 1).sum();
        if found > MAX_STRINGS_BYTES {
            return Err(StartError::TooLong { found });
        }
        let mut all = Self::default();
        for (index, string) in strings.iter().enumerate() {
            if string.as_ref().contains(&0) {
                return Err(StartError::Nul { index });
            }
            let start = u32::try_from(all.bytes.len()).map_err(|_| StartError::TooLong { found })?;
            all.starts.push(start);
            all.bytes.extend(string.as_ref());
            all.bytes.push(0);
        }
        Ok(all)
    }

    /// The strings, with a NUL behind each.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What [`Strings::bytes`] gave; `None` when there is no NUL at the end, or too much.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.last().is_some_and(|last| *last != 0) || bytes.len() > MAX_STRINGS_BYTES {
            return None;
        }
        let mut starts = Vec::new();
        let mut start = 0;
        for string in bytes.split_inclusive(|byte| *byte == 0) {
            starts.push(u32::try_from(start).ok()?);
            start += string.len();
        }
        Some(Self { bytes: bytes.to_vec(), starts })
    }

    /// The strings, without the NULs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes
            .split_inclusive(|byte| *byte == 0)
            .map(|string| string.split_last().map_or(string, |(_, s)| s))
    }

    /// Writes pointers to `list` and the strings to `buf`.
    fn get(&self, memory: &mut [u8], list: u32, buf: u32) -> Result<(), Fail> {
        let pointers: Vec<u8> =
            self.starts.iter().flat_map(|start| buf.wrapping_add(*start).to_le_bytes()).collect();
        guest::check(memory, list, pointers.len())?;
        guest::check(memory, buf, self.bytes.len())?;
        guest::put(memory, list, &pointers)?;
        guest::put(memory, buf, &self.bytes)
    }

    /// Writes how many strings there are, and how many bytes.
    fn sizes(&self, memory: &mut [u8], count: u32, bytes: u32) -> Result<(), Fail> {
        guest::check(memory, count, 4)?;
        guest::check(memory, bytes, 4)?;
        guest::put_len(memory, count, self.starts.len())?;
        guest::put_len(memory, bytes, self.bytes.len())
    }
}

impl<H: Host + ?Sized> Call<'_, H> {
    pub(crate) fn args_get(&mut self, argv: u32, argv_buf: u32) -> Result<(), Fail> {
        self.wasi.args.get(self.memory, argv, argv_buf)
    }

    pub(crate) fn args_sizes_get(&mut self, argc: u32, argv_buf_size: u32) -> Result<(), Fail> {
        self.wasi.args.sizes(self.memory, argc, argv_buf_size)
    }

    pub(crate) fn environ_get(&mut self, environ: u32, environ_buf: u32) -> Result<(), Fail> {
        self.wasi.env.get(self.memory, environ, environ_buf)
    }

    pub(crate) fn environ_sizes_get(&mut self, count: u32, buf_size: u32) -> Result<(), Fail> {
        self.wasi.env.sizes(self.memory, count, buf_size)
    }
}
