//! Where connections come from.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use super::instance::Streams;
use super::transport::{Pair, Transport, Whole};

/// How many connections can wait for the program at a time. Each is something open in this process.
pub const MAX_WAITING: usize = 1024;

/// Where the connections of one program come from. Clones are the same connector.
///
/// It stays when the program is stopped and continued, but has one service at a time: that of the program before is dropped before
/// the next one is made.
#[derive(Clone, Default)]
pub struct Connector {
    shared: Arc<Shared>,
}

/// What a connector and the service of its program share. The lock is held for moments, and nothing is dropped under it.
#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Nothing is connected any more.
    is_closed: bool,
    /// Connections that the program has not accepted yet, the oldest first.
    waiting: VecDeque<Offer>,
    /// What a service left.
    parked: Option<Parked>,
    /// Of the service.
    waker: Option<Waker>,
}

/// The connections of a service that was saved and dropped.
struct Parked {
    /// What it saved.
    snapshot: Vec<u8>,
    streams: Streams,
}

/// A connection that waits to be accepted.
struct Offer {
    link: Link,
    /// Whether it would rather have a stream that has lost its connection.
    adopts: bool,
}

/// A connection as the service has it.
pub(super) struct Link {
    pub(super) transport: Box<dyn Transport>,
    is_cancelled: Arc<AtomicBool>,
    ended: oneshot::Sender<Ended>,
}

impl Link {
    /// Whether nobody wants it any more.
    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    /// Tells that it is over.
    pub(super) fn end(self, error: Option<io::Error>) {
        // It does not matter if nobody is interested any more.
        let _ = self.ended.send(error.map_or(Ended::Finished, Ended::Failed));
    }
}

/// How a connection ended.
#[derive(Debug)]
pub enum Ended {
    /// Both directions came to their ends.
    Finished,
    /// Both directions came to their ends, one of them because reading or writing failed.
    Failed(io::Error),
    /// The program, or the connector, ended before the connection.
    Gone,
    /// It was not connected, because [`MAX_WAITING`] others wait already.
    Refused,
}

/// A connection as the host has it: a future that is ready when the connection is over. Dropping it closes the connection, in
/// whatever state it is, and loses what was not written to it.
#[derive(Debug)]
#[must_use = "a connection is closed when this is dropped"]
pub struct Connection {
    ended: oneshot::Receiver<Ended>,
    is_cancelled: Arc<AtomicBool>,
    /// Weak, as the connector may have the connection.
    shared: Weak<Shared>,
}

impl Future for Connection {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ended> {
        Pin::new(&mut self.ended).poll(context).map(|ended| ended.unwrap_or(Ended::Gone))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.is_cancelled.store(true, Ordering::Release);
        let Some(shared) = self.shared.upgrade() else { return };
        let mut state = shared.lock();
        let position = state.waiting.iter().position(|offer| offer.link.is_cancelled());
        let offer = position.and_then(|position| state.waiting.remove(position));
        let waker = state.waker.clone();
        drop(state);
        drop(offer);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Connector {
    /// Without connections.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Connects the program with `stream`, as soon as it waits for a connection and may have another.
    pub fn connect(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Connection {
        self.offer(Box::new(Whole(stream)), false)
    }

    /// Connects the program with something to read and something to write, as soon as it waits for a connection and may have
    /// another. Either is dropped when its direction ends.
    pub fn connect_pair(
        &self,
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Connection {
        self.offer(pair(reader, writer), false)
    }

    /// As [`Connector::connect_pair`]; but if the program is now continued, and it had connections elsewhere, it gets this in the place of
    /// the one with the lowest stream id. Has to be called before the service is made.
    pub fn adopt(
        &self,
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Connection {
        self.offer(pair(reader, writer), true)
    }

    /// Ends connections that wait, or belong to a service that is gone, and connects no more.
    pub fn close(&self) {
        let mut state = self.shared.lock();
        state.is_closed = true;
        let gone = (std::mem::take(&mut state.waiting), state.parked.take());
        drop(state);
        drop(gone);
    }

    fn offer(&self, transport: Box<dyn Transport>, adopts: bool) -> Connection {
        let (sender, receiver) = oneshot::channel();
        let is_cancelled = Arc::new(AtomicBool::new(false));
        let connection = Connection {
            ended: receiver,
            is_cancelled: Arc::clone(&is_cancelled),
            shared: Arc::downgrade(&self.shared),
        };
        let link = Link { transport, is_cancelled, ended: sender };
        let mut state = self.shared.lock();
        if state.is_closed {
            return connection;
        }
        if state.waiting.len() >= MAX_WAITING {
            drop(state);
            let _ = link.ended.send(Ended::Refused);
            return connection;
        }
        state.waiting.push_back(Offer { link, adopts });
        let waker = state.waker.clone();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        connection
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Connector")
            .field("is_closed", &state.is_closed)
            .field("waiting", &state.waiting.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// Has `waker` woken when there is another connection, or one is not wanted any more.
    pub(super) fn listen(&self, waker: &Waker) {
        self.lock().waker = Some(waker.clone());
    }

    /// The connection that has waited longest.
    pub(super) fn accept(&self) -> Option<Link> {
        loop {
            let offer = self.lock().waiting.pop_front()?;
            // Whoever cancels it removes it, too, but not in the same moment.
            if !offer.link.is_cancelled() {
                return Some(offer.link);
            }
        }
    }

    /// The connection that has waited longest of those that would rather have a stream that has none.
    pub(super) fn accept_adopting(&self) -> Option<Link> {
        let mut state = self.lock();
        let position = state.waiting.iter().position(|offer| offer.adopts)?;
        state.waiting.remove(position).map(|offer| offer.link)
    }

    /// Keeps the connections of a service that has saved `snapshot`.
    pub(super) fn park(&self, snapshot: Vec<u8>, streams: Streams) {
        let mut state = self.lock();
        state.waker = None;
        let parked = Parked { snapshot, streams };
        let gone = if state.is_closed { Some(parked) } else { state.parked.replace(parked) };
        drop(state);
        drop(gone);
    }

    /// The connections of the service that has saved `snapshot` last, if it was this. Others are closed.
    pub(super) fn unpark(&self, snapshot: &[u8]) -> Option<Streams> {
        let parked = self.lock().parked.take()?;
        (parked.snapshot == snapshot).then_some(parked.streams)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pair(
    reader: impl AsyncRead + Send + Unpin + 'static,
    writer: impl AsyncWrite + Send + Unpin + 'static,
) -> Box<dyn Transport> {
    Box::new(Pair { reader: Some(reader), writer: Some(writer) })
}
