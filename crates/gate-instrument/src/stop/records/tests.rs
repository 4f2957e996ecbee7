//! Tests of records.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::layout::layout;
use super::super::operands::Stack;
use super::super::plan::{ByItself, Stop};
use super::super::site::{SiteId, SiteKind};
use super::*;
use crate::accept::ValueType::{ExternRef, F64, I32, I64};

/// The types of the locals of the functions in these tests.
fn ty(local: u32) -> ValueType {
    [I32, I64, I32, F64].into_iter().cycle().nth(local as usize % 4).unwrap()
}

fn stop(live: &[u32], by_itself: ByItself, is_apart: bool) -> Stop {
    Stop {
        id: SiteId(0),
        kind: SiteKind::Call,
        op: 0,
        block: None,
        operands: Stack::default(),
        live: live.into(),
        call: None,
        by_itself,
        is_everywhere: by_itself == ByItself::Always,
        is_apart,
    }
}

fn alone(stop: &Stop) -> Layout {
    layout(stop.live.iter().map(|local| (*local, ty(*local))), &[], None)
}

fn records(lists: &[&[u32]]) -> Records {
    let stops: Vec<_> = lists.iter().map(|live| stop(live, ByItself::Always, false)).collect();
    Records::new(&stops, alone)
}

/// The locals that each record has besides the rest of it, and that.
fn code(records: &Records) -> Vec<(Vec<u32>, Option<usize>)> {
    let local = |field: &Field| match field.source {
        Source::Local(local) => local,
        Source::Operand(_) | Source::Unused(_) => panic!("there are no operands"),
    };
    let code = |record: &Record| (record.fields.iter().map(local).collect(), record.rest);
    records.all().iter().map(code).collect()
}

#[test]
fn the_longest_part_is_the_rest() {
    let records = records(&[&[0, 2], &[0, 2, 4, 6], &[0], &[0, 2], &[2, 4]]);
    assert_eq!(
        code(&records),
        [(vec![4, 6], Some(1)), (vec![2], Some(3)), (vec![2, 4], None), (vec![0], None)]
    );
    let of: Vec<_> = (0..5).map(|position| records.of(position)).collect();
    assert_eq!(of, [Some(1), Some(0), Some(3), Some(1), Some(2)]);
    let shared: Vec<_> = records.all().iter().map(|record| record.is_shared).collect();
    assert_eq!(shared, [false, true, false, true]);
    assert_eq!(records.size, 4 * 4 + TRAILER);
}

#[test]
fn nothing_is_part_of_what_is_apart() {
    let stops =
        [[0, 2].as_slice(), &[0, 2], &[0], &[0, 2]].map(|live| stop(live, ByItself::Always, live.len() == 2));
    assert_eq!(
        code(&Records::new(&stops, alone)),
        [(vec![0, 2], None), (vec![0, 2], None), (vec![0, 2], None), (vec![0], None)]
    );
}

#[test]
fn no_values_are_no_rest() {
    assert_eq!(code(&records(&[&[0], &[]])), [(vec![0], None), (vec![], None)]);
}

#[test]
fn what_does_not_fit_has_no_record() {
    let many: Vec<_> = (0..IN_PLACE / 4).map(|local| local * 2).collect();
    let stops = [
        stop(&many, ByItself::Always, false),
        stop(&[0], ByItself::IfBreakpoints, false),
        stop(&[0], ByItself::Never, false),
        stop(&[1], ByItself::Always, false),
    ];
    let records = Records::new(&stops, |stop| match stop.live[0] {
        1 => layout([(1, ExternRef)].into_iter(), &[], None),
        _ => alone(stop),
    });
    assert!(records.all().is_empty());
    assert!((0..4).all(|position| records.layout(position).is_none()));
    let stops = [stop(&many[2..], ByItself::Always, false)];
    assert_eq!(Records::new(&stops, alone).size, IN_PLACE);
}

proptest! {
    #[test]
    fn every_value_has_a_place_of_its_own(
        lists in prop::collection::vec(
            (prop::collection::btree_set(0u32..90, 0..12), any::<bool>()), 0..40),
    ) {
        let stops: Vec<_> = lists.iter().map(|(live, is_apart)| {
            let live: Arc<[u32]> = live.iter().copied().collect();
            stop(&live, ByItself::Always, *is_apart)
        }).collect();
        let records = Records::new(&stops, alone);
        for (position, (live, _)) in lists.iter().enumerate() {
            let Layout { fields, size } = records.layout(position).unwrap();
            let mut bytes = BTreeSet::new();
            for field in &fields {
                let Source::Local(local) = field.source else { panic!("there are no operands") };
                prop_assert!(live.contains(&local));
                prop_assert_eq!(field.ty, ty(local));
                for byte in field.offset..field.offset + layout::size(field.ty) {
                    prop_assert!(bytes.insert(byte));
                }
            }
            prop_assert_eq!(fields.len(), live.len());
            prop_assert!(bytes.last().is_none_or(|last| last + TRAILER < size));
            prop_assert_eq!(records.size, size);
        }
        // Code goes on with code that comes later.
        for (number, record) in records.all().iter().enumerate() {
            prop_assert!(record.rest.is_none_or(|rest| rest > number));
        }
        let largest = stops.iter().map(|stop| alone(stop).size).max().unwrap_or(TRAILER);
        prop_assert_eq!(records.size, largest);
    }
}
