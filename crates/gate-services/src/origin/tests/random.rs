//! Programs and clients that do things in any order: each byte must arrive, once, in order, whatever happens to the service meanwhile.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use super::super::{Connection, Connector, Limits};
use super::program::Program;

#[derive(Clone, Debug)]
enum Event {
    Accept,
    Connect { size: usize },
    Grant { which: usize, credit: i32 },
    Send { which: usize, len: usize },
    EndFlow { which: usize },
    EndData { which: usize },
    Write { which: usize, len: usize },
    Read { which: usize, len: usize },
    Shutdown { which: usize },
    Poll,
    Save,
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    let which = 0_usize..4;
    let len = || prop_oneof![3 => 1_usize..50, 1 => 1_usize..20_000];
    prop_oneof![
        2 => Just(Event::Accept),
        2 => len().prop_map(|size| Event::Connect { size }),
        3 => (which.clone(), 1_i32..200_000).prop_map(|(which, credit)| Event::Grant { which, credit }),
        4 => (which.clone(), len()).prop_map(|(which, len)| Event::Send { which, len }),
        1 => which.clone().prop_map(|which| Event::EndFlow { which }),
        1 => which.clone().prop_map(|which| Event::EndData { which }),
        4 => (which.clone(), len()).prop_map(|(which, len)| Event::Write { which, len }),
        4 => (which.clone(), len()).prop_map(|(which, len)| Event::Read { which, len }),
        1 => which.prop_map(|which| Event::Shutdown { which }),
        6 => Just(Event::Poll),
        1 => Just(Event::Save),
        4 => Just(Event::Restart),
    ]
}

/// Somebody who is connected.
struct Client {
    end: DuplexStream,
    /// Ends the connection when it is dropped.
    _connection: Connection,
    /// What it has sent, and how much of what it was to read.
    written: usize,
    read: Vec<u8>,
    is_open: bool,
    has_read_all: bool,
    /// Its stream, when it was seen to be accepted. Streams are not used again in these tests as long as the program does not end both
    /// directions.
    expects: Option<i32>,
}

/// The byte at this position of everything that flows in these tests.
fn byte(position: usize) -> u8 {
    u8::try_from(position % 251).unwrap()
}

fn bytes(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(byte).collect()
}

#[track_caller]
fn check(bytes: &[u8], what: &str) {
    let wrong = bytes.iter().enumerate().find(|(position, found)| byte(*position) != **found);
    assert!(wrong.is_none(), "{what}: wrong byte at {wrong:?}");
}

impl Client {
    fn write(&mut self, len: usize) {
        if !self.is_open {
            return;
        }
        let bytes = bytes(self.written, len);
        let context = &mut Context::from_waker(Waker::noop());
        match Pin::new(&mut self.end).poll_write(context, &bytes) {
            Poll::Ready(Ok(count)) => self.written += count,
            // The program wants no more.
            Poll::Ready(Err(_)) => self.is_open = false,
            Poll::Pending => {}
        }
    }

    /// Returns whether there was something.
    fn read(&mut self, len: usize) -> bool {
        let mut bytes = vec![0; len];
        let mut buffer = ReadBuf::new(&mut bytes);
        let context = &mut Context::from_waker(Waker::noop());
        if self.has_read_all || Pin::new(&mut self.end).poll_read(context, &mut buffer).is_pending() {
            return false;
        }
        self.has_read_all = buffer.filled().is_empty();
        self.read.extend_from_slice(buffer.filled());
        check(&self.read, "the client");
        true
    }

    fn shutdown(&mut self) {
        self.is_open = false;
        let context = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut self.end).poll_shutdown(context).is_ready());
    }
}

struct World {
    connector: Connector,
    program: Program,
    /// In the order of their ids, as none is used again.
    clients: Vec<Client>,
}

impl World {
    fn new(buffer_size: u32) -> Self {
        let connector = Connector::new();
        let program = Program::new(Limits { max_connections: 4, buffer_size }, &connector);
        Self { connector, program, clients: Vec::new() }
    }

    /// The stream with this id, if the program knows it.
    fn id(&self, which: usize) -> Option<i32> {
        let id = i32::try_from(which).unwrap();
        self.program.ids().contains(&id).then_some(id)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Accept => self.program.accept(),
            Event::Connect { size } if self.clients.len() < 4 => {
                let (end, theirs) = duplex(size);
                let connection = self.connector.connect(theirs);
                self.clients.push(Client {
                    end,
                    _connection: connection,
                    written: 0,
                    read: Vec::new(),
                    is_open: true,
                    has_read_all: false,
                    expects: i32::try_from(self.clients.len()).ok(),
                });
            }
            Event::Connect { .. } => {}
            Event::Grant { which, credit } => {
                if let Some(id) = self.id(which).filter(|id| self.program.stream(*id).own_flow_open) {
                    self.program.flow(id, credit).unwrap();
                }
            }
            Event::Send { which, len } => {
                if let Some(id) = self.id(which).filter(|id| self.program.stream(*id).own_data_open) {
                    let stream = self.program.stream(id);
                    let len = len.min(stream.credit);
                    if len > 0 {
                        let bytes = bytes(stream.sent, len);
                        self.program.data(id, &bytes).unwrap();
                    }
                }
            }
            // Only one of the two: the stream is not to end, for then its id would be used for the next client.
            Event::EndFlow { which } => {
                if let Some(id) = self.id(which)
                    && self.program.stream(id).own_flow_open
                    && self.program.stream(id).own_data_open
                {
                    self.program.end_flow(id);
                }
            }
            Event::EndData { which } => {
                if let Some(id) = self.id(which)
                    && self.program.stream(id).own_flow_open
                    && self.program.stream(id).own_data_open
                {
                    self.program.end_data(id);
                }
            }
            Event::Write { which, len } => {
                if let Some(client) = self.clients.get_mut(which) {
                    client.write(len);
                }
            }
            Event::Read { which, len } => {
                if let Some(client) = self.clients.get_mut(which) {
                    client.read(len);
                }
            }
            Event::Shutdown { which } => {
                if let Some(client) = self.clients.get_mut(which) {
                    client.shutdown();
                }
            }
            Event::Poll => self.program.poll(),
            Event::Save => {
                let saved = self.program.save();
                assert_eq!(saved, self.program.save(), "saving changes something");
            }
            Event::Restart => self.program.restart(),
        }
        for id in self.program.ids() {
            check(&self.program.stream(id).received, "the program");
        }
    }

    /// Lets everybody do what they can, until everything has arrived and ended. Only what wakes the service gets it polled.
    fn finish(&mut self) {
        while self.program.waiting < 4 {
            self.program.accept();
        }
        self.program.poll();
        for id in self.program.ids() {
            if self.program.stream(id).own_flow_open {
                self.program.flow(id, 1_000_000).unwrap();
            }
            if self.program.stream(id).own_data_open {
                self.program.end_data(id);
            }
        }
        for client in &mut self.clients {
            client.shutdown();
        }
        self.program.poll();
        let mut moved = true;
        while moved {
            moved = false;
            for client in &mut self.clients {
                moved |= client.read(1000);
            }
            if self.program.was_woken() {
                self.program.poll();
                moved = true;
            }
        }
        for client in &self.clients {
            let stream = self.program.stream(client.expects.unwrap());
            assert!(!stream.data_open && !stream.flow_open, "{stream:?}");
            assert!(client.has_read_all);
            assert_eq!(client.read.len(), stream.sent, "the client has not got all");
            if stream.own_flow_open {
                assert_eq!(stream.received.len(), client.written, "the program has not got all");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_byte_arrives(
        buffer_size in prop_oneof![1_u32..100, Just(super::super::DEFAULT_BUFFER_SIZE)],
        events in proptest::collection::vec(event(), 0..80),
    ) {
        let mut world = World::new(buffer_size);
        for event in events {
            world.happen(event);
        }
        world.finish();
    }
}
