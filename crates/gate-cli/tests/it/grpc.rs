//! A program in C that uses the services of `examples/services/rust`, which is restarted meanwhile.

use std::path::{Path, PathBuf};

use gate_testkit::binaries::{echo_service, workspace};
use gate_testkit::process::{Program, Running};
use rustix::process::{Signal, kill_process};

use crate::signals::pid;
use crate::stage::{DEADLINE, Stage};

/// The status of a program that was suspended.
const SUSPENDED: i32 = 131;

/// `guests/remote.c`: does what the lines of its input say.
fn remote() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/guests/remote.c");
    let include = format!("-I{}", workspace().join("sdk/c/include").display());
    gate_testkit::guests::c(&source, &[&include]).unwrap()
}

/// A server at a socket.
struct Server {
    socket: PathBuf,
    running: Running,
}

impl Server {
    fn start(socket: PathBuf) -> Self {
        let mut running =
            Program::new(echo_service().unwrap()).arg(format!("unix:{}", socket.display())).start().unwrap();
        running.wait_for_stderr("\n", DEADLINE).unwrap();
        Self { socket, running }
    }

    fn restart(self) -> Self {
        let Self { socket, running } = self;
        drop(running);
        std::fs::remove_file(&socket).unwrap();
        Self::start(socket)
    }

    fn option(&self) -> String {
        format!("--grpc=unix:{} insecure", self.socket.display())
    }
}

/// A program that does what it is told.
struct Told {
    running: Running,
    expected: String,
}

impl Told {
    fn start(gate: Program) -> Self {
        Self { running: gate.start().unwrap(), expected: String::new() }
    }

    /// Writes a line, and waits for what the program writes.
    #[track_caller]
    fn tell(&mut self, line: &str, answer: &str) {
        self.running.write(format!("{line}\n").as_bytes()).unwrap();
        self.expected += answer;
        self.expected += "\n";
        self.running.wait_for_stdout(&self.expected, DEADLINE).unwrap();
    }

    /// Suspends the program. Its input stays open until it has ended: the end would be suspended with it.
    #[track_caller]
    fn suspend(mut self) {
        kill_process(pid(self.running.id()), Signal::QUIT).unwrap();
        self.running.wait_for_end(DEADLINE).unwrap();
        let finished = self.running.finish(DEADLINE).unwrap();
        assert_eq!(finished.status.code(), Some(SUSPENDED), "{finished}");
        assert_eq!(finished.stdout_text(), self.expected, "{finished}");
    }

    /// Ends its input.
    #[track_caller]
    fn end(self) {
        let finished = self.running.finish(DEADLINE).unwrap().success().unwrap();
        assert_eq!(finished.stdout_text(), self.expected, "{finished}");
    }
}

#[test]
fn a_program_and_its_services_are_stopped_and_go_on_independently() {
    let stage = Stage::new();
    let first = stage.path("first.wasm");
    let second = stage.path("second.wasm");

    let server = Server::start(stage.path("one"));
    let suspending = |option: &str, module: &Path, snapshot: &Path| {
        let snapshot = format!("--snapshot={}", snapshot.display());
        Told::start(stage.gate_sharing().args([option, &snapshot]).arg(module))
    };
    let mut program = suspending(&server.option(), &remote(), &first);
    program.tell("hello", "hello");
    program.tell("?one", "asked");
    // It has not noticed anything, though it waits for an answer.
    let server = server.restart();
    program.tell("hello again", "hello again");
    program.tell("?two", "asked");
    program.tell("#", "1");
    program.suspend();
    drop(server);

    let server = Server::start(stage.path("two"));
    let mut program = suspending(&server.option(), &first, &second);
    program.tell("#", "2");
    program.tell("!", "one\ntwo");
    let server = server.restart();
    program.tell("?three", "asked");
    program.tell("hello elsewhere", "hello elsewhere");
    program.suspend();
    drop(server);

    // A server that gate starts is as good.
    let option = format!("--grpc-command={}", echo_service().unwrap().display());
    let mut program = Told::start(stage.gate_sharing().arg(option).arg(&second));
    program.tell("!", "three");
    program.tell("bye", "bye");
    program.end();
}

#[test]
fn a_program_is_stopped_at_every_kind_of_moment() {
    let stage = Stage::new();
    let input = "?a\n#\nb\n?c\n#\n!\nd\n#\n";
    let output = "asked\n1\nb\nasked\n2\na\nc\nd\n3\n";
    let option = format!("--grpc-command={}", echo_service().unwrap().display());
    for every in [None, Some("--suspend-every=101"), Some("--suspend-every=1009")] {
        let gate = stage.gate_sharing().arg(&option).args(every).arg(remote());
        let finished = gate.stdin(input).run(DEADLINE).unwrap().success().unwrap();
        assert_eq!(finished.stdout_text(), output, "{every:?}: {finished}");
    }
}

#[test]
fn servers_that_are_not_there() {
    let stage = Stage::new();
    let run = |target: &str| {
        let gate = stage.gate_sharing().arg(format!("--grpc={target}")).arg(remote());
        gate.stdin("x\n").run(DEADLINE).unwrap()
    };
    let finished = run("unix:/nonexistent/socket insecure");
    assert!(!finished.status.success(), "{finished}");
    assert!(finished.stderr_text().contains("cannot connect to unix:/nonexistent/socket"), "{finished}");
    assert_eq!(finished.stdout_text(), "", "{finished}");

    let finished = run("unix:/nonexistent/socket insecure optional").success().unwrap();
    assert_eq!(finished.stdout_text(), "unavailable\n", "{finished}");
}
