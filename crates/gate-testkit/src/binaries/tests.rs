//! Tests of how the age of the sources is found; the building is for the end-to-end tests.

use std::fs::File;

use super::*;

#[test]
fn newest_source_is_of_another_crate_or_the_lock_file() {
    let workspace = tempfile::tempdir().unwrap();
    let at = |second: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    let write = |path: &str, second: u64| {
        let path = workspace.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().set_modified(at(second)).unwrap();
    };
    write("Cargo.lock", 10);
    write("crates/gate-cli/src/main.rs", 5);
    write("crates/gate-cli/tests/it/main.rs", 99);
    write("crates/gate-testkit/src/lib.rs", 99);
    assert_eq!(newest_source(workspace.path()).unwrap(), at(10));
    write("crates/gate-worker/src/deep/inside.rs", 20);
    assert_eq!(newest_source(workspace.path()).unwrap(), at(20));
}

#[test]
fn sources_of_this_workspace_are_found() {
    assert!(newest_source(&workspace()).unwrap() > SystemTime::UNIX_EPOCH);
}
