//! One program's packets and services.
//!
//! The pump does no I/O. Whoever has the program's stream of packets moves bytes between the two, and polls:
//!
//! ```text
//!   loop:
//!     poll                          handles packets, lets services send
//!     write outgoing, delivered     as much as the program's stream takes
//!     read, receive                 if wants_input, at most 64 KiB at a time
//!     nothing moved?                wait for one of: stream writable (if there is something outgoing),
//!                                   stream readable (if wants_input), the context of poll being woken
//! ```
//!
//! # Order
//! Packets are handled strictly in the order in which the program sent them, each completely before the next, whichever services they are
//! for. What a service sends arrives in the order in which it was sent. A service is made when the first packet for it is handled; the
//! packet, and those behind it, wait until that is done.
//!
//! # Back-pressure
//! As long as [`OUTBOX_BYTES`](crate::OUTBOX_BYTES) wait for the program, no packet of the program is handled and no service is polled, and no
//! more is read of a program as long as a complete packet of it waits. So there are at any time no more than that and the packets of one
//! call to a service on the way to the program, and no more than one packet and one read on the way from it. A service can be polled
//! only when it was woken, so programs and services that are idle cost nothing.
//!
//! # Why nothing is stuck for ever
//! Bytes of the program wait only (1) because it does not take what it was sent: it goes on when it does, and one that insists on
//! sending without ever reading hangs only itself; (2) because a service is being made, or is not ready: either
//! becomes so by itself, for other services are polled meanwhile, and none of them needs a packet of the program for it (a rule of
//! [`Service::poll_ready`](crate::Service::poll_ready)). Nothing waits for another program, unless services make it so.
//! Neither packets nor a busy service can keep another service from its turn: packets and services come first alternately, and services
//! take turns.
//!
//! # A stopped program
//! What is on its way is kept as [`Buffers`]: see [`Pump::save`]. A packet is either handled, and then services know of it,
//! or it is in the buffers, never both. The same holds for what services have sent, which the program has read or the buffers have.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use gate_packet::buffers::{Buffers, ServiceBuffer};
use gate_packet::directory::{self, Directory, Route};
use gate_packet::{Domain, MAX_SIZE, Packet, Violation};

use crate::outbox::{Carrier, OUTBOX_BYTES};
use crate::{BoxFuture, Client, Config, Factory, Failure, Outbox, Registry, Saved};

mod join;
mod queue;
mod slot;
mod wake;

use join::join;
use queue::Queue;
use slot::Slot;
use wake::Woken;

/// How many packets are handled before something else of the same thread gets its turn. Handling one takes about a microsecond.
const PACKETS_PER_POLL: usize = 256;

/// How much a program that has stopped can be left to read before its remaining packets are no longer handled but kept, in bytes.
///
/// What it has sent and nobody has read fits what its bytes go through, about 1 MiB, and answers are hardly longer than what they
/// answer. But there could be 100 000 calls in it with an answer of 64 KiB each.
const DRAIN_BYTES: usize = 1 << 20;

/// One program's packets and services. See the module's documentation for how it is driven.
pub struct Pump {
    registry: Arc<Registry>,
    client: Arc<Client>,
    directory: Directory,
    /// As many as there are services in the directory.
    slots: Vec<Slot>,
    woken: Arc<Woken>,
    /// The service that is polled next, if it is woken.
    turn: u16,
    /// Whether packets come before services in the next poll.
    packets_first: bool,
    /// What the program has sent and nobody has handled.
    inbox: Queue,
    /// What the program has not taken.
    outgoing: Queue,
    /// There was a fault: the program is ended, and services are not asked for anything any more.
    has_failed: bool,
}

/// Why a program cannot go on.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum Fault {
    /// The program has broken the packet protocol.
    #[error("program broke the packet protocol")]
    Violation(#[from] Violation),
    /// A service cannot go on with it. The failure tells whose fault that is.
    #[error("service {name}")]
    Service {
        name: String,
        #[source]
        failure: Failure,
    },
}

/// Why the packets and services of a program cannot be restored.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum RestoreError {
    /// The names of services are not those of any program.
    #[error("services of the snapshot are not valid")]
    Names { source: directory::RestoreError },
    /// A service cannot be made from what was kept.
    #[error("service {name}")]
    Service {
        name: String,
        #[source]
        failure: Failure,
    },
}

/// What became of the first packet in the inbox.
enum Step {
    /// It was handled.
    Handled,
    /// It is not complete.
    Incomplete,
    /// Its service is being made.
    Creating,
    /// Its service is not ready for it.
    NotReady,
}

impl Pump {
    /// For a program that starts, with the services in `registry`.
    #[must_use]
    pub fn new(registry: Arc<Registry>, client: Arc<Client>) -> Self {
        Self {
            registry,
            client,
            directory: Directory::new(),
            slots: Vec::new(),
            woken: Arc::default(),
            turn: 0,
            packets_first: true,
            inbox: Queue::default(),
            outgoing: Queue::default(),
            has_failed: false,
        }
    }

    /// For a program that continues with what [`Pump::save`] returned, perhaps in another host.
    ///
    /// The services that it had discovered are found by their names, whether or not they say that they can be discovered, and all made
    /// before this returns. What was kept for one that does not exist here is kept further. The program gets first what it had not
    /// read, then the states of the services, then the answers to packets that nobody had handled.
    ///
    /// # Errors
    /// [`RestoreError`].
    pub async fn restore(
        registry: Arc<Registry>,
        client: Arc<Client>,
        buffers: Buffers,
    ) -> Result<Self, RestoreError> {
        let Buffers { services, mut input, output } = buffers;
        let mut pump = Self::new(registry, client);
        let names = services.iter().map(|service| &*service.name);
        pump.directory = Directory::restore(names, |name| pump.registry.find(name).is_some())
            .map_err(|source| RestoreError::Names { source })?;
        pump.directory.notify(&mut input);
        pump.outgoing = Queue::new(input);
        pump.inbox = Queue::new(output);

        for (code, ServiceBuffer { name, snapshot }) in (0..).zip(services) {
            let slot = match pump.registry.find(&name) {
                Some(factory) => pump.create(code, Arc::clone(factory), snapshot),
                None => Slot::Unavailable { snapshot },
            };
            pump.slots.push(slot);
            pump.woken.set(code);
        }
        poll_fn(|context| pump.poll_created(context)).await?;
        Ok(pump)
    }

    /// What the program has not taken yet.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        self.outgoing.as_slice()
    }

    /// Says that the program has taken the first `count` bytes of [`Pump::outgoing`].
    ///
    /// # Panics
    /// When there are fewer.
    pub fn delivered(&mut self, count: usize) {
        self.outgoing.consume(count);
    }

    /// Whether bytes of the program should be read now. That changes with [`Pump::poll`] only.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        !self.has_failed && self.has_room() && matches!(Packet::split_first(self.inbox.as_slice()), Ok(None))
    }

    /// How much of the program there is to read at least before another packet is complete, in bytes; 0 if that is not known.
    #[must_use]
    pub fn lacking(&self) -> usize {
        Packet::lacking(self.inbox.as_slice())
    }

    /// Takes bytes that the program has sent. How they are cut makes no difference.
    ///
    /// They are only kept, so whoever calls it when [`Pump::wants_input`] says no, as after the program has stopped, sees to it that
    /// they are not too many.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.inbox.push(bytes);
    }

    /// As [`Pump::receive`], of the bytes that `fill` appends to the buffer that it gets: so they can be read straight into it. What is in
    /// the buffer already has to stay.
    pub fn receive_with<R>(&mut self, fill: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        fill(self.inbox.end().0)
    }

    /// Takes bytes back that were delivered, and that the program has not read. It gets them first when it goes on.
    pub fn take_back(&mut self, bytes: &[u8]) {
        self.outgoing = Queue::new([bytes, self.outgoing.as_slice()].concat());
    }

    /// Handles packets and lets services send, until the program has got enough to take, or there is nothing more to do; and then has
    /// `context` woken when there is. To be called also when bytes were received or delivered.
    ///
    /// # Errors
    /// The [`Fault`] that ends the program. From then on nothing more happens here.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Result<(), Fault> {
        self.poll_with(context, &mut |_| 0)
    }

    /// As [`Pump::poll`], with somebody by whom services can give the program what it shall have at once. What the carrier takes is delivered.
    ///
    /// # Errors
    /// As [`Pump::poll`].
    pub fn poll_with(&mut self, context: &mut Context<'_>, carrier: &mut Carrier<'_>) -> Result<(), Fault> {
        if self.has_failed {
            return Ok(());
        }
        let progress = self.progress(context, carrier);
        self.has_failed = progress.is_err();
        progress
    }

    /// Handles packets only, and lets no service send before the next [`Pump::poll`], which has to follow when nothing more comes of the
    /// program, or so much has come that it is the services' turn. What the carrier takes is delivered.
    ///
    /// # Errors
    /// As [`Pump::poll`].
    pub fn handle_with(&mut self, carrier: &mut Carrier<'_>) -> Result<(), Fault> {
        if self.has_failed {
            return Ok(());
        }
        let mut budget = PACKETS_PER_POLL;
        let handled = self.handle_packets(&mut budget, carrier);
        self.has_failed = handled.is_err();
        handled.map(drop)
    }

    /// Handles what the program has sent before it stopped, as far as possible, whether or not it takes the answers.
    ///
    /// Ready when no complete packet is left, or the next is for a service that is not ready, or 1 MiB wait for the
    /// program: what is left then will be part of the buffers. Pending as long as a service is being made; whoever does not want to
    /// wait for that any longer can save at any time, too.
    ///
    /// # Errors
    /// As [`Pump::poll`].
    pub fn drain(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.woken.listen(context.waker());
        while !self.has_failed && self.outgoing.len() < DRAIN_BYTES {
            match self.step(&mut |_| 0) {
                Ok(Step::Handled) => {}
                Ok(Step::Creating) => return Poll::Pending,
                Ok(Step::Incomplete | Step::NotReady) => break,
                Err(fault) => {
                    self.has_failed = true;
                    return Poll::Ready(Err(fault));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes down what is on its way between the program, which has been stopped, and its services, and what those keep for it. The pump
    /// can go on afterwards as if nothing had happened.
    ///
    /// Whoever has bytes for the program that it has not read puts them in front of `input`; whoever has bytes of the program that
    /// were not received here, at the end of `output`. After a fault, no service is asked what it keeps.
    ///
    /// # Errors
    /// [`Fault::Service`].
    pub async fn save(&mut self) -> Result<Buffers, Fault> {
        let services = self.directory.services().iter();
        let mut services: Vec<_> = services
            .map(|service| ServiceBuffer { name: service.name.clone(), snapshot: Vec::new() })
            .collect();
        let mut saving: Vec<BoxFuture<'_, Saved>> = Vec::new();
        let mut saved = Vec::new();
        for ((code, slot), buffer) in (0..).zip(&mut self.slots).zip(&mut services) {
            match slot {
                Slot::Unavailable { snapshot } => buffer.snapshot.clone_from(snapshot),
                Slot::Idle(_) | Slot::Creating { .. } => {}
                Slot::Live(_) if self.has_failed => {}
                Slot::Live(live) => {
                    // It may have dropped what would have woken it.
                    self.woken.set(code);
                    saving.push(live.service.save());
                    saved.push((Arc::clone(&live.factory), buffer));
                }
            }
        }
        for ((factory, buffer), snapshot) in saved.into_iter().zip(join(saving).await) {
            match snapshot {
                Ok(snapshot) => buffer.snapshot = snapshot,
                Err(failure) => {
                    self.has_failed = true;
                    return Err(service_fault(&factory, failure));
                }
            }
        }
        let (input, output) = (self.outgoing.as_slice().to_vec(), self.inbox.as_slice().to_vec());
        Ok(Buffers { services, input, output })
    }

    /// Whether [`Pump::shrink`] would give back memory.
    #[must_use]
    pub fn has_spare(&self) -> bool {
        self.inbox.has_spare() || self.outgoing.has_spare()
    }

    /// Gives back memory that is not needed as long as the program and its services are idle.
    pub fn shrink(&mut self) {
        self.inbox.shrink();
        self.outgoing.shrink();
    }

    /// Ends the services. Dropping the pump does so, too, but does not wait until they are done.
    pub async fn close(self) {
        let live = self.slots.into_iter().filter_map(|slot| match slot {
            Slot::Live(live) => Some(live.service.close()),
            Slot::Unavailable { .. } | Slot::Idle(_) | Slot::Creating { .. } => None,
        });
        join(live).await;
    }

    fn progress(&mut self, context: &mut Context<'_>, carrier: &mut Carrier<'_>) -> Result<(), Fault> {
        self.woken.listen(context.waker());
        let mut budget = PACKETS_PER_POLL;
        if self.packets_first {
            self.handle_packets(&mut budget, carrier)?;
        }
        self.packets_first = !self.packets_first;
        loop {
            self.poll_services()?;
            if !self.handle_packets(&mut budget, carrier)? {
                break;
            }
        }
        if self.has_room() && (budget == 0 || self.woken.any()) {
            context.waker().wake_by_ref();
        }
        Ok(())
    }

    /// Handles up to `budget` packets, and tells whether there were any.
    fn handle_packets(&mut self, budget: &mut usize, carrier: &mut Carrier<'_>) -> Result<bool, Fault> {
        let before = *budget;
        while *budget > 0 && self.has_room() && matches!(self.step(carrier)?, Step::Handled) {
            *budget -= 1;
        }
        Ok(*budget < before)
    }

    /// Handles the first packet in the inbox, if that can be done now.
    fn step(&mut self, carrier: &mut Carrier<'_>) -> Result<Step, Fault> {
        let bytes = self.inbox.as_slice();
        let Some((packet, rest)) = Packet::split_first(bytes)? else { return Ok(Step::Incomplete) };
        let size = bytes.len() - rest.len();
        let (registry, slots) = (&self.registry, &mut self.slots);
        let (out, _) = self.outgoing.end();
        let route = self.directory.route(&packet, out, |name| {
            let found = registry.discover(name, &self.client);
            slots.push(match found {
                Some(factory) => Slot::Idle(Arc::clone(factory)),
                None => Slot::Unavailable { snapshot: Vec::new() },
            });
            found.is_some()
        })?;
        if let Route::Service(code) = route {
            let position = usize::from(code);
            let domain = packet.domain();
            let slot = &self.slots[position];
            if let Some(factory) = slot.factory()
                && matches!(domain, Domain::Flow | Domain::Data)
                && !factory.properties().has_streams
            {
                let failure = format!("{domain} packet for a service without streams");
                return Err(service_fault(factory, Failure::Program(failure.into())));
            }
            if let Slot::Idle(factory) = slot {
                self.slots[position] = self.create(code, Arc::clone(factory), Vec::new());
            }
            let slot = &mut self.slots[position];
            match slot.poll_created() {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(failure)) => return Err(Fault::Service { name: slot.name(), failure }),
                Poll::Pending => return Ok(Step::Creating),
            }
            if let Slot::Live(live) = slot {
                match live.service.poll_ready(&mut Context::from_waker(&live.waker)) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(failure)) => return Err(service_fault(&live.factory, failure)),
                    Poll::Pending => return Ok(Step::NotReady),
                }
                let (out, gone) = self.outgoing.end();
                let mut out = Outbox::behind(out, gone, code).carried(carrier);
                let handled = live.service.handle(&packet, &mut out);
                let taken = out.gone() - gone;
                self.outgoing.consume(taken);
                handled.map_err(|failure| service_fault(&live.factory, failure))?;
                // It has got something to do now, and nothing yet that would wake it.
                self.woken.set(code);
            }
        }
        self.inbox.consume(size);
        Ok(Step::Handled)
    }

    /// Polls the services that were woken, each once, as long as the program has not got enough to take.
    fn poll_services(&mut self) -> Result<(), Fault> {
        let first = self.turn;
        let mut from = first;
        let mut wrapped = false;
        while self.has_room() {
            let Some(code) = self.woken.take(from) else {
                if wrapped {
                    break;
                }
                (wrapped, from) = (true, 0);
                continue;
            };
            if wrapped && code >= first {
                self.woken.set(code);
                break;
            }
            from = code + 1;
            self.turn = from;
            self.poll_service(code)?;
        }
        Ok(())
    }

    fn poll_service(&mut self, code: u16) -> Result<(), Fault> {
        if let Some(Slot::Live(live)) = self.slots.get_mut(usize::from(code)) {
            let (out, gone) = self.outgoing.end();
            let mut context = Context::from_waker(&live.waker);
            let polled = live.service.poll(&mut context, &mut Outbox::behind(out, gone, code));
            polled.map_err(|failure| service_fault(&live.factory, failure))?;
            if !self.has_room() {
                // That can be why it stopped, and then nothing else wakes it.
                self.woken.set(code);
            }
        }
        Ok(())
    }

    /// Goes on making all services that are being made.
    fn poll_created(&mut self, context: &Context<'_>) -> Poll<Result<(), RestoreError>> {
        self.woken.listen(context.waker());
        let mut pending = false;
        for slot in &mut self.slots {
            match slot.poll_created() {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(failure)) => {
                    let name = slot.name();
                    return Poll::Ready(Err(RestoreError::Service { name, failure }));
                }
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    /// Starts to make the service with this code.
    fn create(&self, code: u16, factory: Arc<dyn Factory>, snapshot: Vec<u8>) -> Slot {
        let config = Config {
            client: Arc::clone(&self.client),
            registry: Arc::clone(&self.registry),
            code,
            max_send_size: MAX_SIZE,
        };
        let future = factory.create(config, snapshot);
        Slot::Creating { factory, future, waker: self.woken.waker(code) }
    }

    fn has_room(&self) -> bool {
        self.outgoing.len() < OUTBOX_BYTES
    }
}

fn service_fault(factory: &Arc<dyn Factory>, failure: Failure) -> Fault {
    Fault::Service { name: factory.properties().name.to_owned(), failure }
}

impl fmt::Debug for Pump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services =
            self.directory.services().iter().map(|service| service.name.escape_ascii().to_string());
        f.debug_struct("Pump")
            .field("services", &services.zip(&self.slots).collect::<Vec<_>>())
            .field("inbox", &self.inbox)
            .field("outgoing", &self.outgoing)
            .field("has_failed", &self.has_failed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
