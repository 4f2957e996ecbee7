//! Tests of who gets its turn when, and who has to wait.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use gate_packet::buffers::{Buffers, ServiceBuffer};
use gate_packet::{Code, Domain, Packet, discovery, encode};

use super::{answer, client, now, pump};
use crate::models::registry;
use crate::{BoxFuture, Config, Created, Factory, Failure, OUTBOX_BYTES, Outbox, Properties, Pump, Registry};
use crate::{Saved, Service};

/// A pump of a program that has discovered these services and got the answer.
fn discovered(mut pump: Pump, names: &[&str]) -> Pump {
    let mut request = Vec::new();
    let names: Vec<_> = names.iter().map(|name| name.as_bytes()).collect();
    discovery::encode_request(&mut request, &names).unwrap();
    answer(&mut pump, &request);
    pump
}

fn call(code: u16, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode::packet(&mut bytes, Code::Service(code), Domain::Call, 0, content).unwrap();
    bytes
}

fn poll(pump: &mut Pump) {
    pump.poll(&mut Context::from_waker(Waker::noop())).unwrap();
}

/// Takes everything that is outgoing: from whom each packet is.
fn take(pump: &mut Pump) -> Vec<Code> {
    let mut codes = Vec::new();
    let mut rest = pump.outgoing();
    while let Some((packet, behind)) = Packet::split_first(rest).unwrap() {
        codes.push(packet.code());
        rest = behind;
    }
    assert!(rest.is_empty());
    pump.delivered(pump.outgoing().len());
    codes
}

#[test]
fn a_program_that_does_not_read_is_not_listened_to() {
    let mut pump = discovered(pump(), &["echo"]);
    let call = call(0, &[7; 1000]);
    let mut sent = 0;
    while pump.wants_input() {
        pump.receive(&call);
        sent += 1;
        poll(&mut pump);
    }
    assert!((OUTBOX_BYTES..OUTBOX_BYTES + call.len()).contains(&pump.outgoing().len()));
    // What comes nevertheless is kept.
    pump.receive(&call);
    poll(&mut pump);
    assert_eq!(pump.outgoing().len(), sent * call.len());

    // As soon as there is room for a packet, there is one.
    pump.delivered(call.len());
    assert!(!pump.wants_input(), "there is a packet to handle first");
    poll(&mut pump);
    assert_eq!(pump.outgoing().len(), sent * call.len());
    assert!(!pump.wants_input());
    pump.delivered(pump.outgoing().len());
    assert!(pump.wants_input());
}

#[test]
fn services_wait_for_their_turn_while_packets_come() {
    let mut pump = discovered(pump(), &["flood", "echo"]);
    for _ in 0..10 {
        pump.receive(&[call(0, b""), call(1, b"echo")].concat());
        pump.handle_with(&mut |_| 0).unwrap();
        assert!(pump.wants_input());
    }
    let codes = take(&mut pump);
    assert_eq!(codes.iter().filter(|code| **code == Code::Service(1)).count(), 10);
    let answered = codes.len();
    pump.handle_with(&mut |_| 0).unwrap();
    assert!(pump.outgoing().is_empty());
    poll(&mut pump);
    assert!(take(&mut pump).len() > answered, "it has a whole outbox to fill");

    pump.receive(&[0xff; 8]);
    pump.handle_with(&mut |_| 0).unwrap_err();
    assert!(!pump.wants_input());
    pump.receive(&call(1, b"echo"));
    pump.handle_with(&mut |_| 0).unwrap();
    assert!(pump.outgoing().is_empty());
}

#[test]
fn a_busy_service_does_not_keep_packets_from_being_handled() {
    let mut pump = discovered(pump(), &["flood", "echo", "slow"]);
    pump.receive(&[call(0, b""), call(1, b"echo"), call(2, b"slow")].concat());
    let mut codes = Vec::new();
    for _ in 0..20 {
        poll(&mut pump);
        codes.extend(take(&mut pump));
    }
    assert!(codes.contains(&Code::Service(0)));
    assert!(codes.contains(&Code::Service(1)), "the flood has kept a packet from being handled");
    assert!(codes.contains(&Code::Service(2)), "the flood has kept another service from being polled");
}

#[test]
fn busy_services_take_turns() {
    let mut registry = Registry::new();
    let floods = ["a", "b", "c"];
    for name in floods {
        registry.register(Arc::new(Probe::new(name, usize::MAX))).unwrap();
    }
    let mut pump = discovered(Pump::new(Arc::new(registry), client()), &floods);
    pump.receive(&[call(0, b""), call(1, b""), call(2, b"")].concat());
    let mut counts = [0; 3];
    for _ in 0..30 {
        poll(&mut pump);
        for code in take(&mut pump) {
            let Code::Service(code) = code else { panic!("{code:?}") };
            counts[usize::from(code)] += 1;
        }
    }
    let most = counts.iter().max().unwrap();
    assert!(counts.iter().all(|count| count * 10 > most * 9), "{counts:?}");
}

#[test]
fn a_busy_program_does_not_keep_services_from_their_turns() {
    let mut pump = discovered(pump(), &["echo", "slow"]);
    pump.receive(&call(1, b""));
    let calls = call(0, &[0; 4000]).repeat(100);
    let mut codes = Vec::new();
    for _ in 0..20 {
        pump.receive(&calls);
        poll(&mut pump);
        codes.extend(take(&mut pump));
    }
    assert!(codes.contains(&Code::Service(1)), "calls have kept a service from being polled");
}

#[test]
fn packets_wait_for_a_service_that_is_being_made_and_services_do_not() {
    let mut pump = discovered(pump(), &["slow", "late", "echo"]);
    pump.receive(&[call(0, b""), call(1, b""), call(2, b"")].concat());
    let mut codes = Vec::new();
    for _ in 0..20 {
        poll(&mut pump);
        codes.extend(take(&mut pump));
    }
    let expect = [0, 1, 2].map(Code::Service);
    assert_eq!(codes, expect, "slow has answered while late was made, and echo had to wait");
}

#[test]
fn a_packet_for_a_service_that_is_being_made_is_saved() {
    let mut pump = discovered(pump(), &["echo", "late"]);
    pump.receive(&[call(1, b"1"), call(0, b"2")].concat());
    poll(&mut pump);
    let Poll::Pending = pump.drain(&mut Context::from_waker(Waker::noop())) else { panic!("it is made") };
    let buffers = now(pump.save()).unwrap();
    assert_eq!(buffers.output, [call(1, b"1"), call(0, b"2")].concat());
    assert_eq!(buffers.input, []);
}

#[test]
fn a_stopped_program_is_not_left_too_much_to_read() {
    let mut pump = discovered(pump(), &["echo"]);
    let calls: Vec<_> = (0..40).map(|number| call(0, &[number; 60_000])).collect();
    pump.receive(&calls.concat());
    now(poll_fn(|context| pump.drain(context))).unwrap();
    let buffers = now(pump.save()).unwrap();
    assert!((1 << 20..(1 << 20) + 65_536).contains(&buffers.input.len()), "{}", buffers.input.len());
    assert_eq!([&buffers.input[..], &buffers.output].concat(), calls.concat());
}

#[test]
fn what_an_unavailable_service_keeps_is_kept() {
    let service =
        |name: &[u8], snapshot: &[u8]| ServiceBuffer { name: name.into(), snapshot: snapshot.to_vec() };
    let services = vec![service(b"elsewhere", b"secret"), service(b"identity", b""), service(b"echo", b"")];
    let buffers = Buffers { services: services.clone(), input: vec![1; 8], output: vec![8, 0] };
    let mut pump = now(Pump::restore(registry(), client(), buffers)).unwrap();
    let states = [13, 0, 0, 0, 255, 255, 1, 0, 3, 0, 0, 1, 1, 0, 0, 0];
    assert_eq!(pump.outgoing(), [&[1; 8][..], &states].concat());
    // Packets for it are ignored, as there is nobody.
    pump.receive(&[0, 0, 0, 0, 0, 0]);
    poll(&mut pump);
    let mut saved = now(pump.save()).unwrap();
    assert_eq!(saved.output, []);
    assert_eq!(
        saved.services.remove(1),
        service(b"identity", b"identity"),
        "it was made, though nobody used it"
    );
    assert_eq!(saved.services, [services[0].clone(), services[2].clone()]);
}

#[test]
fn a_service_is_made_with_the_first_packet_for_it() {
    let probe = Arc::new(Probe::new("probe", 0));
    let mut registry = Registry::new();
    registry.register(Arc::<Probe>::clone(&probe)).unwrap();
    let registry = Arc::new(registry);
    let mut pump = discovered(Pump::new(Arc::clone(&registry), client()), &["probe"]);
    assert_eq!(probe.state.lock().unwrap().made, []);
    answer(&mut pump, &[call(0, b""), call(0, b"")].concat());
    let (code, snapshot) = probe.state.lock().unwrap().made.pop().unwrap();
    assert_eq!((code, &snapshot[..]), (0, &[][..]));
    let buffers = now(pump.save()).unwrap();
    now(pump.close());
    assert!(probe.state.lock().unwrap().closed);
    drop(now(Pump::restore(registry, client(), buffers)).unwrap());
    assert_eq!(probe.state.lock().unwrap().made, [(0, b"saved".to_vec())]);
}

#[test]
fn only_a_service_that_is_woken_is_polled() {
    let probes = ["a", "b"].map(|name| Arc::new(Probe::new(name, 0)));
    let mut registry = Registry::new();
    for probe in &probes {
        registry.register(Arc::<Probe>::clone(probe)).unwrap();
    }
    let mut pump = discovered(Pump::new(Arc::new(registry), client()), &["a", "b"]);
    pump.receive(&[call(0, b""), call(1, b"")].concat());
    let polls = || probes.each_ref().map(|probe| probe.state.lock().unwrap().polls);
    for _ in 0..5 {
        poll(&mut pump);
    }
    assert_eq!(polls(), [1, 1], "each once, because it has handled a packet");
    let waker = probes[1].state.lock().unwrap().waker.clone().unwrap();
    waker.wake();
    for _ in 0..5 {
        poll(&mut pump);
    }
    assert_eq!(polls(), [1, 2]);
}

#[test]
fn a_service_that_stopped_for_lack_of_room_goes_on_when_there_is_some() {
    let mut registry = Registry::new();
    registry.register(Arc::new(Probe::new("probe", 3000))).unwrap();
    let mut pump = discovered(Pump::new(Arc::new(registry), client()), &["probe"]);
    pump.receive(&call(0, b""));
    let mut count = 0;
    for _ in 0..4 {
        poll(&mut pump);
        count += take(&mut pump).len();
    }
    assert_eq!(count, 3000);
}

#[test]
fn a_service_that_was_saved_is_polled() {
    let probe = Arc::new(Probe::new("probe", 0));
    let mut registry = Registry::new();
    registry.register(Arc::<Probe>::clone(&probe)).unwrap();
    let mut pump = discovered(Pump::new(Arc::new(registry), client()), &["probe"]);
    answer(&mut pump, &call(0, b""));
    let before = probe.state.lock().unwrap().polls;
    now(pump.save()).unwrap();
    poll(&mut pump);
    assert_eq!(probe.state.lock().unwrap().polls, before + 1);
}

#[test]
fn many_packets_are_handled_a_few_at_a_time() {
    let mut pump = discovered(pump(), &["echo"]);
    pump.receive(&call(0, b"").repeat(1000));
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut handled = Vec::new();
    // It is polled only when it asks for it.
    while wakes.0.load(Ordering::Relaxed) == handled.len() {
        pump.poll(&mut Context::from_waker(&waker)).unwrap();
        handled.push(take(&mut pump).len());
    }
    assert_eq!(handled.iter().sum::<usize>(), 1000);
    assert!(handled.iter().all(|count| *count <= 256), "{handled:?}");
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A service that tells what happens to it.
struct Probe {
    name: &'static str,
    /// How many packets it sends when it can.
    packets: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    made: Vec<(u16, Vec<u8>)>,
    polls: usize,
    waker: Option<Waker>,
    closed: bool,
}

impl Probe {
    fn new(name: &'static str, packets: usize) -> Self {
        Self { name, packets, state: Arc::default() }
    }
}

impl Factory for Probe {
    fn properties(&self) -> Properties<'_> {
        Properties { name: self.name, revision: "0", has_streams: false }
    }

    fn create(&self, config: Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        self.state.lock().unwrap().made.push((config.code, snapshot));
        let service = Probed { packets: self.packets, state: Arc::clone(&self.state) };
        Box::pin(async { Ok(Box::new(service) as Box<dyn Service>) })
    }
}

struct Probed {
    packets: usize,
    state: Arc<Mutex<State>>,
}

impl Service for Probed {
    fn handle(&mut self, _packet: &Packet<'_>, _out: &mut Outbox<'_>) -> Result<(), Failure> {
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        let mut state = self.state.lock().unwrap();
        state.polls += 1;
        state.waker = Some(context.waker().clone());
        while self.packets > 0 && out.has_room() {
            self.packets -= 1;
            out.info(&[0; 100])?;
        }
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        Box::pin(async { Ok(b"saved".to_vec()) })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.state.lock().unwrap().closed = true })
    }
}

/// A service that sends something, flushes it, and sends something else, in one turn.
struct Flusher(Arc<Mutex<Vec<String>>>);

impl Factory for Flusher {
    fn properties(&self) -> Properties<'_> {
        Properties { name: "flusher", revision: "0", has_streams: false }
    }

    fn create(&self, _config: Config, _snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let created: Created = Ok(Box::new(Flusher(Arc::clone(&self.0))));
        Box::pin(async move { created })
    }
}

impl Service for Flusher {
    fn handle(&mut self, _packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        out.info(b"12345678")?;
        out.flush();
        self.0.lock().unwrap().push("works".into());
        out.info(b"abcdefgh")?;
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[test]
fn a_program_gets_what_is_flushed_while_the_service_works() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let mut registry = Registry::new();
    registry.register(Arc::new(Flusher(Arc::clone(&events)))).unwrap();
    let mut pump = discovered(Pump::new(Arc::new(registry), client()), &["flusher"]);
    let mut expect = Vec::new();
    encode::packet(&mut expect, Code::Service(0), Domain::Info, 0, b"12345678").unwrap();
    encode::packet(&mut expect, Code::Service(0), Domain::Info, 0, b"abcdefgh").unwrap();
    // The program takes all that is there, a part of it, or nothing.
    for most in [100, 10, 0] {
        let mut taken = Vec::new();
        pump.receive(&call(0, b""));
        pump.poll_with(&mut Context::from_waker(Waker::noop()), &mut |bytes| {
            let count = bytes.len().min(most);
            taken.extend_from_slice(&bytes[..count]);
            events.lock().unwrap().push(format!("{count} taken"));
            count
        })
        .unwrap();
        let events = std::mem::take(&mut *events.lock().unwrap());
        assert_eq!(events, [format!("{} taken", most.min(16)), "works".into()]);
        assert_eq!([&taken[..], pump.outgoing()].concat(), expect);
        pump.delivered(pump.outgoing().len());
    }
}
