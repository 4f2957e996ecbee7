//! `http`: requests to HTTP servers that the operator of the host allows.
//!
//! ```no_run
//! # use gate_guest::services::http::{Http, HttpError, Request};
//! async fn front_page(http: &Http) -> Result<Vec<u8>, HttpError> {
//!     let response = http.send(&Request::get("https://example.com/"), &[]).await?;
//!     response.body.read_to_end().await
//! }
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::{lossy, Reader, ServiceError};
use crate::gate::Gate;
use crate::service::{CallError, Service};
use crate::stream::state::Direction;
use crate::stream::{Chunk, Receiver, Sender, StreamError};

const NAME: &str = "http";

const REQUEST: u8 = 0;
const RESPONSE: u8 = 1;

/// The length of a request's body that is not known yet.
const UNKNOWN_LENGTH: u64 = u64::MAX;

/// Why there is no response, or not all of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// There is no reply that makes sense.
    Service(ServiceError),
    /// The service went away while the body was received.
    Stream(StreamError),
    /// Method, URL or a header is none, not allowed, or too long.
    Request,
    /// The operator does not allow this scheme, host or port.
    NotAllowed,
    /// The server is in a private network, which the operator does not allow.
    PrivateNetwork,
    /// Too many requests at once.
    TooMany,
    /// A body or head is larger than the operator allows.
    TooLarge,
    /// The server's name cannot be resolved.
    Name,
    /// There is no connection to the server.
    Connection,
    /// There is no secure connection to the server.
    Security,
    /// It took too long.
    Timeout,
    /// The connection broke, or the server does not speak HTTP, or the request's body was not as long as said.
    Broken,
    /// The program has given up the request.
    GivenUp,
    /// The program was continued in another place than where it made the request.
    Lost,
}

impl HttpError {
    fn from_number(number: i16) -> Self {
        match number {
            1 => Self::Request,
            2 => Self::NotAllowed,
            3 => Self::PrivateNetwork,
            4 => Self::TooMany,
            5 => Self::TooLarge,
            6 => Self::Name,
            7 => Self::Connection,
            8 => Self::Security,
            9 => Self::Timeout,
            10 => Self::Broken,
            11 => Self::GivenUp,
            12 => Self::Lost,
            number => Self::Service(ServiceError::Unknown { service: NAME, number }),
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service(error) => return error.fmt(f),
            Self::Stream(error) => return error.fmt(f),
            Self::Request => "method, URL or a header is none, not allowed, or too long",
            Self::NotAllowed => "this scheme, host or port is not allowed here",
            Self::PrivateNetwork => "the server is in a private network, which is not allowed here",
            Self::TooMany => "too many requests at once",
            Self::TooLarge => "a body or head is too large",
            Self::Name => "the server's name cannot be resolved",
            Self::Connection => "there is no connection to the server",
            Self::Security => "there is no secure connection to the server",
            Self::Timeout => "it took too long",
            Self::Broken => "the connection broke, or the server does not speak HTTP",
            Self::GivenUp => "the program has given up the request",
            Self::Lost => "the program was continued elsewhere than where it made the request",
        })
    }
}

#[cfg(feature = "std")]
impl std::error::Error for HttpError {}

impl From<CallError> for HttpError {
    fn from(error: CallError) -> Self {
        Self::Service(error.into())
    }
}

/// The head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Any but `CONNECT`.
    pub method: &'a str,
    /// Such as `https://example.com/path?query`.
    pub url: &'a str,
    /// Names and values. Those of the connection are not allowed; nor `Host` and `Content-Length`, which the service adds.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// How long it may take until the response has ended. `None`, or more than the operator allows: what that allows. In whole
    /// milliseconds, at least one.
    pub timeout: Option<Duration>,
}

impl<'a> Request<'a> {
    /// A request for a URL, without headers.
    #[must_use]
    pub fn get(url: &'a str) -> Self {
        Self { method: "GET", url, headers: &[], timeout: None }
    }
}

/// A request that is on its way.
#[derive(Debug)]
pub struct Exchange {
    service: Service,
    id: i32,
    /// Where the request's body goes, if it has one. [`Sender::close`] ends it.
    pub body: Option<Sender>,
    response: Receiver,
}

/// Names in lower case, and values.
pub type Headers = Vec<(String, Vec<u8>)>;

/// The response of a server.
#[derive(Debug)]
pub struct Response {
    /// 200 to 999.
    pub status: u16,
    /// In the order of arrival.
    pub headers: Headers,
    /// What follows.
    pub body: Body,
}

/// The body of a response. Dropping it gives up the rest.
#[derive(Debug)]
pub struct Body {
    receiver: Receiver,
}

/// Requests to HTTP servers.
#[derive(Clone, Debug)]
pub struct Http {
    service: Service,
}

impl Http {
    /// Asks for the service.
    #[must_use]
    pub fn new(gate: &Gate) -> Self {
        Self { service: gate.service(NAME) }
    }

    /// Sends a request with this body, and waits for the head of the response.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn send(&self, request: &Request<'_>, body: &[u8]) -> Result<Response, HttpError> {
        let len = u64::try_from(body.len()).unwrap_or(UNKNOWN_LENGTH);
        let mut exchange = self.begin(request, Some(len)).await?;
        if let Some(mut sender) = exchange.body.take() {
            match sender.write_all(body).await {
                // A server may respond before it has all of the request. Else the response tells what is wrong.
                Ok(()) | Err(StreamError::Closed) => {}
                Err(error) => return Err(HttpError::Stream(error)),
            }
        }
        exchange.response().await
    }

    /// Begins a request whose body of `len` bytes is sent afterwards. 0: it has none. `None`: how long it is shows at its end.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn begin(&self, request: &Request<'_>, len: Option<u64>) -> Result<Exchange, HttpError> {
        let len = len.unwrap_or(UNKNOWN_LENGTH);
        let direction = if len == 0 { Direction::Incoming } else { Direction::Both };
        let content = encode(request, len).ok_or(HttpError::Request)?;
        let mut call = self.service.start(&content).await?.opening(direction, |reply| match decode(reply) {
            Some((0, id)) => Some(id),
            _ => None,
        });
        let reply = call.reply().await?;
        let (service, id) = match decode(&reply) {
            Some((0, id)) if id >= 0 => (self.service.clone(), id),
            Some((0, _)) => return Err(NONSENSE),
            Some((number, _)) => return Err(HttpError::from_number(number)),
            None if reply.is_empty() => {
                return Err(HttpError::Service(ServiceError::Unsupported { service: NAME }))
            }
            None => return Err(NONSENSE),
        };
        let (response, body) = match direction {
            Direction::Incoming => (service.receiver(id), None),
            Direction::Both => {
                let (receiver, sender) = service.stream(id).split();
                (receiver, Some(sender))
            }
        };
        Ok(Exchange { service, id, body, response })
    }
}

impl Exchange {
    /// Waits for the head of the response. The body of the request ends if it is still there; take it out of this value
    /// to go on sending.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn response(self) -> Result<Response, HttpError> {
        drop(self.body);
        let mut content = Vec::from([RESPONSE, 0, 0, 0]);
        content.extend_from_slice(&self.id.to_le_bytes());
        let reply = self.service.call(&content).await?;
        let mut reply = Reader(&reply);
        match reply.i16().ok_or(NONSENSE)? {
            0 => {}
            number => return Err(HttpError::from_number(number)),
        }
        let (status, headers) = decode_head(reply).ok_or(NONSENSE)?;
        Ok(Response { status, headers, body: Body { receiver: self.response } })
    }
}

impl Body {
    /// Waits for some of it. `None` at the end. If the future is dropped before it is ready, nothing is lost.
    ///
    /// # Errors
    /// [`HttpError`] if that was not all.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        match self.receiver.chunk().await.map_err(HttpError::Stream)? {
            Some(Chunk { bytes, .. }) => Ok(Some(bytes)),
            None => match self.receiver.end_note() {
                None | Some(0) => Ok(None),
                Some(number) => Err(HttpError::from_number(i16::try_from(number).unwrap_or(i16::MAX))),
            },
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// [`HttpError`] if there is not all of it.
    pub async fn read_to_end(mut self) -> Result<Vec<u8>, HttpError> {
        let mut all = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }
}

const NONSENSE: HttpError = HttpError::Service(ServiceError::Reply { service: NAME });

/// `None` if something does not fit into its field.
fn encode(request: &Request<'_>, len: u64) -> Option<Vec<u8>> {
    let Request { method, url, headers, timeout } = *request;
    let timeout = timeout.map_or(0, |time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX).max(1));
    let mut content = Vec::from([REQUEST, u8::try_from(method.len()).ok()?]);
    content.extend_from_slice(&u16::try_from(url.len()).ok()?.to_le_bytes());
    content.extend_from_slice(&u16::try_from(headers.len()).ok()?.to_le_bytes());
    content.extend_from_slice(&[0; 2]);
    content.extend_from_slice(&len.to_le_bytes());
    content.extend_from_slice(&timeout.to_le_bytes());
    content.extend_from_slice(method.as_bytes());
    content.extend_from_slice(url.as_bytes());
    for (name, value) in headers {
        content.push(u8::try_from(name.len()).ok()?);
        content.extend_from_slice(&u16::try_from(value.len()).ok()?.to_le_bytes());
        content.extend_from_slice(name.as_bytes());
        content.extend_from_slice(value);
    }
    Some(content)
}

/// Error and stream.
fn decode(reply: &[u8]) -> Option<(i16, i32)> {
    let mut reply = Reader(reply);
    let error = reply.i16()?;
    reply.u16()?;
    Some((error, reply.i32()?))
}

/// What follows the error: status and headers.
fn decode_head(mut reply: Reader<'_>) -> Option<(u16, Headers)> {
    let (status, count) = (reply.u16()?, reply.u16()?);
    reply.u16()?;
    let header = |_| {
        let (name, value) = (reply.u8()?, reply.u16()?);
        Some((lossy(reply.bytes(name.into())?), reply.bytes(value.into())?.into()))
    };
    Some((status, (0..count).map(header).collect::<Option<_>>()?))
}
