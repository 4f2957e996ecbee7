//! What is found out of modules and snapshots.

//! A program of our own and its snapshot, described.

use gate_instrument::stop::{SiteId, SiteKind};
use gate_snapshot::{Details, Entry, Frame, Frames, Memory, Phase, Reference, State, Value, file};
use proptest::prelude::*;

use super::{Kind, facts, program};
use crate::Facts;

/// A program with a call, a loop, and names.
pub(crate) fn module() -> Vec<u8> {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 2 4)
        (table 3 funcref)
        (elem (i32.const 1) $count $main)
        (global $stack (mut i32) (i32.const 65536))
        (global f64 (f64.const 0.5))
        (data (i32.const 8) "hello")
        (func $count (param $from i32) (result i32)
            (local $bytes i64) (local f32)
            (loop $again
                (local.set $bytes (i64.add (local.get $bytes) (i64.const 1)))
                (br_if $again (local.tee $from (i32.sub (local.get $from) (i32.const 1)))))
            (i32.wrap_i64 (local.get $bytes)))
        (func $main (export "_start")
            (i32.store (i32.const 7) (call $count (i32.const 10))))
        (func $leaf (export "\1b[2J") (result i32 i32) (i32.const 1) (i32.const 2)))"#;
    wat::parse_str(wat).unwrap()
}

/// That program stopped in the loop.
pub(crate) fn snapshot(details: &Details) -> Vec<u8> {
    snapshot_at(details, site(2, SiteKind::Loop))
}

fn site(function: u32, kind: SiteKind) -> u32 {
    let module = module();
    let sites = program::analyzed(&module).unwrap().sites(function).unwrap();
    sites.into_iter().find(|site| site.kind == kind).unwrap().id.0
}

/// That program stopped anywhere in the function with the loop.
fn snapshot_at(details: &Details, inner: u32) -> Vec<u8> {
    let module = module();
    let frames = vec![
        Frame {
            function: 3,
            site: site(3, SiteKind::Call),
            locals: Vec::new(),
            operands: vec![Value::I32(7)],
        },
        Frame {
            function: 2,
            site: inner,
            locals: vec![Value::I32(u32::MAX), Value::I64(3), Value::F32(0)],
            operands: Vec::new(),
        },
    ];
    let state = State {
        phase: Phase::Main,
        entry: Entry { initialize: None, function: Some(3), arguments: Vec::new() },
        frames: Frames::Portable(frames),
        memory_pages: vec![3],
        globals: vec![Value::I32(65_520), Value::F64(0.5f64.to_bits())],
        tables: vec![vec![Reference::Null, Reference::Function(2), Reference::Function(3)]],
        dropped: Vec::new(),
        exceptions: Vec::new(),
        monotonic_nanos: 1_500_000_000,
        host: Vec::new(),
    };
    let mut memory = vec![0; 3 << 16];
    memory[8..13].copy_from_slice(b"HELLO");
    let memories = [Memory { bytes: &memory, extents: None }];
    let source = file::Source { module: &module, state: &state, memories: &memories, buffers: &[], details };
    file::write(&source).unwrap().to_vec()
}

fn suspended() -> Details {
    Details { trap: 2, ..Details::default() }
}

#[test]
fn a_module_is_described() {
    let wasm = module();
    let facts = facts(&wasm);
    assert_eq!((facts.kind, facts.snapshot_version, facts.problem.as_deref()), (Kind::Module, None, None));
    assert_eq!(facts.bytes, wasm.len() as u64);
    assert!(facts.state.is_none());
    let program = facts.program.unwrap();
    assert_eq!(program.sha256, facts.sha256);
    assert_eq!(program.personality, "wasi");
    assert_eq!(program.features, ["multiple values"]);
    assert_eq!(program.imports[1].field, "poll_oneoff");
    assert_eq!(program.imports[1].ty.as_deref(), Some("(i32, i32, i32, i32) -> i32"));
    assert_eq!(program.exports[1].ty.as_deref(), Some("()"));
    assert_eq!(program.exports[2].ty.as_deref(), Some("() -> (i32, i32)"));
    assert_eq!((program.memories[0].initial_pages, program.memories[0].maximum_pages), (2, Some(4)));
    assert_eq!(program.tables[0].ty, "funcref");
    assert_eq!(program.globals[0].name.as_deref(), Some("stack"));
    let counts = &program.counts;
    assert_eq!((counts.imported_functions, counts.functions, counts.data_bytes), (2, 3, 5));
    let stops = program.stops.unwrap();
    assert_eq!((stops.functions, stops.loops, stops.calls, stops.entries), (2, 1, 1, 0));
    assert_eq!(stops.imports, 2);
}

#[test]
fn sections_cover_the_file() {
    for bytes in [module(), snapshot(&suspended())] {
        let facts = facts(&bytes);
        let mut next = 8;
        for section in &facts.sections {
            assert_eq!(section.offset, next, "{section:?}");
            next += section.bytes;
        }
        assert_eq!(next, bytes.len() as u64);
    }
}

#[test]
fn a_snapshot_is_described() {
    let facts = facts(&snapshot(&suspended()));
    assert_eq!((facts.kind, facts.snapshot_version, facts.problem), (Kind::Snapshot, Some(1), None));
    assert_eq!(facts.program.unwrap().sha256, super::sha256(&module()));
    let state = facts.state.unwrap();
    assert_eq!((state.phase, state.depth, state.monotonic_nanos), ("main", 2, 1_500_000_000));
    assert_eq!(state.trap.unwrap().name, Some("SUSPENDED"));
    assert_eq!(state.entry.function.unwrap().name.as_deref(), Some("main"));
    assert_eq!((state.memories[0].pages, state.memories[0].data_bytes), (3, 8));
    assert_eq!((state.tables[0].elements, state.tables[0].references), (3, 2));
    assert_eq!(state.globals[0].value.value, "65520");
    assert_eq!(state.globals[1].value.value, "0.5");
    let [inner, outer] = state.frames.try_into().unwrap();
    assert_eq!(inner.function.name.as_deref(), Some("count"));
    assert_eq!(inner.site.kind, Some("loop"));
    let locals: Vec<_> = inner
        .locals
        .iter()
        .map(|local| (local.name.as_deref(), local.value.value.as_str(), local.live))
        .collect();
    assert_eq!(locals, [(Some("from"), "-1", true), (Some("bytes"), "3", true), (None, "0", false)]);
    assert_eq!((outer.number, outer.site.kind), (1, Some("call")));
    assert_eq!(outer.operands[0].value, "7");
}

#[test]
fn what_cannot_be_used_says_why() {
    let problem = |bytes: &[u8]| facts(bytes).problem.unwrap_or_default();
    let refused = wat::parse_str("(module (memory 1 1 shared))").unwrap();
    assert!(problem(&refused).contains("threads"), "{}", problem(&refused));
    assert_eq!(facts(&refused).kind, Kind::Module);
    assert!(facts(&refused).program.unwrap().features.contains(&"threads"));
    assert!(problem(b"#!/bin/sh\n").contains("text file"));
    assert_eq!(facts(b"").kind, Kind::Unknown);
    let wasm = module();
    let cut = &wasm[..wasm.len() - 3];
    assert!(problem(cut).contains("cut off"), "{}", problem(cut));
    let mut damaged = snapshot(&suspended());
    // In what the module is rebuilt from.
    let at = damaged.windows(11).position(|bytes| bytes == b"gate.origin").unwrap();
    damaged[at + 12] ^= 0xff;
    let facts = facts(&damaged);
    assert_eq!(facts.kind, Kind::Snapshot);
    assert!(facts.problem.is_some() && facts.program.is_none() && facts.state.is_none());
}

/// A module's breakpoints are counted from its first function in a snapshot.
#[test]
fn breakpoints_are_offsets_in_the_module() {
    let module = module();
    let code = facts(&module).sections.into_iter().find(|section| section.name == "code").unwrap();
    // Number, size and count of the section have a byte each.
    let details = Details { breakpoints: vec![10], ..suspended() };
    let state = facts(&snapshot(&details)).state.unwrap();
    assert_eq!(state.breakpoints, [code.offset + 3 + 10 - 1]);
}

/// The program stops before any instruction that somebody has asked for.
#[test]
fn a_program_can_be_at_a_breakpoint() {
    let at = site(2, SiteKind::Loop);
    let state = facts(&snapshot_at(&suspended(), SiteId::before(at).0)).state.unwrap();
    let inner = &state.frames[0];
    assert_eq!((inner.site.offset, inner.site.kind), (at, Some("breakpoint")));
    assert!(inner.locals[0].live && !inner.locals[2].live);
}

fn exercise(bytes: &[u8]) -> Facts {
    let facts = facts(bytes);
    let text = facts.text();
    assert!(text.chars().all(|character| character == '\n' || !character.is_control()), "{text:?}");
    let json = facts.json();
    assert!(json.is_ascii());
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["sha256"], facts.sha256.as_str());
    facts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn changed_files_do_no_harm(
        is_snapshot in any::<bool>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..5),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let mut bytes = if is_snapshot { snapshot(&suspended()) } else { module() };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        exercise(&bytes);
    }

    #[test]
    fn any_bytes_are_described(bytes in proptest::collection::vec(any::<u8>(), 0..200), is_module in any::<bool>()) {
        let mut file = if is_module { b"\0asm\x01\0\0\0".to_vec() } else { Vec::new() };
        file.extend(bytes);
        exercise(&file);
    }
}
