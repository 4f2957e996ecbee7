//! Statistics, and names.

use std::time::Duration;

use super::{BENCHES, Figure, Round, Target, geometric_mean, measure, percentile, run, slowest_of_100};

#[test]
fn percentiles_are_those_of_the_nearest_rank() {
    let values: Vec<f64> = (1..=10).map(f64::from).collect();
    for (percent, expected) in [(0, 1.0), (10, 1.0), (11, 2.0), (50, 5.0), (90, 9.0), (100, 10.0)] {
        assert!((percentile(&values, percent) - expected).abs() < 1e-9, "{percent} %");
    }
    assert!((percentile(&[3.0], 50) - 3.0).abs() < 1e-9);
    assert!(percentile(&[], 50).is_nan());
}

#[test]
fn both_sides_are_measured_in_turn() {
    let log = std::cell::RefCell::new(String::new());
    let note = |letter| {
        log.borrow_mut().push(letter);
        Ok(())
    };
    let rounds = measure(2, || note('s'), || note('b')).unwrap();
    assert_eq!(*log.borrow(), "sbsbsb");
    assert_eq!(rounds.len(), 2);
    assert!(rounds.iter().all(|round| round.subject < Duration::from_secs(60)));
}

#[test]
fn unknown_names_are_refused_and_known_ones_differ() {
    let error = run(&["no-such-bench".to_owned()]).unwrap_err();
    assert!(error.to_string().contains("store-get"), "{error}");
    let mut names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), BENCHES.len());
}

#[test]
fn the_median_keeps_the_promise_or_not() {
    let figure = |target| {
        let rounds = [10, 30, 20].map(|subject| Round {
            subject: Duration::from_secs(subject),
            baseline: Duration::from_secs(10),
        });
        let mut figure = Figure::ratio("some / others", &rounds, target);
        figure.values.sort_unstable_by(f64::total_cmp);
        figure
    };
    for (target, kept) in [
        (None, None),
        (Some(Target::AtMost(2.0)), Some(true)),
        (Some(Target::AtMost(1.9)), Some(false)),
        (Some(Target::AtLeast(2.0)), Some(true)),
        (Some(Target::AtLeast(2.1)), Some(false)),
    ] {
        assert_eq!(figure(target).kept(), kept);
    }
    let line = figure(Some(Target::AtMost(1.9))).line("bench");
    assert_eq!(
        line,
        "bench            2.000    1.000    1.000    3.000    3.000     ≤ 1.9 MISSED some / others, 3 values"
    );
}

#[test]
fn one_of_100_is_slower() {
    let times = |count: u64| (1..=count).rev().map(Duration::from_secs).collect::<Vec<_>>();
    for (count, expected) in [(0, None), (1, Some(1)), (99, Some(99)), (100, Some(99)), (200, Some(198))] {
        assert_eq!(slowest_of_100(&times(count)), expected.map(Duration::from_secs), "{count}");
    }
}

#[test]
fn geometric_means() {
    assert!((geometric_mean(&[2.0, 8.0]) - 4.0).abs() < 1e-9);
    assert!(geometric_mean(&[]).is_nan());
}
