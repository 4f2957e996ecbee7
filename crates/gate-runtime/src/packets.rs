//! The packet stream of a program: bytes between its socket and the pump that serves it.

use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use gate_packet::buffers::Buffers;
use gate_service::{Client, Fault, Pump, Registry, Scope};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, Sleep, sleep};

use crate::watch::watched;

/// How much is read from a program at once: a packet of the largest size.
const CHUNK_BYTES: usize = 64 << 10;
/// How much is read from a program that has not just sent much. The pump keeps that much room for it all the time.
const SMALL_CHUNK_BYTES: usize = 4 << 10;
/// How often that is done before something else has its turn, however fast the program writes.
const CHUNKS: usize = 8;

/// For how long memory that a program's packets have needed is kept, in case they need it again.
///
/// A program that sends a stream stops with each packet, until it is written. To get the memory anew each time costs more than all the rest.
const KEPT_FOR: Duration = Duration::from_millis(50);

/// The services of a program.
#[derive(Clone, Debug)]
pub struct Services {
    /// Those it can find.
    pub registry: Arc<Registry>,
    /// What they know of it.
    pub client: Arc<Client>,
}

impl Services {
    /// None at all, for a program of nobody.
    #[must_use]
    pub fn none() -> Self {
        let client = Client {
            principal: None,
            instance: None,
            process_key: [0; 16],
            scope: Scope::new([]),
            system_user: None,
        };
        Self { registry: Arc::default(), client: Arc::new(client) }
    }
}

/// One program's packets.
#[derive(Debug)]
pub(crate) struct Packets {
    socket: AsyncFd<OwnedFd>,
    pump: Pump,
    /// How much is read next.
    chunk: usize,
    closed: bool,
    /// When to look whether memory is still needed; there if there is some.
    respite: Option<Pin<Box<Sleep>>>,
    /// Whether it was needed since that was set.
    was_needed: bool,
}

impl Packets {
    /// `socket` is what a process has sent, so it may be anything, and something that is not that process's own: its
    /// state is not touched, and what is not a socket counts as closed.
    pub(crate) fn new(socket: OwnedFd, services: &Services) -> std::io::Result<Option<Self>> {
        let pump = Pump::new(Arc::clone(&services.registry), Arc::clone(&services.client));
        match watched(socket, Interest::READABLE | Interest::WRITABLE) {
            Ok(socket) => Ok(Some(Self::with(socket, pump))),
            // It cannot be waited for, so it is not a socket.
            Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The packets of a program that is restored, and the end of the stream that it gets.
    pub(crate) fn restore(pump: Pump) -> std::io::Result<(Self, OwnedFd)> {
        let (socket, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        let socket = watched(socket, Interest::READABLE | Interest::WRITABLE)?;
        Ok((Self::with(socket, pump), theirs))
    }

    fn with(socket: AsyncFd<OwnedFd>, pump: Pump) -> Self {
        let (chunk, closed) = (SMALL_CHUNK_BYTES, false);
        Self { socket, pump, chunk, closed, respite: None, was_needed: false }
    }

    /// All that is on the way, in a program that has stopped and whose end of the stream is `theirs`. What it has sent is
    /// handled before; the rest stays on the way.
    pub(crate) async fn save(&mut self, theirs: &OwnedFd) -> Result<Buffers, Fault> {
        self.pump.receive(&received(self.socket.get_ref()));
        poll_fn(|context| self.pump.drain(context)).await?;
        self.pump.take_back(&received(theirs));
        self.pump.save().await
    }

    /// Handles everything that a program has sent which has ended, and ends its services after what they have still got to do.
    pub(crate) async fn finish(mut self) -> Result<(), Fault> {
        self.pump.receive(&received(self.socket.get_ref()));
        poll_fn(|context| -> Poll<Result<(), Fault>> {
            // Nobody takes the answers.
            self.pump.delivered(self.pump.outgoing().len());
            self.pump.poll(context)?;
            self.pump.delivered(self.pump.outgoing().len());
            if self.pump.wants_input() { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await?;
        self.pump.close().await;
        Ok(())
    }

    /// Moves what can be moved without waiting, but not for ever, and has `context` woken when there is more.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Result<(), Fault> {
        for _ in 0..CHUNKS {
            self.pump.poll(context)?;
            let sent = self.send(context);
            let received = self.receive(context);
            if sent.is_pending() && received.is_pending() {
                self.give_back(context);
                return Ok(());
            }
            self.was_needed = true;
        }
        context.waker().wake_by_ref();
        Ok(())
    }

    /// Gives back memory that has not been needed for a while.
    fn give_back(&mut self, context: &mut Context<'_>) {
        while self.pump.has_spare() {
            let respite = self.respite.get_or_insert_with(|| {
                self.was_needed = false;
                Box::pin(sleep(KEPT_FOR))
            });
            if respite.as_mut().poll(context).is_pending() {
                return;
            }
            if std::mem::take(&mut self.was_needed) {
                respite.as_mut().reset(Instant::now() + KEPT_FOR);
            } else {
                self.pump.shrink();
            }
        }
        self.respite = None;
    }

    /// Ready when something was delivered, so that the pump may have more to do.
    fn send(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let bytes = self.pump.outgoing();
            if bytes.is_empty() || self.closed {
                return Poll::Pending;
            }
            let Ok(mut guard) = ready!(self.socket.poll_write_ready(context)) else {
                return self.close_stream();
            };
            match rustix::net::send(self.socket.get_ref(), bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => {
                    self.pump.delivered(count);
                    return Poll::Ready(());
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(_) => return self.close_stream(),
            }
        }
    }

    /// Ready when the pump has got something.
    fn receive(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.closed || !self.pump.wants_input() {
                return Poll::Pending;
            }
            let Ok(mut guard) = ready!(self.socket.poll_read_ready(context)) else {
                return self.close_stream();
            };
            let (socket, chunk) = (self.socket.get_ref(), self.chunk);
            let received = self.pump.receive_with(|bytes| {
                bytes.reserve(chunk);
                let room = bytes.capacity() - bytes.len();
                let buffer = rustix::buffer::spare_capacity(bytes);
                rustix::net::recv(socket, buffer, RecvFlags::DONTWAIT).map(|(count, _)| (count, room))
            });
            match received {
                Ok((0, _)) => return self.close_stream(),
                Ok((count, room)) => {
                    // That was all: there is no need to ask.
                    if count < room {
                        guard.clear_ready();
                    }
                    self.chunk = if count < SMALL_CHUNK_BYTES { SMALL_CHUNK_BYTES } else { CHUNK_BYTES };
                    return Poll::Ready(());
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(_) => return self.close_stream(),
            }
        }
    }

    /// The program's end is gone. Its services may still have something to do.
    fn close_stream(&mut self) -> Poll<()> {
        self.closed = true;
        Poll::Pending
    }
}

/// What can be received without waiting. A program that floods its end cannot make this long: nobody else writes meanwhile.
fn received(socket: &OwnedFd) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        bytes.reserve(CHUNK_BYTES);
        match rustix::net::recv(socket, rustix::buffer::spare_capacity(&mut bytes), RecvFlags::DONTWAIT) {
            Err(Errno::INTR) | Ok((1.., _)) => {}
            Ok((0, _)) | Err(_) => return bytes,
        }
    }
}

#[cfg(test)]
mod tests;
