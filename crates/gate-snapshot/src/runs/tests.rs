//! Runs against a slow way to find them.

use proptest::prelude::*;

use super::*;

fn memory(bytes: &[u8]) -> Memory<'_> {
    Memory { bytes, extents: None }
}

/// The runs, word by word, for the first gap that gives few enough.
fn slow(memories: &[&[u8]], gap: usize, limit: usize) -> Vec<Span> {
    let mut gap = gap;
    loop {
        let mut spans: Vec<Span> = Vec::new();
        for (memory, bytes) in (0..).zip(memories) {
            for (position, word) in bytes.chunks(8).enumerate() {
                let range = position * 8..position * 8 + word.len();
                if word.iter().all(|byte| *byte == 0) {
                    continue;
                }
                match spans.last_mut() {
                    Some(last) if last.memory == memory && range.start - last.range.end < gap => {
                        last.range.end = range.end;
                    }
                    _ => spans.push(Span { memory, range }),
                }
            }
        }
        if spans.len() <= limit.max(memories.len()) {
            return spans;
        }
        gap *= 2;
    }
}

/// Mostly zeros: some bytes at some places, or far and wide at equal distances.
fn contents() -> impl Strategy<Value = Vec<u8>> {
    let count = prop_oneof![9 => 1usize..200, 1 => 5_000usize..12_000];
    let distance = prop::sample::select(&[1usize, 1, 1, 8, 60, 64, 100, 120, 300]);
    let places = (any::<prop::sample::Index>(), count, distance, any::<u8>());
    (prop::collection::vec(places, 0..30), 1usize..20_000).prop_map(|(places, length)| {
        let mut bytes = vec![0; length];
        for (at, count, distance, byte) in places {
            let at = at.index(length);
            let end = (at + count).min(length);
            bytes[at..end].iter_mut().step_by(distance).for_each(|at| *at = byte);
        }
        bytes
    })
}

proptest! {
    #[test]
    fn runs_are_those_of_a_slow_search(
        one in contents(),
        two in contents(),
        gap in prop::sample::select(&[8usize, 16, 64, 128, 256]),
        limit in prop_oneof![0usize..20, 1_000usize..2_000],
    ) {
        let memories = [(memory(&one), one.len() as u64), (memory(&two), u64::MAX)];
        prop_assert_eq!(spans(&memories, gap, limit), slow(&[&one, &two], gap, limit));
    }

    #[test]
    fn extents_leave_out_what_is_zero(bytes in contents(), more in prop::collection::vec((0u64..30_000, 0u64..30_000), 0..5)) {
        let all = [(memory(&bytes), bytes.len() as u64)];
        let expected = spans(&all, 64, 1000);
        let mut extents: Vec<Range<u64>> =
            expected.iter().map(|span| span.range.start as u64..span.range.end as u64).collect();
        extents.extend(more.into_iter().map(|(start, end)| start..end));
        let known = [(Memory { bytes: &bytes, extents: Some(&extents) }, bytes.len() as u64)];
        prop_assert_eq!(spans(&known, 64, 1000), expected);
    }
}

#[test]
fn what_is_outside_of_a_memory_is_not_looked_at() {
    let bytes = [1; 100];
    assert_eq!(spans(&[(memory(&bytes), 64)], 64, 9), [Span { memory: 0, range: 0..64 }]);
    let extents = vec![Range { start: 8, end: 12 }];
    let known = Memory { bytes: &bytes, extents: Some(&extents) };
    assert_eq!(spans(&[(known, 64)], 64, 9), [Span { memory: 0, range: 8..16 }]);
    assert!(spans(&[], 64, 0).is_empty());
}
