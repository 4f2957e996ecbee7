//! Services in other programs, over gRPC.
//!
//! Such a program is a gRPC server; `proto/gate/service.proto` says what it has to serve, and is the whole contract. It is started as a
//! command, and talks over a socket that it inherits, or it is a target that is connected to: see [`Config`].
//!
//! ```text
//!   Services ─── Server (a command or a target; one connection at a time)
//!      │            ▲
//!      └─ Factory ──┴── Session (a program's service) ─── Instance (what the server has for it)
//! ```
//!
//! What a service can rely on, and programs can:
//!
//! * Packets of a program come one after the other, each when the one before was taken ([`proto::instance_server::Instance::handle`]).
//! * Nothing is lost when a program is suspended: what the server has sent and the program has not got, and what the server has not taken, goes
//!   through its snapshot. Bytes that are no packets end the program.
//! * When the connection is lost while a program uses the service, the server is connected to again (a command is started again), when the
//!   program needs it. The service goes on from its last snapshot if there were no packets in that, or else from nothing, and gets the
//!   calls that were not answered and the packets that were not taken. So a call can be made twice, but it is answered once. A program
//!   with streams ends, and the error says so: what has passed through them is in no snapshot, and a server that begins anew could give their
//!   numbers to others. Streams of which both sides have sent both ends do not count.
//! * A program waits for a server that is gone, but not for ever: [`Timeouts`].
//! * A program that goes on from a snapshot has an instance of its own. Of two that go on from the same snapshot, both have the calls that were not
//!   answered, and the server decides what else they share.
//! * When a program is suspended and there is no server, what it needs to go on is kept without one.
//!
//! All of it runs in the Tokio runtime in which [`Services::start`] was called.
//!
//! **Invariant**: the text and the bytes of servers are looked at as if strangers had sent them, and cannot make anything here panic.
#![forbid(unsafe_code)]

mod command;
mod config;
mod connection;
mod error;
mod factory;
mod instance;
mod ledger;
mod limits;
mod packets;
pub mod proto;
mod saved;
mod server;
mod services;
mod session;
mod streams;

pub use config::{CommandError, Config, Event, Log, TargetError, Timeouts};
pub use error::{CallError, ServerError, StartError};
pub use services::Services;
