//! The element section: segments of the original, and what tables have.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use wasmparser::{Element, ElementItems, ElementKind};

use super::WriteError;
use super::parts::{
    END, I32_CONST, MAX_SEGMENTS, ModuleError, Parts, REF_FUNC, REF_NULL, Segment, items, offset_of,
};
use super::script::Script;
use crate::sections::{push_length, push_signed, push_unsigned};
use crate::{Reference, State, Value};

/// The type of functions, as elements and as the kind of segment.
const FUNCREF: u8 = 0x70;
const FUNCTIONS: u8 = 0x00;

/// What a segment is in a snapshot: as it was, or empty and passive.
pub(super) fn kept<'a>(segment: &Segment<'a, Element<'a>>, dropped: bool) -> Cow<'a, [u8]> {
    let declared = matches!(segment.segment.kind, ElementKind::Declared);
    if declared || !(segment.is_active || dropped) {
        return segment.bytes.into();
    }
    match segment.segment.items {
        ElementItems::Functions(_) => vec![1, FUNCTIONS, 0].into(),
        // Active segments of the first table may leave their type out.
        ElementItems::Expressions(ty, _) => vec![5, heap_type(ty), 0].into(),
    }
}

fn heap_type(ty: wasmparser::RefType) -> u8 {
    use wasmparser::{AbstractHeapType, HeapType};
    match ty.heap_type() {
        HeapType::Abstract { ty: AbstractHeapType::Extern, .. } => 0x6f,
        HeapType::Abstract { ty: AbstractHeapType::Exn, .. } => 0x69,
        HeapType::Abstract { ty: AbstractHeapType::NoExn, .. } => 0x74,
        HeapType::Abstract { .. } | HeapType::Concrete(_) | HeapType::Exact(_) => FUNCREF,
    }
}

/// Functions in a row in a table.
struct Row<'s> {
    table: u32,
    start: usize,
    elements: &'s [Reference],
    /// Where each is in the content of the section, if all of them are there without anything between them.
    at: Vec<usize>,
}

/// The content of the section.
pub(super) struct Elements<'s> {
    /// Empty if there is no need for a section.
    pub(super) content: Vec<u8>,
    /// Where the segments of the original are in it.
    kept: Vec<Range<usize>>,
    rows: Vec<Row<'s>>,
}

/// The content for a state. `hidden` says that exports are not there for code to refer to.
pub(super) fn write<'s>(
    state: &'s State,
    parts: &Parts<'_>,
    hidden: bool,
) -> Result<Elements<'s>, WriteError> {
    let mut segments = Vec::new();
    let mut kept_at = Vec::new();
    let first = parts.data.len();
    for (position, segment) in parts.elements.iter().enumerate() {
        let dropped = state.dropped.get(first + position).is_some_and(|byte| *byte != 0);
        let start = segments.len();
        segments.extend_from_slice(&kept(segment, dropped));
        kept_at.push(start..segments.len());
    }
    let mut count = parts.elements.len();
    let declared = declarations(state, parts, hidden)?;
    if !declared.is_empty() {
        count += 1;
        segments.extend([3, FUNCTIONS]);
        push_length(&mut segments, declared.len());
        for function in declared {
            push_unsigned(&mut segments, function.into());
        }
    }
    let mut rows = rows(state);
    let room = MAX_SEGMENTS.saturating_sub(count);
    // Too many gaps: whole tables then, with nulls.
    let whole = rows.len() > room;
    if whole {
        rows = whole_tables(&rows, state);
        if rows.len() > room {
            return Err(WriteError::Segments { what: "element" });
        }
    }
    count += rows.len();
    for row in &mut rows {
        push_row(&mut segments, row, whole);
    }
    let mut content = Vec::new();
    if count > 0 || parts.has(crate::sections::ELEMENT) {
        push_length(&mut content, count);
        let head = content.len();
        content.extend(segments);
        for range in &mut kept_at {
            *range = range.start + head..range.end + head;
        }
        for row in &mut rows {
            row.at.iter_mut().for_each(|at| *at += head);
        }
    }
    Ok(Elements { content, kept: kept_at, rows })
}

/// The functions that code can refer to in the original, and could not in the snapshot.
fn declarations(state: &State, parts: &Parts<'_>, hidden: bool) -> Result<BTreeSet<u32>, ModuleError> {
    let mut declared: BTreeSet<u32> = parts.referenced(true)?.into_iter().collect();
    let mut remove = |function: u32| {
        declared.remove(&function);
    };
    if !hidden {
        parts.exported.iter().copied().for_each(&mut remove);
    }
    for value in &state.globals {
        if let Value::Reference(_, Reference::Function(function)) = *value {
            remove(function);
        }
    }
    for element in state.tables.iter().flatten() {
        if let Reference::Function(function) = *element {
            remove(function);
        }
    }
    let first = parts.data.len();
    for (position, segment) in parts.elements.iter().enumerate() {
        let dropped = state.dropped.get(first + position).is_some_and(|byte| *byte != 0);
        let declared = matches!(segment.segment.kind, ElementKind::Declared);
        if declared || !(segment.is_active || dropped) {
            items(&segment.segment)?.into_iter().flatten().for_each(&mut remove);
        }
    }
    Ok(declared)
}

/// The functions of all tables, cut where there are none.
fn rows(state: &State) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for (table, elements) in (0..).zip(&state.tables) {
        let is_function = |element: &Reference| matches!(element, Reference::Function(_));
        let mut start = 0;
        for part in elements.chunk_by(|a, b| is_function(a) == is_function(b)) {
            if part.first().is_some_and(is_function) {
                rows.push(Row { table, start, elements: part, at: Vec::new() });
            }
            start += part.len();
        }
    }
    rows
}

/// One row for each table that has functions, from the first to the last.
fn whole_tables<'s>(rows: &[Row<'s>], state: &'s State) -> Vec<Row<'s>> {
    rows.chunk_by(|a, b| a.table == b.table)
        .zip(
            state
                .tables
                .iter()
                .filter(|table| table.iter().any(|element| matches!(element, Reference::Function(_)))),
        )
        .filter_map(|(rows, elements)| {
            let (first, last) = (rows.first()?, rows.last()?);
            let elements = elements.get(first.start..last.start + last.elements.len())?;
            Some(Row { table: first.table, start: first.start, elements, at: Vec::new() })
        })
        .collect()
}

/// Appends an active segment.
fn push_row(bytes: &mut Vec<u8>, row: &mut Row<'_>, with_nulls: bool) {
    let expressions = if with_nulls { 4 } else { 0 };
    if row.table == 0 {
        bytes.push(expressions);
    } else {
        bytes.push(2 | expressions);
        push_unsigned(bytes, row.table.into());
    }
    bytes.push(I32_CONST);
    let start = u32::try_from(row.start).expect("tables have at most ten million elements");
    push_signed(bytes, start.cast_signed().into());
    bytes.push(END);
    if row.table != 0 {
        bytes.push(if with_nulls { FUNCREF } else { FUNCTIONS });
    }
    push_length(bytes, row.elements.len());
    for element in row.elements {
        match element {
            Reference::Function(function) if with_nulls => {
                bytes.push(REF_FUNC);
                push_unsigned(bytes, (*function).into());
                bytes.push(END);
            }
            Reference::Function(function) => {
                row.at.push(bytes.len());
                push_unsigned(bytes, (*function).into());
            }
            Reference::Null | Reference::Exception(_) => bytes.extend([REF_NULL, FUNCREF, END]),
        }
    }
}

impl Elements<'_> {
    /// Adds the steps that give the section of the original, its `id` and size included. The content is in the snapshot at
    /// an offset.
    pub(super) fn restore(&self, script: &mut Script, parts: &Parts<'_>, whole: Range<usize>, at: u64) {
        let mut done = whole.start;
        for (segment, kept) in parts.elements.iter().zip(&self.kept) {
            let range = segment.segment.range.clone();
            script.insert(&parts.bytes[done..range.start]);
            done = range.end;
            if self.content[kept.clone()] == *segment.bytes {
                script.copy(at + kept.start as u64, kept.len() as u64);
            } else if let Some((items, found)) = self.find(segment) {
                script.insert(&parts.bytes[range.start..items.start]);
                script.copy(at + found as u64, items.len() as u64);
            } else {
                script.insert(segment.bytes);
            }
        }
        script.insert(&parts.bytes[done..whole.end]);
    }

    /// Where the functions of an active segment are in the original, and in the content of this section, if their table has
    /// still got them.
    fn find(&self, segment: &Segment<'_, Element<'_>>) -> Option<(Range<usize>, usize)> {
        let (ElementKind::Active { table_index, offset_expr }, ElementItems::Functions(functions)) =
            (&segment.segment.kind, &segment.segment.items)
        else {
            return None;
        };
        let table = table_index.unwrap_or(0);
        let start = usize::try_from(offset_of(offset_expr)?).ok()?;
        let rows = self.rows.partition_point(|row| (row.table, row.start) <= (table, start));
        let row = self.rows.get(rows.checked_sub(1)?).filter(|row| row.table == table)?;
        let at = *row.at.get(start - row.start)?;
        let items = functions.original_position()..functions.range().end;
        let original = segment.bytes.get(segment.bytes.len() - items.len()..)?;
        (self.content.get(at..at + items.len())? == original).then_some((items, at))
    }
}
