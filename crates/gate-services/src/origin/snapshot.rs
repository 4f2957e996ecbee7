//! The form in which streams are saved. See the service's documentation for it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gate_packet::MAX_CREDIT_TO_PROGRAM;
use gate_packet::stream::{FromProgram, ToProgram};
use gate_service::Failure;

use super::backlog::Backlog;
use super::instance::Streams;
use super::stream::Stream;
use super::{MAX_BUFFER_SIZE, MAX_STREAMS};

/// How much data a snapshot can have for one direction of a stream, in bytes: all that may wait, which is twice what the program
/// [has credit for](MAX_BUFFER_SIZE). Other implementations of the service allow 64 KiB.
pub const MAX_SNAPSHOT_DATA: usize = 2 * MAX_BUFFER_SIZE as usize;

/// The largest number there can be.
const MAX_NUMBER: u32 = i32::MAX.unsigned_abs();

const FLOW_OPEN: u32 = 1;
const CONNECTION_OPEN: u32 = 2;
const DATA_OPEN: u32 = 4;
/// The program has ended its data, which is not all written. To whoever does not know this, it has not ended it.
const DATA_ENDING: u32 = 8;

/// What is to be saved of `streams`.
pub(super) fn encode(streams: &Streams) -> Vec<u8> {
    let mut out = Vec::new();
    // One that has ended is there until the next poll.
    let open = || streams.by_id.iter().filter(|(_, stream)| !stream.is_closed());
    let count = open().count();
    if streams.accepting == 0 && count == 0 {
        return out;
    }
    put(&mut out, streams.accepting);
    let has_said = streams.window > MAX_CREDIT_TO_PROGRAM;
    if count == 0 && !has_said {
        return out;
    }
    put_len(&mut out, count);
    for (id, stream) in open() {
        put(&mut out, id.unsigned_abs());

        let half = &stream.to_program;
        let flags = flag(FLOW_OPEN, half.is_flow_open())
            | flag(CONNECTION_OPEN, stream.is_readable)
            | flag(DATA_OPEN, half.is_data_open());
        put_state(&mut out, flags, half.credit(), &stream.undelivered);

        let half = &stream.from_program;
        let is_ending = !half.is_data_open() && stream.is_writable;
        let flags = flag(FLOW_OPEN, half.is_flow_open())
            | flag(CONNECTION_OPEN, stream.is_writable)
            | flag(DATA_OPEN, half.is_data_open() || is_ending)
            | flag(DATA_ENDING, is_ending);
        put_state(&mut out, flags, half.credit(), &stream.unwritten);
    }
    if has_said {
        put(&mut out, streams.window);
    }
    out
}

/// The streams, without connections, that `snapshot` tells of.
pub(super) fn decode(snapshot: &[u8]) -> Result<Streams, Failure> {
    let mut input = snapshot;
    let mut streams = Streams::default();
    if input.is_empty() {
        return Ok(streams);
    }
    streams.accepting = number(&mut input)?;
    if input.is_empty() {
        return Ok(streams);
    }
    let count = number(&mut input)?;
    if count > MAX_STREAMS {
        return Err(invalid(format!("{count} streams (limit: {MAX_STREAMS})")));
    }
    for _ in 0..count {
        let id = i32::try_from(number(&mut input)?).expect("numbers are below 2^31");
        let stream = stream(&mut input).map_err(|reason| invalid(format!("stream {id}: {reason}")))?;
        insert(&mut streams.by_id, id, stream)?;
    }
    if !input.is_empty() {
        streams.window = streams.window.max(number(&mut input)?);
    }
    if !input.is_empty() {
        return Err(invalid(format!("{} bytes behind the end", input.len())));
    }
    for (id, stream) in &streams.by_id {
        let credit = stream.from_program.credit();
        if credit > streams.window {
            let window = streams.window;
            return Err(invalid(format!("stream {id}: {credit} bytes of credit (limit: {window})")));
        }
    }
    Ok(streams)
}

fn insert(streams: &mut BTreeMap<i32, Stream>, id: i32, stream: Stream) -> Result<(), Failure> {
    match streams.insert(id, stream) {
        None => Ok(()),
        Some(_) => Err(invalid(format!("stream {id} is there twice"))),
    }
}

fn stream(input: &mut &[u8]) -> Result<Stream, Cow<'static, str>> {
    let state = state(input, FLOW_OPEN | CONNECTION_OPEN | DATA_OPEN)?;
    let half = ToProgram::restore(state.credit, state.has(FLOW_OPEN), state.has(DATA_OPEN));
    let to_program = half.map_err(|error| error.to_string())?;
    let is_readable = state.has(CONNECTION_OPEN);
    let undelivered = Backlog::new(state.data);

    let state = self::state(input, FLOW_OPEN | CONNECTION_OPEN | DATA_OPEN | DATA_ENDING)?;
    let is_data_open = state.has(DATA_OPEN) && !state.has(DATA_ENDING);
    let half =
        FromProgram::restore_limited(MAX_BUFFER_SIZE, state.credit, state.has(FLOW_OPEN), is_data_open);
    let from_program = half.map_err(|error| error.to_string())?;
    let is_writable = state.has(CONNECTION_OPEN);
    if is_writable && !state.has(FLOW_OPEN) {
        return Err("its connection can be written though its flow has ended".into());
    }
    let unwritten = Backlog::new(state.data);

    if to_program.is_closed() && from_program.is_closed() {
        return Err("it has ended".into());
    }
    let mut stream = Stream::new();
    stream.to_program = to_program;
    stream.is_readable = is_readable;
    stream.undelivered = undelivered;
    stream.from_program = from_program;
    stream.is_writable = is_writable;
    stream.unwritten = unwritten;
    Ok(stream)
}

/// The state of one direction.
struct State {
    flags: u32,
    credit: u32,
    data: Vec<u8>,
}

impl State {
    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

fn state(input: &mut &[u8], known: u32) -> Result<State, Cow<'static, str>> {
    let flags = uvarint(input)?;
    if flags & !known != 0 {
        return Err(format!("flags {flags:#x} (known: {known:#x})").into());
    }
    let credit = uvarint(input)?;
    let len = uvarint(input)? as usize;
    if len > MAX_SNAPSHOT_DATA {
        return Err(format!("{len} bytes of data (limit: {MAX_SNAPSHOT_DATA})").into());
    }
    let (data, rest) = input.split_at_checked(len).ok_or("it is cut")?;
    *input = rest;
    if flags & DATA_OPEN == 0 && (flags & (CONNECTION_OPEN | DATA_ENDING) != 0 || len > 0) {
        return Err("there is something behind the end of data".into());
    }
    Ok(State { flags, credit, data: data.to_vec() })
}

fn put_state(out: &mut Vec<u8>, flags: u32, credit: u32, data: &Backlog) {
    put(out, flags);
    put(out, credit);
    put_len(out, data.len());
    for part in data.as_slices() {
        out.extend_from_slice(part);
    }
}

fn flag(flag: u32, is_set: bool) -> u32 {
    if is_set { flag } else { 0 }
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    put(out, u32::try_from(len).expect("buffers and streams are limited"));
}

fn put(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn number(input: &mut &[u8]) -> Result<u32, Failure> {
    uvarint(input).map_err(invalid)
}

fn uvarint(input: &mut &[u8]) -> Result<u32, Cow<'static, str>> {
    let mut value = 0_u64;
    for shift in [0, 7, 14, 21, 28] {
        let (byte, rest) = input.split_first().ok_or("it is cut")?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).ok().filter(|value| *value <= MAX_NUMBER);
            return value.ok_or_else(|| "a number is too large".into());
        }
    }
    Err("a number is too long".into())
}

fn invalid(reason: impl Into<Cow<'static, str>>) -> Failure {
    Failure::Snapshot(reason.into())
}
