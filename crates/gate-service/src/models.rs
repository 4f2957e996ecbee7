//! Services that are simple enough to know what they must do.
//!
//! | Name | Streams | What it does |
//! |---|---|---|
//! | `origin` | yes | answers calls at once with 8 zeros; grants 32767 for each flow; ends flow after the end of data |
//! | `identity` | no | nothing |
//! | `echo` | no | answers calls at once with what they say, and repeats notifications |
//! | `late` | no | likewise, but takes a while to be made |
//! | `swap` | no | answers calls in pairs, the second first, when it is polled |
//! | `slow` | no | answers calls in order after a while each, and takes no more than three at once |
//! | `stream` | yes | returns what is sent through the stream that a call opens |
//! | `flood` | no | sends notifications without end once it was called |
//! | `fail` | no | fails as it is told to by a call, when it is saved, and when it is made from a snapshot |

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use gate_packet::stream::{FromProgram, ToProgram};
use gate_packet::{Data, Domain, Flow, Packet};

use crate::{BoxFuture, Config, Created, Factory, Failure, Outbox, Properties, Registry, Saved, Service};

const ALL: [Kind; 9] = [
    Kind::Origin,
    Kind::Identity,
    Kind::Echo,
    Kind::Late,
    Kind::Swap,
    Kind::Slow,
    Kind::Stream,
    Kind::Flood,
    Kind::Fail,
];

/// All of them.
pub(crate) fn registry() -> Arc<Registry> {
    let mut registry = Registry::new();
    for kind in ALL {
        registry.register(Arc::new(kind)).unwrap();
    }
    Arc::new(registry)
}

/// The one with this name.
pub(crate) fn factory(name: &str) -> Arc<dyn Factory> {
    Arc::clone(registry().find(name.as_bytes()).unwrap())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Origin,
    Identity,
    Echo,
    Late,
    Swap,
    Slow,
    Stream,
    Flood,
    Fail,
}

impl Factory for Kind {
    fn properties(&self) -> Properties<'_> {
        let (name, has_streams) = match self {
            Self::Origin => ("origin", true),
            Self::Identity => ("identity", false),
            Self::Echo => ("echo", false),
            Self::Late => ("late", false),
            Self::Swap => ("swap", false),
            Self::Slow => ("slow", false),
            Self::Stream => ("stream", true),
            Self::Flood => ("flood", false),
            Self::Fail => ("fail", false),
        };
        Properties { name, revision: "0", has_streams }
    }

    fn create(&self, _config: Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let kind = *self;
        Box::pin(async move {
            let service: Box<dyn Service> = match kind {
                Kind::Late => {
                    rounds(5).await;
                    Box::new(Echo)
                }
                Kind::Echo => Box::new(Echo),
                Kind::Origin => Box::new(Origin),
                Kind::Identity => Box::new(Identity),
                Kind::Swap => Box::new(Calls { queue: split(&snapshot)?, wait: None }),
                Kind::Slow => {
                    let queue = split(&snapshot)?;
                    if queue.len() > SLOW_CALLS {
                        return Err(Failure::Snapshot("too many calls".into()));
                    }
                    Box::new(Calls { queue, wait: Some(SLOW_ROUNDS) })
                }
                Kind::Stream => {
                    let streams =
                        split(&snapshot)?.iter().map(|piece| Loop::load(piece)).collect::<Result<_, _>>()?;
                    Box::new(Streams { streams })
                }
                Kind::Flood => Box::new(Flood { is_on: !snapshot.is_empty() }),
                Kind::Fail if !snapshot.is_empty() => return Err(Failure::Snapshot("as it must".into())),
                Kind::Fail => Box::new(Fail { later: false }),
            };
            Ok(service)
        })
    }
}

/// Waits until it was woken that often, by itself.
async fn rounds(mut count: u32) {
    poll_fn(|context| {
        if count == 0 {
            return Poll::Ready(());
        }
        count -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Pieces with their lengths in front, as services here keep them.
fn split(mut snapshot: &[u8]) -> Result<VecDeque<Vec<u8>>, Failure> {
    let mut pieces = VecDeque::new();
    let damaged = || Failure::Snapshot("pieces are cut".into());
    while !snapshot.is_empty() {
        let (len, rest) = snapshot.split_first_chunk().ok_or_else(damaged)?;
        let (piece, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or_else(damaged)?;
        pieces.push_back(piece.to_vec());
        snapshot = rest;
    }
    Ok(pieces)
}

fn joined<'a>(pieces: impl IntoIterator<Item = &'a Vec<u8>>) -> Saved {
    let mut snapshot = Vec::new();
    for piece in pieces {
        snapshot.extend_from_slice(&u32::try_from(piece.len()).unwrap().to_le_bytes());
        snapshot.extend_from_slice(piece);
    }
    Ok(snapshot)
}

fn kept(saved: Saved) -> BoxFuture<'static, Saved> {
    Box::pin(async { saved })
}

struct Echo;

impl Service for Echo {
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        out.packet(packet.domain(), 0, packet.content())?;
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        kept(Ok(Vec::new()))
    }
}

struct Origin;

impl Service for Origin {
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        match packet.domain() {
            Domain::Call => out.reply(0, &[0; 8])?,
            Domain::Info => {}
            Domain::Flow => {
                for flow in packet.flows() {
                    out.flows(&[Flow { value: 32_767, ..flow }])?;
                }
            }
            Domain::Data => {
                let data = packet.data().expect("a data packet has data");
                if data.bytes.is_empty() {
                    out.flows(&[Flow { id: data.id, value: 0 }])?;
                }
            }
        }
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        kept(Ok(Vec::new()))
    }
}

struct Identity;

impl Service for Identity {
    fn handle(&mut self, _packet: &Packet<'_>, _out: &mut Outbox<'_>) -> Result<(), Failure> {
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        kept(Ok(b"identity".to_vec()))
    }
}

/// How often `slow` is woken before it answers.
const SLOW_ROUNDS: u32 = 3;
/// How many calls `slow` takes at once.
const SLOW_CALLS: usize = 3;

/// Both `swap` and `slow`.
struct Calls {
    /// The calls that are not answered.
    queue: VecDeque<Vec<u8>>,
    /// How long the first has to wait; `None`: until there is another one.
    wait: Option<u32>,
}

impl Service for Calls {
    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        // It has itself woken as long as there are calls, so nothing is missed.
        if self.wait.is_some() && self.queue.len() >= SLOW_CALLS {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn handle(&mut self, packet: &Packet<'_>, _out: &mut Outbox<'_>) -> Result<(), Failure> {
        assert!(self.wait.is_none() || self.queue.len() < SLOW_CALLS, "it is not ready");
        if packet.domain() == Domain::Call {
            self.queue.push_back(packet.content().to_vec());
        }
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        match &mut self.wait {
            None => {
                while self.queue.len() >= 2 && out.has_room() {
                    let pair: Vec<_> = self.queue.drain(..2).collect();
                    out.reply(1, &pair[1])?;
                    out.reply(0, &pair[0])?;
                }
            }
            Some(wait) if !self.queue.is_empty() => {
                if *wait > 0 {
                    *wait -= 1;
                } else if out.has_room()
                    && let Some(call) = self.queue.pop_front()
                {
                    out.reply(0, &call)?;
                    *wait = SLOW_ROUNDS;
                }
                context.waker().wake_by_ref();
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        kept(joined(&self.queue))
    }
}

/// How much the program can have sent to `stream` that was not sent back.
const STREAM_CREDIT: u32 = 100;

struct Streams {
    /// By id; never removed, to keep it simple.
    streams: Vec<Loop>,
}

/// One stream of `stream`.
#[derive(Default)]
struct Loop {
    to_program: ToProgram,
    from_program: FromProgram,
    bytes: VecDeque<u8>,
}

impl Loop {
    fn load(piece: &[u8]) -> Result<Self, Failure> {
        let damaged = || Failure::Snapshot("a stream makes no sense".into());
        let (&[t0, t1, t2, t3, f0, f1, f2, f3, flags], bytes) =
            piece.split_first_chunk().ok_or_else(damaged)?;
        let flag = |bit: u8| flags & (1 << bit) != 0;
        let to_program = ToProgram::restore(u32::from_le_bytes([t0, t1, t2, t3]), flag(0), flag(1));
        let from_program = FromProgram::restore(u32::from_le_bytes([f0, f1, f2, f3]), flag(2), flag(3));
        let (Ok(to_program), Ok(from_program)) = (to_program, from_program) else { return Err(damaged()) };
        if bytes.len() + from_program.credit() as usize > STREAM_CREDIT as usize
            || flags > 0b1111
            || !to_program.is_data_open() && !bytes.is_empty()
        {
            return Err(damaged());
        }
        Ok(Self { to_program, from_program, bytes: bytes.iter().copied().collect() })
    }

    fn save(&self) -> Vec<u8> {
        let mut piece = self.to_program.credit().to_le_bytes().to_vec();
        piece.extend(self.from_program.credit().to_le_bytes());
        let flags = [
            self.to_program.is_flow_open(),
            self.to_program.is_data_open(),
            self.from_program.is_flow_open(),
            self.from_program.is_data_open(),
        ];
        piece.push((0..).zip(flags).map(|(bit, flag)| u8::from(flag) << bit).sum());
        piece.extend(&self.bytes);
        piece
    }

    fn poll(&mut self, id: i32, out: &mut Outbox<'_>) -> Result<(), Failure> {
        let buffered = u32::try_from(self.bytes.len()).unwrap();
        let grant = STREAM_CREDIT - buffered - self.from_program.credit();
        if grant > 0 && self.from_program.grantable() >= grant {
            self.from_program.grant(grant);
            out.flows(&[Flow { id, value: grant.cast_signed() }])?;
        }
        let count = self.to_program.sendable().min(self.bytes.len());
        if count > 0 {
            let bytes: Vec<u8> = self.bytes.drain(..count).collect();
            self.to_program.sent(count);
            out.data(Data { id, note: 0, bytes: &bytes })?;
        }
        let is_over = self.bytes.is_empty() && !self.from_program.is_data_open();
        if self.to_program.is_data_open() && (is_over || self.to_program.is_exhausted()) {
            self.to_program.end();
            self.bytes.clear();
            out.data(Data { id, note: 0, bytes: &[] })?;
        }
        if self.from_program.is_flow_open() && !self.from_program.is_data_open() {
            self.from_program.end();
            out.flows(&[Flow { id, value: 0 }])?;
        }
        Ok(())
    }
}

impl Streams {
    fn get(&mut self, id: i32) -> Result<&mut Loop, Failure> {
        let stream = usize::try_from(id).ok().and_then(|id| self.streams.get_mut(id));
        stream.ok_or(Failure::Program("unknown stream".into()))
    }
}

impl Service for Streams {
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        let misuse = |misuse: gate_packet::stream::Misuse| Failure::Program(misuse.to_string().into());
        match packet.domain() {
            Domain::Call => {
                out.reply(0, &u32::try_from(self.streams.len()).unwrap().to_le_bytes())?;
                self.streams.push(Loop::default());
            }
            Domain::Info => {}
            Domain::Flow => {
                for flow in packet.flows() {
                    self.get(flow.id)?.to_program.flow(flow.meaning()).map_err(misuse)?;
                }
            }
            Domain::Data => {
                let data = packet.data().expect("a data packet has data");
                let stream = self.get(data.id)?;
                stream.from_program.data(data.bytes.len()).map_err(misuse)?;
                if stream.to_program.is_data_open() {
                    stream.bytes.extend(data.bytes);
                }
            }
        }
        Ok(())
    }

    fn poll(&mut self, _context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        for (id, stream) in (0..).zip(&mut self.streams) {
            if out.has_room() {
                stream.poll(id, out)?;
            }
        }
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        kept(joined(&self.streams.iter().map(Loop::save).collect::<Vec<_>>()))
    }
}

struct Flood {
    is_on: bool,
}

impl Service for Flood {
    fn handle(&mut self, packet: &Packet<'_>, _out: &mut Outbox<'_>) -> Result<(), Failure> {
        self.is_on |= packet.domain() == Domain::Call;
        Ok(())
    }

    fn poll(&mut self, _context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        while self.is_on && out.has_room() {
            out.info(&[b'f'; 1000])?;
        }
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        kept(Ok(if self.is_on { vec![1] } else { Vec::new() }))
    }
}

struct Fail {
    later: bool,
}

impl Service for Fail {
    fn handle(&mut self, packet: &Packet<'_>, _out: &mut Outbox<'_>) -> Result<(), Failure> {
        match packet.content() {
            b"program" => Err(Failure::Program("as it was told".into())),
            b"service" => Err(Failure::Service("as it was told".into())),
            b"later" => {
                self.later = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn poll(&mut self, _context: &mut Context<'_>, _out: &mut Outbox<'_>) -> Result<(), Failure> {
        if self.later { Err(Failure::Service("later".into())) } else { Ok(()) }
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        kept(Err(Failure::Service("it keeps nothing".into())))
    }
}
