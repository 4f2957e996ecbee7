//! Signals to gate end the program, the container, and gate.

use gate_testkit::binaries;
use gate_testkit::process::Program;
use rustix::process::{Pid, Signal, kill_process};

use crate::guests::{SLEEP, SPIN, WAIT, ready_then};
use crate::processes::Marked;
use crate::stage::{DEADLINE, Stage, check};

#[test]
fn signals_end_everything() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        for then in [SPIN, SLEEP, WAIT] {
            let stage = Stage::new();
            let marked = Marked::new(&stage);
            let module = stage.file("module.wat", ready_then(then));
            let mut running = marked.gate(&stage).arg(module).start().unwrap();
            running.wait_for_stdout("ready\n", DEADLINE).unwrap();
            let processes = marked.processes(running.id());
            kill_process(pid(running.id()), signal).unwrap();
            running.wait_for_stderr("\n", DEADLINE).unwrap();
            check(&running.finish(DEADLINE).unwrap(), status, "ready\n", "gate: interrupted\n");
            processes.wait_for_their_end();
            marked.assert_nothing_left(&stage);
        }
    }
}

pub(crate) fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
}

/// While compiling, which is another process than running.
#[test]
fn a_signal_ends_a_compilation() {
    let stage = Stage::new();
    let marked = Marked::new(&stage);
    let module = gate_testkit::guests::Guest::Ruby.path().unwrap();
    let mut running = marked.gate(&stage).arg("--verbose").arg(module).start().unwrap();
    // Said as soon as there is a container.
    running.wait_for_stderr("isolated by", DEADLINE).unwrap();
    kill_process(pid(running.id()), Signal::TERM).unwrap();
    running.wait_for_stderr("gate: interrupted\n", DEADLINE).unwrap();
    assert_eq!(running.finish(DEADLINE).unwrap().status.code(), Some(143));
    marked.assert_nothing_left(&stage);
}

/// While there is no module yet.
#[test]
fn a_signal_ends_the_wait_for_a_module() {
    let stage = Stage::new();
    let pipe = stage.path("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    for module in ["-", pipe.to_str().unwrap()] {
        let marked = Marked::new(&stage);
        let mut running = marked.gate(&stage).arg(module).start().unwrap();
        // Signals are caught before the container is started.
        marked.wait_for_container(running.id());
        kill_process(pid(running.id()), Signal::TERM).unwrap();
        running.wait_for_stderr("gate: interrupted\n", DEADLINE).unwrap();
        assert_eq!(running.finish(DEADLINE).unwrap().status.code(), Some(143));
        marked.assert_nothing_left(&stage);
    }
}

/// What a terminal sends to its foreground group reaches gate alone, which ends the rest in good order.
#[test]
fn control_c_on_a_terminal() {
    let stage = Stage::new();
    let marked = Marked::new(&stage);
    for then in [SPIN, WAIT] {
        let module = stage.file("module.wat", ready_then(then));
        let gate = binaries::gate().unwrap();
        let command = format!("exec {} run --no-cache {}", gate.display(), module.display());
        let mut running = Program::new("script")
            .args(["-qec", &command, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .env("GATE_RUNTIME", marked.runtime())
            .start()
            .unwrap();
        running.wait_for_stdout("ready", DEADLINE).unwrap();
        running.write(b"\x03").unwrap();
        running.wait_for_stdout("gate: interrupted", DEADLINE).unwrap();
        assert_eq!(running.finish(DEADLINE).unwrap().status.code(), Some(130));
        marked.assert_nothing_left(&stage);
    }
}
