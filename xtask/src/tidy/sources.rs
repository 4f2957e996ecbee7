//! Rules for the text of files.

/// The most lines that a file of Rust code may have.
const MAX_LINES: usize = 800;

/// Files that were longer when the rule was made, and how many lines they have. Entries may shrink and go, but not grow
/// or come.
const LONG: &[(&str, usize)] = &[];

/// Packages without I/O and without `unsafe`, and one that only looks after bytes.
const FORBID_UNSAFE: &[&str] = &[
    "gate-abi",
    "gate-calls",
    "gate-fs",
    "gate-instrument",
    "gate-grpc",
    "gate-packet",
    "gate-service",
    "gate-services",
    "gate-store",
    "gate-wasi",
    "gate-wire",
];

/// Where the lint against `unsafe` may be lifted: also for the functions that guests import.
const UNSAFE: &[&str] = &["crates/gate-engine/", "crates/gate-guest/src/import.rs", "crates/gate-sandbox/"];

/// These files name what they look for.
const SELF: &str = "xtask/src/tidy/";

/// Checks the file `path` (relative to the workspace).
pub(super) fn check(path: &str, text: &str, problems: &mut Vec<String>) {
    let mut problem = |line: usize, what: &str| problems.push(format!("{path}:{line}: {what}"));
    for (line, text) in (1..).zip(text.lines()) {
        if text.starts_with("<<<<<<< ") || text.starts_with(">>>>>>> ") {
            problem(line, "a conflict that was not resolved");
        }
        if path.starts_with(SELF) {
            continue;
        }
        if has_word(text, "TODO").is_some_and(|after| !is_issue(after)) {
            problem(line, "TODO without the number of an issue: write `TODO(#1): ..`");
        }
        if has_word(text, "FIXME").is_some() && !is_test(path) {
            problem(line, "FIXME outside of a test that asserts what is wrong");
        }
        if has_word(text, "XXX").is_some() || has_word(text, "HACK").is_some() {
            problem(line, "write what is wrong and why it is so, without XXX or HACK");
        }
    }
    if path.ends_with(".rs") {
        check_rust(path, text, problems);
    }
}

fn check_rust(path: &str, text: &str, problems: &mut Vec<String>) {
    let mut problem = |line: usize, what: &str| problems.push(format!("{path}:{line}: {what}"));
    if !text.starts_with("//! ") {
        problem(1, "the file does not start with `//! ` and what it is for");
    }
    let lines = text.lines().count();
    if lines > MAX_LINES && !LONG.iter().any(|(long, _)| *long == path) {
        problem(lines, &format!("the file has more than {MAX_LINES} lines; split it"));
    }
    if FORBID_UNSAFE.iter().any(|package| path == format!("crates/{package}/src/lib.rs"))
        && !text.contains("#![forbid(unsafe_code)]")
    {
        problem(1, "the crate lacks #![forbid(unsafe_code)]");
    }
    if path.starts_with(SELF) {
        return;
    }
    for (line, text) in (1..).zip(text.lines()) {
        if text.contains("(unsafe_code")
            && !text.contains("forbid")
            && !UNSAFE.iter().any(|dir| path.starts_with(dir))
        {
            problem(line, "unsafe code is for gate-sandbox and gate-engine, and the imports of gate-guest");
        }
        if text.contains("#[ignore") {
            problem(line, "a test that is ignored is none: run it, or skip at run time and say why");
        }
        if text.contains("#[should_panic") {
            problem(line, "assert the error, not that something panics");
        }
    }
}

/// Checks the list of long files itself; `read` gives the text of a file if there is one.
pub(super) fn check_long(problems: &mut Vec<String>, read: impl Fn(&str) -> Option<String>) {
    check_long_list(LONG, problems, read);
}

fn check_long_list(
    list: &[(&str, usize)],
    problems: &mut Vec<String>,
    read: impl Fn(&str) -> Option<String>,
) {
    for (path, listed) in list {
        let lines = read(path).map_or(0, |text| text.lines().count());
        if lines <= MAX_LINES {
            problems.push(format!("{path} is no longer long: remove it from LONG in {SELF}sources.rs"));
        } else if lines < *listed {
            problems.push(format!("{path} shrank: write {lines} in LONG in {SELF}sources.rs"));
        } else if lines > *listed {
            problems.push(format!("{path} grew from {listed} to {lines} lines; it may only shrink"));
        }
    }
}

/// What follows `word` in `line`, if it is there as a word of its own.
fn has_word<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).find_map(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + word.len()..]);
        (!before.ends_with(is_part) && !after.starts_with(is_part)).then_some(after)
    })
}

/// Whether `text` starts with the number of an issue: `(#12)`.
fn is_issue(text: &str) -> bool {
    let number = text.strip_prefix("(#").and_then(|rest| rest.split_once(')')).map(|(number, _)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[cfg(test)]
mod tests;
