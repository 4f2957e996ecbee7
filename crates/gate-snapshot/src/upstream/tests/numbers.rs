//! Which numbers the places in a program have.

use std::fmt::Write;

use wasmparser::Operator;

use super::super::module::Module;
use super::super::numbering::NUMBERINGS;
use super::super::scan::{self, Kind, Scan, Site, Visit};
use super::super::table::Table;
use super::KNOWN;

/// Lists sites as `number=offset` and what they are.
struct List {
    text: String,
    start: u32,
}

impl Visit for List {
    fn site(&mut self, scan: &Scan<'_, '_>, site: Site, _: Option<&Operator<'_>>) {
        let Site { number, offset, kind, .. } = site;
        let what = match kind {
            Kind::Entry => "entry",
            Kind::Call(_) => "call",
            Kind::Branch { depth } if scan.is_sound(depth) => "back",
            Kind::Branch { .. } => "unsound",
            Kind::Table => "table",
            Kind::Breakpoint => "break",
            Kind::Other => "-",
        };
        let dead = if scan.is_live() { "" } else { " dead" };
        write!(self.text, "{}={offset} {what}{dead}, ", self.start + number).unwrap();
    }
}

/// The sites of a module, a line for each function that is not imported, and how many there are.
fn sites(text: &str, numbering: usize, breakpoints: &[u64]) -> (Vec<String>, u32) {
    let wasm = wat::parse_str(text).unwrap();
    let module = Module::parse(&wasm).unwrap();
    let table = Table::new(&module, &NUMBERINGS[numbering], breakpoints).unwrap();
    let lines = (module.imported()..module.functions()).map(|function| {
        let mut list = List { text: String::new(), start: table.start(function) };
        scan::scan(&module, function, table.rules(), &mut list).unwrap();
        list.text.trim_end_matches(", ").to_owned()
    });
    (lines.collect(), table.len())
}

#[track_caller]
fn check(body: &str, expected: &str) {
    let (lines, _) = sites(&format!("(module (memory 1) (func {body}))"), 0, &[]);
    assert_eq!(lines[0], format!("3=8 entry{}{expected}", if expected.is_empty() { "" } else { ", " }));
}

#[test]
fn numbers_are_those_of_the_existing_system() {
    let (lines, count) = sites(KNOWN, 0, &[]);
    assert_eq!(count, 42);
    assert_eq!(
        lines,
        [
            "21=8 entry, 22=24 -, 23=24 back, 24=40 call",
            "25=8 entry, 26=32 call, 27=24 back, 28=24 table, 29=24 -, 30=24 -, 31=24 call",
            "32=8 entry, 33=8 -, 34=8 -, 35=8 -, 36=8 -, 37=32 -, 38=8 -, 39=40 call",
            "40=8 entry, 41=24 call",
        ]
    );
}

#[test]
fn reinterpretation_has_a_number_on_arm() {
    let (lines, count) = sites(KNOWN, 1, &[]);
    assert_eq!(count, 43);
    assert_eq!(lines[2], "32=8 entry, 33=8 -, 34=8 -, 35=8 -, 36=8 -, 37=8 -, 38=32 -, 39=8 -, 40=40 call");
    assert_eq!(lines[3], "41=8 entry, 42=24 call");
}

#[test]
fn a_block_notices_suspension_once() {
    check("(loop (br 0) (br 0))", "4=8 back");
    // Both parts of an `if` are one block.
    check("(loop (if (i32.const 1) (then (br 1)) (else (br 1))))", "4=8 back");
    // A call is as good as a branch, for what follows in its block only.
    check("(loop (call 0) (br_if 0 (i32.const 1)) (block (br 1)))", "4=8 call, 5=8 back");
    check("(br_if 0 (i32.const 1)) (block (br 0))", "");
}

#[test]
fn operands_that_were_in_memory_make_a_branch_unsound() {
    check("i32.const 1 (loop (br_if 0 (i32.const 1))) drop", "4=16 back");
    // The inner block has put the operand into memory, from where the branch drops it.
    check("(loop i32.const 1 (block (br_if 1 (i32.const 1))) drop)", "4=16 unsound");
    // It is in a register.
    check("(loop i32.const 1 (br_if 0 (i32.const 1)) drop)", "4=8 back");
    // Popped and pushed again it is not in memory any more, but for one instruction.
    check("i64.const 1 (block) i64.eqz (block) (loop) drop", "");
    check("i64.const 1 (block) i64.eqz memory.grow drop", "4=8 -");
    check("(loop i64.const 1 (block) i32.wrap_i64 (br_if 0 (i32.const 1)) drop)", "4=16 unsound");
    check("(loop i64.const 1 (block) i64.clz (br_if 0 (i32.const 1)) drop)", "4=8 back");
}

#[test]
fn dead_code_has_numbers() {
    check("(return) (drop (i32.load (i32.const 0))) (call 0)", "4=8 - dead, 5=8 call dead");
    check("(loop (br 0) (block (br_if 1 (i32.const 1))))", "4=8 back, 5=8 unsound dead");
    check("unreachable", "4=8 -");
}

#[test]
fn tables_have_a_number_if_a_target_is_a_loop() {
    check("(block (loop (br_table 1 0 1 (i32.const 0))))", "4=16 table");
    check("(block (block (br_table 1 0 1 (i32.const 0))))", "");
}

#[test]
fn breakpoints_have_numbers_of_their_own() {
    let text = "(module (func (local i64) i32.const 1 (block) drop))";
    assert_eq!(sites(text, 0, &[]).0, ["3=8 entry"]);
    // The first byte behind the number of functions is the body's size; three for the locals follow.
    assert_eq!(sites(text, 0, &[5]).0, ["3=8 entry, 4=16 break"]);
    // `block`, `end`, `drop` and the `end` of the function.
    assert_eq!(
        sites(text, 0, &[7, 9, 10, 11]).0,
        ["3=8 entry, 4=24 break, 5=24 break, 6=24 break, 7=16 break"]
    );
    let wasm = wat::parse_str(text).unwrap();
    let module = Module::parse(&wasm).unwrap();
    for breakpoint in [0, 1, 6, 8, 12, 1000, u64::MAX] {
        let error = Table::new(&module, &NUMBERINGS[0], &[5, breakpoint]).unwrap_err();
        assert_eq!(error.to_string(), format!("there is no instruction at breakpoint {breakpoint:#x}"));
    }
}
