//! Tests of clocks.

use std::time::Duration;

use gate_abi::errno::Errno;
use gate_abi::host::{Clock, Stop};
use gate_abi::import::WasiFunction;

use super::TimeMask;
use crate::Calls;
use crate::tests::host::{COARSE_LAG, FakeHost, broken};
use crate::tests::{Program, SUSPEND, TRAP_BOUNDS, errno};

const TIME: WasiFunction = WasiFunction::ClockTimeGet;

/// What `clock_time_get` stores.
#[track_caller]
fn time(program: &mut Program, id: u64, precision: u64) -> u64 {
    assert_eq!(program.wasi(TIME, &[id, precision, 64]), errno(Errno::Success));
    program.u64_at(64)
}

#[test]
fn resolutions() {
    for (configured, reported) in [
        (Duration::from_nanos(1), 2),
        (Duration::from_nanos(2), 4),
        (Duration::from_micros(1), 1024),
        (Duration::from_millis(1), 1_048_576),
        (Duration::from_millis(10), 16_777_216),
        (Duration::from_secs(1), 1_000_000_000),
        (Duration::ZERO, 1_000_000_000),
        (Duration::MAX, 1_000_000_000),
    ] {
        let mut program = Program::with(configured, 0);
        for id in 0..4 {
            assert_eq!(program.wasi(WasiFunction::ClockResGet, &[id, 64]), errno(Errno::Success));
            assert_eq!(program.u64_at(64), reported, "{configured:?}");
        }
    }
    let mut program = Program::new();
    assert_eq!(program.wasi(WasiFunction::ClockResGet, &[4, 64]), errno(Errno::Inval));
    assert_eq!(program.wasi(WasiFunction::ClockResGet, &[4, 0]), errno(Errno::Fault));
    assert_eq!(program.wasi(WasiFunction::ClockResGet, &[0, 4089]), TRAP_BOUNDS);
}

#[test]
fn the_mask_cuts_nanoseconds_and_never_seconds() {
    let mask = TimeMask::new(Duration::from_millis(10));
    assert_eq!(mask.timestamp(7_999_999_999), 7_989_855_744);
    assert_eq!(mask.timestamp(7_016_777_215), 7_000_000_000);
    assert_eq!(mask.timestamp(7_016_777_216), 7_016_777_216);
    assert_eq!(mask.timeout(10_000_000), Duration::ZERO);
    assert_eq!(mask.timeout(2_010_000_000), Duration::from_secs(2));
    assert_eq!(TimeMask::new(Duration::from_secs(1)).timestamp(7_999_999_999), 7_000_000_000);
    assert_eq!(TimeMask::new(Duration::from_nanos(1)).timestamp(7_000_000_003), 7_000_000_002);
}

#[test]
fn realtime_is_the_hosts_cut_to_the_resolution() {
    let mut program = Program::with(Duration::from_micros(1), 0);
    assert_eq!(time(&mut program, 0, 0), 1_600_000_000_123_456_512);
    assert_eq!(program.host.clock_calls, [(Clock::Realtime, true)]);
}

#[test]
fn which_clock_is_read_depends_on_precision_and_resolution() {
    for (resolution, precision, precise) in [
        (Duration::from_nanos(1), 0, true),
        (Duration::from_nanos(1), 999_999, true),
        (Duration::from_nanos(1), 1_000_000, false),
        (Duration::from_nanos(1), u64::MAX, false),
        (Duration::from_millis(1), 0, false),
    ] {
        for (id, clock) in [(0, Clock::Realtime), (1, Clock::Monotonic)] {
            let mut program = Program::with(resolution, 0);
            program.host.advance(Duration::from_secs(1));
            time(&mut program, id, precision);
            assert_eq!(program.host.clock_calls, [(clock, precise)], "{resolution:?} {precision}");
        }
    }
}

#[test]
fn monotonic_time_begins_with_a_second() {
    let mut program = Program::new();
    assert_eq!(time(&mut program, 1, 0), 1_000_000_000);
    program.host.advance(Duration::from_nanos(6));
    assert_eq!(time(&mut program, 1, 0), 1_000_000_006);
    assert_eq!(program.calls.monotonic_time(&mut program.host), Ok(1_000_000_006));
}

#[test]
fn monotonic_time_continues_where_it_was_saved() {
    let mut program = Program::new();
    program.host.advance(Duration::from_secs(3));
    let saved = program.calls.monotonic_time(&mut program.host).unwrap();
    program.host.advance(Duration::from_secs(1_000_000));
    program.calls = Calls::start(Duration::from_nanos(1), saved, &mut program.host).unwrap();
    assert_eq!(time(&mut program, 1, 0), saved, "it stood still");
}

#[test]
fn a_coarse_reading_is_not_before_the_start() {
    let mut program = Program::new();
    assert_eq!(time(&mut program, 1, 1_000_000), 1_000_000_000);
    program.host.advance(Duration::from_nanos(COARSE_LAG + 10));
    assert_eq!(time(&mut program, 1, 1_000_000), 1_000_000_010);
}

#[test]
fn a_coarse_reading_is_not_before_a_fine_one() {
    let mut program = Program::new();
    program.host.advance(Duration::from_secs(1));
    assert_eq!(time(&mut program, 1, 0), 2_000_000_000);
    assert_eq!(time(&mut program, 1, 1_000_000), 2_000_000_000);
    program.host.advance(Duration::from_nanos(COARSE_LAG + 10));
    assert_eq!(time(&mut program, 1, 1_000_000), 2_000_000_010);
}

#[test]
fn absurd_saved_time_does_not_overflow() {
    let mut program = Program::with(Duration::from_nanos(1), u64::MAX - 1);
    program.host.advance(Duration::from_secs(1));
    assert_eq!(time(&mut program, 1, 0), u64::MAX - 1, "cut to the resolution");
}

#[test]
fn clocks_that_are_not_to_be_had() {
    let mut program = Program::new();
    assert_eq!(program.wasi(TIME, &[2, 0, 64]), SUSPEND);
    assert_eq!(program.wasi(TIME, &[3, 0, 64]), SUSPEND);
    assert_eq!(program.wasi(TIME, &[4, 0, 64]), errno(Errno::Inval));
    assert_eq!(program.wasi(TIME, &[2, 0, 0]), errno(Errno::Fault));
    assert_eq!(program.wasi(TIME, &[0, 0, 4089]), TRAP_BOUNDS);
}

#[test]
fn a_failing_clock_is_a_failure_of_the_host() {
    let mut program = Program::new();
    program.host.clock_fails = true;
    let failure: Stop = broken("read the clock");
    assert_eq!(program.wasi(TIME, &[0, 0, 64]), Err(failure.clone()));
    assert_eq!(program.calls.monotonic_time(&mut program.host), Err(failure.clone()));
    let mut host = FakeHost::new();
    host.clock_fails = true;
    assert_eq!(Calls::start(Duration::from_nanos(1), 0, &mut host).unwrap_err(), failure);
}
