//! Files that break the rules.

use super::{MAX_LINES, check, check_long_list};

#[track_caller]
fn problems(path: &str, text: &str, expected: &[&str]) {
    let mut problems = Vec::new();
    check(path, text, &mut problems);
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(&format!("{path}:{expected}")), "{problem}, not {expected}");
    }
}

#[test]
fn rust_files_say_what_they_are_for() {
    problems("a/b.rs", "//! Something.\n", &[]);
    problems("a/b.rs", "", &["1: the file does not start"]);
    problems("a/b.rs", "\n//! Something.\n", &["1: the file does not start"]);
    problems("a/b.rs", "//!\n//! Something.\n", &["1: the file does not start"]);
    problems("a/b.md", "Something.\n", &[]);
}

#[test]
fn long_files_are_split() {
    let text = |lines: usize| "//! x\n".repeat(lines);
    problems("a/b.rs", &text(MAX_LINES), &[]);
    problems("a/b.rs", &text(MAX_LINES + 1), &["801: the file has more than 800 lines"]);
    problems("a/b.md", &text(MAX_LINES + 1), &[]);
}

#[test]
fn the_list_of_long_files_only_shrinks() {
    let check = |listed: usize, lines: usize| {
        let mut problems = Vec::new();
        check_long_list(&[("a.rs", listed)], &mut problems, |_| Some("x\n".repeat(lines)));
        problems.pop().unwrap_or_default()
    };
    assert_eq!(check(900, 900), "");
    assert!(check(900, 901).contains("may only shrink"));
    assert!(check(900, 899).contains("write 899"));
    assert!(check(900, 800).contains("no longer long"));
    let mut gone = Vec::new();
    check_long_list(&[("a.rs", 900)], &mut gone, |_| None);
    assert_eq!(gone.len(), 1);
}

#[test]
fn notes_to_oneself_need_an_issue() {
    problems("a.md", "TODO(#12): x\nTODOS _TODO TODO_\n", &[]);
    for text in ["TODO: x", "a TODO", "TODO(me): x", "TODO(#): x", "TODO(#1x): x", "TODO(#1", "TODO_ TODO"] {
        problems("a.md", text, &["1: TODO without"]);
    }
    problems("a.md", "XXXXXX\nHACKS\nXXX\n// HACK", &["3: write what is wrong", "4: write what is wrong"]);
    problems("a/tests.rs", "//! FIXME", &[]);
    problems("a/tests/it/x.rs", "//! FIXME", &[]);
    problems("a/b.rs", "//! FIXME", &["1: FIXME outside"]);
}

#[test]
fn conflicts_are_resolved() {
    problems("a.md", "x\n<<<<<<< HEAD\n=======\n>>>>>>> other\n", &["2: a conflict", "4: a conflict"]);
}

#[test]
fn unsafe_code_has_its_places() {
    let lifted = "//! x\n#![expect(unsafe_code, reason = \"x\")]\n";
    problems("crates/gate-sandbox/src/a.rs", lifted, &[]);
    problems("crates/gate-engine/src/a.rs", lifted, &[]);
    problems("crates/gate-cli/src/a.rs", lifted, &["2: unsafe code is for"]);
    problems("crates/gate-guest/src/import.rs", lifted, &[]);
    problems("crates/gate-guest/src/gate.rs", lifted, &["2: unsafe code is for"]);
    problems("crates/gate-cli/src/a.rs", &lifted.replace("expect", "allow"), &["2: unsafe code is for"]);
    problems("crates/gate-abi/src/lib.rs", "//! x\n", &["1: the crate lacks"]);
    problems("crates/gate-abi/src/lib.rs", "//! x\n#![forbid(unsafe_code)]\n", &[]);
    problems("crates/gate-abi/src/other.rs", "//! x\n", &[]);
}

#[test]
fn tests_are_run_and_assert() {
    let text = "//! x\n#[ignore]\n#[ignore = \"slow\"]\n#[should_panic]\n";
    problems(
        "a/b.rs",
        text,
        &["2: a test that is ignored", "3: a test that is ignored", "4: assert the error"],
    );
}
