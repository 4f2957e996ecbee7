//! A program in C that runs commands of the host.

use std::path::{Path, PathBuf};

use gate_testkit::binaries::workspace;
use rustix::fs::{CWD, FileType, Mode, OFlags};

use crate::grpc::Told;
use crate::stage::{DEADLINE, Stage};

const ENABLED: &str = "--service=shell.enabled=true";

/// `guests/shell.c`: runs the lines of its input.
fn program() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/guests/shell.c");
    let include = format!("-I{}", workspace().join("sdk/c/include").display());
    gate_testkit::guests::c(&source, &[&include]).unwrap()
}

#[test]
fn commands_run_in_full() {
    let stage = Stage::new();
    let input = "echo one\nexit 3\nprintf two; kill $$\ntrue\nseq 10000\n";
    let numbers: String = (1..=10_000).map(|number| format!("{number}\n")).collect();
    let output = format!("one\n(0)\n(3)\ntwo(-3)\n(0)\n{numbers}(0)\n");
    for every in [None, Some("--suspend-every=101"), Some("--suspend-every=1009")] {
        let gate = stage.gate_sharing().arg(ENABLED).args(every).arg(program());
        let finished = gate.stdin(input).run(DEADLINE).unwrap().success().unwrap();
        assert!(finished.stdout_text() == output, "{every:?}: {finished}");
    }
}

#[test]
fn a_program_that_may_not_run_commands_finds_no_shell() {
    let stage = Stage::new();
    let witness = stage.path("witness");
    for option in [None, Some("--service=shell.enabled=false")] {
        let gate = stage.gate_sharing().args(option).arg(program());
        let input = format!("touch {}\n", witness.display());
        let finished = gate.stdin(input).run(DEADLINE).unwrap().success().unwrap();
        assert_eq!(finished.stdout_text(), "there is no shell\n(error -1)\n", "{finished}");
        assert!(!witness.exists());
    }
}

#[test]
fn a_command_is_lost_when_its_program_goes_on_elsewhere() {
    let stage = Stage::new();
    let snapshot = stage.path("snapshot.wasm");
    let pipe = stage.path("pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();

    let option = format!("--snapshot={}", snapshot.display());
    let mut program = Told::start(stage.gate_sharing().args([ENABLED, &option]).arg(program()));
    // It reads the pipe as long as it lives: it can write it, too.
    program.tell(&format!("exec 0<>{}; echo waiting; cat", pipe.display()), "waiting");
    program.suspend();
    // Nobody has the pipe open any more.
    let opened = rustix::fs::open(&pipe, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty());
    assert_eq!(opened.unwrap_err(), rustix::io::Errno::NXIO);

    let mut program = Told::start(stage.gate_sharing().arg(ENABLED).arg(&snapshot));
    program.tell("echo again", "(-1)\nagain\n(0)");
    program.end();
}
