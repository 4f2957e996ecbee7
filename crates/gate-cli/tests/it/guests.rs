//! The programs of these tests.

use std::path::{Path, PathBuf};

/// `guests/probe.c`: does what its first argument says.
pub(crate) fn probe() -> PathBuf {
    gate_testkit::guests::c(&source("probe"), &[]).unwrap()
}

/// `guests/broken.c`, compiled for debugging: divides by zero three calls deep.
pub(crate) fn broken() -> PathBuf {
    gate_testkit::guests::c(&source("broken"), &["-g", "-O0"]).unwrap()
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/guests/{name}.c"))
}

/// Prints `ready` to standard output and then runs `then`.
pub(crate) fn ready_then(then: &str) -> String {
    format!(
        r#"(module
          (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 0) "\10\00\00\00\06\00\00\00")
          (data (i32.const 16) "ready\n")
          (func (export "_start")
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
            {then}))"#
    )
}

/// Never ends, and never calls the host again.
pub(crate) const SPIN: &str = "(loop br 0)";

/// Waits for input, again and again.
pub(crate) const WAIT: &str = "(i64.store (i32.const 32) (i64.const 0x1000000400))
    (loop (drop (call $read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 40))) br 0)";

/// Sleeps for as many nanoseconds as fit into a number.
pub(crate) const SLEEP: &str = "(i64.store (i32.const 512) (i64.const 1))
    (i32.store (i32.const 528) (i32.const 1))
    (i64.store (i32.const 536) (i64.const -1))
    (drop (call $poll (i32.const 512) (i32.const 600) (i32.const 1) (i32.const 700)))
    unreachable";

/// Calls the host for ever.
pub(crate) const CALLS: &str =
    "(loop (drop (call $write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8))) br 0)";
