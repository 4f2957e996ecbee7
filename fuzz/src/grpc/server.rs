//! A server that does what a fuzzer says, and then what a server should: what it is sent comes back.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};

use gate_grpc::proto::instance_server::{Instance, InstanceServer};
use gate_grpc::proto::root_server::{Root, RootServer};
use gate_grpc::proto::{
    CreateRequest, CreateResponse, HandleRequest, InitRequest, InitResponse, ReceiveRequest, Service,
    ShutdownRequest, SnapshotRequest, SuspendRequest,
};
use gate_packet::{Domain, HEADER_SIZE, MAX_SIZE};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tonic::codegen::tokio_stream::Stream;
use tonic::transport::server::Connected;
use tonic::{Code, Request, Response, Status};
use tower::Service as _;

/// The name of its only service.
pub(super) const NAME: &str = "service";

/// How much a stream that nobody reads keeps. What comes when it is full is dropped.
const MAX_WAITING: usize = 1000;

/// What is larger than any message may be, in bytes.
const TOO_LARGE: usize = 5 << 20;

/// Where the domain of a packet is.
const DOMAIN: usize = 6;

/// What a Receive stream consists of.
type Item = Result<Vec<u8>, Status>;

/// The server. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Server {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// What is left of what it was told to do.
    script: VecDeque<u8>,
    instances: BTreeMap<Vec<u8>, Line>,
    next: u64,
    /// Whether the last connection was broken.
    is_broken: Arc<AtomicBool>,
}

/// What there is for a program.
#[derive(Clone, Default)]
struct Line {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    has_ended: bool,
    waker: Option<Waker>,
}

/// How a call is answered.
enum Answer {
    /// As it should be.
    Good,
    Error(Status),
    Never,
    /// With the end of the connection.
    Disconnect,
}

impl Server {
    /// One that will do this.
    pub(super) fn new(script: &[u8]) -> Self {
        let server = Self::default();
        server.lock().script = script.iter().copied().collect();
        server
    }

    /// Serves until its task is ended.
    pub(super) async fn serve(self, listener: UnixListener) {
        let root = RootServer::new(self.clone());
        let instance = InstanceServer::new(self.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX);
        let service = tower::service_fn(move |request: http::Request<tonic::body::Body>| {
            let (mut root, mut instance) = (root.clone(), instance.clone());
            let is_root = request.uri().path().starts_with("/gate.grpc.Root/");
            async move { if is_root { root.call(request).await } else { instance.call(request).await } }
        });
        let incoming = Incoming { listener, server: self };
        let served = tonic::transport::Server::builder().serve_with_incoming(service, incoming).await;
        served.expect("the listener does not fail");
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics who has it")
    }

    /// Answers a call as the script says, perhaps with `good`.
    async fn answer<T>(&self, good: impl FnOnce(&mut State) -> T) -> Result<Response<T>, Status> {
        let answer = self.lock().next();
        match answer {
            Answer::Good => {}
            Answer::Error(status) => return Err(status),
            Answer::Never => return std::future::pending().await,
            Answer::Disconnect => self.lock().is_broken.store(true, Ordering::Relaxed),
        }
        Ok(Response::new(good(&mut self.lock())))
    }
}

impl State {
    fn byte(&mut self) -> u8 {
        self.script.pop_front().unwrap_or(0)
    }

    /// The bytes behind the one that says how many there are; or fewer, if there are.
    fn piece(&mut self) -> Vec<u8> {
        let len = usize::from(self.byte()).min(self.script.len());
        self.script.drain(..len).collect()
    }

    /// What becomes of a call. Other things may happen first.
    fn next(&mut self) -> Answer {
        loop {
            match self.byte() {
                0..=127 => return Answer::Good,
                op @ 128..=229 => {
                    let item = self.item(op);
                    if let Some(line) = self.choose() {
                        line.send(item);
                    }
                }
                230..=235 => {
                    if let Some(line) = self.choose() {
                        line.end();
                    }
                }
                236..=238 => self.instances.clear(),
                op @ 239..=250 => {
                    let code = Code::from(i32::from(op - 237));
                    return Answer::Error(Status::new(code, String::from_utf8_lossy(&self.piece())));
                }
                // What takes time is rare.
                251..=255 => match self.byte() {
                    0..=3 => return Answer::Disconnect,
                    4..=5 => return Answer::Error(Status::unavailable("")),
                    6 => return Answer::Error(Status::cancelled("")),
                    7 => return Answer::Never,
                    _ => return Answer::Good,
                },
            }
        }
    }

    /// One of the instances that there are.
    fn choose(&mut self) -> Option<Line> {
        let which = usize::from(self.byte()).checked_rem(self.instances.len())?;
        self.instances.values().nth(which).cloned()
    }

    /// Something that may be a packet.
    fn item(&mut self, op: u8) -> Item {
        let (domain, index) = (self.byte(), self.byte());
        let header = |domain, index| [op, index, op, 0, 0, op, domain, index];
        match op {
            // Replies that make sense come often.
            128..=169 => Ok([&header(domain % 2, index % 3)[..], &self.piece()].concat()),
            170..=189 => Ok([&header(domain % 4, index)[..], &[index; 8], &self.piece()].concat()),
            190..=209 => Ok([&header(domain, index)[..], &self.piece()].concat()),
            210..=219 => Ok(self.piece()),
            220..=223 => {
                let size = MAX_SIZE as usize - HEADER_SIZE - 8 + usize::from(index % 16);
                Ok([&header(domain % 4, 0)[..], &vec![op; size]].concat())
            }
            224 => Ok(vec![0; TOO_LARGE]),
            _ => Err(Status::new(Code::from(i32::from(domain % 17)), "from a stream")),
        }
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nobody panics who has it")
    }

    fn send(&self, item: Item) {
        let mut queue = self.lock();
        if queue.items.len() < MAX_WAITING {
            queue.items.push_back(item);
        }
        queue.waker.take().into_iter().for_each(Waker::wake);
    }

    fn end(&self) {
        let mut queue = self.lock();
        queue.has_ended = true;
        queue.waker.take().into_iter().for_each(Waker::wake);
    }

    /// Sends back what can be.
    fn echo(&self, packet: Vec<u8>) {
        let domain = packet.get(DOMAIN).copied();
        if [Domain::Call, Domain::Info].iter().any(|other| Some(other.number()) == domain) {
            self.send(Ok(packet));
        }
    }
}

/// The packet at the beginning of some, and those behind it.
fn split(packets: &[u8]) -> Option<(&[u8], &[u8])> {
    let size = u32::from_le_bytes(*packets.first_chunk()?) as usize;
    if size < HEADER_SIZE { None } else { packets.split_at_checked(size) }
}

#[tonic::async_trait]
impl Root for Server {
    async fn init(&self, _: Request<InitRequest>) -> Result<Response<InitResponse>, Status> {
        let service = Service { name: NAME.to_owned(), revision: "0".to_owned(), require_principal: false };
        Ok(Response::new(InitResponse { services: vec![service] }))
    }
}

#[tonic::async_trait]
impl Instance for Server {
    type ReceiveStream = Receiver;

    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<CreateResponse>, Status> {
        let snapshot = request.into_inner().snapshot;
        self.answer(|state| {
            let mut answer = CreateResponse::default();
            match state.byte() {
                // Perhaps that of another instance.
                255 => answer.id = state.piece(),
                254 => answer.restoration_error = String::from_utf8_lossy(&state.piece()).into_owned(),
                _ => {
                    state.next += 1;
                    answer.id = state.next.to_le_bytes().to_vec();
                }
            }
            let line = Line::default();
            let mut rest = &*snapshot;
            while let Some((packet, behind)) = split(rest) {
                line.echo(packet.to_vec());
                rest = behind;
            }
            if !rest.is_empty() {
                answer.restoration_error = "not packets".to_owned();
            }
            state.instances.insert(answer.id.clone(), line);
            answer
        })
        .await
    }

    async fn receive(&self, request: Request<ReceiveRequest>) -> Result<Response<Receiver>, Status> {
        let id = request.into_inner().id;
        self.answer(|state| Receiver(state.instances.entry(id).or_default().clone())).await
    }

    async fn handle(&self, request: Request<HandleRequest>) -> Result<Response<()>, Status> {
        let HandleRequest { id, data } = request.into_inner();
        self.answer(|state| state.instances.entry(id).or_default().echo(data)).await
    }

    async fn shutdown(&self, request: Request<ShutdownRequest>) -> Result<Response<()>, Status> {
        let id = request.into_inner().id;
        self.answer(|state| drop(state.instances.remove(&id))).await
    }

    async fn suspend(&self, request: Request<SuspendRequest>) -> Result<Response<()>, Status> {
        let id = request.into_inner().id;
        // Once in a while it forgets to end the stream.
        self.answer(|state| match state.byte() {
            255 => {}
            _ => state.instances.entry(id).or_default().end(),
        })
        .await
    }

    async fn snapshot(&self, request: Request<SnapshotRequest>) -> Result<Response<Vec<u8>>, Status> {
        let SnapshotRequest { id, outgoing, incoming } = request.into_inner();
        self.answer(|state| {
            let line = state.instances.remove(&id).unwrap_or_default();
            match state.byte() {
                255 => state.piece(),
                254 if state.byte() > 250 => vec![0; TOO_LARGE],
                _ => {
                    let unsent: Vec<u8> = line.lock().items.iter().flatten().flatten().copied().collect();
                    [outgoing, unsent, incoming].concat()
                }
            }
        })
        .await
    }
}

/// The Receive stream of an instance.
pub(super) struct Receiver(Line);

impl Stream for Receiver {
    type Item = Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        let mut queue = self.0.lock();
        if queue.has_ended {
            // What is left goes into the snapshot.
            return Poll::Ready(None);
        }
        match queue.items.pop_front() {
            Some(item) => Poll::Ready(Some(item)),
            None => {
                queue.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// The connections that are made.
struct Incoming {
    listener: UnixListener,
    server: Server,
}

impl Stream for Incoming {
    type Item = io::Result<Breakable>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let (socket, _) = ready!(self.listener.poll_accept(context))?;
        let is_broken = Arc::default();
        self.server.lock().is_broken = Arc::clone(&is_broken);
        Poll::Ready(Some(Ok(Breakable { socket, is_broken })))
    }
}

/// A connection that fails when something is written to it after it was broken.
struct Breakable {
    socket: UnixStream,
    is_broken: Arc<AtomicBool>,
}

impl Connected for Breakable {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Breakable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for Breakable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_broken.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
