//! What is on its way between two programs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use gate_packet::MAX_CREDIT_TO_PROGRAM;
use gate_packet::stream::MAX_CREDIT;

/// How often the note of data that waits for a program can change.
///
/// With credit for 64 KiB, it could change that often. A program that changes it with each of many small packets, faster than its peer takes
/// them, is ended.
pub const MAX_WAITING_NOTES: usize = 4096;

/// A connection of two programs. The lock is held for as long as it takes to copy 64 KiB.
#[derive(Debug)]
struct Link {
    inboxes: Mutex<[Inbox; 2]>,
}

/// What is on its way to one of the two.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// Notes and lengths of packets. None of these lengths is 0, and no note follows itself, unless the packet would be too large.
    pub(super) packets: VecDeque<(i32, u32)>,
    /// What is in these packets, one after the other.
    pub(super) bytes: VecDeque<u8>,
    /// The note of the end of data, which comes after that.
    pub(super) data_end: Option<i32>,
    /// Credit that the program does not know of, in bytes.
    pub(super) credit: u32,
    pub(super) flow_note: Option<i32>,
    /// The end of flow, which comes after credit and note.
    pub(super) flow_end: bool,
    /// Nobody takes anything any more.
    is_gone: bool,
    /// Of whoever does.
    waker: Option<Waker>,
}

/// More notes than can wait.
#[derive(Debug)]
pub(super) struct TooManyNotes;

impl Inbox {
    /// Adds a packet.
    pub(super) fn push(&mut self, note: i32, bytes: &[u8]) -> Result<(), TooManyNotes> {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let count = self.packets.len();
        match self.packets.back_mut() {
            Some((last, sum)) if *last == note && sum.saturating_add(len) <= MAX_CREDIT_TO_PROGRAM => {
                *sum += len;
            }
            _ if count == MAX_WAITING_NOTES => return Err(TooManyNotes),
            _ => self.packets.push_back((note, len)),
        }
        self.bytes.extend(bytes);
        Ok(())
    }

    /// Removes the first packet, whose bytes are given to `take`.
    pub(super) fn pop<E>(&mut self, take: impl FnOnce(i32, &[u8]) -> Result<(), E>) -> Result<(), E> {
        let Some((note, len)) = self.packets.pop_front() else { return Ok(()) };
        let len = len as usize;
        if self.bytes.as_slices().0.len() < len {
            self.bytes.make_contiguous();
        }
        take(note, self.bytes.as_slices().0.get(..len).unwrap_or_default())?;
        self.bytes.drain(..len);
        if self.bytes.is_empty() {
            // Nothing waits most of the time.
            (self.bytes, self.packets) = (VecDeque::new(), VecDeque::new());
        }
        Ok(())
    }

    /// Adds credit.
    pub(super) fn add_credit(&mut self, credit: u32) {
        // It is a part of what the peer has granted, and that cannot be more than this.
        self.credit = self.credit.saturating_add(credit).min(MAX_CREDIT);
    }
}

/// One of the two ends of a link. The link ends when it is dropped.
#[derive(Debug)]
pub(super) struct End {
    link: Arc<Link>,
    side: usize,
}

impl End {
    /// Both ends of a new link.
    pub(super) fn pair() -> (Self, Self) {
        let link = Arc::new(Link { inboxes: Mutex::default() });
        (Self { link: Arc::clone(&link), side: 0 }, Self { link, side: 1 })
    }

    /// An end with this on its way to it. The other one is gone.
    pub(super) fn alone(inbox: Inbox) -> Self {
        let other = Inbox { is_gone: true, ..Inbox::default() };
        Self { link: Arc::new(Link { inboxes: Mutex::new([inbox, other]) }), side: 0 }
    }

    /// What tells whether the link has both its ends.
    pub(super) fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.link))
    }

    /// What is on its way to this end, and to the other one.
    pub(super) fn lock(&self) -> Both<'_> {
        Both { guard: self.link.lock(), side: self.side }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut both = self.lock();
        let mine = std::mem::replace(both.mine(), Inbox { is_gone: true, ..Inbox::default() });
        let waker = both.other_waker();
        drop(both);
        drop(mine);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Link {
    fn lock(&self) -> MutexGuard<'_, [Inbox; 2]> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whether a link is there.
#[derive(Debug)]
pub(super) struct Watch(Arc<Link>);

impl Watch {
    /// Whether both ends are there.
    pub(super) fn is_open(&self) -> bool {
        self.0.lock().iter().all(|inbox| !inbox.is_gone)
    }
}

/// What is on its way in both directions.
pub(super) struct Both<'a> {
    guard: MutexGuard<'a, [Inbox; 2]>,
    side: usize,
}

impl Both<'_> {
    /// What is on its way to this end.
    pub(super) fn mine(&mut self) -> &mut Inbox {
        &mut self.guard[self.side]
    }

    /// What is on its way to the other end; `None` if nobody is there.
    pub(super) fn other(&mut self) -> Option<&mut Inbox> {
        Some(&mut self.guard[1 - self.side]).filter(|inbox| !inbox.is_gone)
    }

    /// To be woken when this is not locked any more.
    pub(super) fn other_waker(&self) -> Option<Waker> {
        self.guard[1 - self.side].waker.clone()
    }

    /// Has `waker` woken when the other end does something.
    pub(super) fn listen(&mut self, waker: &Waker) {
        match &mut self.mine().waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }
}
