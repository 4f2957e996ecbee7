//! Whole files.

use super::*;
use crate::upstream::{Expressible, WriteError, expressible, write as write_file};
use crate::{Phase, Value};

const PROGRAM: &str = r#"(module
    (type (func)) (import "gate" "fd_65536" (func (result i32)))
    (table 3 funcref) (memory 2 70)
    (global (mut i32) (i32.const 1)) (global (mut i64) (i64.const 2))
    (global (mut f32) (f32.const 3)) (global f64 (f64.const nan:0x4000000000001))
    (export "memory" (memory 0))
    (export "main" (func 1))
    (elem (i32.const 1) 1)
    (func (loop (br 0)))
    (data (i32.const 3) "abc") (data (i32.const 65536) "d")
    (@custom "tail" "behind"))"#;

/// A file in which sections stand as they would in one of the existing system.
fn program() -> Vec<u8> {
    let stack = stack(&[(5, &[])], ENTRY);
    let file = file(PROGRAM, &SUSPENDED, Some(&stack));
    write(&read(&file))
}

/// What sections a file has, by their ids and names.
fn outline(file: &[u8]) -> Vec<String> {
    let name = |section: sections::Section<'_>| match section.name {
        Some(name) => String::from_utf8(name.to_vec()).unwrap(),
        None => section.id.to_string(),
    };
    sections::sections(file).map(|section| name(section.unwrap())).collect()
}

#[test]
fn sections_are_in_their_order() {
    let mut snapshot_file = program();
    let order =
        ["1", "2", "3", "4", "5", "6", "gate.snapshot", "gate.export", "9", "10", "gate.stack", "11", "tail"];
    assert_eq!(outline(&snapshot_file), order);
    let snapshot = read(&snapshot_file);
    let buffers = [3, 0, 0, 1, 2, 3];
    let bytes = memory(&snapshot);
    let memories = [crate::Memory { bytes: &bytes, extents: None }];
    snapshot_file = write_file(&source(&snapshot), &memories, &buffers).unwrap();
    assert_eq!(outline(&snapshot_file)[10], "gate.buffer");
    assert_eq!(read(&snapshot_file).buffers, buffers);
    assert_eq!(
        outline(&read(&snapshot_file).module),
        ["1", "2", "3", "4", "5", "6", "7", "9", "10", "11", "tail"]
    );
}

#[test]
fn what_is_read_is_written_byte_by_byte() {
    let file = program();
    assert_eq!(write(&read(&file)), file);
}

#[test]
fn the_state_is_what_it_was() {
    let file = program();
    let mut snapshot = read(&file);
    let mut bytes = memory(&snapshot);
    assert_eq!(&bytes[3..6], b"abc");
    assert_eq!(bytes[65_536], b'd');
    let state = &mut snapshot.state;
    assert_eq!(state.globals[..3], [Value::I32(1), Value::I64(2), Value::F32(3f32.to_bits())]);
    state.globals[..3].copy_from_slice(&[Value::I32(u32::MAX), Value::I64(1 << 63), Value::F32(0x7fa0_0000)]);
    state.memory_pages = vec![3];
    state.monotonic_nanos = u64::MAX;
    bytes.resize(3 << 16, 0);
    bytes[(3 << 16) - 1] = 7;
    bytes[100..230].fill(1);
    let memories = [crate::Memory { bytes: &bytes, extents: None }];
    let written = write_file(&source(&snapshot), &memories, &[]).unwrap();
    let again = read(&written);
    assert_eq!(relative(&again), relative(&snapshot));
    let frames = snapshot.state.frames.clone();
    assert_eq!(State { frames, ..again.state.clone() }, snapshot.state);
    assert_eq!(memory(&again), bytes);
    let runs: Vec<_> = again.memories[0].iter().map(|run| (run.offset, run.bytes.len())).collect();
    assert_eq!(runs, [(3, 3), (100, 130), (65_536, 1), ((3 << 16) - 1, 1)]);
    // The length of a segment of 65 bytes or more can have a byte more than it needs.
    let expected = [&[0x00, 0x41, 0xe4, 0x00, 0x0b, 0x82, 0x01][..], &[1; 130]].concat();
    assert!(written.windows(expected.len()).any(|window| window == expected));
    bytes[100..230].fill(0);
    bytes[100..165].fill(2);
    let memories = [crate::Memory { bytes: &bytes, extents: None }];
    let written = write_file(&source(&snapshot), &memories, &[]).unwrap();
    let expected = [&[0x00, 0x41, 0xe4, 0x00, 0x0b, 0xc1, 0x00][..], &[2; 65]].concat();
    assert!(written.windows(expected.len()).any(|window| window == expected));
    assert_eq!(memory(&read(&written)), bytes);
}

#[test]
fn memory_in_any_number_of_pieces_is_read() {
    use std::fmt::Write;
    let pieces = 100_001;
    let mut text = String::from("(module (memory 50) (func (export \"main\") (loop (br 0)))");
    for piece in 0..pieces {
        write!(text, "(data (i32.const {}) \"x\")", 24 * piece + 24 * (piece / 10)).unwrap();
    }
    text.push(')');
    let file = file(&text, &SUSPENDED, Some(&stack(&[(4, &[])], ENTRY)));
    let snapshot = read(&file);
    assert_eq!(snapshot.memories[0].len(), pieces);
    let module = Module::parse(&snapshot.module).unwrap();
    assert_eq!(module.segments(), 10_001);
    let again = write(&snapshot);
    assert_eq!(memory(&read(&again)), memory(&snapshot));
    // Out of order they cannot be joined.
    let found = refusal(&self::file(&text.replacen("(i32.const 0)", "(i32.const 24)", 1), &SUSPENDED, None));
    assert!(found.starts_with("the module is not of the subset"), "{found}");
}

#[test]
fn a_program_that_has_ended_can_run_something_else() {
    let file = file(PROGRAM, &Details { is_final: true, trap: 0, result: 1, ..Details::default() }, None);
    let snapshot = read(&file);
    assert_eq!((snapshot.state.phase, &snapshot.state.entry), (Phase::Main, &crate::Entry::default()));
    assert_eq!(frames(&snapshot.state), []);
    assert_eq!(memory(&snapshot)[3], b'a');
    let written = write(&snapshot);
    assert_eq!(outline(&written)[6..], ["gate.snapshot", "7", "9", "10", "11", "tail"]);
    assert_eq!(write(&read(&written)), written);
    assert!(read(&written).details.is_final);
}

#[test]
fn a_start_function_without_a_stack_is_to_be_run() {
    let file = file("(module (func) (start 0))", &SUSPENDED, None);
    assert_eq!(read(&file).state.phase, Phase::Fresh);
}

#[test]
fn nothing_has_to_be_known_of_a_program_that_has_not_run() {
    let file = file(PROGRAM, &SUSPENDED, Some(&stack(&[], &fresh(u64::MAX, 1))));
    let mut snapshot = read(&file);
    assert_eq!(snapshot.memories, [[]]);
    let written = write(&snapshot);
    let state = &mut snapshot.state;
    (state.memory_pages, state.globals, state.tables) = Default::default();
    assert_eq!(write(&snapshot), written);
    assert_eq!(write(&read(&written)), written);
}

#[test]
fn a_program_without_memory_gets_an_empty_one() {
    let file = file(r#"(module (func (export "main")))"#, &SUSPENDED, Some(&stack(&[], &fresh(u64::MAX, 0))));
    assert_eq!(read(&file).state.memory_pages, []);
    let written = write(&read(&file));
    assert_eq!(read(&written).state.memory_pages, [0]);
    assert_eq!(write(&read(&written)), written);
}

#[test]
fn large_maxima_are_lowered() {
    let text = r#"(module (memory 1 65536) (func (export "main")))"#;
    let file = file(text, &SUSPENDED, Some(&stack(&[], &fresh(u64::MAX, 0))));
    let mut snapshot = read(&file);
    assert!(write(&snapshot).windows(8).any(|window| window == [5, 6, 1, 1, 1, 0xff, 0xff, 1]));
    (snapshot.state.phase, snapshot.state.memory_pages) = (Phase::Main, vec![32_768]);
    let refused = expressible(&source(&snapshot));
    assert!(matches!(refused, Expressible::Never(WriteError::Pages { found: 32_768, limit: 32_767 })));
}

/// Says what is wrong with a program when something of it is changed.
#[track_caller]
fn unwritable(change: impl Fn(&mut State)) -> (bool, String) {
    let file = program();
    let mut snapshot = read(&file);
    change(&mut snapshot.state);
    match expressible(&source(&snapshot)) {
        Expressible::Yes => panic!("it can be written"),
        Expressible::LaterPoint(error) => (true, error.to_string()),
        Expressible::Never(error) => (false, error.to_string()),
    }
}

#[test]
fn what_the_existing_system_cannot_run_is_not_written() {
    let never = |text: &str| (false, text.to_owned());
    let other = |what: &str| never(&format!("the state has other {what} than the program"));
    assert_eq!(unwritable(|state| state.globals[0] = Value::I64(1)), other("globals"));
    assert_eq!(unwritable(|state| state.globals[3] = Value::F64(1)), other("globals"));
    assert_eq!(unwritable(|state| state.globals.clear()), other("globals"));
    assert_eq!(unwritable(|state| state.tables[0].swap(0, 1)), other("tables"));
    assert_eq!(unwritable(|state| state.memory_pages.push(0)), other("memories"));
    assert_eq!(unwritable(|state| state.dropped = vec![1]), other("segments"));
    let raw = || Frames::Raw { bytes: Vec::new(), spilled: Default::default() };
    assert_eq!(unwritable(|state| state.frames = raw()), other("frames"));
    assert_eq!(
        unwritable(|state| state.memory_pages = vec![71]),
        never("the program has 71 pages of memory (limit of the existing system: 70)")
    );
    assert_eq!(
        unwritable(|state| state.entry.arguments = vec![Value::I32(1)]),
        never("the existing system cannot give arguments to function 1")
    );
    let change_frame = |change: &dyn Fn(&mut Frame)| {
        unwritable(|state| {
            let Frames::Portable(frames) = &mut state.frames else { panic!("the frames are portable") };
            change(&mut frames[0]);
        })
    };
    let none = never("frame 0 of the state is none of the program's");
    assert_eq!(change_frame(&|frame| frame.site += 1), none);
    assert_eq!(change_frame(&|frame| frame.site = 0), none);
    assert_eq!(change_frame(&|frame| frame.locals.push(Value::I32(1))), none);
    assert_eq!(change_frame(&|frame| frame.operands.push(Value::I32(1))), none);
    assert_eq!(
        change_frame(&|frame| frame.function = 0),
        never("the existing system cannot run the program's function 0 as entry function")
    );
    assert_eq!(
        change_frame(&|frame| frame.function = 9),
        never("the existing system cannot run the program's function 9 as entry function")
    );
    let twice = |state: &mut State| {
        let Frames::Portable(frames) = &mut state.frames else { panic!("the frames are portable") };
        frames.extend_from_within(..);
    };
    assert_eq!(unwritable(twice), none);
}

#[test]
fn what_may_be_otherwise_later_is_told_apart() {
    let initialize = |state: &mut State| {
        (state.phase, state.entry.initialize) = (Phase::Start, Some(1));
    };
    let text = "the existing system cannot run start and initialization functions and then another one";
    assert_eq!(unwritable(initialize), (true, text.to_owned()));
    let file = program();
    let snapshot = read(&file);
    let source = Source { max_stack_bytes: 8, ..source(&snapshot) };
    let Expressible::LaterPoint(error) = expressible(&source) else { panic!("it cannot be written") };
    assert_eq!(error.to_string(), "the stack would have 16 bytes (limit: 8)");
}

#[test]
fn newer_features_are_not_written() {
    let refusal = |text: &str| {
        let module = wat::parse_str(text).unwrap();
        let file = program();
        let state = State { frames: Frames::Portable(Vec::new()), ..read(&file).state };
        let source = Source { module: &module, state: &state, details: &SUSPENDED, max_stack_bytes: 8 };
        let Expressible::Never(error) = expressible(&source) else { panic!("{text} is written") };
        error.to_string()
    };
    for text in [
        "(module (func (result i32 i32) unreachable))",
        "(module (func (return_call 0)))",
        "(module (memory 1) (memory 1))",
        "(module (table 1 externref))",
        "(module (func (drop (v128.const i64x2 0 0))))",
        "(module (memory 1) (data \"passive\"))",
        "(module (func (drop (select (result i32) (i32.const 0) (i32.const 0) (i32.const 0)))))",
    ] {
        let found = refusal(text);
        assert!(
            found.starts_with("the module is not of the subset that the existing system runs"),
            "{found}"
        );
    }
    let counted = refusal("(module (memory 1) (func (data.drop 0)) (data \"\"))");
    assert_eq!(
        counted,
        "the module has a data count section at offset 0x19, which the existing system does not have"
    );
    let many = format!("(module {})", "(global i32 (i32.const 0))".repeat(33));
    assert_eq!(refusal(&many), "the module has 33 globals (limit of the existing system: 32)");
    let accept =
        r#"(module (import "wasi_snapshot_preview1" "sock_accept" (func (param i32 i32 i32) (result i32))))"#;
    assert_eq!(refusal(accept), "the module imports sock_accept, which the existing system does not have");
    assert_eq!(
        refusal("(module (table 2 funcref) (func) (elem (i32.const 2) 0))"),
        "table segment 0 is not within the initial table"
    );
}
