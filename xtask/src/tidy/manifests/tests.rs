//! Manifests that break the rules.

use super::{check_member, check_root};

const GOOD: &str = r#"
[package]
name = "gate-x"
description = "Something"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lints]
workspace = true

[dependencies]
anyhow.workspace = true
gate-abi = { workspace = true, features = ["x"] }

[target.'cfg(unix)'.dependencies]
libc.workspace = true
"#;

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let mut problems = Vec::new();
    check_member("x/Cargo.toml", text, &mut problems);
    assert_eq!(problems, expected);
}

#[test]
fn a_good_manifest_has_no_problems() {
    check(GOOD, &[]);
}

#[test]
fn everything_shared_is_inherited() {
    for field in ["version", "edition", "rust-version", "license", "publish"] {
        let own = GOOD.replace(&format!("\n{field}.workspace = true"), &format!("\n{field} = \"1\""));
        check(&own, &[&format!("x/Cargo.toml: write `{field}.workspace = true` in [package]")]);
        let none = GOOD.replace(&format!("\n{field}.workspace = true"), "");
        check(&none, &[&format!("x/Cargo.toml: write `{field}.workspace = true` in [package]")]);
    }
    let lints = "x/Cargo.toml: write `workspace = true` in [lints]";
    check(&GOOD.replace("[lints]\nworkspace = true", ""), &[lints]);
    check(&GOOD.replace("[lints]\nworkspace = true", "[lints]\nworkspace = false"), &[lints]);
    check(&GOOD.replace("description", "summary"), &["x/Cargo.toml: the package has no description"]);
}

#[test]
fn what_is_compiled_into_programs_has_its_own_edition() {
    let own = GOOD
        .replace("edition.workspace = true", "edition = \"2021\"")
        .replace("rust-version.workspace = true", "rust-version = \"1.63\"");
    let mut problems = Vec::new();
    check_member(super::GUEST, &own, &mut problems);
    assert_eq!(problems, [""; 0]);
    check_member(super::GUEST, &own.replace("license.workspace = true", ""), &mut problems);
    assert_eq!(problems.len(), 1);
}

#[test]
fn versions_stand_in_the_workspace() {
    let cases = [
        ("anyhow.workspace = true", "anyhow = \"1\"", "dependencies.anyhow"),
        ("anyhow.workspace = true", "anyhow = { path = \"../anyhow\" }", "dependencies.anyhow"),
        ("libc.workspace = true", "libc = { version = \"0.2\" }", "dependencies.libc"),
    ];
    for (good, bad, place) in cases {
        let mut problems = Vec::new();
        check_member("x/Cargo.toml", &GOOD.replace(good, bad), &mut problems);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with(&format!("x/Cargo.toml: {place} has its own version")),
            "{problems:?}"
        );
    }
    for section in ["dev-dependencies", "build-dependencies", "target.x86.dev-dependencies"] {
        let mut problems = Vec::new();
        check_member("x/Cargo.toml", &format!("{GOOD}\n[{section}.cc]\nversion = \"1\""), &mut problems);
        assert_eq!(problems.len(), 1, "{section}: {problems:?}");
    }
}

#[test]
fn the_licence_is_the_stated_one() {
    for (text, count) in [
        ("[workspace.package]\nlicense = \"MIT OR Apache-2.0\"", 0),
        ("[workspace.package]\nlicense = \"MIT\"", 1),
        ("[workspace]", 1),
        ("not toml", 1),
    ] {
        let mut problems = Vec::new();
        check_root(text, &mut problems);
        assert_eq!(problems.len(), count, "{text}: {problems:?}");
    }
}
