//! What the command line understands.

use std::time::Duration;

use clap::{CommandFactory, Parser};

use super::{Command, Options, RunOptions};

fn parse(line: &str) -> Result<RunOptions, clap::Error> {
    Options::try_parse_from(line.split_whitespace()).map(|options| match options.command {
        Command::Run(options) => *options,
        other => panic!("another command: {other:?}"),
    })
}

#[test]
fn the_definition_is_consistent() {
    Options::command().debug_assert();
}

#[test]
fn what_follows_the_module_is_the_programs() {
    let options = parse("gate run --memory 64MiB m.wasm --memory 1 -v").unwrap();
    assert_eq!(options.memory, 64 << 20);
    assert_eq!(options.module(), std::path::Path::new("m.wasm"));
    assert_eq!(options.args(), ["--memory", "1", "-v"]);
    assert!(!options.verbose);
}

#[test]
fn a_module_is_needed_and_can_be_standard_input() {
    assert!(parse("gate run").is_err());
    assert!(parse("gate run --unknown m").is_err());
    let options = parse("gate run - -- x").unwrap();
    assert_eq!(
        (options.module(), options.args()),
        (std::path::Path::new("-"), &["--".into(), "x".into()][..])
    );
}

#[test]
fn sizes_and_times_have_units() {
    let options =
        parse("gate run --cpu-time 1500ms --wall-time 1m30s --stack 64KiB --fs-size 10kB m").unwrap();
    assert_eq!(options.cpu_time, Some(Duration::from_millis(1500)));
    assert_eq!(options.wall_time, Some(Duration::from_secs(90)));
    assert_eq!((options.stack, options.fs_size), (64 << 10, 10_000));
    for bad in ["--cpu-time 5", "--cpu-time 0s", "--memory 1X", "--stack 1KiB", "--stack 1GiB", "--engine v8"]
    {
        assert!(parse(&format!("gate run {bad} m")).is_err(), "{bad}");
    }
}
