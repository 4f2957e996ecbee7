//! Tests with a real shell.

use std::io::Write;
use std::time::Duration;

use gate_service::conformance::{self, Copies, Message, Script, Subject};
use gate_service::{Registry, Scope};
use rustix::process::{Pid, getuid, test_kill_process};
use tempfile::NamedTempFile;
use tokio::time::timeout;

use super::process::NOTE_KILLED;
use super::*;
use crate::driven::Driven;

/// The user who runs the tests, with another home.
fn users(home: &str) -> (NamedTempFile, Shell) {
    let mut file = NamedTempFile::new().unwrap();
    let uid = getuid().as_raw();
    writeln!(file, "me:x:{uid}:0::{home}:/bin/none\nnobody:x:65534:65534::/tmp:\n").unwrap();
    let shell = Shell::with_users(file.path().to_owned());
    (file, shell)
}

fn client(privileges: &[&str], system_user: Option<u32>) -> Arc<Client> {
    let scope = Scope::new(privileges.iter().map(|privilege| (*privilege).to_owned()));
    Arc::new(Client { scope, system_user, ..crate::driven::client(None) })
}

fn me() -> Arc<Client> {
    client(&[PRIVILEGE], Some(getuid().as_raw()))
}

struct Program {
    /// Where its users are, if nobody else keeps that.
    _users: Option<NamedTempFile>,
    service: Driven,
    output: Vec<u8>,
    note: Option<i32>,
}

impl Program {
    async fn with(factory: &Shell, client: Arc<Client>, snapshot: &[u8]) -> Self {
        let service = Driven::new(factory, client, Registry::new(), snapshot).await.unwrap();
        Self { _users: None, service, output: Vec::new(), note: None }
    }

    async fn new() -> Self {
        let (file, shell) = users("/tmp");
        Self { _users: Some(file), ..Self::with(&shell, me(), &[]).await }
    }

    /// Runs a command, and returns the error.
    async fn call(&mut self, command: &str) -> i16 {
        let reply = self.service.call(command.as_bytes()).await.unwrap();
        (self.output, self.note) = (Vec::new(), None);
        let [e0, e1, 0, 0, s0, s1, s2, s3] = reply[..] else { panic!("{reply:?}") };
        let error = i16::from_le_bytes([e0, e1]);
        assert_eq!(i32::from_le_bytes([s0, s1, s2, s3]), if error == 0 { 0 } else { -1 });
        error
    }

    async fn flow(&mut self, value: i32) {
        self.try_flow(0, value).await.unwrap();
    }

    async fn try_flow(&mut self, id: i32, value: i32) -> Result<(), Failure> {
        self.service.send(Domain::Flow, &[id.to_le_bytes(), value.to_le_bytes()].concat()).await
    }

    async fn receive(&mut self) {
        let packet = timeout(Duration::from_secs(20), self.service.next()).await.expect("something happens");
        let (domain, _, content) = packet.unwrap();
        assert_eq!((domain, &content[..4]), (Domain::Data, &[0; 4][..]));
        assert_eq!(self.note, None);
        assert!(content.len() <= 8 + MAX_DATA);
        let note = i32::from_le_bytes(content[4..8].try_into().unwrap());
        if content.len() == 8 {
            self.note = Some(note);
        } else {
            assert_eq!(note, 0);
            self.output.extend_from_slice(&content[8..]);
        }
    }

    /// Output and note.
    async fn end(&mut self) -> (String, i32) {
        while self.note.is_none() {
            self.receive().await;
        }
        (String::from_utf8_lossy(&self.output).into_owned(), self.note.unwrap())
    }

    async fn run(&mut self, command: &str) -> (String, i32) {
        assert_eq!(self.call(command).await, 0);
        self.flow(1_000_000).await;
        let end = self.end().await;
        self.flow(0).await;
        end
    }
}

#[track_caller]
fn check(found: &(String, i32), output: &str, note: i32) {
    assert_eq!((&*found.0, found.1), (output, note));
}

#[tokio::test]
async fn commands_are_run() {
    let mut program = Program::new().await;
    check(&program.run("echo hello; echo error >&2").await, "hello\n", 0);
    check(&program.run("exit 7").await, "", 7);
    check(&program.run("kill -9 $$").await, "", NOTE_KILLED);
    check(&program.run("cat; pwd").await, "/tmp\n", 0);
    check(&program.run("").await, "", 0);
    check(&program.run("-x").await, "", 127);
    check(
        &program.run("printf '%s ' \"$HOME\" \"$USER\" \"$LOGNAME\" \"$SHELL\"").await,
        "/tmp me me /bin/sh ",
        0,
    );
    // What the environment of the tests has is not there.
    check(&program.run("env | grep -c CARGO").await, "0\n", 1);
    let (output, note) = program.run("head -c 100000 /dev/zero").await;
    assert_eq!((output.len(), note), (100_000, 0));
    assert_eq!(program.service.save().await, b"");
}

#[tokio::test]
async fn credit_is_kept_to() {
    let mut program = Program::new().await;
    assert_eq!(program.call("yes | head -n 10000; exit 3").await, 0);
    assert!(timeout(Duration::from_millis(100), program.service.next()).await.is_err());
    for credit in [1, 10_000, 9998] {
        program.flow(credit).await;
        let expected = program.output.len() + usize::try_from(credit).unwrap();
        while program.output.len() < expected {
            program.receive().await;
        }
        assert_eq!(program.output.len(), expected);
    }
    // There is one more, for which there is no credit, and so no end.
    assert!(timeout(Duration::from_millis(100), program.service.next()).await.is_err());
    program.flow(1).await;
    let (output, note) = program.end().await;
    assert_eq!((output, note), ("y\n".repeat(10_000), 3));
}

#[tokio::test]
async fn the_end_of_flow_kills() {
    let mut program = Program::new().await;
    assert_eq!(program.call("echo $$; exec sleep 1000").await, 0);
    program.flow(1000).await;
    program.receive().await;
    program.flow(0).await;
    // There is credit left, so it goes on.
    assert!(timeout(Duration::from_millis(100), program.service.next()).await.is_err());
    assert_eq!(program.call("true").await, ERROR_QUOTA);

    let mut program = Program::new().await;
    assert_eq!(program.call("yes").await, 0);
    program.flow(4).await;
    program.flow(0).await;
    check(&program.end().await, "y\ny\n", NOTE_KILLED);
    // Signals that can be ignored would not end this.
    assert_eq!(program.call("trap '' TERM; sleep 1000 | sleep 1000").await, 0);
    program.flow(0).await;
    check(&program.end().await, "", NOTE_KILLED);
}

#[tokio::test]
async fn one_runs_at_a_time() {
    let mut program = Program::new().await;
    assert_eq!(program.call("echo a").await, 0);
    assert_eq!(program.call("echo b").await, ERROR_QUOTA);
    program.flow(100).await;
    check(&program.end().await, "a\n", 0);
    assert_eq!(program.call("echo b").await, ERROR_QUOTA);
    program.flow(0).await;
    check(&program.run("echo b").await, "b\n", 0);
}

/// Waits until there is no process with this number.
async fn wait_for_end(pid: &str) {
    let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    let gone = async {
        while test_kill_process(pid).is_ok() {
            let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            if status.contains(") Z ") || status.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.expect("it is killed");
}

#[tokio::test]
async fn what_is_left_of_a_command_is_killed() {
    let mut program = Program::new().await;
    // It has nothing to do with the output any more.
    let (pid, note) = program.run("sleep 1000 > /dev/null & echo $!").await;
    assert_eq!(note, 0);
    wait_for_end(&pid).await;
    // When the program ends.
    assert_eq!(program.call("sleep 1000 & echo $!; wait").await, 0);
    program.flow(1000).await;
    program.receive().await;
    let pid = String::from_utf8(program.output.clone()).unwrap();
    drop(program);
    wait_for_end(&pid).await;
}

#[tokio::test]
async fn it_is_for_those_who_may() {
    let (_file, shell) = users("/tmp");
    let own = getuid().as_raw();
    let mut program = Program::with(&shell, client(&[], Some(own)), &[]).await;
    assert_eq!(program.call("true").await, ERROR_SCOPE);
    let restricted = me();
    restricted.scope.restrict([].into());
    let mut program = Program::with(&shell, restricted, &[]).await;
    assert_eq!(program.call("true").await, ERROR_SCOPE);
    let mut program = Program::with(&shell, client(&[PRIVILEGE], None), &[]).await;
    assert_eq!(program.call("true").await, ERROR_USER);
    let mut program = Program::with(&shell, client(&[PRIVILEGE], Some(12_345)), &[]).await;
    assert_eq!(program.call("true").await, ERROR_USER);
    let (_file, homeless) = users("/none");
    let mut program = Program::with(&homeless, me(), &[]).await;
    assert_eq!(program.call("true").await, ERROR_DIRECTORY);
    let mut program = Program::with(&shell, me(), &[]).await;
    assert_eq!(program.call("a\0b").await, ERROR_SHELL);
    assert_eq!(program.call("true").await, 0);

    assert!(shell.is_discoverable(&me()));
    assert!(!shell.is_discoverable(&client(&[PRIVILEGE], None)));
}

/// Only root can run something as another user; somebody else gets an error, and no shell of their own user.
#[tokio::test]
async fn it_runs_as_the_user() {
    let (_file, shell) = users("/tmp");
    let mut program = Program::with(&shell, client(&[PRIVILEGE], Some(65_534)), &[]).await;
    if getuid().is_root() {
        check(&program.run("id -u; id -g; id -G; echo $USER").await, "65534\n65534\n65534\nnobody\n", 0);
    } else {
        assert_eq!(program.call("true").await, ERROR_USER);
    }
}

#[tokio::test]
async fn the_protocol_is_kept() {
    let mut program = Program::new().await;
    for (id, value) in [(0, 1), (1, 1), (-1, 0)] {
        let result = program.try_flow(id, value).await;
        assert!(matches!(result, Err(Failure::Program(_))), "{result:?}");
    }
    assert_eq!(program.call("exec sleep 1000").await, 0);
    assert!(matches!(program.try_flow(1, 1).await, Err(Failure::Program(_))));
    program.flow(i32::MAX).await;
    assert!(matches!(program.try_flow(0, 1).await, Err(Failure::Program(_))));
    program.flow(0).await;
    assert!(matches!(program.try_flow(0, 0).await, Err(Failure::Program(_))));
    let result = program.service.send(Domain::Data, &[0; 9]).await;
    assert!(matches!(result, Err(Failure::Program(_))));
    program.service.send(Domain::Info, b"anything").await.unwrap();
}

#[tokio::test]
async fn a_command_goes_on_in_the_same_host() {
    let (_file, shell) = users("/tmp");
    let mut program = Program::with(&shell, me(), &[]).await;
    assert_eq!(program.call("for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.02; done").await, 0);
    program.flow(100).await;
    let (mut output, mut note) = (Vec::new(), None);
    while note.is_none() {
        program.receive().await;
        output.append(&mut program.output);
        note = program.note;
        let snapshot = program.service.save().await;
        drop(program);
        program = Program::with(&shell, me(), &snapshot).await;
    }
    assert_eq!((&*output, note), (&b"1\n2\n3\n4\n5\n6\n7\n8\n9\n"[..], Some(0)));
    assert_eq!(program.call("true").await, ERROR_QUOTA);
    program.flow(0).await;
    assert_eq!(program.call("true").await, 0);
}

#[tokio::test]
async fn a_command_is_lost_elsewhere() {
    let (_file, shell) = users("/tmp");
    let (_other_file, elsewhere) = users("/tmp");
    let mut program = Program::with(&shell, me(), &[]).await;
    assert_eq!(program.call("exec sleep 1000").await, 0);
    let snapshot = program.service.save().await;
    assert_eq!((snapshot.len(), snapshot[0]), (17, 3));
    // As it is written by other hosts, too.
    for snapshot in [&snapshot[..], &snapshot[..1]] {
        let mut program = Program::with(&elsewhere, me(), snapshot).await;
        assert_eq!(program.call("true").await, ERROR_QUOTA);
        check(&program.end().await, "", NOTE_LOST);
        assert_eq!(program.service.save().await, [SNAPSHOT_FLOW_OPEN]);
        let snapshot = program.service.save().await;
        program = Program::with(&elsewhere, me(), &snapshot).await;
        program.flow(0).await;
        check(&program.run("echo a").await, "a\n", 0);
    }
    let mut program = Program::with(&elsewhere, me(), &[SNAPSHOT_DATA_OPEN]).await;
    check(&program.end().await, "", NOTE_LOST);
    check(&program.run("echo a").await, "a\n", 0);
    for snapshot in [&[4][..], &[1, 2], &[3; 16], &[3; 18]] {
        let result = Driven::new(&shell, me(), Registry::new(), snapshot).await;
        assert!(matches!(result, Err(Failure::Snapshot(_))));
    }
}

fn script() -> Script {
    Script::new()
        .send(Message::call(b"echo hello; exit 5"))
        .send(Message::call(b"true"))
        .send(Message::flow(0, 3))
        .until(|program| program.received(0) == 3)
        .send(Message::flow(0, 100))
        .until(|program| program.stream(0).is_some_and(|stream| stream.data_end == Some(5)))
        .send(Message::call(b"true"))
        .send(Message::flow(0, 0))
        .until(|program| program.replies() == 3)
}

#[tokio::test]
async fn it_is_a_service() {
    let (_file, shell) = users("/tmp");
    let subject = || Subject { client: me(), ..Subject::new(Arc::new(shell.clone()), script()) };
    conformance::quiet(subject()).await.unwrap();
    conformance::lives(subject).await.unwrap();
    let copied = || Subject { copies: Copies::Different, ..subject() };
    conformance::copies(copied).await.unwrap();
    conformance::no_room(subject).await.unwrap();
    conformance::drops(subject).await.unwrap();
    conformance::damaged_snapshots(subject).await.unwrap();
    // These programs may not do anything.
    conformance::garbage(|| Subject::new(Arc::new(shell.clone()), script())).await.unwrap();
}
