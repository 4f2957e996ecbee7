//! What an artifact is found by: the module's bytes and everything that had a say in its translation.

use std::fmt;
use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

use crate::trailer::FORMAT;

/// Separates these hashes from any others over the same bytes. Changing it forgets all artifacts.
const KEY_DOMAIN: &[u8] = b"gate artifact key\0";

/// How much is read at a time. Larger gains nothing: the data still fits into the second-level cache.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;

/// The SHA-256 of a WebAssembly module's bytes.
///
/// Cryptographic, unlike the checksum of artifact files: modules come from strangers, who must not be able to make two
/// of them share an entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleHash([u8; 32]);

impl ModuleHash {
    /// The hash of `module`.
    #[must_use]
    pub fn of(module: &[u8]) -> Self {
        Self(Sha256::digest(module).into())
    }

    /// The hash whose bytes are already known.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the hash.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

/// Lower-case hexadecimal, 64 characters.
impl fmt::Display for ModuleHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for ModuleHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModuleHash({self})")
    }
}

/// What an artifact is found by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 32]);

impl Key {
    /// The key of `module` as translated by the engine that `engine` describes.
    ///
    /// `engine` must change whenever the same module could be translated to different code or be loaded differently:
    /// the engine's version, the target, the processor features in use, and every setting.
    #[must_use]
    pub fn new(module: &ModuleHash, engine: &[u8]) -> Self {
        // Only the last part has a varying length, so no two inputs are the same sequence of bytes.
        let mut hasher = Sha256::new();
        hasher.update(KEY_DOMAIN);
        hasher.update(FORMAT.to_le_bytes());
        hasher.update(module.0);
        hasher.update(engine);
        Self(hasher.finalize().into())
    }

    /// The key whose bytes are already known.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the key.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

/// Lower-case hexadecimal, 64 characters.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// Why a module could not be copied.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum CopyError {
    /// The source failed.
    #[error("cannot read the module")]
    Read { source: io::Error },
    /// The destination failed.
    #[error("cannot copy the module")]
    Write { source: io::Error },
}

/// Copies `reader` to `writer` up to its end, and returns the hash and the number of the bytes.
///
/// Memory use does not depend on the size. Bound the size by passing `reader.take(LIMIT + 1)`.
///
/// # Errors
/// When either side fails; how much was copied until then is unknown. Interrupted calls are repeated.
pub fn hash_and_copy(
    reader: &mut (impl Read + ?Sized),
    writer: &mut (impl Write + ?Sized),
) -> Result<(ModuleHash, u64), CopyError> {
    let mut hasher = Sha256::new();
    let mut bytes: u64 = 0;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let filled = match reader.read(&mut chunk) {
            Ok(0) => return Ok((ModuleHash(hasher.finalize().into()), bytes)),
            Ok(count) => &chunk[..count],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(CopyError::Read { source }),
        };
        hasher.update(filled);
        writer.write_all(filled).map_err(|source| CopyError::Write { source })?;
        bytes += filled.len() as u64;
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests;
