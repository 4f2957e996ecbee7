//! A host on the internet, for tests: it answers requests of HTTP/1.1, and of HTTP/2 over TLS.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::{BodyExt, Either, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

type Body = Either<Incoming, Either<Full<Bytes>, Empty<Bytes>>>;

/// A server that stops when this is dropped.
pub(crate) struct Host {
    /// Where it is.
    pub(crate) port: u16,
    /// The certificate that it shows, in DER, if it is one of https.
    pub(crate) certificate: Vec<u8>,
    requests: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Host {
    /// How many requests it has got.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// A URL of it.
    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.certificate.is_empty() { "http" } else { "https" };
        format!("{scheme}://localhost:{}{path}", self.port)
    }

    /// One of http.
    pub(crate) async fn http() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&counter), false));
            }
        });
        Self { port, certificate: Vec::new(), requests, task: task.abort_handle() }
    }

    /// One of https, named `localhost`, that prefers this protocol.
    pub(crate) async fn https(protocol: &str) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let is_http2 = protocol == "h2";
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counter) = (acceptor.clone(), Arc::clone(&counter));
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, counter, is_http2).await;
                    }
                });
            }
        });
        Self { port, certificate: cert.der().to_vec(), requests, task: task.abort_handle() }
    }

    /// One of http at a socket with this path.
    pub(crate) fn unix(path: &std::path::Path) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&counter), false));
            }
        });
        Self { port: 0, certificate: Vec::new(), requests, task: task.abort_handle() }
    }

    /// One that answers anything with these bytes, and closes the connection.
    pub(crate) async fn raw(answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let _ = stream.read(&mut [0; 4096]).await;
                    let _ = stream.write_all(answer).await;
                });
            }
        });
        Self { port, certificate: Vec::new(), requests: Arc::default(), task: task.abort_handle() }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    requests: Arc<AtomicUsize>,
    is_http2: bool,
) {
    let stream = TokioIo::new(stream);
    let service = service_fn(move |request| {
        requests.fetch_add(1, Ordering::SeqCst);
        answer(request)
    });
    // How a connection ends is up to the client.
    let _ = if is_http2 {
        http2::Builder::new(TokioExecutor::new())
            .auto_date_header(false)
            .serve_connection(stream, service)
            .await
    } else {
        http1::Builder::new().auto_date_header(false).serve_connection(stream, service).await
    };
}

/// Byte number `position` of the body at `/bytes/…`.
pub(crate) fn byte_at(position: usize) -> u8 {
    u8::try_from(position % 251).unwrap()
}

/// | Path | Answer |
/// |---|---|
/// | `/head` | method, target and headers of the request, as text |
/// | `/echo` | the body of the request, while it comes |
/// | `/bytes/N` | N bytes |
/// | `/redirect` | 302 |
/// | `/headers/N` | N headers of 100 bytes |
/// | `/early` | 413, without reading the body of the request |
/// | `/never` | none |
/// | `/length` | how long the body of the request was |
async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path().to_owned();
    let (_, name) = path.split_at(1);
    let (name, number) = name.split_once('/').unwrap_or((name, "0"));
    let number: usize = number.parse().unwrap_or(0);
    let full = |text: Vec<u8>| Either::Right(Either::Left(Full::new(Bytes::from(text))));
    let mut response = Response::new(Either::Right(Either::Right(Empty::new())));
    match name {
        "head" => {
            let target = request.uri().path_and_query().map_or("", |target| target.as_str());
            let authority = request.uri().authority().map_or("", |authority| authority.as_str());
            let mut text = format!("{} {target} {authority}\n", request.method());
            for (name, value) in request.headers() {
                text.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
            }
            *response.body_mut() = full(text.into_bytes());
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        }
        "echo" => {
            if let Some(kind) = request.headers().get(CONTENT_TYPE) {
                response.headers_mut().insert(CONTENT_TYPE, kind.clone());
            }
            *response.body_mut() = Either::Left(request.into_body());
        }
        "bytes" => *response.body_mut() = full((0..number).map(byte_at).collect()),
        "redirect" => {
            *response.status_mut() = StatusCode::FOUND;
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("http://169.254.169.254/"));
        }
        "headers" => {
            for _ in 0..number {
                response.headers_mut().append("x-many", HeaderValue::from_bytes(&[b'v'; 94]).unwrap());
            }
        }
        "early" => *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE,
        "never" => std::future::pending().await,
        "length" => {
            let body = request.into_body().collect().await;
            let text = body.map_or("cut".to_owned(), |body| body.to_bytes().len().to_string());
            *response.body_mut() = full(text.into_bytes());
        }
        _ => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    Ok(response)
}
