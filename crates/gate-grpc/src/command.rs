//! Servers that are started here, and talk over a socket that they inherit.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use command_fds::{CommandFdExt as _, FdMapping};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::config::{CommandLine, Event, Log};
use crate::connection::Connection;
use crate::error::ServerError;
use crate::limits::{MAX_LINE, STDERR_GRACE};
use crate::proto;

/// The file descriptor at which a command finds its socket.
const CHILD_FD: i32 = 3;

/// What commands end by.
#[derive(Clone)]
pub(crate) struct Ending {
    /// Has no sender any more when they are to end.
    pub(crate) stop: watch::Receiver<()>,
    /// Kept until one has ended.
    pub(crate) running: mpsc::Sender<()>,
    /// How long they may take.
    pub(crate) limit: Duration,
}

/// Starts a command, and asks what services it has. It is told to end when the connection has ended, or `ending` says so.
pub(crate) async fn start(
    text: &str,
    command: &CommandLine,
    log: &Arc<dyn Log>,
    ending: &Ending,
) -> Result<(Connection, Vec<proto::Service>), ServerError> {
    let (ours, mut child) =
        spawn(command).map_err(|source| ServerError::Spawn { path: command.program.clone(), source })?;
    let lines = child.stderr.take().map(|stderr| {
        let (log, text) = (Arc::clone(log), text.to_owned());
        tokio::spawn(async move {
            read_lines(stderr, |line| log.log(&Event::Line { command: &text, line })).await
        })
    });
    // Ends when the connection does, or was never made.
    let (connected, end) = watch::channel(None);
    let watcher = {
        let (log, text, ending) = (Arc::clone(log), text.to_owned(), ending.clone());
        async move {
            let end = watch_over(&mut child, end, ending.stop, ending.limit).await;
            if let Some(lines) = lines {
                // Cut off when others keep the pipe open: it does not matter.
                let _ = timeout(STDERR_GRACE, lines).await;
            }
            if let Ok(End::Unexpected(status)) = end {
                log.log(&Event::Exited { command: &text, status });
            }
            drop(ending.running);
        }
    };
    tokio::spawn(watcher);
    let (connection, services) = Connection::over_socket(ours).await?;
    connected.send_replace(Some(connection.end_watch()));
    Ok((connection, services))
}

fn spawn(command: &CommandLine) -> io::Result<(UnixStream, Child)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let ours = UnixStream::from_std(ours)?;
    let mut process = std::process::Command::new(&command.program);
    process.arg0(&command.name).args(&command.arguments);
    process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    process
        .fd_mappings(vec![FdMapping { parent_fd: theirs.into(), child_fd: CHILD_FD }])
        .expect("a single descriptor does not collide");
    // Dropped, and so killed, only when the runtime ends.
    let child = Command::from(process).kill_on_drop(true).spawn()?;
    Ok((ours, child))
}

/// How a command has ended.
enum End {
    /// As it was told to.
    Expected,
    /// By itself, or by force.
    Unexpected(ExitStatus),
}

/// Waits for the end of a command, and brings it about when it is time.
async fn watch_over(
    child: &mut Child,
    mut end: watch::Receiver<Option<watch::Receiver<()>>>,
    mut stop: watch::Receiver<()>,
    limit: Duration,
) -> io::Result<End> {
    let mut disconnected = pin!(async move {
        // No connection: it could not be made.
        let connection = end.wait_for(Option::is_some).await.ok().and_then(|open| open.clone());
        if let Some(mut open) = connection {
            while open.changed().await.is_ok() {}
            // It ends by itself when it sees that.
            tokio::time::sleep(limit).await;
        }
    });
    tokio::select! {
        status = child.wait() => return Ok(End::Unexpected(status?)),
        () = async { while stop.changed().await.is_ok() {} } => {}
        () = &mut disconnected => {}
    }
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        // It has not been waited for, so the number is still its own.
        let _ = kill_process(pid, Signal::TERM);
    }
    match timeout(limit, child.wait()).await {
        Ok(status) => status.map(|_| End::Expected),
        Err(_) => {
            child.start_kill()?;
            Ok(End::Unexpected(child.wait().await?))
        }
    }
}

/// Hands on each line, without its end; long ones in pieces.
async fn read_lines(mut input: impl AsyncRead + Unpin, mut line: impl FnMut(&str)) {
    let mut buffer = Vec::with_capacity(256);
    loop {
        let read = input.read_buf(&mut buffer).await;
        while let Some(end) = buffer.iter().position(|&byte| byte == b'\n') {
            line(&String::from_utf8_lossy(&buffer[..end]));
            buffer.drain(..=end);
        }
        let ended = !matches!(read, Ok(1..));
        if buffer.len() >= MAX_LINE || (ended && !buffer.is_empty()) {
            line(&String::from_utf8_lossy(&buffer));
            buffer.clear();
        }
        if ended {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
