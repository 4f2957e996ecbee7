//! The service of one program.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::sync::Arc;
use std::task::{Context, Waker};

use gate_packet::stream::Misuse;
use gate_packet::{Domain, Flow, Packet};
use gate_service::{BoxFuture, Client, Created, Failure, Outbox, Saved, Service};

use super::hub::{Hub, Letter, PeerSeat, Token, new_token};
use super::message::{self, Call};
use super::snapshot::{self, Restored};
use super::stream::{Stream, broken};
use crate::peerindex::principal::GROUP;

/// What the service is about. It is parked in the hub between two services.
#[derive(Default)]
pub(super) struct Core {
    /// From the first packet of the program on.
    seat: Option<PeerSeat>,
    pub(super) streams: BTreeMap<i32, Stream>,
}

impl Core {
    pub(super) fn seat(&self) -> Option<&PeerSeat> {
        self.seat.as_ref()
    }

    /// The program, which is known to others from now on.
    fn sit(&mut self, hub: &Hub, client: &Client) -> &PeerSeat {
        self.seat.get_or_insert_with(|| hub.peer_seat(client))
    }
}

struct Instance {
    hub: Hub,
    client: Arc<Client>,
    core: Core,
    /// What is to be restored when all services of the program are there: they must find each other.
    restored: Option<Restored>,
    /// The stream that is polled first next time, if there is one with this id, or else the one that follows.
    turn: i32,
    /// Flows to be sent, kept for its memory.
    flows: Vec<Flow>,
    waker: Option<Waker>,
    /// By what it is to be found, if it was saved and nothing has happened since.
    saved: Option<Token>,
}

pub(super) fn create(hub: Hub, client: Arc<Client>, snapshot: &[u8]) -> Created {
    let (mut core, mut restored) = (Core::default(), None);
    if !snapshot.is_empty() {
        let read = snapshot::decode(snapshot)?;
        match hub.unpark_peer(&read.token, &client) {
            Some(parked) => core = parked,
            None => restored = Some(read),
        }
    }
    let (turn, flows, waker, saved) = (0, Vec::new(), None, None);
    Ok(Box::new(Instance { hub, client, core, restored, turn, flows, waker, saved }))
}

impl Instance {
    /// Becomes what was restored.
    fn wake_up(&mut self) {
        if let Some(restored) = self.restored.take() {
            let seat = self.core.sit(&self.hub, &self.client);
            seat.mailbox().refill(restored.wants, restored.connected);
            seat.ask_again(restored.asked);
            self.core.streams = restored.streams;
        }
    }

    fn call(&mut self, content: &[u8], out: &mut Outbox<'_>) -> Result<(), Failure> {
        let streams = self.core.streams.len();
        let seat = self.core.sit(&self.hub, &self.client);
        let result = match Call::parse(content) {
            Call::Unknown => return Ok(out.reply(0, &[])?),
            Call::Malformed => Err(message::Refusal::Malformed),
            Call::Connect(call) => seat.connect(&call, streams),
        };
        Ok(out.reply(0, &message::reply(result))?)
    }

    /// Tells the program what there is to tell.
    fn deliver(&mut self, out: &mut Outbox<'_>) -> Result<(), Failure> {
        let Some(seat) = &self.core.seat else { return Ok(()) };
        while out.has_room()
            && let Some(letter) = seat.mailbox().take()
        {
            match letter {
                Letter::Wants(peer, kind) => out.info(&message::notification(-1, GROUP, &peer, &kind))?,
                Letter::Connected(connected) => {
                    let streams = &mut self.core.streams;
                    let id = (0..).zip(streams.keys()).find(|(free, id)| free != *id);
                    let id = id.map_or_else(|| i32::try_from(streams.len()), |(free, _)| Ok(free));
                    let id = id.expect("there are fewer streams than ids");
                    out.info(&message::notification(id, GROUP, &connected.peer, &connected.kind))?;
                    streams.insert(id, connected.stream);
                }
            }
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
        for (id, stream) in self.core.streams.range_mut(ids) {
            let had_room = out.has_room();
            stream.poll(*id, context, out, &mut self.flows)?;
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
        self.wake_up();
        self.core.sit(&self.hub, &self.client);
        let streams = &mut self.core.streams;
        match packet.domain() {
            Domain::Call => self.call(packet.content(), out)?,
            Domain::Info => {}
            Domain::Flow => {
                for flow in packet.flows() {
                    let stream = streams.get_mut(&flow.id).ok_or(Misuse::Unknown);
                    stream
                        .and_then(|stream| stream.flow(flow.meaning()))
                        .map_err(|misuse| broken(flow.id, misuse))?;
                }
            }
            Domain::Data => {
                let Some(data) = packet.data() else { return Ok(()) };
                let stream = streams.get_mut(&data.id).ok_or(Misuse::Unknown);
                stream.map_err(|misuse| broken(data.id, misuse))?.data(data)?;
            }
        }
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        self.saved = None;
        self.wake_up();
        let Some(seat) = &self.core.seat else { return Ok(()) };
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            self.waker = Some(context.waker().clone());
            seat.mailbox().listen(context.waker());
        }
        self.deliver(out)?;
        let turn = self.turn;
        self.poll_streams(turn.., context, out)?;
        self.poll_streams(..turn, context, out)?;
        if !self.flows.is_empty() {
            out.flows(&self.flows)?;
            self.flows.clear();
        }
        self.core.streams.retain(|_, stream| !stream.is_closed());
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        Box::pin(async {
            let token = self.saved.map_or_else(new_token, Ok)?;
            let snapshot = match (&self.restored, &self.core.seat) {
                (Some(restored), _) => restored.encode(&token),
                (None, Some(seat)) => snapshot::encode(&token, seat, &self.core.streams),
                (None, None) => return Ok(Vec::new()),
            };
            self.saved = Some(token);
            Ok(snapshot)
        })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(token) = self.saved.take()
            && self.restored.is_none()
        {
            self.hub.park_peer(token, std::mem::take(&mut self.core));
        }
    }
}
