//! Tests of where instructions come from.

use std::collections::BTreeMap;
use std::mem::discriminant;

use wasmparser::{Operator, Parser, Payload};

use super::Offsets;
use crate::stop::{Config, Poll, Program};

#[test]
fn parts() {
    let mut part = Offsets::default();
    part.note(2, Some(100));
    part.note(4, Some(102));
    part.note(5, Some(110));
    part.note(8, None);
    assert_eq!(part.origins, [(2, Some(100)), (5, Some(110)), (8, None)]);
    let mut all = Offsets::default();
    all.append(1000, &part);
    all.append(1010, &part);
    let found: Vec<_> =
        [0, 1001, 1002, 1003, 1005, 1007, 1008, 1011, 1012].map(|offset| all.original(offset)).into();
    assert_eq!(found, [None, None, Some(100), Some(101), Some(110), Some(112), None, None, Some(100)]);
}

#[test]
fn bytes() {
    let origins = vec![
        (0, None),
        (8, Some(u32::MAX)),
        (9, Some(0)),
        (300, None),
        (301, Some(127)),
        (70_000, Some(64)),
        (u32::MAX, Some(70_000)),
    ];
    let offsets = Offsets { origins };
    let bytes = offsets.encode();
    assert_eq!(Offsets::decode(&bytes), Some(offsets));
    assert_eq!(Offsets::decode(&[]), Some(Offsets::default()));
    assert_eq!(Offsets::decode(&bytes[..bytes.len() - 1]), None);
    // More than 32 bits, in sum or at once.
    assert_eq!(Offsets::decode(&[1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]), None);
    assert_eq!(Offsets::decode(&[0xff; 20]), None);
    assert_eq!(Offsets::decode(&[0, 2]), None);
    for length in 0..4 {
        for byte in 0..=u8::MAX {
            // Whatever it is, it is no reason to panic.
            let _ = Offsets::decode(&[byte; 8][..length]).map(|offsets| offsets.original(u32::MAX));
        }
    }
}

fn operators(wasm: &[u8]) -> BTreeMap<u32, Operator<'_>> {
    let mut operators = BTreeMap::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            for operator in body.get_operators_reader().unwrap().into_iter_with_offsets() {
                let (operator, offset) = operator.unwrap();
                operators.insert(u32::try_from(offset).unwrap(), operator);
            }
        }
    }
    operators
}

/// Whatever can trap or call is found where it is in the original, and nothing else is.
#[test]
fn instructions() {
    let wasm = wat::parse_str(
        r#"(module
            (import "host" "block" (func $block (param i32)))
            (memory 1)
            (table 1 funcref)
            (data "passive")
            (func $f (param $n i32) (result i32)
              (i32.const 1)
              (loop $l
                (call $block (i32.load offset=300 (local.get $n)))
                (drop (call $f (i32.div_u (i32.const 8) (local.get $n))))
                (data.drop 0)
                (block $b (br_table $l $b (local.get $n)))
                (call_indirect (param i32) (i32.const 1) (i32.const 0)))
              (if (result i32) (local.get $n) (then (return_call $f (local.get $n))) (else (unreachable)))
              (i32.add))
            (func (i32.store (i32.const 0) (i32.const 1)) (unreachable)))"#,
    )
    .unwrap();
    for poll in [Poll::Atomic, Poll::Store, Poll::Countdown] {
        let config = Config { poll, control_pages: 1, may_block: &|_, _| true, breakpoints: &[] };
        let stoppable = Program::new(&wasm, &config).unwrap().instrument().unwrap();
        let mut originals = operators(&wasm);
        let matters = |operator: &Operator<'_>| {
            matches!(
                operator,
                Operator::Call { .. }
                    | Operator::CallIndirect { .. }
                    | Operator::ReturnCall { .. }
                    | Operator::Unreachable
                    | Operator::I32Load { .. }
                    | Operator::I32Store { .. }
                    | Operator::I32DivU
            )
        };
        originals.retain(|_, operator| matters(operator));
        assert_eq!(originals.len(), 9);
        for (offset, operator) in operators(&stoppable.wasm) {
            let Some(original) = stoppable.offsets.original(offset) else { continue };
            // What is inserted between instructions counts as what follows the one before.
            if let Some(found) = originals.get(&original)
                && discriminant(found) == discriminant(&operator)
            {
                originals.remove(&original);
            }
        }
        assert!(originals.is_empty(), "{originals:?}");
    }
}
