//! How a program ended, and what it used.

use gate_abi::trap::Trap;

use crate::DecodeError;
use crate::codec::{Decoder, Encoder};

/// Text of a message, a name or a path is cut here: it is for people.
const MAX_TEXT_BYTES: usize = 4096;
/// A backtrace is cut here: with the longest names it still fits into a message.
const MAX_FRAMES: usize = 32;
/// Inlined functions of one frame beyond this many are left out.
const MAX_LINES: usize = 4;
/// Names and paths in a backtrace are cut here: 32 frames × (1 + 4 × 2) names then take 144 KiB at most.
const MAX_NAME_BYTES: usize = 512;

/// A result of the function that was invoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// 32-bit float, as its bits.
    F32(u32),
    /// 64-bit float, as its bits.
    F64(u64),
}

/// A place in source code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// The function there, if the debug information names it: another one than the frame's where it is inlined.
    pub function: Option<String>,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1; 0 if unknown.
    pub column: u32,
}

/// One call on the stack of a program that trapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The function's index in the module.
    pub function_index: u32,
    /// The function's name, if the module has one for it.
    pub function_name: Option<String>,
    /// The instruction's offset in the module's bytes.
    pub module_offset: Option<u64>,
    /// Its offset in the stoppable module that was compiled, if only that is known: see
    /// [`Job::Symbolize`](super::Job::Symbolize).
    pub compiled_offset: Option<u64>,
    /// The source lines, innermost first, if the module has debug information.
    pub lines: Vec<SourceLine>,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its entry function returned.
    Returned(Vec<Value>),
    /// It called `proc_exit` with this status.
    Exited(u32),
    /// It trapped.
    Trapped {
        /// Why.
        trap: Trap,
        /// More about it, for people, where there is more; may quote the module.
        detail: Option<String>,
        /// The calls on its stack, innermost first.
        frames: Vec<Frame>,
    },
    /// It wrote more than it may: the limit in bytes.
    OutputLimit(u64),
    /// The host failed while it ran.
    HostFailure(String),
}

/// What a program used, as its process knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// From the first instruction to the end, in microseconds.
    pub run_micros: u64,
    /// The largest size of all linear memories together, in bytes.
    pub memory_peak_bytes: u64,
    /// What it wrote to standard output and error, in bytes.
    pub output_bytes: u64,
    /// The contents of its files at the end, in bytes.
    pub fs_bytes: u64,
}

pub(super) fn cut(text: &[u8]) -> &[u8] {
    &text[..text.len().min(MAX_TEXT_BYTES)]
}

fn name(text: &str) -> &[u8] {
    &text.as_bytes()[..text.len().min(MAX_NAME_BYTES)]
}

impl Value {
    fn encode(self, e: &mut Encoder) {
        let (kind, bits) = match self {
            Self::I32(v) => (0, u64::from(v.cast_unsigned())),
            Self::I64(v) => (1, v.cast_unsigned()),
            Self::F32(bits) => (2, u64::from(bits)),
            Self::F64(bits) => (3, bits),
        };
        e.u8(kind);
        e.u64(bits);
    }

    fn decode(d: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let (kind, bits) = (d.u8()?, d.u64()?);
        let narrow = u32::try_from(bits).map_err(|_| d.bad_value());
        match kind {
            0 => Ok(Self::I32(narrow?.cast_signed())),
            1 => Ok(Self::I64(bits.cast_signed())),
            2 => Ok(Self::F32(narrow?)),
            3 => Ok(Self::F64(bits)),
            _ => Err(d.bad_value()),
        }
    }
}

impl Outcome {
    pub(super) fn encode(&self, e: &mut Encoder) {
        match self {
            Self::Returned(values) => {
                e.u8(0);
                e.count(values.len());
                for value in values {
                    value.encode(e);
                }
            }
            Self::Exited(status) => {
                e.u8(1);
                e.u32(*status);
            }
            Self::Trapped { trap, detail, frames } => {
                e.u8(2);
                e.u8(trap.id());
                e.option(detail.as_ref(), |e, text| e.string(cut(text.as_bytes())));
                encode_frames(frames, e);
            }
            Self::OutputLimit(limit) => {
                e.u8(3);
                e.u64(*limit);
            }
            Self::HostFailure(message) => {
                e.u8(4);
                e.string(cut(message.as_bytes()));
            }
        }
    }

    pub(super) fn decode(d: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(match d.u8()? {
            0 => {
                let count = d.count(9)?;
                let mut values = Vec::with_capacity(count);
                for _ in 0..count {
                    values.push(Value::decode(d)?);
                }
                Self::Returned(values)
            }
            1 => Self::Exited(d.u32()?),
            2 => {
                let trap = Trap::from_id(d.u8()?).ok_or(d.bad_value())?;
                let detail = d.option(Decoder::text)?;
                Self::Trapped { trap, detail, frames: decode_frames(d)? }
            }
            3 => Self::OutputLimit(d.u64()?),
            4 => Self::HostFailure(d.text()?),
            _ => return Err(d.bad_value()),
        })
    }
}

pub(super) fn encode_frames(frames: &[Frame], e: &mut Encoder) {
    let frames = &frames[..frames.len().min(MAX_FRAMES)];
    e.count(frames.len());
    for frame in frames {
        frame.encode(e);
    }
}

pub(super) fn decode_frames(d: &mut Decoder<'_>) -> Result<Vec<Frame>, DecodeError> {
    let count = d.count(11)?;
    let mut frames = Vec::with_capacity(count.min(MAX_FRAMES));
    for _ in 0..count {
        frames.push(Frame::decode(d)?);
    }
    Ok(frames)
}

impl Frame {
    fn encode(&self, e: &mut Encoder) {
        e.u32(self.function_index);
        e.option(self.function_name.as_ref(), |e, text| e.string(name(text)));
        e.option(self.module_offset.as_ref(), |e, offset| e.u64(*offset));
        e.option(self.compiled_offset.as_ref(), |e, offset| e.u64(*offset));
        let lines = &self.lines[..self.lines.len().min(MAX_LINES)];
        e.count(lines.len());
        for line in lines {
            e.option(line.function.as_ref(), |e, text| e.string(name(text)));
            e.string(name(&line.file));
            e.u32(line.line);
            e.u32(line.column);
        }
    }

    fn decode(d: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let function_index = d.u32()?;
        let function_name = d.option(Decoder::text)?;
        let module_offset = d.option(Decoder::u64)?;
        let compiled_offset = d.option(Decoder::u64)?;
        let count = d.count(13)?;
        let mut lines = Vec::with_capacity(count.min(MAX_LINES));
        for _ in 0..count {
            lines.push(SourceLine {
                function: d.option(Decoder::text)?,
                file: d.text()?,
                line: d.u32()?,
                column: d.u32()?,
            });
        }
        Ok(Self { function_index, function_name, module_offset, compiled_offset, lines })
    }
}

impl Statistics {
    pub(super) fn encode(&self, e: &mut Encoder) {
        e.u64(self.run_micros);
        e.u64(self.memory_peak_bytes);
        e.u64(self.output_bytes);
        e.u64(self.fs_bytes);
    }

    pub(super) fn decode(d: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            run_micros: d.u64()?,
            memory_peak_bytes: d.u64()?,
            output_bytes: d.u64()?,
            fs_bytes: d.u64()?,
        })
    }
}
