//! Native programs under test: started in a process group of their own, with a deadline and their logs kept.
//!
//! Nothing here sleeps or polls: two threads read the pipes, one waits for the process, and a condition variable wakes
//! whoever waits for a state of theirs.

use std::ffi::OsStr;
use std::fmt;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How long a killed process may take to disappear, and its pipes to close.
const KILL_GRACE: Duration = Duration::from_secs(10);

/// The bytes of each log that an error message shows: the last ones.
const SHOWN_BYTES: usize = 8 << 10;

/// A command line to be run. Its standard input is what [`Program::stdin`] says, else a pipe.
#[derive(Debug)]
pub struct Program {
    command: Command,
    stdin: Option<Vec<u8>>,
    stdout: Option<Stdio>,
}

impl Program {
    /// The program at `path`, or found on `PATH` when `path` is a bare name; no arguments, this process's environment.
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(path), stdin: None, stdout: None }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts the program with no environment but what [`Program::env`] sets.
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Gives the program these bytes and then the end of its standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Has the program write its standard output to a file or pipe of the caller, who reads it or not: here it is empty then.
    #[must_use]
    pub fn stdout(mut self, output: impl Into<Stdio>) -> Self {
        self.stdout = Some(output.into());
        self
    }

    /// Starts the program. Without [`Program::stdin`] its standard input is open for [`Running::write`].
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(mut self) -> Result<Running> {
        let line = format!("{:?}", self.command);
        let stdout = self.stdout.take().unwrap_or_else(Stdio::piped);
        self.command.stdin(Stdio::piped()).stdout(stdout).stderr(Stdio::piped()).process_group(0);
        let mut child = self.command.spawn().with_context(|| format!("cannot start {line}"))?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("no process id")?;

        let watched = Arc::new(Watched { log: Mutex::default(), changed: Condvar::new() });
        let mut stdin = child.stdin.take();
        if let Some(bytes) = self.stdin
            && let Some(mut pipe) = stdin.take()
        {
            // A program that leaves input unread closes the pipe early, which is its right.
            thread::spawn(move || drop(pipe.write_all(&bytes)));
        }
        if let Some(out) = child.stdout.take() {
            watched.lock().open_pipes += 1;
            read_into(out, Arc::clone(&watched), |log| &mut log.stdout);
        }
        if let Some(err) = child.stderr.take() {
            watched.lock().open_pipes += 1;
            read_into(err, Arc::clone(&watched), |log| &mut log.stderr);
        }
        let waiting = Arc::clone(&watched);
        thread::spawn(move || {
            // `NOWAIT` leaves a zombie, so the id stays ours until `Running` reaps it and may be used to kill.
            while let Err(rustix::io::Errno::INTR) =
                waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
            {}
            waiting.update(|log| log.exited = true);
        });
        Ok(Running { line, child, group, stdin, watched, reaped: false })
    }

    /// Runs the program to its end. Without [`Program::stdin`] its standard input is empty.
    ///
    /// # Errors
    /// It cannot be started, or did not end and close its outputs in time; then its process group was killed and the
    /// message has its logs. A failure exit is not an error here: see [`Finished::success`].
    pub fn run(self, deadline: Duration) -> Result<Finished> {
        self.start()?.finish(deadline)
    }
}

/// A started program; dropping it kills its process group.
#[derive(Debug)]
pub struct Running {
    line: String,
    child: Child,
    group: Pid,
    stdin: Option<ChildStdin>,
    watched: Arc<Watched>,
    reaped: bool,
}

impl Running {
    /// The process id, which is also the id of its process group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to the program's standard input.
    ///
    /// # Errors
    /// The program does not read any more, or its input was closed or given at the start.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let stdin = self.stdin.as_mut().with_context(|| format!("the input of {} is closed", self.line))?;
        stdin.write_all(bytes).with_context(|| format!("cannot write to {}", self.line))
    }

    /// How many bytes the program has not read of what was written to its standard input.
    ///
    /// # Errors
    /// The input was closed or given at the start.
    pub fn unread(&self) -> Result<u64> {
        let stdin = self.stdin.as_ref().with_context(|| format!("the input of {} is closed", self.line))?;
        rustix::io::ioctl_fionread(stdin)
            .with_context(|| format!("cannot look at the input of {}", self.line))
    }

    /// Ends the program's standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// What the program has written to its standard output up to now.
    pub fn stdout(&self) -> Vec<u8> {
        self.watched.lock().stdout.clone()
    }

    /// What the program has written to its standard error up to now.
    pub fn stderr(&self) -> Vec<u8> {
        self.watched.lock().stderr.clone()
    }

    /// Waits until the standard output contains `text`.
    ///
    /// # Errors
    /// It does not within `deadline`, or the output ended before; the message has the logs.
    pub fn wait_for_stdout(&mut self, text: &str, deadline: Duration) -> Result<()> {
        self.wait_for(text, deadline, "standard output", |log| &log.stdout)
    }

    /// Waits until the standard error contains `text`.
    ///
    /// # Errors
    /// As [`Running::wait_for_stdout`].
    pub fn wait_for_stderr(&mut self, text: &str, deadline: Duration) -> Result<()> {
        self.wait_for(text, deadline, "standard error", |log| &log.stderr)
    }

    fn wait_for(
        &mut self,
        text: &str,
        deadline: Duration,
        which: &str,
        output: impl Fn(&Log) -> &Vec<u8>,
    ) -> Result<()> {
        let contains = |log: &Log| contains(output(log), text.as_bytes());
        let log = self.watched.wait(deadline, |log| contains(log) || (log.exited && log.open_pipes == 0));
        if contains(&log) {
            return Ok(());
        }
        let how = if log.exited { "ended".to_owned() } else { format!("ran {deadline:?}") };
        bail!("{} {how} without {text:?} on its {which}\n{log}", self.line)
    }

    /// Waits for the program's end and that of its outputs, and leaves its input open.
    ///
    /// # Errors
    /// It did not end within `deadline`; the message has the logs.
    pub fn wait_for_end(&mut self, deadline: Duration) -> Result<()> {
        let log = self.watched.wait(deadline, |log| log.exited && log.open_pipes == 0);
        if log.exited && log.open_pipes == 0 {
            return Ok(());
        }
        bail!("{} did not end within {deadline:?}\n{log}", self.line)
    }

    /// Closes the program's input and waits for its end and that of its outputs.
    ///
    /// # Errors
    /// It did not end in time, or left a process behind that keeps its outputs open; its process group was killed and
    /// the message has the logs.
    pub fn finish(mut self, deadline: Duration) -> Result<Finished> {
        self.close_stdin();
        let log = self.watched.wait(deadline, |log| log.exited && log.open_pipes == 0);
        let (exited, open_pipes) = (log.exited, log.open_pipes);
        drop(log);
        if exited && open_pipes == 0 {
            let status = self.reap()?;
            let mut log = self.watched.lock();
            let (stdout, stderr) = (std::mem::take(&mut log.stdout), std::mem::take(&mut log.stderr));
            drop(log);
            return Ok(Finished { line: std::mem::take(&mut self.line), status, stdout, stderr });
        }
        self.kill();
        let log = self.watched.wait(KILL_GRACE, |log| log.exited && log.open_pipes == 0);
        let problem = if exited {
            "ended, but a process it left behind kept its outputs open until the deadline of"
        } else {
            "did not end within"
        };
        Err(anyhow!("{} {problem} {deadline:?}\n{log}", self.line))
    }

    /// Kills the program and what it started, except processes that moved to another process group.
    pub fn kill(&mut self) {
        if !self.reaped {
            // The group exists as long as its leader is not reaped.
            let _ = kill_process_group(self.group, Signal::KILL);
        }
    }

    fn reap(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait().with_context(|| format!("cannot wait for {}", self.line))?;
        self.reaped = true;
        Ok(status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            // It was killed: the wait is short, and nobody could use an error.
            drop(self.reap());
        }
    }
}

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    line: String,
    /// How it ended.
    pub status: ExitStatus,
    /// All it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// All it wrote to its standard error.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// The result, if it ended with status 0.
    ///
    /// # Errors
    /// Another status or a signal; the message has command, status and logs.
    pub fn success(self) -> Result<Self> {
        if self.status.success() { Ok(self) } else { Err(anyhow!("{self}")) }
    }

    /// The standard output as text; what is not UTF-8 becomes U+FFFD.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The standard error as text; what is not UTF-8 becomes U+FFFD.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.line, self.status)?;
        show(f, "standard output", &self.stdout)?;
        show(f, "standard error", &self.stderr)
    }
}

/// What is known of a running program.
#[derive(Debug, Default)]
struct Log {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    open_pipes: u8,
    exited: bool,
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, "standard output", &self.stdout)?;
        show(f, "standard error", &self.stderr)
    }
}

#[derive(Debug)]
struct Watched {
    log: Mutex<Log>,
    changed: Condvar,
}

impl Watched {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("no holder of this lock panics")
    }

    fn update(&self, change: impl FnOnce(&mut Log)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until `state` holds or the deadline has passed; the caller looks which.
    fn wait(&self, deadline: Duration, state: impl Fn(&Log) -> bool) -> MutexGuard<'_, Log> {
        let (log, _) = self
            .changed
            .wait_timeout_while(self.lock(), deadline, |log| !state(log))
            .expect("no holder of this lock panics");
        log
    }
}

fn read_into(
    mut pipe: impl Read + Send + 'static,
    watched: Arc<Watched>,
    output: fn(&mut Log) -> &mut Vec<u8>,
) {
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(bytes) => watched.update(|log| output(log).extend_from_slice(&buffer[..bytes])),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        watched.update(|log| log.open_pipes -= 1);
    });
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

fn show(f: &mut fmt::Formatter<'_>, what: &str, bytes: &[u8]) -> fmt::Result {
    if bytes.is_empty() {
        return writeln!(f, "--- {what}: nothing");
    }
    let shown = &bytes[bytes.len().saturating_sub(SHOWN_BYTES)..];
    let part = if shown.len() < bytes.len() { format!(", last {SHOWN_BYTES}") } else { String::new() };
    writeln!(f, "--- {what} ({} bytes{part}):", bytes.len())?;
    let text = String::from_utf8_lossy(shown);
    writeln!(f, "{}", text.trim_end_matches('\n'))
}

#[cfg(test)]
mod tests;
