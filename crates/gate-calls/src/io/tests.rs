//! Tests of `gate.io_N`.

use std::time::Duration;

use gate_abi::host::{Interest, Stop, Stream};
use gate_abi::import::Function;
use gate_abi::trap::Trap;

use crate::Calls;
use crate::tests::Program;
use crate::tests::host::broken;

const READ: Interest = Interest { stream: Stream::Packets, write: false };
const WRITE: Interest = Interest { stream: Stream::Packets, write: true };

const FOREVER: u64 = u64::MAX;

/// Where results go: received, sent, flags.
const RECEIVED: u64 = 8;
const SENT: u64 = 12;
const FLAGS: u64 = 16;

/// A program that receives into 100..110 and 200..204 and sends 300..306 and 400..402 ("sended", "!!").
fn program() -> Program {
    let mut program = Program::new();
    program.vectors(32, &[(100, 10), (u32::MAX, 0), (200, 4)]);
    program.vectors(64, &[(300, 6), (0, 0), (400, 2)]);
    program.memory[300..306].copy_from_slice(b"sended");
    program.memory[400..402].copy_from_slice(b"!!");
    program
}

/// Receives and sends with these numbers of buffers; returns how many bytes that were.
#[track_caller]
fn io(program: &mut Program, receive: i32, send: i32, timeout: u64) -> (u32, u32) {
    let counts = [receive, send].map(|count| u64::from(count.cast_unsigned()));
    program.io([32, counts[0], RECEIVED, 64, counts[1], SENT, timeout, 0]).unwrap();
    (program.u32_at(8), program.u32_at(12))
}

#[test]
fn everything_is_sent_and_then_received() {
    let mut program = program();
    program.host.input.extend([b"0123456789".to_vec(), b"abcdef".to_vec()]);
    assert_eq!(io(&mut program, 3, 3, FOREVER), (14, 8));
    assert_eq!(program.host.output, b"sended!!");
    assert_eq!(program.memory[100..110], *b"0123456789");
    assert_eq!(program.memory[200..205], *b"abcd\xaa");
    assert_eq!(program.host.waits, [(vec![READ, WRITE], None)]);
    assert_eq!(program.host.input, [b"ef"]);
}

#[test]
fn a_short_transfer_is_the_last() {
    let mut program = program();
    program.host.room = 3;
    program.host.input.extend([b"01234".to_vec(), b"abcdef".to_vec()]);
    assert_eq!(io(&mut program, 3, 3, FOREVER), (5, 3));
    assert_eq!(program.host.output, b"sen");
    assert_eq!(program.host.input, [b"abcdef"]);
}

#[test]
fn only_what_is_ready_is_done() {
    let mut program = program();
    assert_eq!(io(&mut program, 3, 3, FOREVER), (0, 8));
    program.host.room = 0;
    program.host.input.push_back(b"x".to_vec());
    assert_eq!(io(&mut program, 3, 3, FOREVER), (1, 0));
    assert_eq!(io(&mut program, 3, 3, 5000), (0, 0));
}

#[test]
fn input_is_always_waited_for_and_room_only_to_send() {
    for (receive, send, interests) in
        [(0, 3, vec![READ, WRITE]), (3, 0, vec![READ]), (0, 0, vec![READ]), (-1, i32::MIN, vec![READ])]
    {
        let mut program = program();
        program.host.room = 0;
        program.host.input.push_back(b"x".to_vec());
        let received = u32::from(receive == 3);
        assert_eq!(io(&mut program, receive, send, FOREVER), (received, 0));
        assert_eq!(program.host.waits, [(interests, None)]);
    }
}

#[test]
fn buffers_without_bytes_are_not_sent() {
    let mut program = program();
    program.vectors(64, &[(u32::MAX, 0), (7, 0)]);
    program.host.input.push_back(b"x".to_vec());
    assert_eq!(io(&mut program, 0, 2, FOREVER), (0, 0));
    assert_eq!(program.host.waits, [(vec![READ], None)]);
}

#[test]
fn a_timeout_below_a_microsecond_is_no_wait() {
    for timeout in [0, 999] {
        let mut program = program();
        program.host.input.push_back(b"x".to_vec());
        assert_eq!(io(&mut program, 3, 3, timeout), (1, 8));
        assert_eq!(io(&mut program, 3, 0, timeout), (0, 0));
        assert_eq!(program.host.waits, []);
        // Except where there is nothing to be done: then it lets others run.
        assert_eq!(io(&mut program, 0, 0, timeout), (0, 0));
        let waited = Duration::from_nanos(timeout & !1);
        assert_eq!(program.host.waits, [(vec![READ], Some(waited))]);
    }
}

#[test]
fn timeouts_are_cut_to_the_resolution() {
    for (resolution, timeout, waited) in [
        (Duration::from_nanos(1), 1000, Duration::from_nanos(1000)),
        (Duration::from_nanos(1), 1001, Duration::from_nanos(1000)),
        (Duration::from_millis(10), 10_000_000, Duration::ZERO),
        (Duration::from_millis(10), 3_020_000_000, Duration::from_nanos(3_016_777_216)),
        (Duration::from_secs(1), 3_999_999_999, Duration::from_secs(3)),
    ] {
        let mut program = program();
        program.calls = Calls::start(resolution, 0, &mut program.host).unwrap();
        assert_eq!(io(&mut program, 3, 0, timeout), (0, 0));
        assert_eq!(program.host.waits, [(vec![READ], Some(waited))]);
    }
}

#[test]
fn results_are_optional() {
    let mut program = program();
    program.host.input.push_back(b"x".to_vec());
    let zeros = program.memory[..32].to_vec();
    program.io([32, 1, 0, 64, 1, 0, 0, 0]).unwrap();
    assert_eq!(program.memory[..32], zeros);
    assert_eq!((&program.host.output[..], program.memory[100]), (&b"sended"[..], b'x'));
}

#[test]
fn the_flag_tells_once_that_the_program_was_started_or_resumed() {
    let mut program = program();
    let flags = |program: &mut Program, at: u64| {
        program.io([0, 0, 0, 0, 0, 0, 0, at]).unwrap();
        program.u64_at(16)
    };
    flags(&mut program, 0);
    assert_eq!(flags(&mut program, FLAGS), 1, "a call without a pointer does not take it");
    assert_eq!(flags(&mut program, FLAGS), 0);
    program.calls = Calls::start(Duration::from_nanos(1), 0, &mut program.host).unwrap();
    assert_eq!(flags(&mut program, FLAGS), 1);
}

#[test]
fn an_interruption_before_any_transfer_repeats_the_call() {
    let mut program = program();
    program.host.wait_stops = Some(Stop::Interrupted);
    let args = [32, 3, RECEIVED, 64, 3, SENT, FOREVER, FLAGS];
    let before = program.memory.clone();
    assert_eq!(program.io(args), Err(Stop::Interrupted));
    program.host.input.push_back(Vec::new());
    program.host.room = 0;
    assert_eq!(program.io(args), Err(Stop::Interrupted), "while receiving");
    program.host.room = 100;
    program.host.write_interrupts = true;
    assert_eq!(program.io(args), Err(Stop::Interrupted), "while sending");
    assert_eq!(program.memory, before);
    program.host.write_interrupts = false;
    program.io(args).unwrap();
    assert_eq!((program.u32_at(12), program.u64_at(16)), (8, 1));
}

#[test]
fn an_interruption_after_a_transfer_ends_the_call() {
    let mut program = program();
    program.host.input.push_back(Vec::new());
    assert_eq!(io(&mut program, 3, 3, FOREVER), (0, 8), "interrupted between sending and receiving");
    program.host.input.extend([vec![1; 10], Vec::new()]);
    assert_eq!(io(&mut program, 3, 0, FOREVER), (10, 0), "interrupted between two buffers");
}

#[test]
fn a_failing_host_ends_the_run() {
    let mut program = program();
    program.host.wait_stops = Some(broken("wait"));
    assert_eq!(program.io([0, 0, 0, 0, 0, 0, 0, 0]), Err(broken("wait")));
}

#[test]
fn wild_pointers_end_the_run() {
    let wild = Err(Stop::Trap(Trap::MemoryAccessOutOfBounds));
    let last = u64::from(u32::MAX);
    for args in [
        [4089, 1, 0, 0, 0, 0, 0, 0],
        [last, 1, 0, 0, 0, 0, 0, 0],
        [32, last >> 1, 0, 0, 0, 0, 0, 0],
        [0, 0, 4093, 0, 0, 0, 0, 0],
        [0, 0, 0, last, 2, 0, 0, 0],
        [0, 0, 0, 0, 0, 4093, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 4089],
    ] {
        let mut program = Program::new();
        program.memory.fill(0);
        assert_eq!(program.io(args), wild, "{args:?}");
    }
    for (receive, send) in [(1, 0), (0, 1)] {
        let mut program = program();
        program.host.input.push_back(b"x".to_vec());
        program.vectors(32, &[(4090, 7)]);
        assert_eq!(program.io([32, receive, 0, 32, send, 0, 0, 0]), wild);
        assert_eq!(program.host.output, b"");
    }
}

#[test]
fn without_the_parameter_for_flags_they_are_not_stored_and_not_cleared() {
    let mut program = program();
    program.host.input.extend([b"012".to_vec()]);
    let args = [32, 3, RECEIVED, 64, 3, SENT, FOREVER];
    let result =
        program.calls.dispatch(Function::GateIoNoFlags, &args, &mut program.memory, &mut program.host);
    assert_eq!(result, Ok(None));
    assert_eq!((program.u32_at(8), program.u32_at(12)), (3, 8));
    assert_eq!(program.host.output, b"sended!!");
    // The next call that asks is told that the program was started.
    program.io([0, 0, 0, 0, 0, 0, 0, FLAGS]).unwrap();
    assert_eq!(program.u32_at(16), 1);
}
