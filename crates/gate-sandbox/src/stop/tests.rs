//! The handler called as a function. Real signals, which would hit any thread of this harness, are in the integration
//! tests.

use super::*;

/// One test, because what it tests is global.
#[test]
fn a_request_is_seen_everywhere() {
    static FIRST: AtomicU32 = AtomicU32::new(0);
    static SECOND: AtomicU32 = AtomicU32::new(0);
    let words = || (FIRST.load(Ordering::Relaxed), SECOND.load(Ordering::Relaxed));

    assert!(!is_requested());
    set_word(&FIRST);
    assert_eq!(words(), (0, 0));
    on_signal(libc::SIGUSR1);
    assert!(is_requested());
    assert_eq!(words(), (1, 0));
    set_word(&SECOND);
    assert_eq!(words(), (1, 1), "the request came before the word");

    forget();
    FIRST.store(0, Ordering::Relaxed);
    SECOND.store(0, Ordering::Relaxed);
    assert!(!is_requested());
    on_signal(libc::SIGUSR1);
    assert!(is_requested());
    assert_eq!(words(), (0, 0), "there is no word any more");
}
