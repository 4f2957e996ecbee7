//! Runs of a script.

use std::collections::BTreeSet;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use gate_packet::{MAX_SIZE, Packet};

use super::{Breach, Copies, MAX_BURST_BYTES, Message, Step, Subject, Transcript};
use crate::outbox::OUTBOX_BYTES;
use crate::{BoxFuture, Client, Config, Created, Failure, Outbox, Saved, Service};

/// The place of the services that are tested.
const CODE: u16 = 0;

/// Somewhere in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Behind this step, counted from 0.
    pub step: usize,
    /// Whether the service was polled after the step.
    pub was_polled: bool,
    /// What was done to the service, here or at every point.
    pub life: Life,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let polled = if self.was_polled { " and a poll" } else { "" };
        write!(f, "after step {}{polled}, service {}", self.step, self.life)
    }
}

/// What is done to a service while a script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Nothing.
    Undisturbed,
    /// It is saved, and goes on.
    Saved,
    /// It is saved and dropped; another one is made from that.
    Remade,
    /// It is polled without room in its outbox before it is polled with room.
    NoRoom,
    /// It is dropped, and that is the end.
    Dropped,
    /// It is saved and dropped; two others are made from that, and this is the first one.
    Copied,
    /// This is the second one.
    Copy,
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Undisturbed => "undisturbed",
            Self::Saved => "saved",
            Self::Remade => "saved, dropped and made again",
            Self::NoRoom => "polled without room",
            Self::Dropped => "dropped",
            Self::Copied => "made again twice, the first",
            Self::Copy => "made again twice, the second",
        })
    }
}

/// Where something is done to a service.
#[derive(Clone, Copy, Debug)]
enum Where {
    /// At the point with this number.
    Once(usize),
    Always,
}

/// Runs the script undisturbed.
///
/// # Errors
/// The [`Breach`] that is found.
pub async fn play(subject: Subject) -> Result<Transcript, Breach> {
    Ok(run(subject, Life::Undisturbed, Where::Always).await?.transcript)
}

/// Makes a service, polls it, saves it and polls it again: it must not send anything.
///
/// # Errors
/// The [`Breach`] that is found.
pub async fn quiet(subject: Subject) -> Result<(), Breach> {
    let mut host = Host::new(&subject).await?;
    host.poll_once().await?;
    host.at.life = Life::Saved;
    host.save().await?;
    host.poll_once().await?;
    if host.bytes > 0 {
        return Err(Breach::Unasked { bytes: host.bytes });
    }
    Ok(())
}

/// Runs the script with the service saved, or saved and made again, at each point, and at all of them: the program must not notice.
///
/// # Errors
/// The [`Breach`] that is found.
pub async fn lives(subject: impl Fn() -> Subject) -> Result<(), Breach> {
    for life in [Life::Saved, Life::Remade] {
        compare(&subject, life).await?;
    }
    Ok(())
}

/// Runs the script with the service polled without room at each point, and at all of them: it must not send anything then, and the program
/// must not notice.
///
/// # Errors
/// The [`Breach`] that is found.
pub async fn no_room(subject: impl Fn() -> Subject) -> Result<(), Breach> {
    compare(subject, Life::NoRoom).await
}

/// Runs the script with the service dropped at each point. Nothing is to be seen here but panics; what else is to be cleaned up is for the
/// service's own tests.
///
/// # Errors
/// The [`Breach`] that is found.
pub async fn drops(subject: impl Fn() -> Subject) -> Result<(), Breach> {
    drop(create(&subject(), Vec::new(), 0, false));
    let points = run(subject(), Life::Undisturbed, Where::Always).await?.points;
    for point in 0..points {
        run(subject(), Life::Dropped, Where::Once(point)).await?;
    }
    Ok(())
}

/// The snapshots, all different, of the service at each point of an undisturbed run.
pub(super) async fn snapshots(subject: Subject) -> Result<BTreeSet<Vec<u8>>, Breach> {
    Ok(run(subject, Life::Saved, Where::Always).await?.snapshots)
}

/// What the program gets in an undisturbed run, and at how many points something could be done to the service.
pub(super) async fn undisturbed(subject: Subject) -> Result<(Transcript, usize), Breach> {
    let Outcome { transcript, points, .. } = run(subject, Life::Undisturbed, Where::Always).await?;
    Ok((transcript, points))
}

async fn compare(subject: impl Fn() -> Subject, life: Life) -> Result<(), Breach> {
    let undisturbed = run(subject(), Life::Undisturbed, Where::Always).await?;
    let places = (0..undisturbed.points).map(Where::Once).chain([Where::Always]);
    for place in places {
        let disturbed = run(subject(), life, place).await?;
        if disturbed.transcript != undisturbed.transcript {
            return Err(Breach::Different {
                at: disturbed.at,
                undisturbed: Box::new(undisturbed.transcript),
                disturbed: Box::new(disturbed.transcript),
            });
        }
    }
    Ok(())
}

/// What came out of a run.
struct Outcome {
    transcript: Transcript,
    /// How many points there were.
    points: usize,
    /// Where something was done to the service last.
    at: Point,
    /// What was saved, if something was.
    snapshots: BTreeSet<Vec<u8>>,
}

async fn run(subject: Subject, life: Life, place: Where) -> Result<Outcome, Breach> {
    let mut host = Host::new(&subject).await?;
    let mut points = 0;
    let mut last = host.at;
    'steps: for (number, step) in subject.script.steps.iter().enumerate() {
        for was_polled in [false, true] {
            host.at = Point { step: number, was_polled, life };
            if was_polled {
                host.poll_once().await?;
            } else {
                host.step(step).await?;
            }
            if matches!(place, Where::Always) || matches!(place, Where::Once(point) if point == points) {
                last = host.at;
                if life == Life::Dropped {
                    break 'steps;
                }
                host.disturb().await?;
            }
            points += 1;
        }
    }
    let mut transcript = host.program;
    (subject.script.forget)(&mut transcript);
    Ok(Outcome { transcript, points, at: last, snapshots: host.snapshots })
}

/// A service, and the program that uses it.
pub(super) struct Host<'a> {
    subject: &'a Subject,
    service: Box<dyn Service>,
    /// How often it was made.
    lives: u8,
    /// Whether it was made from a snapshot from which another one was made.
    is_copy: bool,
    program: Transcript,
    /// Whether the service has been used by nobody but the program since it was new.
    knows_all: bool,
    /// How much the service has sent in all.
    bytes: usize,
    out: Vec<u8>,
    /// What was saved while it went on.
    snapshots: BTreeSet<Vec<u8>>,
    /// Where we are, for messages.
    pub(super) at: Point,
}

impl<'a> Host<'a> {
    /// With a new service.
    pub(super) async fn new(subject: &'a Subject) -> Result<Self, Breach> {
        let at = Point { step: 0, was_polled: false, life: Life::Undisturbed };
        let service =
            create(subject, Vec::new(), 0, false).await.map_err(|failure| Breach::Failed { at, failure })?;
        Ok(Self::with(subject, service, true, at))
    }

    /// With a service that is made from `snapshot`.
    pub(super) async fn restore(subject: &'a Subject, snapshot: Vec<u8>) -> Result<Self, Failure> {
        let at = Point { step: 0, was_polled: false, life: Life::Remade };
        Ok(Self::with(subject, create(subject, snapshot, 1, false).await?, false, at))
    }

    fn with(subject: &'a Subject, service: Box<dyn Service>, knows_all: bool, at: Point) -> Self {
        let program = Transcript::default();
        let (out, snapshots) = (Vec::new(), BTreeSet::new());
        let is_copy = false;
        Self { subject, service, lives: 1, is_copy, program, knows_all, bytes: 0, out, snapshots, at }
    }

    /// Saves the service, drops it, and makes two others from that. Returns the second one, which is of another instance.
    pub(super) async fn copy(&mut self) -> Result<Self, Breach> {
        let snapshot = self.save().await?;
        self.service = Box::new(Nothing);
        let mut services = Vec::new();
        for is_copy in [self.is_copy, true] {
            let created = create(self.subject, snapshot.clone(), self.lives, is_copy).await;
            services.push(created.map_err(|failure| Breach::Remade { snapshot: snapshot.clone(), failure })?);
        }
        self.lives = self.lives.wrapping_add(1);
        let copy = services.pop().expect("there are two");
        self.service = services.pop().expect("there are two");
        let (program, lives) = (self.program.clone(), self.lives);
        let copy = Self::with(self.subject, copy, self.knows_all, self.at);
        Ok(Self { program, lives, is_copy: true, ..copy })
    }

    /// What the program has sent and got until now.
    pub(super) fn transcript(&self) -> &Transcript {
        &self.program
    }

    pub(super) fn into_transcript(self) -> Transcript {
        self.program
    }

    pub(super) async fn step(&mut self, step: &Step) -> Result<(), Breach> {
        match step {
            Step::Send(message) => {
                self.wait(|host, context| host.poll_ready(context)).await?;
                self.handle(message)
            }
            Step::Until(is_so) => {
                self.wait(|host, context| {
                    if !is_so(&host.program) {
                        host.poll(context)?;
                        if !is_so(&host.program) {
                            return Poll::Pending;
                        }
                    }
                    Poll::Ready(Ok(()))
                })
                .await
            }
            Step::Host(act) => {
                act().await;
                Ok(())
            }
        }
    }

    /// Waits until `poll` is ready, or too long.
    async fn wait(
        &mut self,
        mut poll: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<Result<(), Breach>>,
    ) -> Result<(), Breach> {
        let mut patience = (self.subject.patience)();
        poll_fn(|context| {
            if let Poll::Ready(ready) = poll(self, context) {
                return Poll::Ready(ready);
            }
            patience
                .as_mut()
                .poll(context)
                .map(|()| Err(Breach::Hangs { at: self.at, got: Box::new(self.program.clone()) }))
        })
        .await
    }

    async fn disturb(&mut self) -> Result<(), Breach> {
        match self.at.life {
            Life::Undisturbed | Life::Dropped | Life::Copied | Life::Copy => {}
            Life::Saved => {
                let snapshot = self.save().await?;
                self.snapshots.insert(snapshot);
            }
            Life::Remade => self.remake().await?,
            Life::NoRoom => poll_fn(|context| Poll::Ready(self.poll_without_room(context))).await?,
        }
        Ok(())
    }

    /// Sends `message`, if the service is ready for it, and tells whether it was.
    pub(super) async fn send_now(&mut self, message: &Message) -> Result<bool, Breach> {
        let is_ready = poll_fn(|context| Poll::Ready(self.poll_ready(context))).await;
        match is_ready {
            Poll::Ready(ready) => ready.and_then(|()| self.handle(message)).map(|()| true),
            Poll::Pending => Ok(false),
        }
    }

    /// Saves the service twice. It goes on.
    pub(super) async fn save(&mut self) -> Result<Vec<u8>, Breach> {
        let at = self.at;
        let first = self.service.save().await.map_err(|failure| Breach::Failed { at, failure })?;
        let second = self.service.save().await.map_err(|failure| Breach::Failed { at, failure })?;
        if first != second {
            return Err(Breach::SavedTwice { at, first, second });
        }
        Ok(first)
    }

    /// Saves the service, drops it, and makes another one from that.
    pub(super) async fn remake(&mut self) -> Result<(), Breach> {
        let snapshot = self.save().await?;
        self.service = Box::new(Nothing);
        let created = create(self.subject, snapshot.clone(), self.lives, self.is_copy).await;
        self.service = created.map_err(|failure| Breach::Remade { snapshot, failure })?;
        self.lives = self.lives.wrapping_add(1);
        Ok(())
    }

    pub(super) async fn poll_once(&mut self) -> Result<(), Breach> {
        poll_fn(|context| Poll::Ready(self.poll(context))).await
    }

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Breach>> {
        let at = self.at;
        for _ in 0..2 {
            if let Poll::Ready(ready) = self.service.poll_ready(context) {
                return Poll::Ready(ready.map_err(|failure| Breach::Failed { at, failure }));
            }
            self.poll(context)?;
        }
        Poll::Pending
    }

    fn handle(&mut self, message: &Message) -> Result<(), Breach> {
        let (at, packet) = (self.at, message.packet());
        self.program.sent(&packet);
        let handled = self.service.handle(&packet, &mut Outbox::new(&mut self.out, CODE));
        handled.map_err(|failure| Breach::Failed { at, failure })?;
        if self.out.len() > MAX_BURST_BYTES {
            return Err(Breach::Burst { at, bytes: self.out.len() });
        }
        self.take()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Result<(), Breach> {
        let at = self.at;
        let polled = self.service.poll(context, &mut Outbox::new(&mut self.out, CODE));
        polled.map_err(|failure| Breach::Failed { at, failure })?;
        if self.out.len() >= OUTBOX_BYTES {
            // As in the pump: that can be why it stopped.
            context.waker().wake_by_ref();
        }
        self.take()
    }

    fn poll_without_room(&mut self, context: &mut Context<'_>) -> Result<(), Breach> {
        let at = self.at;
        let mut full = vec![0; OUTBOX_BYTES];
        let polled = self.service.poll(context, &mut Outbox::new(&mut full, CODE));
        polled.map_err(|failure| Breach::Failed { at, failure })?;
        match full.len() - OUTBOX_BYTES {
            0 => Ok(()),
            bytes => Err(Breach::NoRoom { at, bytes }),
        }
    }

    /// Has the program read what the service has sent.
    fn take(&mut self) -> Result<(), Breach> {
        let at = self.at;
        self.bytes += self.out.len();
        let has_streams = self.subject.factory.0.properties().has_streams;
        let mut rest = &self.out[..];
        while let Some((packet, behind)) = Packet::split_first(rest).expect("the outbox makes packets") {
            if self.knows_all {
                self.program.got(&packet, has_streams).map_err(|rule| Breach::Rule { at, rule })?;
            }
            rest = behind;
        }
        assert!(rest.is_empty(), "the outbox makes whole packets");
        self.out.clear();
        Ok(())
    }
}

/// What is there while there is no service.
struct Nothing;

impl Service for Nothing {
    fn handle(&mut self, _packet: &Packet<'_>, _out: &mut Outbox<'_>) -> Result<(), Failure> {
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// Makes a service, for a program that has been launched or continued `lives` times before. A copy is another instance.
fn create(subject: &Subject, snapshot: Vec<u8>, lives: u8, is_copy: bool) -> BoxFuture<'static, Created> {
    let client = &subject.client;
    let bits = if is_copy { 0xff } else { 0 };
    let client = Client {
        principal: client.principal.clone(),
        instance: client.instance.map(|id| id.map(|byte| byte ^ bits)),
        process_key: client.process_key.map(|byte| byte.wrapping_add(lives) ^ bits),
        scope: client.scope.unrestricted(),
        system_user: client.system_user,
    };
    let config = Config {
        client: Arc::new(client),
        registry: Arc::clone(&subject.registry),
        code: CODE,
        max_send_size: MAX_SIZE,
    };
    let factory = match &subject.copies {
        Copies::Elsewhere(factory) if is_copy => factory,
        Copies::Same | Copies::Different | Copies::Elsewhere(_) => &subject.factory,
    };
    factory.0.create(config, snapshot)
}
