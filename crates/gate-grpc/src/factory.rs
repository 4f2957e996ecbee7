//! Services of a server, as programs find them.

use std::sync::Arc;

use gate_service::{BoxFuture, Client, Config, Created, Factory, Failure, Properties, Service};

use crate::proto::{self, InstanceConfig};
use crate::saved::Kept;
use crate::server::Server;
use crate::session::{Place, Session};

/// A service of a server.
pub(crate) struct GrpcFactory {
    name: Arc<str>,
    revision: String,
    requires_principal: bool,
    server: Arc<Server>,
}

impl GrpcFactory {
    /// A service that `server` says it has.
    pub(crate) fn new(server: &Arc<Server>, service: proto::Service) -> Self {
        Self {
            name: service.name.into(),
            revision: service.revision,
            requires_principal: service.require_principal,
            server: Arc::clone(server),
        }
    }

    /// Its server.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }
}

impl Factory for GrpcFactory {
    fn properties(&self) -> Properties<'_> {
        Properties { name: &self.name, revision: &self.revision, has_streams: true }
    }

    fn is_discoverable(&self, client: &Client) -> bool {
        client.principal.is_some() || !self.requires_principal
    }

    fn create(&self, config: Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let client = &config.client;
        let place = Place {
            server: Arc::clone(&self.server),
            name: Arc::clone(&self.name),
            code: config.code,
            config: InstanceConfig {
                max_send_size: i32::try_from(config.max_send_size).unwrap_or(i32::MAX),
                process_key: client.process_key.to_vec(),
                principal_id: client.principal.clone().unwrap_or_default(),
                instance_uuid: client.instance.map(|uuid| uuid.to_vec()).unwrap_or_default(),
            },
        };
        Box::pin(async move {
            let kept = Kept::decode(snapshot, config.code)
                .map_err(|reason| Failure::Snapshot(format!("service {:?}: {reason}", place.name).into()))?;
            let mut session = Session::new(place, kept)?;
            session.begin().await?;
            Ok(Box::new(session) as Box<dyn Service>)
        })
    }
}
