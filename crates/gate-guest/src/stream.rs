//! Streams of bytes between the program and a service.

pub(crate) mod state;

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use crate::gate::Gate;
use crate::poll::poll_fn;
pub use state::Chunk;
use state::{Direction, Stream as State};

/// How many bytes are received before the program reads them, unless it says otherwise: 32 KiB.
pub const DEFAULT_WINDOW: u32 = 32 << 10;

/// Why nothing can be sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// The service takes no more: whoever is at the other end has closed it.
    Closed,
    /// The service is not available any more. That can be when a suspended program is continued on another host.
    Lost,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the other end of the stream takes no more",
            Self::Lost => "the service of the stream is not available any more",
        })
    }
}

#[cfg(feature = "std")]
impl std::error::Error for StreamError {}

/// A stream in both directions. Dropping it closes both.
#[derive(Debug)]
pub struct Stream {
    /// What comes from the service.
    pub receiver: Receiver,
    /// What goes to the service.
    pub sender: Sender,
}

/// What comes out of a stream. Dropping it tells the service that no more is taken.
#[derive(Debug)]
pub struct Receiver {
    gate: Gate,
    state: Rc<RefCell<State>>,
    /// What [`Receiver::read`] has not delivered of the last chunk, from the position.
    rest: Vec<u8>,
    position: usize,
}

/// What goes into a stream. Dropping it tells the service that no more is sent.
#[derive(Debug)]
pub struct Sender {
    gate: Gate,
    state: Rc<RefCell<State>>,
}

impl Stream {
    pub(crate) fn new(gate: &Gate, code: u16, id: i32, window: u32) -> Self {
        let state = gate.driver(|driver| driver.claim(code, id, Direction::Both, window));
        Self { receiver: Receiver::of(gate, Rc::clone(&state)), sender: Sender { gate: gate.clone(), state } }
    }

    /// As [`Receiver::read`].
    ///
    /// # Errors
    /// [`StreamError::Lost`].
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StreamError> {
        self.receiver.read(buffer).await
    }

    /// As [`Receiver::chunk`].
    ///
    /// # Errors
    /// [`StreamError::Lost`].
    pub async fn chunk(&mut self) -> Result<Option<Chunk>, StreamError> {
        self.receiver.chunk().await
    }

    /// As [`Sender::write_all`].
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn write_all(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        self.sender.write_all(bytes).await
    }

    /// The two directions, for two tasks.
    #[must_use]
    pub fn split(self) -> (Receiver, Sender) {
        (self.receiver, self.sender)
    }
}

impl Receiver {
    pub(crate) fn new(gate: &Gate, code: u16, id: i32, window: u32) -> Self {
        Self::of(gate, gate.driver(|driver| driver.claim(code, id, Direction::Incoming, window)))
    }

    fn of(gate: &Gate, state: Rc<RefCell<State>>) -> Self {
        Self { gate: gate.clone(), state, rest: Vec::new(), position: 0 }
    }

    /// Waits for data, and puts it into the beginning of the buffer, at most as much as that holds. Returns how much it was: 0
    /// at the end of the stream, or if the buffer holds nothing.
    ///
    /// If the future is dropped before it is ready, nothing is lost.
    ///
    /// # Errors
    /// [`StreamError::Lost`] once everything was read that had been received.
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StreamError> {
        if self.position == self.rest.len() && !buffer.is_empty() {
            self.rest = self.received().await?.map_or_else(Vec::new, |chunk| chunk.bytes);
            self.position = 0;
        }
        let rest = &self.rest[self.position..];
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.position += len;
        Ok(len)
    }

    /// Waits for data, and returns it as it came, with the service's note about it. `None` at the end of the stream.
    ///
    /// What [`Receiver::read`] has left of a chunk comes first, with the note 0.
    ///
    /// If the future is dropped before it is ready, nothing is lost.
    ///
    /// # Errors
    /// [`StreamError::Lost`] once everything was read that had been received.
    pub async fn chunk(&mut self) -> Result<Option<Chunk>, StreamError> {
        if self.position < self.rest.len() {
            let bytes = self.rest.split_off(self.position);
            self.rest.clear();
            self.position = 0;
            return Ok(Some(Chunk { note: 0, bytes }));
        }
        self.received().await
    }

    /// Reads everything up to the end.
    ///
    /// # Errors
    /// [`StreamError::Lost`]; what was read before is lost.
    pub async fn read_to_end(&mut self) -> Result<Vec<u8>, StreamError> {
        let mut all = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            all.extend_from_slice(&chunk.bytes);
        }
        Ok(all)
    }

    async fn received(&mut self) -> Result<Option<Chunk>, StreamError> {
        poll_fn(|cx| self.gate.driver(|driver| driver.poll_chunk(&self.state, cx))).await
    }

    /// The note with which the service has ended the stream, if it has; some services put a result there.
    #[must_use]
    pub fn end_note(&self) -> Option<i32> {
        self.state.borrow().end_note()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.gate.driver(|driver| driver.close_incoming(&self.state));
    }
}

impl Sender {
    /// Waits until the service takes data, and sends of the beginning of `bytes` what it takes, at most 65520 bytes. Returns
    /// how much it was: 0 only if there was nothing.
    ///
    /// If the future is dropped before it is ready, nothing was sent.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<usize, StreamError> {
        self.write_note(bytes, 0).await
    }

    /// As [`Sender::write`], with a note whose meaning is up to the service.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn write_note(&mut self, bytes: &[u8], note: i32) -> Result<usize, StreamError> {
        poll_fn(|cx| self.gate.driver(|driver| driver.poll_write(&self.state, note, bytes, cx))).await
    }

    /// Sends all of `bytes`, in as many parts as need be.
    ///
    /// # Errors
    /// [`StreamError`]. Some of it may have been sent.
    pub async fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), StreamError> {
        while !bytes.is_empty() {
            let written = self.write(bytes).await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// Sends no more, and tells the service with a note whose meaning is up to it. Dropping does it with the note 0.
    pub fn close(self, note: i32) {
        self.gate.driver(|driver| driver.close_outgoing(&self.state, note));
    }

    /// The last note of the service about what it receives, a negative number whose meaning is up to it.
    #[must_use]
    pub fn note(&self) -> Option<i32> {
        self.state.borrow().flow_note()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.gate.driver(|driver| driver.close_outgoing(&self.state, 0));
    }
}
