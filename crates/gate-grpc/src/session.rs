//! A service in a server, for one program.
//!
//! ```text
//!            a packet, or                    saved
//!            a snapshot to go on with    ┌──────────────┐
//!   Absent ──────────────▶ Creating ─────┼─▶ Present ───┘──▶ Absent
//!     ▲                                  │      │
//!     └──────────── the connection is lost ─────┘
//! ```
//!
//! When the connection to the server is lost, what the server knew of the program is lost with it. If nothing has passed between the
//! program and the instance since it was made, another one is made in the same way, and nothing has happened. Otherwise, one is made of the
//! last snapshot, or as for a new program if there is none, or one with packets in it, which were sent since. It gets the calls that have not
//! been answered and the packets that have not been taken; so a call can be made twice, but has one answer. That would make no sense to a
//! program that has streams, or has come from another host with calls outstanding that nobody knows: it ends.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use gate_packet::{Domain, Packet};
use gate_service::{BoxFuture, Failure, Outbox, Saved, Service};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::error::{CallError, PacketError, ServerError, SessionError};
use crate::instance::{Call, CreateError, Instance};
use crate::ledger::{Answered, Ledger};
use crate::limits::{HANDLE_GRACE, LOSS_PERIOD, MAX_DRAINED, MAX_LOSSES, MAX_SNAPSHOT};
use crate::packets::{self, Received};
use crate::proto::{CreateRequest, InstanceConfig};
use crate::saved::Kept;
use crate::server::Server;
use crate::streams::{Sender, Streams};

/// What a service is for, and where.
pub(crate) struct Place {
    pub(crate) server: Arc<Server>,
    /// The service's.
    pub(crate) name: Arc<str>,
    pub(crate) code: u16,
    /// What the server is told of the program.
    pub(crate) config: InstanceConfig,
}

/// A service in a server, for one program.
pub(crate) struct Session {
    place: Place,
    state: State,
    /// What the instance is made of, or was.
    base: Vec<u8>,
    /// Whether there are no packets in it.
    is_base_quiet: bool,
    /// Whether anything has passed between the program and the instance since it was made.
    has_progress: bool,
    streams: Streams,
    ledger: Ledger,
    /// Came from the server while it was suspended.
    undelivered: VecDeque<Undelivered>,
    undelivered_bytes: usize,
    /// Waits for room in the ledger.
    ready: Option<Waker>,
    losses: u32,
    last_loss: Option<Instant>,
}

/// A packet for the program.
struct Undelivered {
    packet: Vec<u8>,
    /// The call that it answers.
    answered: Option<Answered>,
}

enum State {
    Absent,
    Creating(JoinHandle<Result<Instance, CreateError>>),
    Present(Present),
    Failed,
}

struct Present {
    instance: Instance,
    /// The server is taking a packet.
    handling: Option<Call<()>>,
    /// Whether it has taken that already: it has answered it.
    has_taken: bool,
    /// Whether the server was asked to suspend it, and no more can be done with it but that.
    is_suspended: bool,
}

/// How it goes on after an error.
type Outcome<T> = Result<T, Trouble>;

enum Trouble {
    /// The connection was lost.
    Lost(CallError),
    /// There is no server.
    Unreachable(Arc<ServerError>),
    /// The server does not make an instance.
    Refused(String),
    /// The program's service has failed.
    Fatal(SessionError),
}

impl Session {
    /// For a program that is new, or goes on with what was kept.
    ///
    /// # Errors
    /// [`Failure::Snapshot`].
    pub(crate) fn new(place: Place, kept: Kept) -> Result<Self, Failure> {
        let mut session = Self {
            place,
            state: State::Absent,
            base: kept.snapshot,
            is_base_quiet: kept.is_quiet,
            has_progress: false,
            streams: Streams::new(kept.has_streams),
            ledger: kept.ledger,
            undelivered: VecDeque::new(),
            undelivered_bytes: 0,
            ready: None,
            losses: 0,
            last_loss: None,
        };
        for packet in kept.undelivered {
            let packet = session
                .look_at(packet)
                .map_err(|reason| session.invalid(format!("packet for the program: {reason}")))?;
            session.keep(packet).map_err(|_| session.invalid("there is too much for the program"))?;
        }
        if session.base.len() > MAX_SNAPSHOT {
            return Err(session.invalid(format!("it has more than {MAX_SNAPSHOT} bytes")));
        }
        Ok(session)
    }

    /// Makes the instance now if it has something to do. Otherwise the first packet does.
    pub(crate) async fn begin(&mut self) -> Result<(), Failure> {
        while self.has_work() {
            match poll_fn(|context| self.poll_present(context)).await {
                Ok(()) => break,
                Err(trouble) => self.recover(trouble)?,
            }
        }
        Ok(())
    }

    /// Whether there is something that an instance has to do, if there is none.
    fn has_work(&self) -> bool {
        !self.base.is_empty() || self.ledger.has_waiting()
    }

    /// Makes the instance if there is none.
    fn poll_present(&mut self, context: &mut Context<'_>) -> Poll<Outcome<()>> {
        let created = loop {
            match &mut self.state {
                State::Present(present) if present.is_suspended => {
                    return Poll::Ready(Err(self.fatal(|name| SessionError::Interrupted { name })));
                }
                State::Present(_) => return Poll::Ready(Ok(())),
                State::Failed => return Poll::Ready(Err(self.fatal(|name| SessionError::Again { name }))),
                State::Creating(creation) => break ready!(Pin::new(creation).poll(context)),
                State::Absent => {
                    let server = Arc::clone(&self.place.server);
                    let request = CreateRequest {
                        service_name: self.place.name.to_string(),
                        config: Some(self.place.config.clone()),
                        snapshot: self.base.clone(),
                    };
                    // A task, so that an instance is shut down that nobody waits for any more.
                    let creation = async move { Instance::create(&server, request).await };
                    self.state = State::Creating(tokio::spawn(creation));
                }
            }
        };
        self.state = State::Absent;
        self.has_progress = false;
        Poll::Ready(match created {
            Ok(Ok(instance)) => {
                let (handling, has_taken, is_suspended) = (None, false, false);
                self.state = State::Present(Present { instance, handling, has_taken, is_suspended });
                Ok(())
            }
            Ok(Err(CreateError::Call(error))) => Err(self.trouble(error)),
            Ok(Err(CreateError::Unreachable(error))) => Err(Trouble::Unreachable(error)),
            Ok(Err(CreateError::Refused(reason))) => Err(Trouble::Refused(reason)),
            // The runtime ends, or there is a mistake.
            Err(source) => Err(self.fatal(|name| SessionError::Task { name, source })),
        })
    }

    /// Hands the program's packets to the server, one after the other.
    fn poll_handling(&mut self, context: &mut Context<'_>) -> Poll<Outcome<()>> {
        loop {
            ready!(self.poll_taken(context))?;
            let State::Present(present) = &mut self.state else { return Poll::Ready(Ok(())) };
            let Some(entry) = self.ledger.next() else { return Poll::Ready(Ok(())) };
            present.handling = Some(present.instance.handle(entry.packet.clone()));
        }
    }

    /// Goes on with the packet that the server is just taking, if there is one.
    fn poll_taken(&mut self, context: &mut Context<'_>) -> Poll<Outcome<()>> {
        let State::Present(present) = &mut self.state else { return Poll::Ready(Ok(())) };
        let Some(handling) = &mut present.handling else { return Poll::Ready(Ok(())) };
        let result = ready!(handling.as_mut().poll(context));
        present.handling = None;
        let has_taken = mem::take(&mut present.has_taken);
        Poll::Ready(match result {
            Ok(()) => {
                self.has_progress = true;
                if !has_taken {
                    let entry = self.ledger.next();
                    if let Some(received) = entry.and_then(|entry| Received::decode(&entry.packet).ok()) {
                        self.streams.arrived(Sender::Program, &received);
                    }
                    self.ledger.take();
                }
                self.wake();
                Ok(())
            }
            Err(error) => Err(self.trouble(error)),
        })
    }

    /// Gets a packet from the server; `None` if there will be no more.
    fn poll_packet(&mut self, context: &mut Context<'_>) -> Poll<Outcome<Option<Undelivered>>> {
        let State::Present(present) = &mut self.state else { return Poll::Ready(Ok(None)) };
        let packet = match ready!(present.instance.poll_receive(context)) {
            Ok(Some(packet)) => packet,
            Ok(None) => return Poll::Ready(Ok(None)),
            Err(error) => return Poll::Ready(Err(self.trouble(error))),
        };
        self.has_progress = true;
        let packet = self.look_at(packet);
        self.wake();
        Poll::Ready(match packet {
            Ok(packet) => Ok(Some(packet)),
            Err(reason) => Err(self.fatal(|name| SessionError::Packet { name, reason })),
        })
    }

    /// Finds out what a packet of the server means.
    fn look_at(&mut self, packet: Vec<u8>) -> Result<Undelivered, PacketError> {
        let received = Received::decode(&packet)?;
        let answered = match received.domain {
            Domain::Call => {
                let (is_taking, has_taken) = match &mut self.state {
                    State::Present(present) => {
                        (present.handling.is_some() && !present.has_taken, Some(&mut present.has_taken))
                    }
                    State::Absent | State::Creating(_) | State::Failed => (false, None),
                };
                let answered = match self.ledger.answer(received.index, is_taking) {
                    Ok(answered) => answered,
                    Err(error) if self.base.is_empty() => return Err(error),
                    // What it answers may be in the snapshot, which somebody else has written.
                    Err(_) => {
                        self.ledger.give_up();
                        None
                    }
                };
                if let Some(Answered { is_early: true, .. }) = answered
                    && let Some(has_taken) = has_taken
                {
                    *has_taken = true;
                }
                answered
            }
            Domain::Info => None,
            Domain::Flow | Domain::Data => {
                self.streams.sent(&received);
                None
            }
        };
        Ok(Undelivered { packet, answered })
    }

    /// Puts a packet aside.
    fn keep(&mut self, packet: Undelivered) -> Outcome<()> {
        if self.undelivered_bytes > MAX_DRAINED {
            return Err(self.fatal(|name| SessionError::Drain { name, limit: MAX_DRAINED }));
        }
        self.undelivered_bytes += packet.packet.len();
        self.undelivered.push_back(packet);
        Ok(())
    }

    /// Does what can be done after an error: prepares for another instance if the connection was lost.
    fn recover(&mut self, trouble: Trouble) -> Result<(), Failure> {
        let name = self.place.name.to_string();
        let failure = match trouble {
            Trouble::Lost(error) => match self.lost(error) {
                Ok(()) => return Ok(()),
                Err(error) => service(error),
            },
            Trouble::Refused(reason) if !self.base.is_empty() => self.invalid(reason),
            Trouble::Refused(reason) => service(SessionError::Refused { name, reason }),
            Trouble::Unreachable(source) => service(SessionError::Unreachable { name, source }),
            Trouble::Fatal(error) => service(error),
        };
        self.state = State::Failed;
        // Whoever waits is told.
        if let Some(waker) = self.ready.take() {
            waker.wake();
        }
        Err(failure)
    }

    fn lost(&mut self, source: CallError) -> Result<(), SessionError> {
        if let State::Present(present) = mem::replace(&mut self.state, State::Absent) {
            present.instance.forget();
        }
        let now = Instant::now();
        if self.last_loss.is_none_or(|last| now - last > LOSS_PERIOD) {
            self.losses = 0;
        }
        self.last_loss = Some(now);
        self.losses += 1;
        let (name, losses) = (self.place.name.to_string(), self.losses);
        if losses > MAX_LOSSES {
            return Err(SessionError::Unstable { name, losses, source });
        }
        if !mem::take(&mut self.has_progress) {
            return Ok(());
        }
        if self.streams.are_there() {
            return Err(SessionError::Lost { name, what: "streams", source });
        }
        if !self.ledger.is_complete() {
            return Err(SessionError::Lost { name, what: "calls", source });
        }
        self.ledger.forget();
        if !mem::replace(&mut self.is_base_quiet, true) {
            self.base.clear();
        }
        Ok(())
    }

    fn trouble(&self, source: CallError) -> Trouble {
        if source.is_lost() {
            Trouble::Lost(source)
        } else {
            self.fatal(|name| SessionError::Call { name, source })
        }
    }

    fn fatal(&self, error: impl FnOnce(String) -> SessionError) -> Trouble {
        Trouble::Fatal(error(self.place.name.to_string()))
    }

    fn invalid(&self, reason: impl fmt::Display) -> Failure {
        Failure::Snapshot(format!("service {:?}: {reason}", self.place.name).into())
    }

    fn wake(&mut self) {
        if !self.ledger.is_full()
            && let Some(waker) = self.ready.take()
        {
            waker.wake();
        }
    }

    /// Has the server write down what it keeps.
    async fn suspend(&mut self) -> Outcome<Vec<u8>> {
        // What the server is just taking gets a moment to be taken.
        let mut grace = pin!(tokio::time::sleep(HANDLE_GRACE));
        poll_fn(|context| {
            self.drain(context)?;
            match self.poll_taken(context) {
                Poll::Pending => grace.as_mut().poll(context).map(Ok),
                taken @ Poll::Ready(_) => taken,
            }
        })
        .await?;

        let limit = self.place.server.timeouts().call;
        let mut deadline = pin!(tokio::time::sleep(limit));
        let State::Present(present) = &mut self.state else { return Ok(Vec::new()) };
        present.is_suspended = true;
        let mut suspending = Some(present.instance.suspend());
        poll_fn(|context| {
            let has_ended = self.drain(context)?;
            if let Some(call) = &mut suspending
                && let Poll::Ready(result) = call.as_mut().poll(context)
            {
                suspending = None;
                result.map_err(|error| self.trouble(error))?;
            }
            // If it refuses the packet now, that goes into the snapshot, with those behind it.
            let is_taken = match self.poll_taken(context) {
                Poll::Ready(Err(Trouble::Lost(error))) => return Poll::Ready(Err(Trouble::Lost(error))),
                taken => taken.is_ready(),
            };
            if has_ended && suspending.is_none() && is_taken {
                return Poll::Ready(Ok(()));
            }
            deadline.as_mut().poll(context).map(|()| {
                let source = CallError::timeout("Suspend", limit);
                Err(self.fatal(|name| SessionError::Call { name, source }))
            })
        })
        .await?;

        let mut outgoing = Vec::with_capacity(self.undelivered_bytes);
        for undelivered in &self.undelivered {
            if let Ok(packet) = Received::decode(&undelivered.packet) {
                packet.encode(&mut outgoing, self.place.code);
            }
        }
        let incoming = self.ledger.parts().1.flat_map(|entry| entry.packet.iter().copied()).collect();
        let State::Present(present) = &mut self.state else { return Ok(Vec::new()) };
        let call = present.instance.snapshot(outgoing, incoming);
        call.await.map_err(|error| self.trouble(error))
    }

    /// Puts aside what there is from the server. Tells whether there will be no more.
    fn drain(&mut self, context: &mut Context<'_>) -> Outcome<bool> {
        loop {
            match self.poll_packet(context) {
                Poll::Ready(Ok(Some(packet))) => self.keep(packet)?,
                Poll::Ready(Ok(None)) => return Ok(true),
                Poll::Ready(Err(trouble)) => return Err(trouble),
                Poll::Pending => return Ok(false),
            }
        }
    }

    /// As if the server had never sent what the program has not got.
    fn undo(&mut self) -> Vec<Vec<u8>> {
        self.undelivered_bytes = 0;
        let mut packets = Vec::new();
        for undelivered in mem::take(&mut self.undelivered).into_iter().rev() {
            if let Some(answered) = undelivered.answered {
                self.ledger.restore(answered);
            }
            packets.push(undelivered.packet);
        }
        packets.reverse();
        packets
    }

    /// Sends what was put aside, as long as there is room.
    fn deliver(&mut self, out: &mut Outbox<'_>) {
        while out.has_room()
            && let Some(undelivered) = self.undelivered.pop_front()
        {
            self.undelivered_bytes -= undelivered.packet.len();
            self.send(&undelivered.packet, out);
        }
    }

    async fn save_now(&mut self) -> Saved {
        loop {
            let is_saved = matches!(self.state, State::Absent)
                && self.undelivered.is_empty()
                && !self.ledger.has_waiting();
            if is_saved {
                return Ok(self.keep_all());
            }
            let outcome = match poll_fn(|context| self.poll_present(context)).await {
                Ok(()) => self.suspend().await,
                Err(trouble) => Err(trouble),
            };
            match outcome {
                Ok(snapshot) => {
                    self.state = State::Absent;
                    let outgoing = self.undo();
                    self.is_base_quiet = outgoing.is_empty() && self.ledger.is_empty();
                    self.ledger.save(snapshot.is_empty());
                    if snapshot.is_empty() {
                        self.streams = Streams::new(false);
                    }
                    self.has_progress = false;
                    self.base = snapshot;
                    self.wake();
                }
                // There is no instance, so all that there is is here.
                Err(Trouble::Unreachable(_)) => return Ok(self.keep_all()),
                Err(trouble) => self.recover(trouble)?,
            }
        }
    }

    /// Writes down what is known here, when there is no instance.
    fn keep_all(&mut self) -> Vec<u8> {
        let undelivered = self.undo();
        let kept = Kept {
            snapshot: self.base.clone(),
            has_streams: self.streams.are_there(),
            is_quiet: self.is_base_quiet,
            ledger: self.ledger.clone(),
            undelivered,
        };
        let bytes = kept.encode();
        for packet in kept.undelivered {
            // They were looked at before.
            if let Ok(packet) = self.look_at(packet) {
                let _ = self.keep(packet);
            }
        }
        bytes
    }
}

impl Service for Session {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if self.ledger.is_full() && !matches!(self.state, State::Failed) {
            self.ready = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn handle(&mut self, packet: &Packet<'_>, _: &mut Outbox<'_>) -> Result<(), Failure> {
        let bytes = packets::encode(packet);
        if let Ok(received) = Received::decode(&bytes) {
            self.streams.sent(&received);
        }
        self.ledger.push(bytes, packet.domain() == Domain::Call);
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        loop {
            self.deliver(out);
            if matches!(self.state, State::Absent) && !self.has_work() {
                return Ok(());
            }
            match self.poll_step(context, out) {
                Ok(()) => return Ok(()),
                Err(trouble) => self.recover(trouble)?,
            }
        }
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        Box::pin(self.save_now())
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let State::Present(present) = mem::replace(&mut self.state, State::Failed) {
                // The program has ended, and so has the instance if the server is not there any more.
                let _ = present.instance.shut_down().await;
            }
        })
    }
}

impl Session {
    fn poll_step(&mut self, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Outcome<()> {
        match self.poll_present(context) {
            Poll::Ready(result) => result?,
            Poll::Pending => return Ok(()),
        }
        if let Poll::Ready(result) = self.poll_handling(context) {
            result?;
        }
        while out.has_room()
            && let Poll::Ready(packet) = self.poll_packet(context)
        {
            match packet? {
                Some(packet) => self.send(&packet.packet, out),
                None => break,
            }
        }
        Ok(())
    }

    /// Hands a packet to the program.
    fn send(&mut self, packet: &[u8], out: &mut Outbox<'_>) {
        if let Ok(received) = Received::decode(packet) {
            self.streams.arrived(Sender::Server, &received);
            out.packet(received.domain, received.index, received.content)
                .expect("its size is that of a packet that was looked at");
        }
    }
}

fn service(error: SessionError) -> Failure {
    Failure::Service(Box::new(error))
}
