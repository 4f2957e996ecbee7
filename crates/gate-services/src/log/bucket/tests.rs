//! Rates in the long run and at once.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn bucket(per_second: u32, capacity: u32) -> (Bucket, Instant) {
    let now = Instant::now();
    let number = |number| NonZeroU32::new(number).unwrap();
    (Bucket::new(number(per_second), number(capacity), now), now)
}

#[test]
fn it_is_emptied_and_filled() {
    let (full, now) = bucket(10, 3);
    assert!(full.after(4, now).is_none());
    let empty = full.after(1, now).unwrap().after(2, now).unwrap();
    assert!(empty.after(1, now).is_none());
    assert!(empty.after(1, now + Duration::from_millis(99)).is_none());
    let later = now + Duration::from_millis(100);
    assert!(empty.after(1, later).unwrap().after(1, later).is_none());
    let much_later = now + Duration::from_secs(1000);
    assert!(empty.after(3, much_later).is_some() && empty.after(4, much_later).is_none());
}

#[test]
fn large_numbers_do_no_harm() {
    let (full, now) = bucket(1, u32::MAX);
    let empty = full.after(u32::MAX, now).unwrap();
    assert!(empty.after(1, now).is_none());
    assert!(empty.after(1, now + Duration::from_secs(1)).is_some());
    let (fast, now) = bucket(u32::MAX, 1);
    assert!(fast.after(1, now).unwrap().after(1, now).is_none());
    assert!(fast.after(1, now).unwrap().after(1, now + Duration::from_nanos(1)).is_some());
}

proptest! {
    #[test]
    fn no_more_than_burst_and_rate_is_allowed(
        per_second in 1_u32..2000,
        capacity in 1_u32..100,
        steps in vec((0_u64..50, 1_u32..20), 1..200),
    ) {
        let (mut bucket, start) = bucket(per_second, capacity);
        let (mut now, mut total) = (start, 0_u64);
        for (millis, tokens) in steps {
            now += Duration::from_millis(millis);
            let allowed = u64::from(capacity)
                + u64::try_from((now - start).as_millis()).unwrap() * u64::from(per_second) / 1000;
            match bucket.after(tokens, now) {
                Some(after) => {
                    bucket = after;
                    total += u64::from(tokens);
                    prop_assert!(total <= allowed, "{total} instead of {allowed}");
                }
                None => prop_assert!(
                    tokens > capacity || bucket.after(tokens, now + Duration::from_secs(101)).is_some()
                ),
            }
        }
    }
}
