//! One server, for as long as Gate runs: connected to, lost, and connected to again.
//!
//! ```text
//!              connected                     lost or retired
//!   Connecting ─────────▶ Connected ──────────────────────────▶ Waiting
//!       ▲  │ failed: again, later and later                        │
//!       │  └─┐                                                     │
//!       └────┴─────────────────────────────────────────────────────┘
//!                      a program needs it
//! ```
//!
//! One task goes through this; programs look at what it publishes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::command::{self, Ending};
use crate::config::{CommandLine, Event, Log, Target, Timeouts};
use crate::connection::Connection;
use crate::error::ServerError;
use crate::limits::{BACKOFF, STABLE};
use crate::proto;

/// How to get a connection.
#[derive(Debug)]
pub(crate) enum Origin {
    Command(CommandLine),
    Target(Target),
}

/// A server.
pub(crate) struct Server {
    timeouts: Timeouts,
    state: watch::Receiver<State>,
    /// Told when a program needs a connection.
    needed: Arc<Notify>,
    task: AbortHandle,
}

/// What the task publishes.
#[derive(Clone)]
enum State {
    Connected(Connection),
    /// There is no connection, perhaps because of that.
    Disconnected(Option<Arc<ServerError>>),
}

/// What the task works with.
struct Connector {
    text: String,
    origin: Origin,
    timeouts: Timeouts,
    log: Arc<dyn Log>,
    ending: Ending,
}

impl Server {
    /// Connects, and sees to it that there is a connection from then on. Returns the services that there are now, too.
    pub(crate) async fn start(
        text: String,
        origin: Origin,
        timeouts: Timeouts,
        log: Arc<dyn Log>,
        ending: Ending,
    ) -> Result<(Arc<Self>, Vec<proto::Service>), Arc<ServerError>> {
        let connector = Connector { text, origin, timeouts, log, ending };
        let (connection, services) = connector.connect().await?;
        let (publish, state) = watch::channel(State::Connected(connection.clone()));
        let needed = Arc::new(Notify::new());
        let names = services.iter().map(|service| service.name.clone()).collect();
        let task = tokio::spawn(connector.keep_connected(names, connection, publish, Arc::clone(&needed)));
        let server = Self { timeouts, state, needed, task: task.abort_handle() };
        Ok((Arc::new(server), services))
    }

    /// How long things may take.
    pub(crate) fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Does not connect again.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }

    /// A connection: the one that there is, or else the next one.
    pub(crate) async fn connection(&self) -> Result<Connection, Arc<ServerError>> {
        let mut state = self.state.clone();
        let limit = self.timeouts.reconnect;
        let connected = timeout(limit, async {
            loop {
                match &*state.borrow_and_update() {
                    State::Connected(connection) if connection.is_usable() => return Ok(connection.clone()),
                    State::Connected(_) | State::Disconnected(_) => self.needed.notify_one(),
                }
                state.changed().await.map_err(|_| Arc::new(ServerError::Closed))?;
            }
        });
        match connected.await {
            Ok(result) => result,
            Err(_) => match &*self.state.borrow() {
                State::Disconnected(Some(error)) => Err(Arc::clone(error)),
                State::Disconnected(None) | State::Connected(_) => {
                    Err(Arc::new(ServerError::Timeout { limit }))
                }
            },
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Connector {
    async fn connect(&self) -> Result<(Connection, Vec<proto::Service>), ServerError> {
        let limit = self.timeouts.start;
        let connecting = async {
            match &self.origin {
                Origin::Command(command) => {
                    command::start(&self.text, command, &self.log, &self.ending).await
                }
                Origin::Target(target) => Connection::to_target(target).await,
            }
        };
        timeout(limit, connecting).await.unwrap_or(Err(ServerError::Timeout { limit }))
    }

    /// As [`Connector::connect`], for a server that had these services before. A single one that it has not is for the programs to find.
    async fn connect_again(&self, names: &[String]) -> Result<Connection, ServerError> {
        let (connection, services) = self.connect().await?;
        if services.is_empty()
            && let Some(name) = names.first()
        {
            return Err(ServerError::ServiceGone { name: name.clone() });
        }
        Ok(connection)
    }

    async fn keep_connected(
        self,
        names: Vec<String>,
        mut connection: Connection,
        publish: watch::Sender<State>,
        needed: Arc<Notify>,
    ) {
        let (first, last) = BACKOFF;
        // Each program that waits sees some attempts.
        let last = last.min(self.timeouts.reconnect / 4).max(first);
        let mut pause = Duration::ZERO;
        loop {
            let since = Instant::now();
            connection.unusable().await;
            // Programs that use it have clones.
            publish.send_replace(State::Disconnected(None));
            drop(connection);
            self.log.log(&Event::Disconnected { server: &self.text });
            pause = if since.elapsed() >= STABLE { Duration::ZERO } else { longer(pause, first, last) };
            let mut failed = Instant::now();
            connection = loop {
                needed.notified().await;
                sleep_until(failed + pause).await;
                match self.connect_again(&names).await {
                    Ok(connection) => break connection,
                    Err(error) => {
                        self.log.log(&Event::Unreachable { server: &self.text, error: &error });
                        // Those who need it still are woken, and say so.
                        publish.send_replace(State::Disconnected(Some(Arc::new(error))));
                        pause = longer(pause, first, last);
                        failed = Instant::now();
                    }
                }
            };
            publish.send_replace(State::Connected(connection.clone()));
        }
    }
}

fn longer(pause: Duration, first: Duration, last: Duration) -> Duration {
    (pause * 2).clamp(first, last)
}
