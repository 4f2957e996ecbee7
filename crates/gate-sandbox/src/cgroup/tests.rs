//! Parsing, and the sequence of writes against a directory that looks like a control group.

use super::*;

#[test]
fn finds_the_mount() {
    let hybrid = "\
30 24 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 30 0:28 / /sys/fs/cgroup/unified rw,nosuid shared:5 - cgroup2 cgroup2 rw
";
    let unified = "30 24 0:26 /outer /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    assert_eq!(find_mount(hybrid), Some(("/".into(), "/sys/fs/cgroup/unified".into())));
    assert_eq!(find_mount(unified), Some(("/outer".into(), "/sys/fs/cgroup".into())));
    assert_eq!(find_mount("30 24 0:26 / /sys rw - sysfs sysfs rw\n\n"), None);
}

#[test]
fn finds_the_own_group() {
    let mount = Path::new("/sys/fs/cgroup");
    let text = "4:memory:/elsewhere\n0::/user.slice/me.scope\n";
    for (root, expect) in [
        ("/", Some("/sys/fs/cgroup/user.slice/me.scope")),
        ("/user.slice", Some("/sys/fs/cgroup/me.scope")),
        ("/user.slice/me.scope", Some("/sys/fs/cgroup")),
        ("/other", None),
    ] {
        assert_eq!(own_group(text, Path::new(root), mount), expect.map(PathBuf::from), "{root}");
    }
    assert_eq!(own_group("4:memory:/x\n", Path::new("/"), mount), None);
}

#[test]
fn cpu_quota() {
    for (thousandths, expect) in
        [(1000, "100000 100000"), (1500, "150000 100000"), (1, "1000 100000"), (0, "1000 100000")]
    {
        assert_eq!(cpu_max(thousandths), expect);
    }
}

const LIMITS: Limits = Limits { memory_bytes: Some(1 << 30), tasks: Some(100), cpu_thousandths: Some(2000) };

#[test]
fn what_is_missing_is_said() {
    let directory = std::env::temp_dir().join(format!("gate-cgroup-test-{}", std::process::id()));
    fs::create_dir(&directory).unwrap();
    let reason = |limits| match create(Parent::Directory(&directory), limits) {
        Setup::Unavailable(reason) => reason,
        Setup::Ready(group) => panic!("{group:?}"),
    };
    assert!(matches!(reason(&LIMITS), Unavailable::Refused { .. }), "not a control group at all");

    fs::write(directory.join("cgroup.controllers"), "hugetlb\n").unwrap();
    assert!(matches!(reason(&LIMITS), Unavailable::NoControllers { .. }));

    fs::write(directory.join("cgroup.controllers"), "cpu memory pids\n").unwrap();
    assert!(matches!(reason(&LIMITS), Unavailable::NoControllers { .. }), "they cannot be given");

    fs::write(directory.join("cgroup.subtree_control"), "").unwrap();
    // An ordinary directory gets no files of its own, so that the first limit cannot be set.
    let Unavailable::Refused { path, .. } = reason(&LIMITS) else { panic!() };
    assert_eq!(path.file_name().unwrap(), "memory.max");
    let left: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the group that failed is removed: {left:?}");
    fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn groups_of_killed_makers_are_removed() {
    let parent = std::env::temp_dir().join(format!("gate-cgroup-leftovers-{}", std::process::id()));
    let own = format!("gate-{}-0123abcd", std::process::id());
    // No process has an id that large (`PID_MAX_LIMIT`).
    let (gone, in_use) = ("gate-4194305-89abcdef", "gate-4194305-00000000");
    let others = ["gate-4194305", "gate-4194305-xyz", "gate--00000000", "system.slice", &own, in_use];
    for name in others.iter().chain([&gone]) {
        fs::create_dir_all(parent.join(name)).unwrap();
    }
    // A directory that is not empty stands for a group with processes: both cannot be removed.
    fs::write(parent.join(in_use).join("cgroup.procs"), "1\n").unwrap();
    remove_leftovers(&parent, Duration::from_secs(3600));
    assert!(parent.join(gone).exists(), "it could be somebody's whom we cannot see");
    remove_leftovers(&parent, Duration::ZERO);
    assert!(!parent.join(gone).exists());
    for name in others {
        assert!(parent.join(name).exists(), "{name}");
    }
    fs::remove_dir_all(&parent).unwrap();
    remove_leftovers(&parent, Duration::ZERO);
}

#[test]
fn our_own_names_are_recognized() {
    let name = unique_name().unwrap();
    assert_eq!(maker(&name), Some(&*std::process::id().to_string()), "{name}");
}

#[test]
fn this_host_has_a_group_or_a_reason() {
    match create(Parent::Nearest, &LIMITS) {
        Setup::Ready(group) => {
            let directory = group.directory().to_path_buf();
            assert!(directory.exists());
            group.remove().unwrap();
            assert!(!directory.exists());
        }
        Setup::Unavailable(reason) => assert!(!reason.to_string().is_empty()),
    }
}
