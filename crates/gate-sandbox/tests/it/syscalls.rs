//! Every system call there is, made under each filter: killed unless the list allows it.

use std::sync::atomic::Ordering;

use gate_sandbox::filter::{Condition, Effect, Filter, Rule, Stage, allowed};
use gate_sandbox::process::Ending;

use crate::processes::{child, end};
use crate::{Outcome, Test, raw};

pub(crate) const TESTS: &[Test] = &[
    ("syscalls::each_number_by_list", each_number_by_list),
    ("syscalls::each_argument_by_list", each_argument_by_list),
    ("syscalls::signal_handlers_return", signal_handlers_return),
    ("syscalls::x32_is_killed", x32_is_killed),
    ("syscalls::int_80_is_killed", int_80_is_killed),
];

/// More than the highest number of any call known today, and the numbers x32 has for itself.
fn numbers() -> impl Iterator<Item = i64> {
    (0..=480).chain(512..=547).chain([600, 1000, 4095, 0x3fff_ffff])
}

/// What a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Result {
    /// Ended by the filter.
    Killed,
    /// Failed as if the kernel did not have it.
    Missing,
    /// Reached the kernel.
    Executed,
}

/// Calls which the kernel excepts from all filters, because it inserts them into processes that are being traced.
/// Made by the process itself they fail (`uprobe`) or end it as an illegal instruction (`uretprobe`).
#[cfg(target_arch = "x86_64")]
const PROBES: [i64; 2] = [335, 336];
#[cfg(not(target_arch = "x86_64"))]
const PROBES: [i64; 0] = [];

const MISSING_STATUS: i32 = 43;

/// Makes one call in a process of its own.
fn attempt(filter: &Filter, call: impl FnOnce() -> i32) -> Result {
    let mut child = child(|| {
        filter.install().unwrap();
        if call() == libc::ENOSYS { MISSING_STATUS } else { 0 }
    });
    match end(&mut child).ending {
        Ending::Signaled(libc::SIGSYS) => Result::Killed,
        Ending::Exited(MISSING_STATUS) => Result::Missing,
        Ending::Exited(_) | Ending::Signaled(_) => Result::Executed,
    }
}

/// What the list says, by a reading of it that is independent of the compiled program.
fn expected(rules: &[Rule], number: i64, arguments: [u64; 6]) -> Result {
    let matching = |rule: &&Rule| {
        rule.number == number
            && rule.conditions.iter().all(|Condition { argument, mask, value }| {
                let low = arguments[usize::from(*argument)] & u64::from(u32::MAX);
                low & u64::from(*mask) == u64::from(*value)
            })
    };
    let mut matching = rules.iter().filter(matching).peekable();
    if matching.peek().is_none() {
        Result::Killed
    } else if matching.any(|rule| rule.effect == Effect::Missing) {
        Result::Missing
    } else {
        Result::Executed
    }
}

/// Returns to wherever the stack says, so that it must not be called without a signal; has a test of its own.
const NEVER_CALLED: i64 = libc::SYS_rt_sigreturn;

#[track_caller]
fn check(stage: Stage, filter: &Filter, rules: &[Rule], number: i64, arguments: [u64; 6]) {
    let expect = expected(rules, number, arguments);
    let found = attempt(filter, || raw::syscall(number, arguments));
    // A call that is allowed but not in this kernel fails in the same way.
    let same =
        found == expect || (expect, found) == (Result::Executed, Result::Missing) || PROBES.contains(&number);
    assert!(same, "{stage:?} {number} {arguments:x?}: {found:?}, expected {expect:?}");
}

/// Arguments with which no call does anything: bad descriptors, pointers, sizes and flags.
const INVALID: [u64; 6] = [u64::MAX; 6];

fn each_number_by_list() -> Outcome {
    for stage in Stage::ALL {
        let (filter, rules) = (Filter::new(stage).unwrap(), allowed(stage));
        for number in numbers().filter(|number| *number != NEVER_CALLED) {
            check(stage, &filter, &rules, number, INVALID);
        }
    }
    Outcome::Passed
}

/// For each rule: arguments that fulfil it, and all that differ from these in one bit that is looked at.
fn each_argument_by_list() -> Outcome {
    for stage in Stage::ALL {
        let (filter, rules) = (Filter::new(stage).unwrap(), allowed(stage));
        for rule in rules.iter().filter(|rule| rule.number != NEVER_CALLED) {
            let mut arguments = INVALID;
            for Condition { argument, mask, value } in rule.conditions {
                // The bits not looked at stay set.
                arguments[usize::from(*argument)] = u64::from(!mask | value);
            }
            if rule.number == libc::SYS_clone {
                // The child of an allowed fork continues on a copy of the same stack, and ends.
                arguments[1] = 0;
                if arguments[0] & u64::from(libc::CLONE_VM.unsigned_abs()) != 0 {
                    // An allowed thread would share the stack: the bad address for its locals prevents it.
                    arguments[1] = u64::MAX;
                }
            }
            check(stage, &filter, &rules, rule.number, arguments);
            for Condition { argument, mask, .. } in rule.conditions {
                for bit in (0..32).map(|bit| 1_u32 << bit).filter(|bit| mask & bit != 0) {
                    let mut arguments = arguments;
                    arguments[usize::from(*argument)] ^= u64::from(bit);
                    check(stage, &filter, &rules, rule.number, arguments);
                }
            }
        }
    }
    Outcome::Passed
}

/// `rt_sigreturn` is made by the return from a handler.
fn signal_handlers_return() -> Outcome {
    for stage in Stage::ALL {
        let filter = Filter::new(stage).unwrap();
        let mut child = child(|| {
            raw::signal_every_5_ms();
            filter.install().unwrap();
            while raw::SIGNALS.load(Ordering::Relaxed) < 2 {
                std::hint::spin_loop();
            }
            7
        });
        assert_eq!(end(&mut child).ending, Ending::Exited(7), "{stage:?}");
    }
    Outcome::Passed
}

#[cfg(target_arch = "x86_64")]
fn x32_is_killed() -> Outcome {
    const X32_BIT: i64 = 0x4000_0000;
    for stage in Stage::ALL {
        let filter = Filter::new(stage).unwrap();
        for number in numbers() {
            let result = attempt(&filter, || raw::syscall(number | X32_BIT, INVALID));
            assert_eq!(result, Result::Killed, "{stage:?} {number}");
        }
    }
    Outcome::Passed
}

#[cfg(target_arch = "x86_64")]
fn int_80_is_killed() -> Outcome {
    // Number 20 is getpid there.
    let mut probe = child(|| {
        raw::syscall_32(20);
        0
    });
    if end(&mut probe).ending != Ending::Exited(0) {
        return Outcome::Skipped("this kernel does not run 32-bit programs".into());
    }
    for stage in Stage::ALL {
        let filter = Filter::new(stage).unwrap();
        for number in numbers() {
            let result = attempt(&filter, || {
                raw::syscall_32(u32::try_from(number).unwrap());
                0
            });
            assert_eq!(result, Result::Killed, "{stage:?} {number}");
        }
    }
    Outcome::Passed
}

#[cfg(not(target_arch = "x86_64"))]
fn x32_is_killed() -> Outcome {
    Outcome::Skipped("only x86-64 has these".into())
}

#[cfg(not(target_arch = "x86_64"))]
fn int_80_is_killed() -> Outcome {
    Outcome::Skipped("only x86-64 has this instruction".into())
}
