//! Tests of clocks over several lives.

use super::{MONOTONIC_START_NS, ProgramClock};

#[test]
fn a_clock_goes_with_the_hosts() {
    let mut clock = ProgramClock::start(500, 10_000);
    assert_eq!([10_000, 10_007, 10_007, 20_000].map(|reading| clock.at(reading)), [500, 507, 507, 10_500]);
}

#[test]
fn a_clock_never_goes_backwards() {
    let mut clock = ProgramClock::start(500, 10_000);
    assert_eq!(
        [9_000, 10_100, 10_050, 0, 10_101].map(|reading| clock.at(reading)),
        [500, 600, 600, 600, 601]
    );
}

#[test]
fn a_clock_continues_on_another_host() {
    let mut clock = ProgramClock::start_monotonic(0, 1 << 60);
    let mut time = clock.at((1 << 60) + 5);
    assert_eq!(time, MONOTONIC_START_NS + 5);
    for reading in [0, 77, 1 << 50] {
        clock = ProgramClock::start_monotonic(time, reading);
        assert_eq!(clock.at(reading), time, "it stood still");
        time = clock.at(reading + 3);
    }
    assert_eq!(time, MONOTONIC_START_NS + 14);
}

#[test]
fn a_clock_stops_at_its_end() {
    let mut clock = ProgramClock::start(u64::MAX - 1, 0);
    assert_eq!(
        [0, 1, 2, u64::MAX].map(|reading| clock.at(reading)),
        [u64::MAX - 1, u64::MAX, u64::MAX, u64::MAX]
    );
}
