//! Programs that do not make sense.

use gate_packet::{Domain, MAX_SIZE};

use super::run::Host;
use super::{Breach, Message, Subject};
use crate::Failure;

/// How many sequences of packets are tried.
const SEQUENCES: u64 = 300;
/// How many packets the longest has.
const PACKETS: u64 = 8;
/// The size of a packet's header in bytes.
const HEADER: u32 = 8;

/// Numbers at which services tend to behave differently.
const NUMBERS: [i32; 12] = [0, 1, 2, 3, -1, 255, 256, 32_767, 65_520, 65_521, i32::MAX, i32::MIN];

/// Sends a service all calls of one byte, and packets that are made at random, the same each time: it handles them, or says that the program is
/// wrong. And whatever it has made of them, it can be saved, and made again.
///
/// What the packets say is random, so the service must not be one that does what it is told to its host: there it is given a factory
/// that does nothing.
///
/// # Errors
/// The [`Breach`] that is found.
pub async fn garbage(subject: impl Fn() -> Subject) -> Result<(), Breach> {
    let subject = subject();
    for op in 0..=255 {
        send(&subject, &[Message::call(&[op])]).await?;
    }
    let largest = vec![0xff; (MAX_SIZE - HEADER) as usize];
    send(&subject, &[Message::call(&largest)]).await?;
    send(&subject, &[Message::info(&largest)]).await?;
    let mut random = Random(0);
    for _ in 0..SEQUENCES {
        let messages: Vec<Message> =
            (0..=random.below(PACKETS)).map(|_| message(&mut random, &subject)).collect();
        send(&subject, &messages).await?;
    }
    Ok(())
}

/// Has a program do what `bytes` say, whatever they are, with the service being saved and made again in between: for fuzzers. If they begin with
/// 255, a snapshot follows from which the service is made. As with [`garbage`], the service must not be one that does what it is told to
/// its host.
///
/// # Errors
/// The [`Breach`] that is found.
pub async fn fuzz(subject: Subject, bytes: &[u8]) -> Result<(), Breach> {
    let mut bytes = bytes;
    let snapshot = match bytes.split_first() {
        Some((&255, rest)) => {
            bytes = rest;
            Some(piece(&mut bytes).to_vec())
        }
        _ => None,
    };
    let mut sent = Vec::new();
    match fuzz_from(&subject, snapshot.clone(), bytes, &mut sent).await {
        Err(Breach::Failed { failure: Failure::Program(_), .. }) => Ok(()),
        Err(Breach::Failed { failure, .. }) => match (snapshot, failure) {
            (Some(_), Failure::Snapshot(_)) => Ok(()),
            (Some(snapshot), failure) => Err(Breach::Damaged { snapshot, failure }),
            (None, failure) => Err(Breach::Blame { sent, failure }),
        },
        result => result,
    }
}

async fn fuzz_from(
    subject: &Subject,
    snapshot: Option<Vec<u8>>,
    mut bytes: &[u8],
    sent: &mut Vec<Message>,
) -> Result<(), Breach> {
    let has_streams = subject.factory.0.properties().has_streams;
    let mut host = match snapshot {
        None => Host::new(subject).await?,
        Some(snapshot) => match Host::restore(subject, snapshot.clone()).await {
            Ok(host) => host,
            Err(Failure::Snapshot(_)) => return Ok(()),
            Err(failure) => return Err(Breach::Damaged { snapshot, failure }),
        },
    };
    while let Some((&op, rest)) = bytes.split_first() {
        bytes = rest;
        let message = match op % 8 {
            0 | 1 => Message::call(piece(&mut bytes)),
            2 => Message::info(piece(&mut bytes)),
            3 if has_streams => Message::flow(small(&mut bytes), any(&mut bytes)),
            4 if has_streams => Message::data(small(&mut bytes), small(&mut bytes), piece(&mut bytes)),
            5 => {
                host.remake().await?;
                continue;
            }
            6 => {
                host.save().await?;
                continue;
            }
            _ => {
                host.poll_once().await?;
                continue;
            }
        };
        sent.push(message.clone());
        if !host.send_now(&message).await? {
            break;
        }
    }
    host.poll_once().await?;
    host.remake().await?;
    host.poll_once().await
}

/// The bytes behind the one that says how many there are; or fewer, if there are.
fn piece<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let Some((&len, rest)) = bytes.split_first() else { return &[] };
    let (piece, rest) = rest.split_at_checked(usize::from(len)).unwrap_or((rest, &[]));
    *bytes = rest;
    piece
}

/// A small number, perhaps negative.
fn small(bytes: &mut &[u8]) -> i32 {
    let Some((&number, rest)) = bytes.split_first() else { return 0 };
    *bytes = rest;
    i32::from(number.cast_signed())
}

/// A number.
fn any(bytes: &mut &[u8]) -> i32 {
    let Some((number, rest)) = bytes.split_first_chunk() else { return small(bytes) };
    *bytes = rest;
    i32::from_le_bytes(*number)
}

async fn send(subject: &Subject, messages: &[Message]) -> Result<(), Breach> {
    match try_send(subject, messages).await {
        Err(Breach::Failed { failure: Failure::Program(_), .. }) => Ok(()),
        Err(Breach::Failed { failure, .. }) => Err(Breach::Blame { sent: messages.to_vec(), failure }),
        result => result,
    }
}

async fn try_send(subject: &Subject, messages: &[Message]) -> Result<(), Breach> {
    let mut host = Host::new(subject).await?;
    for message in messages {
        if !host.send_now(message).await? {
            break;
        }
        host.poll_once().await?;
    }
    host.remake().await?;
    host.poll_once().await
}

fn message(random: &mut Random, subject: &Subject) -> Message {
    let domains = if subject.factory.0.properties().has_streams { 4 } else { 2 };
    match random.below(domains) {
        0 => Message::new(Domain::Call, &content(random)),
        1 => Message::new(Domain::Info, &content(random)),
        2 => Message::flow(number(random), number(random)),
        _ => Message::data(number(random), number(random), &content(random)),
    }
}

fn number(random: &mut Random) -> i32 {
    NUMBERS[random.index(NUMBERS.len())]
}

fn content(random: &mut Random) -> Vec<u8> {
    let longest = if random.below(4) == 0 { 300 } else { 24 };
    let kind = random.below(3);
    (0..random.below(longest))
        .map(|_| match (kind, random.byte()) {
            (0, byte) => byte,
            (1, byte) => byte % 4,
            (_, byte) => b'a' + byte % 3,
        })
        .collect()
}

/// A pseudo-random number generator (SplitMix64), because tests must be the same each time.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// An index into something of this length, which is not 0.
    pub(super) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("it is below a usize")
    }

    /// A byte; often one at which formats tend to break.
    pub(super) fn byte(&mut self) -> u8 {
        match self.below(4) {
            0 => [0, 1, 0x7f, 0x80, 0xff][self.index(5)],
            _ => self.next().to_le_bytes()[0],
        }
    }
}
