//! The messages, clients and servers of the protocol, generated from `proto/`.
//!
//! The servers are for services that are written in Rust: `examples/services/rust` is one.
#![expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::missing_errors_doc,
    reason = "made by tonic-prost-build; the comments are in the .proto files"
)]

pub use gate::*;

/// The protocol between Gate and its services.
mod gate {
    tonic::include_proto!("gate.grpc");
}

/// Whether a server is ready to serve.
pub mod health {
    tonic::include_proto!("grpc.health.v1");
}
