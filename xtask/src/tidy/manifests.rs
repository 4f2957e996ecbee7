//! What must be in each Cargo.toml, and what must not.

use toml::{Table, Value};

/// The licence of everything here.
const LICENSE: &str = "MIT OR Apache-2.0";

/// What members take from the workspace, so that it is the same everywhere.
const INHERITED: &[&str] = &["edition", "license", "publish", "rust-version", "version"];

/// Its edition and its oldest compiler are its own: it is compiled into programs, with the compilers that there are for those.
const GUEST: &str = "crates/gate-guest/Cargo.toml";

/// Checks the manifest of the workspace.
pub(super) fn check_root(text: &str, problems: &mut Vec<String>) {
    let Some(manifest) = parse("Cargo.toml", text, problems) else { return };
    let package = manifest.get("workspace").and_then(|workspace| workspace.get("package"));
    let license = package.and_then(|package| package.get("license")).and_then(Value::as_str);
    if license != Some(LICENSE) {
        problems.push(format!("Cargo.toml: workspace.package.license is not {LICENSE:?}"));
    }
}

/// Checks the manifest of a member of the workspace.
pub(super) fn check_member(path: &str, text: &str, problems: &mut Vec<String>) {
    let Some(manifest) = parse(path, text, problems) else { return };
    let package = manifest.get("package");
    for field in INHERITED {
        let own = path == GUEST && ["edition", "rust-version"].contains(field);
        if !own && !package.and_then(|package| package.get(field)).is_some_and(from_workspace) {
            problems.push(format!("{path}: write `{field}.workspace = true` in [package]"));
        }
    }
    if package.and_then(|package| package.get("description")).is_none() {
        problems.push(format!("{path}: the package has no description"));
    }
    if !manifest.get("lints").is_some_and(from_workspace) {
        problems.push(format!("{path}: write `workspace = true` in [lints]"));
    }
    check_dependencies(path, &manifest, problems);
}

/// Checks the tables of dependencies in `table`, and in those for some targets only.
fn check_dependencies(path: &str, table: &Table, problems: &mut Vec<String>) {
    for (section, value) in table {
        let Some(entries) = value.as_table() else { continue };
        if section == "target" {
            for target in entries.values().filter_map(Value::as_table) {
                check_dependencies(path, target, problems);
            }
        } else if section.ends_with("dependencies") {
            for name in entries.iter().filter(|(_, entry)| !from_workspace(entry)).map(|(name, _)| name) {
                problems.push(format!(
                    "{path}: {section}.{name} has its own version or path; write `{name}.workspace = true` and move \
                     the version to [workspace.dependencies]"
                ));
            }
        }
    }
}

/// Whether `value` says `workspace = true`.
fn from_workspace(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

fn parse(path: &str, text: &str, problems: &mut Vec<String>) -> Option<Table> {
    text.parse().map_err(|error| problems.push(format!("{path}: {error}"))).ok()
}

#[cfg(test)]
mod tests;
