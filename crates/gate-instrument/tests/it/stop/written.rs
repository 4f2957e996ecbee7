//! Programs written for what they are to do when stopped.
//!
//! Each is a file in `tests/stop`. Its functions are run one after the other, as by [`check`].

use std::fmt::Write;
use std::path::Path;

use gate_instrument::stop::{Hidden, Poll, Program};

use super::breakpoints::instructions;
use super::machine::{Plan, run_at_breakpoints, run_original, run_stopped};
use super::{check, machine, validate};

/// Checks a program, and that it is stopped at least a number of times.
#[track_caller]
fn check_file(name: &str, at_least: u32) {
    let stops = check(&read(name));
    assert!(stops >= at_least, "{name} was stopped {stops} times");
}

pub(super) fn read(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stop").join(name).with_extension("wat");
    wat::parse_file(&path).unwrap()
}

/// The interpreter has no exceptions: what comes out is valid for every stop point, alone and together with all others.
#[test]
fn exceptions() {
    let wasm = read("exceptions");
    for poll in [Poll::Atomic, Poll::Store, Poll::Countdown] {
        let program = Program::new(&wasm, &machine::config(poll)).unwrap();
        validate(&program.instrument().unwrap().wasm, true);
        let functions = 0..program.functions();
        let sites: Vec<_> =
            functions.flat_map(|function| program.sites(function).unwrap()).map(|site| site.id).collect();
        assert_eq!(sites.len(), 22);
        for sites in sites.chunks(1).chain([&sites[..]]) {
            validate(&program.continuations(sites).unwrap().wasm, true);
        }
    }
}

#[test]
fn loops() {
    check_file("loops", 49);
}

#[test]
fn loops_with_parameters() {
    check_file("loops_with_parameters", 20);
}

#[test]
fn operands_below_blocks() {
    check_file("operands_below_blocks", 20);
}

#[test]
fn multiple_values() {
    check_file("multiple_values", 10);
}

#[test]
fn branch_tables() {
    check_file("branch_tables", 30);
}

#[test]
fn recursion() {
    check_file("recursion", 53);
}

#[test]
fn indirect_calls() {
    check_file("indirect_calls", 12);
}

#[test]
fn tail_calls() {
    check_file("tail_calls", 26);
}

#[test]
fn imports_that_block() {
    check_file("imports_that_block", 8);
}

#[test]
fn references() {
    check_file("references", 20);
}

#[test]
fn segments() {
    check_file("segments", 10);
}

#[test]
fn vectors_and_numbers() {
    check_file("vectors_and_numbers", 10);
}

#[test]
fn many_values() {
    check_file("many_values", 10);
}

#[test]
fn many_values_in_calls() {
    check_file("many_values_in_calls", 10);
}

/// All stop points of a function save the same values, with one piece of code: locals of several types, and those in which
/// operands are parked.
#[test]
fn values_saved_together() {
    let types = ["i64", "f64", "i32"];
    let ty = |local: usize| types[local % 3];
    let mut text = String::from(
        r#"(module (memory (export "memory") 1) (table (export "table") 2 funcref)
        (func $f (export "f") (result i32) (loop) (i32.const 1))
        (func (export "run") (param i32) (result i64 f64 i32) (local funcref)"#,
    );
    (0..150).for_each(|local| write!(text, "(local ${local} {})", ty(local)).unwrap());
    text.push_str("(local.set 1 (ref.func $f))");
    (0..150).for_each(|local| write!(text, "(local.set ${local} ({}.const {local}))", ty(local)).unwrap());
    for call in 0..400 {
        text.push_str(match call % 20 {
            0 => "(i32.store (i32.const 8) (i32.add (call $f) (call $f)))",
            1 => "(i32.const 1) (local.get 1) (drop (call $f)) (table.set 0)",
            2 => "(f64.const 2) (drop (call $f)) (local.set $1 (f64.add (local.get $1)))",
            _ => "(drop (call $f))",
        });
    }
    for (result, ty) in types.iter().enumerate() {
        write!(text, "({ty}.const 0)").unwrap();
        for local in (0..150).filter(|local| local % 3 == result) {
            write!(text, "(local.get ${local}) ({ty}.add)").unwrap();
        }
    }
    text.push_str("))");
    let wasm = wat::parse_str(text).unwrap();
    let expected = run_original(&wasm);
    for (every, moves) in [(2, true), (7, false)] {
        let plan = Plan { poll: Poll::Countdown, every, moves };
        let (found, stops) = run_stopped(&wasm, plan);
        assert_eq!(found, expected);
        assert!(stops > 50, "{stops}");
    }
    let program = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
    let sites = program.sites(1).unwrap();
    assert!(sites.iter().all(|site| site.live == sites[0].live));

    // Breakpoints save values of their own, and do not change what the others save.
    let all = instructions(&wasm).concat();
    let some: Vec<_> = all.into_iter().step_by(17).collect();
    let with_some = Program::new(&wasm, &machine::with_breakpoints(Poll::Countdown, &some)).unwrap();
    assert!(sites.iter().all(|site| with_some.site(site.id).unwrap() == *site));
    let plan = Plan { poll: Poll::Countdown, every: 11, moves: true };
    let (found, stops) = run_at_breakpoints(&wasm, plan, &[&some, &[]]);
    assert_eq!(found, expected);
    assert!(stops > 50, "{stops}");
}

#[test]
fn leaves() {
    check_file("leaves", 0);
}

#[test]
fn start_and_memories() {
    check_file("start_and_memories", 10);
}

#[test]
fn unreachable_code() {
    check_file("unreachable_code", 5);
}

/// A module that is only to be left differs in what it exports for continuations, and has what the host needs.
#[test]
fn modules_to_leave() {
    let exports = |wasm: &[u8]| -> Vec<String> {
        let payloads = wasmparser::Parser::new(0).parse_all(wasm);
        let sections = payloads.filter_map(|payload| match payload.unwrap() {
            wasmparser::Payload::ExportSection(section) => Some(section),
            _ => None,
        });
        sections.flatten().map(|export| export.unwrap().name.to_owned()).collect()
    };
    for name in ["recursion", "references", "segments", "imports_that_block"] {
        let wasm = read(name);
        let program = Program::new(&wasm, &machine::config(Poll::Atomic)).unwrap();
        let stays = program.instrument().unwrap().wasm;
        let leaves = program.instrument_to_leave().unwrap().wasm;
        validate(&leaves, true);
        let (stays, leaves) = (exports(&stays), exports(&leaves));
        let is_for_continuations =
            |name: &&String| ["gate call ", "gate save"].iter().any(|prefix| name.starts_with(prefix));
        assert!(stays.iter().any(|name| is_for_continuations(&name)), "{name}: {stays:?}");
        assert!(!leaves.iter().any(|name| is_for_continuations(&name)), "{name}: {leaves:?}");
        let control = program.control();
        for hidden in [
            Hidden::Initialize,
            Hidden::Restore,
            Hidden::Memory(control.memory),
            Hidden::Global(control.unwinding),
        ] {
            assert!(leaves.contains(&program.name(hidden)), "{name}: {leaves:?}");
        }
        assert!(exports(&wasm).iter().all(|name| leaves.contains(name)), "{name}: {leaves:?}");
    }
}
