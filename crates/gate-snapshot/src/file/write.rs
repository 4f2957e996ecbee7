//! Writing.

use super::parts::{DATA_COUNT, END, I32_CONST, ModuleError, Parts, REF_FUNC, REF_NULL, TABLE, rank};
use super::script::Script;
use super::stack::Stack;
use super::{File, Misfit, data, elements, fit, is_reserved, origin};
use crate::details::{Content, Details, MAX_BREAKPOINTS};
use crate::sections::{
    DATA, ELEMENT, EXPORT, GLOBAL, HEADER, MEMORY, START, Section, push_custom, push_length, push_section,
    push_signed, push_unsigned,
};
use crate::snapshot::Memory;
use crate::{Frames, Phase, Reference, State, Value};

/// The version of these snapshots.
pub(super) const VERSION: u64 = 1;

/// What is to be written down.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The program: a module that was accepted.
    pub module: &'a [u8],
    /// Its state, the frames by themselves.
    pub state: &'a State,
    /// Its linear memories. Nothing is looked at of a program of which nothing has run.
    pub memories: &'a [Memory<'a>],
    /// The content of section `gate.buffer`: what is between the program and its services. Empty if there is nothing.
    pub buffers: &'a [u8],
    /// How it was stopped.
    pub details: &'a Details,
}

/// Why there is no snapshot of a program.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum WriteError {
    /// The module is none that was accepted.
    #[error("the program's module cannot be taken apart")]
    Module(#[from] ModuleError),
    /// The state is not one of the module.
    #[error("the state is not one of the program")]
    State(#[from] Misfit),
    /// The frames are as the program left them.
    #[error("the frames of the state are not by themselves")]
    Raw,
    /// There are other memories than the state has.
    #[error("{found} memories are given, and the program has {expected}")]
    Memories { found: usize, expected: usize },
    /// The module has a section that only snapshots have.
    #[error("the program has a section at offset {offset:#x} that only snapshots can have")]
    Reserved { offset: usize },
    /// There would be more segments than a module can have.
    #[error("the program has so many {what} segments that there is no room for its state")]
    Segments { what: &'static str },
    /// A section would be too large.
    #[error("section {id} of the snapshot has {found} bytes (limit: {limit})")]
    Section { id: u8, found: u64, limit: u32 },
    /// There are too many breakpoints.
    #[error("there are {found} breakpoints (limit: {MAX_BREAKPOINTS})")]
    Breakpoints { found: usize },
}

/// A snapshot of a program. Equal programs in equal states have equal snapshots.
///
/// # Errors
/// [`WriteError`] when the state is not one of the program, or there is no room for it in a module.
pub fn write<'a>(source: &Source<'a>) -> Result<File<'a>, WriteError> {
    form(source, Form::Snapshot)
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A snapshot.
    Snapshot,
    /// A module that has the same state, without anything that only snapshots have.
    Standalone,
}

pub(super) fn form<'a>(source: &Source<'a>, form: Form) -> Result<File<'a>, WriteError> {
    let Source { module, state, memories, details, .. } = *source;
    let Frames::Portable(frames) = &state.frames else { return Err(WriteError::Raw) };
    let parts = Parts::parse(module)?;
    if let Some(section) = parts.sections.iter().find(|section| section.name.is_some_and(is_reserved)) {
        return Err(WriteError::Reserved { offset: section.whole.start });
    }
    fit::check(state, &parts)?;
    let fresh = state.phase == Phase::Fresh;
    if !fresh && memories.len() != parts.memories.len() {
        return Err(WriteError::Memories { found: memories.len(), expected: parts.memories.len() });
    }
    if details.breakpoints.len() > MAX_BREAKPOINTS {
        return Err(WriteError::Breakpoints { found: details.breakpoints.len() });
    }
    let hidden = form == Form::Snapshot && !state.is_over();
    let stack = hidden.then(|| Stack::encode(state.phase, &state.entry, frames));
    let changed = if fresh {
        None
    } else {
        let elements = elements::write(state, &parts, hidden || form == Form::Standalone)?;
        Some(Changed { elements, data: data::write(state, memories, &parts)? })
    };
    let mut output = Output {
        source,
        form,
        parts: &parts,
        stack,
        changed,
        file: File::default(),
        script: Script::default(),
    };
    output.sections()?;
    let Output { mut file, script, .. } = output;
    if form == Form::Snapshot {
        push_gate(&mut file, super::ORIGIN, &[&origin::encode(module, state, &script)])?;
    }
    Ok(file)
}

impl State {
    /// Whether there is nothing left to be run.
    pub(crate) fn is_over(&self) -> bool {
        let in_calls = match &self.frames {
            Frames::Raw { bytes, .. } => !bytes.is_empty(),
            Frames::Portable(frames) => !frames.is_empty(),
        };
        self.phase == Phase::Main && self.entry.function.is_none() && !in_calls
    }
}

/// Sections that are not as in the original.
struct Changed<'a> {
    elements: elements::Elements<'a>,
    data: data::Contents<'a>,
}

struct Output<'s, 'a> {
    source: &'s Source<'a>,
    form: Form,
    parts: &'s Parts<'a>,
    stack: Option<Vec<u8>>,
    changed: Option<Changed<'a>>,
    file: File<'a>,
    script: Script,
}

/// A section that the original does not have, by where it comes: before the next section that has a higher rank.
const ADDED: [(u8, Added); 4] =
    [(75, Added::Details), (100, Added::Elements), (125, Added::Stack), (130, Added::Data)];

#[derive(Clone, Copy)]
enum Added {
    Details,
    Elements,
    Stack,
    Data,
}

impl<'a> Output<'_, 'a> {
    /// Everything but the last section, and the steps that give the original of it.
    fn sections(&mut self) -> Result<(), WriteError> {
        self.file.push(HEADER);
        self.script.copy(0, HEADER.len() as u64);
        let sections = &self.parts.sections;
        // The rank of the next section that has one.
        let mut next = vec![u8::MAX; sections.len()];
        let mut behind = u8::MAX;
        for (next, section) in next.iter_mut().zip(sections).rev() {
            behind = rank(section.id).unwrap_or(behind);
            *next = behind;
        }
        let mut added = ADDED.iter().peekable();
        for (section, next) in sections.iter().zip(next) {
            while let Some((_, added)) = added.next_if(|(rank, _)| *rank < next) {
                self.add(*added)?;
            }
            self.section(section)?;
        }
        added.try_for_each(|(_, added)| self.add(*added))
    }

    fn add(&mut self, added: Added) -> Result<(), WriteError> {
        let state = self.source.state;
        match (added, &self.changed) {
            (Added::Details | Added::Stack, _) if self.form == Form::Standalone => Ok(()),
            (Added::Details, _) => {
                let details = self.source.details.clone();
                let content = Content { version: VERSION, monotonic_nanos: state.monotonic_nanos, details };
                push_gate(&mut self.file, crate::details::NAME, &[&content.encode()])
            }
            (Added::Stack, _) => {
                if !self.source.buffers.is_empty() {
                    push_gate(&mut self.file, super::BUFFER, &[self.source.buffers])?;
                }
                match &self.stack {
                    Some(stack) => push_gate(&mut self.file, super::STACK, &[stack]),
                    None => Ok(()),
                }
            }
            (Added::Elements, Some(Changed { elements, .. })) => {
                if !self.parts.has(ELEMENT) && !elements.content.is_empty() {
                    let mut section = Vec::new();
                    push_section(&mut section, ELEMENT, &elements.content);
                    self.file.push(&section);
                }
                Ok(())
            }
            (Added::Data, Some(Changed { data, .. })) => {
                if !self.parts.has(DATA) && data.content.length() > 0 {
                    push_head(&mut self.file, DATA, data.content.length())?;
                    self.file.append(&data.content);
                }
                Ok(())
            }
            (Added::Elements | Added::Data, None) => Ok(()),
        }
    }

    /// A section of the original, or what it is now.
    fn section(&mut self, section: &Section<'a>) -> Result<(), WriteError> {
        let whole = section.whole.clone();
        match (section.id, &self.changed) {
            (START, _) => {
                self.script.insert(&self.parts.bytes[whole]);
                Ok(())
            }
            (EXPORT, _) if self.stack.is_some() => {
                let bytes = &self.parts.bytes[whole];
                let mut head = Vec::new();
                push_length(&mut head, super::EXPORT.len());
                head.extend_from_slice(super::EXPORT.as_bytes());
                push_head(&mut self.file, 0, head.len() as u64 + bytes.len() as u64)?;
                self.file.push(&head);
                self.verbatim(section);
                Ok(())
            }
            (ELEMENT, Some(Changed { elements, .. })) => {
                push_head(&mut self.file, ELEMENT, elements.content.len() as u64)?;
                elements.restore(&mut self.script, self.parts, whole, self.file.length());
                self.file.push(&elements.content);
                Ok(())
            }
            (DATA, Some(Changed { data, .. })) => {
                push_head(&mut self.file, DATA, data.content.length())?;
                data.restore(&mut self.script, self.parts, whole, self.file.length());
                self.file.append(&data.content);
                Ok(())
            }
            (DATA_COUNT, Some(Changed { data, .. })) => {
                let mut content = Vec::new();
                push_length(&mut content, data.count);
                self.replace(section, &content)
            }
            (TABLE, Some(_)) => self.replace(section, &self.tables()),
            (MEMORY, Some(_)) => self.replace(section, &self.memories()),
            (GLOBAL, Some(_)) => self.replace(section, &self.globals()),
            _ => {
                self.verbatim(section);
                Ok(())
            }
        }
    }

    fn verbatim(&mut self, section: &Section<'a>) {
        self.script.copy(self.file.length(), section.whole.len() as u64);
        self.file.borrow(&self.parts.bytes[section.whole.clone()]);
    }

    /// A section with other content.
    fn replace(&mut self, section: &Section<'a>, content: &[u8]) -> Result<(), WriteError> {
        if self.parts.bytes[section.content.clone()] == *content {
            self.verbatim(section);
        } else {
            self.script.insert(&self.parts.bytes[section.whole.clone()]);
            push_head(&mut self.file, section.id, content.len() as u64)?;
            self.file.push(content);
        }
        Ok(())
    }

    fn tables(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_length(&mut bytes, self.parts.tables.len());
        for (table, elements) in self.parts.tables.iter().zip(&self.source.state.tables) {
            bytes.extend_from_slice(&self.parts.bytes[table.element_bytes.clone()]);
            push_limits(&mut bytes, elements.len() as u64, table.ty.maximum);
        }
        bytes
    }

    fn memories(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_length(&mut bytes, self.parts.memories.len());
        for (memory, pages) in self.parts.memories.iter().zip(&self.source.state.memory_pages) {
            push_limits(&mut bytes, u64::from(*pages), memory.ty.maximum);
        }
        bytes
    }

    fn globals(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_length(&mut bytes, self.parts.globals.len());
        for (global, value) in self.parts.globals.iter().zip(&self.source.state.globals) {
            bytes.extend_from_slice(&self.parts.bytes[global.type_bytes.clone()]);
            push_constant(&mut bytes, *value, global.heap_type);
        }
        bytes
    }
}

/// Appends the size of a memory or table.
fn push_limits(bytes: &mut Vec<u8>, size: u64, maximum: Option<u64>) {
    bytes.push(u8::from(maximum.is_some()));
    push_unsigned(bytes, size);
    if let Some(maximum) = maximum {
        push_unsigned(bytes, maximum);
    }
}

/// Appends an expression that gives a value. A reference to an exception is null in the module itself.
fn push_constant(bytes: &mut Vec<u8>, value: Value, heap_type: u8) {
    match value {
        Value::I32(bits) => {
            bytes.push(I32_CONST);
            push_signed(bytes, bits.cast_signed().into());
        }
        Value::I64(bits) => {
            bytes.push(0x42);
            push_signed(bytes, bits.cast_signed());
        }
        Value::F32(bits) => {
            bytes.push(0x43);
            bytes.extend(bits.to_le_bytes());
        }
        Value::F64(bits) => {
            bytes.push(0x44);
            bytes.extend(bits.to_le_bytes());
        }
        Value::V128(bits) => {
            bytes.extend([0xfd, 0x0c]);
            bytes.extend(bits.to_le_bytes());
        }
        Value::Reference(_, Reference::Function(function)) => {
            bytes.push(REF_FUNC);
            push_unsigned(bytes, function.into());
        }
        Value::Reference(_, Reference::Null | Reference::Exception(_)) => bytes.extend([REF_NULL, heap_type]),
    }
    bytes.push(END);
}

/// Appends a custom section that the original does not have.
fn push_gate(file: &mut File<'_>, name: &str, parts: &[&[u8]]) -> Result<(), WriteError> {
    let length = parts.iter().map(|part| part.len() as u64).sum::<u64>() + 1 + name.len() as u64;
    check_length(0, length)?;
    let mut section = Vec::new();
    push_custom(&mut section, name, parts);
    file.push(&section);
    Ok(())
}

/// Appends the id and the size of a section.
fn push_head(file: &mut File<'_>, id: u8, length: u64) -> Result<(), WriteError> {
    check_length(id, length)?;
    let mut head = vec![id];
    push_unsigned(&mut head, length);
    file.push(&head);
    Ok(())
}

fn check_length(id: u8, found: u64) -> Result<(), WriteError> {
    let limit = u32::MAX;
    if found <= u64::from(limit) { Ok(()) } else { Err(WriteError::Section { id, found, limit }) }
}
