//! The built-in services.
#![forbid(unsafe_code)]

pub mod catalog;
pub mod http;
pub mod identity;
pub mod kv;
pub mod localhost;
pub mod log;
pub mod origin;
pub mod peer;
pub mod peerindex;
pub mod random;
pub mod scope;
pub mod shell;

mod park;
mod tls;
mod users;

#[cfg(test)]
mod driven;
#[cfg(test)]
mod host;
