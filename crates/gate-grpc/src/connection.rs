//! One connection to a server: HTTP/2 over a socket, with TLS or without.
//!
//! An instance lives as long as the connection on which it was made, so connections are told apart here, and none is ever replaced behind the
//! back of those who use it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tonic::body::Body;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tower::ServiceExt;
use tower::util::MapResponse;

use crate::config::{Address, Security, Target};
use crate::error::{CallError, ServerError};
use crate::limits::{
    CONNECTION_WINDOW, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, MAX_MESSAGE, MAX_SERVICES, STREAM_WINDOW,
};
use crate::proto::health::health_check_response::ServingStatus;
use crate::proto::health::health_client::HealthClient;
use crate::proto::health::{HealthCheckRequest, HealthCheckResponse};
use crate::proto::root_client::RootClient;
use crate::proto::{self, InitRequest};

/// What calls go through.
pub(crate) type Client = MapResponse<Channel, fn(http::Response<Body>) -> http::Response<Body>>;

/// A connection. It lasts until all clones are dropped, or the other side ends it.
#[derive(Clone)]
pub(crate) struct Connection {
    client: Client,
    /// Has no sender any more when the socket is closed.
    open: watch::Receiver<()>,
    /// Whether it should not be used for anything new.
    retired: Arc<watch::Sender<bool>>,
}

impl Connection {
    /// Connects to a target, and asks what services there are.
    pub(crate) async fn to_target(target: &Target) -> Result<(Self, Vec<proto::Service>), ServerError> {
        let address = &target.address;
        let failed = |source| ServerError::Connect { address: address.to_string(), source };
        let (endpoint, security) = endpoint(target)?;
        let connection = match address {
            Address::Unix(path) => {
                let socket = UnixStream::connect(path).await.map_err(failed)?;
                Self::over(endpoint, socket).await
            }
            Address::Host { host, port } => {
                let socket = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
                socket.set_nodelay(true).map_err(failed)?;
                Self::over(endpoint, socket).await
            }
        };
        let connection = connection.map_err(|source| match security {
            Security::Tls { .. } => ServerError::Handshake { address: address.to_string(), source },
            Security::Insecure => ServerError::Setup { source },
        })?;
        let services = connection.greet().await?;
        Ok((connection, services))
    }

    /// Uses a socket that is connected to a server already, and asks what services there are.
    pub(crate) async fn over_socket(socket: UnixStream) -> Result<(Self, Vec<proto::Service>), ServerError> {
        let endpoint = Endpoint::from_static("http://localhost");
        let connection =
            Self::over(endpoint, socket).await.map_err(|source| ServerError::Setup { source })?;
        let services = connection.greet().await?;
        Ok((connection, services))
    }

    async fn over<T>(endpoint: Endpoint, socket: T) -> Result<Self, tonic::transport::Error>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (closing, open) = watch::channel(());
        let mut socket = Some(TokioIo::new(Socket { socket, _closing: closing }));
        let connector = tower::service_fn(move |_| {
            // Asked for a second time when the connection has ended, which is to be seen, and not to be mended.
            std::future::ready(socket.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)))
        });
        let channel = endpoint
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .connect_with_connector(connector)
            .await?;
        let client = channel.map_response(without_details as fn(_) -> _);
        Ok(Self { client, open, retired: Arc::new(watch::Sender::new(false)) })
    }

    /// What comes first on a connection.
    async fn greet(&self) -> Result<Vec<proto::Service>, ServerError> {
        let mut health = HealthClient::new(self.client());
        let request = HealthCheckRequest { service: String::new() };
        match health.check(request).await {
            Ok(answer) => judge_health(answer.get_ref())?,
            Err(status) => {
                let error = CallError::new("Check", &status);
                // Most servers know nothing of health, or not of the one of all services.
                if error.is_lost() {
                    return Err(ServerError::Greeting { source: error });
                }
            }
        }
        let mut root = RootClient::new(self.client()).max_decoding_message_size(MAX_MESSAGE);
        let answer = root
            .init(InitRequest {})
            .await
            .map_err(|status| ServerError::Greeting { source: CallError::new("Init", &status) })?;
        let mut services = answer.into_inner().services;
        services.truncate(MAX_SERVICES);
        Ok(services)
    }

    /// What calls go through.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Whether something new can be begun on it.
    pub(crate) fn is_usable(&self) -> bool {
        self.open.has_changed().is_ok() && !*self.retired.borrow()
    }

    /// Waits until nothing new can be begun on it.
    pub(crate) async fn unusable(&self) {
        let mut retired = self.retired.subscribe();
        tokio::select! {
            () = self.closed() => {}
            // The sender is in `self`.
            _ = retired.wait_for(|retired| *retired) => {}
        }
    }

    /// Waits until the socket is closed.
    pub(crate) async fn closed(&self) {
        let mut open = self.open.clone();
        // Nothing is ever sent.
        while open.changed().await.is_ok() {}
    }

    /// What has no sender any more when the socket is closed, and does not keep it open.
    pub(crate) fn end_watch(&self) -> watch::Receiver<()> {
        self.open.clone()
    }

    /// Finds out what an error of a call means for the connection: whether another one is made for what is new.
    pub(crate) fn judge(&self, error: CallError) -> CallError {
        let error = if self.open.has_changed().is_err() { error.and_lost() } else { error };
        if error.is_lost() {
            // It may be open still, if the server does not want to be asked any more.
            self.retired.send_replace(true);
        }
        error
    }
}

fn judge_health(answer: &HealthCheckResponse) -> Result<(), ServerError> {
    match answer.status() {
        ServingStatus::NotServing => Err(ServerError::NotServing),
        ServingStatus::Serving | ServingStatus::Unknown | ServingStatus::ServiceUnknown => Ok(()),
    }
}

fn endpoint(target: &Target) -> Result<(Endpoint, &Security), ServerError> {
    let scheme = match &target.security {
        Security::Insecure => "http",
        Security::Tls { .. } => "https",
    };
    let setup = |source| ServerError::Setup { source };
    let mut endpoint =
        Endpoint::from_shared(format!("{scheme}://{}", target.address.authority())).map_err(setup)?;
    if let Security::Tls { authorities } = &target.security {
        let tls = match authorities {
            None => ClientTlsConfig::new().with_native_roots(),
            Some(path) => {
                let pem = std::fs::read(path)
                    .map_err(|source| ServerError::Authorities { path: path.clone(), source })?;
                ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
            }
        };
        endpoint = endpoint.tls_config(tls).map_err(setup)?;
    }
    let endpoint = endpoint
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(false);
    Ok((endpoint, &target.security))
}

/// Takes the details of an error from a response: the client panics when they are not what they should be, and nobody looks at them.
fn without_details(response: http::Response<Body>) -> http::Response<Body> {
    const DETAILS: &str = "grpc-status-details-bin";
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(DETAILS);
    let body = body.map_frame(|mut frame| {
        if let Some(trailers) = frame.trailers_mut() {
            trailers.remove(DETAILS);
        }
        frame
    });
    http::Response::from_parts(parts, Body::new(body))
}

/// A socket that tells when it is closed.
struct Socket<T> {
    socket: T,
    _closing: watch::Sender<()>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Socket<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Socket<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
