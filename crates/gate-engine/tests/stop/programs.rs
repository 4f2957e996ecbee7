//! Programs written for what they are to do when stopped: those of `gate-instrument`, with another engine, and some more.

use std::path::Path;

use super::machine::{Module, check};

/// Checks a program, and that it is stopped at least a number of times.
#[track_caller]
fn check_file(name: &str, at_least: u32) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gate-instrument/tests/stop");
    let text = std::fs::read_to_string(directory.join(name).with_extension("wat")).unwrap();
    check_text(&text, at_least);
}

#[track_caller]
fn check_text(text: &str, at_least: u32) {
    let stops = check(&mut Module::new(text));
    assert!(stops >= at_least, "it was stopped {stops} times");
}

#[test]
fn loops() {
    check_file("loops", 29);
}

#[test]
fn loops_with_parameters() {
    check_file("loops_with_parameters", 20);
}

#[test]
fn operands_below_blocks() {
    check_file("operands_below_blocks", 12);
}

#[test]
fn multiple_values() {
    check_file("multiple_values", 5);
}

#[test]
fn many_values() {
    check_file("many_values", 5);
}

#[test]
fn many_values_in_calls() {
    check_file("many_values_in_calls", 5);
}

#[test]
fn branch_tables() {
    check_file("branch_tables", 10);
}

#[test]
fn indirect_calls() {
    check_file("indirect_calls", 5);
}

#[test]
fn recursion() {
    check_file("recursion", 20);
}

#[test]
fn tail_calls() {
    check_file("tail_calls", 5);
}

#[test]
fn unreachable_code() {
    check_file("unreachable_code", 1);
}

#[test]
fn vectors_and_numbers() {
    check_file("vectors_and_numbers", 10);
}

#[test]
fn references() {
    check_file("references", 20);
}

#[test]
fn segments() {
    check_file("segments", 5);
}

#[test]
fn a_start_function_and_memories() {
    check_file("start_and_memories", 7);
}

#[test]
fn exceptions() {
    check_file("exceptions", 20);
}

/// Exceptions that carry exceptions and functions, in locals, globals, and tables that have some of them twice.
#[test]
fn exceptions_that_are_kept() {
    let text = r#"(module
      (import "host" "log" (func $log (param i32)))
      (type $nullary (func (result i32)))
      (tag $leaf (param i32 i64 f32 f64 v128))
      (tag $node (param exnref funcref externref))
      (global $kept (mut exnref) (ref.null exn))
      (table $exceptions 3 exnref)
      (table $functions 1 funcref)
      (elem declare func $forty)
      (func $forty (result i32) (i32.const 40))
      (func $wait (loop $again (br_if $again (i32.const 0))))
      (func $leaf (param $n i32) (result exnref)
        (call $wait)
        (block $caught (result exnref)
          (try_table (catch_all_ref $caught)
            (throw $leaf (local.get $n) (i64.const -1) (f32.const 2.5) (f64.const -3.5)
              (v128.const i32x4 1 2 3 4)))
          (unreachable)))
      (func $node (param $inner exnref) (result exnref)
        (call $wait)
        (block $caught (result exnref)
          (try_table (catch_all_ref $caught)
            (throw $node (local.get $inner) (ref.func $forty) (ref.null extern)))
          (unreachable)))
      ;; How deep an exception is. What is in it is logged.
      (func $unpack (param $e exnref) (result i32) (local $f funcref)
        (block $on_node (result exnref funcref externref)
          (block $on_leaf (result i32 i64 f32 f64 v128)
            (call $wait)
            (try_table (catch $leaf $on_leaf) (catch $node $on_node) (throw_ref (local.get $e)))
            (unreachable))
          (call $log (i32x4.extract_lane 3))
          (call $log (i32.trunc_f64_s))
          (call $log (i32.trunc_f32_s))
          (call $log (i32.wrap_i64))
          (return))
        (drop)
        (call $wait)
        (local.set $f)
        (table.set $functions (i32.const 0) (local.get $f))
        (call $log (call_indirect $functions (type $nullary) (i32.const 0)))
        (call $unpack)
        (i32.add (i32.const 1)))
      (func (export "run") (result i32) (local $a exnref) (local $b exnref)
        (local.set $a (call $leaf (i32.const 7)))
        (local.set $b (call $node (call $node (local.get $a))))
        (global.set $kept (local.get $b))
        (table.set $exceptions (i32.const 0) (local.get $a))
        (table.set $exceptions (i32.const 1) (local.get $b))
        (table.set $exceptions (i32.const 2) (local.get $a))
        (call $wait)
        (call $log (call $unpack (global.get $kept)))
        (call $log (call $unpack (table.get $exceptions (i32.const 0))))
        (call $log (call $unpack (table.get $exceptions (i32.const 1))))
        (call $log (call $unpack (table.get $exceptions (i32.const 2))))
        (i32.const 1)))"#;
    check_text(text, 15);
}

/// Imported functions that may block are stopped in, also where they are called by reference and exported.
#[test]
fn calls_that_block() {
    let text = r#"(module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
      (type $four (func (param i32 i32 i32 i32) (result i32)))
      (type $one (func (param i32) (result i32)))
      (memory (export "memory") 1)
      (table $table 3 funcref)
      (global $f (mut funcref) (ref.null func))
      (elem (i32.const 0) $write $poll $close)
      (export "write" (func $write))
      (export "close" (func $close))
      (func (export "run") (result i32) (local $sum i32)
        (local.set $sum (call $write (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4)))
        (global.set $f (ref.func $poll))
        (local.set $sum (i32.add (local.get $sum)
          (call $poll (i32.const 5) (i32.const 6) (i32.const 7) (i32.const 8))))
        (table.set $table (i32.const 0) (global.get $f))
        (local.set $sum (i32.add (local.get $sum)
          (call_indirect $table (type $four) (i32.const 9) (i32.const 9) (i32.const 9) (i32.const 9) (i32.const 0))))
        (local.set $sum (i32.add (local.get $sum)
          (call_indirect $table (type $one) (i32.const 10) (i32.const 2))))
        (i32.add (local.get $sum) (call $close (i32.const 1)))))"#;
    check_text(text, 3);
}
