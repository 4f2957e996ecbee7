//! Which streams there are between a program and a server: none, when the ends of each were sent in both directions and have arrived.

use std::collections::BTreeMap;

use gate_packet::Domain;

use crate::limits::MAX_STREAMS;
use crate::packets::Received;

/// Who has sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Program,
    Server,
}

/// The streams of a program.
#[derive(Debug)]
pub(crate) struct Streams {
    /// By the ids of those that are open: which ends have arrived. See [`bit`].
    open: BTreeMap<i32, u8>,
    /// Whether there can be others.
    has_others: bool,
}

/// The ends of data and flow of a stream, from both.
const ALL_ENDS: u8 = 0b1111;

/// The end that `sender` sends in a packet of `domain`.
fn bit(sender: Sender, domain: Domain) -> u8 {
    let shift = u8::from(sender == Sender::Server) + if domain == Domain::Data { 2 } else { 0 };
    1 << shift
}

impl Streams {
    /// None, or nobody knows which.
    pub(crate) fn new(has_others: bool) -> Self {
        Self { open: BTreeMap::new(), has_others }
    }

    /// Whether there can be any.
    pub(crate) fn are_there(&self) -> bool {
        self.has_others || !self.open.is_empty()
    }

    /// A packet was sent. It may never arrive.
    pub(crate) fn sent(&mut self, packet: &Received<'_>) {
        for (id, _) in parts(packet) {
            if self.open.len() < MAX_STREAMS {
                self.open.entry(id).or_default();
            } else {
                self.has_others |= !self.open.contains_key(&id);
            }
        }
    }

    /// A packet that was [sent](Self::sent) has arrived.
    pub(crate) fn arrived(&mut self, sender: Sender, packet: &Received<'_>) {
        for (id, is_end) in parts(packet) {
            if is_end && let Some(ends) = self.open.get_mut(&id) {
                *ends |= bit(sender, packet.domain);
                if *ends == ALL_ENDS {
                    self.open.remove(&id);
                }
            }
        }
    }
}

/// The streams that a packet is about, and whether it ends something.
fn parts<'a>(packet: &Received<'a>) -> impl Iterator<Item = (i32, bool)> + use<'a> {
    let content = packet.content;
    let (flows, is_data) = match packet.domain {
        Domain::Flow => (content, false),
        // The rest of it is not looked at.
        Domain::Data => (&content[..content.len().min(8)], true),
        Domain::Call | Domain::Info => (&[][..], false),
    };
    let is_empty = content.len() <= 8;
    flows.as_chunks().0.iter().map(move |&[i0, i1, i2, i3, value @ ..]: &[u8; 8]| {
        let is_end = if is_data { is_empty } else { value == [0; 4] };
        (i32::from_le_bytes([i0, i1, i2, i3]), is_end)
    })
}

#[cfg(test)]
mod tests;
