//! What the user is told of services while a program runs.

use std::io::Write;

use gate_grpc::{Event, Log};
use gate_service::Client;
use gate_services::kv::StoreError;
use gate_services::log::{Dropped, Line, Sink};

use crate::text::{chain, escaped};

/// Shows events on standard error, each as a line, with one write.
#[derive(Debug)]
pub(super) struct Notices;

impl Log for Notices {
    fn log(&self, event: &Event<'_>) {
        say(&match event {
            Event::Line { command, line } => format!("{}: {line}", program(command)),
            Event::Exited { command, status } if status.success() => {
                format!("{} has ended", program(command))
            }
            Event::Exited { command, status } => format!("{} has ended: {status}", program(command)),
            Event::Skipped { target, error } => format!("going on without {target}: {}", chain(error)),
            Event::Disconnected { server } => format!("the connection to {server} has ended"),
            Event::Unreachable { server, error } => {
                format!("cannot connect to {server}: {}; trying again", chain(error))
            }
        });
    }
}

/// Lines are short, and come no faster than the service's limits allow: what little time writing them takes does not matter.
impl Sink for Notices {
    fn line(&self, _client: &Client, line: &Line) {
        say(&format!("log: {}: {line}", line.severity));
    }

    fn dropped(&self, _client: &Client, dropped: Dropped) {
        say(&format!("log: {dropped}"));
    }
}

/// Shows why keys and values cannot be stored. The program is told that they cannot.
pub(super) fn storage(error: &StoreError) {
    say(&format!("kv: {}", chain(error)));
}

/// What a command is called for people.
fn program(command: &str) -> &str {
    command.split_whitespace().next().unwrap_or(command)
}

/// It does not matter if nobody reads it.
fn say(message: &str) {
    let _ = std::io::stderr().write_all(format!("gate: {}\n", escaped(message)).as_bytes());
}
