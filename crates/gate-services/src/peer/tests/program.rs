//! A program that uses both services, as far as tests need one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use gate_packet::{Code, Data, Domain, Flow, MAX_SIZE, Packet, encode};
use gate_service::{BoxFuture, Client, Config, Factory, Failure, Outbox, Registry, Scope, Service};

use super::super::{Hub, Peer};
use crate::peerindex::principal::{GROUP, PrincipalIndex};

/// The program, and its services.
pub(crate) struct Program {
    hub: Hub,
    client: Arc<Client>,
    peer: Option<Box<dyn Service>>,
    index: Option<Box<dyn Service>>,
    woken: Arc<Woken>,
    /// Wishes of others that it was told: their names and types.
    pub(crate) wants: Vec<(String, String)>,
    /// Names, types and ids.
    pub(crate) connected: Vec<(String, String, i32)>,
    pub(crate) streams: BTreeMap<i32, Stream>,
}

/// A stream as the program sees it.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) received: Vec<u8>,
    /// The notes of data, each with the number of bytes before.
    pub(crate) notes: Vec<(usize, i32)>,
    /// What the program granted and was not used.
    pub(crate) granted: u64,
    /// What the program can send.
    pub(crate) credit: usize,
    /// All it could send.
    pub(crate) all_credit: u64,
    /// How much it has sent, and granted.
    pub(crate) sent: usize,
    pub(crate) all_granted: u64,
    pub(crate) data_end: Option<i32>,
    pub(crate) flow_ended: bool,
    pub(crate) flow_notes: Vec<i32>,
    pub(crate) own_data_ended: bool,
    pub(crate) own_flow_ended: bool,
}

impl Stream {
    pub(crate) fn is_closed(&self) -> bool {
        self.data_end.is_some() && self.flow_ended && self.own_data_ended && self.own_flow_ended
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// What a future becomes that has nothing to wait for.
pub(crate) fn now<T>(mut future: BoxFuture<'_, T>) -> T {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

/// The name of the program with this number.
pub(crate) fn name(number: u8) -> String {
    let part = |len| format!("{number:02x}").repeat(len);
    [part(4), part(2), part(2), part(2), part(6)].join("-")
}

pub(crate) fn client(number: u8, launch: u8) -> Arc<Client> {
    Arc::new(Client {
        principal: Some("local".to_owned()),
        instance: Some([number; 16]),
        process_key: [number, launch, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        scope: Scope::new([]),
        system_user: None,
    })
}

pub(crate) fn config(client: &Arc<Client>) -> Config {
    let (client, registry) = (Arc::clone(client), Arc::new(Registry::new()));
    Config { client, registry, code: 0, max_send_size: MAX_SIZE }
}

impl Program {
    /// The program with this number, whose services nobody has used.
    pub(crate) fn new(hub: &Hub, number: u8) -> Self {
        Self::of(hub, client(number, 0))
    }

    pub(crate) fn of(hub: &Hub, client: Arc<Client>) -> Self {
        let mut program = Self {
            hub: hub.clone(),
            client,
            peer: None,
            index: None,
            woken: Arc::default(),
            wants: Vec::new(),
            connected: Vec::new(),
            streams: BTreeMap::new(),
        };
        program.create([Vec::new(), Vec::new()]).unwrap();
        program
    }

    /// The program with this number, which others can connect with.
    pub(crate) fn registered(hub: &Hub, number: u8) -> Self {
        let mut program = Self::new(hub, number);
        program.send(Domain::Info, &[]);
        program.register();
        program
    }

    fn create(&mut self, [peer, index]: [Vec<u8>; 2]) -> Result<(), Failure> {
        let config = config(&self.client);
        // The order is that of the snapshot, in which either can come first.
        self.index = Some(now(PrincipalIndex::new(self.hub.clone()).create(config.clone(), index))?);
        self.peer = Some(now(Peer::new(self.hub.clone()).create(config, peer))?);
        Ok(())
    }

    pub(crate) fn save(&mut self) -> [Vec<u8>; 2] {
        let services = [self.peer.as_mut().unwrap(), self.index.as_mut().unwrap()];
        services.map(|service| now(service.save()).unwrap())
    }

    /// The services are gone. What they park they park.
    pub(crate) fn leave(&mut self) {
        (self.peer, self.index) = (None, None);
    }

    /// The program goes on with what was saved.
    pub(crate) fn come_back(&mut self, hub: &Hub, saved: [Vec<u8>; 2]) {
        let old = &self.client;
        let mut process_key = old.process_key;
        process_key[1] = process_key[1].wrapping_add(1);
        let (principal, instance) = (old.principal.clone(), old.instance);
        let scope = Scope::new([]);
        self.client = Arc::new(Client { principal, instance, process_key, scope, system_user: None });
        self.hub = hub.clone();
        self.create(saved).unwrap();
        self.poll();
    }

    /// Stops, and goes on.
    pub(crate) fn restart(&mut self) {
        let saved = self.save();
        self.leave();
        let hub = self.hub.clone();
        self.come_back(&hub, saved);
    }

    pub(crate) fn was_woken(&self) -> bool {
        self.woken.0.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn register(&mut self) {
        assert_eq!(self.ask_index(Domain::Info), b"");
    }

    pub(crate) fn list(&mut self) -> Vec<u8> {
        self.ask_index(Domain::Call)
    }

    fn ask_index(&mut self, domain: Domain) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, Code::Service(0), domain, 0, &[]).unwrap();
        let (packet, _) = Packet::split_first(&bytes).unwrap().unwrap();
        let mut sent = Vec::new();
        self.index.as_mut().unwrap().handle(&packet, &mut Outbox::new(&mut sent, 0)).unwrap();
        let reply = Packet::split_first(&sent).unwrap();
        reply.map(|(packet, _)| packet.content().to_vec()).unwrap_or_default()
    }

    /// Polls the services, and takes in what they send.
    pub(crate) fn poll(&mut self) {
        let waker = Waker::from(Arc::clone(&self.woken));
        let context = &mut Context::from_waker(&waker);
        let mut bytes = Vec::new();
        let out = &mut Outbox::new(&mut bytes, 0);
        self.index.as_mut().unwrap().poll(context, out).unwrap();
        self.peer.as_mut().unwrap().poll(context, out).unwrap();
        assert_eq!(self.receive(&bytes), None);
    }

    /// Sends a packet to `peer`, and returns the reply.
    fn send(&mut self, domain: Domain, content: &[u8]) -> Option<Vec<u8>> {
        self.try_send(domain, content).unwrap()
    }

    pub(crate) fn try_send(&mut self, domain: Domain, content: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, Code::Service(0), domain, 0, content).unwrap();
        let (packet, _) = Packet::split_first(&bytes).unwrap().unwrap();
        let mut sent = Vec::new();
        self.peer.as_mut().unwrap().handle(&packet, &mut Outbox::new(&mut sent, 0))?;
        Ok(self.receive(&sent))
    }

    pub(crate) fn call(&mut self, content: &[u8]) -> Vec<u8> {
        self.send(Domain::Call, content).expect("there is a reply")
    }

    /// Connects with the program with this number, and returns the error.
    pub(crate) fn connect(&mut self, number: u8, kind: &str) -> u8 {
        self.connect_in(GROUP, &name(number), kind)
    }

    pub(crate) fn connect_in(&mut self, group: &str, peer: &str, kind: &str) -> u8 {
        let mut content = vec![0; 8];
        for name in [group, peer, kind] {
            content.push(u8::try_from(name.len()).unwrap());
            content.extend_from_slice(name.as_bytes());
        }
        let reply = self.call(&content);
        assert_eq!(reply[1..], [0, 0, 0]);
        reply[0]
    }

    pub(crate) fn stream(&mut self, id: i32) -> &mut Stream {
        self.streams.get_mut(&id).expect("there is such a stream")
    }

    pub(crate) fn flow(&mut self, id: i32, value: i32) {
        let flow = [id.to_le_bytes(), value.to_le_bytes()].concat();
        self.send(Domain::Flow, &flow);
        let stream = self.stream(id);
        let credit = u64::from(u32::try_from(value).unwrap_or(0));
        stream.granted += credit;
        stream.all_granted += credit;
        stream.own_flow_ended |= value == 0;
    }

    pub(crate) fn data(&mut self, id: i32, note: i32, bytes: &[u8]) {
        let stream = self.stream(id);
        stream.credit -= bytes.len();
        stream.sent += bytes.len();
        stream.own_data_ended |= bytes.is_empty();
        self.try_data(id, note, bytes).unwrap();
    }

    pub(crate) fn try_data(&mut self, id: i32, note: i32, bytes: &[u8]) -> Result<(), Failure> {
        let header = [id.to_le_bytes(), note.to_le_bytes()].concat();
        self.try_send(Domain::Data, &[&header, bytes].concat()).map(|_| ())
    }

    /// Takes in what the service has sent, and judges it as a program would. Returns the reply, if there is one.
    fn receive(&mut self, mut bytes: &[u8]) -> Option<Vec<u8>> {
        let mut reply = None;
        while let Some((packet, rest)) = Packet::split_first(bytes).unwrap() {
            bytes = rest;
            match packet.domain() {
                Domain::Call => assert!(reply.replace(packet.content().to_vec()).is_none()),
                Domain::Info => self.receive_info(packet.content()),
                Domain::Flow => packet.flows().for_each(|flow| self.receive_flow(flow)),
                Domain::Data => self.receive_data(packet.data().unwrap()),
            }
        }
        assert!(bytes.is_empty());
        reply
    }

    fn receive_info(&mut self, content: &[u8]) {
        let (id, rest) = content.split_first_chunk().unwrap();
        let id = i32::from_le_bytes(*id);
        let mut rest = rest.strip_prefix(&[0; 4]).unwrap();
        let mut name = || {
            let (name, after) = rest[1..].split_at(usize::from(rest[0]));
            rest = after;
            String::from_utf8(name.to_vec()).unwrap()
        };
        assert_eq!(name(), GROUP);
        let (peer, kind) = (name(), name());
        assert_eq!(rest, b"");
        if id < 0 {
            assert_eq!(id, -1);
            self.wants.push((peer, kind));
        } else {
            self.connected.push((peer, kind, id));
            let known = self.streams.insert(id, Stream::default());
            assert!(known.is_none_or(|stream| stream.is_closed()), "there is such a stream");
        }
    }

    fn receive_flow(&mut self, flow: Flow) {
        let stream = self.stream(flow.id);
        assert!(!stream.flow_ended, "flow after its end");
        match usize::try_from(flow.value) {
            Ok(0) => stream.flow_ended = true,
            Ok(credit) => {
                stream.credit += credit;
                stream.all_credit += u64::try_from(credit).unwrap();
                assert!(stream.credit <= 65520, "{} bytes of credit", stream.credit);
            }
            Err(_) => stream.flow_notes.push(flow.value),
        }
    }

    fn receive_data(&mut self, data: Data<'_>) {
        let stream = self.stream(data.id);
        assert_eq!(stream.data_end, None, "data after its end");
        if data.bytes.is_empty() {
            stream.data_end = Some(data.note);
            return;
        }
        let len = u64::try_from(data.bytes.len()).unwrap();
        stream.granted = stream.granted.checked_sub(len).expect("data without credit");
        if stream.notes.last().is_none_or(|(_, note)| *note != data.note) {
            stream.notes.push((stream.received.len(), data.note));
        }
        stream.received.extend_from_slice(data.bytes);
    }
}
