//! Decoding of wait statuses; real processes are in the integration tests.

use super::*;

#[test]
fn wait_statuses() {
    // The encoding of wait(2): exit status in the second byte, signal in the low seven bits, 128 = core dumped.
    for (raw, expect) in [
        (0, Ending::Exited(0)),
        (0x100, Ending::Exited(1)),
        (0xff00, Ending::Exited(255)),
        (9, Ending::Signaled(9)),
        (31, Ending::Signaled(31)),
        (11 | 128, Ending::Signaled(11)),
    ] {
        assert_eq!(ending(raw), expect, "{raw:#x}");
    }
}

#[test]
fn endings_are_words() {
    assert_eq!(Ending::Exited(1).to_string(), "exit status 1");
    assert_eq!(Ending::Signaled(9).to_string(), "signal 9");
}

#[test]
fn the_harness_has_threads_so_fork_is_refused() {
    let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(0);
    let other = std::thread::spawn(move || stopped.recv());
    assert!(matches!(fork(), Err(ForkError::Threads)));
    drop(stop);
    assert!(other.join().unwrap().is_err());
}
