//! Calls at random: whatever arguments and memory are, nothing panics, and the file system stays sound.

use gate_abi::errno::Errno::{Fault, Success};
use proptest::prelude::*;

use super::fixture::{BAD, Program};
use crate::FUNCTIONS;

/// Arguments: small numbers (descriptors, flags, lengths), pointers, anything.
fn arg() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..8_u64,
        4 => 0..u64::from(BAD) + 8,
        1 => any::<u64>(),
        1 => prop::sample::select(vec![u64::MAX, 1 << 63, 0x7fff_ffff, 0xffff_ffff, 4096, 1024]),
    ]
}

/// Memory that often holds something useful: paths, buffers, subscriptions.
fn memory() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just(*b"file\0\0\0\0"),
        Just(*b"dir/new\0"),
        Just(*b"../link\0"),
        Just([0; 8]),
        (0..BAD, 0..200_u32).prop_map(|(ptr, len)| {
            let ([a, b, c, d], [e, f, g, h]) = (ptr.to_le_bytes(), len.to_le_bytes());
            [a, b, c, d, e, f, g, h]
        }),
        any::<[u8; 8]>(),
    ];
    prop::collection::vec(word, 64).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn calls_at_random_do_no_harm(
        pattern in memory(),
        calls in prop::collection::vec((0..FUNCTIONS.len(), prop::collection::vec(arg(), 9)), 1..60),
    ) {
        let mut p = Program::new();
        let copies = p.memory.len() / pattern.len();
        p.memory = pattern.repeat(copies);
        // The host tires of waiting.
        (p.host.ready_after, p.host.input_ready) = (Some(1), false);
        for (index, args) in calls {
            let result = p.wasi.dispatch(index, &mut p.memory, &mut p.host, &args);
            prop_assert!(result.is_some());
            prop_assert_eq!(p.wasi.fs().used_bytes(), p.wasi.fs().count_used());
            prop_assert!(p.wasi.fs().used_bytes() <= p.wasi.fs().limits().bytes);
        }
    }
}

#[test]
fn every_function_bears_having_no_memory() {
    for (index, function) in FUNCTIONS.iter().enumerate() {
        for arg in [0, 1, 3, u64::from(u32::MAX), u64::MAX] {
            let mut p = Program::new();
            let args = vec![arg; function.params.len()];
            let result = p.wasi.dispatch(index, &mut [], &mut p.host, &args).unwrap();
            let writes = function.name.ends_with("_get")
                && !matches!(function.name, "random_get" | "path_filestat_get");
            if writes && result == Ok(Success) {
                panic!("{} has nowhere to write to", function.name);
            }
            if function.name == "args_get" {
                assert_eq!(result, Ok(Fault));
            }
        }
    }
}

#[test]
fn there_is_no_other_function() {
    let mut p = Program::new();
    assert_eq!(p.wasi.dispatch(FUNCTIONS.len(), &mut p.memory, &mut p.host, &[]), None);
}
