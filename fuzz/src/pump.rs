//! The pump between a program that sends anything and services of which everything is known. How bytes are cut, how fast the program reads, and
//! how often it is saved and restored must make no difference to what it gets from each service.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use arbitrary::Unstructured;
use gate_packet::buffers::Buffers;
use gate_packet::{ALIGNMENT, Code, Domain, Packet, Violation, discovery, encode};
use gate_service::{
    BoxFuture, Client, Config, Created, Factory, Failure, Fault, OUTBOX_BYTES, Outbox, Properties, Pump,
    Registry, Saved, Scope, Service,
};

/// More than the pump keeps for a program: what piles up after a stop, what services may add, and what one packet adds to it.
const MAX_OUTGOING_BYTES: usize = (1 << 20) + OUTBOX_BYTES + 2 * 65_536;

/// What a program discovers first. There is no `none`.
const NAMES: [&[u8]; 6] = [b"echo", b"late", b"strict", b"again", b"later", b"none"];

/// Takes a program's stream of packets, and ways to treat it.
///
/// # Panics
/// When the ways make a difference, or when the code under test panics.
pub fn run(data: &[u8]) {
    let (ways, rest) = data.split_at(data.len() / 4);
    let stream = stream(&mut Unstructured::new(rest));
    for stream in [rest, &stream] {
        let plain = exchange(stream, &mut [].iter(), None);
        let treated = exchange(stream, &mut ways.iter(), None);
        if plain.end.is_none() {
            assert_eq!(plain, treated, "what was done to the program makes a difference");
        } else {
            assert_eq!(plain.end, treated.end, "what was done to the program makes a difference at its end");
        }
    }
    hostile(data);
}

/// Packets for services that were discovered, with here and there something else.
fn stream(u: &mut Unstructured<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    discovery::encode_request(&mut out, &NAMES).expect("the names are short");
    while !u.is_empty() && append(u, &mut out).is_ok() {}
    out
}

fn append(u: &mut Unstructured<'_>, out: &mut Vec<u8>) -> arbitrary::Result<()> {
    let kind: u8 = u.arbitrary()?;
    let code = u.int_in_range(0..=5)?;
    // Streams are for services that have them; `none` gets whatever it is sent.
    let domain = match (kind % 4, code) {
        (3, 0 | 3 | 5) => Domain::Data,
        (2, 0 | 3 | 5) => Domain::Flow,
        (1, _) if code != 2 || kind == 1 => Domain::Info,
        _ => Domain::Call,
    };
    let len = match kind {
        0 => return crate::packets::append(u, out),
        2..=3 => {
            discovery::encode_request(out, &[]).expect("it is short");
            return Ok(());
        }
        // A few that fill the pump.
        4..=11 => usize::from(u.arbitrary::<u16>()?.min(65_000)) + 8,
        _ => u.int_in_range(8..=40)?,
    };
    let content = vec![kind; len];
    encode::packet(out, Code::Service(code), domain, 0, &content).expect("it is not too long");
    Ok(())
}

/// Restores a program from any bytes.
fn hostile(data: &[u8]) {
    let Ok(buffers) = Buffers::decode(data) else { return };
    let stream = buffers.output.clone();
    let _ = exchange(&stream, &mut data.iter(), Some(buffers));
}

/// What a program got.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    /// By code, in order: domain, index, content.
    packets: BTreeMap<u16, Vec<(Domain, u8, Vec<u8>)>>,
    /// The states in answers.
    states: Vec<Vec<u8>>,
    end: Option<End>,
    /// The beginning of a packet.
    rest: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Violation(Violation),
    Service(String),
}

/// Has a program send `stream`. Each way is something that is done to it; without any, it is polled and takes all it gets.
fn exchange<'a>(stream: &[u8], ways: &mut impl Iterator<Item = &'a u8>, buffers: Option<Buffers>) -> Outcome {
    let registry = registry();
    let mut outcome = Outcome::default();
    let mut pump = match buffers {
        None => Pump::new(Arc::clone(&registry), client()),
        Some(buffers) => match finish(Pump::restore(Arc::clone(&registry), client(), buffers)) {
            Ok(pump) => pump,
            Err(_) => return outcome,
        },
    };
    let mut read = pump.outgoing().to_vec();
    pump.delivered(read.len());
    read.clear();
    let mut left = stream;
    // Everything here wakes itself, so a bounded number of polls without progress is the end.
    let mut idle = 0;
    while idle < 40 {
        let before = (left.len(), read.len());
        let way = ways.next().copied();
        let amount = way.map_or(usize::MAX, |way| if way & 8 == 0 { usize::from(way >> 4) } else { 5000 });
        if pump.wants_input() {
            let (bytes, rest) = left.split_at(amount.min(left.len()).min(65_536));
            pump.receive(bytes);
            left = rest;
        }
        if let Err(fault) = step(&mut pump, &registry, way) {
            outcome.end = Some(match fault {
                Fault::Violation(violation) => End::Violation(violation),
                Fault::Service { name, .. } => End::Service(name),
            });
            return outcome;
        }
        assert!(pump.outgoing().len() < MAX_OUTGOING_BYTES, "{pump:?}");
        let count = amount.min(pump.outgoing().len());
        read.extend_from_slice(&pump.outgoing()[..count]);
        pump.delivered(count);
        idle = if before == (left.len(), read.len()) && way.is_none() { idle + 1 } else { 0 };
    }
    outcome.rest = finish(pump.save()).expect("these services can be saved").output;
    outcome.collect(&read);
    outcome
}

/// Polls, and perhaps stops the program and restores it.
fn step(pump: &mut Pump, registry: &Arc<Registry>, way: Option<u8>) -> Result<(), Fault> {
    match way.map(|way| way & 7) {
        Some(0) => {
            finish(pump.save())?;
        }
        Some(1) => finish(poll_fn(|context| pump.drain(context)))?,
        Some(2) => {
            let buffers = finish(pump.save())?;
            let encoded = buffers.encode();
            let decoded = Buffers::decode(&encoded).expect("we made it");
            assert_eq!(buffers, decoded);
            *pump = finish(Pump::restore(Arc::clone(registry), client(), decoded)).expect("we made it");
        }
        Some(3) => pump.shrink(),
        Some(4) => return pump.handle_with(&mut |_| 0),
        _ => {}
    }
    pump.poll(&mut Context::from_waker(Waker::noop()))
}

impl Outcome {
    fn collect(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((packet, behind)) = Packet::split_first(rest).expect("services send packets") {
            let (domain, index) = (packet.domain(), packet.index());
            match packet.code() {
                Code::Service(code) => {
                    self.packets.entry(code).or_default().push((domain, index, packet.content().to_vec()));
                }
                // How often it is told the states depends on how often it is restored.
                Code::Discovery if domain == Domain::Info => {}
                Code::Discovery => {
                    let states = discovery::states(&packet).expect("these are states");
                    self.states.push(states.to_vec());
                }
            }
            rest = behind;
        }
        assert!(rest.is_empty() && bytes.len().is_multiple_of(ALIGNMENT), "a packet is cut");
    }
}

/// What `future` becomes. Nothing here waits for anything but to be polled.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    for _ in 0..1000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
    panic!("it waits for ever");
}

fn client() -> Arc<Client> {
    Arc::new(Client {
        principal: None,
        instance: None,
        process_key: [0; 16],
        scope: Scope::new([]),
        system_user: None,
    })
}

/// All of [`NAMES`] but the last.
fn registry() -> Arc<Registry> {
    let mut registry = Registry::new();
    for (name, kind) in [
        ("echo", Kind::Echo),
        ("late", Kind::Late),
        ("strict", Kind::Strict),
        ("again", Kind::Echo),
        ("later", Kind::Late),
    ] {
        registry.register(Arc::new(Model { name, kind })).expect("the names are different");
    }
    Arc::new(registry)
}

struct Model {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Repeats packets at once.
    Echo,
    /// Takes a while to be made, repeats calls when it is polled, one each time, and takes no more than two at once.
    Late,
    /// Fails when it gets something else than a call.
    Strict,
}

impl Factory for Model {
    fn properties(&self) -> Properties<'_> {
        Properties { name: self.name, revision: "0", has_streams: self.kind == Kind::Echo }
    }

    fn create(&self, _config: Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let kind = self.kind;
        let mut rounds = if kind == Kind::Late { 5 } else { 0 };
        Box::pin(poll_fn(move |context| {
            if rounds > 0 {
                rounds -= 1;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(Running::new(kind, &snapshot).map(|service| Box::new(service) as Box<dyn Service>))
        }))
    }
}

struct Running {
    kind: Kind,
    /// Calls that a late service has not answered.
    calls: VecDeque<Vec<u8>>,
}

impl Running {
    fn new(kind: Kind, mut snapshot: &[u8]) -> Result<Self, Failure> {
        let mut calls = VecDeque::new();
        while let Some((len, rest)) = snapshot.split_first_chunk() {
            let len = usize::from(u16::from_le_bytes(*len));
            let Some((call, rest)) = rest.split_at_checked(len) else {
                return Err(Failure::Snapshot("a call is cut".into()));
            };
            calls.push_back(call.to_vec());
            snapshot = rest;
        }
        Ok(Self { kind, calls })
    }
}

impl Service for Running {
    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        // As long as there are calls, it is woken.
        if self.calls.len() < 2 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        match (self.kind, packet.domain()) {
            (Kind::Echo, domain) => out.packet(domain, 0, packet.content())?,
            (Kind::Late, Domain::Call) => self.calls.push_back(packet.content().to_vec()),
            (Kind::Late, _) | (Kind::Strict, Domain::Call) => {}
            (Kind::Strict, _) => return Err(Failure::Program("that is no call".into())),
        }
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        if out.has_room()
            && let Some(call) = self.calls.pop_front()
        {
            context.waker().wake_by_ref();
            out.reply(0, &call)?;
        }
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        let mut saved = Vec::new();
        for call in &self.calls {
            saved.extend(u16::try_from(call.len()).expect("it was in a packet").to_le_bytes());
            saved.extend_from_slice(call);
        }
        Box::pin(async { Ok(saved) })
    }
}

#[test]
fn smoke() {
    crate::driver::smoke(run, 2_000);
}
