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

#[test]
fn no_wake_from_another_thread_is_lost() {
    const THREADS: u16 = 3;
    const STEPS: usize = 20_000;
    let woken = Arc::new(Woken::default());
    let counts: [AtomicUsize; THREADS as usize] = Default::default();
    let mut seen = [0; THREADS as usize];
    std::thread::scope(|scope| {
        for code in 0..THREADS {
            let (waker, count) = (woken.waker(code), &counts[usize::from(code)]);
            scope.spawn(move || {
                for _ in 0..STEPS {
                    count.fetch_add(1, Ordering::Relaxed);
                    waker.wake_by_ref();
                }
            });
        }
        let task = Arc::new(Unpark(std::thread::current()));
        while seen != [STEPS; THREADS as usize] {
            woken.listen(&Waker::from(Arc::clone(&task)));
            while let Some(code) = woken.take(0) {
                seen[usize::from(code)] = counts[usize::from(code)].load(Ordering::Relaxed);
            }
            if seen != [STEPS; THREADS as usize] {
                // If a wake were lost, this would wait for ever.
                std::thread::park();
            }
        }
    });
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
