//! Workspaces that break the rules.

use serde_json::{Value, json};

use super::{ARROWS, Workspace, check};

/// The output of `cargo metadata` for the packages of the table, with `edges` (from, to, kind) between them and others.
fn metadata(edges: &[(&str, &str, Option<&str>)]) -> Value {
    let ours: Vec<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let mut all = ours.clone();
    all.extend(edges.iter().flat_map(|(from, to, _)| [*from, *to]));
    all.sort_unstable();
    all.dedup();
    let of = |name: &str| edges.iter().filter(move |(from, _, _)| *from == name).copied().collect::<Vec<_>>();
    let id = |name: &str| format!("id of {name}");
    let package = |name: &&str| {
        json!({
            "id": id(name), "name": name, "manifest_path": format!("/w/crates/{name}/Cargo.toml"),
            "targets": [{"kind": ["lib"], "name": name}, {"kind": ["bin"], "name": format!("{name}-program")}],
            "dependencies": of(name).iter().map(|(_, to, kind)| json!({"name": to, "kind": kind})).collect::<Vec<_>>(),
        })
    };
    let node = |name: &&str| {
        let deps = of(name);
        let deps = deps.iter().map(|(_, to, kind)| json!({"pkg": id(to), "dep_kinds": [{"kind": kind}]}));
        json!({"id": id(name), "deps": deps.collect::<Vec<_>>()})
    };
    json!({
        "workspace_root": "/w",
        "workspace_members": ours.iter().map(|name| id(name)).collect::<Vec<_>>(),
        "packages": all.iter().map(package).collect::<Vec<_>>(),
        "resolve": {"nodes": all.iter().map(node).collect::<Vec<_>>()},
    })
}

#[track_caller]
fn problems(edges: &[(&str, &str, Option<&str>)], expected: &[&str]) {
    let workspace = Workspace::parse(&metadata(edges).to_string()).unwrap();
    assert_eq!(check(&workspace), expected);
}

#[test]
fn the_table_itself_is_sound() {
    let arrows = ARROWS.iter().flat_map(|(from, to)| to.iter().map(move |to| (*from, *to, None)));
    problems(&arrows.collect::<Vec<_>>(), &[]);
    let from_below = |(index, (_, to)): (usize, &(&str, &[&str]))| {
        to.iter().all(|to| ARROWS[..index].iter().any(|(earlier, _)| earlier == to))
    };
    assert!(ARROWS.iter().enumerate().all(from_below), "dependencies point downward only");
}

#[test]
fn open_packages_are_open_to_all_but_the_sandbox() {
    problems(&[("gate-store", "gate-abi", None), ("gate-fs", "gate-abi", None)], &[]);
    problems(
        &[("gate-sandbox", "gate-abi", None)],
        &["gate-sandbox → gate-abi: there is no such arrow in xtask/src/tidy/graph.rs"],
    );
}

#[test]
fn arrows_that_are_not_in_the_table_are_found() {
    for kind in [None, Some("build"), Some("dev")] {
        problems(
            &[("gate-wasi", "gate-calls", kind)],
            &["gate-wasi → gate-calls: there is no such arrow in xtask/src/tidy/graph.rs"],
        );
    }
}

#[test]
fn the_testkit_is_for_tests() {
    problems(&[("gate-wasi", "gate-testkit", Some("dev"))], &[]);
    problems(&[("gate-xtask", "gate-testkit", None)], &[]);
    problems(
        &[("gate-wasi", "gate-testkit", None)],
        &["gate-wasi → gate-testkit: only tests may use it (dev-dependency)"],
    );
}

#[test]
fn reserved_packages_have_few_users() {
    problems(&[("gate-engine", "wasmtime", None), ("gate-sandbox", "libc", None)], &[]);
    problems(
        &[("gate-wire", "libc", Some("dev"))],
        &["gate-wire → libc: only gate-engine and gate-sandbox may depend on it"],
    );
    problems(
        &[("gate-worker", "wasmtime", None)],
        &["gate-worker → wasmtime: only gate-engine may depend on it"],
    );
}

#[test]
fn the_engine_does_not_reach_what_is_trusted() {
    let edges = [("gate-store", "a", None), ("a", "b", Some("build")), ("b", "wasmtime", None)];
    problems(&edges, &["gate-store → a → b → wasmtime: gate-store is trusted and must not contain wasmtime"]);
    let only_in_tests = [("gate-store", "a", Some("dev")), ("a", "b", None), ("b", "wasmtime", None)];
    problems(&only_in_tests, &[]);
}

#[test]
fn packages_and_table_must_agree() {
    let mut metadata = metadata(&[]);
    metadata["packages"][0]["name"] = "gate-new".into();
    let removed = ARROWS.iter().map(|(name, _)| *name).min().unwrap();
    let found = check(&Workspace::parse(&metadata.to_string()).unwrap());
    assert_eq!(
        found,
        [
            format!("xtask/src/tidy/graph.rs: {removed} is in the table but not in the workspace"),
            "gate-new is not in the table of xtask/src/tidy/graph.rs".to_owned(),
        ]
    );
}

#[test]
fn packages_are_read() {
    let workspace = Workspace::parse(&metadata(&[]).to_string()).unwrap();
    let package = workspace.packages.iter().find(|package| package.name == "gate-cli").unwrap();
    assert_eq!(package.directory, "crates/gate-cli");
    assert_eq!(package.programs, ["gate-cli-program"]);
    assert!(Workspace::parse("{}").is_err());
    assert!(Workspace::parse("").is_err());
}
