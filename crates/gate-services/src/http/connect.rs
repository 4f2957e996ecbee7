//! Connections to servers.
//!
//! Every program has connections of its own. If they were shared, one that does not read its responses could keep others from
//! getting theirs over the same connection of HTTP/2.

use std::error::Error;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;
use rustls::ClientConfig;
use tokio::sync::{OnceCell, Semaphore, oneshot};

use super::address::is_public;
use super::message::ErrorNumber;
use super::policy::Reach;
use crate::tls;

/// How long connecting to a server can take, with all its addresses.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a connection waits for another request.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How many connections to one host wait for another request.
const POOL_CONNECTIONS: usize = 4;

/// How much HTTP/2 lets a server send before the program has read it, in bytes, per stream and per connection. At 50 ms of distance, a
/// stream moves 10 MB/s with it.
const STREAM_WINDOW: u32 = 512 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// How many names are resolved at once in one host process: each occupies a thread, and nothing can end it early.
const MAX_RESOLVING: usize = 64;

/// How many of them can be those of one program, which may know names that take their time.
const MAX_RESOLVING_OF_PROGRAM: usize = 4;

/// How much of the headers of a response HTTP/2 lets a server send, in bytes: what a packet can hold.
const MAX_HEADERS_BYTES: u32 = gate_packet::MAX_SIZE;

/// What the programs of a host share.
#[derive(Debug)]
pub(super) struct Network {
    /// `None` for those of the system.
    authorities: Option<Vec<Vec<u8>>>,
    tls: OnceCell<ClientConfig>,
    resolving: Arc<Semaphore>,
}

impl Network {
    pub(super) fn new(authorities: Option<Vec<Vec<u8>>>) -> Self {
        Self { authorities, tls: OnceCell::new(), resolving: Arc::new(Semaphore::new(MAX_RESOLVING)) }
    }

    async fn tls(&self) -> &ClientConfig {
        let config = || tls::client_config(self.authorities.clone(), &["h2", "http/1.1"]);
        self.tls.get_or_init(config).await
    }
}

/// The connections of one program.
#[derive(Debug)]
pub(super) struct Connections {
    network: Arc<Network>,
    resolving: Arc<Semaphore>,
    /// Apart from each other, so that a connection that was made to a private address is not used where that is not allowed.
    public: OnceLock<reqwest::Client>,
    all: OnceLock<reqwest::Client>,
}

impl Connections {
    pub(super) fn new(network: Arc<Network>) -> Self {
        let resolving = Arc::new(Semaphore::new(MAX_RESOLVING_OF_PROGRAM));
        Self { network, resolving, public: OnceLock::new(), all: OnceLock::new() }
    }

    /// Sends a request, and returns the response when its head is there.
    pub(super) async fn send(
        &self,
        request: reqwest::Request,
        reach: Reach,
    ) -> Result<reqwest::Response, ErrorNumber> {
        let tls = self.network.tls().await;
        let place = match reach {
            Reach::Public => &self.public,
            Reach::All => &self.all,
        };
        let client = match place.get() {
            Some(client) => client,
            None => {
                let permits = [&self.resolving, &self.network.resolving].map(Arc::clone);
                let resolver = Resolver { reach, permits };
                let client = client(tls, resolver).map_err(|error| classify(&error))?;
                place.get_or_init(|| client)
            }
        };
        client.execute(request).await.map_err(|error| classify(&error))
    }
}

fn client(tls: &ClientConfig, resolver: Resolver) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .dns_resolver(resolver)
        // The environment of the host does not say where its programs can connect to.
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_CONNECTIONS)
        .http2_max_header_list_size(MAX_HEADERS_BYTES)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .build()
}

/// Resolves names to addresses that are allowed.
struct Resolver {
    reach: Reach,
    /// Of the program, and of all.
    permits: [Arc<Semaphore>; 2],
}

/// The name has addresses, but none is allowed.
#[derive(Debug, thiserror::Error)]
#[error("the host has only addresses of private networks")]
struct PrivateError;

impl Resolve for Resolver {
    /// What this returns is what is connected to: a name that leads elsewhere a moment later makes no difference.
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, [program, all]) = (self.reach, self.permits.clone());
        Box::pin(async move {
            let permits = (program.acquire_owned().await?, all.acquire_owned().await?);
            let (sender, resolved) = oneshot::channel();
            // Not one of the runtime's: that would wait for it at its end, and it can take long.
            thread::Builder::new().name("resolver".to_owned()).spawn(move || {
                let addresses = (name.as_str(), 0).to_socket_addrs();
                // Nobody may be waiting any more.
                let _ = sender.send(addresses.map(Iterator::collect::<Vec<SocketAddr>>));
                drop(permits);
            })?;
            let mut addresses = resolved.await??;
            if reach == Reach::Public {
                let found = addresses.len();
                addresses.retain(|address| is_public(address.ip()));
                if addresses.is_empty() && found > 0 {
                    return Err(PrivateError.into());
                }
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// What to tell the program of an error.
pub(super) fn classify(error: &reqwest::Error) -> ErrorNumber {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<PrivateError>() {
            return ErrorNumber::PrivateAddress;
        }
        if error.is::<rustls::Error>() {
            return ErrorNumber::Tls;
        }
        // What is in an error of I/O is not its source.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    if error.is_timeout() {
        ErrorNumber::Timeout
    } else if error.is_dns() {
        ErrorNumber::Name
    } else if error.is_connect() {
        ErrorNumber::Connect
    } else {
        ErrorNumber::Broken
    }
}
