//! Where in a program an instruction is that has run.

use std::fs::File;

use crate::artifact;
use crate::container::ArtifactError;
use crate::{Frame, Offset};

/// The offset in the original module of each frame's instruction. `None` where it is of none of them, or not known.
///
/// The artifact in the first `artifact_bytes` bytes of `file` is that of the program that ran. Nothing of it is run here.
///
/// # Errors
/// [`ArtifactError`] when the file is no artifact.
pub fn original_offsets(
    file: &File,
    artifact_bytes: u64,
    frames: &[Frame],
) -> Result<Vec<Option<u32>>, ArtifactError> {
    let offsets = artifact::offsets(file, artifact_bytes)?;
    let original = |frame: &Frame| match frame.offset? {
        Offset::Running(offset) => offsets.original(offset),
        Offset::Original(offset) => Some(offset),
    };
    Ok(frames.iter().map(original).collect())
}
