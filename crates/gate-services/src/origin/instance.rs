//! The service of one program.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::RangeBounds;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use gate_packet::stream::{MAX_CREDIT, Misuse};
use gate_packet::{Domain, Flow, MAX_CREDIT_TO_PROGRAM, Packet};
use gate_service::{BoxFuture, Created, Failure, Outbox, Saved, Service};

use super::connector::{Connector, Shared};
use super::stream::Stream;
use super::{Limits, snapshot};

/// How many calls can wait for connections: as many as a snapshot can tell of.
const MAX_ACCEPTING: u32 = MAX_CREDIT;

/// What a program has of the service.
pub(super) struct Streams {
    /// Calls that wait for a connection.
    pub(super) accepting: u32,
    /// How much credit the program can deal with.
    pub(super) window: u32,
    pub(super) by_id: BTreeMap<i32, Stream>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { accepting: 0, window: MAX_CREDIT_TO_PROGRAM, by_id: BTreeMap::new() }
    }
}

struct Instance {
    limits: Limits,
    shared: Arc<Shared>,
    streams: Streams,
    /// The stream that is polled first next time, if there is one with this id, or else the one that follows.
    turn: i32,
    /// Flows to be sent, kept for its memory.
    flows: Vec<Flow>,
    waker: Option<Waker>,
    /// What was saved, if nothing has happened since.
    saved: Option<Vec<u8>>,
}

pub(super) fn create(limits: Limits, connector: Connector, snapshot: &[u8]) -> Created {
    let shared = Arc::clone(connector.shared());
    let streams = match shared.unpark(snapshot) {
        Some(streams) => streams,
        None => restore(&shared, snapshot)?,
    };
    let (flows, waker, saved) = (Vec::new(), None, None);
    Ok(Box::new(Instance { limits, shared, streams, turn: 0, flows, waker, saved }))
}

fn restore(shared: &Shared, snapshot: &[u8]) -> Result<Streams, Failure> {
    let mut streams = snapshot::decode(snapshot)?;
    for stream in streams.by_id.values_mut() {
        if stream.wants_link()
            && let Some(link) = shared.accept_adopting()
        {
            stream.adopt(link);
        }
        stream.orphan();
    }
    Ok(streams)
}

impl Instance {
    /// How much credit the program is to have through each connection.
    fn window(&self) -> u32 {
        self.limits.buffer_size.min(self.streams.window)
    }

    /// Connects what waits with calls that wait.
    fn accept(&mut self, out: &mut Outbox<'_>) -> Result<(), Failure> {
        let streams = &mut self.streams;
        while streams.accepting > 0
            && streams.by_id.len() < self.limits.max_connections as usize
            && out.has_room()
            && let Some(link) = self.shared.accept()
        {
            let id = (0..).zip(streams.by_id.keys()).find(|(free, id)| free != *id);
            let id = id.map_or_else(|| i32::try_from(streams.by_id.len()), |(free, _)| Ok(free));
            let id = id.expect("there are fewer streams than ids");
            let mut content = [0; 8];
            content[..4].copy_from_slice(&id.to_le_bytes());
            out.reply(0, &content)?;
            streams.accepting -= 1;
            streams.by_id.insert(id, Stream::of(link));
        }
        Ok(())
    }

    /// Polls the streams with these ids.
    fn poll_streams(
        &mut self,
        ids: impl RangeBounds<i32>,
        context: &mut Context<'_>,
        out: &mut Outbox<'_>,
    ) -> Result<(), Failure> {
        let window = self.window();
        for (id, stream) in self.streams.by_id.range_mut(ids) {
            let had_room = out.has_room();
            stream.poll(*id, window, context, out, &mut self.flows)?;
            if had_room && !out.has_room() {
                // What is left for the next one is less than it may want.
                self.turn = id.checked_add(1).unwrap_or(0);
            }
        }
        Ok(())
    }
}

impl Service for Instance {
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        self.saved = None;
        let window = self.window();
        let by_id = &mut self.streams.by_id;
        match packet.domain() {
            Domain::Call => {
                if self.streams.accepting == MAX_ACCEPTING {
                    return Err(Failure::Program("too many calls wait for connections".into()));
                }
                self.streams.accepting += 1;
                if let Some(credit) = packet.content().first_chunk() {
                    self.streams.window =
                        self.streams.window.max(u32::from_le_bytes(*credit).min(MAX_CREDIT));
                }
            }
            Domain::Info => return Ok(()),
            Domain::Flow => {
                for flow in packet.flows() {
                    let stream = by_id.get_mut(&flow.id).ok_or(Misuse::Unknown);
                    stream
                        .and_then(|stream| stream.flow(flow.meaning()))
                        .map_err(|misuse| broken(flow.id, misuse))?;
                }
            }
            Domain::Data => {
                let Some(data) = packet.data() else { return Ok(()) };
                let stream = by_id.get_mut(&data.id).ok_or(Misuse::Unknown);
                let stream = stream
                    .and_then(|stream| stream.count(data.bytes).map(|()| stream))
                    .map_err(|misuse| broken(data.id, misuse))?;
                // It goes on while this is written.
                stream.grant(data.id, window, data.bytes.len(), &mut self.flows);
                send_flows(&mut self.flows, out)?;
                out.flush();
                // The connection is polled again afterwards in any case, so it does not matter if nobody is woken.
                let context = &mut Context::from_waker(self.waker.as_ref().unwrap_or(Waker::noop()));
                stream.data(context, data.bytes);
            }
        }
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        self.saved = None;
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            self.waker = Some(context.waker().clone());
            self.shared.listen(context.waker());
        }
        self.accept(out)?;
        let turn = self.turn;
        self.poll_streams(turn.., context, out)?;
        self.poll_streams(..turn, context, out)?;
        send_flows(&mut self.flows, out)?;
        let before = self.streams.by_id.len();
        self.streams.by_id.retain(|_, stream| !stream.is_closed());
        if self.streams.by_id.len() < before {
            // There may be room for a connection that waits.
            context.waker().wake_by_ref();
        }
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        let snapshot = snapshot::encode(&self.streams);
        self.saved = Some(snapshot.clone());
        Box::pin(async move { Ok(snapshot) })
    }

    /// Writes what the program has sent before it ended, unless it was saved.
    fn close(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        if self.saved.is_some() {
            return Box::pin(async {});
        }
        let shared = Arc::clone(&self.shared);
        let mut streams = std::mem::take(&mut self.streams.by_id);
        drop(self);
        Box::pin(poll_fn(move |context| {
            shared.listen(context.waker());
            streams.retain(|_, stream| stream.poll_end(context).is_pending());
            if streams.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        }))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let streams = std::mem::take(&mut self.streams);
        if let Some(saved) = self.saved.take().filter(|saved| !saved.is_empty()) {
            self.shared.park(saved, streams);
        }
    }
}

fn send_flows(flows: &mut Vec<Flow>, out: &mut Outbox<'_>) -> Result<(), Failure> {
    if !flows.is_empty() {
        out.flows(flows)?;
        flows.clear();
    }
    Ok(())
}

fn broken(id: i32, misuse: Misuse) -> Failure {
    Failure::Program(misuse.of(id).to_string().into())
}
