//! A host for tests: it parses and builds packets with the codec of the real one.

use std::boxed::Box;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::string::String;
use std::time::Duration;
use std::vec::Vec;

use gate_packet::discovery::{self, Names, STATE_AVAILABLE};
use gate_packet::{encode, Code, Data, Domain, Flow, Packet, Parser};

use crate::{Transferred, Transport, Wait};

/// What a program did, seen from the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Call(String, Vec<u8>),
    Info(String, Vec<u8>),
    Flow(String, i32, i32),
    Data(String, i32, i32, Vec<u8>),
    /// It waited so.
    Wait(Wait),
}

/// Reacts to events with packets for the program.
type Service = Box<dyn FnMut(&Event, &mut Sender)>;

/// Builds packets.
#[derive(Debug, Default)]
pub(crate) struct Sender {
    names: Vec<String>,
    bytes: Vec<u8>,
}

impl Sender {
    pub(crate) fn code(&self, service: &str) -> Code {
        let position = self.names.iter().position(|name| name == service).expect("the program discovered it");
        Code::Service(u16::try_from(position).unwrap())
    }

    pub(crate) fn reply(&mut self, service: &str, index: u8, content: &[u8]) {
        let code = self.code(service);
        encode::packet(&mut self.bytes, code, Domain::Call, index, content).unwrap();
    }

    pub(crate) fn info(&mut self, service: &str, content: &[u8]) {
        let code = self.code(service);
        encode::packet(&mut self.bytes, code, Domain::Info, 0, content).unwrap();
    }

    pub(crate) fn flow(&mut self, service: &str, id: i32, value: i32) {
        let code = self.code(service);
        encode::flows(&mut self.bytes, code, &[Flow { id, value }]).unwrap();
    }

    pub(crate) fn data(&mut self, service: &str, id: i32, note: i32, bytes: &[u8]) {
        let code = self.code(service);
        encode::data(&mut self.bytes, code, Data { id, note, bytes }).unwrap();
    }

    /// Tells the states of all services: available those that the function says.
    pub(crate) fn states(&mut self, domain: Domain, available: impl Fn(&str) -> bool) {
        let state = |name: &String| if available(name) { STATE_AVAILABLE } else { 0 };
        let states: Vec<u8> = self.names.iter().map(state).collect();
        discovery::encode_states(&mut self.bytes, domain, states.into_iter()).unwrap();
    }
}

/// See the module. Clones are the same host.
#[derive(Clone)]
pub(crate) struct FakeHost {
    state: Rc<RefCell<State>>,
}

struct State {
    parser: Parser,
    sender: Sender,
    service: Service,
    available: fn(&str) -> bool,
    /// How many bytes at most go through in one transfer, over and over again; first to the host, then to the program.
    cuts: Vec<(usize, usize)>,
    transfers: usize,
    to_program: VecDeque<u8>,
    now: Duration,
    events: Vec<Event>,
}

impl FakeHost {
    /// A host that has all services with names that do not begin with "no".
    pub(crate) fn new(service: impl FnMut(&Event, &mut Sender) + 'static) -> Self {
        let state = State {
            parser: Parser::new(),
            sender: Sender::default(),
            service: Box::new(service),
            available: |name| !name.starts_with("no"),
            cuts: vec![(usize::MAX, usize::MAX)],
            transfers: 0,
            to_program: VecDeque::new(),
            now: Duration::from_secs(1),
            events: Vec::new(),
        };
        Self { state: Rc::new(RefCell::new(state)) }
    }

    pub(crate) fn cut(self, cuts: Vec<(usize, usize)>) -> Self {
        self.state.borrow_mut().cuts = cuts;
        self
    }

    /// What the program did up to now.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.state.borrow().events.clone()
    }

    /// What the program did up to now, but for waiting.
    pub(crate) fn packets(&self) -> Vec<Event> {
        self.events().into_iter().filter(|event| !matches!(event, Event::Wait(_))).collect()
    }
}

impl State {
    fn happened(&mut self, event: Event) {
        (self.service)(&event, &mut self.sender);
        self.events.push(event);
    }

    fn take_in(&mut self, mut bytes: &[u8]) {
        let mut parser = std::mem::take(&mut self.parser);
        while let Some(packet) = parser.next(&mut bytes).expect("the program keeps the protocol") {
            self.packet(&packet);
        }
        self.parser = parser;
    }

    fn packet(&mut self, packet: &Packet<'_>) {
        let code = match packet.code() {
            Code::Discovery => {
                for name in Names::decode(packet).unwrap() {
                    self.sender.names.push(String::from_utf8(name.unwrap().into()).unwrap());
                }
                self.sender.states(Domain::Call, self.available);
                return;
            }
            Code::Service(code) => usize::from(code),
        };
        let name = self.sender.names[code].clone();
        assert!((self.available)(&name), "the program sends packets only to services that are there");
        let content = packet.content().to_vec();
        match packet.domain() {
            Domain::Call => self.happened(Event::Call(name, content)),
            Domain::Info => self.happened(Event::Info(name, content)),
            Domain::Flow => {
                for Flow { id, value } in packet.flows() {
                    self.happened(Event::Flow(name.clone(), id, value));
                }
            }
            Domain::Data => {
                let Data { id, note, bytes } = packet.data().unwrap();
                self.happened(Event::Data(name, id, note, bytes.to_vec()));
            }
        }
    }
}

impl Transport for FakeHost {
    fn transfer(&mut self, receive: &mut [u8], send: &[u8], wait: Wait) -> Transferred {
        let state = &mut *self.state.borrow_mut();
        let (to_host, to_program) = state.cuts[state.transfers % state.cuts.len()];
        state.transfers += 1;
        if send.is_empty() && state.to_program.is_empty() && state.sender.bytes.is_empty() && wait != Wait::No
        {
            if let Wait::AtMost(time) = wait {
                state.now += time;
            }
            state.happened(Event::Wait(wait));
            let something = !state.sender.bytes.is_empty() || wait != Wait::Forever;
            assert!(something, "the program waits for ever for nothing: {:?}", state.events);
        }
        let sent = send.len().min(to_host);
        state.take_in(&send[..sent]);
        let bytes = std::mem::take(&mut state.sender.bytes);
        state.to_program.extend(bytes);
        let received = receive.len().min(to_program).min(state.to_program.len());
        for (to, from) in receive.iter_mut().zip(state.to_program.drain(..received)) {
            *to = from;
        }
        Transferred { received, sent }
    }

    fn now(&mut self) -> Duration {
        self.state.borrow().now
    }
}
