//! Limits, listings, and what is counted.

use redb::backends::InMemoryBackend;

use super::*;
use crate::kv::MAX_VALUE_BYTES;

const LIMITS: Limits = Limits { keys_per_principal: 3, bytes_per_principal: 100, total_bytes: 1000 };

fn database() -> Database {
    let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
    assert_eq!(prepare(&database).unwrap(), FORMAT);
    assert_eq!(prepare(&database).unwrap(), FORMAT, "it is there");
    database
}

fn set(key: &[u8], length: usize) -> Operation {
    Operation::Set { key: key.to_vec(), expected: None, value: vec![7; length] }
}

fn delete(key: &[u8]) -> Operation {
    Operation::Delete { key: key.to_vec(), expected: None }
}

/// The first bytes of each reply.
fn errors(database: &Database, limits: &Limits, principal: &str, operations: &[Operation]) -> Vec<u8> {
    let replies = execute(database, limits, &[(principal, operations)]).unwrap();
    replies[0].iter().map(|reply| reply[0]).collect()
}

fn usage(database: &Database, principal: &str) -> (u64, u64, u64) {
    let reply = execute(database, &LIMITS, &[(principal, &[Operation::Usage])]).unwrap().remove(0).remove(0);
    assert_eq!(reply[24..32], LIMITS.keys_per_principal.to_le_bytes());
    assert_eq!(reply[40..48], LIMITS.bytes_per_principal.to_le_bytes());
    let number = |at: usize| u64::from_le_bytes(reply[at..at + 8].try_into().unwrap());
    let read = database.begin_read().unwrap();
    let totals = Totals::load(&read.open_table(STORE).unwrap()).unwrap();
    (number(16), number(32), totals.bytes)
}

#[test]
fn keys_are_limited() {
    let database = database();
    let operations = [set(b"a", 1), set(b"b", 1), set(b"c", 1), set(b"d", 1), set(b"a", 2)];
    assert_eq!(errors(&database, &LIMITS, "p", &operations), [0, 0, 0, 4, 0]);
    assert_eq!(usage(&database, "p"), (3, 7, 7 + PRINCIPAL_BYTES));
    let operations = [delete(b"b"), set(b"d", 1), set(b"b", 1), delete(b"b")];
    assert_eq!(errors(&database, &LIMITS, "p", &operations), [0, 0, 4, 2]);
    assert_eq!(usage(&database, "p"), (3, 7, 7 + PRINCIPAL_BYTES));
    assert_eq!(usage(&database, "q"), (0, 0, 7 + PRINCIPAL_BYTES), "another has its own");
}

#[test]
fn bytes_are_limited() {
    let database = database();
    let operations = [set(b"a", 99), set(b"b", 0), set(b"a", 100), set(b"a", 98), set(b"b", 0)];
    assert_eq!(errors(&database, &LIMITS, "p", &operations), [0, 4, 4, 0, 0]);
    assert_eq!(usage(&database, "p"), (2, 100, 100 + PRINCIPAL_BYTES));
    let lower = Limits { keys_per_principal: 1, bytes_per_principal: 10, total_bytes: 10 };
    let operations = [set(b"c", 0), set(b"a", 98), set(b"a", 97), set(b"a", 98), delete(b"b")];
    assert_eq!(errors(&database, &lower, "p", &operations), [4, 0, 0, 4, 0], "less is always possible");
    assert_eq!(usage(&database, "p"), (1, 98, 98 + PRINCIPAL_BYTES));
}

#[test]
fn all_together_are_limited() {
    let database = database();
    for (principal, expect) in [("a", 0), ("b", 0), ("c", 4), ("d", 4)] {
        assert_eq!(errors(&database, &LIMITS, principal, &[set(b"k", 99)]), [expect], "{principal}");
    }
    assert_eq!(errors(&database, &LIMITS, "c", &[set(b"k", 1)]), [0]);
    assert_eq!(usage(&database, "c"), (1, 2, 202 + 3 * PRINCIPAL_BYTES));
}

#[test]
fn keys_that_were_deleted_get_new_versions() {
    let database = database();
    let version = |operation: Operation| {
        let reply = execute(&database, &LIMITS, &[("p", &[operation])]).unwrap().remove(0).remove(0);
        u64::from_le_bytes(reply[8..16].try_into().unwrap())
    };
    assert_eq!(version(set(b"k", 1)), 1);
    assert_eq!(version(delete(b"k")), 1, "of what was deleted");
    assert_eq!(version(Operation::Get { key: b"k".to_vec() }), 0);
    assert_eq!(version(set(b"k", 1)), 2);
    let wrong = Operation::Delete { key: b"k".to_vec(), expected: Some(1) };
    assert_eq!(version(wrong), 2, "of what is there instead");
}

#[test]
fn a_group_takes_place_in_order_or_not_at_all() {
    let database = database();
    let operations = [set(b"k", 1), Operation::Get { key: b"k".to_vec() }];
    let groups: [(&str, &[Operation]); 3] =
        [("p", &operations), ("q", &operations[1..]), ("p", &operations[1..])];
    let replies = execute(&database, &LIMITS, &groups).unwrap();
    assert_eq!(replies[0], [reply::version(1), reply::value(1, &[7])]);
    assert_eq!(replies[1], [reply::error(ErrorCode::NotFound)]);
    assert_eq!(replies[2], [reply::value(1, &[7])]);

    // An entry without a version is damage.
    let write = database.begin_write().unwrap();
    write.open_table(ENTRIES).unwrap().insert((0, &b"x"[..]), &b"short"[..]).unwrap();
    write.commit().unwrap();
    let damaged = [set(b"k", 2), Operation::Get { key: b"x".to_vec() }];
    assert!(matches!(execute(&database, &LIMITS, &[("p", &damaged)]), Err(redb::Error::Corrupted(_))));
    assert_eq!(
        execute(&database, &LIMITS, &groups[2..]).unwrap(),
        [[reply::value(1, &[7])]],
        "nothing was set"
    );
}

#[test]
fn listings_are_cut_where_they_are_full() {
    let limits = Limits { keys_per_principal: 5000, bytes_per_principal: 1 << 30, total_bytes: 1 << 30 };
    let database = database();
    let keys: Vec<[u8; 2]> = (0..4000_u16).map(u16::to_be_bytes).collect();
    let mut operations: Vec<_> = keys.iter().map(|key| set(key, 0)).collect();
    operations.push(set(&[255; 255], MAX_VALUE_BYTES));
    operations.push(set(&[255; 254], MAX_VALUE_BYTES));
    execute(&database, &limits, &[("p", &operations)]).unwrap();
    // A principal whose keys come behind those in the table.
    execute(&database, &limits, &[("q", &[set(b"other", 0)])]).unwrap();

    for with_values in [false, true] {
        let (mut found, mut after, mut listings) = (Vec::new(), Vec::new(), 0);
        loop {
            let list = Operation::List { prefix: Vec::new(), after: after.clone(), limit: 0, with_values };
            let reply = execute(&database, &limits, &[("p", &[list])]).unwrap().remove(0).remove(0);
            assert!(reply.len() <= crate::kv::reply::MAX_REPLY_BYTES);
            let mut rest = &reply[16..];
            let count = u32::from_le_bytes(reply[4..8].try_into().unwrap());
            assert!(count > 0);
            for _ in 0..count {
                let key = rest[16..16 + usize::from(rest[0])].to_vec();
                let value = u32::from_le_bytes(rest[4..8].try_into().unwrap());
                let value = if with_values { usize::try_from(value).unwrap() } else { 0 };
                rest = &rest[16 + key.len() + value..];
                found.push(key);
            }
            assert!(rest.is_empty());
            after = found.last().unwrap().clone();
            listings += 1;
            if reply[2..4] == [0, 0] {
                break;
            }
            assert_eq!(reply[2..4], [1, 0]);
        }
        assert_eq!(found.len(), 4002);
        assert!(found.is_sorted());
        assert_eq!(listings, if with_values { 4 } else { 2 });
    }
}

#[test]
fn listings_begin_where_they_should() {
    let limits = Limits { keys_per_principal: 100, bytes_per_principal: 10_000, total_bytes: 10_000 };
    let database = database();
    let keys = [&b"a"[..], b"a\0", b"aa", b"ab", b"b", b"b\xff", b"\xff", b"\xff\xff"];
    let operations: Vec<_> = keys.iter().map(|key| set(key, 0)).collect();
    execute(&database, &limits, &[("p", &operations)]).unwrap();
    #[track_caller]
    fn check(database: &Database, limits: &Limits, prefix: &[u8], after: &[u8], expect: &[&[u8]]) {
        let list =
            Operation::List { prefix: prefix.to_vec(), after: after.to_vec(), limit: 0, with_values: false };
        let reply = execute(database, limits, &[("p", &[list])]).unwrap().remove(0).remove(0);
        let mut rest = &reply[16..];
        let mut found = Vec::new();
        while !rest.is_empty() {
            let (key, behind) = rest[16..].split_at(usize::from(rest[0]));
            found.push(key);
            rest = behind;
        }
        assert_eq!(found, expect);
    }
    check(&database, &limits, b"", b"", &keys);
    check(&database, &limits, b"a", b"", &keys[..4]);
    check(&database, &limits, b"a", b"a", &keys[1..4]);
    check(&database, &limits, b"a", b"a\0", &keys[2..4]);
    check(&database, &limits, b"b", b"a", &keys[4..6]);
    check(&database, &limits, b"a", b"b", &[]);
    check(&database, &limits, b"", b"ab", &keys[4..]);
    check(&database, &limits, b"\xff", b"\xff", &keys[7..]);
    check(&database, &limits, b"x", b"", &[]);
}
