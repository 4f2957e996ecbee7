//! Round trips, limits, and bytes that are no messages.

use gate_abi::trap::Trap;
use proptest::prelude::*;

use super::{
    Entry, Event, Format, Frame, Job, Launch, Limits, Outcome, Personality, RefusalKind, Request, Resume,
    SourceLine, Statistics, Stops, Tier, Value,
};
use crate::MAX_MESSAGE_BYTES;

fn launch() -> Launch {
    Launch {
        tier: Tier::Cranelift,
        artifact_bytes: 12,
        arguments: vec![b"prog".to_vec(), b"\xff".to_vec()],
        environment: vec![b"A=b".to_vec()],
        limits: Limits {
            memory_bytes: 1 << 26,
            stack_bytes: 1 << 20,
            cpu_nanos: Some(5),
            output_bytes: None,
            fs_bytes: 1 << 20,
            fs_inodes: 100,
        },
        entry: Entry::Invoke { name: "add".to_owned(), arguments: vec!["1".to_owned(), "2".to_owned()] },
        terminals: [true, false, true],
        has_image: true,
        stops: Stops::Flag,
        countdown: None,
        resume: None,
    }
}

#[track_caller]
fn round_trip(event: &Event) {
    let bytes = event.encode();
    assert!(bytes.len() <= MAX_MESSAGE_BYTES);
    assert_eq!(Event::decode(&bytes, event.descriptors()).as_ref(), Ok(event));
    for len in 0..bytes.len() {
        assert!(Event::decode(&bytes[..len], event.descriptors()).is_err(), "cut at {len}");
    }
}

#[test]
fn requests_survive() {
    let mut other = launch();
    other.entry = Entry::Default;
    other.has_image = false;
    other.countdown = Some(7);
    other.resume = Some(Resume { memories: 2, has_packets: true });
    assert_eq!(Request::Launch(Box::new(other.clone())).descriptors(), 4 + 1 + 2 + 2);
    let job = |job| Request::Job { job, threads: 2, memory_bytes: 3 };
    for request in [
        Request::Launch(Box::new(launch())),
        Request::Launch(Box::new(other)),
        Request::Continue { continuation_bytes: None },
        Request::Continue { continuation_bytes: Some(9) },
        Request::Compile { tier: Tier::Pulley, stops: Stops::Count, threads: 2, memory_bytes: 3 },
        job(Job::Continue { tier: Tier::Winch, stops: Stops::Flag }),
        job(Job::Snapshot { format: Format::Upstream, memories: 2 }),
        job(Job::Restore { memories: 1, memory_bytes: 1 << 30 }),
        job(Job::Inspect { json: true }),
        job(Job::Standalone),
        job(Job::Debug {
            tier: Tier::Winch,
            stops: Stops::Flag,
            breakpoints: vec![1, 700],
            continues: false,
        }),
        job(Job::Debug { tier: Tier::Pulley, stops: Stops::Count, breakpoints: Vec::new(), continues: true }),
        job(Job::Locate { place: "main.c:7".to_owned() }),
        job(Job::Symbolize { artifact_bytes: 1, frames: vec![(1, Some(2), None), (3, None, Some(4))] }),
    ] {
        let bytes = request.encode().unwrap();
        assert_eq!(Request::decode(&bytes, request.descriptors()).as_ref(), Ok(&request));
        assert!(Request::decode(&bytes, 99).is_err());
    }
}

#[test]
fn a_launch_that_is_too_large_is_not_encoded() {
    let mut launch = launch();
    launch.arguments.push(vec![b'x'; MAX_MESSAGE_BYTES]);
    assert_eq!(Request::Launch(Box::new(launch)).encode(), None);
}

#[test]
fn events_survive() {
    round_trip(&Event::Running { personality: Personality::Gate, load_micros: 1, has_packets: true });
    round_trip(&Event::Running { personality: Personality::Wasi, load_micros: 1, has_packets: false });
    let statistics = Statistics { run_micros: 1, memory_peak_bytes: 2, output_bytes: 3, fs_bytes: 4 };
    round_trip(&Event::Suspended { statistics, state_bytes: 9, memories: 3, has_packets: true });
    round_trip(&Event::Done { bytes: vec![1, 2] });
    round_trip(&Event::Memories(3));
    round_trip(&Event::Compiled {
        artifact_bytes: 1,
        module_bytes: 2,
        functions: 3,
        validate_micros: 4,
        compile_micros: 5,
    });
    round_trip(&Event::Refused { kind: RefusalKind::Feature, message: "no".to_owned() });
    round_trip(&Event::Failed { message: "no".to_owned() });
    let frame = Frame {
        function_index: 3,
        function_name: Some("f".to_owned()),
        module_offset: Some(99),
        compiled_offset: Some(100),
        lines: vec![SourceLine { function: None, file: "a.c".to_owned(), line: 1, column: 2 }],
    };
    round_trip(&Event::Symbols(vec![frame.clone()]));
    for outcome in [
        Outcome::Returned(vec![Value::I32(-1), Value::I64(-2), Value::F32(3), Value::F64(4)]),
        Outcome::Exited(3),
        Outcome::Trapped { trap: Trap::Unreachable, detail: Some("x".to_owned()), frames: vec![frame] },
        Outcome::OutputLimit(10),
        Outcome::HostFailure("disk".to_owned()),
    ] {
        round_trip(&Event::Finished { outcome, statistics });
    }
}

#[test]
fn the_longest_backtrace_fits() {
    let line = SourceLine {
        function: Some("f".repeat(10_000)),
        file: "p".repeat(10_000),
        line: u32::MAX,
        column: u32::MAX,
    };
    let frame = Frame {
        function_index: u32::MAX,
        function_name: Some("n".repeat(10_000)),
        module_offset: Some(u64::MAX),
        compiled_offset: Some(u64::MAX),
        lines: vec![line; 100],
    };
    let outcome = Outcome::Trapped {
        trap: Trap::CallStackExhausted,
        detail: Some("d".repeat(10_000)),
        frames: vec![frame; 1000],
    };
    let bytes = Event::Finished { outcome, statistics: Statistics::default() }.encode();
    assert!(bytes.len() <= MAX_MESSAGE_BYTES, "{} bytes", bytes.len());
    assert!(Event::decode(&bytes, 0).is_ok());
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(kind in 0u16..8, fds in 0usize..6, body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = b"GtW1".to_vec();
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(fds).unwrap().to_le_bytes());
        bytes.extend_from_slice(&body);
        if let Ok(request) = Request::decode(&bytes, fds) {
            prop_assert_eq!(request.descriptors(), fds);
        }
        if let Ok(event) = Event::decode(&bytes, fds) {
            prop_assert_eq!(event.descriptors(), fds);
        }
    }
}
