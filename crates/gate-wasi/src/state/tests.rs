//! Tests of saved states: what they say, and what hostile ones are refused for.

use std::io::{self, Write};

use gate_abi::errno::Errno::Success;
use gate_abi::host::Stream;
use gate_fs::image::{BuildError, LoadError};
use gate_fs::{Backing, Limits};
use proptest::prelude::*;

use super::{RestoreError, SaveError};
use crate::summary::DescriptorKind;
use crate::tests::fixture::{BUF, FakeHost, IOVS, LIMITS, OUT, PATH, Program, ROOT};
use crate::{MAX_STRINGS_BYTES, Wasi, inspect};

/// A state that must be readable for ever, made by hand from the description of the format.
const V1: &[u8] = include_bytes!("../../tests/data/v1/program.state");

/// Where the descriptors of [`V1`] begin, and where each is: 0, 2, 3 (preopened), 5 (file), 7 (output), 9 (directory).
const RECORDS: usize = 64 + 13 + 4;
const RECORD: [usize; 6] = [RECORDS, RECORDS + 23, RECORDS + 46, RECORDS + 77, RECORDS + 112, RECORDS + 135];

fn restore(saved: &[u8]) -> Result<Wasi, RestoreError> {
    Wasi::restore(&Backing::new(saved.to_vec()), LIMITS, 0, &mut FakeHost::default())
}

#[test]
fn version_1_is_readable() {
    let mut wasi = restore(V1).unwrap();
    assert!(wasi.save(&mut FakeHost::default()).unwrap() == V1, "version 1 is what we write");
    let summary = inspect(&Backing::new(V1), LIMITS).unwrap();
    assert_eq!(wasi.describe(), summary);
    assert_eq!(summary.arguments, [&b"prog"[..], b"--flag", b""]);
    assert_eq!(summary.environment, [b"A"]);
    assert!(summary.waits && summary.files_changed);
    let descriptors: Vec<_> =
        summary.descriptors.iter().map(|d| (d.fd, d.kind, d.path.as_deref(), d.flags)).collect();
    let expect = [
        (0, DescriptorKind::Stream(Stream::Stdin), None, 4),
        (2, DescriptorKind::Stream(Stream::Stderr), None, 0),
        (3, DescriptorKind::Preopen(0), Some("/data"), 0),
        (5, DescriptorKind::File { offset: 3, size: 8 }, Some("/data/file"), 1),
        (7, DescriptorKind::Stream(Stream::Stdout), None, 0),
        (9, DescriptorKind::Directory, Some("/data/dir"), 0),
    ];
    assert_eq!(descriptors, expect);

    let mut p = Program::new();
    p.wasi = wasi;
    p.host.cpu += 5;
    for (clock, expect) in [(2, 16), (3, 17)] {
        p.check("clock_time_get", &[clock, 0, OUT.into()], Success);
        assert_eq!(p.u64_at(OUT), expect);
    }
    let (iovs, count) = p.iovs(&[(BUF, 100)]);
    p.check("fd_read", &[5, iovs, count, OUT.into()], Success);
    assert_eq!(p.bytes(BUF, p.u32_at(OUT)), b"tents");
    p.check("fd_readdir", &[9, BUF.into(), 100, 2, OUT.into()], Success);
    assert_eq!(p.bytes(BUF + 24, p.u32_at(OUT) - 24), b"link");
}

#[test]
fn what_is_open_but_has_no_name_survives() {
    let mut p = Program::new();
    let file = p.create("gone");
    p.write_all(file, b"still here");
    let (path, len) = p.text(PATH, "gone dir");
    p.check("path_create_directory", &[ROOT.into(), path, len], Success);
    let dir = p.open_dir("gone dir");
    for (name, path) in [("path_unlink_file", "gone"), ("path_remove_directory", "gone dir")] {
        let (path, len) = p.text(PATH, path);
        p.check(name, &[ROOT.into(), path, len], Success);
    }
    let used = (p.wasi.fs().used_bytes(), p.wasi.fs().used_inodes());
    p.restart();
    assert_eq!((p.wasi.fs().used_bytes(), p.wasi.fs().used_inodes()), used);
    assert_eq!(p.read_all(file), b"still here");
    p.check("fd_readdir", &[dir.into(), BUF.into(), 100, 0, OUT.into()], Success);
    assert_eq!(p.u32_at(OUT), 0);
    for fd in [file, dir] {
        p.check("fd_close", &[fd.into()], Success);
    }
    assert_eq!(p.wasi.fs().used_inodes(), used.1 - 2, "it is gone with its last descriptor");
}

#[test]
fn a_state_can_be_written_piece_by_piece() {
    let mut p = Program::new();
    let fd = p.create("big");
    p.check("fd_filestat_set_size", &[fd.into(), 300_000], Success);
    p.write_all(fd, &[7; 0x3000]);
    let saved = p.wasi.save(&mut p.host).unwrap();
    assert_eq!(p.wasi.saved_bytes().unwrap(), saved.len() as u64);
    let mut out = Vec::new();
    assert_eq!(p.wasi.save_to(&mut p.host, &mut out).unwrap(), saved.len() as u64);
    assert!(out == saved);
}

#[test]
fn a_sink_that_is_full_is_told() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(buf.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut p = Program::new();
    let all = usize::try_from(p.wasi.saved_bytes().unwrap()).unwrap();
    let refused = p.wasi.save_to(&mut p.host, Full(all - 1));
    assert!(matches!(refused, Err(SaveError::Fs { source: BuildError::Write { .. } })));
    assert!(p.wasi.save_to(&mut p.host, Full(all)).is_ok());
    let long = vec![b'x'; 100_000];
    p.wasi = Wasi::new(&[&long], &[], gate_fs::Fs::new(LIMITS), 0, &mut p.host).unwrap();
    assert!(matches!(p.wasi.save_to(&mut p.host, Full(10)), Err(SaveError::Write { .. })));
}

#[test]
fn damaged_headers_are_refused() {
    for (offset, byte, expect) in [
        (0, b'X', RestoreError::Magic),
        (8, 2, RestoreError::Version { found: 2 }),
        (12, 65, RestoreError::Header),
        (40, 2, RestoreError::Header),
        (40, 7, RestoreError::Header),
        (56, 1, RestoreError::Header),
        (63, 1, RestoreError::Header),
        (47, 1, RestoreError::StringsTooLong { found: 0x0100_000d }),
        (51, 1, RestoreError::StringsTooLong { found: 0x0100_0004 }),
        (44, 12, RestoreError::Strings { at: 64 + 12 + 4 }),
        (53, 5, RestoreError::Descriptors { found: 0x506 }),
    ] {
        let mut damaged = V1.to_vec();
        damaged[offset] = byte;
        // One byte less of arguments is one more of what follows: the environment ends where it did not.
        assert_eq!(restore(&damaged).map(drop), Err(expect), "offset {offset}");
    }
    assert_eq!(restore(&[]).map(drop), Err(RestoreError::Magic));
    for len in 64..RECORD[5] + 27 {
        let refused = restore(&V1[..len]).map(drop).unwrap_err();
        assert!(matches!(refused, RestoreError::CutOff { .. }), "{len} bytes: {refused}");
    }
    let refused = restore(&V1[..V1.len() - 1]).map(drop);
    assert!(matches!(refused, Err(RestoreError::Fs { source: LoadError::Header { .. } })), "{refused:?}");
}

#[test]
fn impossible_descriptors_are_refused() {
    let number = |fd, at| RestoreError::Descriptor { fd, at };
    let attributes = |fd, at| RestoreError::Attributes { fd, at };
    let inode = |fd, at| RestoreError::Inode { fd, at };
    for (record, offset, byte, expect) in [
        // Numbers that are not in order, twice there, or too high.
        (1, 0, 0, number as fn(u32, u64) -> RestoreError),
        (2, 0, 1, number),
        (5, 1, 4, number),
        // Kinds: none, a stream that is there already.
        (0, 4, 9, number),
        (4, 4, 0, number),
        (4, 4, 2, number),
        // Flags and rights: unknown ones, writing to input, reading output, listing a file, reading a directory.
        (0, 5, 0x20, attributes),
        (0, 6, 1, attributes),
        (0, 14, 0x80, attributes),
        (0, 7, 0x40, attributes),
        (4, 7, 2, attributes),
        (3, 8, 0x40, attributes),
        (5, 7, 2, attributes),
        (0, 15, 1, attributes),
        (3, 15, 2, attributes),
        (2, 18, 0x20, attributes),
        // Offsets are signed numbers.
        (3, 34, 0x80, attributes),
        // Inodes that are not there, and others than they should be.
        (3, 23, 99, inode),
        (3, 26, 0xff, inode),
        (3, 23, 3, inode),
        (3, 23, 4, inode),
        (5, 23, 1, inode),
        (2, 23, 3, inode),
        (2, 27, 1, inode),
    ] {
        let mut damaged = V1.to_vec();
        damaged[RECORD[record] + offset] = byte;
        let found = u32::from_le_bytes(damaged[RECORD[record]..][..4].try_into().unwrap());
        let refused = restore(&damaged).map(drop).unwrap_err();
        let (RestoreError::Descriptor { at, .. }
        | RestoreError::Attributes { at, .. }
        | RestoreError::Inode { at, .. }) = refused
        else {
            panic!("record {record}, offset {offset}: {refused}")
        };
        assert_eq!(refused, expect(found, at), "record {record}, offset {offset}");
    }
}

#[test]
fn limits_apply_to_what_is_restored() {
    let backing = Backing::new(V1);
    let with = |limits| Wasi::restore(&backing, limits, 0, &mut FakeHost::default());
    let used = with(LIMITS).unwrap().fs().used_bytes();
    assert!(with(Limits { bytes: used, ..LIMITS }).is_ok());
    let refused = with(Limits { bytes: used - 1, ..LIMITS }).map(drop);
    assert_eq!(refused, Err(RestoreError::Fs { source: LoadError::Bytes { limit: used - 1 } }));
}

#[test]
fn the_longest_arguments_are_restored() {
    let long = vec![b'x'; MAX_STRINGS_BYTES - 1];
    let mut host = FakeHost::default();
    let fs = gate_fs::Fs::new(LIMITS);
    let mut wasi = Wasi::new(&[&long], &[&long], fs, 0, &mut host).unwrap();
    let saved = wasi.save(&mut host).unwrap();
    assert!(restore(&saved).unwrap().save(&mut host).unwrap() == saved);
    let mut wasi = Wasi::new::<&str, _>(&[], &[], gate_fs::Fs::new(LIMITS), 0, &mut host).unwrap();
    let saved = wasi.save(&mut host).unwrap();
    assert!(restore(&saved).unwrap().save(&mut host).unwrap() == saved);
}

/// What was accepted is sound: it can be used, and saved in one way only.
fn judge(bytes: &[u8]) {
    let Ok(mut wasi) = restore(bytes) else { return };
    assert!(wasi.fs().used_bytes() <= LIMITS.bytes);
    assert_eq!(wasi.fs().used_bytes(), wasi.fs().count_used());
    let saved = wasi.save(&mut FakeHost::default()).unwrap();
    let again = restore(&saved).unwrap();
    assert_eq!(again.describe(), wasi.describe());
    let mut p = Program::new();
    p.wasi = again;
    assert!(p.wasi.save(&mut FakeHost::default()).unwrap() == saved);
    for fd in 0..12 {
        let (iovs, count) = p.iovs(&[(BUF, 10)]);
        assert_eq!(iovs, u64::from(IOVS));
        for name in ["fd_read", "fd_write"] {
            let _errno = p.call(name, &[fd, iovs, count, OUT.into()]);
        }
        let _errno = p.call("fd_readdir", &[fd, BUF.into(), 100, 0, OUT.into()]);
        let _errno = p.call("fd_close", &[fd]);
    }
    assert_eq!(p.wasi.fs().used_bytes(), p.wasi.fs().count_used());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn damaged_states_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..6),
    ) {
        let mut damaged = V1.to_vec();
        for (at, byte, small) in changes {
            let at = at.index(damaged.len());
            damaged[at] = if small { damaged[at].wrapping_add(byte % 3).wrapping_sub(1) } else { byte };
        }
        judge(&damaged);
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(
        header in any::<bool>(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        judge(&if header { [&V1[..40], &bytes].concat() } else { bytes });
    }
}
