//! What is done with modules and snapshots, besides compiling and running them.

use super::{Stops, Tier, stops, tier};
use crate::DecodeError;
use crate::codec::{Decoder, Encoder};

/// The form of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Version 1: every program, stopped anywhere.
    Native,
    /// Version 0, that of the existing system: some programs, at some stop points.
    Upstream,
}

/// A piece of work on a module or a snapshot. Its descriptors are what it reads, then files for what it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// From a module and the state of its program, makes the code that continues it.
    Continue {
        /// For which engine.
        tier: Tier,
        /// As the program itself was compiled.
        stops: Stops,
    },
    /// From a module, the state of its program, its packet buffers, and its linear memories, makes a snapshot.
    Snapshot {
        /// The form.
        format: Format,
        /// How many memories there are.
        memories: u32,
    },
    /// From a snapshot, makes the module, the state, the packet buffers, and the linear memories.
    Restore {
        /// How many files for memories there are. [`Event::Memories`](super::Event::Memories) tells if they are too few.
        memories: u32,
        /// The most that all memories together may become, in bytes. Each file gets that length.
        memory_bytes: u64,
    },
    /// Describes a module or a snapshot.
    Inspect {
        /// As JSON, not as text.
        json: bool,
    },
    /// From a snapshot, makes a module that continues the program on any engine.
    Standalone,
    /// Of a module and its artifact, finds out where the calls of a backtrace are.
    Symbolize {
        /// How many bytes at the start of the artifact's file it is.
        artifact_bytes: u64,
        /// Of each: the function, [`Frame::module_offset`](super::Frame::module_offset), and
        /// [`Frame::compiled_offset`](super::Frame::compiled_offset).
        frames: Vec<(u32, Option<u64>, Option<u64>)>,
    },
    /// From a module, compiles a program that stops at breakpoints; or, from the module and the state of the program, the code
    /// that continues it beside what was compiled before.
    Debug {
        /// For which engine.
        tier: Tier,
        /// How it can be stopped besides.
        stops: Stops,
        /// Offsets in the module of the instructions before which it stops.
        breakpoints: Vec<u32>,
        /// Whether the program continues.
        continues: bool,
    },
    /// Finds out which instructions of a module somebody means: `0x1f`, `main`, `main.c:7`.
    /// [`Event::Symbols`](super::Event::Symbols) tells.
    Locate {
        /// What the user wrote.
        place: String,
    },
}

impl Job {
    /// How many files it reads.
    #[must_use]
    pub fn inputs(&self) -> usize {
        match self {
            Self::Continue { .. } | Self::Symbolize { .. } => 2,
            Self::Snapshot { memories, .. } => 3 + count(*memories),
            Self::Restore { .. } | Self::Inspect { .. } | Self::Standalone | Self::Locate { .. } => 1,
            Self::Debug { continues, .. } => 1 + usize::from(*continues),
        }
    }

    /// How many files it fills.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match self {
            Self::Continue { .. }
            | Self::Snapshot { .. }
            | Self::Inspect { .. }
            | Self::Standalone
            | Self::Debug { .. } => 1,
            Self::Restore { memories, .. } => 3 + count(*memories),
            Self::Symbolize { .. } | Self::Locate { .. } => 0,
        }
    }

    pub(super) fn encode(&self, e: &mut Encoder) {
        match self {
            Self::Continue { tier, stops } => {
                e.u8(0);
                e.u8(tier.number());
                e.u8(stops.number());
            }
            Self::Snapshot { format, memories } => {
                e.u8(1);
                e.u8(match format {
                    Format::Native => 1,
                    Format::Upstream => 0,
                });
                e.u32(*memories);
            }
            Self::Restore { memories, memory_bytes } => {
                e.u8(2);
                e.u32(*memories);
                e.u64(*memory_bytes);
            }
            Self::Inspect { json } => {
                e.u8(3);
                e.bool(*json);
            }
            Self::Standalone => e.u8(4),
            Self::Debug { tier, stops, breakpoints, continues } => {
                e.u8(6);
                e.u8(tier.number());
                e.u8(stops.number());
                e.count(breakpoints.len());
                breakpoints.iter().for_each(|offset| e.u32(*offset));
                e.bool(*continues);
            }
            Self::Locate { place } => {
                e.u8(7);
                e.string(place.as_bytes());
            }
            Self::Symbolize { artifact_bytes, frames } => {
                e.u8(5);
                e.u64(*artifact_bytes);
                e.count(frames.len());
                for (function, module_offset, compiled_offset) in frames {
                    e.u32(*function);
                    for offset in [module_offset, compiled_offset] {
                        e.option(offset.as_ref(), |e, offset| e.u64(*offset));
                    }
                }
            }
        }
    }

    pub(super) fn decode(d: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(match d.u8()? {
            0 => Self::Continue { tier: tier(d)?, stops: stops(d)? },
            1 => {
                let format = match d.u8()? {
                    0 => Format::Upstream,
                    1 => Format::Native,
                    _ => return Err(d.bad_value()),
                };
                Self::Snapshot { format, memories: d.u32()? }
            }
            2 => Self::Restore { memories: d.u32()?, memory_bytes: d.u64()? },
            3 => Self::Inspect { json: d.bool()? },
            4 => Self::Standalone,
            5 => {
                let artifact_bytes = d.u64()?;
                let count = d.count(6)?;
                let mut frame = || Ok((d.u32()?, d.option(Decoder::u64)?, d.option(Decoder::u64)?));
                let frames = (0..count).map(|_| frame()).collect::<Result<_, DecodeError>>()?;
                Self::Symbolize { artifact_bytes, frames }
            }
            6 => {
                let (tier, stops) = (tier(d)?, stops(d)?);
                let count = d.count(4)?;
                let breakpoints = (0..count).map(|_| d.u32()).collect::<Result<_, DecodeError>>()?;
                Self::Debug { tier, stops, breakpoints, continues: d.bool()? }
            }
            7 => Self::Locate { place: d.text()? },
            _ => return Err(d.bad_value()),
        })
    }
}

fn count(count: u32) -> usize {
    // Far more than any message can come with: it is refused wherever it is met.
    usize::try_from(count).unwrap_or(usize::MAX >> 2)
}
