//! Tests of the cache in a directory of their own.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[test]
fn makes_once_per_ingredients() {
    let store = tempfile::tempdir().unwrap();
    let made = AtomicUsize::new(0);
    let ask = |ingredients: &str| {
        produce(store.path(), "thing", ".txt", &ingredients, |path| {
            made.fetch_add(1, Ordering::Relaxed);
            Ok(fs::write(path, ingredients)?)
        })
        .unwrap()
    };
    let first = ask("flour");
    assert_eq!(ask("flour"), first);
    assert_eq!(made.load(Ordering::Relaxed), 1);
    let second = ask("sugar");
    assert_ne!(first, second);
    assert_eq!(fs::read_to_string(first).unwrap(), "flour");
    assert_eq!(fs::read_to_string(second).unwrap(), "sugar");
}

#[test]
fn makes_once_for_many_askers() {
    let store = tempfile::tempdir().unwrap();
    let made = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let path = produce(store.path(), "thing", "", &1_u32, |path| {
                    made.fetch_add(1, Ordering::Relaxed);
                    fs::create_dir(path)?;
                    Ok(fs::write(path.join("inside"), "whole")?)
                });
                assert_eq!(fs::read_to_string(path.unwrap().join("inside")).unwrap(), "whole");
            });
        }
    });
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[test]
fn failure_leaves_nothing_behind() {
    let store = tempfile::tempdir().unwrap();
    let error = produce(store.path(), "thing", ".wasm", &(), |path| {
        fs::write(path, "half")?;
        bail!("out of eggs")
    })
    .unwrap_err();
    assert_eq!(format!("{error:#}"), "cannot produce the guest program thing: out of eggs");
    let error = produce(store.path(), "thing", ".wasm", &(), |_| Ok(())).unwrap_err();
    assert!(format!("{error:#}").contains("without making"), "{error:#}");
    let left: Vec<_> = fs::read_dir(store.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["thing.lock"]);
}

#[test]
fn finds_the_target_directory_of_this_test() {
    let target = target_directory().unwrap();
    assert!(std::env::current_exe().unwrap().starts_with(&target));
    assert_eq!(guest_directory().unwrap().parent().unwrap(), target);
}
