//! The form in which the service is saved. See its documentation for it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gate_packet::MAX_CREDIT_TO_PROGRAM;
use gate_packet::stream::{FromProgram, ToProgram};
use gate_service::Failure;

use super::hub::{Connected, MAX_MEMBERS, PeerSeat, Token};
use super::link::{End, Inbox};
use super::message::{name, put_name};
use super::stream::Stream;
use super::{MAX_STREAMS, MAX_WAITING_NOTES};

/// The first byte.
const VERSION: u8 = 1;

const PROGRAM_FLOW_OPEN: u8 = 1 << 0;
const PROGRAM_DATA_OPEN: u8 = 1 << 1;
const FLOW_OPEN: u8 = 1 << 2;
const DATA_OPEN: u8 = 1 << 3;
const DATA_ENDS: u8 = 1 << 4;
const FLOW_NOTE: u8 = 1 << 5;

/// What a snapshot tells.
pub(super) struct Restored {
    pub(super) token: Token,
    pub(super) asked: BTreeMap<String, String>,
    pub(super) wants: Vec<(String, String)>,
    pub(super) streams: BTreeMap<i32, Stream>,
    pub(super) connected: Vec<Connected>,
}

impl Restored {
    pub(super) fn encode(&self, token: &Token) -> Vec<u8> {
        let mut out = start(token);
        put_pairs(&mut out, &self.asked);
        put_pairs(&mut out, self.wants.iter().map(|(peer, kind)| (peer, kind)));
        put_streams(&mut out, &self.streams);
        put_connected(&mut out, &self.connected);
        out
    }
}

/// What is to be saved of the program.
pub(super) fn encode(token: &Token, seat: &PeerSeat, streams: &BTreeMap<i32, Stream>) -> Vec<u8> {
    let mut out = start(token);
    put_pairs(&mut out, &seat.asked());
    seat.mailbox().look(|wants, connected| {
        put_pairs(&mut out, wants.iter().map(|(peer, kind)| (peer, kind)));
        put_streams(&mut out, streams);
        put_connected(&mut out, connected);
    });
    out
}

fn start(token: &Token) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(token);
    out
}

fn put_pairs<'a>(
    out: &mut Vec<u8>,
    pairs: impl IntoIterator<Item = (&'a String, &'a String), IntoIter: ExactSizeIterator>,
) {
    let pairs = pairs.into_iter();
    put_len(out, pairs.len());
    for (peer, kind) in pairs {
        put_name(out, peer);
        put_name(out, kind);
    }
}

fn put_streams(out: &mut Vec<u8>, streams: &BTreeMap<i32, Stream>) {
    // One that has ended is there until the next poll.
    let open = || streams.iter().filter(|(_, stream)| !stream.is_closed());
    put_len(out, open().count());
    for (id, stream) in open() {
        put(out, id.unsigned_abs());
        put_stream(out, stream);
    }
}

fn put_connected<'a>(
    out: &mut Vec<u8>,
    connected: impl IntoIterator<Item = &'a Connected, IntoIter: ExactSizeIterator>,
) {
    let connected = connected.into_iter();
    put_len(out, connected.len());
    for Connected { peer, kind, stream } in connected {
        put_name(out, peer);
        put_name(out, kind);
        put_stream(out, stream);
    }
}

fn put_stream(out: &mut Vec<u8>, stream: &Stream) {
    let mut both = stream.end.lock();
    let inbox = both.mine();
    let flag = |flag, is_set| if is_set { flag } else { 0 };
    out.push(
        flag(PROGRAM_FLOW_OPEN, stream.to_program.is_flow_open())
            | flag(PROGRAM_DATA_OPEN, stream.from_program.is_data_open())
            | flag(FLOW_OPEN, stream.from_program.is_flow_open())
            | flag(DATA_OPEN, stream.to_program.is_data_open())
            | flag(DATA_ENDS, stream.to_program.is_data_open() && inbox.data_end.is_some())
            | flag(FLOW_NOTE, stream.from_program.is_flow_open() && inbox.flow_note.is_some()),
    );
    put(out, stream.to_program.credit());
    put(out, stream.from_program.credit());
    put_len(out, inbox.packets.len());
    let mut bytes = &*inbox.bytes.make_contiguous();
    for (note, len) in &inbox.packets {
        out.extend_from_slice(&note.to_le_bytes());
        put(out, *len);
        let (packet, rest) = bytes.split_at_checked(*len as usize).unwrap_or((bytes, &[]));
        out.extend_from_slice(packet);
        bytes = rest;
    }
    if let Some(note) = inbox.data_end.filter(|_| stream.to_program.is_data_open()) {
        out.extend_from_slice(&note.to_le_bytes());
    }
    if let Some(note) = inbox.flow_note.filter(|_| stream.from_program.is_flow_open()) {
        out.extend_from_slice(&note.to_le_bytes());
    }
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    put(out, u32::try_from(len).expect("everything is limited"));
}

fn put(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// What `snapshot` tells, which is not empty.
pub(super) fn decode(snapshot: &[u8]) -> Result<Restored, Failure> {
    let mut rest = snapshot;
    let restored = read(&mut rest).map_err(Failure::Snapshot)?;
    if !rest.is_empty() {
        return Err(Failure::Snapshot(format!("{} bytes too many", rest.len()).into()));
    }
    Ok(restored)
}

type Reason = Cow<'static, str>;

const CUT: Reason = Cow::Borrowed("it is cut");

fn read(input: &mut &[u8]) -> Result<Restored, Reason> {
    let [version] = array(input)?;
    if version != VERSION {
        return Err(format!("version {version} (supported: {VERSION})").into());
    }
    let token = array(input)?;
    let asked: BTreeMap<_, _> = pairs(input, MAX_STREAMS)?.into_iter().collect();
    let wants = pairs(input, MAX_MEMBERS)?;

    let mut streams = BTreeMap::new();
    for _ in 0..count(input, MAX_STREAMS)? {
        let number = number(input)?;
        let id = i32::try_from(number).map_err(|_| format!("stream id {number} is too large"))?;
        let stream = stream(input).map_err(|reason| format!("stream {id}: {reason}"))?;
        if streams.insert(id, stream).is_some() {
            return Err(format!("stream {id} is there twice").into());
        }
    }
    let mut connected = Vec::new();
    for _ in 0..count(input, MAX_STREAMS)? {
        let (peer, kind) = pair(input)?;
        connected.push(Connected { peer, kind, stream: stream(input)? });
    }
    if asked.len() + streams.len() + connected.len() > MAX_STREAMS {
        return Err(format!("too many streams (limit: {MAX_STREAMS})").into());
    }
    Ok(Restored { token, asked, wants, streams, connected })
}

fn stream(input: &mut &[u8]) -> Result<Stream, Reason> {
    let [flags] = array(input)?;
    if flags >= FLOW_NOTE << 1 {
        return Err(format!("flags {flags:#x} are not known").into());
    }
    let has = |flag| flags & flag != 0;
    let credit = number(input)?;
    let to_program = ToProgram::restore(credit, has(PROGRAM_FLOW_OPEN), has(DATA_OPEN));
    let to_program = to_program.map_err(|error| error.to_string())?;
    let from_program = FromProgram::restore(number(input)?, has(FLOW_OPEN), has(PROGRAM_DATA_OPEN));
    let from_program = from_program.map_err(|error| error.to_string())?;

    let mut inbox = Inbox::default();
    for _ in 0..count(input, MAX_WAITING_NOTES)? {
        let note = i32::from_le_bytes(array(input)?);
        let len = number(input)? as usize;
        // The peer never had more credit than that.
        let limit = u32::min(credit, MAX_CREDIT_TO_PROGRAM) as usize;
        if len == 0 || inbox.bytes.len() + len > limit {
            return Err(format!("{len} bytes of data behind {} (limit: {limit})", inbox.bytes.len()).into());
        }
        let (packet, rest) = input.split_at_checked(len).ok_or(CUT)?;
        *input = rest;
        inbox.push(note, packet).map_err(|_| "too many notes")?;
    }
    if has(DATA_ENDS) {
        inbox.data_end = Some(i32::from_le_bytes(array(input)?));
    }
    if has(FLOW_NOTE) {
        inbox.flow_note = Some(i32::from_le_bytes(array(input)?)).filter(|note| *note < 0);
    }
    if !has(DATA_OPEN) && (has(DATA_ENDS) || !inbox.packets.is_empty()) {
        return Err("there is something behind the end of data".into());
    }
    if to_program.is_closed() && from_program.is_closed() {
        return Err("it has ended".into());
    }
    Ok(Stream { to_program, from_program, end: End::alone(inbox) })
}

fn pairs(input: &mut &[u8], limit: usize) -> Result<Vec<(String, String)>, Reason> {
    (0..count(input, limit)?).map(|_| pair(input)).collect()
}

fn pair(input: &mut &[u8]) -> Result<(String, String), Reason> {
    let mut name = || name(input).map(str::to_owned).ok_or("a name is cut, or not UTF-8");
    Ok((name()?, name()?))
}

fn count(input: &mut &[u8], limit: usize) -> Result<u32, Reason> {
    let count = number(input)?;
    if count as usize > limit {
        return Err(format!("{count} parts of a kind (limit: {limit})").into());
    }
    Ok(count)
}

fn array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], Reason> {
    let (array, rest) = input.split_first_chunk().ok_or(CUT)?;
    *input = rest;
    Ok(*array)
}

fn number(input: &mut &[u8]) -> Result<u32, Reason> {
    let mut value = 0_u64;
    for shift in [0, 7, 14, 21, 28] {
        let [byte] = array(input)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return u32::try_from(value).map_err(|_| "a number is too large".into());
        }
    }
    Err("a number is too long".into())
}
