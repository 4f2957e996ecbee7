//! `gate.computer/localhost`: requests to one HTTP server that the operator has chosen.
//!
//! Revision `0`; no streams; info packets are ignored. Calls and replies are FlatBuffers, without file identifier and size prefix:
//!
//! ```text
//! table Request  { method: string; uri: string; content_type: string; body: [ubyte]; }
//! table Response { status_code: ushort; content_type: string; body: [ubyte]; }
//! union Function { Request }
//! table Call     { function: Function; }      // fields: type, ubyte, 1 for Request; value
//! ```
//!
//! The root of a call is a `Call`, the root of a reply a `Response`. Fields that are missing or empty are left out. A call
//! that is anything else has an empty reply.
//!
//! # Requests
//! The method is GET if it is missing. The URI is relative: path and query go to the server as they are. It can begin with `//` and a
//! host, without port and user: that is what the server is told to be named, and otherwise of no effect. `Content-Type` is sent if it is
//! there. Redirects are not followed.
//!
//! | Status | Reason, if it is not the server's |
//! |---|---|
//! | 400 | The URI is absolute or cannot be parsed, or the method or content type is not one. |
//! | 502 | The server cannot be reached, or breaks off, or takes longer than [`DEFAULT_TIMEOUT`], or its response does not fit into a packet. |
//!
//! Up to [`MAX_REQUESTS`] requests run at once; as long as they do, no packets of the program are handled. Replies come in the order in which
//! requests are done: the index tells which of the outstanding calls each of them answers.
//!
//! # Lives of the program
//! Requests go on while the program is suspended. When it is saved, they have [`SAVE_TIME`] to finish; the replies are kept. Of those
//! that have not finished, GET, HEAD and OPTIONS, which change nothing, are sent again when the program goes on from what was saved; the
//! others then get status 502, as it is not known whether they have taken place. Copies of a program, which go on from the same snapshot, each do
//! so. Requests do not wait for their program without it, as those of [`http`](crate::http) do: the server is near, and what it has
//! not answered in [`SAVE_TIME`] would most often not be there when the program comes back.
//!
//! Snapshot: uvarint *n*, *n* calls as packets in the order in which they were made; uvarint *m*, *m* replies as packets in the order in
//! which they are to be sent, with their indexes. Packets have their size and are not padded; the replies are sent first.

use std::collections::VecDeque;
use std::fmt;
use std::future::{poll_fn, ready};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gate_packet::{Domain, HEADER_SIZE, Packet};
use gate_service::{BoxFuture, Config, Created, Factory, Failure, Outbox, Properties, Saved, Service};
use tokio::time::timeout;

mod address;
mod message;
mod server;
mod snapshot;

pub use address::{Address, AddressError};

use message::Response;
use server::Server;

/// The name of the service.
pub const NAME: &str = "gate.computer/localhost";

/// How many requests of one program run at once.
pub const MAX_REQUESTS: usize = 10;

/// How long a request can take, unless configured otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// How long requests that are running have to finish when the program is saved.
pub const SAVE_TIME: Duration = Duration::from_secs(5);

/// Makes the service.
#[derive(Clone, Debug)]
pub struct Localhost {
    server: Arc<Server>,
}

impl Localhost {
    /// For the server at this address. A request can take this long: see [`DEFAULT_TIMEOUT`]. `authorities` are those whose certificates
    /// are trusted, as X.509 in DER; `None` for those that the system trusts.
    #[must_use]
    pub fn new(address: Address, timeout: Duration, authorities: Option<Vec<Vec<u8>>>) -> Self {
        Self { server: Arc::new(Server::new(address, timeout, authorities)) }
    }
}

impl Factory for Localhost {
    fn properties(&self) -> Properties<'_> {
        Properties { name: NAME, revision: "0", has_streams: false }
    }

    fn create(&self, config: Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let server = Arc::clone(&self.server);
        Box::pin(async move {
            let limit = (config.max_send_size as usize).saturating_sub(HEADER_SIZE);
            let mut instance = Instance {
                server,
                code: config.code,
                limit,
                running: Vec::new(),
                replies: VecDeque::new(),
                waker: None,
                waiting: None,
            };
            if !snapshot.is_empty() {
                let kept = snapshot::read(&snapshot)?;
                instance.replies = kept.replies.into();
                for call in kept.calls {
                    instance.restart(call);
                }
            }
            Ok(Box::new(instance) as Box<dyn Service>)
        })
    }
}

/// The service of one program.
struct Instance {
    server: Arc<Server>,
    code: u16,
    /// Of a reply, in bytes.
    limit: usize,
    /// The calls that have not been answered, the oldest first.
    running: Vec<Running>,
    /// Index and content of replies that have not been sent, in their order.
    replies: VecDeque<(u8, Vec<u8>)>,
    /// To be woken when there is something to do after a packet.
    waker: Option<Waker>,
    /// To be woken when a packet can be handled.
    waiting: Option<Waker>,
}

/// A call that has not been answered.
struct Running {
    call: Vec<u8>,
    reply: BoxFuture<'static, Vec<u8>>,
}

impl Instance {
    fn start(&mut self, call: Vec<u8>) {
        let reply: BoxFuture<'static, Vec<u8>> = match message::parse(&call) {
            None => Box::pin(ready(Vec::new())),
            Some(request) => {
                let (server, limit) = (Arc::clone(&self.server), self.limit);
                match server.prepare(&request) {
                    Some(request) => Box::pin(async move { server.send(request, limit).await }),
                    None => Box::pin(ready(message::response(&Response::of(400)))),
                }
            }
        };
        self.running.push(Running { call, reply });
    }

    /// Goes on with a call that was made before the program was saved.
    fn restart(&mut self, call: Vec<u8>) {
        let is_harmless = message::parse(&call)
            .is_none_or(|request| matches!(request.method, "" | "GET" | "HEAD" | "OPTIONS"));
        if is_harmless {
            self.start(call);
        } else {
            let reply = Box::pin(ready(message::response(&Response::of(502))));
            self.running.push(Running { call, reply });
        }
    }

    /// Moves replies that are there to those that can be sent.
    fn advance(&mut self, context: &mut Context<'_>) {
        let mut index = 0;
        while let Some(running) = self.running.get_mut(index) {
            if let Poll::Ready(reply) = running.reply.as_mut().poll(context) {
                self.running.remove(index);
                let position = u8::try_from(index).expect("there are no more than MAX_REQUESTS");
                self.replies.push_back((position, reply));
            } else {
                index += 1;
            }
        }
    }

    fn is_full(&self) -> bool {
        self.running.len() + self.replies.len() >= MAX_REQUESTS
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl Service for Instance {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if self.is_full() {
            self.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn handle(&mut self, packet: &Packet<'_>, _out: &mut Outbox<'_>) -> Result<(), Failure> {
        if packet.domain() == Domain::Call {
            self.start(packet.content().to_vec());
            wake(&mut self.waker);
        }
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        self.waker = Some(context.waker().clone());
        self.advance(context);
        while out.has_room()
            && let Some((index, reply)) = self.replies.pop_front()
        {
            out.reply(index, &reply)?;
        }
        if !self.is_full() {
            wake(&mut self.waiting);
        }
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        Box::pin(async {
            let finish = poll_fn(|context| {
                self.advance(context);
                if self.running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
            });
            let is_finished = timeout(SAVE_TIME, finish).await.is_ok();
            wake(&mut self.waker);
            if is_finished && self.replies.is_empty() {
                return Ok(Vec::new());
            }
            let calls = self.running.iter().map(|running| &*running.call);
            let replies = self.replies.iter().map(|(index, reply)| (*index, &**reply));
            Ok(snapshot::write(self.code, calls, replies))
        })
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("running", &self.running.len())
            .field("replies", &self.replies.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
