//! A state as bytes, for those who share a host.
//!
//! | Offset | Size | Meaning |
//! |---|---|---|
//! | 0 | 8 | magic: `GateSt\r\n` |
//! | 8 | 4 | version: 1 |
//! | 12 | 4 | zero |
//! | 16 | 8 | length of everything |
//! | 24 | | the exceptions, a list |
//! | | 1 | phase: 0 fresh, 1 start, 2 initialize, 3 main |
//! | | 4 | [`Entry::initialize`] |
//! | | 4 | [`Entry::function`] |
//! | | | [`Entry::arguments`], a list of values |
//! | | | the sizes of memories, a list of `u32` |
//! | | | the globals, a list of values |
//! | | | the tables, a list of lists of references |
//! | | | the bytes for dropped segments, a list of 0 and 1 |
//! | | 8 | the monotonic clock |
//! | | 1 | frames: 0 raw, 1 portable |
//! | | | raw: number of bytes (8), the bytes, the spilled references (three lists); portable: a list of frames |
//! | | 8 | length of the host's part |
//! | | | the host's part |
//!
//! Everything else is as in the crate's module `bytes`.

use std::ops::Range;

use crate::bytes::{DecodeError, Reader, Write};
use crate::{Entry, Frames, Phase, State};

/// What a state starts with.
pub(super) const MAGIC: [u8; 8] = *b"GateSt\r\n";

/// The version that is written, and the only one that is read.
pub(super) const VERSION: u32 = 1;

/// What this is about, in messages.
const WHAT: &str = "the state of a program";

impl State {
    /// The state as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.encode_head(self.host.len() as u64);
        bytes.extend(&self.host);
        bytes
    }

    /// The state as bytes, without the host's part, which has so many bytes and follows: it can be large.
    pub fn encode_head(&self, host_bytes: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(MAGIC);
        bytes.u32(VERSION);
        bytes.u32(0);
        let length_at = bytes.len();
        bytes.u64(0);
        bytes.count(self.exceptions.len());
        for exception in &self.exceptions {
            bytes.exception(exception);
        }
        bytes.push(self.phase.code());
        bytes.index(self.entry.initialize);
        bytes.index(self.entry.function);
        bytes.values(&self.entry.arguments);
        bytes.count(self.memory_pages.len());
        for pages in &self.memory_pages {
            bytes.u32(*pages);
        }
        bytes.values(&self.globals);
        bytes.count(self.tables.len());
        for table in &self.tables {
            bytes.references(table);
        }
        bytes.count(self.dropped.len());
        bytes.extend(&self.dropped);
        bytes.u64(self.monotonic_nanos);
        match &self.frames {
            Frames::Raw { bytes: frames, spilled } => {
                bytes.push(0);
                bytes.u64(frames.len() as u64);
                bytes.extend(frames);
                for references in spilled {
                    bytes.references(references);
                }
            }
            Frames::Portable(frames) => {
                bytes.push(1);
                bytes.count(frames.len());
                for frame in frames {
                    bytes.frame(frame);
                }
            }
        }
        bytes.u64(host_bytes);
        let length = bytes.len() as u64 + host_bytes;
        bytes[length_at..length_at + 8].copy_from_slice(&length.to_le_bytes());
        bytes
    }

    /// The state that [`State::encode`] made bytes of. Whether it is one of a certain program is not looked at.
    ///
    /// What is allocated is less than 64 times as large as the bytes.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (mut state, host) = Self::decode_head(bytes)?;
        state.host = bytes.get(host).unwrap_or_default().to_vec();
        Ok(state)
    }

    /// Likewise, but leaves the host's part where it is, and tells where that is.
    ///
    /// # Errors
    /// Those of [`State::decode`].
    pub fn decode_head(bytes: &[u8]) -> Result<(Self, Range<usize>), DecodeError> {
        let mut reader = Reader::new(bytes);
        if !bytes.starts_with(&MAGIC) {
            return Err(DecodeError::Magic { what: WHAT });
        }
        reader.take(WHAT, MAGIC.len() as u64)?;
        let found = reader.u32(WHAT)?;
        if found != VERSION {
            return Err(DecodeError::Version { what: WHAT, found, supported: VERSION });
        }
        let at = reader.at();
        let reserved = reader.u32(WHAT)?;
        if reserved != 0 {
            return Err(DecodeError::Code { what: "the reserved number", at, found: reserved.into() });
        }
        let (found, actual) = (reader.u64(WHAT)?, bytes.len() as u64);
        if found != actual {
            return Err(DecodeError::Length { found, actual });
        }
        let exceptions = reader.exceptions()?;
        let phase = Phase::read(&mut reader)?;
        let entry = Entry {
            initialize: reader.index("the entry")?,
            function: reader.index("the entry")?,
            arguments: reader.values("the arguments of the entry")?,
        };
        let memory_pages =
            reader.list("sizes of memories", 4, |reader| reader.u32("the size of a memory"))?;
        let globals = reader.values("globals")?;
        let tables = reader.list("tables", 4, Reader::references)?;
        let dropped = reader.list("bytes for dropped segments", 1, |reader| {
            let at = reader.at();
            match reader.u8("dropped segments")? {
                byte @ (0 | 1) => Ok(byte),
                found => {
                    Err(DecodeError::Code { what: "whether a segment is dropped", at, found: found.into() })
                }
            }
        })?;
        let monotonic_nanos = reader.u64("the monotonic clock")?;
        let at = reader.at();
        let frames = match reader.u8("frames")? {
            0 => {
                let length = reader.u64("frames")?;
                let bytes = reader.take("frames", length)?.to_vec();
                let spilled = [reader.references()?, reader.references()?, reader.references()?];
                Frames::Raw { bytes, spilled }
            }
            1 => Frames::Portable(reader.frames()?),
            found => return Err(DecodeError::Code { what: "the form of frames", at, found: found.into() }),
        };
        let length = reader.u64("the host's part")?;
        let host = reader.take("the host's part", length)?.len();
        reader.end()?;
        let state = Self {
            phase,
            entry,
            frames,
            memory_pages,
            globals,
            tables,
            dropped,
            exceptions,
            monotonic_nanos,
            host: Vec::new(),
        };
        Ok((state, bytes.len() - host..bytes.len()))
    }
}

impl Phase {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Fresh => 0,
            Self::Start => 1,
            Self::Initialize => 2,
            Self::Main => 3,
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.at();
        Ok(match reader.u8("the phase")? {
            0 => Self::Fresh,
            1 => Self::Start,
            2 => Self::Initialize,
            3 => Self::Main,
            found => return Err(DecodeError::Code { what: "the phase", at, found: found.into() }),
        })
    }
}
