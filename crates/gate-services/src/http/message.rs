//! Calls and replies.

use reqwest::header::{ACCEPT, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};

use super::{MAX_HEADERS, MAX_METHOD_BYTES, MAX_URL_BYTES};

/// The call that begins a request.
pub(super) const OPERATION_REQUEST: u8 = 0;

/// The call for the response.
pub(super) const OPERATION_RESPONSE: u8 = 1;

/// The size of the fixed part of a request, in bytes.
const REQUEST_HEADER: usize = 20;

/// The size of the fixed part of a response's head, in bytes.
pub(super) const HEAD_HEADER: usize = 8;

/// The length of a body that is not known.
const UNKNOWN_LENGTH: u64 = u64::MAX;

/// What programs are told is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorNumber {
    BadRequest,
    NotAllowed,
    PrivateAddress,
    TooMany,
    TooLarge,
    Name,
    Connect,
    Tls,
    Timeout,
    Broken,
    GivenUp,
    Lost,
    State,
}

impl ErrorNumber {
    pub(super) const fn number(self) -> i16 {
        match self {
            Self::BadRequest => 1,
            Self::NotAllowed => 2,
            Self::PrivateAddress => 3,
            Self::TooMany => 4,
            Self::TooLarge => 5,
            Self::Name => 6,
            Self::Connect => 7,
            Self::Tls => 8,
            Self::Timeout => 9,
            Self::Broken => 10,
            Self::GivenUp => 11,
            Self::Lost => 12,
            Self::State => 13,
        }
    }

    /// The error that can be the end of a request, and has this number.
    pub(super) const fn from_end(number: i16) -> Option<Self> {
        match number {
            3 => Some(Self::PrivateAddress),
            5 => Some(Self::TooLarge),
            6 => Some(Self::Name),
            7 => Some(Self::Connect),
            8 => Some(Self::Tls),
            9 => Some(Self::Timeout),
            10 => Some(Self::Broken),
            11 => Some(Self::GivenUp),
            12 => Some(Self::Lost),
            _ => None,
        }
    }
}

/// How long the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// There is none.
    None,
    /// This many bytes; at least 1.
    Exactly(u64),
    /// As many as the program sends.
    Unknown,
}

/// What a program asks for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) length: Length,
    /// In milliseconds; 0 for as long as the host allows.
    pub(super) timeout_ms: u32,
}

/// The whole call that begins a request.
pub(super) fn parse_request(content: &[u8]) -> Result<Request, ErrorNumber> {
    read_request(content).ok_or(ErrorNumber::BadRequest)
}

fn read_request(content: &[u8]) -> Option<Request> {
    let (&[_, method, u0, u1, n0, n1, 0, 0, ref rest @ ..], content) =
        content.split_first_chunk::<REQUEST_HEADER>()?
    else {
        return None;
    };
    let &[l0, l1, l2, l3, l4, l5, l6, l7, t0, t1, t2, t3] = rest;
    let length = match u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7]) {
        0 => Length::None,
        UNKNOWN_LENGTH => Length::Unknown,
        length => Length::Exactly(length),
    };
    let (method, content) = content.split_at_checked(usize::from(method))?;
    let (url, mut content) = content.split_at_checked(usize::from(u16::from_le_bytes([u0, u1])))?;
    let count = usize::from(u16::from_le_bytes([n0, n1]));
    if method.len() > MAX_METHOD_BYTES || url.len() > MAX_URL_BYTES || count > MAX_HEADERS {
        return None;
    }
    let method = Method::from_bytes(method).ok().filter(|method| *method != Method::CONNECT)?;
    let url = read_url(std::str::from_utf8(url).ok()?)?;

    let mut headers = HeaderMap::with_capacity(count + 2);
    for _ in 0..count {
        let (&[name, v0, v1], rest) = content.split_first_chunk()?;
        let (name, rest) = rest.split_at_checked(usize::from(name))?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([v0, v1])))?;
        let name = HeaderName::from_bytes(name).ok()?;
        if name == HOST || name == CONTENT_LENGTH || is_of_connection(&name) {
            return None;
        }
        headers.append(name, HeaderValue::from_bytes(value).ok()?);
        content = rest;
    }
    if !content.is_empty() {
        return None;
    }
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    if length == Length::None && has_usually_body(&method) {
        // Otherwise servers cannot tell that there is none from that it was forgotten.
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let timeout_ms = u32::from_le_bytes([t0, t1, t2, t3]);
    Some(Request { method, url, headers, length, timeout_ms })
}

/// A URL that names a server and nobody's password.
fn read_url(text: &str) -> Option<Url> {
    // The parser would remove some of these.
    if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return None;
    }
    let mut url = Url::parse(text).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    url.set_fragment(None);
    // What is sent is made of this.
    hyper::Uri::try_from(url.as_str()).ok()?;
    Some(url)
}

fn has_usually_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Whether a header concerns one connection, and not the request or response.
fn is_of_connection(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("proxy-")
        || matches!(
            name,
            "connection"
                | "expect"
                | "http2-settings"
                | "keep-alive"
                | "te"
                | "trailer"
                | "transfer-encoding"
                | "upgrade"
        )
}

/// The stream of a call for the response.
pub(super) fn parse_response_call(content: &[u8]) -> Option<i32> {
    let &[_, 0, 0, 0, s0, s1, s2, s3] = content else { return None };
    Some(i32::from_le_bytes([s0, s1, s2, s3]))
}

/// The reply to the call that begins a request.
pub(super) fn request_reply(result: Result<i32, ErrorNumber>) -> [u8; 8] {
    let (error, stream) = match result {
        Ok(stream) => (0, stream),
        Err(error) => (error.number(), -1),
    };
    let ([e0, e1], [s0, s1, s2, s3]) = (error.to_le_bytes(), stream.to_le_bytes());
    [e0, e1, 0, 0, s0, s1, s2, s3]
}

/// The reply to a call for the response that there is not.
pub(super) fn error_reply(error: ErrorNumber) -> [u8; HEAD_HEADER] {
    let [e0, e1] = error.number().to_le_bytes();
    [e0, e1, 0, 0, 0, 0, 0, 0]
}

/// The reply to a call for the response, of at most `limit` bytes.
pub(super) fn head(status: StatusCode, headers: &HeaderMap, limit: usize) -> Result<Vec<u8>, ErrorNumber> {
    let mut bytes = vec![0; HEAD_HEADER];
    let mut count = 0_u16;
    for (name, value) in headers.iter().filter(|(name, _)| !is_of_connection(name)) {
        let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
        let lens = (u8::try_from(name.len()), u16::try_from(value.len()));
        let (Ok(name_len), Ok(value_len)) = lens else { return Err(ErrorNumber::TooLarge) };
        bytes.push(name_len);
        bytes.extend_from_slice(&value_len.to_le_bytes());
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(value);
        count = count.checked_add(1).ok_or(ErrorNumber::TooLarge)?;
        if bytes.len() > limit {
            return Err(ErrorNumber::TooLarge);
        }
    }
    bytes[2..4].copy_from_slice(&status.as_u16().to_le_bytes());
    bytes[4..6].copy_from_slice(&count.to_le_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests;
