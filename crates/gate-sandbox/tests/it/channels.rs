//! Channels and descriptors across processes.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

use gate_sandbox::channel::{Channel, ChannelError};
use gate_sandbox::{descriptors, memfd};

use crate::processes::{child, end, in_child};
use crate::{Outcome, Test, raw};

pub(crate) const TESTS: &[Test] = &[
    ("channel::end_of_process_is_end_of_channel", end_of_process),
    ("descriptors::arranged", arranged),
    ("descriptors::closed_except", closed_except),
    ("memfd::can_be_mapped_executable", can_be_mapped_executable),
];

fn end_of_process() -> Outcome {
    let (ours, theirs) = Channel::pair().unwrap();
    let mut child = child(|| {
        theirs.send(b"last words", &[]).unwrap();
        0
    });
    drop(theirs);
    let mut buffer = [0; 64];
    assert_eq!(ours.recv(&mut buffer).unwrap().len, 10);
    end(&mut child);
    assert!(matches!(ours.recv(&mut buffer), Err(ChannelError::Closed)));
    Outcome::Passed
}

fn open_descriptors() -> Vec<i32> {
    // With limits and filters in place there may be no /proc: ask the kernel for each number.
    (0..1024).filter(|fd| raw::syscall(libc::SYS_fcntl, fcntl_getfd(*fd)) == 0).collect()
}

fn fcntl_getfd(fd: i32) -> [u64; 6] {
    [fd.unsigned_abs().into(), libc::F_GETFD.unsigned_abs().into(), 0, 0, 0, 0]
}

fn arranged() -> Outcome {
    in_child(|| {
        // In an order that needs moving: what belongs to 0 stands elsewhere, and the other way round.
        let files: Vec<OwnedFd> = (0..6).map(|_| memfd::create("a").unwrap()).collect();
        let mut files: Vec<OwnedFd> = files.into_iter().rev().collect();
        for (length, file) in (0..).zip(&files) {
            rustix::fs::ftruncate(file, length).unwrap();
        }
        files.truncate(5);
        let files = descriptors::arrange(files).unwrap();
        assert_eq!(open_descriptors(), [0, 1, 2, 3, 4]);
        for (number, file) in (0..).zip(&files) {
            assert_eq!(file.as_raw_fd(), number);
            assert_eq!(memfd::size(file).unwrap(), u64::try_from(number).unwrap());
        }
    });
    Outcome::Passed
}

fn closed_except() -> Outcome {
    in_child(|| {
        let files: Vec<OwnedFd> = (0..10).map(|_| memfd::create("a").unwrap()).collect();
        let keep = [files[7].as_raw_fd(), files[2].as_raw_fd(), files[3].as_raw_fd(), 1];
        descriptors::close_except(&keep).unwrap();
        let mut expect = vec![0, 1, 2, keep[1], keep[2], keep[0]];
        expect.sort_unstable();
        assert_eq!(open_descriptors(), expect);
        // Some of them are closed already.
        files.into_iter().for_each(|file| assert!(file.into_raw_fd() >= 3));
    });
    Outcome::Passed
}

fn can_be_mapped_executable() -> Outcome {
    in_child(|| {
        let file = memfd::create("code").unwrap();
        rustix::fs::ftruncate(&file, 4096).unwrap();
        memfd::seal(&file, memfd::Seals::Content).unwrap();
        assert!(raw::map_code(std::os::fd::AsFd::as_fd(&file)));
    });
    Outcome::Passed
}
