//! The built-in services.
#![forbid(unsafe_code)]

pub mod http;
pub mod kv;
pub mod log;
pub mod origin;
