//! Tests of which service is polled next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use super::Woken;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn codes_are_taken_in_order_from_any_one() {
    let woken = Woken::default();
    for code in [0, 5, 63, 64, 200, 255] {
        woken.set(code);
    }
    assert_eq!(woken.take(6), Some(63));
    assert_eq!(woken.take(64), Some(64));
    assert_eq!(woken.take(201), Some(255));
    assert_eq!(woken.take(256), None);
    assert_eq!(woken.take(201), None);
    assert_eq!(woken.take(0), Some(0));
    assert_eq!(woken.take(0), Some(5));
    assert!(woken.any());
    assert_eq!(woken.take(0), Some(200));
    assert!(!woken.any());
    assert_eq!(woken.take(0), None);
}

#[test]
fn a_service_that_is_woken_wakes_the_task() {
    let woken = Arc::new(Woken::default());
    let waker = woken.waker(77);
    waker.wake_by_ref();
    assert_eq!(woken.take(0), Some(77));
    let task = Arc::new(Count::default());
    woken.listen(&Waker::from(Arc::clone(&task)));
    waker.wake_by_ref();
    woken.waker(3).wake();
    assert_eq!(task.0.load(Ordering::Relaxed), 2);
    assert_eq!((woken.take(0), woken.take(0)), (Some(3), Some(77)));
}
