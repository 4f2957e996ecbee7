//! Programs that use services of all kinds at once, and are saved and restored at any moment: nothing is lost, duplicated or reordered.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use gate_packet::{Code, Data, Domain, Flow, Packet, Parser, discovery, encode};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{client, pump};
use crate::Pump;
use crate::conformance::Transcript;
use crate::models::registry;

/// What the program discovers, in any order. There is no `none`.
const NAMES: [&str; 6] = ["echo", "late", "swap", "slow", "stream", "none"];

#[derive(Clone, Debug)]
enum Action {
    Discover {
        name: usize,
    },
    Query,
    Call {
        service: usize,
        len: usize,
    },
    Info {
        service: usize,
        len: usize,
    },
    Grant {
        stream: usize,
        credit: i32,
    },
    Data {
        stream: usize,
        len: usize,
    },
    EndData {
        stream: usize,
    },
    EndFlow {
        stream: usize,
    },
    /// Bytes move from the program to its socket, or from there to the pump.
    Send {
        to_socket: usize,
        to_pump: usize,
    },
    /// And back.
    Read {
        to_socket: usize,
        to_program: usize,
    },
    Poll,
    /// It is saved, and goes on.
    Save,
    /// It is saved, and restored elsewhere, where `none` of the services is or all are.
    Restore {
        drain: bool,
    },
}

fn action() -> impl Strategy<Value = Action> {
    let service = 0..NAMES.len();
    let len = prop_oneof![0_usize..40, 0_usize..3000];
    let count = prop_oneof![0_usize..9, 0_usize..100, Just(usize::MAX)];
    prop_oneof![
        3 => service.clone().prop_map(|name| Action::Discover { name }),
        1 => Just(Action::Query),
        6 => (service.clone(), len.clone()).prop_map(|(service, len)| Action::Call { service, len }),
        2 => (service, len).prop_map(|(service, len)| Action::Info { service, len }),
        2 => (0_usize..3, 1..300).prop_map(|(stream, credit)| Action::Grant { stream, credit }),
        3 => (0_usize..3, 1_usize..120).prop_map(|(stream, len)| Action::Data { stream, len }),
        1 => (0_usize..3).prop_map(|stream| Action::EndData { stream }),
        1 => (0_usize..3).prop_map(|stream| Action::EndFlow { stream }),
        8 => (count.clone(), count.clone())
            .prop_map(|(to_socket, to_pump)| Action::Send { to_socket, to_pump }),
        8 => (count.clone(), count).prop_map(|(to_socket, to_program)| Action::Read { to_socket, to_program }),
        10 => Just(Action::Poll),
        2 => Just(Action::Save),
        4 => any::<bool>().prop_map(|drain| Action::Restore { drain }),
    ]
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct World {
    pump: Pump,
    flag: Arc<Flag>,
    /// What the program is about to send, and what is in its socket.
    sending: Vec<u8>,
    sent: Vec<u8>,
    /// What the pump has sent and the program has not read.
    arrived: Vec<u8>,
    program: Program,
}

/// What the program knows.
#[derive(Default)]
struct Program {
    parser: Parser,
    /// By code: the name and what was exchanged.
    services: Vec<(usize, Transcript)>,
    /// How many states there are in each answer to a discovery request that is outstanding.
    answers: VecDeque<usize>,
    /// Likewise in notifications.
    notifications: VecDeque<usize>,
    /// Makes contents different.
    serial: u32,
}

impl Program {
    fn code(&self, name: usize) -> Option<u16> {
        let position = self.services.iter().position(|(known, _)| *known == name)?;
        u16::try_from(position).ok()
    }

    fn content(&mut self, len: usize) -> Vec<u8> {
        self.serial += 1;
        self.serial.to_le_bytes().into_iter().cycle().take(len).collect()
    }

    /// The packets of `action`.
    fn act(&mut self, action: &Action) -> Vec<u8> {
        let mut out = Vec::new();
        let stream_service = self.code(4);
        match *action {
            Action::Discover { name } if NAMES[name] == "none" || self.code(name).is_none() => {
                discovery::encode_request(&mut out, &[NAMES[name].as_bytes()]).unwrap();
                self.services.push((name, Transcript::default()));
                self.answers.push_back(self.services.len());
            }
            Action::Query => {
                discovery::encode_request(&mut out, &[]).unwrap();
                self.answers.push_back(self.services.len());
            }
            Action::Call { service, len } => {
                let content = self.content(len);
                self.packet(&mut out, service, Domain::Call, &content);
            }
            // Only these repeat it.
            Action::Info { service, len } if service < 2 => {
                let content = self.content(len);
                self.packet(&mut out, service, Domain::Info, &content);
            }
            _ => {}
        }
        let (Action::Grant { stream, .. }
        | Action::Data { stream, .. }
        | Action::EndData { stream }
        | Action::EndFlow { stream }) = *action
        else {
            return out;
        };
        let Some(code) = stream_service else { return out };
        let transcript = &mut self.services[usize::from(code)].1;
        let id = i32::try_from(stream).unwrap();
        // It must know of the stream.
        if stream >= transcript.replies() {
            return out;
        }
        let state = transcript.stream(id).cloned().unwrap_or_default();
        let code = Code::Service(code);
        match *action {
            Action::Grant { credit, .. } if !state.sent_flow_end => {
                encode::flows(&mut out, code, &[Flow { id, value: credit }]).unwrap();
            }
            Action::EndFlow { .. } if !state.sent_flow_end => {
                encode::flows(&mut out, code, &[Flow { id, value: 0 }]).unwrap();
            }
            Action::Data { len, .. } if !state.sent_data_end => {
                let len = usize::min(len, usize::try_from(state.credit - state.sent).unwrap());
                if len > 0 {
                    let bytes: Vec<u8> = (state.sent..).map(|at| (at % 251) as u8).take(len).collect();
                    encode::data(&mut out, code, Data { id, note: 0, bytes: &bytes }).unwrap();
                }
            }
            Action::EndData { .. } if !state.sent_data_end => {
                encode::data(&mut out, code, Data { id, note: 0, bytes: &[] }).unwrap();
            }
            _ => {}
        }
        if let Some((packet, _)) = Packet::split_first(&out).unwrap() {
            transcript.sent(&packet);
        }
        out
    }

    fn packet(&mut self, out: &mut Vec<u8>, service: usize, domain: Domain, content: &[u8]) {
        let Some(code) = self.code(service) else { return };
        encode::packet(out, Code::Service(code), domain, 0, content).unwrap();
        let (packet, _) = Packet::split_first(out).unwrap().unwrap();
        self.services[usize::from(code)].1.sent(&packet);
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while let Some(packet) = self.parser.next(&mut bytes).unwrap() {
            let Code::Service(code) = packet.code() else {
                let expect = match packet.domain() {
                    Domain::Call => self.answers.pop_front(),
                    _ => self.notifications.pop_front(),
                };
                let expect = self.services.iter().take(expect.expect("nobody asked for states"));
                let states = discovery::states(&packet).unwrap();
                assert!(expect.map(|(name, _)| u8::from(NAMES[*name] != "none")).eq(states.iter().copied()));
                continue;
            };
            let (name, transcript) = &mut self.services[usize::from(code)];
            transcript.got(&packet, NAMES[*name] == "stream").unwrap();
        }
    }

    /// Checks what the program has got when there is nothing more to come.
    fn check(&self) {
        assert_eq!((self.answers.len(), self.notifications.len(), self.parser.partial()), (0, 0, &[][..]));
        for (name, transcript) in &self.services {
            let answered = match NAMES[*name] {
                "none" => 0,
                "swap" => transcript.calls.len() / 2 * 2,
                _ => transcript.calls.len(),
            };
            for (number, call) in transcript.calls.iter().enumerate() {
                match &call.reply {
                    None => assert!(number >= answered, "{} has not answered {number}", NAMES[*name]),
                    Some(reply) if NAMES[*name] == "stream" => {
                        assert_eq!(**reply, u32::try_from(number).unwrap().to_le_bytes());
                    }
                    Some(reply) => assert_eq!(*reply, call.content, "{}", NAMES[*name]),
                }
            }
            for stream in &transcript.streams {
                let received = u64::min(stream.granted, stream.sent);
                assert_eq!(stream.received.len() as u64, received, "{stream:?}");
                let expect = (0..received).map(|at| (at % 251) as u8);
                assert!(stream.received.iter().copied().eq(expect));
                assert_eq!(stream.flow_end, stream.sent_data_end);
                let is_over = stream.sent_data_end && stream.granted >= stream.sent
                    || stream.sent_flow_end && stream.granted <= stream.sent;
                assert_eq!(stream.data_end.is_some(), is_over, "{stream:?}");
            }
        }
    }
}

impl World {
    fn new() -> Self {
        Self {
            pump: pump(),
            flag: Arc::default(),
            sending: Vec::new(),
            sent: Vec::new(),
            arrived: Vec::new(),
            program: Program::default(),
        }
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Send { to_socket, to_pump } => self.send(to_socket, to_pump),
            Action::Read { to_socket, to_program } => self.read(to_socket, to_program),
            Action::Poll => self.poll(),
            Action::Save => {
                // What it was not quick enough to read is the pump's again, and then it reads that.
                self.pump.take_back(&mem::take(&mut self.arrived));
                self.finish_save();
            }
            Action::Restore { drain } => self.restore(drain),
            _ => {
                let packets = self.program.act(action);
                self.sending.extend(packets);
            }
        }
    }

    fn poll(&mut self) {
        self.pump.poll(&mut Context::from_waker(&Waker::from(Arc::clone(&self.flag)))).unwrap();
        assert!(self.pump.outgoing().len() < crate::OUTBOX_BYTES + 8 * 65_536);
    }

    fn send(&mut self, to_socket: usize, to_pump: usize) {
        let bytes = self.sending.drain(..to_socket.min(self.sending.len()));
        self.sent.extend(bytes);
        if self.pump.wants_input() {
            let bytes: Vec<u8> = self.sent.drain(..to_pump.min(self.sent.len()).min(65_536)).collect();
            self.pump.receive_with(|buffer| buffer.extend(bytes));
        }
    }

    fn read(&mut self, to_socket: usize, to_program: usize) {
        let count = to_socket.min(self.pump.outgoing().len());
        self.arrived.extend_from_slice(&self.pump.outgoing()[..count]);
        self.pump.delivered(count);
        let bytes: Vec<u8> = self.arrived.drain(..to_program.min(self.arrived.len())).collect();
        self.program.read(&bytes);
    }

    fn finish_save(&mut self) -> gate_packet::buffers::Buffers {
        finish(self.pump.save()).unwrap()
    }

    fn restore(&mut self, drain: bool) {
        if drain {
            self.pump.receive(&mem::take(&mut self.sent));
            finish(poll_fn(|context| self.pump.drain(context))).unwrap();
        }
        let mut buffers = self.finish_save();
        buffers.input.splice(..0, mem::take(&mut self.arrived));
        buffers.output.append(&mut self.sent);
        let encoded = buffers.encode();
        assert_eq!(gate_packet::buffers::Buffers::decode(&encoded).as_ref(), Ok(&buffers));
        if !buffers.services.is_empty() {
            self.program.notifications.push_back(buffers.services.len());
        }
        self.pump = finish(Pump::restore(registry(), client(), buffers)).unwrap();
        self.flag = Arc::default();
    }

    /// Goes on until there is nothing more to do, and only as long as somebody says that there is.
    fn settle(&mut self) {
        self.flag.0.store(true, Ordering::Relaxed);
        loop {
            let woken = self.flag.0.swap(false, Ordering::Relaxed);
            let before = (self.sending.len(), self.sent.len(), self.pump.outgoing().len());
            self.send(usize::MAX, usize::MAX);
            self.read(usize::MAX, usize::MAX);
            let moved = before != (self.sending.len(), self.sent.len(), self.pump.outgoing().len());
            if !woken && !moved {
                return;
            }
            self.poll();
        }
    }
}

/// What `future` becomes, which wakes itself until it is done.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        assert!(flag.0.swap(false, Ordering::Relaxed), "it waits for nothing");
    }
}

fn run(actions: &[Action]) {
    let mut world = World::new();
    for action in actions {
        world.act(action);
    }
    world.settle();
    world.program.check();
}

proptest! {
    #[test]
    fn programs_do_not_notice_that_they_move(actions in vec(action(), 0..120)) {
        run(&actions);
    }
}

/// One program of which every part is known, restored at each place in the streams of bytes of both directions.
#[test]
fn a_program_moves_at_every_byte() {
    let actions = [
        Action::Discover { name: 0 },
        Action::Discover { name: 2 },
        Action::Discover { name: 4 },
        Action::Discover { name: 3 },
        Action::Call { service: 0, len: 5 },
        Action::Call { service: 2, len: 3 },
        Action::Call { service: 3, len: 9 },
        Action::Call { service: 2, len: 1 },
        Action::Call { service: 4, len: 0 },
    ];
    let mut world = World::new();
    actions.iter().for_each(|action| world.act(action));
    let (sent, mut received) = (world.sending.len(), 0);
    for drain in [false, true] {
        for place in 0..sent {
            let mut world = World::new();
            actions.iter().for_each(|action| world.act(action));
            world.send(place, usize::MAX);
            world.poll();
            received = received.max(world.pump.outgoing().len());
            world.restore(drain);
            world.settle();
            world.program.check();
        }
        for place in 0..received {
            let mut world = World::new();
            actions.iter().for_each(|action| world.act(action));
            world.send(usize::MAX, usize::MAX);
            world.poll();
            // Half of it lies in the socket.
            world.read(place, place / 2);
            world.restore(drain);
            world.settle();
            world.program.check();
        }
    }
}
