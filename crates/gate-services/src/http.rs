//! `http`: requests to servers that the operator allows.
//!
//! Revision `0`; has streams; info packets are ignored. The service cannot be discovered unless the operator allows a host.
//! All integers are little-endian.
//!
//! A request takes two calls and a stream:
//!
//! ```text
//!   program                                     service
//!     request: method, URL, headers  ── call ──▶   checks it, and begins to send it
//!                                    ◀── reply ──  stream
//!     body, if there is one          ── data ──▶
//!                                    ◀── flow ──
//!     response: stream               ── call ──▶   waits for the server
//!                                    ◀── reply ──  status, headers
//!                                    ◀── data ──   body
//!     credit for it                  ── flow ──▶
//! ```
//!
//! # Calls
//! ## 0, request
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | u8 | 0 |
//! | 1 | u8 | *m*, length of the method: 1 to 32 |
//! | 2 | u16 | *u*, length of the URL: 1 to 8192 |
//! | 4 | u16 | number of headers: at most 128 |
//! | 6 | u16 | 0 |
//! | 8 | u64 | length of the request's body in bytes; 0: it has none; 2⁶⁴-1: it is not known yet |
//! | 16 | u32 | time in milliseconds that the request can take from now until its response has ended; 0, or more than the host allows: what the host allows |
//! | 20 | *m* bytes | method, such as `GET` |
//! | 20 + *m* | *u* bytes | URL, such as `https://example.com/path?query`; UTF-8 |
//! | 20 + *m* + *u* | | headers |
//!
//! A header, without padding (the next one follows it immediately):
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | u8 | *n*, length of the name |
//! | 1 | u16 | *v*, length of the value |
//! | 3 | *n* bytes | name; capitals do not matter |
//! | 3 + *n* | *v* bytes | value |
//!
//! Any method is allowed but `CONNECT`. The URL has no user and no password in it, and what is behind `#` in it is not sent. `Host`,
//! `Content-Length` and the headers of the connection (`Connection`, `Expect`, `HTTP2-Settings`, `Keep-Alive`, `Proxy-…`, `TE`,
//! `Trailer`, `Transfer-Encoding`, `Upgrade`) are the business of the service: a request that contains one is refused. Nothing
//! is added but `Accept: */*`, if there is no `Accept`. Redirects are responses like any other: the program follows them, or not.
//! Bodies are not compressed nor decompressed, and there are no cookies.
//!
//! The reply comes at once:
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | i16 | error |
//! | 2 | u16 | 0 |
//! | 4 | i32 | stream; -1 if there is an error |
//!
//! ## 1, response
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | u8 | 1 |
//! | 1 | 3 bytes | 0 |
//! | 4 | i32 | stream |
//!
//! It is made once for each stream, at any time after the reply to the first call: before, while, or after the request's body is sent. The
//! reply comes when the head of the response is there, or none will come; before replies to earlier calls if it is there before them, so its
//! index tells which of the outstanding calls (of both kinds) it answers.
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | i16 | error |
//! | 2 | u16 | status, 200 to 999; 0 if there is an error |
//! | 4 | u16 | number of headers; 0 if there is an error |
//! | 6 | u16 | 0 |
//! | 8 | | headers, as above, names in lower case, in the order of arrival; those of the connection are left out |
//!
//! ## Others
//! To other calls the reply is empty, as it is to a call without content.
//!
//! # The stream
//! Its id is the smallest number that is not in use. Notes of the program are ignored.
//!
//! *To the program* it carries the response's body, as far as the program has given credit, after the reply to the call for the response. The
//! end of data comes after the last byte; its note is the error by which the body was cut short, or 0 if it is complete. It comes after the
//! reply also when that is an error, and has the same note. The program answers it with the end of flow.
//!
//! If the program sends the end of flow earlier, it does not want the rest: the request is given up, the reply to the call for the
//! response is error 11 if it has not been sent, and the end of data comes with note 11 even if the call for the response was
//! never made.
//!
//! *From the program* it carries the request's body, as far as the service gives credit (never more than 65520 bytes are
//! outstanding). The program sends the end of data after the last byte; its note does not matter. The service sends the end of flow
//! when that has come, or when the server wants no more, or when the request has failed; what the program sends after that, with credit
//! that it has, is dropped, up to its end of data. This direction does not exist if the length of the body was given as 0: then
//! data from the program breaks the protocol.
//!
//! The id is free again after all ends have been sent: of data by the service and of flow by the program, and, if there
//! was a request body, of data by the program and of flow by the service.
//!
//! # Errors
//!
//! | Number | Meaning |
//! |---|---|
//! | 0 | none |
//! | 1 | the call makes no sense: it is cut, something is behind its end, a method, URL or header is not one or not allowed |
//! | 2 | the operator does not allow this scheme, host or port |
//! | 3 | the host has only addresses of private networks, which the operator does not allow |
//! | 4 | too many requests at once: as many streams are open as the operator allows |
//! | 5 | the body or head of request or response is larger than the operator allows, or the head of the response does not fit into a packet |
//! | 6 | the host's name cannot be resolved |
//! | 7 | no connection to the server |
//! | 8 | no secure connection to the server: its certificate is not valid, or it does not speak TLS |
//! | 9 | it took too long |
//! | 10 | the connection broke, the server does not speak HTTP, or the request's body was not as long as said |
//! | 11 | given up by the program |
//! | 12 | lost: the program goes on in another place than where the request was made |
//! | 13 | there is no such stream, or its response was called for before |
//!
//! Which requests of errors 5 to 12 have reached the server is not known.
//!
//! # What breaks the protocol
//! Flow or data of a stream that is not open, data beyond credit, data or flow after their ends. It ends the program.
//!
//! # Lives of the program
//! A request is sent once: no request is ever repeated by the service, whatever happens. Requests go on while the program is suspended (but their
//! time does not stand still). They also go on if it is saved and continued in the same host process within [`PARK_TIME`]. If it is continued
//! elsewhere, then responses that had arrived as a whole are still delivered, and all others end with error 12. The same is so for copies of
//! the program, which go on from the same snapshot after it.
//!
//! # Limits
//! Per program: [`DEFAULT_MAX_REQUESTS`]; per request: [`DEFAULT_MAX_REQUEST_BODY`], [`DEFAULT_MAX_RESPONSE_BODY`], [`DEFAULT_TIMEOUT`],
//! [`DEFAULT_IDLE_TIMEOUT`]. The head of a response must fit into a packet (else error 5), and have no more than 100 headers (else error 10).

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::ops::Bound;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gate_packet::stream::{Misuse, Violation};
use gate_packet::{Domain, HEADER_SIZE, Packet};
use gate_service::{BoxFuture, Client, Created, Factory, Failure, Outbox, Properties, Saved, Service};
use tokio::runtime::Handle;
use tokio::task::yield_now;

mod address;
mod connect;
mod exchange;
mod message;
mod policy;
mod snapshot;
mod upload;

pub use policy::{Policy, Rule, RuleError};

use crate::park::{Park, Token, token};
use connect::{Connections, Network};
use exchange::{Exchange, Limits};
use message::{ErrorNumber, Length, OPERATION_REQUEST, OPERATION_RESPONSE};

/// The name of the service.
pub const NAME: &str = "http";

/// How many streams a program can have open, unless configured otherwise. Browsers open about as many connections.
pub const DEFAULT_MAX_REQUESTS: usize = 16;

/// The largest body of a request, in bytes, unless configured otherwise.
pub const DEFAULT_MAX_REQUEST_BODY: u64 = 64 << 20;

/// The largest body of a response, in bytes, unless configured otherwise.
pub const DEFAULT_MAX_RESPONSE_BODY: u64 = 256 << 20;

/// How long a request can take from its call until its response has ended, unless configured otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// For how long nothing can move in either direction, unless configured otherwise.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// For how long requests of a program that was saved wait for it to be continued in the same host process.
pub const PARK_TIME: Duration = crate::park::PARK_TIME;

/// The longest method, in bytes. Registered ones have up to 17.
pub const MAX_METHOD_BYTES: usize = 32;

/// The longest URL, in bytes. Servers commonly accept as much.
pub const MAX_URL_BYTES: usize = 8192;

/// The most headers of a request.
pub const MAX_HEADERS: usize = 128;

/// The largest [`Config::max_requests`]: the calls for their responses have indexes of one byte.
pub const MAX_MAX_REQUESTS: usize = 128;

/// How many turns connections get to read what has arrived when a program is saved. Each of them reads at least 8 KiB, as long as there is
/// something.
const COLLECT_TURNS: usize = 16;

/// No time limit is longer: clocks cannot count much further.
const MAX_TIMEOUT: Duration = Duration::from_secs(10 * 365 * 86_400);

/// What programs can do.
#[derive(Clone, Debug)]
pub struct Config {
    /// The servers that they can reach.
    pub policy: Policy,
    /// How many streams one program can have open, at most [`MAX_MAX_REQUESTS`]. See [`DEFAULT_MAX_REQUESTS`].
    pub max_requests: usize,
    /// The largest body of a request, in bytes. See [`DEFAULT_MAX_REQUEST_BODY`].
    pub max_request_body: u64,
    /// The largest body of a response, in bytes. See [`DEFAULT_MAX_RESPONSE_BODY`].
    pub max_response_body: u64,
    /// How long a request can take from its call until its response has ended. See [`DEFAULT_TIMEOUT`].
    pub timeout: Duration,
    /// For how long nothing can move in either direction. See [`DEFAULT_IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
    /// The authorities whose certificates are trusted, as X.509 in DER; `None` for those that the system trusts. What is no certificate is
    /// left out.
    pub authorities: Option<Vec<Vec<u8>>>,
}

impl Config {
    /// The defaults for programs that can reach these servers.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            max_requests: DEFAULT_MAX_REQUESTS,
            max_request_body: DEFAULT_MAX_REQUEST_BODY,
            max_response_body: DEFAULT_MAX_RESPONSE_BODY,
            timeout: DEFAULT_TIMEOUT,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            authorities: None,
        }
    }
}

/// Makes the service.
#[derive(Clone, Debug)]
pub struct Http {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: Config,
    network: Arc<Network>,
    park: Park<State>,
}

impl Http {
    /// With this configuration. Certificates are read when they are first needed.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let network = Arc::new(Network::new(config.authorities.clone()));
        Self { shared: Arc::new(Shared { config, network, park: Park::default() }) }
    }
}

impl Factory for Http {
    fn properties(&self) -> Properties<'_> {
        Properties { name: NAME, revision: "0", has_streams: true }
    }

    fn is_discoverable(&self, _client: &Client) -> bool {
        !self.shared.config.policy.rules.is_empty()
    }

    fn create(&self, config: gate_service::Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let limits = Limits {
                request_body: shared.config.max_request_body,
                response_body: shared.config.max_response_body,
                timeout: shared.config.timeout.min(MAX_TIMEOUT),
                idle_timeout: shared.config.idle_timeout.min(MAX_TIMEOUT),
                head: (config.max_send_size as usize).saturating_sub(HEADER_SIZE),
            };
            let state = match &*snapshot {
                [] => State::default(),
                snapshot => {
                    let (token, state) = snapshot::read(snapshot, limits)?;
                    shared.park.take(&token).unwrap_or(state)
                }
            };
            let connections = Arc::new(Connections::new(Arc::clone(&shared.network)));
            let (runtime, saved) = (Handle::current(), None);
            let instance =
                Instance { shared, connections, limits, state, turn: 0, waker: None, runtime, saved };
            Ok(Box::new(instance) as Box<dyn Service>)
        })
    }
}

/// The requests of a program.
#[derive(Debug, Default)]
struct State {
    /// By their streams.
    exchanges: BTreeMap<i32, Exchange>,
    /// The streams of the calls for responses that have not been replied to, the oldest first.
    asked: VecDeque<i32>,
}

/// The service of one program.
struct Instance {
    shared: Arc<Shared>,
    connections: Arc<Connections>,
    limits: Limits,
    state: State,
    /// The stream that was the first to send.
    turn: i32,
    /// To be woken when there is something to do after a packet.
    waker: Option<Waker>,
    /// The one in which its requests are made.
    runtime: Handle,
    /// By which to find the requests if this is dropped: nothing has happened since it was saved.
    saved: Option<Token>,
}

impl Instance {
    fn handle_call(&mut self, content: &[u8], out: &mut Outbox<'_>) -> Result<(), Failure> {
        let index = u8::try_from(self.state.asked.len()).expect("no more than there can be requests");
        match content.first() {
            Some(&OPERATION_REQUEST) => {
                let result = self.begin(content);
                out.reply(index, &message::request_reply(result))?;
            }
            Some(&OPERATION_RESPONSE) => {
                let id = message::parse_response_call(content);
                let exchange = id.and_then(|id| Some((id, self.state.exchanges.get_mut(&id)?)));
                match exchange {
                    Some((id, exchange)) if !exchange.is_asked => {
                        exchange.is_asked = true;
                        self.state.asked.push_back(id);
                    }
                    _ => out.reply(index, &message::error_reply(ErrorNumber::State))?,
                }
            }
            _ => out.reply(index, &[])?,
        }
        Ok(())
    }

    fn begin(&mut self, content: &[u8]) -> Result<i32, ErrorNumber> {
        let request = message::parse_request(content)?;
        let reach = self.shared.config.policy.check(&request.url)?;
        match request.length {
            Length::Exactly(length) if length > self.limits.request_body => {
                return Err(ErrorNumber::TooLarge);
            }
            Length::None | Length::Exactly(_) | Length::Unknown => {}
        }
        let exchanges = &mut self.state.exchanges;
        if exchanges.len() >= self.shared.config.max_requests.min(MAX_MAX_REQUESTS) {
            return Err(ErrorNumber::TooMany);
        }
        let id = (0..).find(|id| !exchanges.contains_key(id)).ok_or(ErrorNumber::TooMany)?;
        let connections = Arc::clone(&self.connections);
        exchanges.insert(id, Exchange::begin(request, reach, connections, self.limits));
        Ok(id)
    }

    /// Does something with the stream, and forgets it if it is then closed.
    fn with_exchange(
        &mut self,
        id: i32,
        action: impl FnOnce(&mut Exchange) -> Result<(), Misuse>,
    ) -> Result<(), Failure> {
        let exchange = self.state.exchanges.get_mut(&id);
        let done = exchange.ok_or(Misuse::Unknown).and_then(|exchange| {
            action(exchange)?;
            Ok(exchange.is_closed())
        });
        match done {
            Ok(false) => {}
            Ok(true) => drop(self.state.exchanges.remove(&id)),
            Err(misuse) => {
                let Violation { id, misuse } = misuse.of(id);
                return Err(Failure::Program(format!("http: stream {id}: {misuse}").into()));
            }
        }
        Ok(())
    }

    /// Receives what has arrived: it need not be lost. Connections have turns to read what the system has got for them.
    async fn collect(&mut self) {
        let exchanges = &mut self.state.exchanges;
        for _ in 0..COLLECT_TURNS {
            let is_done = poll_fn(|context| {
                let collected =
                    exchanges.values_mut().map(|exchange| exchange.collect(context, snapshot::MAX_KEPT));
                Poll::Ready(collected.filter(Poll::is_pending).count() == 0)
            });
            if is_done.await {
                break;
            }
            yield_now().await;
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Replies to calls for responses that are there.
    fn reply(&mut self, out: &mut Outbox<'_>) -> Result<(), Failure> {
        let State { exchanges, asked } = &mut self.state;
        let mut index = 0;
        while let Some(id) = asked.get(index)
            && out.has_room()
        {
            let head = match exchanges.get_mut(id) {
                Some(exchange) => exchange.take_head(),
                None => Some(Err(ErrorNumber::State)),
            };
            let Some(head) = head else {
                index += 1;
                continue;
            };
            asked.remove(index);
            let position = u8::try_from(index).expect("no more than there can be requests");
            match head {
                Ok(head) => out.reply(position, &head)?,
                Err(error) => out.reply(position, &message::error_reply(error))?,
            }
        }
        Ok(())
    }
}

impl Service for Instance {
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        self.saved = None;
        match packet.domain() {
            Domain::Info => return Ok(()),
            Domain::Call => self.handle_call(packet.content(), out)?,
            Domain::Flow => {
                for flow in packet.flows() {
                    self.with_exchange(flow.id, |exchange| exchange.handle_flow(flow.meaning()))?;
                }
            }
            Domain::Data => {
                if let Some(data) = packet.data() {
                    self.with_exchange(data.id, |exchange| exchange.handle_data(data.bytes))?;
                }
            }
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        self.saved = None;
        self.waker = Some(context.waker().clone());
        for exchange in self.state.exchanges.values_mut() {
            exchange.receive(context);
        }
        self.reply(out)?;
        // Each time another one comes first: the room can be too small for all.
        let later = (Bound::Excluded(self.turn), Bound::Unbounded);
        self.turn = self.state.exchanges.range(later).next().map_or(0, |(id, _)| *id);
        let (before, after) = (0..self.turn, self.turn..);
        for (id, exchange) in self.state.exchanges.range_mut(after) {
            exchange.send(*id, context, out)?;
        }
        for (id, exchange) in self.state.exchanges.range_mut(before) {
            exchange.send(*id, context, out)?;
        }
        self.state.exchanges.retain(|_, exchange| !exchange.is_closed());
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        Box::pin(async {
            if self.state.exchanges.is_empty() {
                return Ok(Vec::new());
            }
            let token = match self.saved {
                // Nothing has happened since.
                Some(token) => token,
                None => {
                    self.collect().await;
                    token()?
                }
            };
            self.saved = Some(token);
            Ok(snapshot::write(&token, &self.state))
        })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(token) = self.saved {
            self.shared.park.put(token, std::mem::take(&mut self.state), &self.runtime);
        }
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
