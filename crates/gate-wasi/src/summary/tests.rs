//! Tests of summaries.

use gate_abi::errno::Errno::Success;
use gate_abi::host::Stream;

use super::{DescriptorKind, Obstacle};
use crate::rights::ALL;
use crate::tests::fixture::{Program, ROOT};

/// A program that has changed nothing yet.
fn fresh() -> Program {
    let mut p = Program::new();
    p.wasi.changes_at_start = p.wasi.fs().changes();
    p
}

#[test]
fn a_summary_tells_what_is_there() {
    let mut p = fresh();
    let dir = p.open_dir("dir/inner");
    let file = p.open("link", 0, ALL, 0).unwrap();
    p.check("fd_seek", &[file.into(), 3, 0, 0xc000], Success);
    let gone = p.create("gone");
    p.write_all(gone, b"12345");
    let (path, len) = p.text(0x100, "gone");
    p.check("path_unlink_file", &[ROOT.into(), path, len], Success);
    let summary = p.wasi.describe();
    let descriptors: Vec<_> = summary.descriptors.iter().map(|d| (d.fd, d.kind, d.path.as_deref())).collect();
    let expect = [
        (0, DescriptorKind::Stream(Stream::Stdin), None),
        (1, DescriptorKind::Stream(Stream::Stdout), None),
        (2, DescriptorKind::Stream(Stream::Stderr), None),
        (ROOT, DescriptorKind::Preopen(0), Some("/")),
        (dir, DescriptorKind::Directory, Some("/dir/inner")),
        (file, DescriptorKind::File { offset: 3, size: 8 }, Some("/file")),
        (gone, DescriptorKind::File { offset: 5, size: 5 }, None),
    ];
    assert_eq!(descriptors, expect);
    assert_eq!(
        (&summary.arguments[..], &summary.environment[..]),
        (&[b"prog".to_vec(), b"arg".to_vec()][..], &[b"A".to_vec()][..])
    );
    assert_eq!(summary.preopens, ["/"]);
    let files = summary.files;
    assert_eq!((files.files, files.directories, files.symlinks, files.bytes), (2, 3, 1, 13));
    assert_eq!(files.used_bytes, p.wasi.fs().used_bytes());
    assert!(summary.files_changed && !summary.waits);
    assert_eq!(Err(summary.obstacles), p.wasi.portable());
}

#[test]
fn a_program_that_has_only_what_it_started_with_is_portable() {
    let mut p = fresh();
    assert_eq!(p.wasi.portable(), Ok(()));
    let fd = p.open("file", 0, ALL, 0).unwrap();
    assert_eq!(p.read_all(fd), b"contents");
    assert_eq!(p.wasi.portable(), Err(vec![Obstacle::Opened { fd }]));
    p.check("fd_close", &[fd.into()], Success);
    assert_eq!(p.wasi.portable(), Ok(()), "reading is no change");
}

#[test]
fn obstacles() {
    type Do = fn(&mut Program);
    let cases: [(Do, &[Obstacle]); 6] = [
        (|p| p.check("fd_close", &[1], Success), &[Obstacle::Missing { fd: 1 }]),
        (|p| p.check("fd_close", &[3], Success), &[Obstacle::Missing { fd: 3 }]),
        (
            |p| p.check("fd_renumber", &[1, 2], Success),
            &[Obstacle::Missing { fd: 1 }, Obstacle::Missing { fd: 2 }],
        ),
        (|p| p.check("fd_fdstat_set_flags", &[0, 4], Success), &[Obstacle::Changed { fd: 0 }]),
        (|p| p.without(ROOT, crate::rights::PATH_OPEN), &[Obstacle::Changed { fd: ROOT }]),
        (
            |p| {
                let (path, len) = p.text(0x100, "file");
                p.check("path_unlink_file", &[ROOT.into(), path, len], Success);
            },
            &[Obstacle::Files],
        ),
    ];
    for (act, expect) in cases {
        let mut p = fresh();
        act(&mut p);
        assert_eq!(p.wasi.portable(), Err(expect.to_vec()));
    }
}
