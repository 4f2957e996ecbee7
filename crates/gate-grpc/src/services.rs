//! All servers, from their start to their end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use gate_service::Factory;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::command::Ending;
use crate::config::{CommandLine, Config, Event, Log, Target, Timeouts};
use crate::error::{ServerError, StartError};
use crate::factory::GrpcFactory;
use crate::proto;
use crate::server::{Origin, Server};

/// The services of all servers.
///
/// Dropping it, and its factories and their services, ends the connections and tells the commands to end. [`Services::close`] waits for that.
pub struct Services {
    factories: Vec<Arc<GrpcFactory>>,
    /// Dropped to stop the commands.
    stop: watch::Sender<()>,
    /// Ends when all commands have.
    running: mpsc::Receiver<()>,
}

/// A server, and its services; or why there is none.
type Started = Result<(Arc<Server>, Vec<proto::Service>), Arc<ServerError>>;

/// A server that is being started.
struct Starting {
    text: String,
    is_optional: bool,
    task: JoinHandle<Started>,
}

impl Services {
    /// Starts the commands, connects to the targets, and asks them what services they have; all at the same time.
    ///
    /// # Errors
    /// [`StartError`], when something makes no sense, or a server cannot be used that is not optional.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let mut origins = Vec::new();
        for command in config.commands {
            match command.parse::<CommandLine>() {
                Ok(line) => origins.push((command, Origin::Command(line), false)),
                Err(source) => return Err(StartError::Command { command, source }),
            }
        }
        for target in config.targets {
            match target.parse::<Target>() {
                Ok(parsed) => {
                    let is_optional = parsed.optional;
                    origins.push((target, Origin::Target(parsed), is_optional));
                }
                Err(source) => return Err(StartError::Target { target, source }),
            }
        }

        let (stop, stopped) = watch::channel(());
        let (running, ended) = mpsc::channel(1);
        let ending = Ending { stop: stopped, running, limit: config.timeouts.stop };
        let starting: Vec<Starting> = origins
            .into_iter()
            .map(|(text, origin, is_optional)| {
                start_server(text, origin, is_optional, config.timeouts, &config.log, &ending)
            })
            .collect();
        // What is running has clones.
        drop(ending);
        let mut services = Self { factories: Vec::new(), stop, running: ended };
        match services.add(starting, &*config.log).await {
            Ok(()) => Ok(services),
            Err(error) => {
                services.close().await;
                Err(error)
            }
        }
    }

    async fn add(&mut self, starting: Vec<Starting>, log: &dyn Log) -> Result<(), StartError> {
        let mut offered: BTreeMap<String, String> = BTreeMap::new();
        let mut failed = None;
        for Starting { text, is_optional, task } in starting {
            if failed.is_some() {
                task.abort();
                continue;
            }
            let started = task.await.unwrap_or_else(|_| Err(Arc::new(ServerError::Closed)));
            match started {
                Ok((server, list)) => {
                    for service in list {
                        if let Some(first) = offered.insert(service.name.clone(), text.clone()) {
                            let name = service.name.clone();
                            failed = Some(StartError::Duplicate { name, first, second: text.clone() });
                            break;
                        }
                        self.factories.push(Arc::new(GrpcFactory::new(&server, service)));
                    }
                }
                Err(error) if is_optional => log.log(&Event::Skipped { target: &text, error: &error }),
                Err(source) => failed = Some(StartError::Server { server: text, source }),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// One for each service, in the order of the configuration.
    pub fn factories(&self) -> impl Iterator<Item = Arc<dyn Factory>> {
        self.factories.iter().map(|factory| Arc::clone(factory) as Arc<dyn Factory>)
    }

    /// Ends the connections, and tells the commands to end; waits until they have, and kills those that take too long.
    pub async fn close(self) {
        let Self { factories, stop, mut running } = self;
        for factory in &factories {
            factory.server().stop();
        }
        drop(factories);
        drop(stop);
        // Nothing is ever sent: this is the end of the last sender.
        while running.recv().await.is_some() {}
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.factories.iter().map(|factory| factory.properties().name);
        f.debug_list().entries(names).finish()
    }
}

fn start_server(
    text: String,
    origin: Origin,
    is_optional: bool,
    timeouts: Timeouts,
    log: &Arc<dyn Log>,
    ending: &Ending,
) -> Starting {
    let (log, ending) = (Arc::clone(log), ending.clone());
    let task = tokio::spawn(Server::start(text.clone(), origin, timeouts, log, ending));
    Starting { text, is_optional, task }
}
