//! Programs that use services, and the servers that have them.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use gate_grpc::{Config, Event, Log, Services, Timeouts};
use gate_packet::{Code, Domain, Packet, encode};
use gate_service::{Client, Factory, Failure, Outbox, Registry, Scope, Service};
use gate_testkit::process::{Program as Command, Running};

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// The place of the service among those that the program has discovered.
pub(crate) const CODE: u16 = 3;

/// Runs a test.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE, test).await.expect("in time") })
}

/// Keeps what is logged.
#[derive(Default)]
pub(crate) struct Events(Mutex<Vec<String>>);

impl Log for Events {
    fn log(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(match event {
            Event::Line { line, .. } => format!("line {line}"),
            Event::Exited { status, .. } => format!("exited {status}"),
            Event::Skipped { target, error } => format!("skipped {target} {}", chain(error)),
            Event::Disconnected { .. } => "disconnected".to_owned(),
            Event::Unreachable { error, .. } => format!("unreachable {}", chain(error)),
        });
    }
}

impl Events {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until something was logged.
    pub(crate) async fn wait(&self, part: &str) {
        while !self.all().iter().any(|event| event.contains(part)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// An error, and what it comes from.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += ": ";
        text += &error.to_string();
        source = error.source();
    }
    text
}

/// A configuration for tests: nothing takes long.
pub(crate) fn config(commands: &[&str], targets: &[&str], log: &Arc<Events>) -> Config {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    Config {
        commands: texts(commands),
        targets: texts(targets),
        timeouts: Timeouts { stop: Duration::from_secs(2), ..Timeouts::USUAL },
        log: Arc::<Events>::clone(log),
    }
}

/// Starts services.
pub(crate) async fn start(commands: &[&str], targets: &[&str]) -> Services {
    Services::start(config(commands, targets, &Arc::default())).await.unwrap()
}

/// The program with the services of `examples/services/rust`.
pub(crate) fn echo_path() -> PathBuf {
    gate_testkit::binaries::echo_service().unwrap()
}

/// A server that listens at a socket, and can be killed and started again.
pub(crate) struct EchoServer {
    directory: tempfile::TempDir,
    running: Option<Running>,
}

impl EchoServer {
    pub(crate) fn start() -> Self {
        let mut server = Self { directory: tempfile::tempdir().unwrap(), running: None };
        server.start_again();
        server
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    pub(crate) fn target(&self) -> String {
        format!("unix:{} insecure", self.path().display())
    }

    pub(crate) fn kill(&mut self) {
        self.running = None;
        std::fs::remove_file(self.path()).unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        self.running = Some(serve(&echo_path(), &[&format!("unix:{}", self.path().display())]));
    }
}

/// Starts a server, and waits until it listens.
pub(crate) fn serve(path: &Path, arguments: &[&str]) -> Running {
    let mut running = Command::new(path).args(arguments).start().unwrap();
    running.wait_for_stderr("listening at ", DEADLINE).unwrap();
    running.wait_for_stderr("\n", DEADLINE).unwrap();
    running
}

/// A program that uses a service.
pub(crate) struct Program {
    service: Box<dyn Service>,
    sent: Vec<u8>,
}

/// A packet that a program has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) domain: Domain,
    pub(crate) index: u8,
    pub(crate) content: Vec<u8>,
}

/// The owner of programs.
pub(crate) fn client() -> Client {
    Client {
        principal: Some("local".to_owned()),
        instance: Some([7; 16]),
        process_key: [9; 16],
        scope: Scope::new([]),
        system_user: None,
    }
}

/// The factory of a service.
pub(crate) fn find(services: &Services, name: &str) -> Arc<dyn Factory> {
    services.factories().find(|factory| factory.properties().name == name).expect("there is that service")
}

impl Program {
    pub(crate) async fn start(services: &Services, name: &str) -> Self {
        Self::resume(services, name, Vec::new()).await.unwrap()
    }

    pub(crate) async fn resume(services: &Services, name: &str, snapshot: Vec<u8>) -> Result<Self, Failure> {
        let config = gate_service::Config {
            client: Arc::new(client()),
            registry: Arc::new(Registry::new()),
            code: CODE,
            max_send_size: gate_packet::MAX_SIZE,
        };
        let service = find(services, name).create(config, snapshot).await?;
        Ok(Self { service, sent: Vec::new() })
    }

    /// Sends a packet, and does not let the service do anything about it.
    pub(crate) fn put(&mut self, domain: Domain, content: &[u8]) {
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, Code::Service(CODE), domain, 0, content).unwrap();
        let packet = Packet::split_first(&bytes).unwrap().unwrap().0;
        self.service.handle(&packet, &mut Outbox::new(&mut self.sent, CODE)).unwrap();
    }

    /// Sends a packet when the service is ready for it.
    pub(crate) async fn send(&mut self, domain: Domain, content: &[u8]) -> Result<(), Failure> {
        poll_fn(|context| {
            if let Err(failure) = self.service.poll(context, &mut Outbox::new(&mut self.sent, CODE)) {
                return Poll::Ready(Err(failure));
            }
            self.service.poll_ready(context)
        })
        .await?;
        self.put(domain, content);
        Ok(())
    }

    pub(crate) async fn call(&mut self, content: &[u8]) {
        self.send(Domain::Call, content).await.unwrap();
    }

    pub(crate) async fn info(&mut self, content: &[u8]) {
        self.send(Domain::Info, content).await.unwrap();
    }

    /// Waits for a packet.
    pub(crate) async fn next(&mut self) -> Result<Received, Failure> {
        poll_fn(|context| {
            if let Err(failure) = self.service.poll(context, &mut Outbox::new(&mut self.sent, CODE)) {
                return Poll::Ready(Err(failure));
            }
            match Packet::split_first(&self.sent).unwrap() {
                None => Poll::Pending,
                Some((packet, rest)) => {
                    assert_eq!(packet.code(), Code::Service(CODE));
                    let content = packet.content().to_vec();
                    let received = Received { domain: packet.domain(), index: packet.index(), content };
                    self.sent = rest.to_vec();
                    Poll::Ready(Ok(received))
                }
            }
        })
        .await
    }

    /// Waits for a reply to the oldest call.
    pub(crate) async fn reply(&mut self) -> Vec<u8> {
        let received = self.next().await.unwrap();
        assert_eq!((received.domain, received.index), (Domain::Call, 0));
        received.content
    }

    /// Waits for the failure of the service.
    pub(crate) async fn failure(&mut self) -> String {
        match self.next().await {
            Err(failure) => chain(&failure),
            Ok(received) => panic!("{received:?}"),
        }
    }

    /// Lets the service go on until something is so.
    pub(crate) async fn until(&mut self, is_so: impl Fn() -> bool) {
        loop {
            poll_fn(|context| {
                let polled = self.service.poll(context, &mut Outbox::new(&mut self.sent, CODE));
                Poll::Ready(polled)
            })
            .await
            .unwrap();
            if is_so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn save(&mut self) -> Result<Vec<u8>, Failure> {
        self.service.save().await
    }

    pub(crate) async fn close(self) {
        self.service.close().await;
    }
}

impl Program {
    /// How many packets the program has got and not looked at.
    pub(crate) fn buffered(&self) -> usize {
        let (mut rest, mut count) = (self.sent.as_slice(), 0);
        while let Some((_, behind)) = Packet::split_first(rest).unwrap() {
            rest = behind;
            count += 1;
        }
        count
    }
}

/// The processes that this test has started.
pub(crate) fn children() -> Vec<rustix::process::Pid> {
    let text = std::fs::read_to_string("/proc/thread-self/children").unwrap();
    let pids = text.split_whitespace().map(|pid| pid.parse().unwrap());
    pids.filter_map(rustix::process::Pid::from_raw).collect()
}
