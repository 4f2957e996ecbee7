//! What a service is, and the packet stream between a program and its services.
//!
//! A program reaches the world through *services*, which it discovers by name and talks to in packets ([`gate_packet`]). A
//! [`Factory`] is a kind of service; it makes a [`Service`] for each program that sends it a packet. A [`Registry`] has the
//! factories that a program can find.
//!
//! ```text
//!   program ◀── bytes ──▶ Pump ◀── packets ──▶ Service
//!                           │                     ▲ makes
//!                           └── finds ──▶ Registry ──▶ Factory
//! ```
//!
//! Nothing here waits: a service is a state machine that handles packets and is polled for its own, like a future. So one task can
//! serve a program with all its services, whatever they wait for, and none of them can hold up the others or itself.
//!
//! **Invariant**: services see packets and what a [`Client`] says, never processes, containers, or modules.
#![forbid(unsafe_code)]

mod client;
pub mod conformance;
#[cfg(test)]
mod models;
mod outbox;
mod pump;
mod registry;
mod service;

pub use client::{Client, Scope};
pub use outbox::{Carrier, OUTBOX_BYTES, Outbox};
pub use pump::{Fault, Pump, RestoreError};
pub use registry::{RegisterError, Registry};
pub use service::{BoxFuture, Config, Created, Factory, Failure, Properties, Saved, Service};
