//! The built-in services.
#![forbid(unsafe_code)]

pub mod kv;
pub mod log;
