//! Which servers programs can reach.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

use super::address::is_public;
use super::message::ErrorNumber;

/// The servers that programs can reach: those of any of the rules. None if there is no rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The order does not matter.
    pub rules: Vec<Rule>,
}

/// A kind of server that programs can reach.
///
/// ```text
///   [https:// | http://] host [:port | :*]
/// ```
///
/// The scheme is https if it is not there: what is allowed without a word is not sent in the clear. The port is that of the scheme if it is not
/// there, and any with `*`.
///
/// | Host | Means |
/// |---|---|
/// | `example.com` | the host of that name |
/// | `*.example.com` | all hosts with names that end so, at any depth, without `example.com` itself |
/// | `*` | all hosts |
/// | `192.0.2.1`, `[2001:db8::1]` | the host of that address, if it is named by it; private or not |
///
/// Names are resolved to addresses, and those that are not of the public internet are not connected to, unless
/// [`Rule::allow_private_addresses`] says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    scheme: Scheme,
    host: Host,
    port: Port,
    private_addresses: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    /// In the form that URLs have.
    Name(String),
    /// All names that end with this, which begins with a dot.
    Below(String),
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Any,
    OfScheme,
    Number(u16),
}

/// To which addresses a name can lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Public,
    All,
}

impl Policy {
    /// To which addresses a request with this URL can be sent.
    pub(super) fn check(&self, url: &Url) -> Result<Reach, ErrorNumber> {
        let mut rules = self.rules.iter().filter(|rule| rule.matches(url)).peekable();
        if rules.peek().is_none() {
            return Err(ErrorNumber::NotAllowed);
        }
        // An address in a URL is not resolved, so this is the only place where it is looked at.
        let address = address_of(url);
        let all = rules.any(|rule| rule.private_addresses || matches!(rule.host, Host::Address(_)));
        match address {
            _ if all => Ok(Reach::All),
            Some(address) if !is_public(address) => Err(ErrorNumber::PrivateAddress),
            _ => Ok(Reach::Public),
        }
    }
}

impl Rule {
    /// The same, and the names of the hosts can lead to addresses of private networks and of this host itself.
    ///
    /// Whoever owns a name decides to which addresses it leads. So this is for names whose owner can be trusted.
    #[must_use]
    pub fn allow_private_addresses(mut self) -> Self {
        self.private_addresses = true;
        self
    }

    fn matches(&self, url: &Url) -> bool {
        let port = match self.port {
            Port::Any => true,
            Port::OfScheme => url.port().is_none(),
            Port::Number(number) => url.port_or_known_default() == Some(number),
        };
        let Some(name) = url.host_str() else { return false };
        let host = match &self.host {
            Host::Any => true,
            Host::Address(address) => address_of(url) == Some(*address),
            Host::Name(expected) => name == expected,
            Host::Below(end) => name.len() > end.len() && name.ends_with(end) && address_of(url).is_none(),
        };
        port && host && url.scheme() == self.scheme.name()
    }
}

/// The address in a URL, if it has one instead of a name.
fn address_of(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.parse().ok()
}

/// The text is not a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a server that can be allowed (such as example.com, *.example.com, http://example.com:8080, https://[2001:db8::1]:*)"
)]
pub struct RuleError {
    /// The text.
    pub text: String,
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        parse(text).ok_or_else(|| RuleError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Rule> {
    let (scheme, rest) = match text.split_once("://") {
        None => (Scheme::Https, text),
        Some(("https", rest)) => (Scheme::Https, rest),
        Some(("http", rest)) => (Scheme::Http, rest),
        Some(_) => return None,
    };
    let (host, port) = match rest.rsplit_once(':') {
        // The colon is one of the address.
        Some((_, end)) if end.ends_with(']') => (rest, Port::OfScheme),
        None => (rest, Port::OfScheme),
        Some((host, "*")) => (host, Port::Any),
        Some((host, number)) => (host, Port::Number(number.parse().ok().filter(|number| *number > 0)?)),
    };
    let host = match host.strip_prefix('*') {
        None => {
            let url = parse_host(host)?;
            match address_of(&url) {
                Some(address) => Host::Address(address),
                None => Host::Name(url.host_str()?.to_owned()),
            }
        }
        Some("") => Host::Any,
        Some(end) => {
            let url = parse_host(end.strip_prefix('.')?)?;
            if address_of(&url).is_some() {
                return None;
            }
            Host::Below(format!(".{}", url.host_str()?))
        }
    };
    Some(Rule { scheme, host, port, private_addresses: false })
}

/// A URL with this host and nothing else, so that it is checked, and written as it is in the URLs of programs.
fn parse_host(host: &str) -> Option<Url> {
    if host.contains(['/', '?', '#', '@', '\\', '*', '%']) || host.chars().any(char::is_whitespace) {
        return None;
    }
    if host.starts_with('.') || host.ends_with('.') || host.contains("..") {
        return None;
    }
    let url = Url::parse(&format!("https://{host}/")).ok()?;
    (url.port().is_none() && url.path() == "/").then_some(url)
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.name())?;
        match &self.host {
            Host::Any => f.write_str("*")?,
            Host::Name(name) => f.write_str(name)?,
            Host::Below(end) => write!(f, "*{end}")?,
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}")?,
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        match self.port {
            Port::Any => f.write_str(":*"),
            Port::OfScheme => Ok(()),
            Port::Number(number) => write!(f, ":{number}"),
        }
    }
}

#[cfg(test)]
mod tests;
