//! Tests of the queue against a model.

use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{KEPT_BYTES, Queue};

proptest! {
    #[test]
    fn what_comes_in_goes_out(steps in vec((vec(any::<u8>(), 0..50), 0_usize..60, any::<bool>()), 0..60)) {
        let mut queue = Queue::default();
        let mut model = VecDeque::new();
        for (bytes, count, shrinks) in steps {
            queue.push(&bytes);
            model.extend(bytes);
            let count = count.min(model.len());
            queue.consume(count);
            model.drain(..count);
            if shrinks {
                queue.shrink();
            }
            prop_assert_eq!(queue.as_slice(), &*model.make_contiguous());
            prop_assert_eq!(queue.len(), model.len());
            let (end, gone) = queue.end();
            prop_assert_eq!(end.len(), gone + model.len());
            prop_assert!(gone <= model.len(), "too much is kept");
        }
    }
}

#[test]
fn memory_is_given_back() {
    let mut queue = Queue::new(vec![1; 100_000]);
    queue.consume(99_000);
    queue.shrink();
    assert_eq!(queue.as_slice(), [1; 1000]);
    assert!(queue.end().0.capacity() <= 2 * KEPT_BYTES);
}
