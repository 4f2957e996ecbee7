//! The content of section `gate.stack`.

use crate::bytes::{DecodeError, Reader, Write};
use crate::{Entry, Frame, Phase};

/// What is to run: no existing system takes this for a stack of its own, as there is no call site with such a number.
const MARK: [u8; 8] = [0xff; 8];

/// What a program is doing, or is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stack {
    pub(super) phase: Phase,
    pub(super) entry: Entry,
    pub(super) frames: Vec<Frame>,
}

impl Stack {
    /// Appends the content of the section.
    pub(super) fn encode(phase: Phase, entry: &Entry, frames: &[Frame]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(MARK);
        bytes.push(phase.code());
        bytes.index(entry.initialize);
        bytes.index(entry.function);
        bytes.values(&entry.arguments);
        bytes.count(frames.len());
        for frame in frames {
            bytes.frame(frame);
        }
        bytes
    }

    /// Reads the content of a section, in which so many exceptions can be referred to.
    pub(super) fn decode(bytes: &[u8], exceptions: u32) -> Result<Self, DecodeError> {
        const WHAT: &str = "section gate.stack";
        let mut reader = Reader::with_exceptions(bytes, exceptions);
        if reader.take(WHAT, MARK.len() as u64)? != MARK {
            return Err(DecodeError::Magic { what: "a stack of version 1" });
        }
        let phase = Phase::read(&mut reader)?;
        let initialize = reader.index(WHAT)?;
        let function = reader.index(WHAT)?;
        let arguments = reader.values("the arguments of the entry")?;
        let frames = reader.frames()?;
        reader.end()?;
        Ok(Self { phase, entry: Entry { initialize, function, arguments }, frames })
    }
}
