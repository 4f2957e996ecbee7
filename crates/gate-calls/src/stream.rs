//! Transfers between guest memory and the packet stream or the log.

use std::io::{IoSlice, IoSliceMut};
use std::time::Duration;

use gate_abi::host::{Host, Interest, Stop, Stream, StreamError};

use crate::guest;

/// The size of a buffer descriptor in memory: u32 pointer, u32 length.
const VECTOR_SIZE: u32 = 8;

/// A list of buffers in guest memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vectors {
    ptr: u32,
    count: u32,
}

impl Vectors {
    /// As the program passes it: a negative count means no buffers.
    pub(crate) fn new(ptr: u32, count: i32) -> Vectors {
        Vectors { ptr, count: u32::try_from(count).unwrap_or(0) }
    }

    /// There is a list, but at address 0.
    pub(crate) fn is_null(self) -> bool {
        self.count > 0 && self.ptr == 0
    }

    /// Whether there is a byte to be transferred.
    pub(crate) fn has_bytes(self, memory: &[u8]) -> Result<bool, Stop> {
        for index in 0..self.count {
            let (_, len) = self.get(memory, index)?;
            if len > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The buffers from number `first` on, as many as are written at once, when `before` bytes have been written.
    fn parts(self, memory: &[u8], first: u32, before: u32) -> Parts<'_> {
        let mut parts =
            Parts { slices: [IoSlice::new(&[]); PARTS], bytes: 0, behind: first, end: End::Whole };
        for slice in &mut parts.slices {
            if parts.behind == self.count {
                break;
            }
            // Buffers can overlap, so that their sum may be more than the program could be told.
            let room = u32::MAX - before - parts.bytes;
            let buffer = self.get(memory, parts.behind).and_then(|(ptr, len)| {
                let buffer = if len == 0 { &[] } else { guest::bytes(memory, ptr, len)? };
                Ok((buffer, len))
            });
            match buffer {
                Ok((buffer, len)) => {
                    let taken = len.min(room);
                    *slice = IoSlice::new(buffer.get(..taken as usize).unwrap_or(buffer));
                    parts.bytes += taken;
                    parts.behind += 1;
                    if taken < len {
                        parts.end = End::Cut;
                        break;
                    }
                }
                Err(stop) => {
                    parts.end = End::Wild(stop);
                    break;
                }
            }
        }
        parts
    }

    fn get(self, memory: &[u8], index: u32) -> Result<(u32, u32), Stop> {
        let bytes = guest::read(memory, guest::element(self.ptr, index, VECTOR_SIZE)?)?;
        let [p0, p1, p2, p3, l0, l1, l2, l3] = bytes;
        Ok((u32::from_le_bytes([p0, p1, p2, p3]), u32::from_le_bytes([l0, l1, l2, l3])))
    }
}

/// How many buffers are written at once. A packet has a header, content, and padding; content may have some parts itself.
const PARTS: usize = 16;

/// Buffers that are written at once.
struct Parts<'a> {
    slices: [IoSlice<'a>; PARTS],
    /// How long all of them are together.
    bytes: u32,
    /// The number of the buffer behind the last of them.
    behind: u32,
    end: End,
}

/// What comes behind [`Parts`].
enum End {
    /// More of them, or nothing.
    Whole,
    /// The rest of the last one, which is too much.
    Cut,
    /// A buffer outside of memory. What is before it is written all the same.
    Wild(Stop),
}

/// What came of a transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transfer {
    /// How many bytes were transferred.
    pub(crate) bytes: u32,
    /// It ended before all buffers were done.
    pub(crate) short: bool,
}

/// Reads packets into `vectors`.
///
/// With `committed` the call that this is part of has had an effect already, and cannot be interrupted any more.
pub(crate) fn receive(
    memory: &mut [u8],
    host: &mut dyn Host,
    vectors: Vectors,
    committed: bool,
) -> Result<Transfer, Stop> {
    transfer(memory, vectors, committed, |buffer| host.read(Stream::Packets, &mut [IoSliceMut::new(buffer)]))
}

/// Writes packets from `vectors`, several at once: each write may wake somebody, who has no use for a part of a packet.
pub(crate) fn send(memory: &[u8], host: &mut dyn Host, vectors: Vectors) -> Result<Transfer, Stop> {
    let (mut bytes, mut next) = (0, 0);
    while next < vectors.count {
        let Parts { slices, bytes: wanted, behind, end } = vectors.parts(memory, next, bytes);
        next = behind;
        // There is nothing to write if all are empty.
        let written = if wanted > 0 { host.write(Stream::Packets, &slices) } else { Ok(0) };
        let done = match written {
            Ok(done) => u32::try_from(done).unwrap_or(wanted).min(wanted),
            Err(StreamError::Errno(_)) => 0,
            Err(StreamError::Stop(Stop::Interrupted)) if bytes > 0 => 0,
            Err(StreamError::Stop(stop)) => return Err(stop),
        };
        bytes += done;
        match end {
            _ if done < wanted => return Ok(Transfer { bytes, short: true }),
            End::Wild(stop) => return Err(stop),
            End::Cut => return Ok(Transfer { bytes, short: true }),
            End::Whole => {}
        }
    }
    Ok(Transfer { bytes, short: false })
}

/// Writes `vectors` to the log. What the log does not take is lost; the program is not told.
///
/// Short only when the program is asked to stop in the middle.
pub(crate) fn log(memory: &mut [u8], host: &mut dyn Host, vectors: Vectors) -> Result<Transfer, Stop> {
    transfer(memory, vectors, false, |buffer| {
        let mut rest: &[u8] = buffer;
        while !rest.is_empty() {
            match host.write(Stream::Stderr, &[IoSlice::new(rest)]) {
                Ok(0) | Err(StreamError::Errno(_)) => break,
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(StreamError::Stop(Stop::Interrupted)) if rest.len() < buffer.len() => {
                    return Ok(buffer.len() - rest.len());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(buffer.len())
    })
}

/// Transfers buffer after buffer, each with one call of `one`, until one of them is not done completely.
fn transfer(
    memory: &mut [u8],
    vectors: Vectors,
    committed: bool,
    mut one: impl FnMut(&mut [u8]) -> Result<usize, StreamError>,
) -> Result<Transfer, Stop> {
    let mut bytes = 0;
    for index in 0..vectors.count {
        let (ptr, len) = vectors.get(memory, index)?;
        if len == 0 {
            continue;
        }
        let buffer = guest::bytes_mut(memory, ptr, len)?;
        // Buffers can overlap, so that their sum may be more than the program could be told.
        let room = usize::try_from(u32::MAX - bytes).unwrap_or(usize::MAX).min(buffer.len());
        let (buffer, _) = buffer.split_at_mut(room);
        let done = match one(buffer) {
            Ok(done) => u32::try_from(done).unwrap_or(len).min(len),
            Err(StreamError::Errno(_)) => 0,
            Err(StreamError::Stop(Stop::Interrupted)) if committed || bytes > 0 => 0,
            Err(StreamError::Stop(stop)) => return Err(stop),
        };
        bytes = bytes.saturating_add(done);
        if done < len {
            return Ok(Transfer { bytes, short: true });
        }
    }
    Ok(Transfer { bytes, short: false })
}

/// Directions of the packet stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directions {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// Waits until the packet stream is ready in one of these directions or the time has passed, and returns in which.
pub(crate) fn wait(
    host: &mut dyn Host,
    directions: Directions,
    timeout: Option<Duration>,
) -> Result<Directions, Stop> {
    let read = Interest { stream: Stream::Packets, write: false };
    let write = Interest { stream: Stream::Packets, write: true };
    let interests: &[Interest] = match (directions.read, directions.write) {
        (true, true) => &[read, write],
        (true, false) => &[read],
        (false, true) => &[write],
        (false, false) => &[],
    };
    let found = host.wait(interests, timeout)?;
    let ready =
        |wanted| interests.iter().zip(&found).any(|(interest, found)| *interest == wanted && found.ready);
    Ok(Directions { read: ready(read), write: ready(write) })
}
