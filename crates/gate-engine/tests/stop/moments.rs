//! Programs that are stopped at any moment by another thread come to the same result.

use std::sync::mpsc;
use std::time::Duration;

use gate_engine::{Argument, Outcome, RunOptions, Settings, Start, Stops, Tier};

use super::machine::{Log, Module, Random, TIERS, files, sent, settings};

/// Sieves, sorts by recursion, and calls by reference: a second of work for the slowest engine.
const TEXT: &str = r#"(module
    (type $mix (func (param i64 i64) (result i64)))
    (memory 4)
    (table funcref (elem $add $rotate $multiply))
    (global $calls (mut i64) (i64.const 0))
    (func $add (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
    (func $rotate (param i64 i64) (result i64) (i64.rotl (local.get 0) (local.get 1)))
    (func $multiply (param i64 i64) (result i64) (i64.mul (local.get 0) (i64.or (local.get 1) (i64.const 1))))
    (func $depth (param $n i32) (param $hash i64) (result i64)
      (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
      (if (result i64) (local.get $n)
        (then
          (call_indirect (type $mix)
            (call $depth (i32.sub (local.get $n) (i32.const 1)) (i64.add (local.get $hash) (i64.const 7)))
            (call $depth (i32.shr_u (local.get $n) (i32.const 1)) (local.get $hash))
            (i32.rem_u (local.get $n) (i32.const 3))))
        (else (local.get $hash))))
    (func $sieve (param $limit i32) (result i64) (local $i i32) (local $j i32) (local $found i64)
      (memory.fill (i32.const 0) (i32.const 0) (local.get $limit))
      (local.set $i (i32.const 2))
      (loop $numbers
        (if (i32.eqz (i32.load8_u (local.get $i)))
          (then
            (local.set $found (i64.add (i64.mul (local.get $found) (i64.const 31)) (i64.extend_i32_u (local.get $i))))
            (local.set $j (i32.mul (local.get $i) (i32.const 2)))
            (block $done
              (loop $multiples
                (br_if $done (i32.ge_u (local.get $j) (local.get $limit)))
                (i32.store8 (local.get $j) (i32.const 1))
                (local.set $j (i32.add (local.get $j) (local.get $i)))
                (br $multiples)))))
        (br_if $numbers (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $limit))))
      (local.get $found))
    (func (export "run") (result i64) (local $round i32) (local $hash i64)
      (loop $rounds
        (local.set $hash (i64.xor (call $sieve (i32.const 40000)) (i64.mul (local.get $hash) (i64.const 3))))
        (local.set $hash (call $depth (i32.const 18) (local.get $hash)))
        (br_if $rounds (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 300))))
      (i64.add (local.get $hash) (global.get $calls))))"#;

/// More than this would only take longer.
const MAX_STOPS: u32 = 40;

/// Runs the program, each life with the next of `lives` and for a random time.
fn run(module: &mut Module, lives: &[Settings], random: &mut Random) -> (Outcome, u32) {
    let mut lives = lives.iter().copied().cycle();
    let mut program = module.load(lives.next().unwrap(), None);
    let entry = program.facts().entry(Some("run")).unwrap();
    let mut start = Start::Fresh { entry: &entry, arguments: &[] };
    let mut stops = 0;
    loop {
        let delay = (stops < MAX_STOPS).then(|| Duration::from_micros(random.below(1000)));
        let memories = program.memories().to_vec();
        let flag = program.stop_flag();
        // Nothing comes this way until the program has ended.
        let (ended, wait) = mpsc::sync_channel::<()>(0);
        let asker = std::thread::spawn(move || {
            let Some(delay) = delay else { return };
            if let (Err(mpsc::RecvTimeoutError::Timeout), Some(flag)) = (wait.recv_timeout(delay), flag) {
                flag.request();
            }
        });
        let finished = program.run(Log::default(), start, RunOptions::default()).unwrap();
        drop(ended);
        asker.join().unwrap();
        let Outcome::Suspended(state) = finished.outcome else { return (finished.outcome, stops) };
        stops += 1;
        let state = sent(&state);
        program = module.reload(lives.next().unwrap(), &state, files(&memories));
        start = Start::Resume(Box::new(state));
    }
}

#[test]
fn any_moment() {
    let mut module = Module::new(TEXT);
    let unstoppable = settings(Tier::Cranelift, Stops::None);
    let (expected, _) = run(&mut module, &[unstoppable], &mut Random::new(0));
    assert!(matches!(&expected, Outcome::Returned(values) if matches!(values[..], [Argument::I64(_)])));
    let all = TIERS.map(|tier| settings(tier, Stops::Flag));
    let mut stops = 0;
    for (seed, lives) in (1..).zip([&all[..1], &all[1..2], &all[2..], &all[..]]) {
        let (found, stopped) = run(&mut module, lives, &mut Random::new(seed));
        assert_eq!(found, expected, "{lives:?}");
        stops += stopped;
    }
    assert!(stops > 40, "it was stopped {stops} times");
}
