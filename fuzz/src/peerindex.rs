//! The service `peerindex/principal` against a model of it: several programs, which are saved, made again, in this host or as if in another,
//! or more than once, in any order, and from any snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Waker};

use arbitrary::{Result, Unstructured};
use gate_packet::{Code, Domain, MAX_SIZE, Packet, encode};
use gate_service::{Client, Config, Factory, Failure, Outbox, Registry, Scope, Service};
use gate_services::peer::Hub;
use gate_services::peerindex::principal::PrincipalIndex;

use crate::streams::now;

/// The principal of each program, and the number that its instance's id is made of. Some are the same program, as far as one can see.
const PROGRAMS: [(Option<&str>, Option<u8>); 7] = [
    (Some("a"), Some(2)),
    (Some("a"), Some(1)),
    (Some("a"), Some(0)),
    (Some("a"), Some(2)),
    (Some("b"), Some(1)),
    (None, Some(3)),
    (Some("a"), None),
];

/// The first byte of a snapshot, and how many bytes there are.
const VERSION: u8 = 1;
const SNAPSHOT_LEN: usize = 17;

/// The reply to a program that is not registered.
const NOT_REGISTERED: [u8; 4] = [1, 0, 0, 0];

/// The service as a program has it, or had it when it was saved.
struct Instance {
    service: Box<dyn Service>,
    seat: Option<Seat>,
    /// It registers as soon as something happens.
    is_restored: bool,
    /// What it has saved, if nothing has happened since.
    saved: Option<Vec<u8>>,
}

/// What the hub knows of a program.
struct Seat {
    program: usize,
    /// Each is another one.
    number: u64,
}

/// All programs.
#[derive(Default)]
struct Host {
    hub: Hub,
    instances: [Option<Instance>; PROGRAMS.len()],
    /// Those that were saved and dropped, by what they have saved.
    parked: BTreeMap<Vec<u8>, Seat>,
    /// Who is registered: by principal and number, the number of the seat.
    registered: BTreeMap<(&'static str, u8), u64>,
    seats: u64,
    /// What was saved, the last ones.
    snapshots: Vec<Vec<u8>>,
    /// Each process has another key.
    processes: u64,
}

impl Host {
    fn create(&mut self, program: usize, snapshot: Vec<u8>) {
        self.remove(program);
        let (principal, instance) = PROGRAMS[program];
        self.processes += 1;
        let mut process_key = [0; 16];
        process_key[..8].copy_from_slice(&self.processes.to_le_bytes());
        let client = Client {
            principal: principal.map(str::to_owned),
            instance: instance.map(|number| [number; 16]),
            process_key,
            scope: Scope::new([]),
            system_user: None,
        };
        let (client, registry) = (Arc::new(client), Arc::new(Registry::new()));
        let config = Config { client, registry, code: 0, max_send_size: MAX_SIZE };
        let created = now(PrincipalIndex::new(self.hub.clone()).create(config, snapshot.clone()));
        let is_right = snapshot.first() == Some(&VERSION) && snapshot.len() == SNAPSHOT_LEN;
        match created {
            Ok(service) => {
                assert!(is_right || snapshot.is_empty(), "{snapshot:?}");
                // What somebody else has parked stays there.
                let is_own = self
                    .parked
                    .get(&snapshot)
                    .is_some_and(|seat| PROGRAMS[seat.program] == PROGRAMS[program]);
                let seat = if is_own { self.parked.remove(&snapshot) } else { None };
                let is_restored = is_right && seat.is_none();
                self.instances[program] = Some(Instance { service, seat, is_restored, saved: None });
            }
            Err(Failure::Snapshot(_)) => assert!(!is_right && !snapshot.is_empty(), "{snapshot:?}"),
            Err(other) => panic!("a snapshot makes it say {other}"),
        }
    }

    /// Drops a service. What was saved just before is parked.
    fn remove(&mut self, program: usize) {
        let Some(Instance { service, seat, saved, .. }) = self.instances[program].take() else { return };
        drop(service);
        match (seat, saved) {
            (Some(seat), Some(saved)) => drop(self.parked.insert(saved, seat)),
            (Some(seat), None) => self.registered.retain(|_, number| *number != seat.number),
            (None, _) => {}
        }
    }

    fn save(&mut self, program: usize) {
        let Some(instance) = &mut self.instances[program] else { return };
        let saved = now(instance.service.save()).expect("there is nothing that could fail");
        if let Some(before) = &instance.saved {
            assert_eq!(*before, saved, "nothing has happened since");
        }
        assert_eq!(saved.is_empty(), instance.seat.is_none() && !instance.is_restored);
        if !saved.is_empty() {
            instance.saved = Some(saved.clone());
        }
        self.snapshots.push(saved);
        let count = self.snapshots.len().saturating_sub(PROGRAMS.len());
        self.snapshots.drain(..count);
    }

    /// Something happens to a service.
    fn touch(&mut self, program: usize, registers: bool) {
        let Some(instance) = &mut self.instances[program] else { return };
        instance.saved = None;
        if !std::mem::take(&mut instance.is_restored) && !registers {
            return;
        }
        let number = self.seats;
        let seat = instance.seat.get_or_insert(Seat { program, number });
        if seat.number == number {
            self.seats += 1;
        }
        if let (Some(principal), Some(name)) = PROGRAMS[program] {
            self.registered.entry((principal, name)).or_insert(seat.number);
        }
    }

    fn poll(&mut self, program: usize) {
        self.touch(program, false);
        let Some(instance) = &mut self.instances[program] else { return };
        let mut out = Vec::new();
        let context = &mut Context::from_waker(Waker::noop());
        instance.service.poll(context, &mut Outbox::new(&mut out, 0)).expect("the program has done nothing");
        assert!(out.is_empty(), "nobody has asked");
    }

    fn send(&mut self, program: usize, domain: Domain, content: &[u8]) {
        self.touch(program, domain == Domain::Info);
        let expected = self.list(program);
        let Some(instance) = &mut self.instances[program] else { return };
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, Code::Service(0), domain, 0, content).expect("it is short");
        let (packet, _) = Packet::split_first(&bytes).expect("we made it").expect("all of it is there");
        let mut out = Vec::new();
        instance.service.handle(&packet, &mut Outbox::new(&mut out, 0)).expect("it takes everything");
        match Packet::split_first(&out).expect("services send packets") {
            None => assert_eq!(domain, Domain::Info, "calls are answered"),
            Some((packet, rest)) => {
                assert!(domain == Domain::Call && rest.is_empty(), "one answer to a call");
                assert_eq!((packet.domain(), packet.index()), (Domain::Call, 0));
                assert_eq!(packet.content(), expected);
            }
        }
    }

    /// What the program is to be told.
    fn list(&self, program: usize) -> Vec<u8> {
        let (Some(principal), Some(own)) = PROGRAMS[program] else { return NOT_REGISTERED.to_vec() };
        let seat = self.instances[program].as_ref().and_then(|instance| instance.seat.as_ref());
        let registered = self.registered.get(&(principal, own));
        if seat.is_none_or(|seat| registered != Some(&seat.number)) {
            return NOT_REGISTERED.to_vec();
        }
        let others = self.registered.keys().filter(|(other, name)| *other == principal && *name != own);
        let names: Vec<String> = others.map(|(_, number)| name(*number)).collect();
        let count = u16::try_from(names.len()).expect("there are few");
        let mut content = [[0, 0], count.to_le_bytes()].concat();
        for name in names {
            content.push(u8::try_from(name.len()).expect("it is short"));
            content.extend_from_slice(name.as_bytes());
        }
        content
    }

    fn act(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let program = u.choose_index(PROGRAMS.len())?;
        if self.instances[program].is_none() && u.ratio(1, 2)? {
            self.create(program, Vec::new());
        }
        match u.int_in_range(0..=11)? {
            0 | 1 => self.send(program, Domain::Info, &[]),
            2..=4 => {
                let len = u.int_in_range(0..=8)?.min(u.len());
                self.send(program, Domain::Call, u.bytes(len)?);
            }
            5 => self.poll(program),
            6 => self.save(program),
            7 => {
                self.save(program);
                if let Some(saved) = self.snapshots.last().cloned() {
                    self.create(program, saved);
                }
            }
            8 => {
                self.save(program);
                self.remove(program);
            }
            9 => self.remove(program),
            10 if !self.snapshots.is_empty() => {
                // That of any program.
                let mut snapshot = self.snapshots[u.choose_index(self.snapshots.len())?].clone();
                if u.ratio(1, 4)? && !snapshot.is_empty() {
                    let at = u.choose_index(snapshot.len())?;
                    snapshot[at] ^= u.arbitrary::<u8>()?;
                }
                self.create(program, snapshot);
            }
            _ => {
                let len = u.int_in_range(0..=18)?.min(u.len());
                let snapshot = u.bytes(len)?.to_vec();
                self.create(program, snapshot);
            }
        }
        Ok(())
    }
}

/// The name of a program: its instance's id, a UUID.
fn name(number: u8) -> String {
    let id = format!("{number:02x}");
    [4, 2, 2, 2, 6].map(|bytes| id.repeat(bytes)).join("-")
}

/// The target.
///
/// # Panics
/// When the service does not do as the model, keeps what nobody can come for, or the code under test panics.
pub fn run(data: &[u8]) {
    let mut host = Host::default();
    let mut u = Unstructured::new(data);
    while !u.is_empty() && host.act(&mut u).is_ok() {}
    for program in 0..PROGRAMS.len() {
        host.send(program, Domain::Call, &[]);
        host.remove(program);
    }
    let parked = host.parked.len();
    assert_eq!(format!("{:?}", host.hub), format!("Hub {{ programs: {parked}, parked: {parked}, .. }}"));
}

#[test]
fn smoke() {
    crate::driver::smoke(run, 5_000);
}
