//! What is kept of a program's service.
//!
//! Nothing, if the server has written down nothing and there is nothing outstanding. Otherwise:
//!
//! | Size | Meaning |
//! |---|---|
//! | 16 | [`MAGIC`] |
//! | u32 | size of the snapshot |
//! | | the last snapshot that the server has written |
//! | u8 | bit 0: all outstanding calls are here; bit 1: there can be streams; bit 2: there was nothing on its way when the server wrote the snapshot; the others are 0 |
//! | u32 | number of calls that are outstanding, and in the snapshot |
//! | u32 | number of packets that the server has not taken |
//! | u32 | number of packets that the program has not got |
//! | | these packets, in this order, without padding |
//!
//! Integers are little-endian. Bytes that do not begin so are a snapshot of a server, as other hosts keep it; then nobody knows what is
//! outstanding.

use gate_packet::Domain;

use crate::ledger::Ledger;
use crate::packets::Received;

/// How it begins.
const MAGIC: &[u8; 16] = b"\0gate-grpc kept\x01";

const COMPLETE: u8 = 1;
const STREAMS: u8 = 2;
const QUIET: u8 = 4;

/// What there is to go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// What the server has written.
    pub(crate) snapshot: Vec<u8>,
    /// Whether there can be streams.
    pub(crate) has_streams: bool,
    /// Whether there was nothing on its way when the server wrote it: it contains no packets.
    pub(crate) is_quiet: bool,
    pub(crate) ledger: Ledger,
    /// Packets that the program has not got.
    pub(crate) undelivered: Vec<Vec<u8>>,
}

impl Kept {
    /// Of a snapshot that a server has written.
    pub(crate) fn of(snapshot: Vec<u8>) -> Self {
        let ledger = Ledger::new(snapshot.is_empty());
        let (has_streams, is_quiet) = (!snapshot.is_empty(), snapshot.is_empty());
        Self { snapshot, has_streams, is_quiet, ledger, undelivered: Vec::new() }
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
        if flags & !(COMPLETE | STREAMS | QUIET) != 0 {
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
        let (has_streams, is_quiet) = (flags & STREAMS != 0, flags & QUIET != 0);
        Ok(Self { snapshot, has_streams, is_quiet, ledger, undelivered: packets })
    }

    /// Writes it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (taken, waiting) = self.ledger.parts();
        let (taken, waiting): (Vec<_>, Vec<_>) = (taken.collect(), waiting.collect());
        if self.snapshot.is_empty() && taken.is_empty() && waiting.is_empty() && self.undelivered.is_empty() {
            return Vec::new();
        }
        let mut out = MAGIC.to_vec();
        append_number(&mut out, self.snapshot.len());
        out.extend_from_slice(&self.snapshot);
        let flags =
            [(COMPLETE, self.ledger.is_complete()), (STREAMS, self.has_streams), (QUIET, self.is_quiet)];
        out.push(flags.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag).sum());
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
