//! A program in C that uses the services of `examples/services`, in Rust and in Python, which are restarted meanwhile.

use std::fs;
use std::path::{Path, PathBuf};

use gate_testkit::binaries::{echo_service, workspace};
use gate_testkit::process::{Program, Running};
use rustix::process::{Signal, kill_process};

use crate::signals::pid;
use crate::stage::{DEADLINE, Stage, names, skip};

/// The status of a program that was suspended.
const SUSPENDED: i32 = 131;

/// A program with services.
struct Services {
    path: PathBuf,
    /// What answers at once, what answers later, and what counts.
    names: [&'static str; 3],
}

/// Those of `examples/services/rust`.
fn rust() -> Services {
    Services { path: echo_service().unwrap(), names: ["echo", "echo/later", "counter"] }
}

/// Those of `examples/services/python`, unless the host has no Python for them.
fn python(test: &str) -> Option<Services> {
    match gate_testkit::python::echo() {
        Ok(path) => Some(Services { path, names: ["py/echo", "py/later", "py/counter"] }),
        Err(error) => {
            skip(test, &format!("no Python with gRPC: {error:#}"));
            None
        }
    }
}

impl Services {
    /// `guests/remote.c`: does with them what the lines of its input say.
    fn user(&self) -> PathBuf {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/guests/remote.c");
        let include = format!("-I{}", workspace().join("sdk/c/include").display());
        let [echo, later, counter] = self.names;
        let names = [("ECHO", echo), ("LATER", later), ("COUNTER", counter)];
        let names = names.map(|(macro_name, name)| format!("-D{macro_name}=\"{name}\""));
        let [echo, later, counter] = &names;
        gate_testkit::guests::c(&source, &[&include, echo, later, counter]).unwrap()
    }

    /// Has gate start them.
    fn command(&self) -> String {
        format!("--grpc-command={}", self.path.display())
    }

    /// Starts them at a socket.
    fn serve(&self, socket: PathBuf) -> Server<'_> {
        let mut running = Program::new(&self.path).arg(format!("unix:{}", socket.display())).start().unwrap();
        running.wait_for_stderr("\n", DEADLINE).unwrap();
        Server { services: self, socket, running }
    }
}

/// Services at a socket.
struct Server<'a> {
    services: &'a Services,
    socket: PathBuf,
    running: Running,
}

impl Server<'_> {
    fn restart(self) -> Self {
        let Self { services, socket, running } = self;
        drop(running);
        fs::remove_file(&socket).unwrap();
        services.serve(socket)
    }

    fn option(&self) -> String {
        format!("--grpc=unix:{} insecure", self.socket.display())
    }
}

/// A program that does what it is told.
pub(crate) struct Told {
    running: Running,
    expected: String,
}

impl Told {
    pub(crate) fn start(gate: Program) -> Self {
        Self { running: gate.start().unwrap(), expected: String::new() }
    }

    /// Writes a line, and waits for what the program writes.
    #[track_caller]
    pub(crate) fn tell(&mut self, line: &str, answer: &str) {
        self.running.write(format!("{line}\n").as_bytes()).unwrap();
        self.expected += answer;
        self.expected += "\n";
        self.running.wait_for_stdout(&self.expected, DEADLINE).unwrap();
    }

    /// Suspends the program. Its input stays open until it has ended: the end would be suspended with it.
    #[track_caller]
    pub(crate) fn suspend(mut self) {
        kill_process(pid(self.running.id()), Signal::QUIT).unwrap();
        self.running.wait_for_end(DEADLINE).unwrap();
        let finished = self.running.finish(DEADLINE).unwrap();
        assert_eq!(finished.status.code(), Some(SUSPENDED), "{finished}");
        assert_eq!(finished.stdout_text(), self.expected, "{finished}");
    }

    /// Kills the services that gate has started, as a fault of theirs would.
    #[track_caller]
    fn end_services(&self) {
        let tasks = format!("/proc/{}/task", self.running.id());
        let children: String = names(tasks.as_ref())
            .iter()
            // A thread may have ended.
            .filter_map(|task| fs::read_to_string(format!("{tasks}/{task}/children")).ok())
            .collect();
        // What is about to be executed is gate itself until then, with all its arguments.
        let is_service = |child: &&str| {
            // One that has ended has no program any more.
            let program = fs::read_link(format!("/proc/{child}/exe"));
            program.is_ok_and(|path| !path.file_name().unwrap().to_string_lossy().starts_with("gate"))
        };
        let services: Vec<&str> = children.split_whitespace().filter(is_service).collect();
        let [service] = services[..] else { panic!("{children:?}: {services:?}") };
        kill_process(pid(service.parse().unwrap()), Signal::KILL).unwrap();
    }

    /// Ends its input.
    #[track_caller]
    pub(crate) fn end(self) {
        let finished = self.running.finish(DEADLINE).unwrap().success().unwrap();
        assert_eq!(finished.stdout_text(), self.expected, "{finished}");
    }
}

/// The program is suspended and goes on elsewhere, and the services are restarted meanwhile.
fn check_lives(services: &Services) {
    let stage = Stage::new();
    let suspending = |option: &str, module: &Path, snapshot: &Path| {
        let snapshot = format!("--snapshot={}", snapshot.display());
        Told::start(stage.gate_sharing().args([option, &snapshot]).arg(module))
    };
    let [first, second, third] = ["1", "2", "3"].map(|name| stage.path(format!("{name}.wasm")));

    let server = services.serve(stage.path("one"));
    let mut program = suspending(&server.option(), &services.user(), &first);
    program.tell("hello", "hello");
    program.tell("?one", "asked");
    // It has not noticed anything, though it waits for an answer.
    let server = server.restart();
    program.tell("hello again", "hello again");
    program.tell("?two", "asked");
    program.tell("#", "1");
    program.suspend();
    drop(server);

    let server = services.serve(stage.path("two"));
    let mut program = suspending(&server.option(), &first, &second);
    program.tell("#", "2");
    program.tell("!", "one\ntwo");
    let server = server.restart();
    program.tell("?three", "asked");
    program.tell("hello elsewhere", "hello elsewhere");
    program.suspend();
    drop(server);

    // A server that gate starts is as good, and is started again when it has ended.
    let mut program = suspending(&services.command(), &second, &third);
    program.tell("!", "three");
    program.tell("?four", "asked");
    program.end_services();
    program.tell("hello again", "hello again");
    program.tell("?five", "asked");
    program.suspend();

    let mut program = Told::start(stage.gate_sharing().arg(services.command()).arg(&third));
    program.tell("!", "four\nfive");
    program.tell("bye", "bye");
    program.end();
}

/// The program is stopped at many moments, and goes on in other processes.
fn check_moments(services: &Services) {
    let stage = Stage::new();
    let input = "?a\n#\nb\n?c\n#\n!\nd\n#\n";
    let output = "asked\n1\nb\nasked\n2\na\nc\nd\n3\n";
    let server = services.serve(stage.path("socket"));
    for option in [services.command(), server.option()] {
        for every in [None, Some("--suspend-every=101"), Some("--suspend-every=1009")] {
            let gate = stage.gate_sharing().arg(&option).args(every).arg(services.user());
            let finished = gate.stdin(input).run(DEADLINE).unwrap().success().unwrap();
            assert_eq!(finished.stdout_text(), output, "{every:?}: {finished}");
        }
    }
}

#[test]
fn a_program_and_services_in_rust_go_on_independently() {
    check_lives(&rust());
}

#[test]
fn a_program_and_services_in_python_go_on_independently() {
    if let Some(services) = python("grpc::a_program_and_services_in_python_go_on_independently") {
        check_lives(&services);
    }
}

#[test]
fn a_program_with_services_in_rust_is_stopped_at_every_kind_of_moment() {
    check_moments(&rust());
}

#[test]
fn a_program_with_services_in_python_is_stopped_at_every_kind_of_moment() {
    if let Some(services) =
        python("grpc::a_program_with_services_in_python_is_stopped_at_every_kind_of_moment")
    {
        check_moments(&services);
    }
}

#[test]
fn servers_that_are_not_there() {
    let stage = Stage::new();
    let run = |target: &str| {
        let gate = stage.gate_sharing().arg(format!("--grpc={target}")).arg(rust().user());
        gate.stdin("x\n").run(DEADLINE).unwrap()
    };
    let finished = run("unix:/nonexistent/socket insecure");
    assert!(!finished.status.success(), "{finished}");
    assert!(finished.stderr_text().contains("cannot connect to unix:/nonexistent/socket"), "{finished}");
    assert_eq!(finished.stdout_text(), "", "{finished}");

    let finished = run("unix:/nonexistent/socket insecure optional").success().unwrap();
    assert_eq!(finished.stdout_text(), "unavailable\n", "{finished}");
}
