//! Tests of finding users.

use std::io::Write;

use super::*;

#[test]
fn a_user_is_found() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = "root:x:0:0:root:/root:/bin/bash\n\n# comment\nbad:x:-1:0::/:\nshort:x:7\n:x:8:8::/:\nme:x:7:8:Me,,:/home/me:\nother:x:7:9::/:\n";
    file.write_all(text.as_bytes()).unwrap();
    let user = |name: &str, uid, gid, home: &str| User { name: name.to_owned(), uid, gid, home: home.into() };
    assert_eq!(find(file.path(), 0).unwrap(), Some(user("root", 0, 0, "/root")));
    assert_eq!(find(file.path(), 7).unwrap(), Some(user("me", 7, 8, "/home/me")));
    assert_eq!(find(file.path(), 8).unwrap(), None);
    assert!(find(&file.path().join("none"), 0).is_err());
}
