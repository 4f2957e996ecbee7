//! Stacks that the existing system has read and written itself.

use super::*;
use crate::{Phase, Value};

/// `$a` at the second round of its loop, called by `$b`, called by `main`.
const IN_LOOP: &str = "
    17000000 18000000  0000c03f 00000000  88776655 44332211
    1a000000 20000000  09000000 00000000  07000000 00000000  aa000000 00000000
    29000000 18000000  06000000 00000000  05000000 00000000
    02000000 00000000";

/// The same before `$a` does anything.
const AT_ENTRY: &str = "
    15000000 08000000
    1a000000 20000000  09000000 00000000  07000000 00000000  aa000000 00000000
    29000000 18000000  06000000 00000000  05000000 00000000
    02000000 00000000";

/// Nothing has run, and `main` is to be run.
const FRESH: &str = "00000000 10000000 ffffffff ffffffff 05000000 00000000";

/// What stands at the place of a frame in the program.
fn at(snapshot: &Snapshot<'_>, frame: &Frame) -> u8 {
    snapshot.module[frame.site as usize]
}

#[track_caller]
fn check_same(file: &[u8]) {
    let snapshot = read(file);
    let written = write(&snapshot);
    assert_eq!(custom(&written, super::super::STACK_NAME), custom(file, super::super::STACK_NAME));
    // The program may have been without a data section.
    let again = read(&written);
    assert_eq!(
        (&again.state, &again.memories, &again.details),
        (&snapshot.state, &snapshot.memories, &snapshot.details)
    );
    assert_eq!(write(&read(&written)), written);
}

#[test]
fn a_stack_is_read_and_written() {
    let file = file(KNOWN, &SUSPENDED, Some(&hex(IN_LOOP)));
    let snapshot = read(&file);
    assert_eq!(snapshot.state.phase, Phase::Main);
    assert_eq!(snapshot.state.entry.function, Some(5));
    assert_eq!(snapshot.state.monotonic_nanos, 5);
    assert_eq!(snapshot.details, SUSPENDED);
    let [main, b, a] = frames(&snapshot.state) else { panic!("three frames") };
    assert_eq!((main.function, b.function, a.function), (5, 3, 2));
    // Two calls and a loop.
    assert_eq!((at(&snapshot, main), at(&snapshot, b), at(&snapshot, a)), (0x10, 0x10, 0x03));
    assert_eq!((&main.locals, &main.operands), (&vec![], &vec![]));
    assert_eq!(b.locals, [Value::I32(5), Value::I32(6), Value::I64(0xaa)]);
    assert_eq!(b.operands, [Value::I32(7)]);
    assert_eq!(a.locals, [Value::I32(9), Value::I64(0x1122_3344_5566_7788), Value::F32(1.5f32.to_bits())]);
    assert_eq!(a.operands, []);
    check_same(&file);
}

#[test]
fn the_entry_of_a_function_is_read_and_written() {
    let file = file(KNOWN, &SUSPENDED, Some(&hex(AT_ENTRY)));
    let snapshot = read(&file);
    let [.., a] = frames(&snapshot.state) else { panic!("there are frames") };
    assert_eq!(a.locals, [Value::I32(9), Value::I64(0), Value::F32(0)]);
    check_same(&file);
}

#[test]
fn a_fresh_program_is_read_and_written() {
    let file = file(KNOWN, &SUSPENDED, Some(&hex(FRESH)));
    let snapshot = read(&file);
    assert_eq!(snapshot.state.phase, Phase::Fresh);
    assert_eq!(snapshot.state.entry.function, Some(5));
    assert_eq!(snapshot.state.tables, [vec![crate::Reference::Null; 2]]);
    // As it was before.
    assert_eq!(snapshot.module, wat::parse_str(KNOWN).unwrap());
    check_same(&file);
}

#[test]
fn upper_halves_of_small_values_mean_nothing() {
    let garbage = hex(IN_LOOP);
    let mut stack = garbage.clone();
    for word in [1, 4, 5, 8, 9] {
        stack[8 * word + 4..8 * word + 8].copy_from_slice(&[0x23, 8, 0, 0xff]);
    }
    let file = file(KNOWN, &SUSPENDED, Some(&stack));
    let written = write(&read(&file));
    assert_eq!(custom(&written, super::super::STACK_NAME).unwrap(), garbage);
}

#[test]
fn frames_of_another_processor_are_read() {
    // In the function that calls `fd_write`, everything behind the reinterpretation has another number.
    let text = KNOWN.replace("(call $b (i32.const 5) (i32.const 6))", "(drop (call $c (f32.const 1)))");
    let stack = |call: &str, main: &str| {
        let arguments = "10000000 00000000 00000000 00000000 00000000 00000000 01000000 00000000";
        hex(&format!(
            "0f000000 08000000  {call}000000 28000000 {arguments}
             {main}000000 10000000 0000803f 00000000  02000000 00000000"
        ))
    };
    let arm = file(&text, &SUSPENDED, Some(&stack("28", "2a")));
    let amd = file(&text, &SUSPENDED, Some(&stack("27", "29")));
    assert_eq!(read(&arm).state, read(&amd).state);
    assert_eq!(write(&read(&arm)), write(&read(&amd)));
    let snapshot = read(&arm);
    let [.., innermost] = frames(&snapshot.state) else { panic!("there are frames") };
    assert_eq!(innermost.function, 1);
    assert_eq!(innermost.locals, [1, 0, 0, 16].map(Value::I32));
    // Neither fits.
    let mixed = file(&text, &SUSPENDED, Some(&stack("27", "2a")));
    assert_eq!(refusal(&mixed), "frame 2 has number 42, and the program has 42 numbers");
}
