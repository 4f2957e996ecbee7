//! Tests that could not be run here.
//!
//! A test that skips itself appends a line to the file that the environment variable [`LOG`] names, if it is set:
//! package, space, name of the test, colon, space, and why. `ci` lists them, and fails if it does not expect one.

/// The environment variable.
pub(super) const LOG: &str = "GATE_SKIP_LOG";

const ROOT_LOOKS: &str = "only root can look into the processes of a container";
const REFERENCE: &str = "the wasmtime program is no tool that the tests need";

/// Tests that may be skipped, and where.
const EXPECTED: &[(&str, &str)] = &[
    ("gate-cli a_cache_of_somebody_else", "only root can give directories away"),
    ("gate-cli a_full_disk", "only root may mount a small file system"),
    ("gate-cli a_read_only_disk", "only root may mount a small file system"),
    ("gate-cli a_thousand_lives", ROOT_LOOKS),
    ("gate-cli continued_in_wasmtime", REFERENCE),
    ("gate-cli on_a_host_that_refuses_namespaces", "there may be no namespaces to be refused"),
    (
        "gate-cli with_delegated_ids",
        "only root can become another user, and there must be one with delegated ids",
    ),
    ("gate-cli without_delegated_ids", "only root can become another user"),
    ("gate-cli without_namespaces", "only root can become another user"),
    ("gate-cli without_permission", "only root can become another user"),
    ("gate-runtime a_compiler", ROOT_LOOKS),
    ("gate-runtime a_program_with_packets", ROOT_LOOKS),
    ("gate-runtime a_running_program", ROOT_LOOKS),
    ("gate-runtime a_zygote", ROOT_LOOKS),
    ("gate-runtime addresses_differ", ROOT_LOOKS),
    ("gate-runtime other_users_are_kept_out", ROOT_LOOKS),
    ("gate-sandbox container::in_a_control_group", "the host may have no cgroup v2"),
    ("gate-sandbox layers::landlock", "the kernel may be without Landlock"),
    ("gate-sandbox syscalls::int_80_is_killed", "the kernel may run no 32-bit programs"),
    (
        "gate-sandbox users::with_delegated_ids",
        "only root can become another user, and there must be one with delegated ids",
    ),
    ("gate-sandbox users::without_account", "only root can become another user"),
    ("gate-store a_full_disk_is_told_apart", "only root may mount a small file system"),
    (
        "gate-store a_read_only_directory_can_be_read",
        "root of a container may not mount, and permissions do not bind root",
    ),
    ("gate-testkit diff_programs_agree_with_the_reference_engine", REFERENCE),
    ("gate-testkit kernels_agree_with_the_reference_engine", REFERENCE),
    ("gate-testkit scenarios_on_the_reference_engine", REFERENCE),
];

/// What to say of the skipped tests.
pub(super) struct Report {
    pub(super) text: String,
    /// Whether all of them may be skipped.
    pub(super) expected: bool,
}

/// Judges what tests wrote to the log.
pub(super) fn report(log: &str) -> Report {
    let mut report = Report { text: format!("skipped tests: {}\n", log.lines().count()), expected: true };
    for line in log.lines() {
        let test = line.split_once(": ").map_or(line, |(test, _)| test);
        report.text += &match EXPECTED.iter().find(|(expected, _)| *expected == test) {
            Some((_, when)) => format!("  {line} (expected: {when})\n"),
            None => {
                report.expected = false;
                format!("  {line} (NOT EXPECTED)\n")
            }
        };
    }
    report
}

#[cfg(test)]
mod tests {
    use super::{EXPECTED, report};

    #[test]
    fn only_expected_tests_may_be_skipped() {
        let nothing = report("");
        assert_eq!((nothing.text.as_str(), nothing.expected), ("skipped tests: 0\n", true));
        let expected = format!("{}: reason\n", EXPECTED[0].0);
        assert!(report(&expected).expected);
        let mixed = report(&format!("{expected}gate-x some_test: reason: more\n"));
        assert!(!mixed.expected);
        assert!(mixed.text.starts_with("skipped tests: 2\n"), "{}", mixed.text);
        assert!(mixed.text.ends_with("  gate-x some_test: reason: more (NOT EXPECTED)\n"), "{}", mixed.text);
        assert!(!report("garbage\n").expected);
    }
}
