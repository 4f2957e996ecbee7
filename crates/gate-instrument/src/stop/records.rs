//! Which stop points of a function have what part of their code in common.
//!
//! A function stores what its stop points save in one place, the *record* at [`RECORD`](super::control::RECORD). If a stop point
//! saves all that another one does, and more, its code stores what is more, and goes on with the other's:
//!
//! ```wat
//! (block $keep (result i32)
//!   (block $n (result i32)
//!     (block $n_i (result i32)
//!       …                                       ;; br_if $n (i32.const 45) (…), br_if $n_i (i32.const 47) (…), return
//!     )
//!     (i32.store $control offset=36 (i32.const 0) (local.get $i))
//!     (br $n))                                  ;; 47 is there all the time
//!   (i32.store $control offset=32 (i32.const 0) (local.get $n))
//!   (br $keep))
//! (call $keep (i32.const 16))                   ;; the size, with the stop point
//! ```
//!
//! Of the values that compiled programs save, three quarters have their code in common with others. Nothing is kept alive for it:
//! a stop point saves what is alive there, no more. But all frames of a function take as much room as the largest.

use std::collections::{HashMap, HashSet};

use super::control::IN_PLACE;
use super::layout::{self, Field, Layout, Source, TRAILER};
use super::module::count;
use super::plan::Stop;
use crate::accept::ValueType;

/// How many lists of values are looked at, for each, to find the longest that is part of it.
const CANDIDATES: usize = 1000;

/// How many of them are compared with it, value by value.
const COMPARISONS: usize = 32;

/// What the stop points of a function store.
#[derive(Default)]
pub(super) struct Records {
    /// Those with the most values first.
    records: Vec<Record>,
    /// The record of each stop point.
    of: Vec<Option<usize>>,
    /// The size of each of them in bytes, the trailer included.
    pub(super) size: u32,
}

/// What some stop points store.
pub(super) struct Record {
    /// The values that the rest does not have.
    pub(super) fields: Vec<Field>,
    /// The record that is the rest, if there is one.
    pub(super) rest: Option<usize>,
    /// Whether more than one stop point stores it, be it as the rest of more.
    pub(super) is_shared: bool,
    /// How many bytes all its values have.
    bytes: u32,
}

/// The values that some stop points save, in the order of [`layout::layout`].
struct List {
    values: Vec<(Source, ValueType)>,
    is_shared: bool,
    /// Whether it is nothing that others can have a part in.
    is_apart: bool,
}

impl Records {
    /// Makes them, given how each stop point would save its values by itself.
    pub(super) fn new(stops: &[Stop], layout: impl Fn(&Stop) -> Layout) -> Self {
        let mut known: HashMap<Vec<(Source, ValueType)>, usize> = HashMap::new();
        let mut lists: Vec<List> = Vec::new();
        let mut of = Vec::with_capacity(stops.len());
        for stop in stops {
            let layout = layout(stop);
            if !stop.is_everywhere || !fits(&layout) {
                of.push(None);
                continue;
            }
            let values: Vec<_> = layout.fields.iter().map(|field| (field.source, field.ty)).collect();
            let next = lists.len();
            let list = if stop.is_apart { next } else { *known.entry(values.clone()).or_insert(next) };
            match lists.get_mut(list) {
                Some(list) => list.is_shared = true,
                None => lists.push(List { values, is_shared: false, is_apart: stop.is_apart }),
            }
            of.push(Some(list));
        }
        let mut order: Vec<_> = lists.into_iter().enumerate().collect();
        order.sort_by_key(|(_, list)| std::cmp::Reverse(list.values.len()));
        let (order, lists): (Vec<_>, Vec<_>) = order.into_iter().unzip();
        let places: HashMap<_, _> = order.into_iter().zip(0..).collect();
        of.iter_mut().flatten().for_each(|list| *list = places.get(list).copied().unwrap_or_default());
        let records = records(&lists);
        let size = records.iter().map(|record| record.bytes).max().unwrap_or_default() + TRAILER;
        Self { records, of, size }
    }

    /// All records.
    pub(super) fn all(&self) -> &[Record] {
        &self.records
    }

    /// The record of the stop point at a position, if it stores one.
    pub(super) fn of(&self, position: usize) -> Option<usize> {
        self.of.get(position).copied().flatten()
    }

    /// Where the values of the stop point at a position are, if it stores a record.
    pub(super) fn layout(&self, position: usize) -> Option<Layout> {
        let mut next = Some(self.of(position)?);
        let mut fields = Vec::new();
        while let Some(record) = next.and_then(|record| self.records.get(record)) {
            fields.extend_from_slice(&record.fields);
            next = record.rest;
        }
        Some(Layout { fields, size: self.size })
    }
}

/// Whether a stop point can store its values.
pub(super) fn fits(layout: &Layout) -> bool {
    let is_reference = |ty| matches!(ty, ValueType::FuncRef | ValueType::ExternRef | ValueType::ExnRef);
    layout.size <= IN_PLACE && !layout.fields.iter().any(|field| is_reference(field.ty))
}

/// The records of lists, which are ordered by their lengths, the longest first.
fn records(lists: &[List]) -> Vec<Record> {
    let marks: Vec<_> = lists.iter().map(|list| mark(&list.values)).collect();
    let rests: Vec<_> = (0..lists.len()).map(|position| rest(lists, &marks, position)).collect();
    let are_rests: HashSet<_> = rests.iter().flatten().copied().collect();
    let mut records: Vec<Record> = Vec::with_capacity(lists.len());
    // A rest comes behind what it is the rest of.
    for (position, (list, rest)) in lists.iter().zip(rests).enumerate().rev() {
        let of_rest = rest.and_then(|rest| Some((lists.get(rest)?, records.get(lists.len() - rest - 1)?)));
        let mut bytes = of_rest.map_or(0, |(_, record)| record.bytes);
        let mut others = of_rest.map_or(&[][..], |(list, _)| &list.values).iter().peekable();
        let mut fields = Vec::new();
        for value in &list.values {
            if others.next_if_eq(&value).is_none() {
                let (source, ty) = *value;
                fields.push(Field { source, ty, offset: bytes });
                bytes += layout::size(ty);
            }
        }
        let is_shared = list.is_shared || are_rests.contains(&position);
        records.push(Record { fields, rest, is_shared, bytes });
    }
    records.reverse();
    records
}

/// The longest list that is part of the one at a position, as far as it is found in limited time.
fn rest(lists: &[List], marks: &[u64], position: usize) -> Option<usize> {
    let (list, own) = (lists.get(position)?, marks.get(position)?);
    if list.is_apart {
        return None;
    }
    let others = lists.iter().zip(marks).enumerate().skip(position + 1).take(CANDIDATES);
    let others = others.take_while(|(_, (other, _))| !other.values.is_empty());
    let mut likely = others.filter(|(_, (other, mark))| {
        other.values.len() < list.values.len() && !other.is_apart && *mark & !own == 0
    });
    let found = likely.by_ref().take(COMPARISONS).find(|(_, (other, _))| {
        let mut values = list.values.iter();
        other.values.iter().all(|value| values.any(|own| own == value))
    });
    found.map(|(position, _)| position)
}

/// A set of bits. A list that is part of another has no bits that the other does not have.
fn mark(values: &[(Source, ValueType)]) -> u64 {
    let bit = |source: &Source| match source {
        Source::Local(local) => *local,
        // Counted from the other side: functions with many locals park few operands.
        Source::Operand(slot) | Source::Unused(slot) => !count(*slot),
    };
    values.iter().fold(0, |mark, (source, _)| mark | 1 << (bit(source) % u64::BITS))
}

#[cfg(test)]
mod tests;
