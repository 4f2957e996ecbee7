//! Addresses of servers.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::Authorities;

/// The port of a host when none is given, as in other gRPC programs.
const DEFAULT_PORT: u16 = 443;

/// Where a server is, and how to talk to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) address: Address,
    pub(crate) security: Security,
    /// Whether to go on without it.
    pub(crate) optional: bool,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Unix(PathBuf),
    /// A name or an address, without brackets.
    Host {
        host: String,
        port: u16,
    },
}

/// Who is talked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// Whoever is there.
    Insecure,
    /// Whom an authority vouches for: one of this file, or of those that the system trusts.
    Tls { authorities: Authorities },
}

/// Why a text is not a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum TargetError {
    /// There are no words.
    #[error("there is no address")]
    Empty,
    /// The path of a socket is missing.
    #[error("there is no path behind \"unix:\"")]
    NoPath,
    /// A name server is given, which there is no way to ask.
    #[error("name server {server:?} cannot be chosen: write \"dns:///HOST:PORT\"")]
    NameServer { server: String },
    /// What should be a host is none.
    #[error("{found:?} is not HOST:PORT")]
    Host { found: String },
    /// There is no such option.
    #[error("unknown option {found:?} (there are \"insecure\", \"optional\" and \"ca=FILE\")")]
    Option { found: String },
    /// Both cannot be.
    #[error("options \"insecure\" and \"ca\" exclude each other")]
    InsecureAuthorities,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let mut words = text.split_whitespace();
        let address = words.next().ok_or(TargetError::Empty)?.parse()?;
        let (mut insecure, mut optional, mut authorities) = (false, false, None);
        for word in words {
            match word.split_once('=') {
                None if word == "insecure" => insecure = true,
                None if word == "optional" => optional = true,
                Some(("ca", path)) if !path.is_empty() => authorities = Some(PathBuf::from(path)),
                _ => return Err(TargetError::Option { found: word.to_owned() }),
            }
        }
        let security = match (insecure, authorities) {
            (true, Some(_)) => return Err(TargetError::InsecureAuthorities),
            (true, None) => Security::Insecure,
            (false, authorities) => Security::Tls { authorities },
        };
        Ok(Self { address, security, optional })
    }
}

impl FromStr for Address {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(TargetError::NoPath) } else { Ok(Self::Unix(path.into())) };
        }
        let host = match text.strip_prefix("dns:") {
            Some(rest) => match rest.strip_prefix("//") {
                Some(rest) => match rest.split_once('/') {
                    Some(("", host)) => host,
                    _ => {
                        let server = rest.split('/').next().unwrap_or_default().to_owned();
                        return Err(TargetError::NameServer { server });
                    }
                },
                None => rest,
            },
            None => text,
        };
        parse_host(host).ok_or_else(|| TargetError::Host { found: host.to_owned() })
    }
}

/// `HOST`, `HOST:PORT`, or an IPv6 address in brackets with or without a port.
fn parse_host(text: &str) -> Option<Address> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
            (address, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok()?,
        Some(_) => return None,
        None => DEFAULT_PORT,
    };
    let is_host_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
    if host.is_empty() || port == 0 || !host.chars().all(is_host_char) {
        return None;
    }
    Some(Address::Host { host: host.to_owned(), port })
}

impl Address {
    /// What the server is called in requests.
    pub(crate) fn authority(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Host { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Host { host, port } => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Host { .. } => f.write_str(&self.authority()),
        }
    }
}

#[cfg(test)]
mod tests;
