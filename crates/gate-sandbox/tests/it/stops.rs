//! Requests to stop, from outside of a container to a worker in it, with all filters in place.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use gate_sandbox::channel::Channel;
use gate_sandbox::filter::{self, Stage};
use gate_sandbox::process::{Child, Ending};
use gate_sandbox::{descriptors, stop};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use crate::containers::{CONFIG, start};
use crate::processes::{child, end, in_child};
use crate::workers::{Order, fork, load};
use crate::{Outcome, Test, raw};

pub(crate) const TESTS: &[Test] = &[
    ("stop::ends_every_wait", ends_every_wait),
    ("stop::is_seen_by_running_code", is_seen_by_running_code),
    ("stop::does_not_disturb_loading", does_not_disturb_loading),
    ("stop::compilers_ignore_it", compilers_ignore_it),
    ("stop::is_inherited_and_forgotten", is_inherited_and_forgotten),
    ("stop::handler_interrupts_and_has_its_stack", handler_interrupts_and_has_its_stack),
    ("stop::of_a_process_that_has_ended", of_a_process_that_has_ended),
];

/// Status of a worker that was stopped where it was to be.
const STOPPED: i32 = 7;

/// The most time that anything here takes; only a failure takes so long.
const DEADLINE: Duration = Duration::from_secs(20);

/// Starts a container with one worker, which is given `order`, and hands a channel and the worker's descriptor to
/// `supervise`. Returns the worker's end.
fn supervised(
    order: &Order,
    work: impl FnOnce(Channel) -> i32,
    supervise: impl FnOnce(&Channel, &OwnedFd),
) -> Ending {
    let (mut container, channel) = start(&CONFIG, |channel| {
        let channel = Channel::from_fd(descriptors::only_control(channel.into_fd()).unwrap()).unwrap();
        stop::install().unwrap();
        filter::install(Stage::Zygote).unwrap();
        let theirs = Channel::from_fd(channel.duplicate().unwrap()).unwrap();
        let mut worker = fork(|| work(theirs));
        // It waits for its order, which is sent when this has arrived.
        channel.send(b"worker", &[worker.pidfd()]).unwrap();
        match worker.wait_until(Instant::now() + DEADLINE).unwrap().map(|exit| exit.ending) {
            Some(Ending::Exited(status)) => status,
            Some(Ending::Signaled(signal)) => 100 + signal,
            None => 99,
        }
    });
    let pidfd = channel.recv(&mut [0; 8]).unwrap().descriptors.remove(0);
    channel.send(b"order", &order.descriptors()).unwrap();
    supervise(&channel, &pidfd);
    end(container.process()).ending
}

/// What a supervisor does: asks again until the process has ended. Returns how often that was.
fn ask_until_the_end(pidfd: &OwnedFd) -> u32 {
    let deadline = Instant::now() + DEADLINE;
    let mut requests = 0;
    loop {
        if Instant::now() > deadline || !stop::request(pidfd.as_fd()).unwrap() {
            return requests;
        }
        requests += 1;
        let period = Instant::now() + Duration::from_millis(1);
        if gate_sandbox::wait::readable(pidfd.as_fd(), Some(period)).unwrap() {
            return requests;
        }
    }
}

/// A worker that loads a program, says so, and then does `run`.
fn program(order: &Order, run: fn() -> i32) {
    let ending = supervised(
        order,
        |channel| {
            let worker = load(channel);
            worker.last_filter.install().unwrap();
            worker.control.send(b"now", &[]).unwrap();
            run()
        },
        |channel, pidfd| {
            let mut buffer = [0; 8];
            while channel.recv(&mut buffer).unwrap().len != b"now".len() {}
            assert!(ask_until_the_end(pidfd) > 0);
        },
    );
    assert_eq!(ending, Ending::Exited(STOPPED));
}

/// What a call of a program that waits is to come to.
fn stopped(result: Result<usize, Errno>) -> i32 {
    if result == Err(Errno::INTR) && stop::is_requested() { STOPPED } else { 1 }
}

fn ends_every_wait() -> Outcome {
    let (input, _other) = rustix::pipe::pipe().unwrap();
    let (_other, output) = rustix::pipe::pipe().unwrap();
    let order = Order { input, output, ..Order::new() };
    program(&order, || {
        let mut buffer = [0; 8];
        stopped(rustix::io::readv(
            descriptors::fixed(descriptors::STDIN),
            &mut [std::io::IoSliceMut::new(&mut buffer)],
        ))
    });
    program(&order, || {
        let (stdout, bytes) = (descriptors::fixed(descriptors::STDOUT), [0; 1 << 16]);
        let full = |count: Result<usize, Errno>| count.is_err() || count == Ok(0);
        // More than a pipe takes: what was written when the request came is no error.
        let mut result = Ok(0);
        for _ in 0..4 {
            result = rustix::io::writev(stdout, &[std::io::IoSlice::new(&bytes)]);
            if full(result) {
                break;
            }
        }
        stopped(result)
    });
    program(&order, || {
        let stdin = descriptors::fixed(descriptors::STDIN);
        stopped(rustix::event::poll(&mut [PollFd::from_borrowed_fd(stdin, PollFlags::IN)], None))
    });
    program(&order, || {
        let hour = Timespec { tv_sec: 3600, tv_nsec: 0 };
        stopped(rustix::event::poll(&mut [], Some(&hour)))
    });
    Outcome::Passed
}

fn is_seen_by_running_code() -> Outcome {
    program(&Order::new(), || {
        static WORD: AtomicU32 = AtomicU32::new(0);
        stop::set_word(&WORD);
        while WORD.load(Ordering::Relaxed) == 0 {
            std::hint::spin_loop();
        }
        if stop::is_requested() { STOPPED } else { 1 }
    });
    Outcome::Passed
}

/// A process that waits for a message goes on waiting: what it was asked for, it does when it is ready.
fn does_not_disturb_loading() -> Outcome {
    let (ours, theirs) = Channel::pair().unwrap();
    let order = Order { input: theirs.into_fd(), ..Order::new() };
    let ending = supervised(
        &order,
        |channel| {
            let worker = load(channel);
            worker.control.send(b"loaded", &[]).unwrap();
            let go = worker.control.recv(&mut [0; 8]);
            worker.last_filter.install().unwrap();
            if go.is_ok() && stop::is_requested() { STOPPED } else { 1 }
        },
        |channel, pidfd| {
            let mut buffer = [0; 8];
            while channel.recv(&mut buffer).unwrap().len != b"loaded".len() {}
            for _ in 0..100 {
                assert!(stop::request(pidfd.as_fd()).unwrap());
            }
            assert!(channel.try_recv(&mut buffer).is_err(), "it does not answer");
            channel.send(b"go", &[]).unwrap();
        },
    );
    assert_eq!(ending, Ending::Exited(STOPPED));
    drop(ours);
    Outcome::Passed
}

fn compilers_ignore_it() -> Outcome {
    let ending = supervised(
        &Order::new(),
        |channel| {
            stop::ignore().unwrap();
            let control = Channel::from_fd(descriptors::only_control(channel.into_fd()).unwrap()).unwrap();
            filter::install(Stage::Compiler).unwrap();
            control.recv(&mut [0; 8]).unwrap();
            control.send(b"ready", &[]).unwrap();
            control.recv(&mut [0; 8]).unwrap();
            i32::from(stop::is_requested())
        },
        |channel, pidfd| {
            channel.recv(&mut [0; 8]).unwrap();
            for _ in 0..100 {
                assert!(stop::request(pidfd.as_fd()).unwrap());
            }
            channel.send(b"end", &[]).unwrap();
        },
    );
    assert_eq!(ending, Ending::Exited(0));
    Outcome::Passed
}

/// What the zygote was sent does not stop its children, and is no reason for it to end.
fn is_inherited_and_forgotten() -> Outcome {
    in_child(|| {
        stop::install().unwrap();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::USR1).unwrap();
        assert!(stop::is_requested());
        in_child(|| {
            assert!(stop::is_requested(), "a copy of everything");
            stop::forget();
            assert!(!stop::is_requested());
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::USR1).unwrap();
            assert!(stop::is_requested(), "the handler is still there");
        });
    });
    Outcome::Passed
}

fn handler_interrupts_and_has_its_stack() -> Outcome {
    in_child(|| {
        stop::install().unwrap();
        assert_eq!(raw::signal_flags(libc::SIGUSR1) & !raw::RESTORER, libc::SA_ONSTACK);
    });
    Outcome::Passed
}

fn of_a_process_that_has_ended() -> Outcome {
    let mut child: Child = child(|| 0);
    assert!(gate_sandbox::wait::readable(child.pidfd(), Some(Instant::now() + DEADLINE)).unwrap());
    assert!(stop::request(child.pidfd()).unwrap(), "it was not waited for");
    end(&mut child);
    assert!(!stop::request(child.pidfd()).unwrap());
    Outcome::Passed
}
