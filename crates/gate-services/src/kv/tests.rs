//! The service as programs use it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gate_packet::Domain;
use gate_service::conformance::{self, Copies, Message, Script, Subject};
use gate_service::{Factory as _, Failure, Registry};
use proptest::collection::vec;
use proptest::prelude::*;

use super::store::tests::{LIMITS, open};
use super::*;
use crate::driven::{Driven, client};

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

fn get(key: &[u8]) -> Vec<u8> {
    call(0, key, 0, 0, 0, b"")
}

fn set(key: &[u8], value: &[u8]) -> Vec<u8> {
    call(1, key, 0, 0, 0, value)
}

/// Error, flags, count, version, and what follows, of a reply.
fn reply(bytes: &[u8]) -> (i16, u16, u32, u64, &[u8]) {
    (
        i16::from_le_bytes(bytes[0..2].try_into().unwrap()),
        u16::from_le_bytes(bytes[2..4].try_into().unwrap()),
        u32::from_le_bytes(bytes[4..8].try_into().unwrap()),
        u64::from_le_bytes(bytes[8..16].try_into().unwrap()),
        &bytes[16..],
    )
}

async fn start(store: &Store, principal: Option<&str>, snapshot: &[u8]) -> Result<Driven, Failure> {
    Driven::new(&Kv::new(store.clone()), Arc::new(client(principal)), Registry::new(), snapshot).await
}

#[tokio::test]
async fn values_outlive_programs() {
    let (store, _directory) = open(LIMITS);
    let mut first = start(&store, Some("a"), &[]).await.unwrap();
    assert_eq!(reply(&first.call(&get(b"k")).await.unwrap()), (2, 0, 0, 0, &[][..]));
    assert_eq!(reply(&first.call(&set(b"k", b"one")).await.unwrap()), (0, 0, 0, 1, &[][..]));
    drop(first);
    let mut second = start(&store, Some("a"), &[]).await.unwrap();
    assert_eq!(reply(&second.call(&get(b"k")).await.unwrap()), (0, 0, 0, 1, &b"one"[..]));
    let mut other = start(&store, Some("b"), &[]).await.unwrap();
    assert_eq!(reply(&other.call(&get(b"k")).await.unwrap()).0, 2, "principals have keys of their own");
}

#[tokio::test]
async fn nobody_has_no_keys() {
    let (store, _directory) = open(LIMITS);
    let factory = Kv::new(store.clone());
    assert!(!factory.is_discoverable(&client(None)) && factory.is_discoverable(&client(Some("a"))));
    let mut service = start(&store, None, &[]).await.unwrap();
    for content in [get(b"k"), set(b"k", b"v"), call(3, b"", 0, 0, 0, b"")] {
        assert_eq!(reply(&service.call(&content).await.unwrap()), (7, 0, 0, 0, &[][..]));
    }
    assert_eq!(service.call(&[9]).await.unwrap(), b"");
}

#[tokio::test]
async fn replies_come_in_the_order_of_calls() {
    let (store, _directory) = open(LIMITS);
    let mut service = start(&store, Some("a"), &[]).await.unwrap();
    for content in [&set(b"k", b"1")[..], &[], &get(b"k"), &get(b""), &set(b"k", b"2"), &get(b"k")] {
        service.send(Domain::Call, content).await.unwrap();
    }
    service.send(Domain::Info, &set(b"k", b"3")).await.unwrap();
    assert_eq!(reply(&service.reply().await.unwrap()), (0, 0, 0, 1, &[][..]));
    assert_eq!(service.reply().await.unwrap(), b"");
    assert_eq!(reply(&service.reply().await.unwrap()), (0, 0, 0, 1, &b"1"[..]));
    assert_eq!(reply(&service.reply().await.unwrap()), (1, 0, 0, 0, &[][..]));
    assert_eq!(reply(&service.reply().await.unwrap()), (0, 0, 0, 2, &[][..]));
    assert_eq!(reply(&service.reply().await.unwrap()), (0, 0, 0, 2, &b"2"[..]));
    assert_eq!(service.try_next().await.unwrap(), None);
}

#[tokio::test]
async fn two_programs_count_together() {
    let (store, _directory) = open(LIMITS);
    let count = |store: Store| async move {
        let mut service = start(&store, Some("a"), &[]).await.unwrap();
        let mut conflicts = 0;
        for _ in 0..50 {
            loop {
                let got = service.call(&get(b"counter")).await.unwrap();
                let (error, _, _, version, value) = reply(&got);
                assert!(error == 0 || (error == 2 && version == 0));
                let value = value.try_into().map_or(0, u32::from_le_bytes) + 1;
                let content = call(1, b"counter", 1, 0, version, &value.to_le_bytes());
                match reply(&service.call(&content).await.unwrap()).0 {
                    0 => break,
                    3 => conflicts += 1,
                    other => panic!("error {other}"),
                }
            }
        }
        conflicts
    };
    let conflicts = tokio::join!(count(store.clone()), count(store.clone()));
    assert!(conflicts.0 + conflicts.1 > 0, "they were in each other's way");
    let mut service = start(&store, Some("a"), &[]).await.unwrap();
    let got = service.call(&get(b"counter")).await.unwrap();
    assert_eq!(reply(&got), (0, 0, 0, 100, &100_u32.to_le_bytes()[..]));
}

#[tokio::test]
async fn a_program_that_calls_too_much_waits() {
    let (store, _directory) = open(LIMITS);
    let mut service = start(&store, Some("a"), &[]).await.unwrap();
    service.call(&set(b"k", &[7; MAX_VALUE_BYTES])).await.unwrap();
    // More than can wait at a time; sending waits in between.
    for _ in 0..3 * MAX_CALLS {
        service.send(Domain::Call, &set(b"x", b"")).await.unwrap();
    }
    for _ in 0..20 {
        service.send(Domain::Call, &get(b"k")).await.unwrap();
        service.send(Domain::Call, &[]).await.unwrap();
    }
    for _ in 0..3 * MAX_CALLS {
        assert_eq!(reply(&service.reply().await.unwrap()).0, 0);
    }
    for _ in 0..20 {
        assert_eq!(reply(&service.reply().await.unwrap()).4, [7; MAX_VALUE_BYTES]);
        assert_eq!(service.reply().await.unwrap(), b"");
    }
}

#[tokio::test]
async fn nothing_takes_place_twice() {
    let (store, _directory) = open(LIMITS);
    let mut service = start(&store, Some("a"), &[]).await.unwrap();
    assert_eq!(service.save().await, b"");
    service.send(Domain::Call, &set(b"k", b"1")).await.unwrap();
    service.send(Domain::Call, &get(b"k")).await.unwrap();
    let snapshot = service.save().await;
    assert_eq!(service.save().await, snapshot);
    let replies = decode(&snapshot).unwrap();
    assert_eq!(replies.len(), 2, "all calls were finished");

    let (elsewhere, _other_directory) = open(LIMITS);
    for store in [&store, &elsewhere] {
        let mut copy = start(store, Some("a"), &snapshot).await.unwrap();
        assert_eq!(copy.save().await, snapshot);
        assert_eq!(reply(&copy.reply().await.unwrap()), (0, 0, 0, 1, &[][..]));
        assert_eq!(reply(&copy.reply().await.unwrap()), (0, 0, 0, 1, &b"1"[..]));
        assert_eq!(copy.save().await, b"");
    }
    assert_eq!(reply(&service.reply().await.unwrap()).3, 1, "here it goes on");
    let mut after = start(&store, Some("a"), &[]).await.unwrap();
    assert_eq!(reply(&after.call(&get(b"k")).await.unwrap()).3, 1, "it was set once");
}

#[tokio::test]
async fn snapshots_of_old_are_read() {
    let (store, _directory) = open(LIMITS);
    let mut service = start(&store, Some("a"), &[1, 3, 0, b'a', b'b', b'c', 0, 0]).await.unwrap();
    assert_eq!(service.reply().await.unwrap(), b"abc");
    assert_eq!(service.reply().await.unwrap(), b"");
    assert_eq!(service.try_next().await.unwrap(), None);
}

#[tokio::test]
async fn other_snapshots_are_refused() {
    let (store, _directory) = open(LIMITS);
    let mut many = vec![1];
    many.extend([0; 2 * (MAX_CALLS + 1)]);
    for (snapshot, expect) in [
        (&[0][..], "state of kv has format 0 (known: 1)"),
        (&[2, 0, 0], "state of kv has format 2 (known: 1)"),
        (&[1, 0], "reply of kv is cut"),
        (&[1, 2, 0, 9], "reply of kv is cut"),
        (&[1, 0xff, 0xff], "reply of kv has 65535 bytes (limit: 65528)"),
        (&many, "more than 64 replies of kv"),
    ] {
        match start(&store, Some("a"), snapshot).await.map(drop) {
            Err(Failure::Snapshot(text)) => assert_eq!(text, expect),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn it_is_a_service() {
    let (store, _directory) = open(Limits { total_bytes: u64::MAX, ..LIMITS });
    let count = AtomicU32::new(0);
    conformance::check(|| {
        // Each run has keys of its own.
        let principal = count.fetch_add(1, Ordering::Relaxed).to_string();
        let script = Script::new()
            .send(Message::call(&set(b"a", b"1")))
            .send(Message::call(&set(b"b", b"2")))
            .send(Message::call(&call(1, b"a", 1, 0, 1, b"3")))
            .until(|program| program.replies() == 3)
            .send(Message::call(&call(1, b"a", 1, 0, 1, b"4")))
            .send(Message::call(&[]))
            .send(Message::call(&get(b"a")))
            .send(Message::call(&call(3, b"", 2, 0, 0, b"")))
            .send(Message::call(&call(2, b"a", 0, 0, 0, b"")))
            .send(Message::call(&call(4, b"", 0, 0, 0, b"")))
            .until(|program| program.replies() == 9);
        Subject {
            client: Arc::new(client(Some(&principal))),
            // It finds what the other one has done to their keys.
            copies: Copies::Different,
            ..Subject::new(Arc::new(Kv::new(store.clone())), script)
        }
    })
    .await
    .unwrap();
}

/// What the keys of a principal are, without a database.
#[derive(Default)]
struct Model {
    clock: u64,
    entries: std::collections::BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
}

impl Model {
    fn call(&mut self, operation: &Operation) -> Vec<u8> {
        let version = |key: &Vec<u8>, model: &Self| model.entries.get(key).map_or(0, |entry| entry.0);
        match operation {
            Operation::Get { key } => match self.entries.get(key) {
                Some((version, value)) => reply::value(*version, value),
                None => reply::error(ErrorCode::NotFound),
            },
            Operation::Set { key, expected, value } => {
                let version = version(key, self);
                if expected.is_some_and(|expected| expected != version) {
                    return reply::conflict(version);
                }
                self.clock += 1;
                self.entries.insert(key.clone(), (self.clock, value.clone()));
                reply::version(self.clock)
            }
            Operation::Delete { key, expected } => {
                let version = version(key, self);
                if expected.is_some_and(|expected| expected != version) {
                    return reply::conflict(version);
                }
                match self.entries.remove(key) {
                    None if expected.is_none() => reply::error(ErrorCode::NotFound),
                    _ => reply::version(version),
                }
            }
            Operation::List { prefix, after, limit, with_values } => {
                let found = self.entries.iter().filter(|(key, _)| key.starts_with(prefix) && *key > after);
                let mut listing = reply::Listing::new();
                for (key, (version, value)) in found.clone().take(match limit {
                    0 => usize::MAX,
                    limit => usize::try_from(*limit).unwrap(),
                }) {
                    assert!(listing.push(key, *version, value, *with_values), "this little fits");
                }
                let has_more = found.count() > usize::try_from(listing.count()).unwrap();
                listing.reply(has_more)
            }
            Operation::Usage => {
                let bytes: usize = self.entries.iter().map(|(key, (_, value))| key.len() + value.len()).sum();
                reply::usage([
                    self.entries.len().try_into().unwrap(),
                    LIMITS.keys_per_principal,
                    bytes.try_into().unwrap(),
                    LIMITS.bytes_per_principal,
                ])
            }
        }
    }
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(0_u8), Just(b'a'), Just(b'b'), Just(255)], 1..4)
}

/// A call with few keys and versions, so that they meet.
fn any_call() -> impl Strategy<Value = Vec<u8>> {
    let expected = || prop_oneof![Just(None), (0_u64..12).prop_map(Some)];
    let conditional = |operation, key: &[u8], expected: Option<u64>, value: &[u8]| {
        call(operation, key, u16::from(expected.is_some()), 0, expected.unwrap_or(0), value)
    };
    prop_oneof![
        key().prop_map(|key| get(&key)),
        (key(), expected(), vec(any::<u8>(), 0..20))
            .prop_map(move |(key, expected, value)| conditional(1, &key, expected, &value)),
        (key(), expected()).prop_map(move |(key, expected)| conditional(2, &key, expected, b"")),
        (prop_oneof![Just(Vec::new()), key()], any::<bool>(), 0_u32..4, vec(Just(b'a'), 0..3)).prop_map(
            |(after, values, limit, prefix)| call(3, &after, 2 * u16::from(values), limit, 0, &prefix)
        ),
        Just(call(4, b"", 0, 0, 0, b"")),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Call(Vec<u8>),
    Take,
    Remake,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_does_what_the_model_does(
        steps in vec(
            prop_oneof![
                6 => any_call().prop_map(Step::Call),
                2 => Just(Step::Take),
                1 => Just(Step::Remake),
            ],
            0..60,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (store, _directory) = open(LIMITS);
            let mut model = Model::default();
            let mut expected = VecDeque::new();
            let mut service = start(&store, Some("a"), &[]).await.unwrap();
            for step in steps {
                match step {
                    Step::Call(content) => {
                        expected.push_back(model.call(&Operation::decode(&content).unwrap()));
                        service.send(Domain::Call, &content).await.unwrap();
                    }
                    Step::Take => {
                        if let Some(expected) = expected.pop_front() {
                            assert_eq!(service.reply().await.unwrap(), expected);
                        }
                    }
                    Step::Remake => {
                        while let Some((_, _, content)) = service.try_next().await.unwrap() {
                            assert_eq!(Some(content), expected.pop_front());
                        }
                        let snapshot = service.save().await;
                        service = start(&store, Some("a"), &snapshot).await.unwrap();
                    }
                }
            }
            for expected in expected {
                assert_eq!(service.reply().await.unwrap(), expected);
            }
            assert_eq!(service.try_next().await.unwrap(), None);
        });
    }
}
