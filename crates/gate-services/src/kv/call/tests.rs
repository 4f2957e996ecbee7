//! Calls as programs make them.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{ErrorCode, MAX_KEY_BYTES, MAX_REPLY_BYTES, MAX_VALUE_BYTES, Operation, Refusal};

const INVALID: Refusal = Refusal::Error(ErrorCode::Invalid);

/// A call, as the table says.
fn call(operation: u8, key: &[u8], flags: u16, limit: u32, expected: u64, rest: &[u8]) -> Vec<u8> {
    let mut content = vec![operation, u8::try_from(key.len()).unwrap()];
    content.extend(flags.to_le_bytes());
    content.extend(limit.to_le_bytes());
    content.extend(expected.to_le_bytes());
    content.extend(key);
    content.extend(rest);
    content
}

#[track_caller]
fn check(content: &[u8], expect: Result<Operation, Refusal>) {
    assert_eq!(Operation::decode(content), expect, "{content:?}");
}

#[test]
fn operations_are_understood() {
    let key = b"key".to_vec();
    check(&call(0, b"key", 0, 0, 0, b""), Ok(Operation::Get { key: key.clone() }));
    let set = |expected, value: &[u8]| Operation::Set { key: key.clone(), expected, value: value.to_vec() };
    check(&call(1, b"key", 0, 0, 0, b"value"), Ok(set(None, b"value")));
    check(&call(1, b"key", 0, 0, 0, b""), Ok(set(None, b"")));
    check(&call(1, b"key", 1, 0, 0, b"v"), Ok(set(Some(0), b"v")));
    check(&call(1, b"key", 1, 0, u64::MAX, b"v"), Ok(set(Some(u64::MAX), b"v")));
    let delete = |expected| Operation::Delete { key: key.clone(), expected };
    check(&call(2, b"key", 0, 0, 0, b""), Ok(delete(None)));
    check(&call(2, b"key", 1, 0, 9, b""), Ok(delete(Some(9))));
    let list = |prefix: &[u8], after: &[u8], limit, with_values| Operation::List {
        prefix: prefix.to_vec(),
        after: after.to_vec(),
        limit,
        with_values,
    };
    check(&call(3, b"", 0, 0, 0, b""), Ok(list(b"", b"", 0, false)));
    check(&call(3, b"ka", 2, 7, 0, b"k"), Ok(list(b"k", b"ka", 7, true)));
    check(&call(4, b"", 0, 0, 0, b""), Ok(Operation::Usage));
}

#[test]
fn bytes_are_where_the_table_says() {
    let content = [1, 2, 1, 0, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, b'k', b'y', b'v', b'a', b'l'];
    let expected = Some(0x0102_0304_0506_0708);
    check(&content, Ok(Operation::Set { key: b"ky".to_vec(), expected, value: b"val".to_vec() }));
}

#[test]
fn calls_without_sense_are_refused() {
    for content in [
        call(0, b"", 0, 0, 0, b""),
        call(0, b"k", 0, 0, 0, b"x"),
        call(0, b"k", 1, 0, 0, b""),
        call(0, b"k", 0, 1, 0, b""),
        call(0, b"k", 0, 0, 1, b""),
        call(1, b"", 0, 0, 0, b"v"),
        call(1, b"k", 0, 0, 1, b"v"),
        call(1, b"k", 2, 0, 0, b"v"),
        call(1, b"k", 4, 0, 0, b"v"),
        call(1, b"k", 1, 1, 0, b"v"),
        call(2, b"k", 0, 0, 0, b"v"),
        call(2, b"", 0, 0, 0, b""),
        call(3, b"", 1, 0, 0, b""),
        call(3, b"", 0, 0, 1, b""),
        call(3, b"", 0, 0, 0, &[b'p'; MAX_KEY_BYTES + 1]),
        call(4, b"k", 0, 0, 0, b""),
        call(4, b"", 0, 0, 0, b"x"),
        vec![0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'k', b'e', b'y'],
    ] {
        check(&content, Err(INVALID));
    }
    assert!(Operation::decode(&call(3, b"", 0, 0, 0, &[b'p'; MAX_KEY_BYTES])).is_ok());
    for content in [&[][..], &[0; 15], &call(5, b"k", 0, 0, 0, b""), &call(255, b"", 9, 9, 9, b"")] {
        check(content, Err(Refusal::Unsupported));
    }
}

#[test]
fn values_have_a_limit() {
    let key = [b'k'; MAX_KEY_BYTES];
    let largest = call(1, &key, 0, 0, 0, &[1; MAX_VALUE_BYTES]);
    assert!(largest.len() <= MAX_REPLY_BYTES, "it fits into a packet");
    assert!(matches!(Operation::decode(&largest), Ok(Operation::Set { .. })));
    check(&call(1, b"k", 0, 0, 0, &[1; MAX_VALUE_BYTES + 1]), Err(Refusal::Error(ErrorCode::TooLarge)));
}

proptest! {
    #[test]
    fn any_bytes_are_judged(content in vec(prop_oneof![0_u8..6, any::<u8>()], 0..40)) {
        if let Ok(operation) = Operation::decode(&content) {
            prop_assert!(operation.weight() <= MAX_REPLY_BYTES);
        }
    }
}
