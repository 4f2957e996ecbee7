//! Where requests go.

use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;
use reqwest::header::HeaderValue;

/// The address of the server: `http://host`, `http://host:port`, the same with `https`, or `unix:///path` for HTTP over the socket
/// with that path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Without path and query.
    pub(super) base: Url,
    /// The socket to connect to, instead of the host.
    pub(super) socket: Option<PathBuf>,
}

/// The text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the address of a server (http://host:port, https://host:port, or unix:///path)")]
pub struct AddressError {
    /// The text.
    pub text: String,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text).ok_or_else(|| AddressError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Address> {
    if let Some(path) = text.strip_prefix("unix://") {
        let is_path = path.len() > 1 && path.starts_with('/') && !path.contains(['\0', '?', '#']);
        let base = Url::parse("http://localhost").ok()?;
        return is_path.then(|| Address { base, socket: Some(path.into()) });
    }
    let base = Url::parse(text).ok()?;
    let has_more = !base.username().is_empty()
        || base.password().is_some()
        || base.path() != "/"
        || base.query().is_some()
        || base.fragment().is_some();
    let is_http = matches!(base.scheme(), "http" | "https");
    (is_http && !has_more).then_some(Address { base, socket: None })
}

/// The URL to send a request with this URI to, and what the server is told to be named; `None` if the URI is not a relative one.
///
/// Its parts are put into the address one by one, and never parsed with it, so that it cannot lead elsewhere.
pub(super) fn resolve(base: &Url, uri: &str) -> Option<(Url, Option<HeaderValue>)> {
    if uri.bytes().any(|byte| byte < b' ' || byte == 0x7f) || !are_escapes_whole(uri) {
        return None;
    }
    let uri = uri.split_once('#').map_or(uri, |(uri, _fragment)| uri);
    let (rest, query) = uri.split_once('?').map_or((uri, None), |(rest, query)| (rest, Some(query)));
    let (name, path) = match rest.strip_prefix("//") {
        None => (None, rest),
        Some(rest) => {
            let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (Some(name).filter(|name| !name.is_empty()), path)
        }
    };
    // A colon before the first slash ends a scheme.
    if path.split('/').next().is_some_and(|first| first.contains(':')) {
        return None;
    }
    let name = match name {
        Some(name) if !is_host(name) => return None,
        Some(name) => Some(HeaderValue::from_str(name).ok()?),
        None => None,
    };
    let mut url = base.clone();
    url.set_path(path);
    url.set_query(query);
    Some((url, name))
}

/// Whether `%` is always followed by two hexadecimal digits.
fn are_escapes_whole(text: &str) -> bool {
    let digits =
        |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    text.split('%').skip(1).all(digits)
}

/// Whether it is a name or address, without port and user.
fn is_host(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let address = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => text.bytes().all(is_name),
    }
}

#[cfg(test)]
mod tests;
