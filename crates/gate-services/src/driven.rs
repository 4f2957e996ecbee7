//! A service in the hands of a test.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use gate_packet::{Code, Domain, MAX_SIZE, Packet, encode};
use gate_service::{Client, Config, Factory, Failure, Outbox, Registry, Scope, Service};

/// The code of the service.
const CODE: u16 = 5;

/// A service, and a program that always takes what it sends.
pub(crate) struct Driven {
    service: Box<dyn Service>,
    /// What was just sent.
    sent: Vec<u8>,
    /// What was sent before.
    received: VecDeque<Received>,
}

/// A packet of the service: its domain, index, and content.
type Received = (Domain, u8, Vec<u8>);

/// A program of this principal.
pub(crate) fn client(principal: Option<&str>) -> Client {
    Client {
        principal: principal.map(str::to_owned),
        instance: None,
        process_key: [7; 16],
        scope: Scope::new([]),
        system_user: None,
    }
}

impl Driven {
    /// A service as `factory` makes it for `client`.
    pub(crate) async fn new(
        factory: &dyn Factory,
        client: Arc<Client>,
        registry: Registry,
        snapshot: &[u8],
    ) -> Result<Self, Failure> {
        let config = Config { client, registry: Arc::new(registry), code: CODE, max_send_size: MAX_SIZE };
        let service = factory.create(config, snapshot.to_vec()).await?;
        Ok(Self { service, sent: Vec::new(), received: VecDeque::new() })
    }

    /// The same for a program of nobody.
    pub(crate) async fn start(factory: &dyn Factory, snapshot: &[u8]) -> Result<Self, Failure> {
        Self::new(factory, Arc::new(client(None)), Registry::new(), snapshot).await
    }

    /// Has a packet handled as soon as the service is ready for it.
    pub(crate) async fn send(&mut self, domain: Domain, content: &[u8]) -> Result<(), Failure> {
        poll_fn(|context| {
            let is_ready = self.service.poll_ready(context);
            if is_ready.is_pending()
                && let Err(failure) = self.poll(context)
            {
                return Poll::Ready(Err(failure));
            }
            is_ready
        })
        .await?;
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, Code::Service(CODE), domain, 0, content).expect("it is not too long");
        let packet = Packet::split_first(&bytes).expect("we made it").expect("it is whole").0;
        self.service.handle(&packet, &mut Outbox::new(&mut self.sent, CODE))
    }

    /// Makes a call, and waits for the next reply.
    pub(crate) async fn call(&mut self, content: &[u8]) -> Result<Vec<u8>, Failure> {
        self.send(Domain::Call, content).await?;
        self.reply().await
    }

    /// Waits for the next reply, which must be to the oldest call.
    pub(crate) async fn reply(&mut self) -> Result<Vec<u8>, Failure> {
        let (domain, index, content) = self.next().await?;
        assert_eq!((domain, index), (Domain::Call, 0));
        Ok(content)
    }

    /// Waits for the next packet of the service.
    pub(crate) async fn next(&mut self) -> Result<Received, Failure> {
        poll_fn(|context| match self.poll_next(context) {
            Ok(Some(packet)) => Poll::Ready(Ok(packet)),
            Ok(None) => Poll::Pending,
            Err(failure) => Poll::Ready(Err(failure)),
        })
        .await
    }

    /// What the service has sent next, if there is anything now.
    pub(crate) async fn try_next(&mut self) -> Result<Option<Received>, Failure> {
        poll_fn(|context| Poll::Ready(self.poll_next(context))).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Result<Option<Received>, Failure> {
        self.poll(context)?;
        Ok(self.received.pop_front())
    }

    /// Polls the service until it has nothing more to send, or waits for something.
    fn poll(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        loop {
            self.service.poll(context, &mut Outbox::new(&mut self.sent, CODE))?;
            if self.sent.is_empty() {
                return Ok(());
            }
            let mut rest = self.sent.as_slice();
            while let Some((packet, behind)) = Packet::split_first(rest).expect("services make packets") {
                assert_eq!(packet.code(), Code::Service(CODE));
                self.received.push_back((packet.domain(), packet.index(), packet.content().to_vec()));
                rest = behind;
            }
            assert!(rest.is_empty(), "services make whole packets");
            self.sent.clear();
        }
    }

    /// What the service keeps.
    pub(crate) async fn save(&mut self) -> Vec<u8> {
        self.service.save().await.expect("nothing fails")
    }
}
