//! What services are started with.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use crate::error::ServerError;

mod command;
mod target;

pub use command::CommandError;
pub(crate) use command::CommandLine;
pub use target::TargetError;
pub(crate) use target::{Address, Security, Target};

/// Which servers there are.
#[derive(Clone)]
pub struct Config {
    /// Programs that are started, and serve over a socket that they inherit as file descriptor 3. Each is a command line, split at
    /// spaces; there is no quoting. If its first word is `@` and a path, that is the program, and the next word its name.
    pub commands: Vec<String>,
    /// Servers that are connected to. Each is an address and options, split at spaces.
    ///
    /// | Address | |
    /// |---|---|
    /// | `unix:PATH`, `unix:///PATH` | a socket in the file system |
    /// | `HOST`, `HOST:PORT`, `dns:HOST:PORT`, `dns:///HOST:PORT` | a host; the port is 443 if there is none |
    ///
    /// | Option | |
    /// |---|---|
    /// | `insecure` | the server does not speak TLS |
    /// | `optional` | goes on without the server if it cannot be reached when Gate starts |
    /// | `ca=FILE` | the server's certificate is vouched for by the authorities in this file (PEM), and no others |
    pub targets: Vec<String>,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Where it is told what happens.
    pub log: Arc<dyn Log>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("commands", &self.commands)
            .field("targets", &self.targets)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a server is there when Gate starts.
    pub start: Duration,
    /// Until a server has answered a call. A program ends when one of its services takes longer.
    pub call: Duration,
    /// How long a program waits for a server that has gone away, until it ends.
    pub reconnect: Duration,
    /// Until a command has ended when it is told to; then it is killed.
    pub stop: Duration,
}

impl Timeouts {
    /// For programs that people use: an interpreter can start, and a server can be restarted.
    pub const USUAL: Self = Self {
        start: Duration::from_secs(30),
        call: Duration::from_secs(60),
        reconnect: Duration::from_secs(30),
        stop: Duration::from_secs(5),
    };
}

/// Where it is told what happens.
pub trait Log: Send + Sync {
    /// Something has happened. Must not wait.
    fn log(&self, event: &Event<'_>);
}

/// Something that happens to a server. The texts are as they came: they can contain anything but line ends.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the variants say what the fields are")]
pub enum Event<'a> {
    /// A command has written a line to its standard error. What is not UTF-8 is replaced.
    Line { command: &'a str, line: &'a str },
    /// A command has ended that was not told to, or had to be killed.
    Exited { command: &'a str, status: ExitStatus },
    /// An optional target is left out.
    Skipped { target: &'a str, error: &'a ServerError },
    /// The connection has ended. There will be another one when a program needs it.
    Disconnected { server: &'a str },
    /// An attempt to connect again has failed. There will be others as long as a program needs it.
    Unreachable { server: &'a str, error: &'a ServerError },
}

/// A file of certificates.
type Authorities = Option<PathBuf>;
