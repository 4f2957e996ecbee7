//! Which directories are used, and which are refused.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use super::{OpenError, default_dir_from, open};

#[test]
fn the_default_follows_the_xdg_specification() {
    let table = [
        (Some("/x"), Some("/home/me"), Some("/x/gate/artifacts")),
        (None, Some("/home/me"), Some("/home/me/.cache/gate/artifacts")),
        (Some(""), Some("/home/me"), Some("/home/me/.cache/gate/artifacts")),
        (Some("relative"), Some("/home/me"), Some("/home/me/.cache/gate/artifacts")),
        (Some("relative"), Some("relative"), None),
        (None, None, None),
    ];
    for (xdg, home, expected) in table {
        let found = default_dir_from(xdg.map(OsStr::new), home.map(OsStr::new));
        assert_eq!(found.as_deref(), expected.map(Path::new), "{xdg:?} {home:?}");
    }
}

#[test]
fn a_missing_directory_is_created_for_the_user_alone() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("a").join("b");
    open(&path).unwrap();
    for created in [temp.path().join("a"), path.clone()] {
        assert_eq!(fs::metadata(created).unwrap().mode() & 0o7777, 0o700);
    }
    open(&path).unwrap();
}

#[test]
fn directories_that_others_can_write_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    for mode in [0o720, 0o702, 0o777, 0o1777] {
        fs::set_permissions(temp.path(), Permissions::from_mode(mode)).unwrap();
        let error = open(temp.path()).unwrap_err();
        assert!(matches!(error, OpenError::Mode { mode: found, .. } if found == mode), "{error:?}");
        assert!(error.to_string().contains(temp.path().to_str().unwrap()), "{error}");
    }
    for mode in [0o700, 0o755] {
        fs::set_permissions(temp.path(), Permissions::from_mode(mode)).unwrap();
        open(temp.path()).unwrap();
    }
}

#[test]
fn directories_of_other_users_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let user = rustix::process::geteuid().as_raw();
    let (path, owner) = if user == 0 {
        std::os::unix::fs::chown(temp.path(), Some(65534), None).unwrap();
        (temp.path(), 65534)
    } else {
        (Path::new("/usr"), 0)
    };
    let error = open(path).unwrap_err();
    assert!(
        matches!(error, OpenError::Owner { owner: o, user: u, .. } if o == owner && u == user),
        "{error:?}"
    );
}

#[test]
fn what_is_not_a_directory_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let (dir, link, file) = (temp.path().join("dir"), temp.path().join("link"), temp.path().join("file"));
    fs::create_dir(&dir).unwrap();
    symlink(&dir, &link).unwrap();
    fs::write(&file, "").unwrap();
    for path in [&link, &file] {
        let error = open(path).unwrap_err();
        assert!(matches!(error, OpenError::NotADirectory { .. }), "{error:?}");
    }
    let error = open(&file.join("below")).unwrap_err();
    assert!(matches!(error, OpenError::Create { .. }), "{error:?}");
}
