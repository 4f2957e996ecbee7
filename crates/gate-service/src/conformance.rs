//! Tests for any service.
//!
//! A test makes a [`Subject`], which is a factory and a [`Script`] of what a program does with the service, and calls [`check`], which has
//! the script run many times: undisturbed, and with the service being saved, made again, or dropped at every point. The program must not
//! notice. Nor must it notice that there is a second one like it, which goes on from the same snapshot. Other checks need no script: a service must not send anything before it was asked to, and survive whatever a program or a
//! damaged snapshot does to it.
//!
//! ```
//! # use std::sync::Arc;
//! # use gate_service::conformance::{self, Breach, Message, Script, Subject};
//! async fn echo_conforms(factory: impl Fn() -> Arc<dyn gate_service::Factory>) -> Result<(), Breach> {
//!     conformance::check(|| {
//!         let script = Script::new()
//!             .send(Message::call(b"one"))
//!             .send(Message::call(b"two"))
//!             .until(|program| program.replies() == 2);
//!         Subject::new(factory(), script)
//!     })
//!     .await
//! }
//! ```
//!
//! The functions wait for services with their wakers only, so they run in whatever runtime the service needs. A service that has lost a call
//! makes them wait for ever, unless [`Subject::patience`] is set. Nothing here knows what replies should say: that is up to the service's own
//! tests. [`play`] is of use there, too.

use std::fmt;
use std::sync::Arc;

use gate_packet::{Code, Data, Domain, Flow, MAX_SIZE, Packet, encode};

use crate::{BoxFuture, Client, Factory, Failure, Registry, Scope};

mod copies;
mod damage;
mod garbage;
mod program;
mod run;

pub use copies::copies;
pub use damage::damaged_snapshots;
pub use garbage::{fuzz, garbage};
pub use program::{Call, Rule, Stream, Transcript};
pub use run::{Life, Point, drops, lives, no_room, play, quiet};

/// How much a service can send while it handles one packet, in bytes: what [`Outbox`](crate::Outbox) calls a few packets.
pub const MAX_BURST_BYTES: usize = 4 * MAX_SIZE as usize;

/// Runs all checks. `subject` makes the same thing whenever it is called; each run gets one of its own.
///
/// # Errors
/// The first [`Breach`] that is found.
pub async fn check(subject: impl Fn() -> Subject) -> Result<(), Breach> {
    quiet(subject()).await?;
    garbage(&subject).await?;
    lives(&subject).await?;
    copies(&subject).await?;
    no_room(&subject).await?;
    drops(&subject).await?;
    damaged_snapshots(&subject).await
}

/// What is tested.
#[derive(Debug)]
pub struct Subject {
    /// Makes the service.
    pub factory: FactoryOf,
    /// The program's owner.
    pub client: Arc<Client>,
    /// What the service finds in its configuration.
    pub registry: Arc<Registry>,
    /// What the program does.
    pub script: Script,
    /// What a program gets that goes on from a snapshot from which another one has gone on before. The same by default.
    pub copies: Copies,
    /// Makes a future that is ready when a program has waited too long for the service. For ever by default. With Tokio:
    /// `|| Box::pin(tokio::time::sleep(Duration::from_secs(60)))`, which takes no time at all while Tokio's clock is paused.
    pub patience: fn() -> BoxFuture<'static, ()>,
}

/// What programs get that go on from the same snapshot.
#[derive(Clone, Debug)]
pub enum Copies {
    /// All the same: what the service keeps is in the snapshot. What the script has the host do is done once for each of them.
    Same,
    /// Only the first one has what cannot be in a snapshot, for instance a connection, or what both change they change for each other. Others
    /// are told as the service's documentation says, and their services work.
    Different,
    /// Likewise, and the second one's service is made by this factory, as each program has one of its own.
    Elsewhere(FactoryOf),
}

/// A factory that can be shown as its name.
#[derive(Clone)]
pub struct FactoryOf(pub Arc<dyn Factory>);

impl fmt::Debug for FactoryOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.properties().fmt(f)
    }
}

impl Subject {
    /// A service that is used by an instance of the local user, without privileges.
    #[must_use]
    pub fn new(factory: Arc<dyn Factory>, script: Script) -> Self {
        let client = Client {
            principal: Some("local".to_owned()),
            instance: Some([1; 16]),
            process_key: [1; 16],
            scope: Scope::new([]),
            system_user: None,
        };
        Self {
            factory: FactoryOf(factory),
            client: Arc::new(client),
            registry: Arc::default(),
            script,
            copies: Copies::Same,
            patience: || Box::pin(std::future::pending()),
        }
    }
}

/// A packet of a program.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Of code 0, and padded.
    bytes: Vec<u8>,
}

impl Message {
    /// A call.
    ///
    /// # Panics
    /// When there is more content than a packet can hold, as with all of them.
    #[must_use]
    pub fn call(content: &[u8]) -> Self {
        Self::new(Domain::Call, content)
    }

    /// A notification.
    ///
    /// # Panics
    /// As [`Message::call`].
    #[must_use]
    pub fn info(content: &[u8]) -> Self {
        Self::new(Domain::Info, content)
    }

    /// Credit for a stream, or the end of flow (0), or a note (negative).
    #[must_use]
    pub fn flow(id: i32, value: i32) -> Self {
        let mut bytes = Vec::new();
        encode::flows(&mut bytes, Code::Service(0), &[Flow { id, value }]).expect("it is short");
        Self { bytes }
    }

    /// Data of a stream, or the end of data (no bytes).
    ///
    /// # Panics
    /// As [`Message::call`].
    #[must_use]
    pub fn data(id: i32, note: i32, data: &[u8]) -> Self {
        let mut bytes = Vec::new();
        encode::data(&mut bytes, Code::Service(0), Data { id, note, bytes: data }).expect("it fits a packet");
        Self { bytes }
    }

    /// A packet of any domain. One of data has at least 8 bytes of content.
    ///
    /// # Panics
    /// As [`Message::call`], and when it is a data packet that is too short.
    #[must_use]
    pub fn new(domain: Domain, content: &[u8]) -> Self {
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, Code::Service(0), domain, 0, content).expect("it fits a packet");
        assert!(domain != Domain::Data || content.len() >= 8, "a data packet has 8 bytes of content");
        Self { bytes }
    }

    /// The packet.
    #[must_use]
    pub fn packet(&self) -> Packet<'_> {
        let split = Packet::split_first(&self.bytes).expect("we made it");
        split.expect("all of it is there").0
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packet = self.packet();
        write!(f, "{} \"{}\"", packet.domain(), packet.content().escape_ascii())
    }
}

/// What a program does, one step after the other.
#[derive(Debug)]
pub struct Script {
    steps: Vec<Step>,
    forget: fn(&mut Transcript),
}

enum Step {
    Send(Message),
    Until(Box<dyn Fn(&Transcript) -> bool + Send + Sync>),
    Host(Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>),
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(message) => message.fmt(f),
            Self::Until(_) => f.write_str("until"),
            Self::Host(_) => f.write_str("host"),
        }
    }
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// A program that does nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { steps: Vec::new(), forget: |_| {} }
    }

    /// Then it sends this.
    #[must_use]
    pub fn send(mut self, message: Message) -> Self {
        self.steps.push(Step::Send(message));
        self
    }

    /// Then it waits until this is so. A script waits for everything that it provokes, or else a run is compared with another in which the
    /// service had more time.
    #[must_use]
    pub fn until(mut self, is_so: impl Fn(&Transcript) -> bool + Send + Sync + 'static) -> Self {
        self.steps.push(Step::Until(Box::new(is_so)));
        self
    }

    /// Then the host does this, for instance something at the other end of the service.
    #[must_use]
    pub fn host<F>(mut self, act: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.steps.push(Step::Host(Box::new(move || Box::pin(act()))));
        self
    }

    /// What can be different in two runs of this script is taken out of each transcript by `forget` before they are compared.
    #[must_use]
    pub fn forget(mut self, forget: fn(&mut Transcript)) -> Self {
        self.forget = forget;
        self
    }
}

/// How a service does not do what services must.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum Breach {
    /// It must wait until the program has sent it something.
    #[error("it has sent {bytes} bytes before the program sent anything")]
    Unasked { bytes: usize },
    /// It must not send by itself when the outbox has no room.
    #[error("{at}: it has sent {bytes} bytes without room for them")]
    NoRoom { at: Point, bytes: usize },
    /// It must leave what does not have to be sent at once to its `poll`.
    #[error("{at}: it has sent {bytes} bytes while it handled one packet (limit: {MAX_BURST_BYTES})")]
    Burst { at: Point, bytes: usize },
    /// It breaks the rules of calls or streams.
    #[error("{at}: {rule}")]
    Rule { at: Point, rule: Rule },
    /// It fails while the script is run.
    #[error("{at}")]
    Failed {
        at: Point,
        #[source]
        failure: Failure,
    },
    /// The program waits for what it never gets.
    #[error("{at}: the program has waited too long, and got {got:?}")]
    Hangs { at: Point, got: Box<Transcript> },
    /// Being saved must not change what is saved.
    #[error("{at}: it saves {} bytes, then {} others", first.len(), second.len())]
    SavedTwice { at: Point, first: Vec<u8>, second: Vec<u8> },
    /// The program must not notice what was done to the service.
    #[error("{at}: the program gets something else\nundisturbed: {undisturbed:?}\ndisturbed: {disturbed:?}")]
    Different { at: Point, undisturbed: Box<Transcript>, disturbed: Box<Transcript> },
    /// A program that misuses it must be told so, or get nothing.
    #[error("it blames somebody else for what a program has sent: {sent:?}")]
    Blame {
        sent: Vec<Message>,
        #[source]
        failure: Failure,
    },
    /// What it has saved must be good enough to make it again.
    #[error("it is not made from what it has saved: \"{}\"", snapshot.escape_ascii())]
    Remade {
        snapshot: Vec<u8>,
        #[source]
        failure: Failure,
    },
    /// A damaged snapshot is nobody's fault but the snapshot's.
    #[error("it blames somebody else for a damaged snapshot: \"{}\"", snapshot.escape_ascii())]
    Damaged {
        snapshot: Vec<u8>,
        #[source]
        failure: Failure,
    },
}

#[cfg(test)]
mod tests;
