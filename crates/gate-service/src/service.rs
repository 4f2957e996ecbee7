//! Services, and what makes them.

use std::borrow::Cow;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use gate_packet::Packet;
use gate_packet::encode::EncodeError;

use crate::{Client, Outbox, Registry};

/// Something that will be there later.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A service for one program, or why there is none.
pub type Created = Result<Box<dyn Service>, Failure>;

/// What a service keeps for a program, or why that is lost. No bytes mean that there is nothing to keep.
pub type Saved = Result<Vec<u8>, Failure>;

/// A kind of service.
pub trait Factory: Send + Sync {
    /// What it is.
    fn properties(&self) -> Properties<'_>;

    /// Whether a program can discover it. One that had discovered it before it was stopped has it in any case.
    fn is_discoverable(&self, client: &Client) -> bool {
        let _ = client;
        true
    }

    /// Makes the service for one program.
    ///
    /// `snapshot` is what [`Service::save`] returned for that program, perhaps long ago in another host; empty for a new one. It has
    /// come through the hands of strangers, so it can be anything.
    ///
    /// # Errors
    /// [`Failure`], which ends the program.
    fn create(&self, config: Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created>;
}

/// What a factory says of its services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Properties<'a> {
    /// The name by which programs discover it: see [`Registry::register`] for what is allowed.
    pub name: &'a str,
    /// Which version of its protocol it speaks, for people.
    pub revision: &'a str,
    /// Whether it takes flow and data packets. A program that sends one to a service that does not is ended.
    pub has_streams: bool,
}

/// What a service is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The program.
    pub client: Arc<Client>,
    /// All services that the program can find.
    pub registry: Arc<Registry>,
    /// The position at which the program has discovered the service: the code of its packets.
    pub code: u16,
    /// The largest packet that the service can send, in bytes, header included.
    pub max_send_size: u32,
}

/// The part of a service that belongs to one program.
///
/// ```text
///             handle ⇄ poll                       (Factory::create with what was saved,
///   created ───────────────▶ save ──▶ dropped      perhaps elsewhere)
///                             │  ▲
///                             └──┘ goes on
/// ```
///
/// It is in the hands of one task, which calls one method at a time. A service must not send anything before it has handled a packet or been
/// made with a snapshot. Dropping it ends everything that it does for its program.
pub trait Service: Send {
    /// Whether it can handle a packet now. As long as it cannot, none of the program's packets are handled, so that their order is kept;
    /// it must become ready without the program doing anything more, or the program hangs.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let _ = context;
        Poll::Ready(Ok(()))
    }

    /// Handles a packet of the program. Comes after [`Service::poll_ready`] has said that it can. What it sends at once goes to `out`,
    /// which can always take a few packets.
    ///
    /// # Errors
    /// [`Failure`], which ends the program.
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure>;

    /// Sends what it has got to send by itself, as long as [`Outbox::has_room`], and has `context` woken when there is more. A service
    /// that stopped because there was no room left is called again without that, and so is every one when it has been made with a
    /// snapshot, has handled a packet, or was saved and goes on.
    ///
    /// # Errors
    /// [`Failure`], which ends the program.
    fn poll(&mut self, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        let _ = (context, out);
        Ok(())
    }

    /// Writes down what it keeps for its program, which has been stopped. Everything counts that it was handed in
    /// [`Service::handle`], and nothing that it has put into an outbox.
    ///
    /// The service is then dropped, or it goes on as if nothing had happened.
    fn save(&mut self) -> BoxFuture<'_, Saved>;

    /// Ends what dropping it cannot end. Comes last, and not always.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

/// Why a service cannot go on with its program. It ends the program.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The program has broken the protocol of the service, in this way. The program's owner is told.
    #[error("{0}")]
    Program(Cow<'static, str>),
    /// What the service kept for the program, which it is to go on with, makes no sense. The program's owner is told.
    #[error("snapshot of service is not valid: {0}")]
    Snapshot(Cow<'static, str>),
    /// The service itself has failed. The program's owner is told no more than that.
    #[error("service failed")]
    Service(#[source] Box<dyn Error + Send + Sync>),
}

impl From<EncodeError> for Failure {
    /// A service that sends what no packet can hold has failed.
    fn from(error: EncodeError) -> Self {
        Self::Service(Box::new(error))
    }
}
