//! The built-in services.
#![forbid(unsafe_code)]

pub mod catalog;
pub mod http;
pub mod identity;
pub mod kv;
pub mod log;
pub mod origin;
pub mod random;
pub mod scope;

#[cfg(test)]
mod driven;
