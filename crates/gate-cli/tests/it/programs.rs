//! Programs of many languages, and what they must print.

use std::time::Duration;

use gate_testkit::guests::{self, DIFF_ARGUMENTS, DIFF_ENVIRONMENT, DIFF_STDIN, Guest};
use gate_testkit::process::Finished;
use gate_testkit::scenarios::{SCENARIOS, Scenario};

use crate::stage::{DEADLINE, Stage, check};

/// Most of a minute goes by on a busy machine until CRuby is compiled.
const COMPILE_DEADLINE: Duration = Duration::from_secs(600);

fn run_scenario(scenario: &Scenario, engine: &str) {
    let stage = Stage::new();
    let root = stage.path("root");
    std::fs::create_dir(&root).unwrap();
    scenario.write_files(&root).unwrap();
    let finished = stage
        .gate_sharing()
        .args(["--engine", engine])
        .arg(format!("--dir={}::/", root.display()))
        .args(scenario.environment.iter().map(|(name, value)| format!("--env={name}={value}")))
        .arg(scenario.guest.path().unwrap())
        .args(scenario.arguments)
        .stdin(scenario.stdin)
        .run(COMPILE_DEADLINE)
        .unwrap();
    if let Err(error) = scenario.check(finished.status.code(), &finished.stdout_text()) {
        panic!("{error:#}\n{finished}");
    }
    assert_eq!(finished.stderr_text(), "", "{finished}");
}

#[test]
fn scenarios_print_what_they_should() {
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.guest != Guest::Ruby) {
        run_scenario(scenario, "cranelift");
    }
}

/// Alone, as compiling it takes longer than all others together.
#[test]
fn ruby_prints_what_it_should() {
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.guest == Guest::Ruby) {
        run_scenario(scenario, "cranelift");
    }
}

#[test]
fn scenarios_print_the_same_in_bytecode() {
    let guests = [Guest::WordCount, Guest::CsvToJson, Guest::Lua];
    for scenario in SCENARIOS.iter().filter(|scenario| guests.contains(&scenario.guest)) {
        run_scenario(scenario, "pulley");
    }
}

#[test]
fn scenarios_print_the_same_when_they_are_interpreted() {
    let guests = [Guest::WordCount, Guest::CsvToJson, Guest::Lua, Guest::Sqlite];
    for scenario in SCENARIOS.iter().filter(|scenario| guests.contains(&scenario.guest)) {
        run_scenario(scenario, "interpreter");
    }
}

/// Those that use nothing that the baseline compiler lacks.
#[test]
fn scenarios_print_the_same_from_the_baseline_compiler() {
    let guests = [Guest::WordCount, Guest::CsvToJson, Guest::Sqlite];
    for scenario in SCENARIOS.iter().filter(|scenario| guests.contains(&scenario.guest)) {
        run_scenario(scenario, "winch");
    }
}

fn run_diff_program(program: &guests::DiffProgram, engine: &str) -> Finished {
    let stage = Stage::new();
    let root = stage.path("root");
    std::fs::create_dir(&root).unwrap();
    stage
        .gate_sharing()
        .args(["--engine", engine])
        .arg(format!("--dir={}::/", root.display()))
        .args(DIFF_ENVIRONMENT.iter().map(|(name, value)| format!("--env={name}={value}")))
        .arg(program.wasm().unwrap())
        .args(DIFF_ARGUMENTS)
        .stdin(DIFF_STDIN)
        .run(DEADLINE)
        .unwrap()
}

#[test]
fn c_programs_do_what_they_do_natively() {
    let programs = guests::diff_programs().unwrap();
    assert!(programs.len() >= 18, "{}", programs.len());
    for program in programs {
        let root = tempfile::tempdir().unwrap();
        let native = program.run_native(root.path(), DEADLINE).unwrap();
        assert!(!native.stdout.is_empty(), "{native}");
        let status = native.status.code().unwrap();
        let (stdout, stderr) = (native.stdout_text(), native.stderr_text());
        check(&run_diff_program(&program, "cranelift"), status, &stdout, &stderr);
        if ["floats", "integers", "control"].contains(&program.name()) {
            check(&run_diff_program(&program, "pulley"), status, &stdout, &stderr);
        }
        if ["integers", "text", "stdio_files"].contains(&program.name()) {
            check(&run_diff_program(&program, "winch"), status, &stdout, &stderr);
        }
    }
}
