//! Who may depend on whom.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context, Result};
use serde_json::Value;

/// The arrows of ARCHITECTURE.md: the packages of this workspace, and those of it that each may depend on.
///
/// A new arrow is a commit of its own, and changes ARCHITECTURE.md too.
const ARROWS: &[(&str, &[&str])] = &[
    // Pure: bytes in, bytes out.
    ("gate-abi", &[]),
    ("gate-packet", &[]),
    ("gate-wire", &[]),
    ("gate-instrument", &[]),
    ("gate-snapshot", &["gate-instrument"]),
    ("gate-interpreter", &["gate-instrument", "gate-snapshot"]),
    ("gate-fs", &[]),
    ("gate-wasi", &[]),
    ("gate-calls", &[]),
    ("gate-inspect", &["gate-instrument", "gate-snapshot", "gate-wasi"]),
    // Control, what it is made of.
    ("gate-sandbox", &[]),
    ("gate-store", &[]),
    // Execution.
    ("gate-engine", &["gate-instrument", "gate-interpreter", "gate-snapshot"]),
    (
        "gate-worker",
        &[
            "gate-calls",
            "gate-engine",
            "gate-inspect",
            "gate-instrument",
            "gate-sandbox",
            "gate-snapshot",
            "gate-wasi",
            "gate-wire",
        ],
    ),
    // Control.
    ("gate-service", &[]),
    ("gate-services", &["gate-service"]),
    ("gate-grpc", &["gate-service"]),
    ("gate-runtime", &["gate-sandbox", "gate-service", "gate-wire"]),
    // Programs.
    (
        "gate-cli",
        &["gate-grpc", "gate-runtime", "gate-sandbox", "gate-service", "gate-services", "gate-store"],
    ),
    // For programs, not of them.
    ("gate-guest", &[]),
    // Support.
    ("gate-testkit", &[]),
    (
        "gate-fuzz",
        &[
            "gate-calls",
            "gate-grpc",
            "gate-inspect",
            "gate-instrument",
            "gate-service",
            "gate-services",
            "gate-snapshot",
            "gate-store",
            "gate-wasi",
            "gate-wire",
        ],
    ),
    ("gate-xtask", &["gate-runtime", "gate-sandbox", "gate-service", "gate-services", "gate-store"]),
];

/// What tests may use besides: packages beside or above their own.
const TESTS: &[(&str, &str)] = &[("gate-runtime", "gate-services")];

/// What every package but one may depend on.
const OPEN: &[&str] = &["gate-abi", "gate-packet", "gate-fs"];

/// The one: it knows nothing of guests.
const CLOSED: &str = "gate-sandbox";

/// Only for tests and for the benches of the other one.
const TESTKIT: &str = "gate-testkit";
const BENCHES: &str = "gate-xtask";

/// What holds secrets or starts sandboxes, and so must not parse or run what strangers wrote.
const TRUSTED: &[&str] =
    &["gate-cli", "gate-grpc", "gate-runtime", "gate-sandbox", "gate-service", "gate-services", "gate-store"];

/// What parses or runs WebAssembly.
const EXPOSED: &[&str] = &[
    "gate-engine",
    "gate-inspect",
    "gate-instrument",
    "gate-interpreter",
    "gimli",
    "wasmparser",
    "wasmtime",
];

/// Packages of others that only these may name, in tests too.
const RESERVED: &[(&str, &[&str])] =
    &[("libc", &["gate-engine", "gate-sandbox"]), ("wasmtime", &["gate-engine"])];

/// What `cargo metadata` says.
#[derive(Debug)]
pub(super) struct Workspace {
    /// Our packages.
    pub(super) packages: Vec<Package>,
    /// For each package of anyone, by identifier: its name, and the identifiers of what it is built with.
    resolved: BTreeMap<String, (String, Vec<String>)>,
}

/// A package of this workspace.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    /// Relative to the workspace.
    pub(super) directory: String,
    /// The names of its programs.
    pub(super) programs: Vec<String>,
    id: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug)]
struct Dependency {
    name: String,
    only_tests: bool,
}

impl Workspace {
    /// Reads the output of `cargo metadata --format-version 1`.
    pub(super) fn parse(metadata: &str) -> Result<Self> {
        let metadata: Value = serde_json::from_str(metadata).context("cargo metadata is not JSON")?;
        let root = text(&metadata, "workspace_root")?;
        let members: BTreeSet<&str> =
            list(&metadata, "workspace_members")?.iter().filter_map(Value::as_str).collect();
        let mut names = BTreeMap::new();
        let mut packages = Vec::new();
        for package in list(&metadata, "packages")? {
            let (id, name) = (text(package, "id")?, text(package, "name")?);
            names.insert(id, name);
            if members.contains(id) {
                packages.push(Package::parse(package, root)?);
            }
        }
        let mut resolved = BTreeMap::new();
        for node in list(metadata.get("resolve").context("cargo metadata has no resolve")?, "nodes")? {
            let id = text(node, "id")?;
            let mut built_with = Vec::new();
            for dependency in list(node, "deps")? {
                let kinds = list(dependency, "dep_kinds")?;
                if kinds.iter().any(|kind| kind.get("kind").and_then(Value::as_str) != Some("dev")) {
                    built_with.push(text(dependency, "pkg")?.to_owned());
                }
            }
            let name = names.get(id).with_context(|| format!("cargo metadata does not describe {id}"))?;
            resolved.insert(id.to_owned(), ((*name).to_owned(), built_with));
        }
        Ok(Self { packages, resolved })
    }

    /// The shortest chain of packages from `package` to one whose name is `target`.
    fn path(&self, package: &Package, target: &str) -> Option<Vec<&str>> {
        let mut seen = BTreeSet::from([package.id.as_str()]);
        let mut queue = VecDeque::from([vec![package.id.as_str()]]);
        while let Some(path) = queue.pop_front() {
            let (name, built_with) = self.resolved.get(*path.last()?)?;
            if name == target && path.len() > 1 {
                return path.iter().map(|id| Some(self.resolved.get(*id)?.0.as_str())).collect();
            }
            for next in built_with.iter().filter(|next| seen.insert(next)) {
                queue.push_back(path.iter().copied().chain([next.as_str()]).collect());
            }
        }
        None
    }
}

impl Package {
    fn parse(package: &Value, root: &str) -> Result<Self> {
        let manifest = text(package, "manifest_path")?;
        let directory = manifest
            .strip_prefix(root)
            .and_then(|path| path.strip_prefix('/')?.strip_suffix("/Cargo.toml"))
            .with_context(|| format!("{manifest} is not in a directory below {root}"))?;
        let mut programs = Vec::new();
        for target in list(package, "targets")? {
            if list(target, "kind")?.iter().any(|kind| kind == "bin") {
                programs.push(text(target, "name")?.to_owned());
            }
        }
        let dependencies = list(package, "dependencies")?.iter().map(|dependency| {
            let only_tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
            Ok(Dependency { name: text(dependency, "name")?.to_owned(), only_tests })
        });
        Ok(Self {
            name: text(package, "name")?.to_owned(),
            directory: directory.to_owned(),
            programs,
            id: text(package, "id")?.to_owned(),
            dependencies: dependencies.collect::<Result<_>>()?,
        })
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value.get(key).and_then(Value::as_str).with_context(|| format!("cargo metadata lacks a text {key:?}"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a [Value]> {
    let list = value
        .get(key)
        .and_then(Value::as_array)
        .with_context(|| format!("cargo metadata lacks a list {key:?}"))?;
    Ok(list)
}

/// The dependencies there are against those there may be.
pub(super) fn check(workspace: &Workspace) -> Vec<String> {
    let mut problems = Vec::new();
    let known: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let present: BTreeSet<&str> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
    for missing in known.difference(&present) {
        problems.push(format!("xtask/src/tidy/graph.rs: {missing} is in the table but not in the workspace"));
    }
    for package in &workspace.packages {
        let name = package.name.as_str();
        let Some((_, arrows)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            problems.push(format!("{name} is not in the table of xtask/src/tidy/graph.rs"));
            continue;
        };
        for dependency in &package.dependencies {
            let target = dependency.name.as_str();
            if target == TESTKIT {
                if !dependency.only_tests && name != BENCHES {
                    problems.push(format!("{name} → {target}: only tests may use it (dev-dependency)"));
                }
            } else if present.contains(target) {
                let is_open = OPEN.contains(&target) && name != CLOSED;
                let is_for_tests = dependency.only_tests && TESTS.contains(&(name, target));
                let is_known = arrows.contains(&target) || is_open || is_for_tests;
                if !is_known {
                    problems.push(format!(
                        "{name} → {target}: there is no such arrow in xtask/src/tidy/graph.rs"
                    ));
                }
            }
            for (reserved, owners) in RESERVED {
                if target == *reserved && !owners.contains(&name) {
                    problems
                        .push(format!("{name} → {target}: only {} may depend on it", owners.join(" and ")));
                }
            }
        }
        if TRUSTED.contains(&name) {
            for exposed in EXPOSED {
                if let Some(path) = workspace.path(package, exposed) {
                    problems.push(format!(
                        "{}: {name} is trusted and must not contain {exposed}",
                        path.join(" → ")
                    ));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests;
