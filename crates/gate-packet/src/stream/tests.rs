//! Tests of the directions of a stream.

use proptest::prelude::*;

use super::*;
use crate::{DATA_HEADER_SIZE, Flow};

#[test]
fn one_packet_holds_all_credit_of_the_program() {
    assert_eq!(MAX_DATA, MAX_CREDIT_TO_PROGRAM as usize);
    assert_eq!(MAX_DATA + DATA_HEADER_SIZE, MAX_SIZE as usize);
}

#[test]
fn messages_name_the_stream_and_the_numbers() {
    #[track_caller]
    fn check(misuse: Misuse, expect: &str) {
        assert_eq!(misuse.of(7).to_string(), format!("stream 7: {expect}"));
    }
    check(Misuse::Unknown, "it does not exist");
    check(
        Misuse::CreditOverflow { credit: 2, granted: 2_147_483_647 },
        "2147483647 bytes of credit are added to 2 (limit: 2147483647 together)",
    );
    check(Misuse::FlowAfterEnd { value: -1 }, "flow of -1 after the end of flow");
    check(Misuse::NoCredit { found: 3, credit: 2 }, "data of 3 bytes (2 were granted)");
    check(Misuse::DataAfterEnd { found: 0 }, "data of 0 bytes after the end of data");
}

#[test]
fn credit_is_limited_by_what_can_be_counted() {
    let mut half = ToProgram::new();
    half.flow(FlowMeaning::Credit(MAX_CREDIT)).unwrap();
    assert_eq!(half.sendable(), MAX_DATA);
    let overflow = Misuse::CreditOverflow { credit: MAX_CREDIT, granted: 1 };
    assert_eq!(half.flow(FlowMeaning::Credit(1)), Err(overflow));
    half.sent(1);
    half.flow(FlowMeaning::Credit(1)).unwrap();
}

#[test]
fn what_was_granted_can_be_used_after_the_end_of_flow() {
    let mut half = ToProgram::new();
    half.flow(FlowMeaning::Credit(3)).unwrap();
    half.flow(FlowMeaning::End).unwrap();
    assert!(!half.is_exhausted());
    half.sent(3);
    assert!(half.is_exhausted() && !half.is_closed());
    half.end();
    assert!(half.is_closed() && !half.is_exhausted());

    let mut half = FromProgram::new();
    half.grant(2);
    half.end();
    assert_eq!(half.grantable(), 0);
    half.data(2).unwrap();
    half.data(0).unwrap();
    assert!(half.is_closed());
}

#[test]
fn snapshots_cannot_have_more_credit_than_streams() {
    assert_eq!(ToProgram::restore(MAX_CREDIT, true, false).unwrap().credit(), MAX_CREDIT);
    let error = ToProgram::restore(MAX_CREDIT + 1, true, true).unwrap_err();
    assert_eq!(error.to_string(), "credit of 2147483648 bytes (limit: 2147483647)");
    assert_eq!(FromProgram::restore(65520, false, true).unwrap().credit(), 65520);
    assert_eq!(FromProgram::restore_limited(65521, 65521, false, true).unwrap().credit(), 65521);
    let error = FromProgram::restore(65521, true, true).unwrap_err();
    assert_eq!(error.to_string(), "credit of 65521 bytes (limit: 65520)");
}

/// What either side does in one direction.
#[derive(Clone, Debug)]
enum Event {
    Flow(i32),
    Data(usize),
    EndFlow,
    EndData,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        5 => (-2_i32..100_000).prop_map(Event::Flow),
        1 => (i32::MAX - 5..=i32::MAX).prop_map(Event::Flow),
        5 => (0_usize..100_000).prop_map(Event::Data),
        1 => Just(Event::EndFlow),
        1 => Just(Event::EndData),
    ];
    proptest::collection::vec(event, 0..40)
}

proptest! {
    /// The service sends as much as it can of what it wants to: the model is sums.
    #[test]
    fn to_program_is_as_the_sums_say(events in events()) {
        let mut half = ToProgram::new();
        let (mut granted, mut sent) = (0_i64, 0_i64);
        let (mut flow_open, mut data_open) = (true, true);
        for event in events {
            match event {
                Event::Flow(value) => {
                    let result = half.flow(Flow { id: 0, value }.meaning());
                    if !flow_open {
                        prop_assert_eq!(result, Err(Misuse::FlowAfterEnd { value }));
                    } else if granted - sent + i64::from(value) > i64::from(i32::MAX) {
                        let overflowed = matches!(result, Err(Misuse::CreditOverflow { .. }));
                        prop_assert!(overflowed);
                    } else {
                        prop_assert_eq!(result, Ok(()));
                        granted += i64::from(value.max(0));
                        flow_open = value != 0;
                    }
                }
                Event::EndFlow => flow_open &= half.flow(FlowMeaning::End).is_err(),
                Event::Data(len) => {
                    let len = len.min(half.sendable());
                    half.sent(len);
                    sent += i64::try_from(len).unwrap();
                }
                Event::EndData if data_open => {
                    half.end();
                    data_open = false;
                }
                Event::EndData => {}
            }
            prop_assert_eq!(i64::from(half.credit()), granted - sent);
            prop_assert!(half.sendable() <= MAX_DATA);
            prop_assert_eq!(half.sendable() == 0, !data_open || granted == sent);
            prop_assert_eq!(half.is_exhausted(), data_open && !flow_open && granted == sent);
            prop_assert_eq!((half.is_flow_open(), half.is_data_open()), (flow_open, data_open));
            prop_assert_eq!(half.is_closed(), !flow_open && !data_open);
            prop_assert_eq!(ToProgram::restore(half.credit(), flow_open, data_open), Ok(half));
        }
    }

    /// The program sends whatever it wants to, the service grants as much as it can.
    #[test]
    fn from_program_is_as_the_sums_say(events in events()) {
        let mut half = FromProgram::new();
        let (mut granted, mut received) = (0_u32, 0_u32);
        let (mut flow_open, mut data_open) = (true, true);
        for event in events {
            match event {
                Event::Flow(value) => {
                    let credit = u32::try_from(value).unwrap_or(0).min(half.grantable());
                    half.grant(credit);
                    granted += credit;
                }
                Event::EndFlow if flow_open => {
                    half.end();
                    flow_open = false;
                }
                Event::EndFlow => {}
                Event::Data(len) => {
                    let result = half.data(len);
                    let credit = granted - received;
                    if !data_open {
                        prop_assert_eq!(result, Err(Misuse::DataAfterEnd { found: len }));
                    } else if len > credit as usize {
                        prop_assert_eq!(result, Err(Misuse::NoCredit { found: len, credit }));
                    } else {
                        prop_assert_eq!(result, Ok(()));
                        received += u32::try_from(len).unwrap();
                        data_open = len != 0;
                    }
                }
                Event::EndData => data_open &= half.data(0).is_err(),
            }
            prop_assert_eq!(half.credit(), granted - received);
            prop_assert!(half.credit() <= MAX_CREDIT_TO_PROGRAM);
            prop_assert_eq!(half.grantable() == 0, half.credit() == MAX_CREDIT_TO_PROGRAM || !flow_open || !data_open);
            prop_assert_eq!((half.is_flow_open(), half.is_data_open()), (flow_open, data_open));
            prop_assert_eq!(half.is_closed(), !flow_open && !data_open);
            prop_assert_eq!(FromProgram::restore(half.credit(), flow_open, data_open), Ok(half));
        }
    }
}
