//! The services between a program and connections, `origin`, and between programs, `peer`: whatever packets they get, in whatever order they are
//! polled, saved and made again, and whatever snapshot they begin with.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use arbitrary::{Result, Unstructured};
use gate_packet::stream::{FromProgram, ToProgram};
use gate_packet::{Code, Domain, FlowMeaning, MAX_SIZE, Packet, encode};
use gate_service::{BoxFuture, Client, Config, Factory, Failure, Outbox, Registry, Scope, Service};
use gate_services::origin::{Connection, Connector, Limits, Origin};
use gate_services::peer::{Hub, Peer};
use gate_services::peerindex::principal::{GROUP, PrincipalIndex};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

/// How many streams of a service are watched. Programs guess ids that are not much larger.
const STREAMS: usize = 8;

/// A service, and the program that uses it.
struct Host {
    factory: Arc<dyn Factory>,
    client: Client,
    /// `None` when the program has ended.
    service: Option<Box<dyn Service>>,
    /// The streams as the rules of streams have them. They tell what the service may do if it has made the program's streams itself.
    streams: Streams,
    /// Whether it has.
    is_known: bool,
}

fn client(number: u8) -> Client {
    Client {
        principal: Some("local".to_owned()),
        instance: Some([number; 16]),
        process_key: [number; 16],
        scope: Scope::new([]),
        system_user: None,
    }
}

/// What a future becomes that has nothing to wait for.
pub(crate) fn now<T>(mut future: BoxFuture<'_, T>) -> T {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

type Streams = [Option<(ToProgram, FromProgram)>; STREAMS];

fn find(streams: &mut Streams, id: i32) -> Option<&mut (ToProgram, FromProgram)> {
    usize::try_from(id).ok().and_then(|id| streams.get_mut(id)?.as_mut())
}

impl Host {
    fn new(factory: Arc<dyn Factory>, number: u8, snapshot: Vec<u8>) -> Self {
        let (client, streams, is_known) = (client(number), Default::default(), snapshot.is_empty());
        let mut host = Self { factory, client, service: None, streams, is_known };
        match host.create(snapshot) {
            Ok(service) => host.service = Some(service),
            Err(Failure::Snapshot(_)) => {}
            Err(other) => panic!("a snapshot makes it say {other}"),
        }
        host
    }

    fn create(&mut self, snapshot: Vec<u8>) -> std::result::Result<Box<dyn Service>, Failure> {
        let Client { principal, instance, process_key, .. } = &self.client;
        let client = Client {
            principal: principal.clone(),
            instance: *instance,
            process_key: *process_key,
            scope: Scope::new([]),
            system_user: None,
        };
        let (client, registry) = (Arc::new(client), Arc::new(Registry::new()));
        now(self.factory.create(Config { client, registry, code: 0, max_send_size: MAX_SIZE }, snapshot))
    }

    /// The program sends this packet.
    fn send(&mut self, domain: Domain, content: &[u8]) {
        let Some(service) = &mut self.service else { return };
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, Code::Service(0), domain, 0, content).expect("it is short");
        let (packet, _) = Packet::split_first(&bytes).expect("we made it").expect("all of it is there");
        let mut out = Vec::new();
        let handled = service.handle(&packet, &mut Outbox::new(&mut out, 0));
        let is_right = self.note(&packet);
        match handled {
            Ok(()) => assert!(is_right || !self.is_known, "a program breaks the rules"),
            Err(Failure::Program(_)) => {
                self.service = None;
                return;
            }
            Err(other) => panic!("a packet makes it say {other}"),
        }
        self.receive(&out);
    }

    /// Keeps account of a packet of the program. Returns whether it was right.
    fn note(&mut self, packet: &Packet<'_>) -> bool {
        let all = &mut self.streams;
        let mut flow = |id, meaning| find(all, id).is_some_and(|(to, _)| to.flow(meaning).is_ok());
        packet.flows().all(|entry| flow(entry.id, entry.meaning()))
            && packet.data().is_none_or(|data| {
                find(all, data.id).is_some_and(|(_, from)| from.data(data.bytes.len()).is_ok())
            })
    }

    fn poll(&mut self) {
        let Some(service) = &mut self.service else { return };
        let mut out = Vec::new();
        let context = &mut Context::from_waker(Waker::noop());
        service.poll(context, &mut Outbox::new(&mut out, 0)).expect("the program has done nothing");
        self.receive(&out);
    }

    /// Judges what the service has sent. What is not allowed panics in the account.
    fn receive(&mut self, mut bytes: &[u8]) {
        while let Some((packet, rest)) = Packet::split_first(bytes).expect("services send packets") {
            bytes = rest;
            let stream = match packet.domain() {
                // A reply of `origin`, and a notification of `peer`, begin with the id of a new stream.
                Domain::Call if packet.content().len() == 8 => packet.content().first_chunk(),
                Domain::Info => packet.content().first_chunk(),
                Domain::Call | Domain::Flow | Domain::Data => None,
            };
            if let Some(id) = stream.and_then(|id| usize::try_from(i32::from_le_bytes(*id)).ok())
                && let Some(place) = self.streams.get_mut(id)
            {
                let is_free = place.is_none_or(|(to, from)| to.is_closed() && from.is_closed());
                assert!(is_free || !self.is_known, "stream {id} is there");
                *place = Some((ToProgram::new(), FromProgram::new()));
            }
            if !self.is_known {
                continue;
            }
            for flow in packet.flows() {
                let (_, from) = find(&mut self.streams, flow.id).expect("there is such a stream");
                match flow.meaning() {
                    FlowMeaning::Credit(credit) => from.grant(credit),
                    FlowMeaning::End => from.end(),
                    FlowMeaning::Note(_) => {}
                }
            }
            if let Some(data) = packet.data() {
                let (to, _) = find(&mut self.streams, data.id).expect("there is such a stream");
                match data.bytes.len() {
                    0 => to.end(),
                    len => to.sent(len),
                }
            }
        }
        assert!(bytes.is_empty(), "services send whole packets");
    }

    /// Saves the service, which goes on or is made again.
    fn save(&mut self, is_made_again: bool) {
        let Some(service) = &mut self.service else { return };
        let snapshot = now(service.save()).expect("there is nothing that could fail");
        if is_made_again {
            self.service = None;
            let key = &mut self.client.process_key;
            key[1] = key[1].wrapping_add(1);
            self.service = Some(self.create(snapshot).expect("it has saved that itself"));
        }
    }

    /// Something that the program sends: an id and a number, and perhaps more.
    fn act(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let id = if u.ratio(1, 200)? { u.arbitrary()? } else { u.int_in_range(0..=3_i32)? };
        let right = find(&mut self.streams, id).copied();
        match u.int_in_range(0..=9)? {
            0 => self.poll(),
            1 => self.save(u.arbitrary()?),
            2 => {
                let len = u.int_in_range(0..=8)?.min(u.len());
                self.send(Domain::Call, u.bytes(len)?);
            }
            3 => self.send(Domain::Info, &[]),
            4..=6 => {
                let is_right = right.is_some_and(|(to, _)| to.is_flow_open());
                if is_right || u.ratio(1, 50)? {
                    let value: i32 =
                        if u.ratio(1, 20)? { u.arbitrary()? } else { u.int_in_range(1..=70_000)? };
                    self.send(Domain::Flow, &[id.to_le_bytes(), value.to_le_bytes()].concat());
                }
            }
            _ => {
                let credit =
                    right.filter(|(_, from)| from.is_data_open()).map_or(0, |(_, from)| from.credit());
                let mut len = u.int_in_range(0..=credit)? as usize;
                if u.ratio(1, 100)? {
                    len = u.int_in_range(0..=65_520)?;
                }
                let note: i32 = u.int_in_range(0..=2)?;
                if right.is_some_and(|(_, from)| from.is_data_open()) || u.ratio(1, 50)? {
                    let header = [id.to_le_bytes(), note.to_le_bytes()].concat();
                    self.send(Domain::Data, &[header, vec![7; len]].concat());
                }
            }
        }
        Ok(())
    }
}

/// A program that uses `origin`.
///
/// # Panics
/// When the service breaks the rules of streams, or refuses what it has saved, or when the code under test panics.
pub fn origin(data: &[u8]) {
    let (snapshot, rest) = data.split_at(data.len() / 8);
    for snapshot in [snapshot, &[]] {
        let connector = Connector::new();
        let buffer_size = if data.len().is_multiple_of(7) { 1 } else { 40_000 };
        let limits = Limits { max_connections: 3, buffer_size };
        let factory = Arc::new(Origin::new(limits, connector.clone()));
        let mut host = Host::new(factory, 1, snapshot.to_vec());
        let mut clients = Vec::new();
        let mut u = Unstructured::new(rest);
        while !u.is_empty() && act_on_origin(&mut u, &mut host, &connector, &mut clients).is_ok() {}
    }
}

fn act_on_origin(
    u: &mut Unstructured<'_>,
    host: &mut Host,
    connector: &Connector,
    clients: &mut Vec<(DuplexStream, Connection)>,
) -> Result<()> {
    let context = &mut Context::from_waker(Waker::noop());
    let kind = u.int_in_range(0..=9)?;
    if kind < 5 {
        return host.act(u);
    }
    if kind == 5 && clients.len() < STREAMS {
        let (ours, theirs) = duplex(u.int_in_range(1..=10_000)?);
        clients.push((ours, connector.connect(theirs)));
        return Ok(());
    }
    if clients.is_empty() {
        return Ok(());
    }
    let which = u.choose_index(clients.len())?;
    let mut buffer = vec![0; u.int_in_range(1..=10_000)?];
    let end = Pin::new(&mut clients[which].0);
    match kind {
        // What becomes of these is up to the state of the connection.
        6 => drop(end.poll_write(context, &buffer)),
        7 | 8 => drop(end.poll_read(context, &mut ReadBuf::new(&mut buffer))),
        _ if u.arbitrary()? => drop(end.poll_shutdown(context)),
        _ => drop(clients.swap_remove(which)),
    }
    Ok(())
}

/// Programs that use `peer`.
///
/// # Panics
/// When the service breaks the rules of streams, or refuses what it has saved, or when the code under test panics.
pub fn peer(data: &[u8]) {
    let (snapshot, rest) = data.split_at(data.len() / 8);
    // The first byte tells the version: what is behind another one is not looked at.
    let snapshot = [&[1], snapshot].concat();
    for snapshot in [&*snapshot, &[]] {
        let hub = Hub::new();
        let mut hosts: Vec<Host> = (0..3)
            .map(|number| {
                let snapshot = if number == 0 { snapshot.to_vec() } else { Vec::new() };
                Host::new(Arc::new(Peer::new(hub.clone())), number, snapshot)
            })
            .collect();
        // They are not made again, so that programs are found by the same names all the time.
        let _indexes: Vec<Host> = (0..3)
            .map(|number| {
                let mut index = Host::new(Arc::new(PrincipalIndex::new(hub.clone())), number, Vec::new());
                index.send(Domain::Info, &[]);
                index.send(Domain::Call, &[]);
                index
            })
            .collect();
        let mut u = Unstructured::new(rest);
        while !u.is_empty() && act_on_peers(&mut u, &mut hosts).is_ok() {}
    }
}

fn act_on_peers(u: &mut Unstructured<'_>, hosts: &mut [Host]) -> Result<()> {
    let which = u.choose_index(hosts.len())?;
    let host = &mut hosts[which];
    if !u.ratio(1, 6)? {
        return host.act(u);
    }
    let number = u.int_in_range(0..=3_u8)?;
    let id = format!("{number:02x}");
    let name = [id.repeat(4), id.repeat(2), id.repeat(2), id.repeat(2), id.repeat(6)].join("-");
    let mut content = vec![0; 8];
    for name in [GROUP, &name, "type"] {
        content.push(u8::try_from(name.len()).expect("it is short"));
        content.extend_from_slice(name.as_bytes());
    }
    host.send(Domain::Call, &content);
    host.poll();
    Ok(())
}

#[test]
fn smoke_origin() {
    crate::driver::smoke(origin, 2_000);
}

#[test]
fn smoke_peer() {
    crate::driver::smoke(peer, 2_000);
}
