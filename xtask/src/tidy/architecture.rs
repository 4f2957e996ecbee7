//! ARCHITECTURE.md names exactly the packages there are.

use std::collections::BTreeSet;

use super::graph::Workspace;

/// Compares the names in backticks with the packages and programs of `workspace`.
pub(super) fn check(text: &str, workspace: &Workspace, problems: &mut Vec<String>) {
    let packages: BTreeSet<&str> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
    let programs = workspace.packages.iter().flat_map(|package| &package.programs).map(String::as_str);
    compare(text, &packages, &programs.collect(), problems);
}

fn compare(text: &str, packages: &BTreeSet<&str>, programs: &BTreeSet<&str>, problems: &mut Vec<String>) {
    let mut in_block = false;
    let mut named = BTreeSet::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            // Between the first and the second backtick, between the third and the fourth, and so on.
            named.extend(line.split('`').skip(1).step_by(2).filter(|name| is_ours(name)));
        }
    }
    for name in packages.difference(&named) {
        problems.push(format!("ARCHITECTURE.md does not name the package `{name}`"));
    }
    for name in named.iter().filter(|name| !packages.contains(*name) && !programs.contains(*name)) {
        problems.push(format!("ARCHITECTURE.md names `{name}`, which is neither a package nor a program"));
    }
}

/// Whether `name` looks like the name of a package: `gate-` and a word.
fn is_ours(name: &str) -> bool {
    name.strip_prefix("gate-").is_some_and(|role| {
        !role.is_empty() && role.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::compare;

    #[track_caller]
    fn problems(text: &str, expected: &[&str]) {
        let mut problems = Vec::new();
        compare(
            text,
            &BTreeSet::from(["gate-a", "gate-b"]),
            &BTreeSet::from(["gate", "gate-run"]),
            &mut problems,
        );
        assert_eq!(problems, expected);
    }

    #[test]
    fn names_are_compared_both_ways() {
        problems("`gate-a` and `gate-b`, started by `gate-run`; also `gate::x`, `gate-A`, gate-c", &[]);
        problems("`gate-a`\n```text\n`gate-c` odd ` one\n```\n`gate-b`", &[]);
        problems("gate-a `gate-b`", &["ARCHITECTURE.md does not name the package `gate-a`"]);
        problems(
            "`gate-a` `gate-b` `gate-c`",
            &["ARCHITECTURE.md names `gate-c`, which is neither a package nor a program"],
        );
    }
}
