//! The services that a program can discover, and the runtime that they live in.

mod config;
mod notices;

use std::sync::Arc;

use anyhow::{Context, Result};
use gate_runtime::Services;
use gate_service::{Client, Factory, Registry, Scope};
use gate_services::http::{self, Http};
use gate_services::kv::{self, Kv, Store};
use gate_services::localhost::{self, Localhost};
use gate_services::origin::{self, Connection, Connector, Origin};
use gate_services::shell::Shell;
use gate_services::{catalog, identity, log, random, scope};
use tokio::runtime::{Builder, Runtime};

use self::config::Config;
use self::notices::Notices;
use crate::failure::Failure;
use crate::options::RunOptions;
use crate::standard::Standard;
use crate::{exit, module};

/// Whom programs belong to that a user runs on their own machine.
const PRINCIPAL: &str = "local";

/// What serves one program, in all its processes.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) services: Services,
    /// Of standard input and output. Dropping it would close it.
    _connection: Option<Connection>,
    /// Those of other programs, until they are closed.
    grpc: Option<gate_grpc::Services>,
    runtime: Runtime,
}

impl Host {
    /// The services that the options ask for.
    pub(crate) fn new(options: &RunOptions) -> Result<Self, Failure> {
        let config =
            Config::parse(&options.service).map_err(|message| Failure::failed(exit::USAGE, message))?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot wait for anything")
            .map_err(|error| Failure::host(&error))?;
        let made = runtime.block_on(async {
            let connector = Connector::new();
            let connection = connect(options, &connector)?;
            let mut factories = built_in(&config, connector)?;
            let grpc = external(options).await?;
            factories.extend(grpc.iter().flat_map(gate_grpc::Services::factories));
            anyhow::Ok((services(&config, factories)?, connection, grpc))
        });
        let (services, connection, grpc) = made.map_err(|error| Failure::host(&error))?;
        Ok(Self { services, _connection: connection, grpc, runtime })
    }

    /// Runs `future` to its end, and serves the program meanwhile.
    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Commands get the time to end that they are allowed.
        if let Some(grpc) = self.grpc.take() {
            self.runtime.block_on(grpc.close());
        }
    }
}

/// Makes standard input and output the first connection that the program accepts, or that it has accepted before it was written
/// down; none if the module comes from standard input.
fn connect(options: &RunOptions, connector: &Connector) -> Result<Option<Connection>> {
    if module::is_stdin(options.module()) {
        return Ok(None);
    }
    let input = Standard::input(std::io::stdin()).context("cannot use standard input")?;
    let output = Standard::output(std::io::stdout()).context("cannot use standard output")?;
    Ok(Some(connector.adopt(input, output)))
}

fn built_in(config: &Config, connector: Connector) -> Result<Vec<Arc<dyn Factory>>> {
    let limits = origin::Limits {
        max_connections: config.origin_connections,
        buffer_size: config.origin_buffer_bytes,
    };
    let mut factories: Vec<Arc<dyn Factory>> = vec![
        Arc::new(catalog::Catalog),
        Arc::new(identity::Identity),
        Arc::new(Origin::new(limits, connector)),
        Arc::new(random::Random { bits_per_minute: config.random_bits_per_minute }),
        Arc::new(scope::Scope),
    ];
    let limits = log::Limits {
        lines_per_second: config.log_lines_per_second,
        burst_lines: log::DEFAULT_BURST_LINES,
        bytes_per_second: log::DEFAULT_BYTES_PER_SECOND,
        burst_bytes: log::DEFAULT_BURST_BYTES,
    };
    factories.push(Arc::new(log::Log::new(Arc::new(Notices), limits)));
    if !config.http.rules.is_empty() {
        factories.push(Arc::new(Http::new(http::Config::new(config.http.clone()))));
    }
    if let Some(address) = &config.localhost {
        factories.push(Arc::new(Localhost::new(address.clone(), localhost::DEFAULT_TIMEOUT, None)));
    }
    if config.shell {
        factories.push(Arc::new(Shell::new()));
    }
    if let Some(path) = &config.kv_file {
        let limits = kv::Limits {
            keys_per_principal: kv::DEFAULT_KEYS_PER_PRINCIPAL,
            bytes_per_principal: kv::DEFAULT_BYTES_PER_PRINCIPAL,
            total_bytes: kv::DEFAULT_TOTAL_BYTES,
        };
        let store = Store::open(path, limits, Box::new(notices::storage))?;
        factories.push(Arc::new(Kv::new(store)));
    }
    Ok(factories)
}

/// The services of other programs.
async fn external(options: &RunOptions) -> Result<Option<gate_grpc::Services>> {
    if options.grpc.is_empty() && options.grpc_command.is_empty() {
        return Ok(None);
    }
    let config = gate_grpc::Config {
        commands: options.grpc_command.clone(),
        targets: options.grpc.clone(),
        timeouts: gate_grpc::Timeouts::USUAL,
        log: Arc::new(Notices),
    };
    Ok(Some(gate_grpc::Services::start(config).await?))
}

fn services(config: &Config, factories: Vec<Arc<dyn Factory>>) -> Result<Services> {
    let mut registry = Registry::new();
    for factory in factories {
        registry.register(factory)?;
    }
    let granted = config.shell.then(|| scope::SYSTEM.to_owned());
    let client = Client {
        principal: Some(PRINCIPAL.to_owned()),
        instance: Some(*uuid::Builder::from_random_bytes(random_bytes()?).as_uuid().as_bytes()),
        process_key: random_bytes()?,
        scope: Scope::new(granted),
        system_user: config.shell.then(|| rustix::process::geteuid().as_raw()),
    };
    Ok(Services { registry: Arc::new(registry), client: Arc::new(client) })
}

fn random_bytes() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("cannot get random bytes: {error}"))?;
    Ok(bytes)
}
