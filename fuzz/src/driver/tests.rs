//! The driver makes different inputs, and the same ones again.

use std::collections::HashSet;
use std::time::Duration;

use super::{Inputs, MAX_INPUT_BYTES, Prng, campaign};

#[test]
fn the_generator_is_the_published_one() {
    let mut prng = Prng::new(1_234_567);
    let numbers = [prng.next_u64(), prng.next_u64(), prng.next_u64()];
    assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
}

#[test]
fn the_same_seed_gives_the_same_inputs() {
    let inputs = |seed| {
        let mut inputs = Inputs::new(seed, vec![b"seed".to_vec()]);
        (0..2000).map(|_| inputs.next_input()).collect::<Vec<_>>()
    };
    assert_eq!(inputs(1), inputs(1));
    assert_ne!(inputs(1), inputs(2));
}

#[test]
fn inputs_are_varied_and_bounded() {
    let mut inputs = Inputs::new(1, Vec::new());
    let all: Vec<_> = (0..10_000).map(|_| inputs.next_input()).collect();
    let different: HashSet<_> = all.iter().collect();
    assert!(different.len() > 5_000, "{}", different.len());
    assert!(all.iter().any(Vec::is_empty));
    assert!(all.iter().any(|input| input.len() > MAX_INPUT_BYTES / 2));
    assert!(all.iter().all(|input| input.len() <= MAX_INPUT_BYTES));
}

#[test]
fn seeds_come_first_and_are_built_upon() {
    let seed = b"a long magic word".to_vec();
    let mut inputs = Inputs::new(1, vec![seed.clone(), b"x".to_vec()]);
    assert_eq!(inputs.next_input(), seed);
    assert_eq!(inputs.next_input(), b"x");
    let descendants = (0..1000).filter(|_| inputs.next_input().starts_with(b"a long")).count();
    assert!(descendants > 10, "{descendants}");
}

#[test]
fn a_campaign_ends_at_the_first_failure() {
    let mut runs = 0;
    let summary = campaign(&mut Inputs::new(1, Vec::new()), Duration::from_secs(3600), |_| {
        runs += 1;
        runs < 10
    });
    assert_eq!((runs, summary.executions), (10, 10));
    let none = campaign(&mut Inputs::new(1, Vec::new()), Duration::ZERO, |_| true);
    assert_eq!(none.executions, 0);
}
