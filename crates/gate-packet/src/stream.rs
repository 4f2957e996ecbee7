//! The two directions of a stream, as the service at its other end sees them.
//!
//! Each direction has a receiver, who grants *credit* in flow packets, and a sender, who uses it up in data packets. Each of them can end its
//! part: the receiver with a flow of 0, after which no more is granted, though what was granted can still be used; the sender with
//! data of no bytes, after which no more is sent. The stream is closed when all four have done so, and its id can then be used again.
//!
//! ```text
//!                         program                            service
//!   ToProgram             receives  ── flow: credit, end ──▶  sends
//!                                   ◀── data: bytes, end ──
//!   FromProgram           sends     ── data: bytes, end ──▶  receives
//!                                   ◀── flow: credit, end ──
//! ```
//!
//! What the program does is checked, and wrong if it returns a [`Misuse`]. What the service does is its own doing, and a panic if it is wrong.

use crate::packet::FlowMeaning;
use crate::{DATA_HEADER_SIZE, MAX_CREDIT_TO_PROGRAM, MAX_SIZE};

/// The most credit that the program can have outstanding towards a service, in bytes.
pub const MAX_CREDIT: u32 = i32::MAX.unsigned_abs();

/// The most bytes that one data packet holds.
pub const MAX_DATA: usize = MAX_SIZE as usize - DATA_HEADER_SIZE;

/// How a program breaks the rules of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum Misuse {
    /// There is no stream with that id.
    #[error("it does not exist")]
    Unknown,
    /// The credit that a service has got would be more than can be counted.
    #[error("{granted} bytes of credit are added to {credit} (limit: {MAX_CREDIT} together)")]
    CreditOverflow { credit: u32, granted: u32 },
    /// There is a flow behind the end of flow.
    #[error("flow of {value} after the end of flow")]
    FlowAfterEnd { value: i32 },
    /// There is more data than the service has granted.
    #[error("data of {found} bytes ({credit} were granted)")]
    NoCredit { found: usize, credit: u32 },
    /// There is data behind the end of data.
    #[error("data of {found} bytes after the end of data")]
    DataAfterEnd { found: usize },
}

impl Misuse {
    /// Says of which stream it is.
    #[must_use]
    pub fn of(self, id: i32) -> Violation {
        Violation { id, misuse: self }
    }
}

/// A [`Misuse`] of a certain stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream {id}: {misuse}")]
pub struct Violation {
    /// The stream.
    pub id: i32,
    /// What is wrong.
    pub misuse: Misuse,
}

/// Why numbers are not the state of one direction of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("credit of {found} bytes (limit: {limit})")]
pub struct RestoreError {
    /// The credit.
    pub found: u32,
    /// The most there can be.
    pub limit: u32,
}

/// The direction in which the service sends and the program receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToProgram {
    credit: u32,
    flow_open: bool,
    data_open: bool,
}

impl Default for ToProgram {
    fn default() -> Self {
        Self::new()
    }
}

impl ToProgram {
    /// Of a new stream: the program has granted nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { credit: 0, flow_open: true, data_open: true }
    }

    /// As it was when [`credit`](Self::credit), [`is_flow_open`](Self::is_flow_open) and [`is_data_open`](Self::is_data_open) were this.
    ///
    /// # Errors
    /// [`RestoreError`] if the credit is above [`MAX_CREDIT`].
    pub const fn restore(credit: u32, flow_open: bool, data_open: bool) -> Result<Self, RestoreError> {
        if credit > MAX_CREDIT {
            return Err(RestoreError { found: credit, limit: MAX_CREDIT });
        }
        Ok(Self { credit, flow_open, data_open })
    }

    /// Takes in an entry of a flow packet of the program. A note changes nothing.
    ///
    /// # Errors
    /// [`Misuse::FlowAfterEnd`] and [`Misuse::CreditOverflow`].
    pub fn flow(&mut self, meaning: FlowMeaning) -> Result<(), Misuse> {
        if !self.flow_open {
            return Err(Misuse::FlowAfterEnd { value: meaning.value() });
        }
        match meaning {
            FlowMeaning::Credit(granted) => {
                let sum = self.credit.checked_add(granted).filter(|sum| *sum <= MAX_CREDIT);
                self.credit = sum.ok_or(Misuse::CreditOverflow { credit: self.credit, granted })?;
            }
            FlowMeaning::End => self.flow_open = false,
            FlowMeaning::Note(_) => {}
        }
        Ok(())
    }

    /// How many bytes the service can put into one data packet now: what the program has granted, but no more than [`MAX_DATA`]; 0 after the
    /// end of data.
    #[must_use]
    pub fn sendable(&self) -> usize {
        if self.data_open { usize::min(self.credit as usize, MAX_DATA) } else { 0 }
    }

    /// Whether the service can never send another byte, though it has not sent the end of data. It should do that then.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.data_open && !self.flow_open && self.credit == 0
    }

    /// The service has sent this many bytes in a data packet.
    ///
    /// # Panics
    /// When that is more than [`sendable`](Self::sendable).
    pub fn sent(&mut self, len: usize) {
        assert!(len <= self.sendable(), "{len} bytes are sent with credit for {}", self.sendable());
        self.credit -= u32::try_from(len).expect("no more than the credit");
    }

    /// The service has sent the end of data.
    ///
    /// # Panics
    /// When it has done so before.
    pub fn end(&mut self) {
        assert!(self.data_open, "the end of data is sent twice");
        self.data_open = false;
    }

    /// What is left of the program's credit, in bytes.
    #[must_use]
    pub const fn credit(&self) -> u32 {
        self.credit
    }

    /// Whether the program can still grant credit: it has not sent the end of flow.
    #[must_use]
    pub const fn is_flow_open(&self) -> bool {
        self.flow_open
    }

    /// Whether the service can still send data: it has not sent the end of data.
    #[must_use]
    pub const fn is_data_open(&self) -> bool {
        self.data_open
    }

    /// Whether nothing more can come in this direction, of either side.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        !self.flow_open && !self.data_open
    }
}

/// The direction in which the program sends and the service receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FromProgram {
    credit: u32,
    limit: u32,
    flow_open: bool,
    data_open: bool,
}

impl Default for FromProgram {
    fn default() -> Self {
        Self::new()
    }
}

impl FromProgram {
    /// Of a new stream: the service has granted nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { credit: 0, limit: MAX_CREDIT_TO_PROGRAM, flow_open: true, data_open: true }
    }

    /// As it was when [`credit`](Self::credit), [`is_flow_open`](Self::is_flow_open) and [`is_data_open`](Self::is_data_open) were this.
    ///
    /// # Errors
    /// [`RestoreError`] if the credit is above [`MAX_CREDIT_TO_PROGRAM`].
    pub const fn restore(credit: u32, flow_open: bool, data_open: bool) -> Result<Self, RestoreError> {
        Self::restore_limited(MAX_CREDIT_TO_PROGRAM, credit, flow_open, data_open)
    }

    /// As [`restore`](Self::restore), with another [limit](Self::limit).
    ///
    /// # Errors
    /// [`RestoreError`] if the credit is above the limit.
    pub const fn restore_limited(
        limit: u32,
        credit: u32,
        flow_open: bool,
        data_open: bool,
    ) -> Result<Self, RestoreError> {
        if credit > limit {
            return Err(RestoreError { found: credit, limit });
        }
        Ok(Self { credit, limit, flow_open, data_open })
    }

    /// Lets up to `limit` bytes of credit be outstanding instead of [`MAX_CREDIT_TO_PROGRAM`]. More than that is only for programs which are
    /// known to split what they send. If more is outstanding already, nothing is granted before that is used.
    pub const fn limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// Takes in a data packet of the program with this many bytes; with none, it is the end of data.
    ///
    /// # Errors
    /// [`Misuse::DataAfterEnd`] and [`Misuse::NoCredit`].
    pub fn data(&mut self, len: usize) -> Result<(), Misuse> {
        if !self.data_open {
            return Err(Misuse::DataAfterEnd { found: len });
        }
        if len == 0 {
            self.data_open = false;
            return Ok(());
        }
        let rest = u32::try_from(len).ok().and_then(|len| self.credit.checked_sub(len));
        self.credit = rest.ok_or(Misuse::NoCredit { found: len, credit: self.credit })?;
        Ok(())
    }

    /// How much more the service can grant now, so that no more than [`MAX_CREDIT_TO_PROGRAM`] is outstanding, or another
    /// [limit](Self::limit); nothing if the program sends no more, or after the end of flow.
    #[must_use]
    pub fn grantable(&self) -> u32 {
        if self.flow_open && self.data_open { self.limit.saturating_sub(self.credit) } else { 0 }
    }

    /// The service has sent this much credit in a flow packet.
    ///
    /// # Panics
    /// When that is more than [`grantable`](Self::grantable).
    pub fn grant(&mut self, credit: u32) {
        assert!(credit <= self.grantable(), "{credit} bytes are granted (limit: {})", self.grantable());
        self.credit += credit;
    }

    /// The service has sent the end of flow.
    ///
    /// # Panics
    /// When it has done so before.
    pub fn end(&mut self) {
        assert!(self.flow_open, "the end of flow is sent twice");
        self.flow_open = false;
    }

    /// What the program has not used of the service's credit, in bytes.
    #[must_use]
    pub const fn credit(&self) -> u32 {
        self.credit
    }

    /// Whether the service can still grant credit: it has not sent the end of flow.
    #[must_use]
    pub const fn is_flow_open(&self) -> bool {
        self.flow_open
    }

    /// Whether the program can still send data: it has not sent the end of data.
    #[must_use]
    pub const fn is_data_open(&self) -> bool {
        self.data_open
    }

    /// Whether nothing more can come in this direction, of either side.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        !self.flow_open && !self.data_open
    }
}

#[cfg(test)]
mod tests;
