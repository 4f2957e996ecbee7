//! What is understood and what is not.

use std::ffi::OsString;

use super::{Command, parse};

fn parsed(line: &str) -> Result<Command, String> {
    parse(line.split_whitespace().map(OsString::from))
}

#[test]
fn options_are_understood() {
    let Ok(Command::Container(options)) = parsed("--many --memory-limit 100 --cgroup /x") else {
        panic!("not understood");
    };
    assert_eq!((options.many, options.memory_bytes), (true, Some(100)));
    assert_eq!(options.cgroup.as_deref(), Some(std::path::Path::new("/x")));
    assert!(!options.no_namespaces && !options.single_id);
}

#[test]
fn mistakes_are_named() {
    for (line, error) in [
        ("--memory-limit", "option --memory-limit needs a value"),
        ("--memory-limit x", "option --memory-limit needs a number, not \"x\""),
        ("--what", "unknown argument \"--what\""),
    ] {
        assert_eq!(parsed(line), Err(error.to_owned()));
    }
}

#[test]
fn help_names_every_option() {
    let Ok(Command::Print(help)) = parsed("--help") else { panic!("no help") };
    for option in
        ["--no-namespaces", "--single-id", "--cgroup", "--task-limit", "--cpu-limit", "--no-store-bypass"]
    {
        assert!(help.contains(option), "{option}");
    }
}
