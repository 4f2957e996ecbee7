//! What requests to stop and short transfers come to. The signals themselves are tested where they are made, in
//! gate-sandbox.

use std::cell::Cell;
use std::os::fd::AsFd;

use gate_sandbox::ring::Side;

use super::*;

thread_local! {
    /// After how many looks for it a request to stop is there.
    static LOOKS: Cell<u32> = const { Cell::new(u32::MAX) };
}

fn stop_requested() -> bool {
    let left = LOOKS.get();
    LOOKS.set(left.saturating_sub(1));
    left == 0
}

/// A host whose program is asked to stop after somebody has looked `looks` times.
fn host(looks: u32) -> WorkerHost {
    LOOKS.set(looks);
    WorkerHost { stop_requested, ..WorkerHost::new([false; 3], None, None) }
}

const NEVER: u32 = u32::MAX;
const INTERRUPTED: Result<usize, StreamError> = Err(StreamError::Stop(Stop::Interrupted));

/// Makes a transfer whose attempts end like this; returns its result and how many were made.
#[track_caller]
fn check(
    looks: u32,
    stream: Stream,
    attempts: &[rustix::io::Result<usize>],
    expect: Result<usize, StreamError>,
    made: usize,
) {
    let mut rest = attempts.iter();
    let found = host(looks).transfer(stream, PollFlags::IN, || *rest.next().expect("no further attempt"));
    assert_eq!((found, attempts.len() - rest.len()), (expect, made));
}

#[test]
fn transfers_that_nobody_interrupts() {
    use rustix::io::Errno as Os;
    for stream in [Stream::Stdin, Stream::Stdout, Stream::Stderr] {
        check(NEVER, stream, &[Ok(3)], Ok(3), 1);
        check(NEVER, stream, &[Err(Os::INTR), Err(Os::INTR), Ok(0)], Ok(0), 3);
        check(NEVER, stream, &[Err(Os::PIPE)], Err(StreamError::Errno(Errno::Pipe)), 1);
    }
}

#[test]
fn requests_interrupt_what_may_wait() {
    use rustix::io::Errno as Os;
    for stream in [Stream::Stdin, Stream::Stdout, Stream::Stderr] {
        check(0, stream, &[], INTERRUPTED, 0);
        check(1, stream, &[Err(Os::INTR), Ok(1)], INTERRUPTED, 1);
        check(1, stream, &[Ok(5)], Ok(5), 1);
        // It would wait until the descriptor is ready, which is none of the test's.
        check(1, stream, &[Err(Os::AGAIN), Ok(1)], INTERRUPTED, 1);
    }
}

#[test]
fn requests_leave_packets_alone() {
    let file = gate_sandbox::ring::create().unwrap();
    let mut theirs = gate_sandbox::ring::accept(file.as_fd()).unwrap();
    let ring = Ring::open(file.as_fd(), Side::Program).unwrap();
    LOOKS.set(0);
    let mut host = WorkerHost { stop_requested, ..WorkerHost::new([false; 3], None, Some(ring)) };
    let parts = [IoSlice::new(b"pa"), IoSlice::new(b""), IoSlice::new(b"cket")];
    assert_eq!(host.write(Stream::Packets, &parts), Ok(6));
    let mut buffer = [0; 4];
    let read =
        |host: &mut WorkerHost, buffer: &mut [u8]| host.read(Stream::Packets, &mut [IoSliceMut::new(buffer)]);
    assert_eq!(read(&mut host, &mut buffer), Err(Errno::Again.into()));
    theirs.send(b"answer").unwrap();
    assert_eq!(read(&mut host, &mut buffer), Ok(4));
    assert_eq!(&buffer, b"answ");
    let mut sent = Vec::new();
    theirs.append_to(&mut sent, 100).unwrap();
    assert_eq!(sent, b"packet");
    let interests = [false, true].map(|write| Interest { stream: Stream::Packets, write });
    let soon = Some(Duration::from_nanos(1));
    assert_eq!(host.wait(&interests, soon), Err(Stop::Interrupted));
    let ready = Readiness { ready: true, ..Readiness::default() };
    assert_eq!(host.wait(&interests, Some(Duration::ZERO)), Ok(vec![ready, ready]));
    assert_eq!(read(&mut host, &mut buffer), Ok(2));
    let found = host.wait(&interests, Some(Duration::ZERO));
    assert_eq!(found, Ok(vec![Readiness::default(), ready]));
    let whole = vec![1; gate_sandbox::ring::CAPACITY as usize + 1];
    assert_eq!(host.write(Stream::Packets, &[IoSlice::new(&whole)]), Ok(whole.len() - 1));
    assert_eq!(host.write(Stream::Packets, &[IoSlice::new(&whole)]), Err(Errno::Again.into()));
    assert_eq!(host.wait(&interests, Some(Duration::ZERO)), Ok(vec![Readiness::default(); 2]));
}

#[test]
fn requests_interrupt_waiting_but_not_looking() {
    let soon = Some(Duration::from_nanos(1));
    for timeout in [None, Some(Duration::from_secs(3600)), Some(Duration::MAX), soon] {
        assert_eq!(host(0).wait(&[], timeout), Err(Stop::Interrupted), "{timeout:?}");
    }
    assert_eq!(host(0).wait(&[], Some(Duration::ZERO)), Ok(vec![]));
    assert_eq!(host(NEVER).wait(&[], soon), Ok(vec![]));
}

/// What came of writing the first bytes, and what was written.
fn written(bytes: usize, results: &[Result<usize, StreamError>]) -> (Result<usize, StreamError>, String) {
    let bufs = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two "), IoSlice::new(b"three")];
    let (mut results, mut text) = (results.iter(), String::new());
    let result = write_first(&bufs, bytes, |rest| {
        let count = results.next().cloned().unwrap_or(Ok(rest.len()))?;
        text.push_str(str::from_utf8(&rest[..count]).unwrap());
        Ok(count)
    });
    (result, text)
}

#[test]
fn the_last_output_that_is_allowed() {
    for (bytes, text) in [(0, ""), (1, "o"), (4, "one "), (6, "one tw"), (13, "one two three")] {
        assert_eq!(written(bytes, &[]), (Ok(bytes), text.to_owned()));
    }
    assert_eq!(written(6, &[Ok(1), Ok(3), Ok(1)]), (Ok(6), "one tw".to_owned()), "in small parts");
}

#[test]
fn what_was_written_before_an_interruption_counts() {
    let full = Err(StreamError::Errno(Errno::NoSpc));
    for end in [INTERRUPTED, full] {
        assert_eq!(written(6, std::slice::from_ref(&end)), (end.clone(), String::new()));
        assert_eq!(written(6, &[Ok(2), end.clone()]), (Ok(2), "on".to_owned()));
        assert_eq!(written(6, &[Ok(4), end]), (Ok(4), "one ".to_owned()));
    }
    assert_eq!(written(6, &[Ok(2), Ok(0)]), (Ok(2), "on".to_owned()), "no progress");
}
