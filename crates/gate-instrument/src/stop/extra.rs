//! Stop points that a function has besides its own: breakpoints, and those that a program was stopped at elsewhere.

use wasmparser::FunctionBody;

use super::error::StopError;
use super::module::{Module, count, index};
use super::site::SiteId;

/// Stop points that a function has besides its own.
#[derive(Clone, Copy)]
pub(super) struct Extra<'x> {
    /// The offsets of the instructions before which the program stops by itself, in ascending order.
    pub(super) breakpoints: &'x [u32],
    /// The stop point that the program is to be continued from, if it may be none of the function's own.
    pub(super) from: Option<SiteId>,
}

impl<'x> Extra<'x> {
    /// The breakpoints of a program that are in a body.
    pub(super) fn in_body(breakpoints: &'x [u32], body: &FunctionBody<'_>) -> Self {
        let range = body.range();
        let start = breakpoints.partition_point(|offset| index(*offset) < range.start);
        let end = breakpoints.partition_point(|offset| index(*offset) < range.end);
        Self { breakpoints: breakpoints.get(start..end).unwrap_or_default(), from: None }
    }

    /// Whether the program stops by itself before the instruction at an offset.
    pub(super) fn breaks(self, offset: u32) -> bool {
        self.breakpoints.binary_search(&offset).is_ok()
    }

    /// Whether there is a stop point before the instruction at an offset.
    pub(super) fn is_before(self, offset: u32) -> bool {
        self.breaks(offset) || self.from == Some(SiteId::before(offset))
    }

    /// Whether there is one in the instruction at an offset, or at the entry of the function whose body is there.
    pub(super) fn is_at(self, offset: u32) -> bool {
        self.from == Some(SiteId(offset))
    }
}

/// Puts breakpoints in order.
///
/// # Errors
/// [`StopError::NoInstruction`] for the first that is not at an instruction.
pub(super) fn breakpoints(module: &Module<'_>, offsets: &[u32]) -> Result<Vec<u32>, StopError> {
    let mut offsets = offsets.to_vec();
    offsets.sort_unstable();
    offsets.dedup();
    let mut left = offsets.as_slice();
    let mut before = None;
    for body in &module.bodies {
        let Some(first) = left.first() else { break };
        if index(*first) >= body.range().end {
            before = Some(body);
            continue;
        }
        let mut last = before.map(last_instruction).transpose()?;
        let mut reader = body.get_operators_reader()?;
        while let Some(offset) = left.first()
            && !reader.eof()
        {
            let position = count(reader.original_position());
            if *offset < position {
                return Err(StopError::NoInstruction {
                    offset: *offset,
                    before: last,
                    after: Some(position),
                });
            }
            if *offset == position {
                left = left.get(1..).unwrap_or_default();
            }
            last = Some(position);
            reader.read()?;
        }
        before = Some(body);
    }
    match left.first() {
        Some(offset) => {
            let before = before.map(last_instruction).transpose()?;
            Err(StopError::NoInstruction { offset: *offset, before, after: None })
        }
        None => Ok(offsets),
    }
}

/// The offset of the last instruction of a body, which is its `end`.
fn last_instruction(body: &FunctionBody<'_>) -> Result<u32, StopError> {
    let mut reader = body.get_operators_reader()?;
    let mut last = reader.original_position();
    while !reader.eof() {
        last = reader.original_position();
        reader.read()?;
    }
    Ok(count(last))
}
