//! The file form of compiled code with what belongs to it.
//!
//! | offset | size | meaning |
//! |---|---|---|
//! | 0 | c | the engine's own image of code and data; mapped in place, so it starts at offset 0 |
//! | c | f | facts, needed whenever the code is loaded |
//! | c + f | r | the rest, needed rarely |
//! | c + f + r | 8 | c |
//! | c + f + r + 8 | 8 | f |
//! | c + f + r + 16 | 8 | magic, which tells what the file is |
//!
//! Integers are little-endian. A file is made by a process that has seen a hostile module. Reading one never panics; what
//! it says may be a lie, which harms nobody but the program itself.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const FOOTER_BYTES: u64 = 24;
/// Far more than the facts of any accepted module take.
const MAX_PART_BYTES: u64 = 256 << 20;

/// Why a file is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// It cannot be read.
    #[error("cannot read the compiled module")]
    Read(#[from] io::Error),
    /// It has not the form of one.
    #[error("the compiled module is damaged")]
    Damaged,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Magic(pub(crate) [u8; 8]);

/// Appends everything else to the engine's image.
pub(crate) fn append(image: &mut Vec<u8>, magic: Magic, facts: &[u8], rest: &[u8]) {
    let image_bytes = image.len() as u64;
    image.extend_from_slice(facts);
    image.extend_from_slice(rest);
    image.extend_from_slice(&image_bytes.to_le_bytes());
    image.extend_from_slice(&(facts.len() as u64).to_le_bytes());
    image.extend_from_slice(&magic.0);
}

/// Where the parts of a file are.
#[derive(Clone, Copy, Debug)]
struct Parts {
    facts: u64,
    rest: u64,
    end: u64,
}

impl Parts {
    fn find(file: &File, bytes: u64, magic: Magic) -> Result<Self, ArtifactError> {
        let end = bytes.checked_sub(FOOTER_BYTES).ok_or(ArtifactError::Damaged)?;
        let mut footer = [[0; 8]; 3];
        file.read_exact_at(footer.as_flattened_mut(), end)?;
        let [image_bytes, facts_bytes, found] = footer;
        if found != magic.0 {
            return Err(ArtifactError::Damaged);
        }
        let facts = u64::from_le_bytes(image_bytes);
        let rest = facts.checked_add(u64::from_le_bytes(facts_bytes)).ok_or(ArtifactError::Damaged)?;
        if rest > end { Err(ArtifactError::Damaged) } else { Ok(Self { facts, rest, end }) }
    }
}

/// Reads the image from the first `bytes` bytes of `file`.
pub(crate) fn image(file: &File, bytes: u64, magic: Magic) -> Result<Vec<u8>, ArtifactError> {
    read(file, 0, Parts::find(file, bytes, magic)?.facts)
}

/// How long the image at the start of the first `bytes` bytes of `file` is.
pub(crate) fn image_bytes(file: &File, bytes: u64, magic: Magic) -> Result<u64, ArtifactError> {
    Ok(Parts::find(file, bytes, magic)?.facts)
}

/// Reads the facts from the first `bytes` bytes of `file`.
pub(crate) fn facts(file: &File, bytes: u64, magic: Magic) -> Result<Vec<u8>, ArtifactError> {
    let parts = Parts::find(file, bytes, magic)?;
    read(file, parts.facts, parts.rest)
}

/// Likewise, the rest.
pub(crate) fn rest(file: &File, bytes: u64, magic: Magic) -> Result<Vec<u8>, ArtifactError> {
    let parts = Parts::find(file, bytes, magic)?;
    read(file, parts.rest, parts.end)
}

fn read(file: &File, start: u64, end: u64) -> Result<Vec<u8>, ArtifactError> {
    let len = end.checked_sub(start).filter(|len| *len <= MAX_PART_BYTES).ok_or(ArtifactError::Damaged)?;
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| ArtifactError::Damaged)?];
    file.read_exact_at(&mut bytes, start)?;
    Ok(bytes)
}
