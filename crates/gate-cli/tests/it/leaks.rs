//! A thousand lives of a program in one container: nothing becomes more.
//!
//! The suite has fewer of them; `GATE_LIVES` is their number in long runs.

use std::fs;
use std::time::Duration;

use gate_testkit::process::Running;

use crate::chance::setting;
use crate::processes::Marked;
use crate::stage::{Stage, is_root, skip};

/// Reads a number of four bytes, counts down from it, says so, and reads the next; a stop point is each step.
const COUNTER: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "done\n")
    (func (export "_start") (local $i i32)
      (loop $next
        (i64.store (i32.const 64) (i64.const 0x400000080))
        (if (call $read (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 72)) (then (unreachable)))
        (if (i32.eqz (i32.load (i32.const 72))) (then (return)))
        (local.set $i (i32.load (i32.const 128)))
        (loop $step
          (br_if $step (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
        (i64.store (i32.const 64) (i64.const 0x500000010))
        (if (call $write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 72)) (then (unreachable)))
        (br $next))))"#;

/// A thousand lives take some ten seconds, more on a busy machine.
const DEADLINE: Duration = Duration::from_secs(300);

/// Memory that may be more after all these lives than after a few, in KiB: less than 1 for each of the suite's.
const SLACK_KIB: u64 = 128;

/// What there is of something that could become more with each life.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    /// Open files of gate, of the creator and of the zygote.
    descriptors: [usize; 3],
    /// Processes of the container.
    processes: usize,
    /// Anonymous memory of gate and of the zygote, in KiB. Pages of the executable do not count: whether they are a
    /// process's own depends on what else is being executed.
    memory: [u64; 2],
    /// Mappings of memory files in gate and in the zygote.
    mappings: [usize; 2],
}

/// What there is when the program has come to where it waits for input, and stays in one process.
fn held(marked: &Marked, running: &mut Running) -> Held {
    let gate = running.id();
    let mut last = 0;
    let processes = loop {
        // It has no reason to end.
        running.wait_for_end(Duration::from_millis(100)).unwrap_err();
        let processes = marked.wait_for_processes(gate, 1);
        if std::mem::replace(&mut last, processes.workers[0].id()) == processes.workers[0].id() {
            break processes;
        }
    };
    let ids = [i32::try_from(gate).unwrap(), processes.creator.id(), processes.zygote.id()];
    Held {
        descriptors: ids.map(|id| fs::read_dir(format!("/proc/{id}/fd")).unwrap().count()),
        processes: processes.workers.len() + 2,
        memory: [ids[0], ids[2]].map(anonymous_kib),
        mappings: [ids[0], ids[2]].map(mapped_files),
    }
}

fn anonymous_kib(id: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    value.trim().trim_end_matches(" kB").parse().unwrap()
}

fn mapped_files(id: i32) -> usize {
    let maps = fs::read_to_string(format!("/proc/{id}/maps")).unwrap();
    maps.lines().filter(|line| line.contains("/memfd:")).count()
}

#[test]
fn a_thousand_lives() {
    if !is_root() {
        skip("a_thousand_lives", "only root can look into the processes of a container");
        return;
    }
    let stage = Stage::new();
    let marked = Marked::new(&stage);
    let module = stage.file("counter.wat", COUNTER);
    let mut running = marked.gate(&stage).args(["--suspend-every=1", "--json"]).arg(module).start().unwrap();
    let lives = u32::try_from(setting("GATE_LIVES", 200)).unwrap();
    let mut live = |lives: u32, times: usize| {
        running.write(&lives.to_le_bytes()).unwrap();
        running.wait_for_stdout(&"done\n".repeat(times), DEADLINE).unwrap();
        held(&marked, &mut running)
    };
    let before = live(20, 1);
    let after = live(lives, 2);
    eprintln!("after 20 lives: {before:?}; after another {lives}: {after:?}");
    assert_eq!(
        (after.descriptors, after.processes, after.mappings),
        (before.descriptors, before.processes, before.mappings)
    );
    for (before, after) in before.memory.into_iter().zip(after.memory) {
        assert!(after <= before + SLACK_KIB, "{after} KiB after {lives} lives, {before} KiB before");
    }
    let finished = running.finish(DEADLINE).unwrap();
    let document: serde_json::Value = serde_json::from_str(finished.stderr_text().trim_end()).unwrap();
    assert_eq!(document["state"], "halted", "{document}");
    assert!(document["processes"].as_u64().unwrap() > u64::from(lives), "{document}");
}
