//! The packet stream of a program: bytes between its ring and the pump that serves it.
//!
//! The program's process sleeps until a byte comes through the socket beside the ring, and has this one woken in the same way. What it says
//! there is nothing but that, and [`gate_sandbox::ring`] says when.

use std::future::poll_fn;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use gate_packet::buffers::Buffers;
use gate_sandbox::ring::{self, Nonsense, Ready, Ring, RingError, Side};
use gate_service::{Client, Fault, Pump, Registry, Scope};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, Sleep, sleep};

use crate::watch::watched;

/// How much is taken from a program at once, in bytes, or else what a packet lacks that is known to be larger. So the program gets what
/// comes of a large packet before the next is taken, and goes on meanwhile; and large packets are not moved again, as what is behind one is.
const CHUNK_BYTES: usize = 4 << 10;
/// How often that is done before something else has its turn, however fast the program writes.
const CHUNKS: usize = 32;

/// How much is moved before a program that sleeps is woken, in bytes, as long as there is more to move: it is woken less often, and has more to
/// do then. To wake it takes about as long as to move some ten thousand bytes.
const HASTE_BYTES: usize = ring::CAPACITY as usize / 2;

/// After how many waits bells are taken out of the socket. Until then they do no harm: there is room for more than a hundred, and who waits
/// hears of each new one. So it costs a system call now and then instead of one for each packet.
const WAITS: u32 = 32;
/// How many are taken out at once. Many more are there only if the program wants it so.
const BELLS: usize = 256;

/// For how long memory that a program's packets have needed is kept, in case they need it again.
///
/// A program that sends a stream stops with each packet, until it is written. To get the memory anew each time costs more than all the rest.
const KEPT_FOR: Duration = Duration::from_millis(50);
/// The same of a program that is always busy when it is looked at.
const MAX_KEPT_FOR: Duration = Duration::from_secs(60);

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

/// What the pump and its services are given to be woken by. While their turn lasts, that is only noted: whoever has it looks.
#[derive(Debug, Default)]
struct Turn {
    is_on: AtomicBool,
    is_woken: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Turn {
    /// Begins a turn of the task that `context` wakes.
    fn begin(&self, context: &Context<'_>) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *task {
            Some(known) => known.clone_from(context.waker()),
            None => *task = Some(context.waker().clone()),
        }
        self.is_on.store(true, Ordering::SeqCst);
    }

    /// Whether somebody was to be woken since this was asked last.
    fn take_wake(&self) -> bool {
        self.is_woken.load(Ordering::SeqCst) && self.is_woken.swap(false, Ordering::SeqCst)
    }

    /// Ends a turn. What was noted since it was looked at is not lost: either it is seen here, or whoever wakes sees that the turn is over.
    fn end(&self, context: &Context<'_>) {
        self.is_on.store(false, Ordering::SeqCst);
        if self.take_wake() {
            context.waker().wake_by_ref();
        }
    }
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        if !self.is_on.load(Ordering::SeqCst) {
            let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(task) = task {
                task.wake();
            }
        }
    }
}

/// One program's packets.
#[derive(Debug)]
pub(crate) struct Packets {
    socket: AsyncFd<OwnedFd>,
    ring: Ring,
    /// The ring's file, for the next process of the program.
    file: OwnedFd,
    pump: Pump,
    turn: Arc<Turn>,
    /// The program's process has closed its end. What it has sent before is still handled.
    is_gone: bool,
    /// How often a bell was asked for since they were taken in.
    waits: u32,
    /// When to look whether memory is still needed; there if there is some.
    respite: Option<Pin<Box<Sleep>>>,
    /// How long that is.
    kept_for: Duration,
    /// Whether it was needed since that was set.
    was_needed: bool,
}

/// Why a program's packets cannot go on.
#[derive(Debug)]
pub(crate) enum PacketsError {
    /// The program or a service has broken the rules.
    Fault(Fault),
    /// The program's process has.
    Nonsense(Nonsense),
}

impl From<Fault> for PacketsError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Nonsense> for PacketsError {
    fn from(nonsense: Nonsense) -> Self {
        Self::Nonsense(nonsense)
    }
}

impl Packets {
    /// `socket` and `file` are what a process has sent, so they may be anything, and something that is not that process's own: their
    /// state is not touched. Nothing if they are no socket and ring for sure.
    pub(crate) fn new(socket: OwnedFd, file: OwnedFd, services: &Services) -> std::io::Result<Option<Self>> {
        let ring = match ring::accept(file.as_fd()) {
            Ok(ring) => ring,
            Err(RingError::Map { source }) => return Err(source),
            Err(RingError::Seals { .. } | RingError::Size { .. } | RingError::Kind) => return Ok(None),
        };
        let pump = Pump::new(Arc::clone(&services.registry), Arc::clone(&services.client));
        match watched(socket, Interest::READABLE) {
            Ok(socket) => Ok(Some(Self::with(socket, ring, file, pump))),
            // It cannot be waited for, so it is not a socket.
            Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The packets of a program that is restored, and the end of the socket that it gets.
    pub(crate) fn restore(pump: Pump) -> std::io::Result<(Self, OwnedFd)> {
        let (socket, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        let socket = watched(socket, Interest::READABLE)?;
        let file = ring::create()?;
        let ring = Ring::open(file.as_fd(), Side::Runtime).map_err(std::io::Error::other)?;
        Ok((Self::with(socket, ring, file, pump), theirs))
    }

    fn with(socket: AsyncFd<OwnedFd>, ring: Ring, file: OwnedFd, pump: Pump) -> Self {
        Self {
            socket,
            ring,
            file,
            pump,
            turn: Arc::default(),
            is_gone: false,
            waits: 0,
            respite: None,
            kept_for: KEPT_FOR,
            was_needed: false,
        }
    }

    /// The file of the ring.
    pub(crate) fn ring(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// All that is on the way, in a program that has stopped. What it has sent is handled before; the rest stays on the way.
    pub(crate) async fn save(&mut self) -> Result<Buffers, Fault> {
        self.receive_all();
        poll_fn(|context| self.pump.drain(context)).await?;
        // What a process has that cannot count is lost to its own program only.
        self.pump.take_back(&self.ring.take_back().unwrap_or_default());
        self.pump.save().await
    }

    /// Handles everything that a program has sent which has ended, and ends its services after what they have still got to do.
    pub(crate) async fn finish(mut self) -> Result<(), Fault> {
        self.receive_all();
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

    /// Takes what there is of a program that sends no more.
    fn receive_all(&mut self) {
        // Of one that cannot count, there is nothing.
        let _ = self.pump.receive_with(|bytes| self.ring.append_to(bytes, ring::CAPACITY as usize));
    }

    /// Moves what can be moved without waiting, but not for ever, and has `context` woken when there is more.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Result<(), PacketsError> {
        // Whatever has woken it, no bell is needed while it goes round.
        self.ring.go_on();
        let turn = Arc::clone(&self.turn);
        turn.begin(context);
        let going = self.go_round(context, &turn);
        turn.end(context);
        going
    }

    fn go_round(&mut self, context: &mut Context<'_>, turn: &Arc<Turn>) -> Result<(), PacketsError> {
        let waker = Waker::from(Arc::clone(turn));
        let mut unheard = 0;
        let mut is_more = false;
        for left in (0..CHUNKS).rev() {
            turn.take_wake();
            let (ring, socket) = (&mut self.ring, self.socket.get_ref());
            let mut flushed = false;
            let mut carrier = |bytes: &[u8]| {
                // Counts that make no sense are found by the transfer below.
                let sent = ring.send(bytes).unwrap_or(0);
                flushed |= sent > 0;
                ring_bell(ring, socket);
                sent
            };
            // Services wait for their turn until nothing more comes of the program, so that they have much to do at once then.
            let is_turn = !is_more || left == 0;
            if is_turn {
                self.pump.poll_with(&mut Context::from_waker(&waker), &mut carrier)?;
            } else {
                self.pump.handle_with(&mut carrier)?;
            }
            let sent = self.send()?;
            let received = self.receive()?;
            is_more = received > 0;
            unheard += sent + received;
            if sent + received == 0 || unheard >= HASTE_BYTES {
                unheard = 0;
                ring_bell(&self.ring, self.socket.get_ref());
            }
            if sent + received > 0 || flushed {
                self.was_needed = true;
            } else if is_turn && !turn.take_wake() && self.poll_bell(context)?.is_pending() {
                self.give_back(context);
                return Ok(());
            }
        }
        ring_bell(&self.ring, self.socket.get_ref());
        context.waker().wake_by_ref();
        Ok(())
    }

    /// Gives the program what it takes, and returns how many bytes that are.
    fn send(&mut self) -> Result<usize, Nonsense> {
        let outgoing = self.pump.outgoing();
        if outgoing.is_empty() || self.is_gone {
            return Ok(0);
        }
        let sent = self.ring.send(outgoing)?;
        self.pump.delivered(sent);
        Ok(sent)
    }

    /// Takes what the program has sent, if the pump wants it, and returns how many bytes that are.
    fn receive(&mut self) -> Result<usize, Nonsense> {
        if !self.pump.wants_input() {
            return Ok(0);
        }
        let lacking = self.pump.lacking();
        let limit = if lacking > 0 { lacking } else { CHUNK_BYTES };
        self.pump.receive_with(|bytes| self.ring.append_to(bytes, limit))
    }

    /// Ready when something may have come that can be moved. Otherwise `context` is woken when it has.
    fn poll_bell(&mut self, context: &mut Context<'_>) -> Result<Poll<()>, Nonsense> {
        if self.is_gone {
            return Ok(Poll::Pending);
        }
        // Before: the next bell must not be among them.
        if self.waits == WAITS {
            self.waits = 0;
            // Whatever it returns, it is the program's doing.
            let _ = rustix::net::recv(self.socket.get_ref(), &mut [0; BELLS], RecvFlags::DONTWAIT);
        }
        self.waits += 1;
        let wanted = Ready { data: self.pump.wants_input(), room: !self.pump.outgoing().is_empty() };
        self.ring.wait_for(wanted);
        let ready = self.ring.ready()?;
        if wanted.data && ready.data || wanted.room && ready.room {
            self.ring.go_on();
            return Ok(Poll::Ready(()));
        }
        match self.socket.poll_read_ready(context) {
            Poll::Pending => return Ok(Poll::Pending),
            Poll::Ready(Ok(mut guard)) => {
                self.is_gone = guard.ready().is_read_closed();
                guard.clear_ready();
            }
            Poll::Ready(Err(_)) => self.is_gone = true,
        }
        Ok(Poll::Ready(()))
    }

    /// Gives back memory that has not been needed for a while.
    fn give_back(&mut self, context: &mut Context<'_>) {
        while self.pump.has_spare() || self.ring.has_spare() {
            let respite = self.respite.get_or_insert_with(|| {
                (self.was_needed, self.kept_for) = (false, KEPT_FOR);
                Box::pin(sleep(self.kept_for))
            });
            if respite.as_mut().poll(context).is_pending() {
                return;
            }
            if std::mem::take(&mut self.was_needed) {
                self.kept_for = KEPT_FOR;
            } else {
                self.pump.shrink();
                // A program that does not wait now may do so for long: it is looked at less and less often.
                if !self.ring.give_back() {
                    self.kept_for = MAX_KEPT_FOR.min(self.kept_for * 2);
                }
            }
            respite.as_mut().reset(Instant::now() + self.kept_for);
        }
        self.respite = None;
    }
}

/// Wakes the program if it waits for what there is.
fn ring_bell(ring: &Ring, socket: &OwnedFd) {
    if ring.owes_bell() {
        // If there are bells enough, one of them will be heard. If nobody is there, that shows when it is waited for.
        let _ = rustix::net::send(socket, &[0], SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    }
}

#[cfg(test)]
mod tests;
