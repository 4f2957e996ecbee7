//! Two streams of bytes between a program's process and the one that supervises it, through memory that both have.
//!
//! A ring is a memfd: a ring buffer for each direction. Besides it there is a socket, by which the two wake each other, and learn that the
//! other one has gone. Whoever moves bytes calls the kernel only when the other one sleeps.
//!
//! | Offset | In the file | Written by |
//! |---|---|---|
//! | 0 | u32 bytes sent to the program; u32 at 4: position of the direction's first byte | runtime |
//! | 64 | u32 bytes that the program has received | program |
//! | 128 | u32 bytes sent to the runtime; u32 at 132: position of the direction's first byte | program |
//! | 192 | u32 bytes that the runtime has received | runtime |
//! | 256 | u32 what the runtime waits for | both |
//! | 320 | u32 what the program waits for | both |
//! | 512 | the first 1792 bytes to the program | runtime |
//! | 2304 | the first 1792 bytes to the runtime | program |
//! | 64 KiB + 1792 | the other bytes to the program | runtime |
//! | 1088 KiB + 1792 | the other bytes to the runtime | program |
//!
//! Counts go on for ever, modulo 2³². The byte at position `p` of a direction is at offset `(p - first) % CAPACITY` of its buffer. When
//! everything was received, the sender begins with the first byte again. So programs that send a little now and then need but one page, and
//! the processors' caches hold what the others need. What larger transfers have touched is given back ([`Ring::give_back`]).
//!
//! # Trust
//! The program's process may have been taken over, and change everything in the memory at any moment. What the runtime counts itself, it
//! never reads there. What the other side counts is read once and checked ([`Nonsense`]); offsets are taken modulo the size of the buffer
//! after that; bytes are copied out before anybody looks at them. What may then be wrong is what a program sends, which can be anything.
//!
//! A process that touches memory of a file which has been cut is ended (SIGBUS). [`accept`] sees to it that this cannot happen to
//! the runtime: the seals keep the file as long as it is, and only a memfd can have just these seals. One of huge pages is refused, for there may
//! be none left when it is touched. Memory of any other is taken from the same stock as all memory, and when there is none, somebody is ended as always.
//!
//! # Waiting
//! Whoever has nothing to do writes down what it waits for, looks again, and then waits for the socket to be readable. Whoever has moved bytes
//! looks whether the other one waits for that, and if so, takes that note away, and sends a byte:
//!
//! ```text
//!   sleeper                              mover
//!   1 writes what it waits for           4 moves bytes: writes its count
//!   2 fence                              5 fence
//!   3 reads the counts: nothing? sleeps  6 reads what the other one waits for: something? rings
//! ```
//!
//! No wake-up is lost: of the two fences one comes first in the order of all of them. If that is 2, then 6 sees what 1 wrote, and rings. If it is
//! 5, then 3 sees what 4 wrote, and does not sleep. The byte stays in the socket until the sleeper looks. If the socket is full, it has bells
//! enough. A bell too many, as when both happen, does no harm: the sleeper looks, and sleeps again.
//!
//! There is *room* for a sender who waits when half of the buffer is free: to wake it for less costs more than it brings. Whoever does not
//! wait can send as much as there is.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering, fence};

use rustix::io::Errno;

use crate::memfd::{self, MemfdError, Seals};

mod memory;
#[cfg(test)]
mod tests;

use memory::Memory;

/// How much can be on the way in one direction, in bytes: sixteen packets of the largest size. A side that sleeps is woken when half of that has
/// been moved, at the latest, so that the more it is, the fewer wake-ups there are.
pub const CAPACITY: u32 = 1 << 20;

/// How much of a direction is in the first page, in bytes.
const FIRST_BYTES: usize = 1792;
/// Where the first bytes of the directions are.
const FIRST: usize = 512;
/// Where the others begin: a multiple of the size of a page, whatever that is.
const OTHERS: usize = 64 << 10;
const BUFFER_BYTES: usize = CAPACITY as usize;
/// The size of the file.
const BYTES: usize = OTHERS + 2 * BUFFER_BYTES;

/// Bits of the words that say what somebody waits for: there is something to receive.
const DATA: u32 = 1;
/// There is room to send.
const ROOM: u32 = 2;
/// Not what it waits for: its memory is given back, so it may not go on.
const BUSY: u32 = 4;

/// Who uses a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The process that supervises the program.
    Runtime,
    /// The program's process.
    Program,
}

/// The other side has written something that it cannot have counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{sent} bytes are said to be sent through a ring and {received} received (limit between them: {CAPACITY})"
)]
#[expect(missing_docs, reason = "the message names the fields")]
pub struct Nonsense {
    pub sent: u32,
    pub received: u32,
}

/// Why a file is not accepted as a ring.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum RingError {
    /// It can be cut or is no memfd at all.
    #[error("the file is not sealed as a ring is")]
    Seals { source: MemfdError },
    /// It has another size.
    #[error("a ring has {BYTES} bytes, and the file {found}")]
    Size { found: u64 },
    /// It consists of huge pages, or cannot be written to.
    #[error("the file cannot be shared as a ring is")]
    Kind,
    /// There is no address space left, or the like.
    #[error("cannot map a ring")]
    Map { source: io::Error },
}

/// What somebody waits for, or can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// To receive something.
    pub data: bool,
    /// To send something: when waited for, as much as fits into half of the buffer.
    pub room: bool,
}

/// Where the words and bytes of one direction are.
#[derive(Clone, Copy, Debug)]
struct Direction(usize);

impl Direction {
    const TO_PROGRAM: Self = Self(0);
    const TO_RUNTIME: Self = Self(1);

    fn sent(self) -> usize {
        self.0 * 128
    }

    fn first(self) -> usize {
        self.sent() + 4
    }

    fn received(self) -> usize {
        self.sent() + 64
    }

    /// Where the byte at this offset of the buffer is, and how many are there, one behind the other.
    fn place(self, offset: usize) -> (usize, usize) {
        if offset < FIRST_BYTES {
            (FIRST + self.0 * FIRST_BYTES + offset, FIRST_BYTES - offset)
        } else {
            (OTHERS + self.0 * BUFFER_BYTES + offset, BUFFER_BYTES - offset)
        }
    }
}

/// One side of a ring.
#[derive(Debug)]
pub struct Ring {
    memory: Memory,
    side: Side,
    /// How much this side has sent.
    sent: u32,
    /// The position of the first byte in the buffer of what this side sends.
    first: u32,
    /// How much this side has received.
    received: u32,
    /// Whether either direction has used more than the first page since memory was given back.
    has_spare: bool,
}

/// Makes the file of a new ring, and seals it.
///
/// # Errors
/// Those of `memfd_create`, `ftruncate` and `fcntl`: when there are no descriptors left, for instance.
pub fn create() -> io::Result<OwnedFd> {
    let file = memfd::create("packets")?;
    rustix::fs::ftruncate(&file, BYTES as u64)?;
    memfd::seal(&file, Seals::Size)?;
    Ok(file)
}

/// Takes the file of a new ring that a program's process has made, as its runtime, which trusts it in nothing.
///
/// # Errors
/// [`RingError`]. All but [`RingError::Map`] are the other process's doing.
pub fn accept(file: BorrowedFd<'_>) -> Result<Ring, RingError> {
    verify(file)?;
    let kind = rustix::fs::fstatfs(file).map_err(|source| RingError::Map { source: source.into() })?;
    if u64::try_from(kind.f_type).ok() != Some(TMPFS) {
        return Err(RingError::Kind);
    }
    // What it has counted so far counts for nothing: it is new.
    let memory = map(file)?;
    Ok(Ring { memory, side: Side::Runtime, sent: 0, first: 0, received: 0, has_spare: false })
}

/// What `statfs` calls the file system of a memfd without huge pages (`TMPFS_MAGIC`).
const TMPFS: u64 = 0x0102_1994;

fn verify(file: BorrowedFd<'_>) -> Result<(), RingError> {
    match memfd::verify(file, Seals::Size) {
        Ok(found) if found == BYTES as u64 => Ok(()),
        Ok(found) => Err(RingError::Size { found }),
        Err(source) => Err(RingError::Seals { source }),
    }
}

fn map(file: BorrowedFd<'_>) -> Result<Memory, RingError> {
    Memory::map(file, BYTES).map_err(|source| match Errno::from_io_error(&source) {
        // It is sealed against writing.
        Some(Errno::PERM | Errno::ACCESS) => RingError::Kind,
        _ => RingError::Map { source },
    })
}

impl Ring {
    /// Takes the file of a ring, new or used by this side before, from somebody who is trusted.
    ///
    /// # Errors
    /// [`RingError`].
    pub fn open(file: BorrowedFd<'_>, side: Side) -> Result<Self, RingError> {
        verify(file)?;
        let memory = map(file)?;
        let mut ring = Self { memory, side, sent: 0, first: 0, received: 0, has_spare: false };
        ring.sent = ring.load(ring.out().sent());
        ring.first = ring.load(ring.out().first());
        ring.received = ring.load(ring.back().received());
        Ok(ring)
    }

    /// Sends as much of `bytes` as there is room for, and returns how much that is. Whoever does this, or receives, rings then, if it
    /// [has to](Self::owes_bell).
    ///
    /// # Errors
    /// [`Nonsense`].
    pub fn send(&mut self, bytes: &[u8]) -> Result<usize, Nonsense> {
        let waiting = self.unreceived()?;
        if waiting == 0 && self.first != self.sent {
            // Nobody looks at it before there is something to receive, and whoever sees that sees this too.
            self.first = self.sent;
            self.word(self.out().first()).store(self.first, Ordering::Relaxed);
        }
        let room = BUFFER_BYTES - waiting as usize;
        let (mut rest, _) = bytes.split_at(bytes.len().min(room));
        let mut position = self.sent;
        while !rest.is_empty() {
            let (at, run) = self.place(self.out(), position, self.first);
            let (now, later) = rest.split_at(rest.len().min(run));
            self.memory.write(at, now);
            position = position.wrapping_add(length(now.len()));
            rest = later;
        }
        let count = position.wrapping_sub(self.sent);
        if count > 0 {
            self.sent = position;
            // What was written before is there for whoever sees this.
            self.word(self.out().sent()).store(self.sent, Ordering::Release);
        }
        Ok(count as usize)
    }

    /// Receives what there is and fits into `buffer`, and returns how much that is.
    ///
    /// # Errors
    /// [`Nonsense`].
    pub fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Nonsense> {
        let mut filled = 0;
        self.take(buffer.len(), |memory, at, count| {
            memory.read(at, &mut buffer[filled..filled + count]);
            filled += count;
        })
    }

    /// Likewise, at most `limit` bytes, which are appended to `bytes`.
    ///
    /// # Errors
    /// [`Nonsense`].
    pub fn append_to(&mut self, bytes: &mut Vec<u8>, limit: usize) -> Result<usize, Nonsense> {
        self.take(limit, |memory, at, count| memory.append_to(bytes, at, count))
    }

    /// Has up to `limit` bytes copied, each part of them from the place where it is.
    fn take(&mut self, limit: usize, mut copy: impl FnMut(&Memory, usize, usize)) -> Result<usize, Nonsense> {
        // That is the last that is heard of the other side: from here on it can change the bytes, but not which ones.
        let available = self.available()? as usize;
        let first = self.word(self.back().first()).load(Ordering::Relaxed);
        let count = available.min(limit);
        let mut left = count;
        while left > 0 {
            let (at, run) = self.place(self.back(), self.received, first);
            let now = left.min(run);
            copy(&self.memory, at, now);
            self.received = self.received.wrapping_add(length(now));
            left -= now;
        }
        if count > 0 {
            // Nothing is read from there any more once the other side sees this.
            self.word(self.back().received()).store(self.received, Ordering::Release);
        }
        Ok(count)
    }

    /// Takes back what the other side has not received, and never will: it has ended.
    ///
    /// # Errors
    /// [`Nonsense`].
    pub fn take_back(&mut self) -> Result<Vec<u8>, Nonsense> {
        let mut left = self.unreceived()? as usize;
        let mut bytes = Vec::with_capacity(left);
        let begin = self.sent.wrapping_sub(length(left));
        let mut position = begin;
        while left > 0 {
            let (at, run) = self.place(self.out(), position, self.first);
            let now = left.min(run);
            self.memory.append_to(&mut bytes, at, now);
            position = position.wrapping_add(length(now));
            left -= now;
        }
        self.sent = begin;
        self.word(self.out().sent()).store(begin, Ordering::Release);
        Ok(bytes)
    }

    /// What can be done, and when it would be worth while to go on with sending.
    ///
    /// # Errors
    /// [`Nonsense`].
    pub fn ready(&self) -> Result<Ready, Nonsense> {
        Ok(Ready { data: self.available()? > 0, room: self.unreceived()? <= CAPACITY / 2 })
    }

    /// Writes down what this side waits for. If it is not [ready](Self::ready) after that, the other side rings when it is.
    pub fn wait_for(&self, wanted: Ready) {
        let bits = if wanted.data { DATA } else { 0 } | if wanted.room { ROOM } else { 0 };
        self.word(waits(self.side)).store(bits, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Says that this side does not wait any more. False if it has to wait for a moment, about as long as it takes to free memory, because
    /// the other side believes that it does, and calls [`give_back`](Self::give_back): only the program has to.
    pub fn go_on(&self) -> bool {
        let word = self.word(waits(self.side));
        if word.load(Ordering::SeqCst) == 0 {
            return true;
        }
        let unless_busy = |bits| if bits & BUSY == 0 { Some(0) } else { None };
        word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, unless_busy).is_ok()
    }

    /// Whether the other side waits for what there is now. It is to be rung for then: this says so but once.
    #[must_use]
    pub fn owes_bell(&self) -> bool {
        fence(Ordering::SeqCst);
        let word = self.word(waits(self.other()));
        let bits = word.load(Ordering::Relaxed);
        // Of counts that make no sense, those will hear who use them.
        let data = bits & DATA != 0 && self.unreceived() != Ok(0);
        let room = bits & ROOM != 0 && self.available().is_ok_and(|waiting| waiting <= CAPACITY / 2);
        (data || room) && word.swap(0, Ordering::SeqCst) != 0
    }

    /// Whether there is memory that [`give_back`](Self::give_back) would give back.
    #[must_use]
    pub fn has_spare(&self) -> bool {
        self.has_spare
    }

    /// Gives back the memory of all but the first page, if nothing is on the way and the program waits; returns whether it was so. For
    /// the runtime.
    ///
    /// The program is kept from going on meanwhile: what it would send could otherwise get lost.
    pub fn give_back(&mut self) -> bool {
        if !self.has_spare {
            return true;
        }
        let word = self.word(waits(self.other()));
        let if_waiting = |bits| if bits & (DATA | ROOM) != 0 { Some(bits | BUSY) } else { None };
        if word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, if_waiting).is_err() {
            return false;
        }
        let is_idle = self.available() == Ok(0) && self.unreceived() == Ok(0);
        // The memory of both directions is in one place.
        let given = is_idle && self.memory.remove(OTHERS..BYTES).is_ok();
        // There is nobody else who takes notes away.
        word.fetch_and(!BUSY, Ordering::SeqCst);
        self.has_spare = !given;
        given
    }

    /// How much the other side has not received.
    fn unreceived(&self) -> Result<u32, Nonsense> {
        between(self.sent, self.load(self.out().received()))
    }

    /// How much there is to receive.
    fn available(&self) -> Result<u32, Nonsense> {
        between(self.load(self.back().sent()), self.received)
    }

    /// Where the byte at `position` is, and how many are there, one behind the other.
    fn place(&mut self, direction: Direction, position: u32, first: u32) -> (usize, usize) {
        let offset = (position.wrapping_sub(first) % CAPACITY) as usize;
        self.has_spare |= offset >= FIRST_BYTES;
        direction.place(offset)
    }

    fn load(&self, at: usize) -> u32 {
        self.word(at).load(Ordering::Acquire)
    }

    fn word(&self, at: usize) -> &AtomicU32 {
        self.memory.word(at)
    }

    /// The direction in which this side sends.
    fn out(&self) -> Direction {
        match self.side {
            Side::Runtime => Direction::TO_PROGRAM,
            Side::Program => Direction::TO_RUNTIME,
        }
    }

    /// The direction in which this side receives.
    fn back(&self) -> Direction {
        match self.side {
            Side::Runtime => Direction::TO_RUNTIME,
            Side::Program => Direction::TO_PROGRAM,
        }
    }

    fn other(&self) -> Side {
        match self.side {
            Side::Runtime => Side::Program,
            Side::Program => Side::Runtime,
        }
    }
}

/// Where it is written what this side waits for.
fn waits(side: Side) -> usize {
    match side {
        Side::Runtime => 256,
        Side::Program => 320,
    }
}

fn between(sent: u32, received: u32) -> Result<u32, Nonsense> {
    let count = sent.wrapping_sub(received);
    if count <= CAPACITY { Ok(count) } else { Err(Nonsense { sent, received }) }
}

/// A length that is at most [`CAPACITY`].
fn length(count: usize) -> u32 {
    u32::try_from(count).expect("no more than the capacity")
}
