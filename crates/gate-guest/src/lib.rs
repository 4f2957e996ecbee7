//! For programs that run in Gate: services, calls, streams and tasks.
//!
//! A program is a WebAssembly module. Whatever it does with the world goes through *services* that the host offers: there are
//! connections of whoever runs it ([`services::Origin`]), random numbers, other programs, a store, and those that the host's
//! owner has added. This crate is how a program written in Rust uses them:
//!
//! ```no_run
//! use gate_guest::services::Origin;
//!
//! fn main() {
//!     gate_guest::run(|gate| async move {
//!         let mut origin = Origin::new(&gate);
//!         // One task for each connection.
//!         while let Ok(mut connection) = origin.accept().await {
//!             gate.spawn(async move {
//!                 while let Ok(Some(chunk)) = connection.chunk().await {
//!                     if connection.write_all(&chunk.bytes).await.is_err() {
//!                         break;
//!                     }
//!                 }
//!             });
//!         }
//!     });
//! }
//! ```
//!
//! Compile it for `wasm32-wasip1` (`wasm32-wasi` of older compilers; Rust 1.63 is enough), and run it with `gate run`.
//!
//! # What there is
//!
//! - [`run`] runs a future and the tasks that it starts, on one thread. It waits for the host in one call, and only
//!   when no task can go on.
//! - [`Gate`] is the handle for everything: tasks, time, services.
//! - [`services`] has a type for each service that Gate has. [`Service`] is any other: bytes there and back.
//! - [`Stream`], [`Receiver`] and [`Sender`] carry bytes, as fast as the slower side takes them.
//! - [`Transport`] and [`run_with`] put something else in the place of the host, to test a program.
//!
//! Futures of other crates work, if they do not need another executor.
//!
//! # Being suspended
//!
//! Gate can suspend a program at any instruction, and continue it later or elsewhere. The program does not notice, but for
//! this: connections may be gone, which is the end of their streams, and on another host a service may be missing,
//! which fails what waits for it ([`CallError::Unavailable`], [`StreamError::Lost`]).
//!
//! # Features
//!
//! `std` (on by default) has the errors implement `std::error::Error`. The crate itself needs only `alloc`, and no other crate.
#![no_std]
#![cfg_attr(not(target_arch = "wasm32"), forbid(unsafe_code))]

extern crate alloc;
#[cfg(any(feature = "std", test))]
#[cfg_attr(test, macro_use)]
extern crate std;

mod driver;
mod executor;
#[cfg(test)]
mod fake;
mod gate;
#[cfg(target_arch = "wasm32")]
mod import;
mod packet;
mod poll;
mod service;
pub mod services;
mod stream;
mod transport;

pub use executor::run_with;
pub use gate::{Gate, Task};
pub use packet::{Violation, MAX_CONTENT, MAX_NAME};
pub use service::{CallError, Infos, PendingCall, Service};
pub use stream::{Chunk, Receiver, Sender, Stream, StreamError, DEFAULT_WINDOW};
pub use transport::{Transferred, Transport, Wait};

use core::future::Future;

/// Runs the future that `main` makes, and the tasks that it starts, until the former is ready. What was to be sent by then is
/// sent; tasks that are left end where they are.
///
/// # Panics
/// When the host breaks the packet protocol. Also elsewhere than in a WebAssembly program, where there is no
/// host: tests use [`run_with`].
pub fn run<T, F>(main: impl FnOnce(Gate) -> F) -> T
where
    F: Future<Output = T>,
{
    #[cfg(target_arch = "wasm32")]
    return run_with(import::Host, main);
    #[cfg(not(target_arch = "wasm32"))]
    {
        let _ = main;
        panic!("this program runs in Gate: compile it for wasm32-wasip1, and run it with `gate run`")
    }
}
