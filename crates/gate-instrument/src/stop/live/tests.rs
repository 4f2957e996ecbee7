//! Tests of what is saved.

use crate::stop::{Config, Poll, Program, SiteKind};

/// Checks which locals are saved at the stop points of a function with three locals, `$a`, `$b` and `$c`, of which the first
/// is a parameter.
#[track_caller]
fn check(body: &str, expect: &[(SiteKind, &[u32])]) {
    let text = format!(
        "(module
            (tag $tag)
            (func $f (param $a i32) (local $b i32) (local $c i32) {body})
            (func $stops (loop)))"
    );
    let wasm = wat::parse_str(text).unwrap();
    let config = Config { poll: Poll::Atomic, control_pages: 1, may_block: &|_, _| false, breakpoints: &[] };
    let program = Program::new(&wasm, &config).unwrap();
    let sites = program.sites(0).unwrap();
    let found: Vec<_> = sites.iter().map(|site| (site.kind, &site.live[..])).collect();
    assert_eq!(found, expect);
}

use SiteKind::{Call, Entry, Loop};

#[test]
fn straight_code() {
    check("(call $stops)", &[(Call, &[])]);
    check("(call $stops) (drop (local.get $a))", &[(Call, &[0])]);
    check("(drop (local.get $a)) (call $stops)", &[(Call, &[])]);
    check("(call $stops) (local.set $a (i32.const 1)) (drop (local.get $a))", &[(Call, &[])]);
    check("(call $stops) (local.set $b (local.tee $a (local.get $c)))", &[(Call, &[2])]);
}

#[test]
fn branches() {
    check(
        "(call $stops) (if (local.get $a) (then (drop (local.get $b))) (else (drop (local.get $c))))",
        &[(Call, &[0, 1, 2])],
    );
    check(
        "(if (local.get $a) (then (call $stops) (drop (local.get $b))) (else (call $stops) (drop (local.get $c))))",
        &[(Call, &[1]), (Call, &[2])],
    );
    check("(if (local.get $a) (then (call $stops))) (drop (local.get $b))", &[(Call, &[1])]);
    check(
        "(block $x (call $stops) (br_if $x (i32.const 1)) (local.set $b (i32.const 2))) (drop (local.get $b))",
        &[(Call, &[1])],
    );
    check("(block $x (call $stops) (br $x) (drop (local.get $c))) (drop (local.get $b))", &[(Call, &[1])]);
    check(
        "(block $x (block $y (call $stops) (br_table $x $y (local.get $a))) (drop (local.get $b)))",
        &[(Call, &[0, 1])],
    );
    check("(call $stops) (return) (drop (local.get $b))", &[(Call, &[])]);
}

#[test]
fn loops() {
    // What is read at the head of a loop is alive in all of it.
    check(
        "(loop $l (drop (local.get $a)) (call $stops) (br_if $l (local.get $b)))",
        &[(Loop, &[0, 1]), (Call, &[0, 1])],
    );
    // What is written before it is read is not.
    check(
        "(loop $l (local.set $b (local.get $a)) (drop (local.get $b)) (call $stops) (br $l))",
        &[(Loop, &[0]), (Call, &[0])],
    );
    check(
        "(loop $l (call $stops) (local.set $c (i32.const 1))) (drop (local.get $c))",
        &[(Loop, &[]), (Call, &[])],
    );
    // What an outer loop carries around is alive in an inner one, here and even where it need not be.
    check(
        "(loop $l (drop (local.get $b)) (loop $m (br_if $m (local.get $a))) (br $l))",
        &[(Loop, &[0, 1]), (Loop, &[0, 1])],
    );
    check(
        "(loop $l (drop (local.get $b)) (loop $m (br_if $m (local.get $a))) (local.set $b (i32.const 1)) (br $l))",
        &[(Loop, &[0, 1]), (Loop, &[0, 1])],
    );
}

#[test]
fn handlers() {
    check(
        "(block $h (try_table (catch_all $h) (call $stops) (local.set $b (i32.const 1))) (return)) (drop (local.get $b))",
        &[(Call, &[1])],
    );
    check(
        "(block $h (try_table (catch $tag $h) (throw $tag)) (return)) (call $stops) (drop (local.get $b))",
        &[(Call, &[1])],
    );
    check(
        "(block $h (try_table (catch_all $h) (try_table (call $stops))) (return)) (drop (local.get $c))",
        &[(Call, &[2])],
    );
}

/// Only parameters have values at the entry.
#[test]
fn entry() {
    check("(call $f (local.get $b)) (drop (local.get $a))", &[(Entry, &[0]), (Call, &[0])]);
}
