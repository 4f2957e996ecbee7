//! Equal states have equal forms.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use gate_instrument::accept::ValueType;
use gate_instrument::stop::{Program, Site, SiteId, StopError};

use crate::{Exception, Frames, Reference, State, Value};

impl State {
    /// The state with the locals zero or null that the program does not read before it writes them, and without exceptions
    /// that nothing refers to. A compiled program's state is so from the start. Frames that are raw stay as they are.
    ///
    /// The time that it takes is in proportion to the sizes of functions that have frames, for each stop point.
    ///
    /// # Errors
    /// [`StopError`] when a frame is at no stop point of the program.
    pub fn canonicalize(mut self, program: &Program<'_>) -> Result<Self, StopError> {
        let Frames::Portable(frames) = &mut self.frames else { return Ok(self) };
        let mut sites: HashMap<u32, Site> = HashMap::new();
        for frame in frames {
            let site = match sites.entry(frame.site) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(program.site(SiteId(frame.site))?),
            };
            // In ascending order.
            let mut live = site.live.iter().peekable();
            for (local, value) in (0..).zip(&mut frame.locals) {
                if live.next_if_eq(&&local).is_none() {
                    *value = value.zero();
                }
            }
        }
        self.collect();
        Ok(self)
    }

    /// Leaves out exceptions that nothing refers to.
    fn collect(&mut self) {
        if self.exceptions.is_empty() {
            return;
        }
        let mut used = vec![false; self.exceptions.len()];
        self.references(|reference| mark(&mut used, reference));
        // One that carries others comes after these.
        for (place, exception) in self.exceptions.iter().enumerate().rev() {
            if used.get(place) == Some(&true) {
                exception.values.iter().for_each(|value| mark_value(&mut used, value));
            }
        }
        let mut next = 0;
        let places: Vec<u32> = used
            .iter()
            .map(|used| {
                let place = next;
                next += u32::from(*used);
                place
            })
            .collect();
        let moved = |reference: &mut Reference| {
            if let Reference::Exception(place) = reference
                && let Some(new) = usize::try_from(*place).ok().and_then(|place| places.get(place))
            {
                *place = *new;
            }
        };
        self.references(moved);
        let exceptions = std::mem::take(&mut self.exceptions);
        let kept = exceptions.into_iter().zip(&used).filter(|(_, used)| **used);
        self.exceptions = kept
            .map(|(Exception { tag, mut values }, _)| {
                values.iter_mut().for_each(|value| {
                    if let Value::Reference(_, reference) = value {
                        moved(reference);
                    }
                });
                Exception { tag, values }
            })
            .collect();
    }

    /// Visits all references but those in exceptions.
    fn references(&mut self, mut visit: impl FnMut(&mut Reference)) {
        let frames = match &mut self.frames {
            Frames::Portable(frames) => frames.as_mut_slice(),
            Frames::Raw { .. } => &mut [],
        };
        let frames = frames.iter_mut().flat_map(|frame| frame.locals.iter_mut().chain(&mut frame.operands));
        for value in frames.chain(&mut self.globals) {
            if let Value::Reference(_, reference) = value {
                visit(reference);
            }
        }
        self.tables.iter_mut().flatten().for_each(visit);
    }
}

fn mark(used: &mut [bool], reference: &Reference) {
    if let Reference::Exception(place) = reference
        && let Some(used) = usize::try_from(*place).ok().and_then(|place| used.get_mut(place))
    {
        *used = true;
    }
}

fn mark_value(used: &mut [bool], value: &Value) {
    if let Value::Reference(ValueType::ExnRef, reference) = value {
        mark(used, reference);
    }
}

impl Value {
    /// The value that a local of the same type starts with.
    const fn zero(self) -> Self {
        match self {
            Self::I32(_) => Self::I32(0),
            Self::I64(_) => Self::I64(0),
            Self::F32(_) => Self::F32(0),
            Self::F64(_) => Self::F64(0),
            Self::V128(_) => Self::V128(0),
            Self::Reference(ty, _) => Self::Reference(ty, Reference::Null),
        }
    }
}
