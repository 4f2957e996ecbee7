//! The data section: segments of the original, and what memories have.

use std::borrow::Cow;
use std::ops::Range;

use wasmparser::{Data, DataKind};

use super::parts::{END, I32_CONST, MAX_SEGMENTS, Parts, Segment, offset_of};
use super::script::Script;
use super::{File, WriteError};
use crate::State;
use crate::runs::{Span, is_zero, spans};
use crate::sections::{DATA, push_length, push_signed, push_unsigned};
use crate::snapshot::{Memory, PAGE};

/// How many bytes that are zero make it worth to start another segment: it takes 6 to 12 bytes more, and a reader as long as
/// some hundred bytes do.
const GAP: usize = 256;

/// How many bytes of an original segment are compared at once with what is there now: a step of a script takes some bytes.
const COMPARED: usize = 32;

/// What a segment is in a snapshot: as it was, or empty and passive.
pub(super) fn kept<'a>(segment: &Segment<'a, Data<'a>>, dropped: bool) -> Cow<'a, [u8]> {
    if segment.is_active || dropped { vec![1, 0].into() } else { segment.bytes.into() }
}

/// The content of the section.
pub(super) struct Contents<'a> {
    /// Empty if there is no need for a section.
    pub(super) content: File<'a>,
    /// How many segments it has.
    pub(super) count: usize,
    /// Where the segments of the original are in it.
    kept: Vec<Range<u64>>,
    /// What is in memories, and where the first byte of it is in the content.
    spans: Vec<(Span, u64)>,
    memories: &'a [Memory<'a>],
}

/// The content for a state.
pub(super) fn write<'a>(
    state: &State,
    memories: &'a [Memory<'a>],
    parts: &Parts<'_>,
) -> Result<Contents<'a>, WriteError> {
    let sizes = state.memory_pages.iter().map(|pages| u64::from(*pages) * PAGE);
    let sized: Vec<_> = memories.iter().copied().zip(sizes).collect();
    let room = MAX_SEGMENTS.saturating_sub(parts.data.len());
    let spans = spans(&sized, GAP, room);
    if spans.len() > room {
        return Err(WriteError::Segments { what: "data" });
    }
    let mut written = Contents {
        content: File::default(),
        count: parts.data.len() + spans.len(),
        kept: Vec::new(),
        spans: Vec::new(),
        memories,
    };
    if written.count == 0 && !parts.has(DATA) {
        return Ok(written);
    }
    let content = &mut written.content;
    let mut head = Vec::new();
    push_length(&mut head, written.count);
    content.push(&head);
    for (position, segment) in parts.data.iter().enumerate() {
        let dropped = state.dropped.get(position).is_some_and(|byte| *byte != 0);
        let start = content.length();
        content.push(&kept(segment, dropped));
        written.kept.push(start..content.length());
    }
    for span in spans {
        head.clear();
        if span.memory == 0 {
            head.push(0);
        } else {
            head.push(2);
            push_unsigned(&mut head, span.memory.into());
        }
        head.push(I32_CONST);
        let start = u32::try_from(span.range.start).expect("no memory is larger than 4 GiB");
        push_signed(&mut head, start.cast_signed().into());
        head.push(END);
        push_length(&mut head, span.range.len());
        content.push(&head);
        let at = content.length();
        content.borrow(bytes(memories, &span));
        written.spans.push((span, at));
    }
    Ok(written)
}

fn bytes<'a>(memories: &'a [Memory<'a>], span: &Span) -> &'a [u8] {
    let memory = usize::try_from(span.memory).ok().and_then(|memory| memories.get(memory));
    memory.and_then(|memory| memory.bytes.get(span.range.clone())).unwrap_or_default()
}

impl Contents<'_> {
    /// Adds the steps that give the section of the original, its id and size included. The content is in the snapshot at
    /// an offset.
    pub(super) fn restore(&self, script: &mut Script, parts: &Parts<'_>, whole: Range<usize>, at: u64) {
        let mut done = whole.start;
        for (segment, kept) in parts.data.iter().zip(&self.kept) {
            let range = segment.segment.range.clone();
            let data = segment.segment.data;
            if kept.end - kept.start == segment.bytes.len() as u64 && !segment.is_active {
                // As it was, or empty from the first.
                script.insert(&parts.bytes[done..range.start]);
                script.copy(at + kept.start, segment.bytes.len() as u64);
            } else {
                script.insert(&parts.bytes[done..range.end - data.len()]);
                match &segment.segment.kind {
                    DataKind::Active { memory_index, offset_expr } => match offset_of(offset_expr) {
                        Some(offset) => self.restore_data(script, *memory_index, offset, data, at),
                        None => script.insert(data),
                    },
                    DataKind::Passive => script.insert(data),
                }
            }
            done = range.end;
        }
        script.insert(&parts.bytes[done..whole.end]);
    }

    /// Adds the steps that give what was written to a memory once, of which much may still be there.
    fn restore_data(&self, script: &mut Script, memory: u32, offset: u32, data: &[u8], at: u64) {
        let Ok(offset) = usize::try_from(offset) else { return script.insert(data) };
        let mut left = data;
        let mut here = offset;
        let mut next =
            self.spans.partition_point(|(span, _)| (span.memory, span.range.end) <= (memory, here));
        while !left.is_empty() {
            let span = self.spans.get(next).filter(|(span, _)| span.memory == memory);
            let Some((span, bytes_at)) = span else { return zeros(script, left) };
            if here < span.range.start {
                let (before, rest) = left.split_at(left.len().min(span.range.start - here));
                zeros(script, before);
                here += before.len();
                left = rest;
            } else {
                let skipped = here - span.range.start;
                let now = &bytes(self.memories, span)[skipped..];
                let length = left.len().min(now.len());
                let (inside, rest) = left.split_at(length);
                let mut from = at + bytes_at + skipped as u64;
                for (then, now) in inside.chunks(COMPARED).zip(now[..length].chunks(COMPARED)) {
                    if then == now {
                        script.copy(from, then.len() as u64);
                    } else {
                        script.insert(then);
                    }
                    from += then.len() as u64;
                }
                here += length;
                left = rest;
                next += 1;
            }
        }
    }
}

/// Adds the steps that give bytes where there are none now: mostly zeros.
fn zeros(script: &mut Script, data: &[u8]) {
    for chunk in data.chunks(COMPARED) {
        if is_zero(chunk) {
            script.zeros(chunk.len() as u64);
        } else {
            script.insert(chunk);
        }
    }
}
