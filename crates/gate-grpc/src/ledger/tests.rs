//! The ledger against what a program and a server can do to each other.

use proptest::prelude::*;

use super::Ledger;
use crate::error::PacketError;
use crate::limits::{MAX_ENTRIES, MAX_ENTRY_BYTES};

fn names(ledger: &Ledger) -> (Vec<u8>, Vec<u8>) {
    let (taken, waiting) = ledger.parts();
    (taken.map(|entry| entry.packet[0]).collect(), waiting.map(|entry| entry.packet[0]).collect())
}

fn ledger(calls: &[(u8, bool)], taken: usize) -> Ledger {
    let mut ledger = Ledger::new(true);
    for &(name, is_call) in calls {
        ledger.push(vec![name], is_call);
    }
    for _ in 0..taken {
        ledger.take();
    }
    ledger
}

#[test]
fn calls_are_kept_until_they_are_answered() {
    let mut ledger = ledger(&[(1, true), (2, false), (3, true), (4, true)], 3);
    assert_eq!(names(&ledger), (vec![1, 3], vec![4]));
    assert!(ledger.answer(1, false).unwrap().is_some());
    assert_eq!(names(&ledger), (vec![1], vec![4]));
    ledger.forget();
    assert_eq!(names(&ledger), (vec![], vec![1, 4]));
}

#[test]
fn an_answer_says_that_a_call_was_taken() {
    let mut ledger = ledger(&[(1, true), (2, true), (3, false)], 1);
    assert_eq!(ledger.answer(1, false), Err(PacketError::Reply { found: 1, outstanding: 1 }));
    assert_eq!(ledger.answer(2, true), Err(PacketError::Reply { found: 2, outstanding: 1 }));
    let answered = ledger.answer(1, true).unwrap().unwrap();
    assert!(answered.is_early);
    assert_eq!(names(&ledger), (vec![1], vec![3]));
    // What is no call is not answered.
    assert!(ledger.answer(1, true).is_err());
    ledger.restore(answered);
    assert_eq!(names(&ledger), (vec![1, 2], vec![3]));
}

#[test]
fn what_is_in_the_snapshot_is_taken() {
    let mut ledger = ledger(&[(1, true), (2, false), (3, true)], 1);
    ledger.save(false);
    assert_eq!(names(&ledger), (vec![1, 3], vec![]));
}

#[test]
fn calls_of_others_are_not_known() {
    let mut ledger = Ledger::new(false);
    ledger.push(vec![1], true);
    ledger.take();
    assert_eq!(names(&ledger), (vec![], vec![]));
    assert_eq!(ledger.answer(9, false), Ok(None));
    ledger.save(true);
    assert!(ledger.is_complete());
}

#[test]
fn packets_that_wait_stay_when_calls_make_no_sense() {
    let mut ledger = ledger(&[(1, true), (2, true), (3, false), (4, true)], 2);
    ledger.give_up();
    assert_eq!(names(&ledger), (vec![], vec![3, 4]));
    assert_eq!(ledger.bytes, 2);
    assert!(!ledger.is_complete());
}

#[test]
fn there_is_a_limit_of_packets_and_one_of_bytes() {
    let mut ledger = Ledger::new(true);
    for _ in 0..MAX_ENTRIES {
        assert!(!ledger.is_full());
        ledger.push(vec![1], true);
    }
    assert!(ledger.is_full());
    ledger.take();
    assert!(ledger.is_full());
    ledger.answer(0, false).unwrap();
    assert!(!ledger.is_full());

    let mut ledger = Ledger::new(true);
    ledger.push(vec![1; MAX_ENTRY_BYTES], false);
    assert!(ledger.is_full());
    ledger.take();
    assert!(!ledger.is_full());
}

proptest! {
    /// Each call is answered once, and everything is taken in order, whenever the server forgets what it has.
    #[test]
    fn nothing_is_lost_or_doubled(steps in prop::collection::vec((0_u8..5, any::<u8>()), 0..200)) {
        let mut ledger = Ledger::new(true);
        // What the program waits for, what the server has taken and not answered, and what comes next.
        let (mut expected, mut server, mut next): (Vec<u8>, Vec<u8>, u8) = (vec![], vec![], 0);
        for (step, random) in steps {
            match step {
                0 if !ledger.is_full() => {
                    let is_call = random % 2 == 0;
                    ledger.push(vec![next], is_call);
                    if is_call {
                        expected.push(next);
                    }
                    next = next.wrapping_add(1);
                }
                1 => {
                    if let Some(entry) = ledger.next().cloned() {
                        if entry.is_call {
                            server.push(entry.packet[0]);
                        }
                        ledger.take();
                    }
                }
                2 if !server.is_empty() => {
                    let index = usize::from(random) % server.len();
                    let call = server.remove(index);
                    let answered = ledger.answer(u8::try_from(index).unwrap(), false).unwrap().unwrap();
                    prop_assert_eq!(answered.entry.packet[0], call);
                    if random % 3 == 0 {
                        // It comes again.
                        ledger.restore(answered);
                        server.insert(index, call);
                    } else {
                        prop_assert_eq!(expected.remove(index), call);
                    }
                }
                3 => {
                    ledger.forget();
                    server.clear();
                }
                4 => {
                    ledger.save(false);
                    server = names(&ledger).0;
                }
                _ => {}
            }
            let (taken, waiting) = names(&ledger);
            prop_assert_eq!(&taken, &server);
            let calls: Vec<u8> = ledger.parts().0.chain(ledger.parts().1).filter(|entry| entry.is_call).map(|entry| entry.packet[0]).collect();
            prop_assert_eq!(&calls, &expected);
            prop_assert_eq!(ledger.bytes, taken.len() + waiting.len());
        }
    }
}
