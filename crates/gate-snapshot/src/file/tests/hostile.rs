//! Snapshots that somebody has tampered with.

use proptest::prelude::*;

use super::*;
use crate::sections::{push_section, sections};

/// A snapshot with one section changed: its content, with the name of custom ones.
fn changed(snapshot: &[u8], name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut wasm = snapshot[..8].to_vec();
    let mut change = Some(change);
    for section in sections(snapshot) {
        let section = section.unwrap();
        let this =
            section.name.map_or_else(|| section.id.to_string(), |name| String::from_utf8_lossy(name).into());
        if this == name {
            let head = section.name.map_or(0, |name| name.len() + 1);
            let mut content = snapshot[section.content.start - head..section.content.end].to_vec();
            change.take().unwrap()(&mut content);
            push_section(&mut wasm, section.id, &content);
        } else {
            wasm.extend_from_slice(&snapshot[section.whole]);
        }
    }
    assert!(change.is_none(), "there is no section {name}");
    wasm
}

fn sound() -> Vec<u8> {
    let (wasm, state, memories) = everything();
    written(&wasm, &state, &memories)
}

/// The whole chain of what is said.
fn refusal(snapshot: &[u8]) -> String {
    let error = read(snapshot, &LIMITS).expect_err("something is wrong with it");
    let mut message = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        message = format!("{message}: {error}");
        source = error.source();
    }
    message
}

#[track_caller]
fn check_refused(name: &str, change: impl FnOnce(&mut Vec<u8>), message: &str) {
    assert_eq!(refusal(&changed(&sound(), name, change)), message);
}

/// Replaces bytes that are there once.
#[track_caller]
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    let places: Vec<_> = bytes.windows(old.len()).enumerate().filter(|(_, window)| *window == old).collect();
    let [(at, _)] = places.as_slice() else { panic!("there {} times", places.len()) };
    let at = *at;
    bytes[at..at + new.len()].copy_from_slice(new);
}

#[test]
fn refusals_say_what_is_wrong() {
    assert_eq!(refusal(b"nothing"), "the snapshot is malformed: this is not a WebAssembly module");
    assert_eq!(refusal(b"\0asm\x01\0\0\0"), "the snapshot has no section gate.snapshot");
    check_refused(
        "gate.snapshot",
        |bytes| bytes[14] = 2,
        "snapshot version 2 is not readable here (supported: 1)",
    );
    check_refused(
        "gate.stack",
        |bytes| bytes[11] = 0,
        "section gate.stack of the snapshot makes no sense: this is not a stack of version 1",
    );
    check_refused(
        "gate.stack",
        |bytes| bytes.truncate(40),
        "section gate.stack of the snapshot makes no sense: cut off at offset 25: 16 bytes of frames should be there, \
         and 4 are",
    );
    check_refused(
        "gate.origin",
        |bytes| bytes[12] ^= 1,
        "the program's module has another SHA-256 than the snapshot says",
    );
    check_refused(
        "gate.origin",
        |bytes| bytes[12 + 32 + 3] = 1,
        "the snapshot needs 16777764 bytes of the program's module (limit: 1048576)",
    );
}

/// A snapshot whose program is said to be another module than the one that it was made of.
fn of_another(old: &str, new: &str) -> Vec<u8> {
    let (_, state, _) = everything();
    assert!(EVERYTHING.contains(old), "{old}");
    let other = wat::parse_str(EVERYTHING.replace(old, new)).unwrap();
    let mut script = script::Script::default();
    script.insert(&other);
    let origin = origin::encode(&other, &state, &script);
    changed(&sound(), ORIGIN, |bytes| {
        bytes.truncate(1 + ORIGIN.len());
        bytes.extend(origin);
    })
}

#[test]
fn what_an_ordinary_engine_would_run_is_what_is_run() {
    let sections = "the sections of the snapshot are not those of its program";
    assert_eq!(refusal(&of_another("i32.const 10", "i32.const 11")), sections);
    assert_eq!(refusal(&of_another("nobody", "no one")), sections);
    let another = "\"x\") 2 10 externref";
    for (old, new, what) in [
        ("(export \"a\")", "(export \"b\")", "exports"),
        (another, "\"x\") 2 11 externref", "tables"),
        (another, "\"x\") 2 10 funcref", "tables"),
        ("$m (export \"memory\") 1 4", "$m (export \"memory\") 1 5", "memories"),
        ("constant\") i32 (", "constant\") (mut i32) (", "globals"),
    ] {
        assert_eq!(
            refusal(&of_another(old, new)),
            format!("the {what} of the snapshot are not those of its program")
        );
    }
    for (old, new, segment) in [
        ("\"passive\"", "\"Passive\"", "data segment 1"),
        ("(elem $passive func $a)", "(elem $passive func $b)", "element segment 1"),
    ] {
        assert_eq!(
            refusal(&of_another(old, new)),
            format!("{segment} of the snapshot is not what it can be")
        );
    }
    // Nothing in the snapshot tells what was in segments that are gone, or what a global started with.
    for (old, new) in [
        ("text that stays", "text that went"),
        ("\"dropped\"", "\"Dropped\""),
        ("i64.const 2", "i64.const 3"),
    ] {
        assert!(read(&of_another(old, new), &LIMITS).is_ok());
    }
    let nested = |bytes: &[u8]| {
        let (_, state, _) = everything();
        let mut script = script::Script::default();
        script.insert(bytes);
        let origin = origin::encode(bytes, &state, &script);
        refusal(&changed(&sound(), ORIGIN, |bytes| {
            bytes.truncate(1 + ORIGIN.len());
            bytes.extend(origin);
        }))
    };
    assert_eq!(
        nested(b"nothing"),
        "the program of the snapshot cannot be taken apart: this is not a WebAssembly module"
    );
    assert_eq!(
        nested(&sound()),
        "the program of the snapshot has a section at offset 0xa1 that only snapshots can have"
    );
}

#[test]
fn segments_and_values_are_within_what_there_is() {
    // The last segment is for the last thousand bytes that are not zero.
    let run = [0x00, 0x41, 0xa0, 0x8d, 0x06, 0x0b];
    check_refused(
        "11",
        |bytes| replace(bytes, &run, &[0x00, 0x41, 0xa0, 0x8d, 0x0e, 0x0b]),
        "data segment 5 of the snapshot is not what it can be",
    );
    check_refused(
        "11",
        |bytes| replace(bytes, &run, &[0x00, 0x23, 0xa0, 0x8d, 0x06, 0x0b]),
        "data segment 5 of the snapshot is not what it can be",
    );
    check_refused(
        "9",
        |bytes| replace(bytes, &[0x41, 5, 0x0b, 2, 4, 0], &[0x41, 5, 0x0b, 2, 4, 5]),
        "the snapshot is not of its program: table 0 of the state refers to what it cannot refer to",
    );
    check_refused(
        "9",
        |bytes| replace(bytes, &[0x41, 5, 0x0b, 2, 4, 0], &[0x41, 6, 0x0b, 2, 4, 0]),
        "element segment 5 of the snapshot is not what it can be",
    );
    check_refused(
        "6",
        |bytes| replace(bytes, &[0x7f, 1, 0x41, 0x7f], &[0x7f, 1, 0x42, 0x7f]),
        "global 0 of the snapshot is not what it can be",
    );
}

#[test]
fn sections_are_there_once() {
    let snapshot = sound();
    let last = sections(&snapshot).map(Result::unwrap).last().unwrap();
    let twice = [snapshot.as_slice(), &snapshot[last.whole]].concat();
    let message = format!("the snapshot has another section gate.origin at offset {:#x}", snapshot.len());
    assert_eq!(refusal(&twice), message);
}

#[test]
fn limits_are_kept() {
    let snapshot = sound();
    let limit = |limits| read(&snapshot, &limits).map(drop).map_err(|error| error.to_string());
    let (wasm, _, _) = everything();
    let exact = Limits { module_bytes: wasm.len() as u64, memory_bytes: 2 << 16, table_elements: 10 };
    assert_eq!(limit(exact), Ok(()));
    let message = format!(
        "the snapshot needs {} bytes of the program's module (limit: {})",
        wasm.len(),
        wasm.len() - 1
    );
    assert_eq!(limit(Limits { module_bytes: exact.module_bytes - 1, ..exact }), Err(message));
    assert_eq!(
        limit(Limits { memory_bytes: exact.memory_bytes - 1, ..exact }),
        Err("the snapshot needs 131072 bytes of memory (limit: 131071)".to_owned())
    );
    assert_eq!(
        limit(Limits { table_elements: 9, ..exact }),
        Err("the snapshot needs 10 elements of tables (limit: 9)".to_owned())
    );
}

proptest! {
    #[test]
    fn changed_bytes_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (wasm, _, _) = everything();
        let mut snapshot = sound();
        for (at, byte) in changes {
            let at = at.index(snapshot.len());
            snapshot[at] = byte;
        }
        if let Some(cut) = cut {
            snapshot.truncate(cut.index(snapshot.len()));
        }
        if let Ok(read) = read(&snapshot, &LIMITS) {
            // There is no other module with that SHA-256.
            prop_assert!(read.module == wasm);
            prop_assert_eq!(contents(&read).len(), 2);
        }
    }
}

#[test]
fn states_that_are_not_of_the_module_are_not_written() {
    let (wasm, state, memories) = everything();
    let refused = |change: &dyn Fn(&mut State)| {
        let mut state = state.clone();
        change(&mut state);
        let error = try_written(&wasm, &state, &memories, &[]).expect_err("the state is wrong");
        let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
        format!("{error}{}", source.unwrap_or_default())
    };
    let misfit = |message: &str| format!("the state is not one of the program: {message}");
    let raw = Frames::Raw { bytes: vec![1], spilled: Default::default() };
    assert_eq!(refused(&|state| state.frames = raw.clone()), "the frames of the state are not by themselves");
    assert_eq!(
        refused(&|state| state.globals.truncate(7)),
        misfit("the state is of 7 globals, and the program has 8")
    );
    assert_eq!(
        refused(&|state| state.memory_pages[0] = 5),
        misfit("memory 0 of the state has size 5 (limit: 4)")
    );
    assert_eq!(
        refused(&|state| state.globals[0] = Value::F32(0)),
        misfit("the value of global 0 has type f32, and the global has type i32")
    );
    assert_eq!(
        refused(&|state| state.tables[0][0] = function(5)),
        misfit("table 0 of the state refers to what it cannot refer to")
    );
    assert_eq!(
        refused(&|state| state.tables[1][0] = function(1)),
        misfit("table 1 of the state refers to what it cannot refer to")
    );
    assert_eq!(
        refused(&|state| state.globals[5] = Value::Reference(ValueType::FuncRef, Reference::Exception(0))),
        misfit("global 5 of the state refers to what it cannot refer to")
    );
    assert_eq!(
        refused(&|state| state.dropped[1] = 2),
        misfit("whether segment 1 is dropped is said by a byte 2")
    );
    assert_eq!(
        refused(&|state| state.dropped.truncate(6)),
        misfit("the state is of 6 segments, and the program has 7")
    );
    assert_eq!(
        refused(&|state| state.phase = Phase::Fresh),
        misfit("the state has frames, and nothing has run")
    );
    let error = try_written(&wasm, &state, &memories[..1], &[]).unwrap_err();
    assert_eq!(error.to_string(), "1 memories are given, and the program has 2");
    let nested = try_written(&sound(), &state, &memories, &[]).unwrap_err();
    assert_eq!(nested.to_string(), "the program has a section at offset 0xa1 that only snapshots can have");
}
