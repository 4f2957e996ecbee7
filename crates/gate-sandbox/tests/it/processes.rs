//! Children: their ends, signals, and what becomes of dropped ones.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use gate_sandbox::channel::Channel;
use gate_sandbox::process::{self, Child, Ending, Exit, Fork};
use rustix::process::Signal;

use crate::{Outcome, Test};

pub(crate) const TESTS: &[Test] = &[
    ("process::exit_status", exit_status),
    ("process::signal_and_deadline", signal_and_deadline),
    ("process::dropped_child_is_killed", dropped_child_is_killed),
    ("process::usage_is_counted", usage_is_counted),
    ("process::parent_death", parent_death),
];

/// Runs `work` in a forked process, which exits with its result (101 after a panic).
pub(crate) fn child(work: impl FnOnce() -> i32) -> Child {
    match process::fork().unwrap() {
        Fork::Parent(child) => child,
        Fork::Child => {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            process::exit(result.unwrap_or(101))
        }
    }
}

/// Waits, but not for ever.
#[track_caller]
pub(crate) fn end(child: &mut Child) -> Exit {
    let deadline = Instant::now() + Duration::from_secs(20);
    child.wait_until(deadline).unwrap().expect("the child ends in time")
}

/// Runs `work`, which asserts, in a forked process.
#[track_caller]
pub(crate) fn in_child(work: impl FnOnce()) {
    let mut child = child(|| {
        work();
        0
    });
    assert_eq!(end(&mut child).ending, Ending::Exited(0));
}

fn exit_status() -> Outcome {
    for status in [0, 1, 42, 255] {
        let mut child = child(|| status);
        assert_eq!(end(&mut child).ending, Ending::Exited(status));
        assert_eq!(child.wait().unwrap().ending, Ending::Exited(status), "the answer is kept");
        child.kill(Signal::KILL).unwrap();
    }
    Outcome::Passed
}

fn signal_and_deadline() -> Outcome {
    let (ours, theirs) = Channel::pair().unwrap();
    let mut child = child(|| i32::from(theirs.recv(&mut [0]).is_err()));
    assert_eq!(child.try_wait().unwrap(), None);
    assert_eq!(child.wait_until(Instant::now() + Duration::from_millis(5)).unwrap(), None);
    child.kill(Signal::TERM).unwrap();
    assert_eq!(end(&mut child).ending, Ending::Signaled(libc::SIGTERM));
    drop(ours);
    Outcome::Passed
}

fn dropped_child_is_killed() -> Outcome {
    let (ours, theirs) = Channel::pair().unwrap();
    let first = child(|| i32::from(theirs.recv(&mut [0]).is_err()));
    // A copy of the value in another process must not kill its sibling.
    let mut copy = match process::fork().unwrap() {
        Fork::Parent(copy) => copy,
        Fork::Child => {
            drop(first);
            process::exit(0)
        }
    };
    assert_eq!(end(&mut copy).ending, Ending::Exited(0));
    assert!(!gate_sandbox::wait::readable(first.as_fd(), Some(Instant::now())).unwrap());
    let watch = rustix::process::pidfd_open(first.pid(), rustix::process::PidfdFlags::empty()).unwrap();
    drop(first);
    assert_eq!(rustix::process::pidfd_send_signal(&watch, Signal::KILL), Err(rustix::io::Errno::SRCH));
    drop(ours);
    Outcome::Passed
}

fn usage_is_counted() -> Outcome {
    let mut child = child(|| {
        // Touches 16 MiB.
        let memory = std::hint::black_box(vec![1_u8; 16 << 20]);
        i32::from(memory[5]) - 1
    });
    let exit = end(&mut child);
    assert_eq!(exit.ending, Ending::Exited(0));
    assert!(exit.usage.max_resident_bytes > 16 << 20, "{exit:?}");
    assert!(exit.usage.minor_faults > 0);
    Outcome::Passed
}

/// The grandchild is killed with its parent.
fn parent_death() -> Outcome {
    let (ours, theirs) = Channel::pair().unwrap();
    let mut parent = child(|| {
        let own = rustix::process::getpid();
        let grandchild = child(|| {
            process::set_parent_death_signal(own).unwrap();
            theirs.send(b"set", &[]).unwrap();
            // Until killed: nobody sends to this channel.
            i32::from(theirs.recv(&mut [0]).is_err())
        });
        theirs.send(b"pidfd", &[grandchild.pidfd()]).unwrap();
        let _ = theirs.recv(&mut [0]);
        0
    });
    let mut pidfd = None;
    for _ in 0..2 {
        let received = ours.recv(&mut [0; 8]).unwrap();
        pidfd = pidfd.or(received.descriptors.into_iter().next());
    }
    let pidfd = pidfd.unwrap();
    assert!(!gate_sandbox::wait::readable(pidfd.as_fd(), Some(Instant::now())).unwrap());
    parent.kill(Signal::KILL).unwrap();
    end(&mut parent);
    let deadline = Instant::now() + Duration::from_secs(10);
    assert!(gate_sandbox::wait::readable(pidfd.as_fd(), Some(deadline)).unwrap());
    // A wrong parent is noticed.
    in_child(|| {
        let wrong = rustix::process::Pid::from_raw(0x3fff_ffff).unwrap();
        assert!(process::set_parent_death_signal(wrong).is_err());
    });
    Outcome::Passed
}
