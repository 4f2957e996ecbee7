//! Processes that somebody kills: one clear line, the right status, no hang, and nothing left.

use gate_testkit::process::{Finished, Running};

use crate::guests::{SPIN, WAIT, ready_then};
use crate::processes::{Marked, Processes, control_groups};
use crate::signals::pid;
use crate::stage::{DEADLINE, Stage, check};

/// Runs a program and, once it runs, does something to its processes.
#[track_caller]
fn disturb(then: &str, options: &[&str], disturbance: impl Fn(&Running, &Processes)) -> Finished {
    let stage = Stage::new();
    let marked = Marked::new(&stage);
    let module = stage.file("module.wat", ready_then(then));
    let mut running = marked.gate(&stage).args(options).arg(module).start().unwrap();
    running.wait_for_stdout("ready\n", DEADLINE).unwrap();
    let processes = marked.processes(running.id());
    disturbance(&running, &processes);
    processes.wait_for_their_end();
    // The input is still open: gate ends by itself.
    running.wait_for_end(DEADLINE).unwrap();
    let finished = running.finish(DEADLINE).unwrap();
    marked.assert_nothing_left(&stage);
    finished
}

#[test]
fn the_program_is_killed() {
    for then in [SPIN, WAIT] {
        let finished = disturb(then, &[], |_, processes| {
            for worker in &processes.workers {
                worker.kill();
            }
        });
        check(&finished, 137, "ready\n", "gate: the program's process was ended by signal 9\n");
    }
}

#[test]
fn the_zygote_is_killed() {
    for options in [&[][..], &["--no-namespaces"]] {
        let finished = disturb(WAIT, options, |_, processes| processes.zygote.kill());
        check(&finished, 125, "ready\n", "gate: the container has ended unexpectedly (exit status: 1)\n");
    }
}

#[test]
fn the_creator_is_killed() {
    for options in [&[][..], &["--no-namespaces"]] {
        let finished = disturb(SPIN, options, |_, processes| processes.creator.kill());
        check(
            &finished,
            125,
            "ready\n",
            "gate: the container has ended unexpectedly (signal: 9 (SIGKILL))\n",
        );
    }
}

#[test]
fn gate_itself_is_killed() {
    for options in [&[][..], &["--no-namespaces"]] {
        for then in [SPIN, WAIT] {
            let finished = disturb(then, options, |running, _| {
                rustix::process::kill_process(pid(running.id()), rustix::process::Signal::KILL).unwrap();
            });
            assert_eq!(finished.status.code(), None, "{finished}");
            assert_eq!((finished.stdout_text().as_str(), finished.stderr_text().as_str()), ("ready\n", ""));
        }
    }
}

#[test]
fn the_compiler_is_killed() {
    let stage = Stage::new();
    let marked = Marked::new(&stage);
    let module = gate_testkit::guests::Guest::Ruby.path().unwrap();
    let mut running = marked.gate(&stage).arg("--verbose").arg(module).start().unwrap();
    running.wait_for_stderr("isolated by", DEADLINE).unwrap();
    // One worker waits for a program, the other one compiles.
    let processes = marked.wait_for_processes(running.id(), 2);
    for worker in &processes.workers {
        worker.kill();
    }
    running.wait_for_stderr("gate: compiling module", DEADLINE).unwrap();
    let finished = running.finish(DEADLINE).unwrap();
    assert_eq!(finished.status.code(), Some(126), "{finished}");
    assert!(
        finished.stderr_text().contains("failed: the process for it was ended by signal 9"),
        "{finished}"
    );
    processes.wait_for_their_end();
    marked.assert_nothing_left(&stage);
}

#[test]
fn gate_is_killed_while_it_has_something_compiled() {
    let stage = Stage::new();
    let marked = Marked::new(&stage);
    let module = gate_testkit::guests::Guest::Ruby.path().unwrap();
    let running = marked.gate(&stage).arg(module).start().unwrap();
    let processes = marked.wait_for_processes(running.id(), 2);
    rustix::process::kill_process(pid(running.id()), rustix::process::Signal::KILL).unwrap();
    processes.wait_for_their_end();
    let finished = running.finish(DEADLINE).unwrap();
    assert_eq!((finished.status.code(), finished.stderr_text().as_str()), (None, ""), "{finished}");
    marked.assert_nothing_left(&stage);
}

#[test]
fn nothing_is_left_after_a_normal_end() {
    let stage = Stage::new();
    let marked = Marked::new(&stage);
    let module = stage.file("module.wat", ready_then(""));
    let before = control_groups();
    let finished = marked.gate(&stage).arg(&module).run(DEADLINE).unwrap();
    check(&finished, 0, "ready\n", "");
    marked.assert_nothing_left(&stage);

    let module = stage.file("module.wat", ready_then(WAIT));
    let mut running = marked.gate(&stage).arg(module).start().unwrap();
    running.wait_for_stdout("ready\n", DEADLINE).unwrap();
    let processes = marked.processes(running.id());
    let own = format!("gate-{}-", processes.creator.id());
    let groups = control_groups();
    rustix::process::kill_process(pid(running.id()), rustix::process::Signal::TERM).unwrap();
    processes.wait_for_their_end();
    assert_eq!(running.finish(DEADLINE).unwrap().status.code(), Some(143));
    marked.assert_nothing_left(&stage);
    let left: Vec<_> = control_groups().into_iter().filter(|group| group.starts_with(&own)).collect();
    assert_eq!(left, [""; 0], "control groups are left; before: {before:?}, in between: {groups:?}");
}
