//! Tests of the scenarios as data, and of the comparison with what is expected.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_guest_has_a_scenario_and_names_are_unique() {
    let names: BTreeSet<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    assert_eq!(names.len(), SCENARIOS.len());
    for guest in Guest::ALL {
        assert!(SCENARIOS.iter().any(|scenario| scenario.guest == guest), "{guest:?}");
    }
    for scenario in SCENARIOS {
        assert!(!scenario.stdout.is_empty(), "{}", scenario.name);
        assert!(scenario.files.iter().all(|(path, _)| path.starts_with('/')), "{}", scenario.name);
    }
}

#[test]
fn writes_files_below_the_root() {
    let root = tempfile::tempdir().unwrap();
    for scenario in SCENARIOS {
        let root = root.path().join(scenario.name);
        scenario.write_files(&root).unwrap();
        for (path, contents) in scenario.files {
            assert_eq!(fs::read_to_string(root.join(&path[1..])).unwrap(), *contents);
        }
    }
}

#[test]
fn check_names_the_difference() {
    let scenario = Scenario { stdout: "one\ntwo\n", status: 3, ..SCENARIOS[0] };
    scenario.check(Some(3), "one\ntwo\n").unwrap();
    let says = |status, stdout: &str, part: &str| {
        let message = scenario.check(status, stdout).unwrap_err().to_string();
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    };
    says(Some(3), "one\nTWO\n", "line 2 of the output is\n\"TWO\"");
    says(Some(3), "one\ntwo\nthree\n", "line 3");
    says(Some(3), "one\n", "ends before the line Some(\"two\")");
    says(Some(3), "one\ntwo", "line ends");
    says(Some(0), "one\ntwo\n", "status is Some(0) and should be 3");
    says(None, "one\ntwo\n", "status is None");
}
