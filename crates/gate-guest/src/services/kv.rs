//! `kv`: keys and values that outlive the program. All programs of a principal share them.
//!
//! Each key has a *version*, a number that changes whenever the key is written, and that no key of the principal has had before. What depends on
//! what was there is written on condition of its version:
//!
//! ```no_run
//! # use gate_guest::services::kv::{Kv, KvError};
//! async fn count(kv: &Kv) -> Result<u64, KvError> {
//!     loop {
//!         let (count, version) = match kv.get(b"count").await? {
//!             Some(found) => (found.value.try_into().map_or(0, u64::from_le_bytes), found.version),
//!             None => (0, 0),
//!         };
//!         match kv.set_if(b"count", &(count + 1).to_le_bytes(), version).await {
//!             // Another program was faster.
//!             Err(KvError::Version { .. }) => continue,
//!             result => return result.map(|_| count + 1),
//!         }
//!     }
//! }
//! ```

use alloc::vec::Vec;
use core::fmt;

use super::{Reader, ServiceError};
use crate::gate::Gate;
use crate::service::{CallError, Service};

const NAME: &str = "kv";

/// The longest key in bytes.
pub const MAX_KEY: usize = 255;

const GET: u8 = 0;
const SET: u8 = 1;
const DELETE: u8 = 2;
const LIST: u8 = 3;
const USAGE: u8 = 4;

/// Only if the version is as expected.
const CONDITION: u16 = 1;
/// With values.
const VALUES: u16 = 2;
/// There are more keys than these.
const MORE: u16 = 1;

/// Why something was not read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvError {
    /// There is no reply that makes sense. Whether something was written is not known.
    Service(ServiceError),
    /// A key is empty, or longer than [`MAX_KEY`].
    Key {
        /// Its length in bytes.
        found: usize,
    },
    /// The version is not the expected one.
    Version {
        /// What it is; 0 if there is no such key.
        found: u64,
    },
    /// The principal would have more keys or bytes than it may, or the host is full.
    Quota,
    /// The value is too large.
    ValueTooLarge,
    /// The host's storage failed. Whether something was written is not known.
    Storage,
    /// The program is nobody's any more: it was continued where it has no principal.
    NoPrincipal,
}

impl fmt::Display for KvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(error) => error.fmt(f),
            Self::Key { found } => write!(f, "key of {found} bytes (allowed: 1 to {MAX_KEY})"),
            Self::Version { found } => write!(f, "the key's version is not the expected one, but {found}"),
            Self::Quota => f.write_str("more keys or bytes than there may be"),
            Self::ValueTooLarge => f.write_str("the value is too large"),
            Self::Storage => f.write_str("the host's storage failed"),
            Self::NoPrincipal => f.write_str("the program has no principal"),
        }
    }
}

#[cfg(feature = "std")]
impl std::error::Error for KvError {}

impl From<CallError> for KvError {
    fn from(error: CallError) -> Self {
        Self::Service(error.into())
    }
}

/// A value that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The version of its key.
    pub version: u64,
    /// The value.
    pub value: Vec<u8>,
}

/// What to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query<'a> {
    /// Only keys that begin so.
    pub prefix: &'a [u8],
    /// Only keys that come after this one; empty: from the first.
    pub after: &'a [u8],
    /// At most so many; 0: as many as fit into a packet.
    pub limit: u32,
    /// With their values.
    pub values: bool,
}

/// A part of the keys there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// In the order of their bytes.
    pub entries: Vec<Entry>,
    /// Whether there are more: after the last of these.
    pub more: bool,
}

/// A key in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Vec<u8>,
    /// Its version.
    pub version: u64,
    /// How long its value is, in bytes.
    pub value_bytes: u32,
    /// The value, if it was asked for.
    pub value: Option<Vec<u8>>,
}

/// How much there is, and can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The number of keys.
    pub keys: u64,
    /// The most keys there can be.
    pub max_keys: u64,
    /// Of keys and values.
    pub bytes: u64,
    /// The most bytes there can be.
    pub max_bytes: u64,
}

/// Keys and values that outlive the program.
#[derive(Clone, Debug)]
pub struct Kv {
    service: Service,
}

impl Kv {
    /// Asks for the service.
    #[must_use]
    pub fn new(gate: &Gate) -> Self {
        Self { service: gate.service(NAME) }
    }

    /// The value of a key; `None` if there is no such key.
    ///
    /// # Errors
    /// [`KvError`].
    pub async fn get(&self, key: &[u8]) -> Result<Option<Found>, KvError> {
        let reply = self.call(&call(GET, 0, 0, 0, one(key)?, &[])).await?;
        Ok(match reply.absent() {
            true => None,
            false => Some(Found { version: reply.version, value: reply.success()? }),
        })
    }

    /// Writes a value, and returns the key's version.
    ///
    /// # Errors
    /// [`KvError`]; nothing was written, unless it says otherwise.
    pub async fn set(&self, key: &[u8], value: &[u8]) -> Result<u64, KvError> {
        let reply = self.call(&call(SET, 0, 0, 0, one(key)?, value)).await?;
        reply.written()
    }

    /// Writes a value if the key has this version, and returns the new one. Version 0 stands for a key that does not exist.
    ///
    /// # Errors
    /// [`KvError::Version`] if it has another one. Nothing was written, unless the error says otherwise.
    pub async fn set_if(&self, key: &[u8], value: &[u8], version: u64) -> Result<u64, KvError> {
        let reply = self.call(&call(SET, CONDITION, 0, version, one(key)?, value)).await?;
        reply.written()
    }

    /// Removes a key, and tells whether it was there.
    ///
    /// # Errors
    /// [`KvError`].
    pub async fn delete(&self, key: &[u8]) -> Result<bool, KvError> {
        let reply = self.call(&call(DELETE, 0, 0, 0, one(key)?, &[])).await?;
        match reply.absent() {
            true => Ok(false),
            false => reply.written().map(|_| true),
        }
    }

    /// Removes a key if it has this version.
    ///
    /// # Errors
    /// [`KvError::Version`] if it has another one.
    pub async fn delete_if(&self, key: &[u8], version: u64) -> Result<(), KvError> {
        let reply = self.call(&call(DELETE, CONDITION, 0, version, one(key)?, &[])).await?;
        reply.written().map(|_| ())
    }

    /// Lists keys, as many as fit into a packet.
    ///
    /// # Errors
    /// [`KvError`].
    pub async fn list(&self, query: Query<'_>) -> Result<Listing, KvError> {
        let Query { prefix, after, limit, values } = query;
        let flags = if values { VALUES } else { 0 };
        let reply = self.call(&call(LIST, flags, limit, 0, checked(after)?, prefix)).await?;
        let (flags, count) = (reply.flags, reply.count);
        let content = reply.success()?;
        let entries = decode_entries(&content, count, values).ok_or(NONSENSE)?;
        Ok(Listing { entries, more: flags & MORE != 0 })
    }

    /// How much there is, and can be.
    ///
    /// # Errors
    /// [`KvError`].
    pub async fn usage(&self) -> Result<Usage, KvError> {
        let content = self.call(&call(USAGE, 0, 0, 0, &[], &[])).await?.success()?;
        let mut content = Reader(&content);
        let mut number = || content.u64().ok_or(NONSENSE);
        Ok(Usage { keys: number()?, max_keys: number()?, bytes: number()?, max_bytes: number()? })
    }

    async fn call(&self, content: &[u8]) -> Result<Reply, KvError> {
        let reply = self.service.call(content).await?;
        if reply.is_empty() {
            return Err(KvError::Service(ServiceError::Unsupported { service: NAME }));
        }
        Reply::decode(&reply).ok_or(NONSENSE)
    }
}

const NONSENSE: KvError = KvError::Service(ServiceError::Reply { service: NAME });

/// A reply: its header, and what follows.
struct Reply {
    error: i16,
    flags: u16,
    count: u32,
    version: u64,
    content: Vec<u8>,
}

impl Reply {
    fn decode(reply: &[u8]) -> Option<Self> {
        let mut reply = Reader(reply);
        let (error, flags, count, version) = (reply.i16()?, reply.u16()?, reply.u32()?, reply.u64()?);
        Some(Self { error, flags, count, version, content: reply.0.into() })
    }

    /// Whether there is no such key.
    fn absent(&self) -> bool {
        self.error == 2
    }

    /// What follows the header if there is no error.
    fn success(self) -> Result<Vec<u8>, KvError> {
        match self.error {
            0 => Ok(self.content),
            3 => Err(KvError::Version { found: self.version }),
            4 => Err(KvError::Quota),
            5 => Err(KvError::ValueTooLarge),
            6 => Err(KvError::Storage),
            7 => Err(KvError::NoPrincipal),
            number => Err(KvError::Service(ServiceError::Unknown { service: NAME, number })),
        }
    }

    /// The version if there is no error.
    fn written(self) -> Result<u64, KvError> {
        let version = self.version;
        self.success().map(|_| version)
    }
}

/// A key that there must be.
fn one(key: &[u8]) -> Result<&[u8], KvError> {
    if key.is_empty() {
        return Err(KvError::Key { found: 0 });
    }
    checked(key)
}

fn checked(key: &[u8]) -> Result<&[u8], KvError> {
    if key.len() > MAX_KEY {
        return Err(KvError::Key { found: key.len() });
    }
    Ok(key)
}

/// The key has at most [`MAX_KEY`] bytes.
fn call(operation: u8, flags: u16, limit: u32, version: u64, key: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(16 + key.len() + rest.len());
    content.extend_from_slice(&[operation, u8::try_from(key.len()).unwrap_or(u8::MAX)]);
    content.extend_from_slice(&flags.to_le_bytes());
    content.extend_from_slice(&limit.to_le_bytes());
    content.extend_from_slice(&version.to_le_bytes());
    content.extend_from_slice(key);
    content.extend_from_slice(rest);
    content
}

fn decode_entries(content: &[u8], count: u32, values: bool) -> Option<Vec<Entry>> {
    let mut content = Reader(content);
    let entry = |_| {
        let key_len = content.u8()?;
        content.u8()?;
        content.u16()?;
        let (value_bytes, version) = (content.u32()?, content.u64()?);
        let key = content.bytes(key_len.into())?.into();
        let value = match values {
            true => Some(content.bytes(usize::try_from(value_bytes).ok()?)?.into()),
            false => None,
        };
        Some(Entry { key, version, value_bytes, value })
    };
    (0..count).map(entry).collect()
}
