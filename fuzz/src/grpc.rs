//! A service in another program: whatever its server sends, in whatever order, and whatever the program sends and its snapshot says.
//!
//! Server and client are in one thread, and talk through a socket of this process. Time is that of the clock, so a server that does not
//! answer, or ends its connection, costs milliseconds; most inputs have neither.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use arbitrary::Unstructured;
use gate_grpc::{Config, Event, Log, Services, Timeouts};
use gate_packet::{Code, Domain, Packet, encode};
use gate_service::conformance::{self, Script, Subject};
use gate_service::{Client, Factory, Failure, Outbox, Registry, Scope, Service};
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::runtime::Runtime;

use self::server::Server;

mod server;

/// The place of the service among those that the program has discovered.
const CODE: u16 = 3;

/// How often other tasks get their turn, so that the answer to a call comes, and what it leads to.
const TURNS: usize = 8;

/// How long things may take with a server that can be expected to do them. They do not take so long on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long with one that cannot. There is a pause of 100 ms before it is connected to again.
const HASTE: Timeouts = Timeouts {
    start: PATIENCE,
    call: Duration::from_millis(30),
    reconnect: Duration::from_millis(150),
    stop: Duration::from_millis(30),
};

/// How much the program is sent at most at once, in bytes.
const MAX_BURST_BYTES: usize = conformance::MAX_BURST_BYTES;

/// Nothing of a server can be more than a line.
struct Lines;

impl Log for Lines {
    fn log(&self, event: &Event<'_>) {
        assert!(
            !matches!(event, Event::Line { .. } | Event::Exited { .. }),
            "there is no command: {event:?}"
        );
    }
}

/// The service of a server that does what `script` says.
struct Setting {
    services: Services,
    _directory: TempDir,
}

impl Setting {
    async fn new(script: &[u8], timeouts: Timeouts) -> Self {
        let directory = TempDir::new().expect("there is room for a directory");
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).expect("nothing is there");
        tokio::spawn(Server::new(script).serve(listener));
        let targets = vec![format!("unix:{} insecure", path.display())];
        let config = Config { commands: Vec::new(), targets, timeouts, log: Arc::new(Lines) };
        let services = Services::start(config).await.expect("the beginning is not in the script");
        Self { services, _directory: directory }
    }

    fn factory(&self) -> Arc<dyn Factory> {
        let factory = self.services.factories().find(|factory| factory.properties().name == server::NAME);
        factory.expect("the server has it")
    }
}

/// The target.
///
/// # Panics
/// When a program is told that it is to blame for what a server has done, gets what is no packet or answers no call, or is not made again of
/// what was saved; or when the code under test panics.
pub fn run(data: &[u8]) {
    let (program, script) = data.split_at(data.len() / 2);
    let (snapshot, steps) = program.split_at(program.len() / 4);
    let kept = in_runtime(async {
        // With a server that is as it should be, the program can only blame itself.
        let setting = Setting::new(&[], Timeouts::USUAL).await;
        for data in [data, &[&[255], data].concat()] {
            let subject = Subject::new(setting.factory(), Script::new());
            conformance::fuzz(subject, data).await.unwrap_or_else(|breach| panic!("{breach:?}"));
        }
        Host::new(setting.factory()).kept().await
    });
    // What a client has kept, damaged: or nothing else would get past its first bytes.
    let mut damaged = kept;
    for (byte, damage) in damaged.iter_mut().rev().zip(snapshot) {
        *byte ^= damage & damage.rotate_left(3);
    }
    for snapshot in [&[], snapshot, &*damaged] {
        in_runtime(async {
            let setting = Setting::new(script, HASTE).await;
            Host::new(setting.factory()).run(snapshot, steps).await;
        });
    }
}

fn in_runtime<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime: Runtime = runtime.expect("a runtime can be made");
    let run = runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await });
    run.expect("nothing waits for ever")
}

/// A program that uses the service of a server that does anything.
struct Host {
    factory: Arc<dyn Factory>,
    /// How many calls are not answered.
    calls: usize,
    /// Whether there are no others. If the server has written a snapshot, it may know of calls that nobody else does: whoever keeps snapshots
    /// could have changed what is known of it.
    knows_all: bool,
}

impl Host {
    fn new(factory: Arc<dyn Factory>) -> Self {
        Self { factory, calls: 0, knows_all: true }
    }

    /// What is kept of a service that has packets in both directions on their way.
    async fn kept(&mut self) -> Vec<u8> {
        let mut service = self.create(Vec::new()).await.expect("the server is as it should be");
        for (domain, content) in [(Domain::Call, "one"), (Domain::Info, "two"), (Domain::Call, "three")] {
            self.send(&mut service, domain, content.as_bytes()).await.expect("it can be taken");
        }
        service.save().await.expect("the server is as it should be")
    }

    /// Runs until the service fails, which is its good right.
    async fn run(&mut self, snapshot: &[u8], steps: &[u8]) {
        self.knows_all = snapshot.is_empty();
        let result = self.try_run(snapshot.to_vec(), steps).await;
        match result {
            Ok(()) | Err(Failure::Service(_) | Failure::Snapshot(_)) => {}
            Err(failure @ Failure::Program(_)) => panic!("the program has done nothing wrong: {failure}"),
        }
    }

    async fn try_run(&mut self, snapshot: Vec<u8>, steps: &[u8]) -> Result<(), Failure> {
        let mut service = self.create(snapshot).await?;
        let mut u = Unstructured::new(steps);
        while !u.is_empty() {
            let op = u.arbitrary::<u8>().unwrap_or(0);
            let len = u.int_in_range(0..=40).unwrap_or(0);
            let content = u.bytes(len.min(u.len())).unwrap_or(&[]);
            match op % 16 {
                0..=5 => self.send(&mut service, Domain::Call, content).await?,
                6 => self.send(&mut service, Domain::Info, content).await?,
                7 => self.send(&mut service, Domain::Flow, &[content, &[0; 8]].concat()).await?,
                8 => self.send(&mut service, Domain::Data, &[&[0; 8], content].concat()).await?,
                9 => drop(self.save(&mut service).await?),
                10 => {
                    let snapshot = self.save(&mut service).await?;
                    drop(service);
                    service = self.create(snapshot).await?;
                }
                11 => {
                    service.close().await;
                    (self.calls, self.knows_all) = (0, true);
                    service = self.create(Vec::new()).await?;
                }
                _ => self.turns(&mut service).await?,
            }
        }
        self.turns(&mut service).await?;
        service.save().await?;
        service.close().await;
        Ok(())
    }

    async fn create(&self, snapshot: Vec<u8>) -> Result<Box<dyn Service>, Failure> {
        let client = Client {
            principal: None,
            instance: None,
            process_key: [1; 16],
            scope: Scope::new([]),
            system_user: None,
        };
        let (client, registry) = (Arc::new(client), Arc::new(Registry::new()));
        let max_send_size = gate_packet::MAX_SIZE;
        let config = gate_service::Config { client, registry, code: CODE, max_send_size };
        self.factory.create(config, snapshot).await
    }

    async fn save(&mut self, service: &mut Box<dyn Service>) -> Result<Vec<u8>, Failure> {
        let saved = service.save().await?;
        self.knows_all &= saved.is_empty();
        Ok(saved)
    }

    /// Sends a packet, if the service can take it.
    async fn send(
        &mut self,
        service: &mut Box<dyn Service>,
        domain: Domain,
        content: &[u8],
    ) -> Result<(), Failure> {
        // Multiples of the size of a flow.
        let content = if domain == Domain::Flow { &content[..content.len() & !7] } else { content };
        let ready = poll_fn(|context| Poll::Ready(service.poll_ready(context))).await;
        let Poll::Ready(ready) = ready else { return Ok(()) };
        ready?;
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, Code::Service(CODE), domain, 0, content).expect("it is short");
        let (packet, _) = Packet::split_first(&bytes).expect("we made it").expect("all of it is there");
        self.calls += usize::from(domain == Domain::Call);
        let mut out = Vec::new();
        service.handle(&packet, &mut Outbox::new(&mut out, CODE))?;
        self.receive(&out);
        Ok(())
    }

    /// Lets the service and its server go on.
    async fn turns(&mut self, service: &mut Box<dyn Service>) -> Result<(), Failure> {
        for _ in 0..TURNS {
            let mut out = Vec::new();
            poll_fn(|context| Poll::Ready(service.poll(context, &mut Outbox::new(&mut out, CODE)))).await?;
            self.receive(&out);
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Judges what the service has sent.
    fn receive(&mut self, mut bytes: &[u8]) {
        assert!(bytes.len() <= MAX_BURST_BYTES, "{} bytes at once", bytes.len());
        while let Some((packet, rest)) = Packet::split_first(bytes).expect("services send packets") {
            bytes = rest;
            assert_eq!(packet.code(), Code::Service(CODE));
            if packet.domain() == Domain::Call && self.knows_all {
                assert!(usize::from(packet.index()) < self.calls, "{} of {}", packet.index(), self.calls);
                self.calls -= 1;
            }
        }
        assert!(bytes.is_empty(), "services send whole packets");
    }
}

#[test]
fn smoke() {
    crate::driver::smoke(run, 200);
}
