//! Frames that somebody has put together: which calls they may claim, and that none does harm.

use gate_instrument::stop::{
    Frame, FrameError, Poll, Program, Referent, Site, SiteId, SiteKind, StandaloneError, Stopped, Value,
};
use proptest::prelude::*;

use super::machine;

/// Functions 0 to 8, all of which can stop in a loop. Only `$even`, `$odd`, and `$other_type` can be called indirectly.
const CALLS: &str = r#"(module
    (type $unary (func (param i32) (result i32)))
    (type $same (func (param i32) (result i32)))
    (type $binary (func (param i32 i32) (result i32)))
    (table funcref (elem $odd))
    (global funcref (ref.func $other_type))
    (func $leaf (param i32) (result i32) (loop) (local.get 0))                               ;; 0
    (func $unreferenced (param i32) (result i32) (loop) (local.get 0))                       ;; 1
    (func $even (export "even") (type $same) (loop) (local.get 0))                           ;; 2
    (func $odd (param i32) (result i32) (loop) (local.get 0))                                ;; 3
    (func $other_type (param i32 i32) (result i32) (loop) (local.get 0))                     ;; 4
    (func $goes_on (param i32) (result i32) (loop) (return_call $goes_on_again (i64.const 1) (local.get 0)))
    (func $goes_on_again (param i64 i32) (result i32) (loop)
      (return_call_indirect (type $binary) (local.get 1) (local.get 1) (i32.const 0)))       ;; 6
    (func $direct (result i32) (call $leaf (i32.const 1)))                                   ;; 7
    (func $indirect (result i32) (call_indirect (type $unary) (i32.const 1) (i32.const 0)))  ;; 8
    (func $before_goes_on (result i32) (call $goes_on (i32.const 1))))"#;

fn find(program: &Program<'_>, function: u32, kind: SiteKind) -> Site {
    let sites = program.sites(function).unwrap();
    sites.into_iter().find(|site| site.kind == kind).unwrap()
}

fn frame(site: &Site) -> Frame {
    Frame {
        function: site.function,
        site: site.id,
        locals: site.locals.iter().copied().map(Value::zero).collect(),
        operands: site.operands().into_iter().map(Value::zero).collect(),
    }
}

/// Which functions can be in the call that a function makes.
#[track_caller]
fn check_callees(program: &Program<'_>, caller: u32, expect: &[u32]) {
    let outer = frame(&find(program, caller, SiteKind::Call));
    let can_be = |function: &u32| {
        let inner = find(program, *function, SiteKind::Loop);
        let frames = [outer.clone(), frame(&inner)];
        let continuations = program.continuations(&[outer.site, inner.id]).unwrap();
        match program.encode(&frames, &continuations) {
            Ok(bytes) => {
                assert_eq!(program.decode(&bytes).unwrap(), frames);
                true
            }
            Err(FrameError::Function { position: 1, function: found }) if found == *function => false,
            Err(error) => panic!("{error}"),
        }
    };
    let found: Vec<_> = (0..=6).filter(can_be).collect();
    assert_eq!(found, expect);
}

#[test]
fn callees() {
    let wasm = wat::parse_str(CALLS).unwrap();
    let program = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
    check_callees(&program, 7, &[0]);
    check_callees(&program, 8, &[2, 3]);
    check_callees(&program, 9, &[4, 5, 6]);
}

/// A call that ends in a function that is imported, after tail calls.
#[test]
fn imports_in_calls() {
    let wasm = wat::parse_str(
        r#"(module
            (import "host" "block" (func $block (param i32)))
            (import "host" "block2" (func $other (param i32)))
            (func $forwards (param i32) (return_call $block (local.get 0)))
            (func $calls (call $forwards (i32.const 1))))"#,
    )
    .unwrap();
    let program = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
    let outer = frame(&find(&program, 3, SiteKind::Call));
    for (import, fits) in [(0, true), (1, false)] {
        let inner = frame(&find(&program, import, SiteKind::Import));
        let continuations = program.continuations(&[outer.site, inner.site]).unwrap();
        assert_eq!(program.encode(&[outer.clone(), inner], &continuations).is_ok(), fits);
    }
}

/// What is done to the frames of a program.
#[derive(Clone, Debug)]
enum Change {
    Remove(usize),
    Repeat(usize),
    Swap(usize, usize),
    Function(usize, u32),
    /// Any stop point, with or without the values that it should have.
    Site(usize, usize, bool),
    /// Any instruction, or anywhere else.
    Offset(usize, SiteId),
    Local(usize, usize, Value),
    Operands(usize, Vec<Value>),
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u32>().prop_map(Value::I32),
        any::<u64>().prop_map(Value::I64),
        any::<u64>().prop_map(Value::F64),
        any::<u128>().prop_map(Value::V128),
        prop::option::of(any::<u32>())
            .prop_map(|element| Value::Reference(gate_instrument::accept::ValueType::FuncRef, element)),
    ]
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<usize>().prop_map(Change::Remove),
        any::<usize>().prop_map(Change::Repeat),
        any::<(usize, usize)>().prop_map(|(one, other)| Change::Swap(one, other)),
        (any::<usize>(), 0u32..12).prop_map(|(frame, function)| Change::Function(frame, function)),
        any::<(usize, usize, bool)>().prop_map(|(frame, site, fill)| Change::Site(frame, site, fill)),
        (any::<usize>(), 0u32..500, any::<bool>()).prop_map(|(frame, offset, before)| {
            Change::Offset(frame, if before { SiteId::before(offset) } else { SiteId(offset) })
        }),
        (any::<usize>(), any::<usize>(), values())
            .prop_map(|(frame, local, value)| Change::Local(frame, local, value)),
        (any::<usize>(), prop::collection::vec(values(), 0..3))
            .prop_map(|(frame, operands)| Change::Operands(frame, operands)),
    ]
}

/// Makes changes. Positions are taken modulo what there is.
fn change(frames: &mut Vec<Frame>, sites: &[Site], changes: Vec<Change>) {
    for change in changes {
        let length = frames.len();
        if length == 0 {
            return;
        }
        match change {
            Change::Remove(at) => drop(frames.remove(at % length)),
            Change::Repeat(at) => frames.insert(at % length, frames[at % length].clone()),
            Change::Swap(one, other) => frames.swap(one % length, other % length),
            Change::Function(at, function) => frames[at % length].function = function,
            Change::Site(at, site, true) => frames[at % length] = frame(&sites[site % sites.len()]),
            Change::Site(at, site, false) => frames[at % length].site = sites[site % sites.len()].id,
            Change::Offset(at, site) => frames[at % length].site = site,
            Change::Local(at, local, value) => {
                let locals = &mut frames[at % length].locals;
                let local = local % (locals.len() + 1);
                locals.splice(local..locals.len().min(local + 1), [value]);
            }
            Change::Operands(at, operands) => frames[at % length].operands = operands,
        }
    }
}

proptest! {
    /// Frames that were tampered with are refused, or are frames like any others.
    #[test]
    fn tampered_frames_never_panic(changes in prop::collection::vec(changes(), 1..6)) {
        let wasm = wat::parse_str(CALLS).unwrap();
        let program = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
        let sites: Vec<_> =
            (0..program.functions()).flat_map(|function| program.sites(function).unwrap()).collect();
        let mut frames =
            vec![frame(&find(&program, 8, SiteKind::Call)), frame(&find(&program, 3, SiteKind::Loop))];
        change(&mut frames, &sites, changes);
        let spilled: [&[Referent]; 3] = [&[Referent::Null, Referent::Function(3)], &[], &[]];
        let stopped =
            Stopped { state: &wasm, frames: &frames, spilled, exceptions: &[], then: &[] };
        let alone = program.standalone(&stopped);
        let ids: Vec<_> = frames.iter().map(|frame| frame.site).collect();
        let encoded = program.continuations(&ids).map(|continuations| {
            super::validate(&continuations.wasm, false);
            (program.encode(&frames, &continuations), continuations)
        });
        let Ok((Ok(bytes), continuations)) = encoded else {
            // Frames may be left out altogether.
            prop_assert!(alone.is_err() || frames.is_empty());
            return Ok(());
        };
        let decoded = program.decode(&bytes).unwrap();
        prop_assert_eq!(program.encode(&decoded, &continuations).unwrap(), bytes);
        match alone {
            Ok(wasm) => super::validate(&wasm, false),
            Err(StandaloneError::Reference { .. }) => {}
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}
