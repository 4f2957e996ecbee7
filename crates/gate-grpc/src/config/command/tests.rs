//! Command lines that are right and wrong.

use super::{CommandError, CommandLine};

#[track_caller]
fn check(text: &str, program: &str, words: &[&str]) {
    let command: CommandLine = text.parse().unwrap();
    assert_eq!(command.program, program);
    let found: Vec<&str> =
        std::iter::once(command.name.as_str()).chain(command.arguments.iter().map(String::as_str)).collect();
    assert_eq!(found, words);
}

#[test]
fn command_lines_are_split_at_spaces() {
    check("echo", "echo", &["echo"]);
    check("  python3  -m\tmodule 'a b' ", "python3", &["python3", "-m", "module", "'a", "b'"]);
    check("@/bin/busybox echo -n", "/bin/busybox", &["echo", "-n"]);
    check("@a @b", "a", &["@b"]);
}

#[test]
fn what_is_no_command_line() {
    for (text, error) in [
        ("", CommandError::Empty),
        (" \t\n", CommandError::Empty),
        ("@", CommandError::NoPath),
        ("@ x", CommandError::NoPath),
        ("@/bin/x", CommandError::NoName),
        ("a \0", CommandError::Zero),
    ] {
        assert_eq!(text.parse::<CommandLine>(), Err(error), "{text:?}");
    }
}
