//! Snapshots of the existing system.

mod files;
mod hostile;
mod numbers;
mod random;
mod sites;
mod vectors;

use std::borrow::Cow;

use super::module::Module;
use super::{STACK_BYTES_DEFAULT, Source};
use crate::sections::{self, CUSTOM, EXPORT, push_custom};
use crate::{Details, Frame, Frames, Limits, Snapshot, State};

const LIMITS: Limits = Limits { module_bytes: 1 << 30, memory_bytes: 1 << 32, table_elements: 1 << 20 };

/// What a program has that was asked to stop.
const SUSPENDED: Details = Details { is_final: false, trap: 2, result: 0, breakpoints: Vec::new() };

/// A module whose numbers and frames were taken from the existing system.
const KNOWN: &str = r#"
(module (type $t (func (param i32) (result i32)))
 (import "gate" "io_65536" (func $io (param i32 i32 i32 i32 i32 i32 i64 i32)))
 (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
 (table 2 funcref) (elem (i32.const 0) $a $a) (memory 1)
 (func $a (param i32) (result i32) (local i64 f32)
  (drop (i32.load (local.get 0)))
  (loop $l (br_if $l (local.get 0)) (br_if $l (local.get 0)))
  (i32.add (local.get 0) (call $a (i32.const 1))))
 (func $b (param i32 i32) (local i64) i32.const 7
  (loop $l (if (local.get 0) (then (drop (call $a (local.get 0)))) (else (br $l)))
           (block (br_if $l (local.get 1)) (br $l)))
  drop (block $x (loop $y (br_table $x $y (local.get 0))))
  (drop (call_indirect (type $t) (local.get 0) (i32.const 1))))
 (func $c (param f32) (result i32)
  (drop (i32.div_s (i32.const 6) (i32.const 3))) (drop (i32.rem_u (i32.const 6) (i32.const 4)))
  (drop (i32.trunc_f32_s (local.get 0))) (drop (i32.reinterpret_f32 (local.get 0)))
  (memory.copy (i32.const 0) (i32.const 8) (i32.const 4)) (drop (memory.grow (i32.const 0)))
  (call $w (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 16)))
 (func $main (export "main") (result i32) (call $b (i32.const 5) (i32.const 6)) (i32.const 0)))
"#;

/// A snapshot of the program `text`.
fn file(text: &str, details: &Details, stack: Option<&[u8]>) -> Vec<u8> {
    file_of(&wat::parse_str(text).unwrap(), details, stack)
}

/// A snapshot of a program, with its memory as it is when nothing has run. If there is a stack, nobody can tell whether there
/// was a start function.
fn file_of(module: &[u8], details: &Details, stack: Option<&[u8]>) -> Vec<u8> {
    let mut file = sections::HEADER.to_vec();
    let content = crate::details::Content { version: 0, monotonic_nanos: 5, details: details.clone() };
    let mut said = false;
    let mut told = stack.is_none();
    for section in sections::sections(module).map(Result::unwrap) {
        if section.id == sections::DATA || section.id == CUSTOM {
            tell(&mut file, &mut told, stack);
        }
        if section.id >= EXPORT && !said {
            push_custom(&mut file, crate::details::NAME, &[&content.encode()]);
            said = true;
        }
        let whole = &module[section.whole.clone()];
        match section.id {
            EXPORT if stack.is_some() => push_custom(&mut file, super::EXPORT_NAME, &[whole]),
            sections::START if stack.is_some() => {}
            _ => file.extend_from_slice(whole),
        }
    }
    tell(&mut file, &mut told, stack);
    file
}

fn tell(file: &mut Vec<u8>, told: &mut bool, stack: Option<&[u8]>) {
    if let Some(stack) = stack.filter(|_| !std::mem::replace(told, true)) {
        push_custom(file, super::STACK_NAME, &[stack]);
    }
}

#[track_caller]
fn read(file: &[u8]) -> Snapshot<'_> {
    match super::read(file, &LIMITS) {
        Ok(snapshot) => snapshot,
        Err(error) => panic!("{error}: {error:?}"),
    }
}

/// What is wrong with a file.
#[track_caller]
fn refusal(file: &[u8]) -> String {
    super::read(file, &LIMITS).unwrap_err().to_string()
}

fn source<'a>(snapshot: &'a Snapshot<'_>) -> Source<'a> {
    Source {
        module: &snapshot.module,
        state: &snapshot.state,
        details: &snapshot.details,
        max_stack_bytes: STACK_BYTES_DEFAULT,
    }
}

/// The memory of a program that has one.
fn memory(snapshot: &Snapshot<'_>) -> Vec<u8> {
    let pages = snapshot.state.memory_pages.first().copied().unwrap_or_default();
    let mut memory = vec![0; 65_536 * pages as usize];
    for run in snapshot.memories.iter().flatten() {
        let offset = usize::try_from(run.offset).unwrap();
        memory[offset..offset + run.bytes.len()].copy_from_slice(run.bytes);
    }
    memory
}

/// The file that a snapshot becomes.
#[track_caller]
fn write(snapshot: &Snapshot<'_>) -> Vec<u8> {
    let bytes = memory(snapshot);
    let memories = vec![crate::Memory { bytes: &bytes, extents: None }; snapshot.state.memory_pages.len()];
    super::write(&source(snapshot), &memories, snapshot.buffers).unwrap()
}

/// The content of a custom section.
fn custom<'a>(file: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    let found = sections::sections(file).map(Result::unwrap).find(|s| s.name == Some(name.as_bytes()));
    found.map(|section| file[section.content].into())
}

fn frames(state: &State) -> &[Frame] {
    match &state.frames {
        Frames::Portable(frames) => frames,
        Frames::Raw { .. } => panic!("the frames are portable"),
    }
}

/// Frames whose places are counted from the start of the code.
fn relative(snapshot: &Snapshot<'_>) -> Vec<Frame> {
    let module = Module::parse(&snapshot.module).unwrap();
    let code = u32::try_from(module.code).unwrap();
    let mut frames = frames(&snapshot.state).to_vec();
    for frame in frames.iter_mut().filter(|frame| frame.function >= module.imported()) {
        frame.site -= code;
    }
    frames
}

/// A stack of frames, each a number and its words, above a bottom.
fn stack(frames: &[(u32, &[u64])], bottom: &[u64]) -> Vec<u8> {
    let mut words = Vec::new();
    for (number, data) in frames {
        let offset = 8 * (1 + data.len() as u64);
        words.push(offset << 32 | u64::from(*number));
        words.extend_from_slice(data);
    }
    words.extend_from_slice(bottom);
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The bottom of a stack above which is the entry function.
const ENTRY: &[u64] = &[2];

/// The bottom of a stack above which is the start function.
fn start_before(entry: u64) -> [u64; 2] {
    [8 << 32 | 1, entry]
}

/// The bottom of a stack of a program that has not run.
fn fresh(start: u64, entry: u64) -> [u64; 3] {
    [16 << 32, start, entry]
}

/// The bytes that hexadecimal digits stand for.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
