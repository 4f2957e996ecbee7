//! What is kept of requests when their program is saved.
//!
//! | Type | Field |
//! |---|---|
//! | u8 | format: 1 |
//! | 16 bytes | token by which connections are found that are parked in the same process |
//! | u8 | number of requests |
//! | | the requests |
//! | u8 | number of calls for responses that have not been replied to |
//! | i32 each | their streams, in the order of the calls |
//!
//! A request, not padded, as are all fields:
//!
//! | Type | Field |
//! |---|---|
//! | i32 | stream |
//! | u8 | flags: 1, the response has been called for; 2, and replied to; 4, there is a direction from the program |
//! | u8 | ends that have not been sent: 1 flow, 2 data, to the program; 4 flow, 8 data, from the program |
//! | u32 | credit to the program |
//! | u32 | credit from the program |
//! | i16 | error by which the response is cut short; 0 if it has arrived as a whole |
//! | u32 | length of the reply to the call for the response; 0 if there is none, or it is an error |
//! | u32 | length of what has arrived of the body, and not been sent |
//! | | the reply; the part of the body |

use std::collections::{BTreeMap, VecDeque};

use gate_packet::stream::{FromProgram, ToProgram};
use gate_service::Failure;
use hyper::body::Bytes;

use super::exchange::{Exchange, Head, Limits, Source};
use super::message::{ErrorNumber, HEAD_HEADER};
use super::{MAX_MAX_REQUESTS, State};
use crate::park::Token;

const FORMAT: u8 = 1;

/// How much is kept of the body of a response, in bytes. Enough for most of the responses that fit into memory as a whole.
pub(super) const MAX_KEPT: usize = 65_536;

const ASKED: u8 = 1;
const REPLIED: u8 = 2;
const TWO_WAYS: u8 = 4;

/// Writes down requests. At most [`MAX_MAX_REQUESTS`] can be read again.
pub(super) fn write(token: &Token, state: &State) -> Vec<u8> {
    let mut out = vec![FORMAT];
    out.extend_from_slice(token);
    out.push(count(state.exchanges.len()));
    for (id, exchange) in &state.exchanges {
        write_exchange(&mut out, *id, exchange);
    }
    out.push(count(state.asked.len()));
    for id in &state.asked {
        out.extend_from_slice(&id.to_le_bytes());
    }
    out
}

fn count(count: usize) -> u8 {
    u8::try_from(count).expect("no more than there can be requests")
}

fn write_exchange(out: &mut Vec<u8>, id: i32, exchange: &Exchange) {
    let (to, from) = (exchange.to_program, exchange.from_program);
    let head: &[u8] = if let Head::Ready(head) = &exchange.head { head } else { &[] };
    let is_replied = matches!(exchange.head, Head::Replied);
    let kept = &exchange.chunk[..exchange.chunk.len().min(MAX_KEPT)];
    let error = match exchange.body {
        Source::Ended(None) if kept.len() < exchange.chunk.len() => Some(ErrorNumber::Lost),
        Source::Ended(error) => error,
        Source::None | Source::Live(_) => Some(ErrorNumber::Lost),
    };
    let flag = |flag: u8, is_set: bool| if is_set { flag } else { 0 };
    out.extend_from_slice(&id.to_le_bytes());
    out.push(flag(ASKED, exchange.is_asked) | flag(REPLIED, is_replied) | flag(TWO_WAYS, from.is_some()));
    let from_ends = from.map_or(0, |from| flag(4, from.is_flow_open()) | flag(8, from.is_data_open()));
    out.push(flag(1, to.is_flow_open()) | flag(2, to.is_data_open()) | from_ends);
    out.extend_from_slice(&to.credit().to_le_bytes());
    out.extend_from_slice(&from.map_or(0, |from| from.credit()).to_le_bytes());
    out.extend_from_slice(&error.map_or(0, ErrorNumber::number).to_le_bytes());
    for part in [head, kept] {
        let len = u32::try_from(part.len()).expect("a packet, or what is kept of a body");
        out.extend_from_slice(&len.to_le_bytes());
    }
    out.extend_from_slice(head);
    out.extend_from_slice(kept);
}

/// Reads what [`write`] has written, or says what is wrong.
pub(super) fn read(snapshot: &[u8], limits: Limits) -> Result<(Token, State), Failure> {
    let mut reader = Reader { rest: snapshot };
    let [format] = reader.array()?;
    if format != FORMAT {
        let reason = format!("format {format} of http is not known here (known: {FORMAT})");
        return Err(Failure::Snapshot(reason.into()));
    }
    let token = reader.array()?;
    let [count] = reader.array()?;
    if usize::from(count) > MAX_MAX_REQUESTS {
        let reason = format!("{count} requests of http (at most {MAX_MAX_REQUESTS} can be)");
        return Err(Failure::Snapshot(reason.into()));
    }
    let mut exchanges = BTreeMap::new();
    for _ in 0..count {
        let (id, exchange) = read_exchange(&mut reader, limits)?;
        if id < 0 || exchanges.insert(id, exchange).is_some() {
            return Err(wrong("a stream's id is negative or there twice"));
        }
    }
    let [count] = reader.array()?;
    let mut asked = VecDeque::new();
    for _ in 0..count {
        let id = i32::from_le_bytes(reader.array()?);
        if asked.contains(&id) || !exchanges.get(&id).is_some_and(is_waiting) {
            return Err(wrong("a response is waited for that there is not"));
        }
        asked.push_back(id);
    }
    if exchanges.values().filter(|exchange| is_waiting(exchange)).count() != asked.len() {
        return Err(wrong("a response is waited for, but has no place"));
    }
    if !reader.rest.is_empty() {
        return Err(wrong("something is behind its end"));
    }
    Ok((token, State { exchanges, asked }))
}

fn is_waiting(exchange: &Exchange) -> bool {
    exchange.is_asked && !matches!(exchange.head, Head::Replied)
}

fn read_exchange(reader: &mut Reader<'_>, limits: Limits) -> Result<(i32, Exchange), Failure> {
    let id = i32::from_le_bytes(reader.array()?);
    let [flags, ends] = reader.array()?;
    let credit_to = u32::from_le_bytes(reader.array()?);
    let credit_from = u32::from_le_bytes(reader.array()?);
    let error = i16::from_le_bytes(reader.array()?);
    let head_len = u32::from_le_bytes(reader.array()?) as usize;
    let chunk_len = u32::from_le_bytes(reader.array()?) as usize;
    let has = |flag: u8| flags & flag != 0;
    let is_open = |end: u8| ends & end != 0;

    if flags > ASKED | REPLIED | TWO_WAYS || ends > 15 || (!has(TWO_WAYS) && (ends > 3 || credit_from > 0)) {
        return Err(wrong("flags are not known"));
    }
    let to_program = ToProgram::restore(credit_to, is_open(1), is_open(2)).map_err(credit)?;
    let from_program = has(TWO_WAYS)
        .then(|| FromProgram::restore(credit_from, is_open(4), is_open(8)))
        .transpose()
        .map_err(credit)?;
    let error = match error {
        0 => None,
        number => Some(ErrorNumber::from_end(number).ok_or_else(|| wrong("an error is not known"))?),
    };
    if head_len > limits.head || chunk_len > MAX_KEPT {
        return Err(wrong("a response is too large"));
    }
    let head = reader.slice(head_len)?;
    let chunk = reader.slice(chunk_len)?;
    let head = match (head.len(), has(REPLIED)) {
        (0, true) if has(ASKED) => Head::Replied,
        (0, false) if error.is_some() => Head::Failed,
        (HEAD_HEADER.., false) => Head::Ready(head.to_vec()),
        _ => return Err(wrong("the head of a response makes no sense")),
    };
    if has(ASKED) && !has(REPLIED) && !to_program.is_data_open() {
        return Err(wrong("a response is waited for after its end"));
    }
    let chunk = Bytes::copy_from_slice(chunk);
    let exchange = Exchange::restore(to_program, from_program, head, (chunk, error), has(ASKED), limits);
    Ok((id, exchange))
}

fn wrong(reason: &'static str) -> Failure {
    Failure::Snapshot(format!("state of http: {reason}").into())
}

fn credit(error: gate_packet::stream::RestoreError) -> Failure {
    Failure::Snapshot(format!("state of http: {error}").into())
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(|| wrong("it is cut"))?;
        self.rest = rest;
        Ok(*array)
    }

    fn slice(&mut self, len: usize) -> Result<&'a [u8], Failure> {
        let (slice, rest) = self.rest.split_at_checked(len).ok_or_else(|| wrong("it is cut"))?;
        self.rest = rest;
        Ok(slice)
    }
}

#[cfg(test)]
mod tests;
