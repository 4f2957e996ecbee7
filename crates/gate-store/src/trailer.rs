//! The form of an artifact file, and the check that one is whole.
//!
//! The artifact comes first, so that the engine can map the file as it is: code has to start at a page boundary. What
//! the cache has to know follows in a trailer, all numbers little-endian:
//!
//! | offset | size | meaning                                                         |
//! |-------:|-----:|-----------------------------------------------------------------|
//! |      0 |    n | the artifact                                                    |
//! |  n + 0 |    8 | magic: `"gate art"`                                             |
//! |  n + 8 |    4 | format: [`FORMAT`]                                              |
//! | n + 12 |    4 | reserved: 0                                                     |
//! | n + 16 |   32 | the [`Key`]                                                     |
//! | n + 48 |    8 | n, the number of the artifact's bytes                           |
//! | n + 56 |    8 | XXH3 (64 bits, seed 0) of the artifact                          |
//!
//! The trailer has no checksum of its own as there is just one right value for every bit of it.
//!
//! The checksum guards against what crashes and disks do to files: missing tails, pages of zeros, flipped bits. It does
//! not guard against people. Whoever can write to the directory could compute any checksum, a cryptographic one too;
//! they are kept out by the directory's permissions ([`crate::OpenError`]), and artifacts run only in sealed workers in
//! any case. So it is chosen for speed, which every start of a program pays for: XXH3 runs at memory bandwidth, SHA-256
//! at a tenth of that or less; CRC-32 is as fast only with special instructions, and misses one torn file in 2^32.

use std::io::{self, Read, Seek, SeekFrom};

use xxhash_rust::xxh3::Xxh3Default;

use crate::key::{CHUNK_BYTES, Key};

/// The number of the file format described above. It is part of each [`Key`] and file name, too.
pub const FORMAT: u32 = 1;

/// How many bytes of an artifact file follow the artifact.
pub const TRAILER_BYTES: usize = 64;

const MAGIC: [u8; 8] = *b"gate art";

/// Why a file is not the artifact that was looked for.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum Rejection {
    /// The file is too short for a trailer.
    #[error("artifact file has {found} bytes, fewer than its trailer of {TRAILER_BYTES}")]
    Short { found: u64 },
    /// The file does not end with a trailer: it was torn, or something else wrote it.
    #[error("artifact file does not end with a trailer")]
    Magic,
    /// Another version of Gate wrote the file.
    #[error("artifact file has format {found}, not {FORMAT}")]
    Format { found: u32 },
    /// A reserved field is not zero.
    #[error("artifact file has {found:#x} in a reserved field")]
    Reserved { found: u32 },
    /// The file is whole but holds another artifact.
    #[error("artifact file holds the artifact of key {found}, not of {wanted}")]
    Key { found: Key, wanted: Key },
    /// The artifact is shorter or longer than the trailer says.
    #[error("artifact file holds {found} bytes of artifact, not {stated}")]
    Length { found: u64, stated: u64 },
    /// The artifact's bytes are not those that were written.
    #[error("artifact has checksum {found:#018x}, not {stated:#018x}")]
    Checksum { found: u64, stated: u64 },
    /// The file could not be read, or became shorter while it was.
    #[error("cannot read artifact file")]
    Read { source: io::Error },
    /// The directory entry is a symbolic link, a pipe, or anything else but a file.
    #[error("artifact is not a regular file")]
    NotAFile,
    /// Another user owns the file or may write to it, and so may have put code of theirs there.
    #[error("artifact file could be written by others (owner {owner}, mode {mode:04o})")]
    Untrusted { owner: u32, mode: u32 },
}

/// What follows the artifact in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// What the artifact is found by.
    pub key: Key,
    /// The length of the artifact in bytes.
    pub artifact_bytes: u64,
    /// XXH3 of the artifact.
    pub checksum: u64,
}

impl Trailer {
    /// The trailer as it stands in a file.
    #[must_use]
    pub fn encode(&self) -> [u8; TRAILER_BYTES] {
        let mut bytes = [0; TRAILER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[16..48].copy_from_slice(&self.key.to_bytes());
        bytes[48..56].copy_from_slice(&self.artifact_bytes.to_le_bytes());
        bytes[56..].copy_from_slice(&self.checksum.to_le_bytes());
        bytes
    }

    /// Reads a trailer. Whether its values are the right ones is up to the caller.
    ///
    /// # Errors
    /// [`Rejection::Magic`], [`Rejection::Format`] or [`Rejection::Reserved`].
    pub fn decode(bytes: &[u8; TRAILER_BYTES]) -> Result<Self, Rejection> {
        if bytes[..8] != MAGIC {
            return Err(Rejection::Magic);
        }
        let format = u32::from_le_bytes(field(bytes, 8));
        if format != FORMAT {
            return Err(Rejection::Format { found: format });
        }
        let reserved = u32::from_le_bytes(field(bytes, 12));
        if reserved != 0 {
            return Err(Rejection::Reserved { found: reserved });
        }
        Ok(Self {
            key: Key::from_bytes(field(bytes, 16)),
            artifact_bytes: u64::from_le_bytes(field(bytes, 48)),
            checksum: u64::from_le_bytes(field(bytes, 56)),
        })
    }
}

/// The `N` bytes at `offset`; both are constants of the table above.
fn field<const N: usize>(bytes: &[u8; TRAILER_BYTES], offset: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[offset..offset + N]);
    field
}

/// Checks that `file` is a whole artifact file with the artifact of `key`, and returns the artifact's length in bytes.
///
/// Memory use does not depend on the size. The position is left anywhere.
///
/// # Errors
/// A [`Rejection`] if it is not; never [`Rejection::NotAFile`] or [`Rejection::Untrusted`].
pub fn verify(file: &mut (impl Read + Seek), key: &Key) -> Result<u64, Rejection> {
    let read = |source| Rejection::Read { source };
    let found = file.seek(SeekFrom::End(0)).map_err(read)?;
    let Some(artifact_bytes) = found.checked_sub(TRAILER_BYTES as u64) else {
        return Err(Rejection::Short { found });
    };
    file.seek(SeekFrom::Start(artifact_bytes)).map_err(read)?;
    let mut trailer = [0; TRAILER_BYTES];
    file.read_exact(&mut trailer).map_err(read)?;
    let trailer = Trailer::decode(&trailer)?;
    if trailer.key != *key {
        return Err(Rejection::Key { found: trailer.key, wanted: *key });
    }
    if trailer.artifact_bytes != artifact_bytes {
        return Err(Rejection::Length { found: artifact_bytes, stated: trailer.artifact_bytes });
    }
    file.seek(SeekFrom::Start(0)).map_err(read)?;
    let mut checksum = Checksum::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut rest = artifact_bytes;
    while rest > 0 {
        let wanted = usize::try_from(rest).map_or(chunk.len(), |rest| rest.min(chunk.len()));
        file.read_exact(&mut chunk[..wanted]).map_err(read)?;
        checksum.update(&chunk[..wanted]);
        rest -= wanted as u64;
    }
    let found = checksum.finish();
    if found != trailer.checksum {
        return Err(Rejection::Checksum { found, stated: trailer.checksum });
    }
    Ok(artifact_bytes)
}

/// The checksum of an artifact whose bytes come piece by piece.
pub(crate) struct Checksum(Xxh3Default);

impl Checksum {
    pub(crate) fn new() -> Self {
        Self(Xxh3Default::new())
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(&self) -> u64 {
        self.0.digest()
    }
}

#[cfg(test)]
mod tests;
