//! Fuzzers as functions.
//!
//! A target is a function that takes any bytes and panics when the code under test is wrong. To add one, write it in a
//! file of its own, with a `#[test] fn smoke` that calls [`driver::smoke`], and add it to [`TARGETS`]. Run it with
//! `cargo xtask fuzz NAME --seconds N`. Files in `fuzz/seeds/NAME/` are inputs to start from.
#![forbid(unsafe_code)]

pub mod accept;
pub mod artifact_trailer;
pub mod driver;
pub mod fs_image;
pub mod gate_calls;
pub mod grpc;
mod host;
pub mod inspect;
mod memory;
pub mod outward;
pub mod packets;
pub mod peerindex;
pub mod pump;
pub mod services;
pub mod snapshot_read;
pub mod streams;
pub mod upstream_snapshot;
pub mod wasi_pointers;
pub mod wasi_state;
pub mod wire;

/// Takes any bytes, and panics when the code under test is wrong.
pub type Target = fn(&[u8]);

/// The name and the function of each target.
pub const TARGETS: &[(&str, Target)] = &[
    ("accept", accept::run),
    ("artifact_trailer", artifact_trailer::run),
    ("fs_image", fs_image::run),
    ("gate_calls", gate_calls::run),
    ("grpc", grpc::run),
    ("inspect", inspect::run),
    ("packets", packets::run),
    ("pump", pump::run),
    ("service_catalog", services::catalog),
    ("service_http", outward::http),
    ("service_identity", services::identity),
    ("service_kv", services::kv),
    ("service_localhost", outward::localhost),
    ("service_log", services::log),
    ("service_origin", streams::origin),
    ("service_peer", streams::peer),
    ("service_peerindex", peerindex::run),
    ("service_random", services::random),
    ("service_scope", services::scope),
    ("service_shell", outward::shell),
    ("snapshot_read", snapshot_read::run),
    ("upstream_snapshot", upstream_snapshot::run),
    ("wasi_pointers", wasi_pointers::run),
    ("wasi_state", wasi_state::run),
    ("wire", wire::run),
];
