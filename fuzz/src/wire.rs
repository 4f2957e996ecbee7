//! Messages between the runtime and the processes of a container: any bytes, bytes behind a sound header, and messages
//! with some bytes changed.

use std::fmt::Debug;

use arbitrary::{Result, Unstructured};
use gate_abi::trap::Trap;
use gate_wire::container::{self, End, ProcessId, Role, Usage};
use gate_wire::worker::{
    self, Entry, Format, Frame, Job, Launch, Limits, Outcome, Personality, RefusalKind, Resume, SourceLine,
    Statistics, Stops, Tier, Value,
};
use gate_wire::{DecodeError, MAX_MESSAGE_BYTES};

/// Takes messages apart; what is accepted must be encoded to the same bytes again.
///
/// # Panics
/// When it is not, or when the code under test panics.
pub fn run(data: &[u8]) {
    judge(data, 0);
    if let [kind, descriptors, body @ ..] = data {
        let (kind, descriptors) = (kind % 8, descriptors % 6);
        judge(&[b"GtW1", &[kind, 0, descriptors, 0], body].concat(), usize::from(descriptors));
    }
    let (seed, changes) = data.split_at(data.len() - data.len() / 8);
    let mut u = Unstructured::new(seed);
    while !u.is_empty() {
        let Ok((mut bytes, descriptors)) = message(&mut u) else { break };
        judge(&bytes, descriptors);
        for change in changes.chunks_exact(3).take(8) {
            if let [high, low, byte] = *change
                && let Some(at) = usize::from(u16::from_be_bytes([high, low])).checked_rem(bytes.len())
            {
                if byte == 0xff {
                    bytes.truncate(at);
                } else {
                    bytes[at] = byte;
                }
            }
        }
        judge(&bytes, descriptors);
    }
}

/// What the four kinds of messages have in common.
trait Message: Debug + PartialEq + Sized {
    fn decode(bytes: &[u8], descriptors: usize) -> Result<Self, DecodeError>;
    fn encode(&self) -> Vec<u8>;
    fn descriptors(&self) -> usize;
}

macro_rules! message {
    ($($type:ty: |$message:ident| $encode:expr;)*) => {$(
        impl Message for $type {
            fn decode(bytes: &[u8], descriptors: usize) -> Result<Self, DecodeError> {
                <$type>::decode(bytes, descriptors)
            }

            fn encode(&self) -> Vec<u8> {
                let $message = self;
                $encode
            }

            fn descriptors(&self) -> usize {
                <$type>::descriptors(self)
            }
        }
    )*};
}

message! {
    container::Request: |message| message.encode();
    container::Event: |message| message.encode();
    worker::Request: |message| message.encode().expect("what came in a message fits one");
    worker::Event: |message| message.encode();
}

fn judge(bytes: &[u8], descriptors: usize) {
    judge_as::<container::Request>(bytes, descriptors);
    judge_as::<container::Event>(bytes, descriptors);
    judge_as::<worker::Request>(bytes, descriptors);
    judge_as::<worker::Event>(bytes, descriptors);
}

fn judge_as<M: Message>(bytes: &[u8], descriptors: usize) {
    let Ok(message) = M::decode(bytes, descriptors) else { return };
    assert_eq!(message.descriptors(), descriptors);
    assert!(M::decode(bytes, descriptors + 1).is_err(), "any number of descriptors will do");
    let again = message.encode();
    assert!(again.len() <= MAX_MESSAGE_BYTES, "{} bytes", again.len());
    if again != bytes {
        // Texts are made fit to be texts when they come in, and cut when they go out.
        let text = format!("{message:?}");
        assert!(text.contains('\u{fffd}') || bytes.len() > 512, "encoded to other bytes: {text}");
    }
}

/// A message of any kind, with its number of descriptors.
fn message(u: &mut Unstructured<'_>) -> Result<(Vec<u8>, usize)> {
    Ok(match u.int_in_range(0..=7)? {
        0 => encoded(&container_request(u)?),
        1 | 2 => encoded(&container_event(u)?),
        3 => encoded(&worker::Request::Launch(Box::new(launch(u)?))),
        4 => {
            let (job, threads, memory_bytes) = (job(u)?, u.arbitrary()?, u.arbitrary()?);
            encoded(&worker::Request::Job { job, threads, memory_bytes })
        }
        _ => encoded(&worker_event(u)?),
    })
}

/// Encodes a message; no text in it is long enough to be cut, so it is the same when it arrives.
fn encoded<M: Message>(message: &M) -> (Vec<u8>, usize) {
    let bytes = message.encode();
    assert_eq!(M::decode(&bytes, message.descriptors()).as_ref(), Ok(message));
    (bytes, message.descriptors())
}

fn container_request(u: &mut Unstructured<'_>) -> Result<container::Request> {
    Ok(match u.int_in_range(0..=2)? {
        0 => {
            let role = *u.choose(&[Role::Program, Role::Compiler])?;
            container::Request::Start { id: ProcessId(u.arbitrary()?), role }
        }
        1 => container::Request::Prefork { count: u.arbitrary()? },
        _ => container::Request::Kill { id: ProcessId(u.arbitrary()?) },
    })
}

fn container_event(u: &mut Unstructured<'_>) -> Result<container::Event> {
    Ok(match u.int_in_range(0..=4)? {
        0 => container::Event::Ready {
            fingerprint: bytes(u)?,
            layers: list(u, text)?,
            missing: list(u, text)?,
        },
        1 => container::Event::NotReady { message: text(u)? },
        2 => container::Event::Started { id: ProcessId(u.arbitrary()?) },
        3 => container::Event::Failed { id: ProcessId(u.arbitrary()?), errno: u.arbitrary()? },
        _ => {
            let number = u.arbitrary()?;
            let end = if u.arbitrary()? { End::Exited(number) } else { End::Signaled(number) };
            let usage = Usage {
                user_micros: u.arbitrary()?,
                system_micros: u.arbitrary()?,
                max_resident_bytes: u.arbitrary()?,
            };
            container::Event::Ended { id: ProcessId(u.arbitrary()?), end, usage }
        }
    })
}

fn launch(u: &mut Unstructured<'_>) -> Result<Launch> {
    Ok(Launch {
        tier: *u.choose(&Tier::ALL)?,
        artifact_bytes: u.arbitrary()?,
        arguments: list(u, bytes)?,
        environment: list(u, bytes)?,
        limits: Limits {
            memory_bytes: u.arbitrary()?,
            stack_bytes: u.arbitrary()?,
            cpu_nanos: u.arbitrary()?,
            output_bytes: u.arbitrary()?,
            fs_bytes: u.arbitrary()?,
            fs_inodes: u.arbitrary()?,
        },
        entry: if u.arbitrary()? {
            Entry::Invoke { name: text(u)?, arguments: list(u, text)? }
        } else {
            Entry::Default
        },
        terminals: u.arbitrary()?,
        has_image: u.arbitrary()?,
        stops: stops(u)?,
        countdown: u.arbitrary()?,
        resume: if u.arbitrary()? {
            Some(Resume { memories: u.int_in_range(0..=100)?, has_packets: u.arbitrary()? })
        } else {
            None
        },
    })
}

fn stops(u: &mut Unstructured<'_>) -> Result<Stops> {
    Ok(*u.choose(&[Stops::None, Stops::Flag, Stops::Count])?)
}

fn job(u: &mut Unstructured<'_>) -> Result<Job> {
    Ok(match u.int_in_range(0..=7)? {
        0 => Job::Continue { tier: *u.choose(&Tier::ALL)?, stops: stops(u)? },
        1 => Job::Snapshot {
            format: *u.choose(&[Format::Native, Format::Upstream])?,
            memories: u.int_in_range(0..=100)?,
        },
        2 => Job::Restore { memories: u.int_in_range(0..=100)?, memory_bytes: u.arbitrary()? },
        3 => Job::Inspect { json: u.arbitrary()? },
        4 => Job::Standalone,
        5 => Job::Debug {
            tier: *u.choose(&Tier::ALL)?,
            stops: stops(u)?,
            breakpoints: u.arbitrary()?,
            continues: u.arbitrary()?,
        },
        6 => Job::Locate { place: text(u)? },
        _ => Job::Symbolize { artifact_bytes: u.arbitrary()?, frames: u.arbitrary()? },
    })
}

fn worker_event(u: &mut Unstructured<'_>) -> Result<worker::Event> {
    const KINDS: [RefusalKind; 11] = [
        RefusalKind::Invalid,
        RefusalKind::Feature,
        RefusalKind::Import,
        RefusalKind::Limit,
        RefusalKind::Entry,
        RefusalKind::Artifact,
        RefusalKind::Snapshot,
        RefusalKind::NoSnapshot,
        RefusalKind::Damaged,
        RefusalKind::Point,
        RefusalKind::Form,
    ];
    Ok(match u.int_in_range(0..=8)? {
        0 => {
            let personality = *u.choose(&[Personality::Gate, Personality::Wasi])?;
            worker::Event::Running { personality, load_micros: u.arbitrary()?, has_packets: u.arbitrary()? }
        }
        1 => worker::Event::Refused { kind: *u.choose(&KINDS)?, message: text(u)? },
        2 => worker::Event::Failed { message: text(u)? },
        3 => worker::Event::Done { bytes: u.arbitrary()? },
        4 => worker::Event::Memories(u.arbitrary()?),
        5 => worker::Event::Suspended {
            statistics: statistics(u)?,
            state_bytes: u.arbitrary()?,
            memories: u.int_in_range(0..=100)?,
            has_packets: u.arbitrary()?,
        },
        _ => worker::Event::Finished { outcome: outcome(u)?, statistics: statistics(u)? },
    })
}

fn statistics(u: &mut Unstructured<'_>) -> Result<Statistics> {
    Ok(Statistics {
        run_micros: u.arbitrary()?,
        memory_peak_bytes: u.arbitrary()?,
        output_bytes: u.arbitrary()?,
        fs_bytes: u.arbitrary()?,
    })
}

fn outcome(u: &mut Unstructured<'_>) -> Result<Outcome> {
    Ok(match u.int_in_range(0..=5)? {
        0 => Outcome::Returned(list(u, |u| {
            Ok(match u.int_in_range(0..=3)? {
                0 => Value::I32(u.arbitrary()?),
                1 => Value::I64(u.arbitrary()?),
                2 => Value::F32(u.arbitrary()?),
                _ => Value::F64(u.arbitrary()?),
            })
        })?),
        1 => Outcome::Exited(u.arbitrary()?),
        2 => Outcome::OutputLimit(u.arbitrary()?),
        3 => Outcome::HostFailure(text(u)?),
        _ => Outcome::Trapped {
            trap: *u.choose(Trap::ALL)?,
            detail: option(u, text)?,
            frames: list(u, |u| {
                Ok(Frame {
                    function_index: u.arbitrary()?,
                    function_name: option(u, text)?,
                    module_offset: u.arbitrary()?,
                    compiled_offset: u.arbitrary()?,
                    lines: list(u, |u| {
                        Ok(SourceLine {
                            function: option(u, text)?,
                            file: text(u)?,
                            line: u.arbitrary()?,
                            column: u.arbitrary()?,
                        })
                    })?,
                })
            })?,
        },
    })
}

fn text(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(String::from_utf8_lossy(&bytes(u)?).into_owned())
}

fn bytes(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let len = u.int_in_range(0..=20)?;
    Ok(u.bytes(usize::min(len, u.len()))?.to_vec())
}

fn option<T>(
    u: &mut Unstructured<'_>,
    some: impl Fn(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Option<T>> {
    Ok(if u.arbitrary()? { Some(some(u)?) } else { None })
}

/// At most four: more lines of one frame are left out.
fn list<T>(u: &mut Unstructured<'_>, item: impl Fn(&mut Unstructured<'_>) -> Result<T>) -> Result<Vec<T>> {
    (0..u.int_in_range(0..=4)?).map(|_: u8| item(u)).collect()
}

#[test]
fn smoke() {
    crate::driver::smoke(run, 2_000);
}
