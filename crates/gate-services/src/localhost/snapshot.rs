//! What is kept of a program's calls: see the layout in the documentation of the service.

use gate_packet::{Domain, HEADER_SIZE, MAX_SIZE};
use gate_service::Failure;

use super::MAX_REQUESTS;

/// How many replies there can be. Other hosts send them before anything is saved, so they have few.
const MAX_REPLIES: usize = 256 - MAX_REQUESTS;

/// What was kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The contents of calls that have not been answered, the oldest first.
    pub(super) calls: Vec<Vec<u8>>,
    /// Indexes and contents of replies that have not been sent, in their order.
    pub(super) replies: Vec<(u8, Vec<u8>)>,
}

/// Writes calls of the service with this code, and replies.
pub(super) fn write<'a>(
    code: u16,
    calls: impl ExactSizeIterator<Item = &'a [u8]>,
    replies: impl ExactSizeIterator<Item = (u8, &'a [u8])>,
) -> Vec<u8> {
    let mut out = Vec::new();
    write_count(&mut out, calls.len());
    for call in calls {
        write_packet(&mut out, code, 0, call);
    }
    write_count(&mut out, replies.len());
    for (index, reply) in replies {
        write_packet(&mut out, code, index, reply);
    }
    out
}

fn write_count(out: &mut Vec<u8>, mut count: usize) {
    loop {
        let low = u8::try_from(count & 0x7f).expect("seven bits");
        count >>= 7;
        out.push(if count > 0 { low | 0x80 } else { low });
        if count == 0 {
            return;
        }
    }
}

fn write_packet(out: &mut Vec<u8>, code: u16, index: u8, content: &[u8]) {
    let size = u32::try_from(HEADER_SIZE + content.len()).expect("the content of a packet");
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&[Domain::Call.number(), index]);
    out.extend_from_slice(content);
}

/// Reads what [`write`] has written, also if it was in another host.
pub(super) fn read(mut snapshot: &[u8]) -> Result<Kept, Failure> {
    let rest = &mut snapshot;
    let call_count = read_count(rest, MAX_REQUESTS, "calls")?;
    let mut calls = Vec::new();
    for _ in 0..call_count {
        calls.push(read_packet(rest)?.1);
    }
    let reply_count = read_count(rest, MAX_REPLIES, "replies")?;
    let mut replies = Vec::new();
    for sent in 0..reply_count {
        let (index, reply) = read_packet(rest)?;
        if usize::from(index) >= reply_count - sent + call_count {
            return Err(wrong("a reply is to no call"));
        }
        replies.push((index, reply));
    }
    if !rest.is_empty() {
        return Err(wrong("something is behind its end"));
    }
    Ok(Kept { calls, replies })
}

fn read_count(rest: &mut &[u8], limit: usize, what: &str) -> Result<usize, Failure> {
    let mut count = 0;
    // More than any of the limits need, and not enough to overflow.
    for shift in [0, 7, 14, 21] {
        let byte = *rest.split_off_first().ok_or_else(|| wrong("it is cut"))?;
        count |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            if count > limit {
                let reason = format!("state of localhost: {count} {what} (at most {limit} can be)");
                return Err(Failure::Snapshot(reason.into()));
            }
            return Ok(count);
        }
    }
    Err(wrong("a count is too large"))
}

/// Index and content of a packet.
fn read_packet(rest: &mut &[u8]) -> Result<(u8, Vec<u8>), Failure> {
    let header: &[u8; HEADER_SIZE] = rest.first_chunk().ok_or_else(|| wrong("it is cut"))?;
    let [s0, s1, s2, s3, _, _, domain, index] = *header;
    let size = u32::from_le_bytes([s0, s1, s2, s3]);
    if size > MAX_SIZE || domain & 0x0f != Domain::Call.number() {
        return Err(wrong("a packet is none of the service"));
    }
    let packet = rest.split_off(..size as usize).ok_or_else(|| wrong("it is cut"))?;
    let content = packet.get(HEADER_SIZE..).ok_or_else(|| wrong("a packet is none of the service"))?;
    Ok((index, content.to_vec()))
}

fn wrong(reason: &'static str) -> Failure {
    Failure::Snapshot(format!("state of localhost: {reason}").into())
}

#[cfg(test)]
mod tests;
