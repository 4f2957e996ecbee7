//! `gate.computer/shell`: commands of the host.
//!
//! Revision `0`; has streams; info packets are ignored. It can be discovered by programs for which a user of the system is
//! configured; they need the privilege `program:system`, too. All integers are little-endian.
//!
//! | Packet | Content | Effect |
//! |---|---|---|
//! | call | the command | is run by `/bin/sh -l -c` |
//! | reply | i16 error at 0, u16 0, i32 stream at 4: 0, or -1 if there is an error | |
//! | flow of stream 0 | | credit for what the command prints. The end: the credit that is left is used up, and then the command is killed. |
//! | data of stream 0, from the service | up to 8176 bytes, note 0 | what the command prints |
//! | end of data of stream 0 | note | the command has ended |
//!
//! | Error | Meaning |
//! |---|---|
//! | 0 | none |
//! | 1 | the program does not have the privilege |
//! | 2 | there is a command already: it runs, or the ends of stream 0 have not both been sent |
//! | 3 | the user does not exist, or this process cannot run anything as that user |
//! | 4 | the home directory of the user cannot be entered |
//! | 5 | the shell cannot be started |
//!
//! | Note | Meaning |
//! |---|---|
//! | 0 to 255 | exit code |
//! | -1 | lost: the program goes on in another place than where the command was started |
//! | -2 | the command has ended in another way |
//! | -3 | killed by a signal |
//!
//! Data from the program, and flow of other streams, break the protocol: they end the program.
//!
//! # The command
//! It runs in the home directory of the user, with standard input and error connected to nothing, and with an environment that tells
//! of the user (`HOME`, `LOGNAME`, `PATH`, `SHELL`, `USER`), but has nothing of the environment of this process. If the user is not the one of
//! this process, the command has the user's primary group and no other.
//!
//! The command ends when its standard output is closed by all that have it open, and then the shell has ended. All processes in the
//! process group of the shell are killed then, or when the program or its service ends. Those that have left the group are not found, and
//! nothing is killed if this process is itself killed.
//!
//! # Lives of the program
//! The command goes on while the program is suspended, and if it is saved and continued in the same host process within a minute.
//! Continued elsewhere, the program gets the end of data with note -1, and so do copies of it, which go on from the same snapshot after the
//! first. Snapshot: one byte, 1: the command was running, or its end of
//! data not sent; 2: the program has not sent the end of flow. Then, if there is a command, 16 bytes by which it is found in the same process.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use gate_packet::stream::{Misuse, ToProgram, Violation};
use gate_packet::{Data, Domain, Packet};
use gate_service::{
    BoxFuture, Client, Config, Created, Factory, Failure, Outbox, Properties, Saved, Service,
};
use tokio::runtime::Handle;

mod process;

use crate::park::{Park, Token, token};
use process::{Process, StartError};

/// The name of the service.
pub const NAME: &str = "gate.computer/shell";

/// The privilege that programs need.
pub const PRIVILEGE: &str = "program:system";

/// The most bytes of what a command prints in one packet.
const MAX_DATA: usize = 8176;

/// The id of the only stream.
const STREAM: i32 = 0;

const ERROR_SCOPE: i16 = 1;
const ERROR_QUOTA: i16 = 2;
const ERROR_USER: i16 = 3;
const ERROR_DIRECTORY: i16 = 4;
const ERROR_SHELL: i16 = 5;

const NOTE_LOST: i32 = -1;

const SNAPSHOT_DATA_OPEN: u8 = 1;
const SNAPSHOT_FLOW_OPEN: u8 = 2;

/// Makes the service.
#[derive(Clone, Debug)]
pub struct Shell {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Where users are found.
    users: PathBuf,
    park: Park<Command>,
}

impl Default for Shell {
    fn default() -> Self {
        Self::new()
    }
}

impl Shell {
    /// Finds users in `/etc/passwd`.
    #[must_use]
    pub fn new() -> Self {
        Self::with_users("/etc/passwd".into())
    }

    fn with_users(users: PathBuf) -> Self {
        Self { shared: Arc::new(Shared { users, park: Park::default() }) }
    }
}

impl Factory for Shell {
    fn properties(&self) -> Properties<'_> {
        Properties { name: NAME, revision: "0", has_streams: true }
    }

    fn is_discoverable(&self, client: &Client) -> bool {
        client.system_user.is_some()
    }

    fn create(&self, config: Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let command = restore(&snapshot, &shared.park)?;
            let (client, runtime) = (config.client, Handle::current());
            let instance = Instance { shared, client, command, waker: None, runtime, saved: None };
            Ok(Box::new(instance) as Box<dyn Service>)
        })
    }
}

fn restore(snapshot: &[u8], park: &Park<Command>) -> Result<Option<Command>, Failure> {
    let Some((&flags, rest)) = snapshot.split_first() else { return Ok(None) };
    let token = match rest {
        [] => None,
        rest => Some(Token::try_from(rest).map_err(|_| Failure::Snapshot("state of shell is cut".into()))?),
    };
    if flags > SNAPSHOT_DATA_OPEN | SNAPSHOT_FLOW_OPEN {
        return Err(Failure::Snapshot(format!("state {flags} of shell is unknown").into()));
    }
    if flags == 0 {
        return Ok(None);
    }
    if let Some(command) = token.and_then(|token| park.take(&token)) {
        return Ok(Some(command));
    }
    let is_open = |flag: u8| flags & flag != 0;
    let stream = ToProgram::restore(0, is_open(SNAPSHOT_FLOW_OPEN), is_open(SNAPSHOT_DATA_OPEN))
        .expect("no credit is below the limit of credit");
    Ok(Some(Command { stream, process: None }))
}

/// A command, until both ends of its stream have been sent.
#[derive(Debug)]
struct Command {
    stream: ToProgram,
    /// `None` when it has ended, or is in another place.
    process: Option<Process>,
}

impl Command {
    /// Sends what the command prints, and its end.
    fn send(&mut self, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        if !self.stream.is_data_open() {
            return Ok(());
        }
        let note = match &mut self.process {
            None => NOTE_LOST,
            Some(process) => {
                while process.poll_output(context, MAX_DATA).is_ready() && !process.output().is_empty() {
                    let len = self.stream.sendable().min(process.output().len());
                    if len == 0 || !out.has_room() {
                        break;
                    }
                    out.data(Data { id: STREAM, note: 0, bytes: &process.output()[..len] })?;
                    self.stream.sent(len);
                    process.consume(len);
                }
                if self.stream.is_exhausted() {
                    process.kill();
                }
                match process.poll_end(context) {
                    Poll::Ready(note) => note,
                    Poll::Pending => return Ok(()),
                }
            }
        };
        if out.has_room() {
            out.data(Data { id: STREAM, note, bytes: &[] })?;
            self.stream.end();
            self.process = None;
        }
        Ok(())
    }
}

/// The service of one program.
struct Instance {
    shared: Arc<Shared>,
    client: Arc<Client>,
    command: Option<Command>,
    /// To be woken when there is something to do after a packet.
    waker: Option<Waker>,
    /// The one in which the command is watched.
    runtime: Handle,
    /// By which to find the command if this is dropped: nothing has happened since it was saved.
    saved: Option<Token>,
}

impl Instance {
    /// Runs a command, and returns the error.
    fn call(&mut self, command: &[u8]) -> i16 {
        if !self.client.scope.contains(PRIVILEGE) {
            return ERROR_SCOPE;
        }
        if self.command.is_some() {
            return ERROR_QUOTA;
        }
        let Some(user) = self.client.system_user else { return ERROR_USER };
        match Process::start(command, user, &self.shared.users) {
            Ok(process) => {
                self.command = Some(Command { stream: ToProgram::new(), process: Some(process) });
                0
            }
            Err(StartError::User) => ERROR_USER,
            Err(StartError::Directory) => ERROR_DIRECTORY,
            Err(StartError::Shell) => ERROR_SHELL,
        }
    }

    fn forget_closed(&mut self) {
        self.command.take_if(|command| command.stream.is_closed());
    }
}

fn violation(misuse: Misuse, id: i32) -> Failure {
    let Violation { id, misuse } = misuse.of(id);
    Failure::Program(format!("shell: stream {id}: {misuse}").into())
}

impl Service for Instance {
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        self.saved = None;
        match packet.domain() {
            Domain::Info => return Ok(()),
            Domain::Call => {
                let error = self.call(packet.content());
                let stream = if error == 0 { STREAM } else { -1 };
                let ([e0, e1], [s0, s1, s2, s3]) = (error.to_le_bytes(), stream.to_le_bytes());
                out.reply(0, &[e0, e1, 0, 0, s0, s1, s2, s3])?;
            }
            Domain::Flow => {
                for flow in packet.flows() {
                    let command = self.command.as_mut().filter(|_| flow.id == STREAM);
                    let command = command.ok_or_else(|| violation(Misuse::Unknown, flow.id))?;
                    command.stream.flow(flow.meaning()).map_err(|misuse| violation(misuse, flow.id))?;
                    self.forget_closed();
                }
            }
            Domain::Data => {
                return Err(Failure::Program("shell: data is sent to a command, which has no input".into()));
            }
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        self.saved = None;
        self.waker = Some(context.waker().clone());
        if let Some(command) = &mut self.command {
            command.send(context, out)?;
        }
        self.forget_closed();
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        Box::pin(async {
            let Some(command) = &self.command else { return Ok(Vec::new()) };
            let flag = |flag: u8, is_set: bool| if is_set { flag } else { 0 };
            let data = flag(SNAPSHOT_DATA_OPEN, command.stream.is_data_open());
            let flow = flag(SNAPSHOT_FLOW_OPEN, command.stream.is_flow_open());
            let mut snapshot = vec![data | flow];
            if command.process.is_some() {
                let token = match self.saved {
                    // Nothing has happened since.
                    Some(token) => token,
                    None => token()?,
                };
                self.saved = Some(token);
                snapshot.extend_from_slice(&token);
            }
            Ok(snapshot)
        })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let (Some(token), Some(command)) = (self.saved, self.command.take()) {
            self.shared.park.put(token, command, &self.runtime);
        }
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("command", &self.command).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
