//! Servers that do what they should not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gate_grpc::proto::health::health_check_response::ServingStatus;
use gate_grpc::proto::health::health_server::{Health, HealthServer};
use gate_grpc::proto::health::{HealthCheckRequest, HealthCheckResponse};
use gate_grpc::proto::instance_server::{Instance, InstanceServer};
use gate_grpc::proto::root_server::{Root, RootServer};
use gate_grpc::proto::{
    CreateRequest, CreateResponse, HandleRequest, InitRequest, InitResponse, ReceiveRequest, Service,
    ShutdownRequest, SnapshotRequest, SuspendRequest,
};
use gate_grpc::{Services, Timeouts};
use gate_packet::Domain;
use tokio::sync::{Mutex, mpsc};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};
use tower::Service as _;

use crate::harness::{Program, config, run, start};

/// What a server does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Calls come back.
    Good,
    Unhealthy,
    /// The reply to each packet is this.
    Send(Vec<u8>),
    /// As `Good`, but packets are refused.
    HandleError(CallFailure),
    /// As `Good`, but every other notification is refused as if the server were about to end.
    LosesInfos,
    /// Packets are never taken.
    HandleHangs,
    CreateHangs,
    CreateError,
    /// Programs are refused.
    Refuse,
    /// The stream ends after the first packet.
    StreamEnds,
    StreamError,
    /// The stream does not end.
    SuspendHangs,
    /// The snapshot is too large.
    LargeSnapshot,
    /// Says what Create was asked for.
    Tell,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallFailure {
    Internal,
    Unavailable,
    /// With details that are not what they should be.
    Details,
}

/// A server in this process.
pub(crate) struct Listening {
    pub(crate) port: u16,
    pub(crate) shutdowns: Arc<AtomicU32>,
    pub(crate) creates: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Listening {
    pub(crate) fn target(&self) -> String {
        format!("127.0.0.1:{} insecure", self.port)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the Receive stream consists of.
type Item = Result<Vec<u8>, Status>;

struct Bad {
    behaviour: Behaviour,
    sender: Mutex<Option<mpsc::Sender<Item>>>,
    created: Mutex<Vec<u8>>,
    infos: AtomicU32,
    shutdowns: Arc<AtomicU32>,
    creates: Arc<AtomicU32>,
}

/// Starts a server; with a certificate and its key, it speaks TLS.
pub(crate) async fn listen(behaviour: Behaviour, identity: Option<(String, String)>) -> Listening {
    let (shutdowns, creates) = (Arc::default(), Arc::default());
    let bad = Arc::new(Bad {
        behaviour,
        sender: Mutex::default(),
        created: Mutex::default(),
        infos: AtomicU32::default(),
        shutdowns: Arc::clone(&shutdowns),
        creates: Arc::clone(&creates),
    });
    let root = RootServer::from_arc(Arc::clone(&bad));
    let health = HealthServer::from_arc(Arc::clone(&bad));
    let is_healthy = bad.behaviour != Behaviour::Unhealthy;
    let with_details = bad.behaviour == Behaviour::HandleError(CallFailure::Details);
    let instance =
        InstanceServer::from_arc(bad).max_decoding_message_size(64 << 20).max_encoding_message_size(64 << 20);
    let service = tower::service_fn(move |request: http::Request<tonic::body::Body>| {
        let (mut root, mut health, mut instance) = (root.clone(), health.clone(), instance.clone());
        let path = request.uri().path().to_owned();
        async move {
            if path.starts_with("/gate.grpc.Root/") {
                root.call(request).await
            } else if path.starts_with("/grpc.health") && !is_healthy {
                health.call(request).await
            } else if path.ends_with("/Handle") && with_details {
                let response = http::Response::builder()
                    .header("content-type", "application/grpc")
                    .header("grpc-status", "13")
                    .header("grpc-status-details-bin", "!!!")
                    .body(tonic::body::Body::empty());
                Ok(response.unwrap())
            } else {
                // It answers that it does not know what it does not know.
                instance.call(request).await
            }
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut server = Server::builder();
    if let Some((certificate, key)) = identity {
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
        server = server.tls_config(tls).unwrap();
    }
    let task = tokio::spawn(async move {
        server.serve_with_incoming(service, TcpListenerStream::new(listener)).await.unwrap();
    });
    Listening { port, shutdowns, creates, task }
}

#[tonic::async_trait]
impl Health for Bad {
    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::NotServing.into() }))
    }
}

#[tonic::async_trait]
impl Root for Bad {
    async fn init(&self, _: Request<InitRequest>) -> Result<Response<InitResponse>, Status> {
        let service = |name: &str, require_principal| Service {
            name: name.to_owned(),
            revision: "r1".to_owned(),
            require_principal,
        };
        Ok(Response::new(InitResponse { services: vec![service("bad", false), service("private", true)] }))
    }
}

#[tonic::async_trait]
impl Instance for Bad {
    type ReceiveStream = ReceiverStream<Item>;

    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<CreateResponse>, Status> {
        self.creates.fetch_add(1, Ordering::Relaxed);
        let mut answer = CreateResponse { id: b"id".to_vec(), restoration_error: String::new() };
        match self.behaviour {
            Behaviour::CreateHangs => std::future::pending().await,
            Behaviour::CreateError => return Err(Status::internal("no \u{1b}[31mway\n")),
            Behaviour::Refuse => answer.restoration_error = "not this one".to_owned(),
            _ => *self.created.lock().await = format!("{:?}", request.into_inner()).into_bytes(),
        }
        Ok(Response::new(answer))
    }

    async fn receive(&self, _: Request<ReceiveRequest>) -> Result<Response<Self::ReceiveStream>, Status> {
        let (sender, receiver) = mpsc::channel(100);
        *self.sender.lock().await = Some(sender);
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn handle(&self, request: Request<HandleRequest>) -> Result<Response<()>, Status> {
        let mut sender = self.sender.lock().await;
        let packet = match &self.behaviour {
            Behaviour::HandleError(CallFailure::Unavailable) => return Err(Status::unavailable("busy")),
            Behaviour::HandleError(_) => return Err(Status::internal("broken")),
            Behaviour::LosesInfos
                if request.get_ref().data[6] == Domain::Info.number()
                    && self.infos.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) =>
            {
                return Err(Status::unavailable("soon"));
            }
            Behaviour::HandleHangs => std::future::pending().await,
            Behaviour::StreamError => Err(Status::internal("broken")),
            Behaviour::Send(packet) => Ok(packet.clone()),
            Behaviour::Tell => Ok([&[0; 8], &**self.created.lock().await].concat()),
            _ => Ok(request.into_inner().data),
        };
        if let Some(stream) = &*sender {
            let _ = stream.send(packet).await;
        }
        if self.behaviour == Behaviour::StreamEnds {
            *sender = None;
        }
        Ok(Response::new(()))
    }

    async fn shutdown(&self, _: Request<ShutdownRequest>) -> Result<Response<()>, Status> {
        self.shutdowns.fetch_add(1, Ordering::Relaxed);
        Ok(Response::new(()))
    }

    async fn suspend(&self, _: Request<SuspendRequest>) -> Result<Response<()>, Status> {
        if self.behaviour != Behaviour::SuspendHangs {
            *self.sender.lock().await = None;
        }
        Ok(Response::new(()))
    }

    async fn snapshot(&self, request: Request<SnapshotRequest>) -> Result<Response<Vec<u8>>, Status> {
        let request = request.into_inner();
        Ok(Response::new(match self.behaviour {
            Behaviour::LargeSnapshot => vec![0; 5 << 20],
            _ => [request.outgoing, request.incoming].concat(),
        }))
    }
}

/// A program that makes a call, and what comes of it.
#[track_caller]
fn check(behaviour: Behaviour, message: &str) {
    let failure = run(async {
        let server = listen(behaviour.clone(), None).await;
        let services = start_quick(&server).await;
        let mut program = Program::start(&services, "bad").await;
        program.put(Domain::Call, b"x");
        program.failure().await
    });
    assert!(failure.contains(message), "{behaviour:?}: {failure}");
}

async fn start_quick(server: &Listening) -> Services {
    let mut config = config(&[], &[&server.target()], &Arc::default());
    config.timeouts = Timeouts { call: Duration::from_millis(300), ..Timeouts::USUAL };
    Services::start(config).await.unwrap()
}

#[test]
fn what_is_no_packet_ends_the_program() {
    let call = |index: u8, len: usize| [&[0, 0, 0, 0, 0, 0, 0, index][..], &vec![0; len]].concat();
    for (packet, message) in [
        (vec![], "sent something that is no packet: 0 bytes (allowed: 8 to 65536)"),
        (vec![0; 7], "7 bytes"),
        (call(0, 65529), "65537 bytes"),
        (call(0, 65600), "too large"),
        (call(0, 5 << 20), "too large"),
        (vec![0, 0, 0, 0, 0, 0, 9, 0], "domain 9"),
        (vec![0, 0, 0, 0, 0, 0, 3, 0], "data packet of 8 bytes"),
        (call(1, 0), "reply number 1, but"),
        (call(255, 0), "reply number 255"),
    ] {
        check(Behaviour::Send(packet), message);
    }
}

#[test]
fn errors_end_the_program() {
    for (behaviour, message) in [
        (
            Behaviour::HandleError(CallFailure::Internal),
            "the server has failed: Handle: Internal error: broken",
        ),
        (Behaviour::HandleError(CallFailure::Details), "the server has failed: Handle: Internal error"),
        (Behaviour::HandleHangs, "Handle: no answer within 300ms"),
        (Behaviour::CreateHangs, "Create: no answer within 300ms"),
        (Behaviour::CreateError, "Create: Internal error: no"),
        (Behaviour::Refuse, "the server refuses the program: not this one"),
        (Behaviour::StreamError, "Receive: Internal error: broken"),
    ] {
        check(behaviour, message);
    }
}

#[test]
fn a_server_that_is_always_busy_is_not_asked_for_ever() {
    check(
        Behaviour::HandleError(CallFailure::Unavailable),
        "the connection was lost 6 times in a row: Handle: ",
    );
}

#[test]
fn errors_end_a_program_that_is_saved() {
    for (behaviour, message) in [
        (Behaviour::SuspendHangs, "Suspend: no answer within 300ms"),
        (Behaviour::LargeSnapshot, "Snapshot: "),
        (Behaviour::Refuse, "refuses the program"),
    ] {
        let failure = run(async {
            let server = listen(behaviour.clone(), None).await;
            let services = start_quick(&server).await;
            let mut program = Program::start(&services, "bad").await;
            program.put(Domain::Call, b"x");
            crate::harness::chain(&program.save().await.unwrap_err())
        });
        assert!(failure.contains(message), "{behaviour:?}: {failure}");
    }
}

#[test]
fn the_stream_may_end() {
    run(async {
        let server = listen(Behaviour::StreamEnds, None).await;
        let services = start(&[], &[&server.target()]).await;
        let mut program = Program::start(&services, "bad").await;
        program.call(b"1").await;
        assert_eq!(program.reply().await, b"1");
        program.call(b"2").await;
        program.until(|| true).await;
        program.save().await.unwrap();
    });
}

#[test]
fn what_comes_while_a_program_is_saved_is_kept() {
    run(async {
        let server = listen(Behaviour::Good, None).await;
        let services = start(&[], &[&server.target()]).await;
        let mut program = Program::start(&services, "bad").await;
        program.put(Domain::Call, b"1");
        // What the server has got to keep is the reply, as it came.
        let snapshot = program.save().await.unwrap();
        let reply = [&[9, 0, 0, 0, 3, 0, 0, 0][..], b"1"].concat();
        assert!(snapshot.windows(reply.len()).any(|window| window == reply), "{snapshot:?}");
    });
}

#[test]
fn a_server_is_told_who_the_program_is() {
    run(async {
        let server = listen(Behaviour::Tell, None).await;
        let services = start(&[], &[&server.target()]).await;
        let mut program = Program::start(&services, "private").await;
        program.call(b"").await;
        let found = String::from_utf8(program.reply().await).unwrap();
        let expected = "CreateRequest { service_name: \"private\", config: Some(InstanceConfig { max_send_size: 65536, process_key: [9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9], principal_id: \"local\", instance_uuid: [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7] }), snapshot: [] }";
        assert_eq!(found, expected);
    });
}

#[test]
fn instances_are_shut_down() {
    run(async {
        let server = listen(Behaviour::Good, None).await;
        let services = start(&[], &[&server.target()]).await;
        let count = || server.shutdowns.load(Ordering::Relaxed);
        let mut program = Program::start(&services, "bad").await;
        program.call(b"1").await;
        program.reply().await;
        program.close().await;
        assert_eq!(count(), 1);
        // Dropped, which takes a moment.
        let mut program = Program::start(&services, "bad").await;
        program.call(b"1").await;
        program.reply().await;
        drop(program);
        while count() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Dropped while it was being made.
        let mut program = Program::start(&services, "bad").await;
        program.put(Domain::Call, b"1");
        program.until(|| true).await;
        drop(program);
        while count() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // One that was not used is not made, and one that was saved is gone.
        let unused = Program::start(&services, "bad").await;
        unused.close().await;
        let mut program = Program::start(&services, "bad").await;
        program.call(b"1").await;
        program.reply().await;
        program.save().await.unwrap();
        program.close().await;
        assert_eq!((count(), server.creates.load(Ordering::Relaxed)), (3, 4));
    });
}
