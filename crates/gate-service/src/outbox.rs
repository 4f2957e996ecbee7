//! Where services put their packets.

use std::fmt;

use gate_packet::encode::{self, EncodeError};
use gate_packet::{Code, Data, Domain, Flow, MAX_SIZE};

/// How much can wait for a program, in bytes, before services are asked to wait: two packets of the largest size.
pub const OUTBOX_BYTES: usize = 2 * MAX_SIZE as usize;

/// Gives a program the first of some bytes, as many as it takes at once, and returns how many that were.
pub type Carrier<'a> = dyn FnMut(&[u8]) -> usize + 'a;

/// The way of a service's packets to its program. They arrive in the order in which they were put here.
pub struct Outbox<'a> {
    bytes: &'a mut Vec<u8>,
    /// How many bytes at the front the program has taken already.
    gone: usize,
    code: Code,
    carrier: Option<&'a mut Carrier<'a>>,
}

impl<'a> Outbox<'a> {
    /// Appends the packets of the service with this code to `bytes`.
    #[must_use]
    pub fn new(bytes: &'a mut Vec<u8>, code: u16) -> Self {
        Self::behind(bytes, 0, code)
    }

    /// Likewise; the program has taken the first `gone` bytes already.
    pub(crate) fn behind(bytes: &'a mut Vec<u8>, gone: usize, code: u16) -> Self {
        Self { bytes, gone, code: Code::Service(code), carrier: None }
    }

    /// Likewise, and what is there can be [flushed](Self::flush).
    pub(crate) fn carried(mut self, carrier: &'a mut Carrier<'a>) -> Self {
        self.carrier = Some(carrier);
        self
    }

    /// How many bytes at the front the program has taken.
    pub(crate) fn gone(&self) -> usize {
        self.gone
    }

    /// Gives the program at once what it takes, for it to go on meanwhile: before something that takes long. Without this, it gets everything
    /// as soon as the service returns.
    pub fn flush(&mut self) {
        let waiting = self.bytes.get(self.gone..).unwrap_or_default();
        if let Some(carrier) = self.carrier.as_mut().filter(|_| !waiting.is_empty()) {
            self.gone += carrier(waiting);
        }
    }

    /// Whether the program has taken enough of what it was sent that there is reason to send it more. A packet is taken in any case.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.bytes.len() - self.gone < OUTBOX_BYTES
    }

    /// Sends the reply to the program's outstanding call number `index`, counted from the oldest.
    ///
    /// # Errors
    /// [`EncodeError::Size`].
    pub fn reply(&mut self, index: u8, content: &[u8]) -> Result<(), EncodeError> {
        encode::packet(self.bytes, self.code, Domain::Call, index, content)
    }

    /// Sends a notification.
    ///
    /// # Errors
    /// [`EncodeError::Size`].
    pub fn info(&mut self, content: &[u8]) -> Result<(), EncodeError> {
        encode::packet(self.bytes, self.code, Domain::Info, 0, content)
    }

    /// Sends entries of a flow packet.
    ///
    /// # Errors
    /// [`EncodeError::Size`].
    pub fn flows(&mut self, flows: &[Flow]) -> Result<(), EncodeError> {
        encode::flows(self.bytes, self.code, flows)
    }

    /// Sends what a stream carries.
    ///
    /// # Errors
    /// [`EncodeError::Size`].
    pub fn data(&mut self, data: Data<'_>) -> Result<(), EncodeError> {
        encode::data(self.bytes, self.code, data)
    }

    /// Sends a packet that somebody else has made: the code, which it need not have right, is replaced.
    ///
    /// # Errors
    /// [`EncodeError::Size`].
    pub fn packet(&mut self, domain: Domain, index: u8, content: &[u8]) -> Result<(), EncodeError> {
        encode::packet(self.bytes, self.code, domain, index, content)
    }

    /// Sends what `fill` writes to the beginning of the buffer of `len` bytes that it gets, as data of stream `id`. It returns how much that
    /// was; or `None`, and then nothing is sent. So a source of bytes can be read straight into the packet.
    ///
    /// # Errors
    /// [`EncodeError::Size`] if `len` is too large for a packet.
    ///
    /// # Panics
    /// When `fill` returns more than `len`.
    pub fn data_with(
        &mut self,
        id: i32,
        note: i32,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Result<Option<usize>, EncodeError> {
        encode::data_with(self.bytes, self.code, id, note, len, fill)
    }
}

impl fmt::Debug for Outbox<'_> {
    /// Without the bytes, which can be many and private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.bytes.len() - self.gone;
        f.debug_struct("Outbox").field("code", &self.code).field("waiting", &waiting).finish_non_exhaustive()
    }
}
