//! Three small services for Gate's programs, in a program of their own.
//!
//! | Service | Packet of the program | What it does |
//! |---|---|---|
//! | `echo` | call, info | comes back |
//! | `echo/later` | call | comes back when an info packet does; until then it is kept, in snapshots too |
//! | `counter` | call | the reply is how many calls there were, as a little-endian u64; snapshots keep the number |
//!
//! Usage: `echo [ADDRESS]`. The address is `unix:PATH` or `HOST:PORT`; without one, the program serves over file descriptor 3, a socket that
//! Gate gives to it:
//!
//! ```text
//! gate run --grpc-command target/release/examples/echo_service program.wasm
//! ```

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use gate_grpc::proto::instance_server::{Instance, InstanceServer};
use gate_grpc::proto::root_server::{Root, RootServer};
use gate_grpc::proto::{
    CreateRequest, CreateResponse, HandleRequest, InitRequest, InitResponse, ReceiveRequest, Service,
    ShutdownRequest, SnapshotRequest, SuspendRequest,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream, UnixListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tower::Service as _;

/// Where Gate puts the socket.
const SOCKET: i32 = 3;

/// How a packet of the program, or for it, begins: u32 size, i16 code, u8 domain, u8 index.
const HEADER: usize = 8;
const DOMAIN: usize = 6;
const CALL: u8 = 0;
const INFO: u8 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let address = std::env::args().nth(1);
    runtime.block_on(async {
        let services = Arc::new(Services::default());
        let root = RootServer::from_arc(Arc::clone(&services));
        let instance = InstanceServer::from_arc(services);
        let service = tower::service_fn(move |request: http::Request<tonic::body::Body>| {
            let (mut root, mut instance) = (root.clone(), instance.clone());
            let is_root = request.uri().path().starts_with("/gate.grpc.Root/");
            async move { if is_root { root.call(request).await } else { instance.call(request).await } }
        });
        let server = Server::builder();
        match address.as_deref().map(|address| (address, address.strip_prefix("unix:"))) {
            None => {
                let (connection, ended) = inherited()?;
                tokio::select! {
                    served = server.serve_with_incoming(service, connection) => served?,
                    _ = ended => {}
                }
            }
            Some((_, Some(path))) => {
                let listener = UnixListener::bind(path)?;
                eprintln!("listening at unix:{path}");
                server.serve_with_incoming(service, UnixListenerStream::new(listener)).await?;
            }
            Some((address, None)) => {
                let listener = TcpListener::bind(address.parse::<SocketAddr>()?).await?;
                eprintln!("listening at {}", listener.local_addr()?);
                server.serve_with_incoming(service, TcpListenerStream::new(listener)).await?;
            }
        }
        Ok(())
    })
}

/// The socket from Gate, as a listener that has one connection; and its end.
fn inherited() -> Result<(impl Stream<Item = io::Result<UnixStream>>, oneshot::Receiver<()>), Box<dyn Error>>
{
    // A copy: there is no safe way to take a file descriptor by its number.
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    let socket = std::os::unix::net::UnixStream::from(pidfd_getfd(own, SOCKET, PidfdGetfdFlags::empty())?);
    let watched = socket.try_clone()?;
    let (end, ended) = oneshot::channel();
    std::thread::spawn(move || {
        // No event but the one that is always told: the other end is closed.
        while poll(&mut [PollFd::new(&watched, PollFlags::empty())], None).is_err() {}
        end.send(())
    });
    socket.set_nonblocking(true)?;
    Ok((tokio_stream::once(UnixStream::from_std(socket)).chain(Never), ended))
}

/// A listener to which nobody connects.
struct Never;

impl Stream for Never {
    type Item = io::Result<UnixStream>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

/// The services, and their instances.
#[derive(Default)]
struct Services {
    instances: Mutex<HashMap<u64, Arc<Session>>>,
    last: AtomicU64,
}

/// What there is for a program.
struct Session {
    kind: Kind,
    state: Mutex<State>,
    /// Told when there is something to send, or it is time to stop.
    changed: Notify,
    /// Told when the Receive stream has ended.
    ended: Notify,
}

#[derive(Clone, Copy)]
enum Kind {
    Echo,
    Later,
    Counter,
}

#[derive(Default)]
struct State {
    /// Packets for the program.
    outgoing: VecDeque<Vec<u8>>,
    /// Calls that are answered later.
    kept: VecDeque<Vec<u8>>,
    count: u64,
    is_receiving: bool,
    is_stopped: bool,
}

impl Services {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Session>>> {
        self.instances.lock().expect("nobody panics who has it")
    }

    fn find(&self, id: &[u8]) -> Result<Arc<Session>, Status> {
        let session = number(id).and_then(|id| self.lock().get(&id).cloned());
        session.ok_or_else(|| Status::not_found("no such instance"))
    }

    fn remove(&self, id: &[u8]) -> Result<Arc<Session>, Status> {
        let session = number(id).and_then(|id| self.lock().remove(&id));
        session.ok_or_else(|| Status::not_found("no such instance"))
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_le_bytes)
}

impl Session {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics who has it")
    }

    /// Does what a packet of the program asks for.
    fn handle(&self, packet: &[u8]) -> Result<(), Status> {
        let Some((header, content)) = packet.split_first_chunk::<HEADER>() else {
            return Err(Status::invalid_argument("not a packet"));
        };
        let mut state = self.lock();
        match (self.kind, header[DOMAIN]) {
            (Kind::Echo, domain @ (CALL | INFO)) => state.outgoing.push_back(make_packet(domain, content)),
            (Kind::Later, CALL) => state.kept.push_back(packet.to_vec()),
            (Kind::Later, INFO) => {
                while let Some(call) = state.kept.pop_front() {
                    state.outgoing.push_back(make_packet(CALL, &call[HEADER..]));
                }
            }
            (Kind::Counter, CALL) => {
                state.count += 1;
                let content = state.count.to_le_bytes();
                state.outgoing.push_back(make_packet(CALL, &content));
            }
            _ => {}
        }
        self.changed.notify_one();
        Ok(())
    }

    /// Sends packets until it is time to stop. What is not sent then stays.
    async fn send(&self, stream: mpsc::Sender<Result<Vec<u8>, Status>>) {
        loop {
            let packet = {
                let mut state = self.lock();
                if state.is_stopped {
                    break;
                }
                state.outgoing.pop_front()
            };
            match packet {
                None => self.changed.notified().await,
                Some(packet) => {
                    if stream.send(Ok(packet)).await.is_err() {
                        break;
                    }
                }
            }
        }
        drop(stream);
        self.lock().is_receiving = false;
        self.ended.notify_one();
    }

    async fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_one();
        while self.lock().is_receiving {
            self.ended.notified().await;
        }
    }

    /// What is kept for the program: nothing, or the count, the packets for it, and the calls that are not answered.
    fn snapshot(&self, outgoing: &[u8], incoming: &[u8]) -> Result<Vec<u8>, Status> {
        // As if it had come by Handle.
        for packet in packets(incoming)? {
            self.handle(packet)?;
        }
        let state = self.lock();
        let own: Vec<u8> = state.outgoing.iter().flatten().copied().collect();
        let kept: Vec<u8> = state.kept.iter().flatten().copied().collect();
        if state.count == 0 && outgoing.is_empty() && own.is_empty() && kept.is_empty() {
            return Ok(Vec::new());
        }
        let length = u64::try_from(outgoing.len() + own.len()).expect("it is in memory");
        Ok([&state.count.to_le_bytes(), &length.to_le_bytes(), outgoing, &own, &kept].concat())
    }

    fn restore(&self, snapshot: &[u8]) -> Result<(), Status> {
        let invalid = || Status::invalid_argument("snapshot makes no sense");
        let mut state = self.lock();
        let (count, rest) = snapshot.split_first_chunk().ok_or_else(invalid)?;
        let (length, rest) = rest.split_first_chunk().ok_or_else(invalid)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| invalid())?;
        let (outgoing, kept) = rest.split_at_checked(length).ok_or_else(invalid)?;
        state.count = u64::from_le_bytes(*count);
        state.outgoing = packets(outgoing)?.into_iter().map(<[u8]>::to_vec).collect();
        state.kept = packets(kept)?.into_iter().map(<[u8]>::to_vec).collect();
        // Snapshots come through the hands of strangers.
        let is_ours = |packet: &Vec<u8>| matches!(packet[DOMAIN], CALL | INFO);
        if state.outgoing.iter().chain(&state.kept).all(is_ours) { Ok(()) } else { Err(invalid()) }
    }
}

/// Gate corrects size and code of what it is sent; the size is right here so that packets can follow one another in snapshots.
fn make_packet(domain: u8, content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(HEADER + content.len()).expect("as large as the packet that came");
    [&size.to_le_bytes(), &[0, 0, domain, 0][..], content].concat()
}

/// Takes packets apart that follow one another.
fn packets(mut bytes: &[u8]) -> Result<Vec<&[u8]>, Status> {
    let invalid = || Status::invalid_argument("not packets");
    let mut packets = Vec::new();
    while !bytes.is_empty() {
        let size = u32::from_le_bytes(*bytes.first_chunk().ok_or_else(invalid)?);
        let size = usize::try_from(size).ok().filter(|size| *size >= HEADER).ok_or_else(invalid)?;
        let (packet, rest) = bytes.split_at_checked(size).ok_or_else(invalid)?;
        packets.push(packet);
        bytes = rest;
    }
    Ok(packets)
}

#[tonic::async_trait]
impl Root for Services {
    async fn init(&self, _: Request<InitRequest>) -> Result<Response<InitResponse>, Status> {
        let service = |name: &str| Service {
            name: name.to_owned(),
            revision: "0".to_owned(),
            require_principal: false,
        };
        let services = vec![service("echo"), service("echo/later"), service("counter")];
        Ok(Response::new(InitResponse { services }))
    }
}

#[tonic::async_trait]
impl Instance for Services {
    type ReceiveStream = ReceiverStream<Result<Vec<u8>, Status>>;

    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<CreateResponse>, Status> {
        let request = request.into_inner();
        let kind = match request.service_name.as_str() {
            "echo" => Kind::Echo,
            "echo/later" => Kind::Later,
            "counter" => Kind::Counter,
            _ => return Err(Status::not_found("no such service")),
        };
        let (state, changed, ended) = (Mutex::default(), Notify::new(), Notify::new());
        let session = Session { kind, state, changed, ended };
        if !request.snapshot.is_empty()
            && let Err(error) = session.restore(&request.snapshot)
        {
            let restoration_error = error.message().to_owned();
            return Ok(Response::new(CreateResponse { id: Vec::new(), restoration_error }));
        }
        let id = self.last.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(id, Arc::new(session));
        let id = id.to_le_bytes().to_vec();
        Ok(Response::new(CreateResponse { id, restoration_error: String::new() }))
    }

    async fn receive(
        &self,
        request: Request<ReceiveRequest>,
    ) -> Result<Response<Self::ReceiveStream>, Status> {
        let session = self.find(&request.into_inner().id)?;
        session.lock().is_receiving = true;
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move { session.send(sender).await });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn handle(&self, request: Request<HandleRequest>) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        self.find(&request.id)?.handle(&request.data)?;
        Ok(Response::new(()))
    }

    async fn shutdown(&self, request: Request<ShutdownRequest>) -> Result<Response<()>, Status> {
        let session = self.remove(&request.into_inner().id)?;
        session.stop().await;
        Ok(Response::new(()))
    }

    async fn suspend(&self, request: Request<SuspendRequest>) -> Result<Response<()>, Status> {
        self.find(&request.into_inner().id)?.stop().await;
        Ok(Response::new(()))
    }

    async fn snapshot(&self, request: Request<SnapshotRequest>) -> Result<Response<Vec<u8>>, Status> {
        let request = request.into_inner();
        let session = self.remove(&request.id)?;
        session.stop().await;
        Ok(Response::new(session.snapshot(&request.outgoing, &request.incoming)?))
    }
}
