//! What is where.

use super::*;
use crate::sections::sections;

fn names(wasm: &[u8]) -> Vec<String> {
    sections(wasm)
        .map(|section| {
            let section = section.unwrap();
            section
                .name
                .map_or_else(|| section.id.to_string(), |name| String::from_utf8(name.to_vec()).unwrap())
        })
        .collect()
}

#[test]
fn sections_are_in_the_order_that_is_documented() {
    let (wasm, state, memories) = everything();
    assert_eq!(
        names(&wasm),
        ["1", "2", "3", "4", "5", "6", "7", "8", "9", "12", "10", "11", "producers", "name"]
    );
    let snapshot = try_written(&wasm, &state, &memories, b"buffers").unwrap();
    let expected = [
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "gate.snapshot",
        "gate.export",
        "9",
        "12",
        "10",
        "gate.buffer",
        "gate.stack",
        "11",
        "producers",
        "name",
        "gate.origin",
    ];
    assert_eq!(names(&snapshot), expected);
    let ended = State { frames: Frames::Portable(Vec::new()), entry: Entry::default(), ..state };
    let expected = [
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "gate.snapshot",
        "7",
        "9",
        "12",
        "10",
        "11",
        "producers",
        "name",
        "gate.origin",
    ];
    assert_eq!(names(&written(&wasm, &ended, &memories)), expected);
}

#[test]
fn sections_that_the_original_lacks_are_put_where_they_belong() {
    let wasm =
        wat::parse_str(r#"(module (table 1 funcref) (memory 1) (func (export "f")) (@custom "last" "x"))"#)
            .unwrap();
    assert_eq!(names(&wasm), ["1", "3", "4", "5", "7", "10", "last"]);
    let state = State {
        memory_pages: vec![1],
        tables: vec![vec![function(0)]],
        globals: vec![],
        dropped: vec![],
        frames: Frames::Portable(vec![]),
        ..everything().1
    };
    let memories = [[[1; 8].as_slice(), &[0; 65_528]].concat()];
    let snapshot = written(&wasm, &state, &memories);
    let expected = [
        "1",
        "3",
        "4",
        "5",
        "gate.snapshot",
        "gate.export",
        "9",
        "10",
        "gate.stack",
        "11",
        "last",
        "gate.origin",
    ];
    assert_eq!(names(&snapshot), expected);
    check_read(&snapshot, &wasm, &state, &memories);
    // And nothing where nothing is needed.
    let wasm = wat::parse_str("(module (memory 1))").unwrap();
    let state = State { tables: vec![], entry: Entry::default(), ..state };
    assert_eq!(names(&written(&wasm, &state, &[vec![]])), ["5", "gate.snapshot", "gate.origin"]);
}

/// The bytes behind the header and the size of the section that has the script.
fn overhead(wasm: &[u8], state: &State, memories: &[Vec<u8>]) -> usize {
    written(wasm, state, memories).len() - wasm.len()
}

#[test]
fn what_has_not_changed_is_not_there_twice() {
    let text = "There is so much text here! ".repeat(1000);
    let functions = "$f ".repeat(1000);
    let wasm = format!(
        r#"(module (table 2000 funcref) (memory 1)
            (func $g) (func $f) (elem (i32.const 1) func {functions}) (elem (i32.const 1500) func $g $f)
            (data (i32.const 12) "{text}"))"#
    );
    let wasm = wat::parse_str(wasm).unwrap();
    let mut memory = vec![0; 65_536];
    memory[12..12 + text.len()].copy_from_slice(text.as_bytes());
    let mut table = vec![Reference::Null; 2000];
    table[1..1001].fill(function(1));
    table[1500..1502].copy_from_slice(&[function(0), function(1)]);
    let state = State {
        memory_pages: vec![1],
        tables: vec![table],
        globals: vec![],
        dropped: vec![],
        host: vec![],
        frames: Frames::Portable(vec![]),
        entry: Entry::default(),
        ..everything().1
    };
    let unchanged = overhead(&wasm, &state, std::slice::from_ref(&memory));
    assert!(unchanged < 230, "{unchanged}");
    // A few bytes that have changed cost a few bytes.
    memory[1000..1010].fill(0);
    memory[5000] = 0;
    let mut table = state.tables[0].clone();
    table[1600] = function(1);
    let state = State { tables: vec![table], ..state };
    let changed = overhead(&wasm, &state, &[memory.clone()]);
    assert!(changed < unchanged + 130, "{changed}");
    check_read(&written(&wasm, &state, &[memory.clone()]), &wasm, &state, &[memory]);
}

#[test]
fn tables_with_too_many_gaps_are_written_as_a_whole() {
    let wasm = wat::parse_str("(module (table 0 funcref) (table 0 funcref) (func) (elem func 0))").unwrap();
    let gaps: Vec<_> = (0..210_000).map(|n| if n % 2 == 1 { function(0) } else { Reference::Null }).collect();
    let state = State {
        memory_pages: vec![],
        tables: vec![vec![Reference::Null; 3], gaps],
        globals: vec![],
        dropped: vec![],
        ..everything().1
    };
    let snapshot = written(&wasm, &state, &[]);
    check_read(&snapshot, &wasm, &state, &[]);
}

#[test]
fn memories_with_too_many_gaps_have_longer_segments() {
    let wasm = wat::parse_str(r#"(module (memory 600) (data "passive"))"#).unwrap();
    let mut memory = vec![0; 600 << 16];
    memory.iter_mut().step_by(320).for_each(|byte| *byte = 1);
    let state =
        State { memory_pages: vec![600], tables: vec![], globals: vec![], dropped: vec![], ..everything().1 };
    let memories = [memory];
    let snapshot = written(&wasm, &state, &memories);
    check_read(&snapshot, &wasm, &state, &memories);
    assert_eq!(read(&snapshot, &LIMITS).unwrap().memories[0].len(), 1);
}
