//! A shell that runs a command.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll, ready};

use rustix::process::{Pid, PidfdFlags, Signal, geteuid, getuid, kill_process_group, pidfd_open};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::process::{Child, ChildStdout, Command};

use crate::users::{self, User};

/// The command has ended in a way that is not known.
const NOTE_OTHER: i32 = -2;

/// The command was killed by a signal.
pub(super) const NOTE_KILLED: i32 = -3;

/// Where programs are looked for, as long as no file of the shell says otherwise.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

const SHELL: &str = "/bin/sh";

/// Why there is no process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartError {
    /// It cannot be run as the user.
    User,
    /// The user's home directory cannot be entered.
    Directory,
    /// The shell cannot be started.
    Shell,
}

/// A shell in a process group of its own, which is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    /// The shell. It is reaped after all of its group were killed, so the number is not given to another group before.
    child: Child,
    group: Pid,
    exit: AsyncFd<OwnedFd>,
    /// `None` when it has been closed.
    stdout: Option<ChildStdout>,
    /// What was read of it, and not been consumed.
    output: Vec<u8>,
    /// How it has ended.
    note: Option<i32>,
}

impl Process {
    /// Starts a command as the user with this id, who is looked for in `users`.
    pub(super) fn start(command: &[u8], uid: u32, users: &Path) -> Result<Self, StartError> {
        let user = users::find(users, uid).ok().flatten().ok_or(StartError::User)?;
        if !user.home.is_dir() {
            return Err(StartError::Directory);
        }
        let mut command = shell(command, &user);
        if getuid().as_raw() != uid || geteuid().as_raw() != uid {
            if !geteuid().is_root() {
                return Err(StartError::User);
            }
            // Takes away all other groups, too.
            command.gid(user.gid).uid(user.uid);
        }
        let mut child = command.spawn().map_err(|_| StartError::Shell)?;
        let stdout = child.stdout.take();
        match watch(&child) {
            Ok((group, exit)) => Ok(Self { child, group, exit, stdout, output: Vec::new(), note: None }),
            Err(_) => {
                // Nothing else is known of it. If this fails, it has ended.
                let _ = child.start_kill();
                Err(StartError::Shell)
            }
        }
    }

    /// What the command has printed, and was not consumed: something, unless the command has closed its output.
    pub(super) fn output(&self) -> &[u8] {
        &self.output
    }

    /// Sees to it that there is output, of at most `limit` bytes. Ready also when there will be none any more.
    pub(super) fn poll_output(&mut self, context: &mut Context<'_>, limit: usize) -> Poll<()> {
        if let (Some(stdout), true) = (&mut self.stdout, self.output.is_empty()) {
            self.output.resize(limit, 0);
            let mut buffer = ReadBuf::new(&mut self.output);
            let read = Pin::new(stdout).poll_read(context, &mut buffer);
            let len = buffer.filled().len();
            self.output.truncate(len);
            if ready!(read).is_err() || len == 0 {
                self.stdout = None;
            }
        }
        Poll::Ready(())
    }

    /// The first `len` bytes of the output have been sent.
    pub(super) fn consume(&mut self, len: usize) {
        self.output.drain(..len);
    }

    /// Kills the command, and forgets what it has printed.
    pub(super) fn kill(&mut self) {
        self.kill_group();
        self.stdout = None;
        self.output = Vec::new();
    }

    fn kill_group(&self) {
        if self.note.is_none() {
            // Fails only if there is nobody in it, or nobody who is allowed to be killed.
            let _ = kill_process_group(self.group, Signal::KILL);
        }
    }

    /// The note of the end of data, when everything has been printed and consumed, and the shell has ended.
    pub(super) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<i32> {
        if self.stdout.is_some() || !self.output.is_empty() {
            return Poll::Pending;
        }
        if let Some(note) = self.note {
            return Poll::Ready(note);
        }
        // It stays readable: there is no need to clear that.
        let exited = ready!(self.exit.poll_read_ready(context));
        drop(exited);
        self.kill_group();
        let note = note(self.child.try_wait());
        self.note = Some(note);
        Poll::Ready(note)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}

fn shell(command: &[u8], user: &User) -> Command {
    let mut shell = Command::new(SHELL);
    shell
        // The command may begin with a dash.
        .args(["-l", "-c", "--"])
        .arg(OsStr::from_bytes(command))
        .env_clear()
        .env("HOME", &user.home)
        .env("LOGNAME", &user.name)
        .env("PATH", PATH)
        .env("SHELL", SHELL)
        .env("USER", &user.name)
        .current_dir(&user.home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    shell
}

/// The process group of a child, and what tells when it has exited.
fn watch(child: &Child) -> io::Result<(Pid, AsyncFd<OwnedFd>)> {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let id = id.ok_or(io::ErrorKind::NotFound)?;
    let exit = pidfd_open(id, PidfdFlags::NONBLOCK)?;
    #[expect(
        deprecated,
        reason = "the other way is unsafe, for types that may change their descriptor; this one cannot"
    )]
    let exit = AsyncFd::new(exit)?;
    Ok((id, exit))
}

fn note(status: io::Result<Option<ExitStatus>>) -> i32 {
    match status {
        Ok(Some(status)) => match (status.code(), status.signal()) {
            (Some(code), _) => code,
            (None, Some(_)) => NOTE_KILLED,
            (None, None) => NOTE_OTHER,
        },
        Ok(None) | Err(_) => NOTE_OTHER,
    }
}
