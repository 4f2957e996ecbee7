//! Exceptions that are held by reference.
//!
//! A reference is a number of 64 bits like any other value in a slot, and nobody counts it where it is copied. When there are many
//! exceptions, or they take more than they may, those are given up of which no number is left in any slot. A number that a program
//! has made up can keep one of its exceptions alive, and no more.

use std::rc::Rc;

use gate_abi::trap::Trap;

use crate::numeric::Fault;

/// What a reference's upper half is.
const MARK: u64 = 0xe8ce_97d0_0000_0000;

/// What an exception takes besides what it carries, in slots.
const FIXED_SLOTS: usize = 8;

/// How many slots exceptions may take before it is worth the time to look for those that are not referred to.
const FIRST_COLLECTION: usize = 1 << 14;

/// An exception.
#[derive(Debug)]
pub(crate) struct Thrown {
    pub(crate) tag: u32,
    /// The slots of what it carries.
    pub(crate) values: Box<[u64]>,
}

/// All exceptions that are held by reference.
#[derive(Debug)]
pub(crate) struct Exceptions {
    held: Vec<Option<Rc<Thrown>>>,
    free: Vec<usize>,
    slots: usize,
    limit: usize,
    collect_at: usize,
}

impl Exceptions {
    /// With room for exceptions of so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let limit = bytes / 8;
        Self { held: Vec::new(), free: Vec::new(), slots: 0, limit, collect_at: FIRST_COLLECTION }
    }

    /// A reference to an exception. `roots` are all slots that can have references.
    pub(crate) fn hold(
        &mut self,
        thrown: Rc<Thrown>,
        roots: [&[u64]; 2],
        tables: &[Vec<u64>],
    ) -> Result<u64, Fault> {
        let needed = FIXED_SLOTS + thrown.values.len();
        if self.slots + needed > self.collect_at.min(self.limit) {
            let tables = tables.iter().map(Vec::as_slice);
            self.collect(roots.into_iter().chain(tables).chain([&*thrown.values]));
            self.collect_at = (2 * self.slots).max(FIRST_COLLECTION);
        }
        let detail = Some("there is no room for more exceptions");
        self.put(thrown).ok_or(Fault { trap: Trap::OutOfMemory, detail })
    }

    /// A reference to an exception of a program that continues, if there is room for it.
    pub(crate) fn keep(&mut self, thrown: Thrown) -> Option<u64> {
        self.put(Rc::new(thrown))
    }

    fn put(&mut self, thrown: Rc<Thrown>) -> Option<u64> {
        let needed = FIXED_SLOTS + thrown.values.len();
        if self.slots + needed > self.limit {
            return None;
        }
        self.slots += needed;
        let index = self.free.pop().unwrap_or(self.held.len());
        if index == self.held.len() {
            self.held.push(None);
        }
        self.held[index] = Some(thrown);
        Some(MARK | (index as u64 + 1))
    }

    /// The exception that a slot refers to.
    pub(crate) fn get(&self, slot: u64) -> Option<&Rc<Thrown>> {
        self.held.get(Self::index(slot)?)?.as_ref()
    }

    fn index(slot: u64) -> Option<usize> {
        let number = u32::try_from(slot ^ MARK).ok()?;
        number.checked_sub(1).map(|index| index as usize)
    }

    fn collect<'s>(&mut self, roots: impl Iterator<Item = &'s [u64]>) {
        let mut marked = vec![false; self.held.len()];
        let mut pending = Vec::new();
        let mut mark = |slots: &[u64], pending: &mut Vec<usize>| {
            for index in slots.iter().filter_map(|slot| Self::index(*slot)) {
                if let Some(marked @ false) = marked.get_mut(index) {
                    *marked = true;
                    pending.push(index);
                }
            }
        };
        for slots in roots {
            mark(slots, &mut pending);
        }
        while let Some(index) = pending.pop() {
            if let Some(thrown) = &self.held[index] {
                mark(&thrown.values, &mut pending);
            }
        }
        for (index, held) in self.held.iter_mut().enumerate() {
            if let Some(thrown) = held.take_if(|_| !marked[index]) {
                self.slots -= FIXED_SLOTS + thrown.values.len();
                self.free.push(index);
            }
        }
    }
}
