//! Frames as a program left them, and frames by themselves.

use std::collections::HashMap;

use gate_instrument::accept::ValueType;
use gate_instrument::stop::{self, FrameError, Program, SiteId};

use crate::{Frame, Frames, Reference, State, Value};

/// Why the frames of a stopped program are not what it can have left.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum SettleError {
    /// The bytes are no frames of the program.
    #[error("the program's frames make no sense")]
    Frames { source: FrameError },
    /// A frame has a reference that is in no list of spilled ones.
    #[error("frame {position} has spilled {ty} number {element}, and there are {count} of these")]
    Spilled { position: usize, ty: ValueType, element: u32, count: usize },
    /// A reference to an exception stands where only functions can be referred to, or the like.
    #[error("frame {position} has a value of type {ty} that refers to something else")]
    Reference { position: usize, ty: ValueType },
}

/// Frames to continue a program from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsettled {
    /// The frames, outermost first.
    pub frames: Vec<stop::Frame>,
    /// What is to be put into the spill tables: of `funcref`, `externref`, `exnref`. Equal references share an element.
    pub spilled: [Vec<Reference>; 3],
}

impl State {
    /// The state with its frames by themselves. It is as it was if they are already.
    ///
    /// # Errors
    /// [`SettleError`] when the bytes are not what a stopped program leaves.
    pub fn settle(self, program: &Program<'_>) -> Result<Self, SettleError> {
        let frames = match self.frames {
            Frames::Portable(frames) => frames,
            // In the middle of nothing, before what is to run next.
            Frames::Raw { bytes, .. } if bytes.is_empty() => Vec::new(),
            Frames::Raw { bytes, spilled } => {
                let frames = program.decode(&bytes).map_err(|source| SettleError::Frames { source })?;
                let settled = frames.into_iter().enumerate();
                settled
                    .map(|(position, frame)| settle(position, frame, &spilled))
                    .collect::<Result<_, _>>()?
            }
        };
        Ok(Self { frames: Frames::Portable(frames), ..self })
    }
}

fn settle(position: usize, frame: stop::Frame, spilled: &[Vec<Reference>; 3]) -> Result<Frame, SettleError> {
    let value = |value| {
        Ok(match value {
            stop::Value::I32(bits) => Value::I32(bits),
            stop::Value::I64(bits) => Value::I64(bits),
            stop::Value::F32(bits) => Value::F32(bits),
            stop::Value::F64(bits) => Value::F64(bits),
            stop::Value::V128(bits) => Value::V128(bits),
            stop::Value::Reference(ty, None) => Value::Reference(ty, Reference::Null),
            stop::Value::Reference(ty, Some(element)) => {
                let list = list(ty).map_or(&[][..], |list| &spilled[list]);
                let found = usize::try_from(element).ok().and_then(|element| list.get(element));
                let count = list.len();
                let found = found.ok_or(SettleError::Spilled { position, ty, element, count })?;
                if !found.can_be(ty) {
                    return Err(SettleError::Reference { position, ty });
                }
                Value::Reference(ty, *found)
            }
        })
    };
    Ok(Frame {
        function: frame.function,
        site: frame.site.0,
        locals: frame.locals.into_iter().map(value).collect::<Result<_, _>>()?,
        operands: frame.operands.into_iter().map(value).collect::<Result<_, _>>()?,
    })
}

/// The frames as the transform takes them, with lists of the references in them: each has its place in a list in the order
/// in which they appear, null included, outermost frame first, locals before operands.
///
/// # Errors
/// [`SettleError::Reference`] when a value is a reference that its type does not have.
pub fn unsettle(frames: &[Frame]) -> Result<Unsettled, SettleError> {
    let mut references = References::default();
    let frames = references.frames(frames)?;
    Ok(Unsettled { frames, spilled: references.spilled })
}

/// Lists of references, and where in them each is.
#[derive(Clone, Debug, Default)]
pub(crate) struct References {
    pub(crate) spilled: [Vec<Reference>; 3],
    places: HashMap<(usize, Reference), u32>,
}

impl References {
    /// Frames as the transform takes them.
    pub(crate) fn frames(&mut self, frames: &[Frame]) -> Result<Vec<stop::Frame>, SettleError> {
        let frames = frames.iter().enumerate().map(|(position, frame)| {
            let wrong = |ty| SettleError::Reference { position, ty };
            Ok(stop::Frame {
                function: frame.function,
                site: SiteId(frame.site),
                locals: self.values(&frame.locals).map_err(wrong)?,
                operands: self.values(&frame.operands).map_err(wrong)?,
            })
        });
        frames.collect()
    }

    /// Values as the transform takes them: their references are put into the lists.
    ///
    /// # Errors
    /// The type of a value that refers to what its type does not have.
    pub(crate) fn values(&mut self, values: &[Value]) -> Result<Vec<stop::Value>, ValueType> {
        values.iter().map(|value| self.value(*value)).collect()
    }

    fn value(&mut self, value: Value) -> Result<stop::Value, ValueType> {
        Ok(match value {
            Value::I32(bits) => stop::Value::I32(bits),
            Value::I64(bits) => stop::Value::I64(bits),
            Value::F32(bits) => stop::Value::F32(bits),
            Value::F64(bits) => stop::Value::F64(bits),
            Value::V128(bits) => stop::Value::V128(bits),
            Value::Reference(ty, reference) => {
                let list = list(ty).filter(|_| reference.can_be(ty)).ok_or(ty)?;
                let spilled = &mut self.spilled[list];
                let place = *self.places.entry((list, reference)).or_insert_with(|| {
                    spilled.push(reference);
                    u32::try_from(spilled.len() - 1)
                        .expect("frames have fewer values than a memory has bytes")
                });
                stop::Value::Reference(ty, Some(place))
            }
        })
    }
}

/// Which spill table a type has.
const fn list(ty: ValueType) -> Option<usize> {
    match ty {
        ValueType::FuncRef => Some(0),
        ValueType::ExternRef => Some(1),
        ValueType::ExnRef => Some(2),
        ValueType::I32 | ValueType::I64 | ValueType::F32 | ValueType::F64 | ValueType::V128 => None,
    }
}

impl Reference {
    /// Whether a value of a type can refer to that. It can always be null.
    pub const fn can_be(self, ty: ValueType) -> bool {
        match self {
            Self::Null => list(ty).is_some(),
            Self::Function(_) => matches!(ty, ValueType::FuncRef),
            Self::Exception(_) => matches!(ty, ValueType::ExnRef),
        }
    }
}
