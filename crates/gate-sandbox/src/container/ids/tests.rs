//! Choice of ids from the texts of the host's files.

use super::*;

#[test]
fn delegated_ranges() {
    let text = "alice:100000:65536\nbob:165536:2\n1001:300000:10\nbob:400000:100\nbad\ncarol:x:1\n";
    for (name, uid, expect) in [
        (Some("alice"), 1000, Some((100_001, 100_002))),
        (Some("bob"), 2000, Some((400_001, 400_002))),
        (None, 1001, Some((300_001, 300_002))),
        (Some("carol"), 3000, None),
        (Some("dave"), 4000, None),
    ] {
        assert_eq!(first_delegated(text, name, uid), expect, "{name:?} {uid}");
    }
    assert_eq!(first_delegated("a:4294967295:3\n", Some("a"), 1), None);
    assert_eq!(first_delegated("", Some("a"), 1), None);
}

#[test]
fn names_of_users() {
    let passwd = "root:x:0:0:root:/root:/bin/sh\nodd\nalice:x:1000:1000::/home/alice:/bin/sh\n";
    assert_eq!(user_name(passwd, 1000), Some("alice"));
    assert_eq!(user_name(passwd, 0), Some("root"));
    assert_eq!(user_name(passwd, 1001), None);
}

#[test]
fn ids_that_nobody_uses() {
    let defaults = (DEFAULT_CONTAINER_ID, DEFAULT_EXECUTOR_ID);
    assert_eq!(unused_ids("         0          0 4294967295\n"), Some(defaults));
    // Rootless container: root of a namespace with the user's id and 65536 delegated ones.
    assert_eq!(unused_ids("0 1000 1\n1 100000 65536\n"), Some((64537, 64538)));
    assert_eq!(unused_ids("0 100000 65536\n"), Some((64536, 64537)));
    assert_eq!(unused_ids("0 1000 1\n"), None);
    assert_eq!(unused_ids(""), None);
}
