//! The built-in services.
#![forbid(unsafe_code)]
