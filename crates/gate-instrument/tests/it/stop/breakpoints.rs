//! Programs that stop at breakpoints do what they do without, wherever these are, and wherever they are continued.

use gate_instrument::stop::{Poll, Program, SiteId, SiteKind};
use wasmparser::{Parser, Payload};

use super::machine::{self, Plan, run_at_breakpoints, run_original};
use super::{validate, written};

/// The offsets of all instructions, by function.
pub(super) fn instructions(wasm: &[u8]) -> Vec<Vec<u32>> {
    let bodies = Parser::new(0).parse_all(wasm).filter_map(|payload| match payload.unwrap() {
        Payload::CodeSectionEntry(body) => Some(body),
        _ => None,
    });
    bodies
        .map(|body| {
            let mut reader = body.get_operators_reader().unwrap();
            let mut offsets = Vec::new();
            while !reader.eof() {
                offsets.push(u32::try_from(reader.original_position()).unwrap());
                reader.read().unwrap();
            }
            offsets
        })
        .collect()
}

/// Runs a program with some of its instructions as breakpoints, which are set or not when it is continued. Says how often it
/// was stopped at most.
#[track_caller]
pub(super) fn check_breakpoints(wasm: &[u8], some: &[u32], others: &[u32]) -> u32 {
    let expected = run_original(wasm);
    let mut most = 0;
    for (every, variants) in [
        (0, &[some][..]),
        (0, &[others, some]),
        // Calls that it is in when it stops at a breakpoint are none that it could be stopped in the other program.
        (5, &[some, &[]]),
        (1, &[&[], some]),
    ] {
        let plan = Plan { poll: Poll::Countdown, every, moves: variants.len() > 1 };
        let (found, stops) = run_at_breakpoints(wasm, plan, variants);
        assert_eq!(found.0, expected.0, "{plan:?} {variants:?}\n{}", wasmprinter::print_bytes(wasm).unwrap());
        most = most.max(stops);
    }
    most
}

#[track_caller]
fn check_file(name: &str, at_least: u32) {
    let wasm = written::read(name);
    let all = instructions(&wasm).concat();
    let (even, odd): (Vec<u32>, Vec<u32>) = all.iter().partition(|offset| *offset % 2 == 0);
    let stops = check_breakpoints(&wasm, &all, &even).max(check_breakpoints(&wasm, &odd, &even));
    assert!(stops >= at_least, "{name} was stopped {stops} times");
}

#[test]
fn at_every_instruction() {
    for (name, at_least) in [
        ("leaves", 79),
        ("branch_tables", 400),
        ("imports_that_block", 49),
        ("indirect_calls", 110),
        ("loops", 400),
        ("loops_with_parameters", 377),
        ("multiple_values", 134),
        ("operands_below_blocks", 359),
        ("recursion", 400),
        ("references", 400),
        ("segments", 152),
        ("start_and_memories", 136),
        ("tail_calls", 282),
        ("unreachable_code", 40),
        ("vectors_and_numbers", 327),
    ] {
        check_file(name, at_least);
    }
}

/// The interpreter has no exceptions: what comes out is valid for every instruction that can be reached.
#[test]
fn in_functions_with_exceptions() {
    let wasm = written::read("exceptions");
    let all = instructions(&wasm).concat();
    let with_all = Program::new(&wasm, &machine::with_breakpoints(Poll::Countdown, &all)).unwrap();
    let with_none = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
    validate(&with_all.instrument().unwrap().wasm, true);
    let mut reachable = 0;
    for offset in all {
        let site = SiteId::before(offset);
        let Ok(found) = with_none.site(site) else { continue };
        reachable += 1;
        assert_eq!(found.kind, SiteKind::Breakpoint);
        assert_eq!(found, with_all.site(site).unwrap());
        for program in [&with_all, &with_none] {
            validate(&program.continuations(&[site]).unwrap().wasm, true);
        }
    }
    assert_eq!(reachable, 167);
}

/// A stop point is the same in every program, whatever it stops at by itself.
#[test]
fn other_stop_points_stay_the_same() {
    for name in ["loops", "operands_below_blocks", "references"] {
        let wasm = written::read(name);
        let all = instructions(&wasm).concat();
        let with_all = Program::new(&wasm, &machine::with_breakpoints(Poll::Countdown, &all)).unwrap();
        let with_none = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
        for site in (0..with_none.functions()).flat_map(|function| with_none.sites(function).unwrap()) {
            assert_eq!(with_all.site(site.id).unwrap(), site);
        }
        for site in (0..with_all.functions()).flat_map(|function| with_all.sites(function).unwrap()) {
            assert_eq!(with_none.site(site.id).unwrap(), site);
        }
    }
}

#[test]
fn no_instruction() {
    let wasm = wat::parse_str("(module (func (i32.const 1000) (drop)) (func (local i32) (nop)))").unwrap();
    let instructions = instructions(&wasm);
    let ([a, b, end], [nop, last]) = (&instructions[0][..], &instructions[1][..]) else { panic!() };
    let check = |offset: u32, expect: &str| {
        let breakpoints = [*b, offset];
        let error = Program::new(&wasm, &machine::with_breakpoints(Poll::Store, &breakpoints)).unwrap_err();
        assert_eq!(error.to_string(), format!("there is no instruction at offset {offset:#x}; {expect}"));
    };
    check(0, &format!("the nearest one is at {a:#x}"));
    check(a + 1, &format!("the nearest ones are at {a:#x} and {b:#x}"));
    check(end + 1, &format!("the nearest ones are at {end:#x} and {nop:#x}"));
    check(last + 1, &format!("the nearest one is at {last:#x}"));
    check(u32::MAX, &format!("the nearest one is at {last:#x}"));
    let wasm = wat::parse_str("(module)").unwrap();
    let error = Program::new(&wasm, &machine::with_breakpoints(Poll::Store, &[8])).unwrap_err();
    assert_eq!(error.to_string(), "there is no instruction at offset 0x8, nor anywhere else in the module");
}

/// A program stops each time that it comes to a breakpoint: not more often, nor less.
#[test]
fn each_time() {
    let wasm = wat::parse_str(
        r#"(module (func (export "run") (result i32) (local $i i32)
            (loop $again                                            ;; once, from outside
              (local.set $i (i32.add (local.get $i) (i32.const 1))) ;; 5 times, 4 instructions
              (block                                                ;; 5 times
                (br_if 0 (i32.and (local.get $i) (i32.const 1)))    ;; 5 times, 4 instructions
                (nop))                                              ;; twice, with the end
              (br_if $again (i32.lt_u (local.get $i) (i32.const 5)))) ;; 5 times, 4 instructions; once the end
            (local.get $i)))"#,
    )
    .unwrap();
    let expected = run_original(&wasm);
    let times = [1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 2, 2, 5, 5, 5, 5, 1, 1, 1];
    let all = instructions(&wasm).concat();
    assert_eq!(all.len(), times.len());
    for poll in [Poll::Store, Poll::Countdown] {
        for (offset, times) in all.iter().zip(times) {
            let plan = Plan { poll, every: 0, moves: false };
            let (found, stops) = run_at_breakpoints(&wasm, plan, &[&[*offset]]);
            assert_eq!((found.0, stops), (expected.0.clone(), times), "{offset}");
        }
    }
}
