//! Frames as values: out of the control memory, and back into it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::callees::Callees;
use super::control::STORED;
use super::error::StopError;
use super::layout::{self, Layout, Source, TRAILER};
use super::module::index;
use super::plan::Stops;
use super::site::{Call, Site, SiteId};
use super::{Continuations, Program};
use crate::accept::ValueType;

/// A function that has been called and has not returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The function.
    pub function: u32,
    /// The stop point that it is at.
    pub site: SiteId,
    /// The values of its parameters and locals. Those that it does not read before it writes them are zero or null, so
    /// that equal states have equal frames.
    pub locals: Vec<Value>,
    /// The values of its operands, the lowest first; of a call, those below its arguments.
    pub operands: Vec<Value>,
}

/// A value of a local or an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "they are the types of `ValueType`; floating-point numbers are given by their bits"
)]
pub enum Value {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
    V128(u128),
    /// The element of the spill table of the type that has the reference, or `None` for null.
    Reference(ValueType, Option<u32>),
}

impl Value {
    /// The value that locals of a type start with.
    pub const fn zero(ty: ValueType) -> Self {
        match ty {
            ValueType::I32 => Self::I32(0),
            ValueType::I64 => Self::I64(0),
            ValueType::F32 => Self::F32(0),
            ValueType::F64 => Self::F64(0),
            ValueType::V128 => Self::V128(0),
            ValueType::FuncRef | ValueType::ExternRef | ValueType::ExnRef => Self::Reference(ty, None),
        }
    }

    /// Its type.
    pub const fn ty(self) -> ValueType {
        match self {
            Self::I32(_) => ValueType::I32,
            Self::I64(_) => ValueType::I64,
            Self::F32(_) => ValueType::F32,
            Self::F64(_) => ValueType::F64,
            Self::V128(_) => ValueType::V128,
            Self::Reference(ty, _) => ty,
        }
    }
}

/// Why frames make no sense.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum FrameError {
    /// Bytes do not end with a frame.
    #[error("the frames have {left} bytes where a frame of {needed} bytes should end")]
    Truncated { left: usize, needed: usize },
    /// There are no frames, or the last one is in a call, or another one is not.
    #[error("frame {position} of {frames} is not at a stop point where it could be")]
    Order { position: usize, frames: usize },
    /// A frame's function is not the one its stop point is in, or could not have been called by the frame before it.
    #[error("frame {position} is of function {function}, which cannot be there")]
    Function { position: usize, function: u32 },
    /// A frame has other values than its stop point has.
    #[error(
        "frame {position} has a wrong number of values, or a value of another type than its stop point says"
    )]
    Values { position: usize },
    /// A reference that is saved is nowhere.
    #[error("frame {position} has a reference that is in no spill table")]
    Reference { position: usize },
    /// There is no continuation for a frame.
    #[error("there is no continuation for frame {position}")]
    Slot { position: usize },
    /// There is no such stop point, or its function cannot be transformed.
    #[error(transparent)]
    Stop(#[from] StopError),
}

impl Program<'_> {
    /// The frames, outermost first, that are in `bytes`: the part of the control memory from [`Control::frames`] on that has the
    /// size found at [`FRAMES_SIZE`](super::control::FRAMES_SIZE).
    ///
    /// # Errors
    /// [`FrameError`] when the bytes are not what a stopped program has left there.
    ///
    /// [`Control::frames`]: super::Control::frames
    pub fn decode(&self, mut bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
        let mut sites = Sites::new(self);
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            let truncated = |needed| FrameError::Truncated { left: bytes.len(), needed };
            let (_, trailer) = bytes.split_last_chunk::<8>().ok_or_else(|| truncated(index(TRAILER)))?;
            let [a, b, c, d, form @ ..] = *trailer;
            let id = SiteId(u32::from_le_bytes([a, b, c, d]));
            let site = sites.get(id)?;
            let layout = match u32::from_le_bytes(form) {
                STORED => sites.stored(id).ok_or(FrameError::Values { position: frames.len() })?,
                _ => site.layout(),
            };
            let size = index(layout.size);
            let start = bytes.len().checked_sub(size).ok_or_else(|| truncated(size))?;
            let (rest, record) = bytes.split_at(start);
            let mut locals: Vec<_> = site.locals.iter().copied().map(Value::zero).collect();
            let mut operands: Vec<_> = site.operands().into_iter().map(Value::zero).collect();
            for field in &layout.fields {
                let value = match field.source {
                    Source::Local(local) => locals.get_mut(index(local)),
                    Source::Operand(slot) => operands.get_mut(slot),
                    Source::Unused(_) => continue,
                };
                let value = value.expect("a layout has values of its stop point only");
                let at = record.get(index(field.offset)..).unwrap_or_default();
                *value = read(field.ty, at).ok_or_else(|| truncated(size))?;
            }
            frames.push(Frame { function: site.function, site: site.id, locals, operands });
            bytes = rest;
        }
        self.check(&mut sites, &frames)?;
        Ok(frames)
    }

    /// The bytes to be written to the control memory at [`Control::frames`], their number to be written at
    /// [`FRAMES_SIZE`](super::control::FRAMES_SIZE), for a program to be continued from `frames`, which are outermost first. Locals
    /// that are not live at their stop points are not looked at.
    ///
    /// # Errors
    /// [`FrameError`] when a frame is of no function that can be running in the call that the one before it is in, or has other
    /// values than its stop point, or has no continuation.
    ///
    /// [`Control::frames`]: super::Control::frames
    pub fn encode(&self, frames: &[Frame], continuations: &Continuations) -> Result<Vec<u8>, FrameError> {
        let mut sites = Sites::new(self);
        self.check(&mut sites, frames)?;
        let mut bytes = Vec::new();
        for (position, frame) in frames.iter().enumerate().rev() {
            let site = sites.get(frame.site)?;
            for field in &site.layout().fields {
                let value = match field.source {
                    Source::Local(local) => frame.locals.get(index(local)),
                    Source::Operand(slot) => frame.operands.get(slot),
                    Source::Unused(_) => {
                        bytes.resize(bytes.len() + index(layout::size(field.ty)), 0);
                        continue;
                    }
                };
                match value.copied().ok_or(FrameError::Values { position })? {
                    Value::I32(bits) | Value::F32(bits) => bytes.extend(bits.to_le_bytes()),
                    Value::I64(bits) | Value::F64(bits) => bytes.extend(bits.to_le_bytes()),
                    Value::V128(bits) => bytes.extend(bits.to_le_bytes()),
                    Value::Reference(_, element) => {
                        let element = element.ok_or(FrameError::Reference { position })?;
                        bytes.extend(element.to_le_bytes());
                    }
                }
            }
            let slot = continuations.slots.get(&frame.site).ok_or(FrameError::Slot { position })?;
            let inner = frames.get(position + 1).map(|inner| (frame.site, inner.site));
            if inner.is_some_and(|pair| !continuations.pairs.contains(&pair)) {
                return Err(FrameError::Slot { position: position + 1 });
            }
            bytes.extend(frame.site.0.to_le_bytes());
            bytes.extend(slot.to_le_bytes());
        }
        Ok(bytes)
    }

    /// Checks frames, of which there are some, as [`Program::encode`] does.
    pub(super) fn check_frames(&self, frames: &[Frame]) -> Result<(), FrameError> {
        self.check(&mut Sites::new(self), frames)
    }

    /// Checks that frames are of functions that can call each other there, and that their values have the right types.
    fn check(&self, sites: &mut Sites<'_, '_>, frames: &[Frame]) -> Result<(), FrameError> {
        if frames.is_empty() {
            return Err(FrameError::Order { position: 0, frames: 0 });
        }
        // What the frame before calls.
        let mut caller: Option<Call> = None;
        let mut callees = Callees::new(&self.module);
        for (position, frame) in frames.iter().enumerate() {
            let site = sites.get(frame.site)?;
            let function = frame.function;
            let is_called = match caller {
                // What the host has called is known to whoever makes it call the continuation.
                None => true,
                Some(call) => callees.can_be(site.function, call)?,
            };
            if site.function != function || !is_called {
                return Err(FrameError::Function { position, function });
            }
            if site.kind.is_innermost() != (position + 1 == frames.len()) {
                return Err(FrameError::Order { position, frames: frames.len() });
            }
            let same = |values: &[Value], types: &[ValueType]| {
                values.iter().map(|value| value.ty()).eq(types.iter().copied())
            };
            if !same(&frame.locals, &site.locals) || !same(&frame.operands, &site.operands()) {
                return Err(FrameError::Values { position });
            }
            caller = site.call;
        }
        Ok(())
    }
}

/// The value of a type at the start of some bytes.
fn read(ty: ValueType, bytes: &[u8]) -> Option<Value> {
    Some(match ty {
        ValueType::I32 => Value::I32(u32::from_le_bytes(*bytes.first_chunk()?)),
        ValueType::I64 => Value::I64(u64::from_le_bytes(*bytes.first_chunk()?)),
        ValueType::F32 => Value::F32(u32::from_le_bytes(*bytes.first_chunk()?)),
        ValueType::F64 => Value::F64(u64::from_le_bytes(*bytes.first_chunk()?)),
        ValueType::V128 => Value::V128(u128::from_le_bytes(*bytes.first_chunk()?)),
        ValueType::FuncRef | ValueType::ExternRef | ValueType::ExnRef => {
            Value::Reference(ty, Some(u32::from_le_bytes(*bytes.first_chunk()?)))
        }
    })
}

/// Stop points of the functions that have been asked for.
struct Sites<'s, 'a> {
    program: &'s Program<'a>,
    functions: HashMap<u32, Stops>,
    /// Those that are none of their functions' own.
    others: HashMap<SiteId, Site>,
}

impl<'s, 'a> Sites<'s, 'a> {
    fn new(program: &'s Program<'a>) -> Self {
        Self { program, functions: HashMap::new(), others: HashMap::new() }
    }

    /// Where a stop point that has been asked for stores its values in the record, if it does.
    fn stored(&self, id: SiteId) -> Option<Layout> {
        self.functions.get(&self.program.function_of(id)?)?.stored(id)
    }

    fn get(&mut self, id: SiteId) -> Result<Site, StopError> {
        let function = self.program.function_of(id).ok_or(StopError::NoSite { site: id })?;
        if let Some(site) = self.program.import_of(function) {
            return Ok(site);
        }
        let known = match self.functions.entry(function) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(self.program.stops_of(function)?),
        };
        if let Some(site) = known.find(id) {
            return Ok(site);
        }
        Ok(match self.others.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(self.program.site(id)?),
        }
        .clone())
    }
}
