//! Everything that is done by path. What a path leads to is tested in `gate-fs`.

use gate_abi::errno::Errno::{
    self, BadF, Exist, Fault, IlSeq, Inval, IsDir, Loop, NameTooLong, NoEnt, NotCapable, NotDir, NotEmpty,
    Perm, Success,
};

use super::fixture::{BAD, BUF, OTHER, OUT, PATH, Program, ROOT};
use crate::flags::{OFLAGS_CREAT, OFLAGS_DIRECTORY, OFLAGS_EXCL, OFLAGS_TRUNC};
use crate::rights::{self, ALL, Rights};

const OUT64: u64 = OUT as u64;
const BAD64: u64 = BAD as u64;

/// What goes wrong for every function that takes a path: `args` makes arguments of a descriptor and a path.
#[track_caller]
fn check_path(name: &str, needs: Rights, args: impl Fn(u64, u64, u64) -> Vec<u64>) {
    let mut p = Program::new();
    let file = p.open("file", 0, ALL, 0).unwrap();
    let root = ROOT.into();
    let (path, len) = p.text(PATH, "dir");
    p.check(name, &args(99, path, len), BadF);
    p.check(name, &args(file.into(), path, len), NotDir);
    p.check(name, &args(0, path, len), NotDir);
    p.check(name, &args(root, BAD64 - 1, 2), Fault);
    p.check(name, &args(root, path, 0), NoEnt);
    p.check(name, &args(root, path, 4097), NameTooLong);
    p.check(name, &args(root, path, u64::from(u32::MAX)), NameTooLong);
    for (text, errno) in [("../x", NotCapable), ("/x", NotCapable), ("x\0", Inval), ("none/x", NoEnt)] {
        let (path, len) = p.text(PATH, text);
        p.check(name, &args(root, path, len), errno);
    }
    let (path, len) = p.text(PATH, &"n".repeat(256));
    p.check(name, &args(root, path, len), NameTooLong);
    p.memory[PATH as usize] = 0xff;
    p.check(name, &args(root, path, 1), IlSeq);
    p.without(ROOT, needs);
    let (path, len) = p.text(PATH, "dir");
    p.check(name, &args(root, path, len), NotCapable);
}

#[test]
fn path_open() {
    let mut p = Program::new();
    for (path, oflags, rights, expect) in [
        ("file", 0, ALL, Ok(())),
        ("dir", 0, rights::FD_READ, Ok(())),
        ("dir", OFLAGS_DIRECTORY, ALL, Ok(())),
        ("new", OFLAGS_CREAT | OFLAGS_EXCL, ALL, Ok(())),
        ("new", OFLAGS_CREAT | OFLAGS_EXCL, ALL, Err(Exist)),
        ("none", 0, ALL, Err(NoEnt)),
        ("dir", 0, rights::FD_WRITE, Err(IsDir)),
        ("dir", OFLAGS_CREAT, ALL, Err(IsDir)),
        ("file", OFLAGS_DIRECTORY, ALL, Err(NotDir)),
        ("new2", OFLAGS_DIRECTORY | OFLAGS_CREAT, ALL, Err(Inval)),
        ("dir", OFLAGS_DIRECTORY | OFLAGS_TRUNC, ALL, Err(Inval)),
        ("file", 0x10, ALL, Err(Inval)),
        ("file", OFLAGS_TRUNC, rights::FD_READ, Ok(())),
    ] {
        assert_eq!(p.open(path, oflags, rights, 0).map(drop), expect, "{path:?} {oflags:x}");
    }
    let file = p.open("file", 0, ALL, 0).unwrap();
    assert_eq!(p.read_all(file), b"", "it was cut");
    assert_eq!(p.open("file", 0, ALL, 0x20), Err(Inval));
    let (path, len) = p.text(PATH, "link");
    let mut args = [ROOT.into(), 0, path, len, 0, ALL, 0, 0, OUT64];
    p.check("path_open", &args, Loop);
    args[1] = 2;
    p.check("path_open", &args, Inval);
    args = [ROOT.into(), 1, path, len, 0, u64::MAX, u64::MAX, 0, OUT64];
    p.check("path_open", &args, Success);
    let (path, len) = p.text(PATH, "never");
    p.check("path_open", &[ROOT.into(), 1, path, len, 1, ALL, 0, 0, BAD64 - 3], Fault);
    assert_eq!(p.open("never", 0, ALL, 0), Err(NoEnt), "nothing was created");
    check_path("path_open", rights::PATH_OPEN, |fd, path, len| {
        vec![fd, 1, path, len, 0, rights::FD_READ, 0, 0, OUT64]
    });
}

#[test]
fn path_open_needs_rights() {
    for (right, oflags) in
        [(rights::PATH_CREATE_FILE, OFLAGS_CREAT), (rights::PATH_FILESTAT_SET_SIZE, OFLAGS_TRUNC)]
    {
        let mut p = Program::new();
        p.without(ROOT, right);
        assert_eq!(p.open("file", oflags, ALL, 0), Err(NotCapable));
        assert!(p.open("file", 0, ALL, 0).is_ok());
    }
}

#[test]
fn rights_are_inherited_and_no_more() {
    let mut p = Program::new();
    let readable = rights::FD_READ | rights::PATH_OPEN;
    let dir = p.open("dir", OFLAGS_DIRECTORY, readable, 0).unwrap();
    assert_eq!(p.open_at(dir, "new", OFLAGS_CREAT, rights::FD_READ, 0), Err(NotCapable));
    assert_eq!(p.open_at(dir, "inner", 0, ALL, 0), Err(NotCapable));
    let inner = p.open_at(dir, "inner", 0, readable, 0).unwrap();
    p.check("fd_fdstat_get", &[inner.into(), OUT64], Success);
    assert_eq!((p.u64_at(OUT + 8), p.u64_at(OUT + 16)), (rights::PATH_OPEN, readable));
    assert_eq!(p.open_at(inner, "..", 0, readable, 0), Err(NotCapable), "not above where it began");
}

#[test]
fn path_create_directory() {
    let mut p = Program::new();
    let (path, len) = p.text(PATH, "new");
    p.check("path_create_directory", &[ROOT.into(), path, len], Success);
    p.check("path_create_directory", &[ROOT.into(), path, len], Exist);
    p.open_dir("new");
    check_path("path_create_directory", rights::PATH_CREATE_DIRECTORY, |fd, path, len| vec![fd, path, len]);
}

#[test]
fn path_filestat_get() {
    let mut p = Program::new();
    let (path, len) = p.text(PATH, "link");
    for (flags, filetype, size) in [(0, 7, 4), (1, 4, 8)] {
        p.check("path_filestat_get", &[ROOT.into(), flags, path, len, OUT64], Success);
        assert_eq!((p.bytes(OUT + 16, 1)[0], p.u64_at(OUT + 32)), (filetype, size));
    }
    p.check("path_filestat_get", &[ROOT.into(), 2, path, len, OUT64], Inval);
    p.check("path_filestat_get", &[ROOT.into(), 0, path, len, BAD64 - 63], Fault);
    check_path("path_filestat_get", rights::PATH_FILESTAT_GET, |fd, path, len| vec![fd, 0, path, len, OUT64]);
}

#[test]
fn path_filestat_set_times() {
    let mut p = Program::new();
    let (path, len) = p.text(PATH, "link");
    p.check("path_filestat_set_times", &[ROOT.into(), 0, path, len, 1, 2, 0b0101], Success);
    p.check("path_filestat_set_times", &[ROOT.into(), 1, path, len, 3, 4, 0b0101], Success);
    for (follow, expect) in [(0, [1, 2]), (1, [3, 4])] {
        p.check("path_filestat_get", &[ROOT.into(), follow, path, len, OUT64], Success);
        assert_eq!([40, 48].map(|at| p.u64_at(OUT + at)), expect);
    }
    p.check("path_filestat_set_times", &[ROOT.into(), 0, path, len, 1, 2, 0b0011], Inval);
    check_path("path_filestat_set_times", rights::PATH_FILESTAT_SET_TIMES, |fd, path, len| {
        vec![fd, 0, path, len, 0, 0, 0b0101]
    });
}

#[test]
fn path_link() {
    let mut p = Program::new();
    let root = u64::from(ROOT);
    let (new, new_len) = p.text(OTHER, "new");
    for (old, flags, expect) in
        [("file", 0, Success), ("file", 0, Exist), ("dir", 0, Perm), ("none", 0, NoEnt), ("file", 2, Inval)]
    {
        let (path, len) = p.text(PATH, old);
        p.check("path_link", &[root, flags, path, len, root, new, new_len], expect);
    }
    let file = p.open("new", 0, ALL, 0).unwrap();
    assert_eq!(p.read_all(file), b"contents");
    check_path("path_link", rights::PATH_LINK_SOURCE, |fd, path, len| {
        vec![fd, 0, path, len, root, new, new_len]
    });
    // The first path is fine in all of these: it is at the very start of memory.
    let mut p = Program::new();
    p.check("path_link", &[root, 0, 0, 4, 99, new, new_len], BadF);
    p.without(ROOT, rights::PATH_LINK_TARGET);
    p.check("path_link", &[root, 0, 0, 4, root, new, new_len], NotCapable);
}

#[test]
fn path_readlink() {
    let mut p = Program::new();
    let root = ROOT.into();
    let (path, len) = p.text(PATH, "link");
    for (room, expect) in [(100, &b"file"[..]), (4, b"file"), (2, b"fi"), (0, b"")] {
        p.check("path_readlink", &[root, path, len, BUF.into(), room, OUT64], Success);
        assert_eq!(p.bytes(BUF, p.u32_at(OUT)), expect);
    }
    p.check("path_readlink", &[root, path, len, BAD64 - 1, 2, OUT64], Fault);
    p.check("path_readlink", &[root, path, len, BUF.into(), 2, BAD64], Fault);
    let (path, len) = p.text(PATH, "file");
    p.check("path_readlink", &[root, path, len, BUF.into(), 9, OUT64], Inval);
    check_path("path_readlink", rights::PATH_READLINK, |fd, path, len| {
        vec![fd, path, len, BUF.into(), 9, OUT64]
    });
}

#[test]
fn path_remove_directory() {
    let mut p = Program::new();
    for (path, expect) in [
        ("dir", NotEmpty),
        ("dir/inner", Success),
        ("dir", Success),
        ("dir", NoEnt),
        ("file", NotDir),
        ("link", NotDir),
    ] {
        let (path, len) = p.text(PATH, path);
        p.check("path_remove_directory", &[ROOT.into(), path, len], expect);
    }
    check_path("path_remove_directory", rights::PATH_REMOVE_DIRECTORY, |fd, path, len| vec![fd, path, len]);
}

#[test]
fn path_rename() {
    let mut p = Program::new();
    let root = u64::from(ROOT);
    let dir = u64::from(p.open_dir("dir"));
    let (new, new_len) = p.text(OTHER, "new");
    for (old, to, expect) in
        [("file", dir, Success), ("file", root, NoEnt), ("link", dir, Success), ("dir", dir, Inval)]
    {
        let (path, len) = p.text(PATH, old);
        p.check("path_rename", &[root, path, len, to, new, new_len], expect);
    }
    let (path, len) = p.text(PATH, "dir/inner");
    p.check("path_rename", &[root, path, len, dir, new, new_len], NotDir);
    check_path("path_rename", rights::PATH_RENAME_SOURCE, |fd, path, len| {
        vec![fd, path, len, root, new, new_len]
    });
    check_path("path_rename", rights::PATH_RENAME_TARGET, |fd, path, len| {
        vec![root, path, len, fd, path, len]
    });
}

#[test]
fn path_symlink() {
    let mut p = Program::new();
    let root = u64::from(ROOT);
    let (new, new_len) = p.text(OTHER, "new");
    for (target, expect) in
        [("/abs", NotCapable), ("", NoEnt), ("a\0", Inval), ("../anywhere", Success), ("file", Exist)]
    {
        let (path, len) = p.text(PATH, target);
        p.check("path_symlink", &[path, len, root, new, new_len], expect);
    }
    p.check("path_readlink", &[root, new, new_len, BUF.into(), 99, OUT64], Success);
    assert_eq!(p.bytes(BUF, p.u32_at(OUT)), b"../anywhere");
    assert_eq!(p.open("new", 0, ALL, 0), Err(NotCapable));
    check_path("path_symlink", rights::PATH_SYMLINK, |fd, path, len| vec![path, 1.min(len), fd, path, len]);
}

#[test]
fn path_unlink_file() {
    let mut p = Program::new();
    for (path, expect) in
        [("dir", IsDir), ("link", Success), ("file", Success), ("file", NoEnt), ("file/", NoEnt)]
    {
        let (path, len) = p.text(PATH, path);
        p.check("path_unlink_file", &[ROOT.into(), path, len], expect);
    }
    assert_eq!(p.open("file", 0, ALL, 0), Err(Errno::NoEnt));
    check_path("path_unlink_file", rights::PATH_UNLINK_FILE, |fd, path, len| vec![fd, path, len]);
}
