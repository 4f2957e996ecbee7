//! What a program has sent to a service and is not over yet.
//!
//! ```text
//!   sent by the program ──▶ waiting ──▶ taken by the server ──▶ answered
//!                              ▲               │     (what is not a call ends here)
//!                              └───────────────┘
//!                          the server has forgotten
//! ```
//!
//! Calls are kept until they are answered. A server that was restarted gets those again that it had not answered: so a program does not wait for
//! ever, and a service that keeps nothing between calls can be restarted without any program noticing.

use std::collections::VecDeque;

use crate::error::PacketError;
use crate::limits::{MAX_ENTRIES, MAX_ENTRY_BYTES};

/// A packet of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) packet: Vec<u8>,
    pub(crate) is_call: bool,
}

/// A call that is answered, and where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    position: usize,
    entry: Entry,
    /// Whether the server had not yet said that it has taken the call.
    pub(crate) is_early: bool,
}

/// The packets of one program for one service, in the order in which they were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ledger {
    entries: VecDeque<Entry>,
    /// How many of them the server has taken: the first ones, all calls.
    taken: usize,
    /// Of all entries.
    bytes: usize,
    /// Whether all outstanding calls are here. Not, if the service was made of a snapshot that has others.
    is_complete: bool,
}

impl Ledger {
    /// Of a program for which there is nothing outstanding, or nobody knows what is.
    pub(crate) fn new(is_complete: bool) -> Self {
        Self { entries: VecDeque::new(), taken: 0, bytes: 0, is_complete }
    }

    /// Whether the program has to wait before it sends more.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= MAX_ENTRIES || self.bytes >= MAX_ENTRY_BYTES
    }

    /// Whether all outstanding calls are known.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether there is nothing outstanding, as far as is known, and nothing waiting.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_complete && self.entries.is_empty()
    }

    /// The calls that the server has taken, and the packets that it has not.
    pub(crate) fn parts(&self) -> (impl Iterator<Item = &Entry>, impl Iterator<Item = &Entry>) {
        (self.entries.range(..self.taken), self.entries.range(self.taken..))
    }

    /// The program has sent a packet.
    pub(crate) fn push(&mut self, packet: Vec<u8>, is_call: bool) {
        self.bytes += packet.len();
        self.entries.push_back(Entry { packet, is_call });
    }

    /// The first packet that the server has not taken.
    pub(crate) fn next(&self) -> Option<&Entry> {
        self.entries.get(self.taken)
    }

    /// The server has taken the packet that is [`Ledger::next`].
    pub(crate) fn take(&mut self) {
        let Some(entry) = self.next() else { return };
        if entry.is_call && self.is_complete {
            self.taken += 1;
        } else {
            self.remove(self.taken);
        }
    }

    /// The server has answered outstanding call number `index`, counted from the oldest. The calls are those that it has taken; and
    /// [`Ledger::next`], if it `is_taking` that and has not said so. In the latter case it has taken it by that.
    pub(crate) fn answer(&mut self, index: u8, is_taking: bool) -> Result<Option<Answered>, PacketError> {
        if !self.is_complete {
            return Ok(None);
        }
        let position = usize::from(index);
        let is_next = position == self.taken && is_taking && self.next().is_some_and(|entry| entry.is_call);
        if position >= self.taken && !is_next {
            return Err(PacketError::Reply { found: index, outstanding: self.taken });
        }
        if !is_next {
            self.taken -= 1;
        }
        Ok(self.remove(position).map(|entry| Answered { position, entry, is_early: is_next }))
    }

    /// Nobody knows any more what is outstanding: the calls that are here do not go with the answers that come.
    pub(crate) fn give_up(&mut self) {
        for _ in 0..self.taken {
            self.remove(0);
        }
        self.taken = 0;
        self.is_complete = false;
    }

    /// The last answer did not reach the program after all, and the server will give it again.
    pub(crate) fn restore(&mut self, answered: Answered) {
        if !self.is_complete {
            return;
        }
        self.bytes += answered.entry.packet.len();
        self.entries.insert(answered.position, answered.entry);
        self.taken += 1;
    }

    /// Whether there are packets that the server has not taken.
    pub(crate) fn has_waiting(&self) -> bool {
        self.next().is_some()
    }

    /// All packets that the server has not taken are in the snapshot of the service now. If that is `empty`, there is nothing else to come.
    pub(crate) fn save(&mut self, empty: bool) {
        while self.has_waiting() {
            self.take();
        }
        self.is_complete |= empty;
    }

    /// The server has forgotten all that it took.
    pub(crate) fn forget(&mut self) {
        self.taken = 0;
    }

    fn remove(&mut self, position: usize) -> Option<Entry> {
        let entry = self.entries.remove(position)?;
        self.bytes -= entry.packet.len();
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
