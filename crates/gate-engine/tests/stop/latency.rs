//! Programs that never end stop at once, whatever the optimizer makes of their polls.
#![expect(unsafe_code, reason = "nothing safe reads the processor time of another thread")]

use std::sync::mpsc;
use std::time::Duration;

use gate_engine::{Outcome, RunOptions, Start, Stops};

use super::machine::{Log, Module, Random, TIERS, arguments, settings};

/// How much processor time a program may take from the request on.
const LIMIT: Duration = Duration::from_millis(10);

/// A counted loop, then an endless one: an optimizer that takes the flag's value at the end of the first for that in the
/// second makes it endless in earnest.
const TWO_LOOPS: &str = r#"(module (func (export "run") (local $i i32)
    (loop $counted (br_if $counted (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10000))))
    (loop $endless (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $endless))))"#;

/// A recursion that takes practically for ever: a function without loops, or with nothing but a loop in which it calls itself.
const RECURSION: [&str; 2] = [
    r#"(module (func $run (export "run") (param $n i32)
        (if (i32.lt_u (local.get $n) (i32.const 100))
          (then
            (call $run (i32.add (local.get $n) (i32.const 1)))
            (call $run (i32.add (local.get $n) (i32.const 1)))))))"#,
    r#"(module (func $run (export "run") (param $n i32) (local $i i32)
        (if (i32.lt_u (local.get $n) (i32.const 100))
          (then
            (loop $again
              (call $run (i32.add (local.get $n) (i32.const 1)))
              (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2))))))))"#,
];

/// A program that never ends: functions that call each other, themselves, and by reference, with loops in and after each
/// other, with and without stores.
fn endless(random: &mut Random) -> String {
    let functions = 3;
    let mut text = String::from(
        "(module (memory 1) (global $g (mut i32) (i32.const 0)) (type $t (func (param i32) (result i32)))\n\
         (table funcref (elem $f0 $f1 $f2))\n",
    );
    for function in 0..functions {
        text.push_str(&format!(
            "(func $f{function} (param $n i32) (result i32) (local $i i32) (local $j i32)\n"
        ));
        text.push_str("(if (i32.eqz (local.get $n)) (then (return (i32.const 1))))\n");
        body(random, &mut text, 0);
        text.push_str("(local.get $i))\n");
    }
    text.push_str(
        "(func (export \"run\") (local $i i32) (local $j i32) (local $n i32) (local.set $n (i32.const 3))\n",
    );
    body(random, &mut text, 0);
    text.push_str("(loop $endless\n");
    body(random, &mut text, 1);
    text.push_str("(br $endless))))\n");
    text
}

fn body(random: &mut Random, text: &mut String, depth: u32) {
    for _ in 0..1 + random.below(3) {
        match random.below(if depth < 3 { 8 } else { 4 }) {
            0 => text.push_str("(i32.store (i32.const 64) (local.get $i))\n"),
            1 => text.push_str("(global.set $g (i32.add (global.get $g) (i32.load (i32.const 64))))\n"),
            2 => text.push_str("(local.set $i (i32.add (local.get $i) (i32.const 1)))\n"),
            3 => text.push_str("(local.set $j (i32.rotl (local.get $i) (i32.const 3)))\n"),
            4 => {
                let function = random.below(3);
                text.push_str(&format!(
                    "(local.set $j (call $f{function} (i32.shr_u (local.get $n) (i32.const 1))))\n"
                ));
            }
            5 => text.push_str(
                "(local.set $j (call_indirect (type $t) (i32.shr_u (local.get $n) (i32.const 1)) \
                 (i32.rem_u (local.get $i) (i32.const 3))))\n",
            ),
            _ => {
                let label = format!("$l{}", random.below(1 << 40));
                let turns = 1 << random.below(12);
                text.push_str(&format!("(local.set $i (i32.const 0)) (loop {label}\n"));
                body(random, text, depth + 1);
                // Inner loops use the same counter: whether this one ends is not for anybody to know.
                text.push_str(&format!(
                    "(br_if {label} (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) \
                     (i32.const {turns}))))\n"
                ));
            }
        }
    }
}

/// How long a program takes to stop that is asked to after some time, in processor time.
fn stop_after(module: &mut Module, settings: gate_engine::Settings, delay: Duration) -> Duration {
    let program = module.load(settings, None);
    let entry = program.facts().entry(Some("run")).unwrap();
    let flag = program.stop_flag().unwrap();
    let clock = Clock::of_this_thread();
    // Nothing comes this way until the program has stopped.
    let (stopped, wait) = mpsc::sync_channel::<()>(0);
    let asker = std::thread::spawn(move || {
        assert_eq!(wait.recv_timeout(delay), Err(mpsc::RecvTimeoutError::Timeout));
        let time = clock.now();
        flag.request();
        time
    });
    let arguments = arguments(&entry.function.as_ref().unwrap().ty);
    let run = Start::Fresh { entry: &entry, arguments: &arguments };
    let finished = program.run(Log::default(), run, RunOptions::default()).unwrap();
    let time = clock.now();
    drop(stopped);
    let requested = asker.join().unwrap();
    assert!(matches!(finished.outcome, Outcome::Suspended(_)), "{:?}", finished.outcome);
    time.saturating_sub(requested)
}

/// The clock of a thread's processor time, which other threads can read.
#[derive(Clone, Copy)]
struct Clock(libc::clockid_t);

impl Clock {
    fn of_this_thread() -> Self {
        let mut clock = 0;
        // SAFETY: it has no conditions.
        let thread = unsafe { libc::pthread_self() };
        // SAFETY: the thread is this one, and the place is a variable of it.
        let result = unsafe { libc::pthread_getcpuclockid(thread, &raw mut clock) };
        assert_eq!(result, 0);
        Self(clock)
    }

    fn now(self) -> Duration {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the place is a variable of this thread.
        let result = unsafe { libc::clock_gettime(self.0, &raw mut time) };
        assert_eq!(result, 0);
        Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
    }
}

#[track_caller]
fn check(text: &str, delay: Duration) {
    for tier in TIERS {
        let mut module = Module::new(text);
        let took = stop_after(&mut module, settings(tier, Stops::Flag), delay);
        assert!(took <= LIMIT, "{tier:?} took {took:?} to stop\n{text}");
    }
}

#[test]
fn an_endless_loop_after_a_counted_one() {
    check(TWO_LOOPS, Duration::from_millis(20));
}

#[test]
fn an_empty_loop() {
    check(r#"(module (func (export "run") (loop $l (br $l))))"#, Duration::from_millis(5));
}

#[test]
fn recursion() {
    RECURSION.into_iter().for_each(|text| check(text, Duration::from_millis(5)));
}

#[test]
fn generated_programs() {
    for seed in 1..=16 {
        let mut random = Random::new(seed);
        let text = endless(&mut random);
        check(&text, Duration::from_micros(random.below(10_000)));
    }
}
