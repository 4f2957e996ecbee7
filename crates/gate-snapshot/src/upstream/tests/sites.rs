//! All places where a program can be stopped.

use super::*;
use crate::upstream::{Expressible, WriteError, expressible};
use crate::{Phase, Value};
use gate_instrument::stop::SiteId;

/// Reads a stack, and checks that it is written again like that. Gives the state.
#[track_caller]
fn same(text: &str, details: &Details, stack: &[u8]) -> (Vec<u8>, State) {
    let file = file(text, details, Some(stack));
    let snapshot = read(&file);
    let written = write(&snapshot);
    assert_eq!(custom(&written, crate::upstream::STACK_NAME).unwrap(), stack);
    (snapshot.module.clone(), snapshot.state)
}

/// The opcode where a frame is.
fn opcode(module: &[u8], frame: &Frame) -> u8 {
    module[SiteId(frame.site).offset() as usize]
}

/// What becomes of the innermost frame if it is at another place of the function, with other operands. Gives the number of
/// the frame that is written for it, or `None` if none can be.
#[track_caller]
fn moved(
    text: &str,
    breakpoints: Vec<u64>,
    site: impl Fn(&[u8]) -> SiteId,
    operands: &[Value],
) -> Option<u32> {
    let details = Details { breakpoints, ..SUSPENDED };
    // At the entry of the first function, which is the entry function and has one local.
    let file = file(text, &details, Some(&stack(&[(3, &[])], ENTRY)));
    let mut snapshot = read(&file);
    let Frames::Portable(frames) = &mut snapshot.state.frames else { panic!("the frames are portable") };
    frames[0].site = site(&snapshot.module).0;
    frames[0].operands = operands.to_vec();
    match expressible(&source(&snapshot)) {
        Expressible::Yes => {
            let stack = custom(&write(&snapshot), crate::upstream::STACK_NAME).unwrap().into_owned();
            // It means something.
            read(&self::file(text, &details, Some(&stack)));
            Some(u32::from_le_bytes(stack[..4].try_into().unwrap()))
        }
        Expressible::LaterPoint(WriteError::Point { .. }) => None,
        refused => panic!("{refused:?}"),
    }
}

/// The `n`th place of some bytes behind the code section's start.
fn find(module: &[u8], bytes: &[u8], n: usize) -> u32 {
    let code = sections::sections(module).map(Result::unwrap).find(|s| s.id == sections::CODE).unwrap();
    let found = module.windows(bytes.len()).enumerate().filter(|(_, window)| *window == bytes);
    let mut found = found.map(|(at, _)| at).filter(|at| *at > code.content.start);
    u32::try_from(found.nth(n).unwrap()).unwrap()
}

const TABLE: &str = r#"(module (func (export "main") (local i64)
    i32.const 7
    (block $out (loop $again (block $in i64.const 1 drop (br_table $out $again $in (i32.const 0)))))
    drop))"#;

#[test]
fn a_table_is_resolved_by_its_index() {
    // One operand and the index, and the local.
    let (module, state) = same(TABLE, &SUSPENDED, &stack(&[(4, &[1, 7, 5])], ENTRY));
    let [frame] = frames(&state) else { panic!("one frame") };
    assert_eq!(opcode(&module, frame), 0x03);
    assert_eq!((&frame.locals, &frame.operands), (&vec![Value::I64(5)], &vec![Value::I32(7)]));
    for index in [0, 2, 1000] {
        let (module, state) = same(TABLE, &SUSPENDED, &stack(&[(4, &[index, 7, 5])], ENTRY));
        let [frame] = frames(&state) else { panic!("one frame") };
        assert_eq!(opcode(&module, frame), 0x0e);
        assert!(SiteId(frame.site).is_before());
        assert_eq!(frame.operands, [Value::I32(7), Value::I32(u32::try_from(index).unwrap())]);
    }
}

#[test]
fn a_loop_further_out_than_the_default_target_has_fewer_operands() {
    let text = r#"(module (func (export "main") (local i64) (loop $again f32.const 1 (block $in (br_table $again $in (i32.const 0))) drop)))"#;
    let file = file(text, &SUSPENDED, Some(&stack(&[(4, &[0, 8, 5])], ENTRY)));
    let snapshot = read(&file);
    assert_eq!(frames(&snapshot.state)[0].operands, []);
    // The operand is dropped, whatever it is.
    let written = write(&snapshot);
    assert_eq!(custom(&written, crate::upstream::STACK_NAME).unwrap(), stack(&[(4, &[0, 0, 5])], ENTRY));
}

#[test]
fn operands_that_a_table_drops_come_back_as_zeros() {
    let text = TABLE.replace("i64.const 1 drop", "i64.const 1");
    let (_, state) = same(&text, &SUSPENDED, &stack(&[(4, &[0, 7, 5])], ENTRY));
    assert_eq!(frames(&state)[0].operands, [Value::I32(7), Value::I64(0), Value::I32(0)]);
}

#[test]
fn imported_functions_are_stopped_before_they_are_called() {
    let text = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func $r (param i32 i32) (result i32)))
        (type $t (func (param i32 i32) (result i32)))
        (memory 1) (table 3 funcref) (elem (i32.const 1) $r $w)
        (func (export "main")
            i64.const 9
            (drop (call $w (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4)))
            (drop (call $r (i32.const 5) (i32.const 6)))
            (drop (call_indirect (type $t) (i32.const 5) (i32.const 6) (i32.const 1)))
            drop))"#;
    // 6 numbers of `fd_write` and 3 of `random_get` come first.
    let (_, state) = same(text, &SUSPENDED, &stack(&[(3, &[]), (13, &[4, 3, 2, 1, 9])], ENTRY));
    let [main, write] = frames(&state) else { panic!("two frames") };
    assert_eq!(
        (write.function, &write.locals),
        (0, &vec![Value::I32(1), Value::I32(2), Value::I32(3), Value::I32(4)])
    );
    assert_eq!((main.function, &main.operands), (2, &vec![Value::I64(9)]));
    // One that does not block is called again from where it was called.
    let (module, state) = same(text, &SUSPENDED, &stack(&[(9, &[]), (14, &[6, 5, 9])], ENTRY));
    let [main] = frames(&state) else { panic!("one frame") };
    assert_eq!((opcode(&module, main), SiteId(main.site).is_before()), (0x10, true));
    assert_eq!(main.operands, [Value::I64(9), Value::I32(5), Value::I32(6)]);
    let (module, state) = same(text, &SUSPENDED, &stack(&[(9, &[]), (17, &[6, 5, 9])], ENTRY));
    let [main] = frames(&state) else { panic!("one frame") };
    assert_eq!((opcode(&module, main), SiteId(main.site).is_before()), (0x11, true));
    assert_eq!(main.operands, [Value::I64(9), Value::I32(5), Value::I32(6), Value::I32(1)]);
}

#[test]
fn a_program_can_be_an_imported_function() {
    let text = r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func $y (result i32))) (export "y" (func $y)))"#;
    let file = file(text, &SUSPENDED, Some(&stack(&[(3, &[])], ENTRY)));
    let state = read(&file).state;
    assert_eq!((state.phase, state.entry.function, frames(&state)), (Phase::Main, Some(0), &[][..]));
    let written = write(&read(&file));
    assert_eq!(custom(&written, crate::upstream::STACK_NAME).unwrap(), stack(&[], &fresh(u64::MAX, 0)));
}

#[test]
fn start_functions_are_parts_of_the_program_until_they_return() {
    let text = r#"(module (memory 1) (func $s (loop (br 0))) (func (export "main")) (start $s)
        (data (i32.const 8) "data"))"#;
    let loops = |bottom: &[u64]| stack(&[(4, &[])], bottom);
    let (module, state) = same(text, &SUSPENDED, &loops(&start_before(1)));
    assert_eq!((state.phase, state.entry.function), (Phase::Start, Some(1)));
    assert_eq!(module, wat::parse_str(text).unwrap());
    assert_eq!(opcode(&module, &frames(&state)[0]), 0x03);
    // There is nothing to run then; a word for that is written in another form than it can have.
    let (_, state) = same(text, &SUSPENDED, &loops(&start_before(u64::MAX)));
    assert_eq!((state.phase, state.entry.function), (Phase::Start, None));
    let short = file(text, &SUSPENDED, Some(&loops(&start_before(0xffff_ffff))));
    assert_eq!(read(&short).state, state);
    let (module, state) = same(text, &SUSPENDED, &stack(&[], &fresh(0, 1)));
    assert_eq!((state.phase, state.entry.function), (Phase::Fresh, Some(1)));
    assert_eq!(module, wat::parse_str(text).unwrap());
    let (_, state) = same(text, &SUSPENDED, &stack(&[], &fresh(u64::MAX, u64::MAX)));
    assert_eq!((state.phase, state.entry.function), (Phase::Fresh, None));
}

const POINTS: &str = r#"(module (type $v (func)) (table 2 funcref) (elem (i32.const 1) $leaf)
    (func (export "main") (local i64)
        (nop)
        (i32.const 1) (if (then (call $leaf)))
        (i64.const 1)
        (loop $l (br_if $l (i32.const 1)) (br $l))
        drop
        (call_indirect (type $v) (i32.const 1)))
    (func $leaf))"#;

#[test]
fn places_without_a_number_are_as_good_as_some_with_one() {
    // Sites: 3 entry, 4 call, 5 branch, 6 to 8 indirect call; 9 entry of the leaf.
    let before = |bytes: &'static [u8], n: usize| move |module: &[u8]| SiteId::before(find(module, bytes, n));
    let moved =
        |site: &dyn Fn(&[u8]) -> SiteId, operands: &[Value]| moved(POINTS, Vec::new(), site, operands);
    // The first instruction.
    assert_eq!(moved(&before(&[0x01, 0x41], 0), &[]), Some(3));
    // Behind it there is nothing.
    assert_eq!(moved(&before(&[0x41, 1, 0x04], 0), &[]), None);
    // Before a call.
    assert_eq!(moved(&before(&[0x10, 1], 0), &[]), Some(9));
    // The loop, from inside and from outside.
    let operand = Value::I64(4);
    assert_eq!(moved(&|module| SiteId(find(module, &[0x03, 0x40], 0)), &[operand]), Some(5));
    assert_eq!(moved(&before(&[0x03, 0x40], 0), &[operand]), Some(5));
    // Branches to it.
    assert_eq!(moved(&before(&[0x0d, 0], 0), &[operand, Value::I32(1)]), Some(5));
    assert_eq!(moved(&before(&[0x0d, 0], 0), &[operand, Value::I32(0)]), None);
    assert_eq!(moved(&before(&[0x0c, 0], 0), &[operand]), Some(5));
    // An indirect call, of something and of nothing.
    assert_eq!(moved(&before(&[0x11], 0), &[Value::I32(1)]), Some(9));
    assert_eq!(moved(&before(&[0x11], 0), &[Value::I32(0)]), None);
    assert_eq!(moved(&before(&[0x11], 0), &[Value::I32(2)]), None);
}

#[test]
fn breakpoints_make_places() {
    // Behind the number of functions there are a byte of the body's size and three for locals.
    let (nop, constant, condition) = (5, 6, 8);
    let at_nop = |module: &[u8]| SiteId::before(find(module, &[0x01, 0x41], 0));
    let at_constant = |module: &[u8]| SiteId::before(find(module, &[0x41, 1, 0x04], 0));
    assert_eq!(moved(POINTS, vec![nop, nop], at_nop, &[]), Some(4));
    assert_eq!(moved(POINTS, vec![condition, nop, constant], at_constant, &[]), Some(5));
    assert_eq!(moved(POINTS, vec![condition, nop], at_constant, &[]), None);
    let details = Details { breakpoints: vec![condition], ..SUSPENDED };
    let (module, state) = same(POINTS, &details, &stack(&[(4, &[3, 2])], ENTRY));
    let [frame] = frames(&state) else { panic!("one frame") };
    assert_eq!((opcode(&module, frame), &frame.operands), (0x04, &vec![Value::I32(3)]));
}

#[test]
fn a_loop_without_a_sound_branch_cannot_be_written() {
    let text = r#"(module (func (export "main") (local i64)
        (nop) (loop i32.const 1 (block (br_if 1 (i32.const 1))) drop)))"#;
    assert_eq!(moved(text, Vec::new(), |module| SiteId(find(module, &[0x03, 0x40], 0)), &[]), None);
}
