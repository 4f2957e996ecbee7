//! What is kept of a program's service.
//!
//! Usually that is what the server has written down, as it is. If there was no server to do so, or what it has written looks like that, it is:
//!
//! | Size | Meaning |
//! |---|---|
//! | 16 | [`MAGIC`] |
//! | u32 | size of the snapshot |
//! | | the last snapshot that the server has written |
//! | u8 | bit 0: all outstanding calls are here; bit 1: there can be streams; the others are 0 |
//! | u32 | number of calls that are outstanding, and in the snapshot |
//! | u32 | number of packets that the server has not taken |
//! | u32 | number of packets that the program has not got |
//! | | these packets, in this order, without padding |
//!
//! Integers are little-endian.

use gate_packet::Domain;

use crate::ledger::Ledger;
use crate::packets::Received;

/// How it begins. No service has a reason to begin its snapshots so.
const MAGIC: &[u8; 16] = b"\0gate-grpc kept\x01";

const COMPLETE: u8 = 1;
const STREAMS: u8 = 2;

/// What there is to go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// What the server has written.
    pub(crate) snapshot: Vec<u8>,
    /// Whether there can be streams.
    pub(crate) has_streams: bool,
    pub(crate) ledger: Ledger,
    /// Packets that the program has not got.
    pub(crate) undelivered: Vec<Vec<u8>>,
}

impl Kept {
    /// Of a snapshot that a server has written.
    pub(crate) fn of(snapshot: Vec<u8>) -> Self {
        let ledger = Ledger::new(snapshot.is_empty());
        let has_streams = !snapshot.is_empty();
        Self { snapshot, has_streams, ledger, undelivered: Vec::new() }
    }

    /// Reads it. The packets are given this code.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn decode(bytes: Vec<u8>, code: u16) -> Result<Self, &'static str> {
        let Some(mut rest) = bytes.strip_prefix(MAGIC) else { return Ok(Self::of(bytes)) };
        let input = &mut rest;
        let size = number(input)?;
        let snapshot = take(input, size)?.to_vec();
        let flags = take(input, 1)?.first().copied().unwrap_or(0);
        if flags & !(COMPLETE | STREAMS) != 0 {
            return Err("unknown flags");
        }
        let (taken, waiting, undelivered) = (number(input)?, number(input)?, number(input)?);
        let mut ledger = Ledger::new(flags & COMPLETE != 0);
        for _ in 0..taken {
            let (packet, domain) = packet(input, code)?;
            if domain != Domain::Call || !ledger.is_complete() {
                return Err("outstanding packets that are not calls");
            }
            ledger.push(packet, true);
            ledger.take();
        }
        for _ in 0..waiting {
            let (packet, domain) = packet(input, code)?;
            ledger.push(packet, domain == Domain::Call);
        }
        let mut packets = Vec::new();
        for _ in 0..undelivered {
            packets.push(packet(input, code)?.0);
        }
        if !input.is_empty() {
            return Err("bytes behind the end");
        }
        Ok(Self { snapshot, has_streams: flags & STREAMS != 0, ledger, undelivered: packets })
    }

    /// Writes it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (taken, waiting) = self.ledger.parts();
        let (taken, waiting): (Vec<_>, Vec<_>) = (taken.collect(), waiting.collect());
        let mut out = MAGIC.to_vec();
        append_number(&mut out, self.snapshot.len());
        out.extend_from_slice(&self.snapshot);
        let complete = if self.ledger.is_complete() { COMPLETE } else { 0 };
        out.push(complete | if self.has_streams { STREAMS } else { 0 });
        append_number(&mut out, taken.len());
        append_number(&mut out, waiting.len());
        append_number(&mut out, self.undelivered.len());
        for entry in taken.into_iter().chain(waiting) {
            out.extend_from_slice(&entry.packet);
        }
        for packet in &self.undelivered {
            out.extend_from_slice(packet);
        }
        out
    }
}

/// A snapshot that a server has written, as it is kept.
pub(crate) fn of_server(snapshot: &[u8], has_streams: bool) -> Vec<u8> {
    if snapshot.starts_with(MAGIC) {
        let ledger = Ledger::new(false);
        let kept = Kept { snapshot: snapshot.to_vec(), has_streams, ledger, undelivered: Vec::new() };
        return kept.encode();
    }
    snapshot.to_vec()
}

fn append_number(out: &mut Vec<u8>, number: usize) {
    let number =
        u32::try_from(number).expect("snapshots, and what is counted in them, are smaller than 4 GiB");
    out.extend_from_slice(&number.to_le_bytes());
}

fn number(input: &mut &[u8]) -> Result<usize, &'static str> {
    let (bytes, rest) = input.split_first_chunk().ok_or(SHORT)?;
    *input = rest;
    usize::try_from(u32::from_le_bytes(*bytes)).map_err(|_| SHORT)
}

fn take<'a>(input: &mut &'a [u8], size: usize) -> Result<&'a [u8], &'static str> {
    let (taken, rest) = input.split_at_checked(size).ok_or(SHORT)?;
    *input = rest;
    Ok(taken)
}

fn packet(input: &mut &[u8], code: u16) -> Result<(Vec<u8>, Domain), &'static str> {
    let size = number(&mut &**input)?;
    let received = Received::decode(take(input, size)?).map_err(|_| "something that is no packet")?;
    let mut packet = Vec::with_capacity(size);
    received.encode(&mut packet, code);
    Ok((packet, received.domain))
}

const SHORT: &str = "it ends early";

#[cfg(test)]
mod tests;
