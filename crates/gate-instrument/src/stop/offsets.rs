//! Which instruction of the original one of the stoppable module is.

/// Offsets in the original for offsets in the stoppable module, both in bytes from the start of the module: for backtraces.
///
/// It has an entry per place where something was inserted or changed its length. What is inserted between two instructions
/// counts as what follows the first; nothing of it traps or calls. The code of stop points and added functions are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// Where the bytes from an offset on come from; `None` for what was added. In ascending order.
    origins: Vec<(u32, Option<u32>)>,
}

impl Offsets {
    /// The offset in the original of the instruction at `offset`. `None` if it is none of the original's.
    pub fn original(&self, offset: u32) -> Option<u32> {
        let behind = self.origins.partition_point(|(start, _)| *start <= offset);
        let (start, original) = self.origins.get(behind.checked_sub(1)?)?;
        Some((*original)? + (offset - start))
    }

    /// Notes that the bytes from `offset` on come from `original`. Offsets are noted in ascending order.
    pub(super) fn note(&mut self, offset: u32, original: Option<u32>) {
        if let Some((start, last)) = self.origins.last_mut() {
            if last.map(|last| last + (offset - *start)) == original {
                return;
            }
            if *start == offset {
                *last = original;
                return;
            }
        }
        self.origins.push((offset, original));
    }

    /// Appends offsets that were noted for a part, which is at `offset` now.
    pub(super) fn append(&mut self, offset: u32, part: &Self) {
        for (start, original) in &part.origins {
            self.note(offset + start, *original);
        }
    }
}

#[cfg(test)]
mod tests;
