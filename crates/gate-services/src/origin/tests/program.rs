//! A program, as far as tests need one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use gate_packet::{Code, Data, Domain, Flow, MAX_SIZE, Packet, encode};
use gate_service::{Factory, Failure, Outbox, Registry, Service};

use super::super::{Connector, Limits, Origin};
use super::client;

/// The program, and its service.
pub(super) struct Program {
    origin: Origin,
    service: Option<Box<dyn Service>>,
    /// What the service has sent and the program not received.
    bytes: Vec<u8>,
    woken: Arc<Woken>,
    pub(super) waiting: u32,
    /// How much credit it can deal with.
    window: usize,
    streams: BTreeMap<i32, Stream>,
    /// Those that have ended, unless their ids are in use again.
    ended: BTreeMap<i32, Stream>,
    pub(super) flow_packets: usize,
    pub(super) flows: Vec<Flow>,
}

/// A stream as the program sees it.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) received: Vec<u8>,
    /// What the program granted and was not used.
    pub(super) granted: u64,
    /// What the program can send.
    pub(super) credit: usize,
    /// How much it has sent.
    pub(super) sent: usize,
    /// Whether the service has not ended it.
    pub(super) data_open: bool,
    pub(super) flow_open: bool,
    /// Whether the program has not ended it.
    pub(super) own_data_open: bool,
    pub(super) own_flow_open: bool,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Runs a test that waits for things.
pub(super) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test);
}

pub(super) fn create(origin: &Origin, snapshot: Vec<u8>) -> Result<Box<dyn Service>, Failure> {
    let config = gate_service::Config {
        client: Arc::new(client()),
        registry: Arc::new(Registry::new()),
        code: 0,
        max_send_size: MAX_SIZE,
    };
    let mut created = origin.create(config, snapshot);
    match created.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(created) => created,
        std::task::Poll::Pending => panic!("it has nothing to wait for"),
    }
}

impl Program {
    pub(super) fn new(limits: Limits, connector: &Connector) -> Self {
        let origin = Origin::new(limits, connector.clone());
        Self {
            service: Some(create(&origin, Vec::new()).unwrap()),
            origin,
            bytes: Vec::new(),
            woken: Arc::default(),
            waiting: 0,
            window: 65520,
            streams: BTreeMap::new(),
            ended: BTreeMap::new(),
            flow_packets: 0,
            flows: Vec::new(),
        }
    }

    fn service(&mut self) -> &mut Box<dyn Service> {
        self.service.as_mut().expect("it is only away for moments")
    }

    /// Whether the service was woken since it was last asked.
    pub(super) fn was_woken(&self) -> bool {
        self.woken.0.swap(false, Ordering::AcqRel)
    }

    /// Polls the service, and receives what it sent.
    pub(super) fn poll(&mut self) {
        self.poll_only();
        self.receive();
    }

    fn poll_only(&mut self) {
        let waker = Waker::from(Arc::clone(&self.woken));
        let mut bytes = std::mem::take(&mut self.bytes);
        let out = &mut Outbox::new(&mut bytes, 0);
        self.service().poll(&mut Context::from_waker(&waker), out).unwrap();
        self.bytes = bytes;
    }

    fn handle(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let (packet, rest) = Packet::split_first(bytes).unwrap().unwrap();
        assert!(rest.is_empty());
        let mut out = std::mem::take(&mut self.bytes);
        let handled = self.service().handle(&packet, &mut Outbox::new(&mut out, 0));
        self.bytes = out;
        handled
    }

    pub(super) fn accept(&mut self) {
        self.accept_saying(b"");
    }

    /// Waits for a connection with a call that has some content.
    pub(super) fn accept_saying(&mut self, content: &[u8]) {
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, Code::Service(0), Domain::Call, 0, content).unwrap();
        self.handle(&bytes).unwrap();
        self.waiting += 1;
        if let Some(credit) = content.first_chunk() {
            self.window = self.window.max(u32::from_le_bytes(*credit) as usize);
        }
    }

    pub(super) fn info(&mut self) {
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, Code::Service(0), Domain::Info, 0, b"whatever").unwrap();
        self.handle(&bytes).unwrap();
    }

    pub(super) fn flow(&mut self, id: i32, value: i32) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        encode::flows(&mut bytes, Code::Service(0), &[Flow { id, value }]).unwrap();
        self.handle(&bytes)?;
        let stream = self.streams.get_mut(&id).unwrap();
        stream.granted += u64::from(u32::try_from(value).unwrap_or(0));
        Ok(())
    }

    pub(super) fn end_flow(&mut self, id: i32) {
        self.flow(id, 0).unwrap();
        self.streams.get_mut(&id).unwrap().own_flow_open = false;
        self.forget_closed();
    }

    pub(super) fn raw_data(&mut self, id: i32, data: &[u8]) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        encode::data(&mut bytes, Code::Service(0), Data { id, note: 0, bytes: data }).unwrap();
        self.handle(&bytes)
    }

    pub(super) fn data(&mut self, id: i32, data: &[u8]) -> Result<(), Failure> {
        let stream = self.streams.get_mut(&id).unwrap();
        stream.credit -= data.len();
        stream.sent += data.len();
        self.raw_data(id, data)?;
        self.receive();
        Ok(())
    }

    pub(super) fn end_data(&mut self, id: i32) {
        self.raw_data(id, b"").unwrap();
        self.streams.get_mut(&id).unwrap().own_data_open = false;
        self.forget_closed();
    }

    /// What the service has sent, instead of receiving it.
    pub(super) fn take_raw(&mut self) -> Vec<u8> {
        self.poll_only();
        let bytes = self.bytes.clone();
        self.receive();
        bytes
    }

    /// Takes in what the service has sent, and judges it as a program would.
    fn receive(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut rest = bytes.as_slice();
        while let Some((packet, after)) = Packet::split_first(rest).unwrap() {
            rest = after;
            match packet.domain() {
                Domain::Call => {
                    let (id, zeros) = packet.content().split_first_chunk().unwrap();
                    assert_eq!(zeros, [0; 4]);
                    self.waiting = self.waiting.checked_sub(1).expect("a reply without a call");
                    let stream = Stream {
                        data_open: true,
                        flow_open: true,
                        own_data_open: true,
                        own_flow_open: true,
                        ..Stream::default()
                    };
                    assert!(self.streams.insert(i32::from_le_bytes(*id), stream).is_none());
                }
                Domain::Info => panic!("origin sends no info"),
                Domain::Flow => {
                    self.flow_packets += 1;
                    for flow in packet.flows() {
                        self.flows.push(flow);
                        let stream = self.streams.get_mut(&flow.id).expect("flow of no stream");
                        assert!(stream.flow_open, "flow after its end");
                        stream.credit += usize::try_from(flow.value).expect("a note");
                        stream.flow_open = flow.value != 0;
                        assert!(stream.credit <= self.window);
                    }
                }
                Domain::Data => {
                    let data = packet.data().unwrap();
                    assert_eq!(data.note, 0);
                    let stream = self.streams.get_mut(&data.id).expect("data of no stream");
                    assert!(stream.data_open, "data after its end");
                    stream.data_open = !data.bytes.is_empty();
                    let len = u64::try_from(data.bytes.len()).unwrap();
                    stream.granted = stream.granted.checked_sub(len).expect("data without credit");
                    stream.received.extend_from_slice(data.bytes);
                }
            }
            self.forget_closed();
        }
        assert!(rest.is_empty());
    }

    fn forget_closed(&mut self) {
        let ended = self.streams.extract_if(.., |_, stream| {
            !(stream.data_open || stream.flow_open || stream.own_data_open || stream.own_flow_open)
        });
        self.ended.extend(ended);
    }

    pub(super) fn ids(&self) -> Vec<i32> {
        self.streams.keys().copied().collect()
    }

    /// The stream with this id, or the last one that had it.
    #[track_caller]
    pub(super) fn stream(&self, id: i32) -> &Stream {
        self.streams.get(&id).or_else(|| self.ended.get(&id)).expect("there was such a stream")
    }

    pub(super) fn save(&mut self) -> Vec<u8> {
        let mut save = self.service().save();
        match save.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            std::task::Poll::Ready(saved) => saved.unwrap(),
            std::task::Poll::Pending => panic!("it has nothing to wait for"),
        }
    }

    /// Saves the service and drops it; a new one goes on.
    pub(super) fn restart(&mut self) {
        let snapshot = self.save();
        self.service = None;
        self.service = Some(create(&self.origin, snapshot).unwrap());
    }

    /// The program goes on elsewhere, from `snapshot`. It knows of its streams what it knew of them here.
    pub(super) fn move_to(mut self, connector: &Connector, snapshot: Vec<u8>) -> Self {
        self.service = None;
        self.origin = Origin::new(super::LIMITS, connector.clone());
        self.service = Some(create(&self.origin, snapshot).unwrap());
        self
    }

    /// Ends the program.
    pub(super) async fn close(mut self) {
        self.service.take().unwrap().close().await;
    }
}
