//! Databases that are damaged, shared, left behind, and watched.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use tempfile::TempDir;

use super::*;

/// As much as most tests need.
pub(in crate::kv) const LIMITS: Limits =
    Limits { keys_per_principal: 1000, bytes_per_principal: 1 << 20, total_bytes: 8 << 20 };

/// Where a child process of a test has its database.
const CHILD_DATABASE: &str = "GATE_SERVICES_TEST_KV_DATABASE";

/// The same for one that has little room.
const FULL_DATABASE: &str = "GATE_SERVICES_TEST_KV_FULL_DATABASE";

fn no_report() -> Report {
    Box::new(|error| panic!("{error:?}"))
}

/// Where there can be databases. No test cuts the power, so a file system in memory is as good as a disk, and much faster.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap()
}

/// A new store.
pub(in crate::kv) fn open(limits: Limits) -> (Store, TempDir) {
    let directory = directory();
    (Store::open(&directory.path().join("kv"), limits, no_report()).unwrap(), directory)
}

fn set(key: &str, value: &str) -> Operation {
    Operation::Set { key: key.into(), expected: None, value: value.into() }
}

fn get(key: &str) -> Operation {
    Operation::Get { key: key.into() }
}

async fn run(store: &Store, operations: Vec<Operation>) -> Vec<Vec<u8>> {
    store.run("a".into(), operations).await
}

#[tokio::test]
async fn it_can_be_opened_again_and_by_others() {
    let directory = directory();
    let path = directory.path().join("kv");
    let first = Store::open(&path, LIMITS, no_report()).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let second = Store::open(&path, LIMITS, no_report()).unwrap();
    assert_eq!(run(&first, vec![set("k", "1")]).await, [reply::version(1)]);
    assert_eq!(run(&second, vec![get("k"), set("k", "2")]).await, [reply::value(1, b"1"), reply::version(2)]);
    assert_eq!(run(&first, vec![get("k")]).await, [reply::value(2, b"2")]);
    drop((first, second));
    let third = Store::open(&path, LIMITS, no_report()).unwrap();
    assert_eq!(run(&third, vec![get("k")]).await, [reply::value(2, b"2")]);
}

/// A database that the first version has made, which must be readable for ever.
#[tokio::test]
async fn databases_of_old_are_read() {
    let directory = directory();
    let path = directory.path().join("kv");
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/v1/kv.redb");
    std::fs::write(&path, std::fs::read(old).unwrap()).unwrap();
    let store = Store::open(&path, LIMITS, no_report()).unwrap();
    let replies = store.run("local".into(), vec![get("a"), Operation::Usage, set("c", "")]).await;
    let usage = reply::usage([2, LIMITS.keys_per_principal, 10, LIMITS.bytes_per_principal]);
    assert_eq!(replies, [reply::value(3, b"second"), usage, reply::version(4)]);
    let replies = store.run("ed25519:AAAA".into(), vec![get("a"), get("c")]).await;
    assert_eq!(replies, [reply::value(1, b"of another"), reply::error(ErrorCode::NotFound)]);
}

#[test]
fn what_is_no_database_is_refused() {
    let directory = directory();
    let open = |name: &str| Store::open(&directory.path().join(name), LIMITS, no_report()).map(drop);
    std::fs::write(directory.path().join("text"), "this is no database".repeat(1000)).unwrap();
    assert!(matches!(open("text"), Err(StoreError::Database { .. })));
    assert!(matches!(open("missing/kv"), Err(StoreError::Open { .. })));

    let database = Database::create(directory.path().join("later")).unwrap();
    let write = database.begin_write().unwrap();
    write
        .open_table(redb::TableDefinition::<&str, u64>::new("store"))
        .unwrap()
        .insert("format", tables::FORMAT + 1)
        .unwrap();
    write.commit().unwrap();
    drop(database);
    match open("later") {
        Err(error @ StoreError::Format { found: 2, .. }) => {
            assert!(error.to_string().ends_with("has format 2 (known: 1)"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn programs_are_told_when_the_storage_fails_and_can_go_on_later() {
    let directory = directory();
    let path = directory.path().join("kv");
    let reports = Arc::new(Mutex::new(Vec::new()));
    let (file, reporter) = (DatabaseFile { path: path.clone(), limits: LIMITS }, Arc::clone(&reports));
    let report: Report = Box::new(move |error| reporter.lock().unwrap().push(error.to_string()));
    let database = file.open().unwrap();
    let (jobs, queue) = mpsc::channel(MAX_JOBS);
    // The file is gone before the thread needs to open it again.
    let thread = std::thread::spawn(move || {
        let mut database = Some(database);
        assert!(file.execute(&mut database, &[("a", &[set("k", "1")])]).is_ok());
        drop(database);
        std::fs::rename(&file.path, file.path.with_extension("away")).unwrap();
        std::fs::create_dir(&file.path).unwrap();
        let mut none = None;
        let error = file.execute(&mut none, &[("a", &[get("k")])]).unwrap_err();
        report(&error);
        assert!(none.is_none());
        std::fs::remove_dir(&file.path).unwrap();
        std::fs::rename(file.path.with_extension("away"), &file.path).unwrap();
        let database = file.open().unwrap();
        file.serve(database, queue, &report);
    });
    let store = Store { jobs };
    assert_eq!(run(&store, vec![get("k")]).await, [reply::value(1, b"1")]);
    drop(store);
    thread.join().unwrap();
    assert_eq!(*reports.lock().unwrap(), [format!("cannot open database {path:?}")]);

    let (jobs, queue) = mpsc::channel(1);
    drop(queue);
    let replies = run(&Store { jobs }, vec![get("k"), get("k")]).await;
    assert_eq!(replies, [reply::error(ErrorCode::Storage), reply::error(ErrorCode::Storage)]);
}

/// The program that the next test kills: sets keys to ever larger numbers, and tells what it has been told is stored.
#[tokio::test]
async fn child_that_is_killed() {
    let Some(path) = std::env::var_os(CHILD_DATABASE) else { return };
    let store = Store::open(Path::new(&path), LIMITS, no_report()).unwrap();
    let mut out = std::io::stdout().lock();
    for number in 1_u32.. {
        // Two keys in one job, of which never only one is there.
        let key = format!("k{}", number % 50);
        let value = format!("{number}{}", "x".repeat(usize::try_from(number % 7 * 1000).unwrap()));
        let replies = run(&store, vec![set(&key, &value), set("last", &number.to_string())]).await;
        assert!(replies.iter().all(|reply| reply.starts_with(&[0, 0])));
        writeln!(out, "stored {number}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn what_was_replied_to_survives_kill() {
    let directory = directory();
    let path = directory.path().join("kv");
    // It is open here, too, as if another process went on.
    let witness = Store::open(&path, LIMITS, no_report()).unwrap();
    for round in 0..12_u32 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kv::store::tests::child_that_is_killed", "--nocapture", "--test-threads=1"])
            .env(CHILD_DATABASE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stored = 0;
        let mut parse = |line: std::io::Result<String>| {
            // The test harness writes a line without an end first.
            let line = line.unwrap();
            if let Some((_, number)) = line.rsplit_once("stored ") {
                stored = number.parse::<u32>().unwrap();
            }
            stored
        };
        while parse(lines.next().expect("it goes on until it is killed")) < 20 + round * 3 {}
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            parse(line);
        }

        let store =
            if round % 2 == 0 { witness.clone() } else { Store::open(&path, LIMITS, no_report()).unwrap() };
        check_consistency(&store, stored).await;
    }
}

/// The program of the next test, whose files cannot become larger than so much.
#[tokio::test]
async fn child_without_room() {
    let Some(path) = std::env::var_os(FULL_DATABASE) else { return };
    let reports = Arc::new(Mutex::new(0));
    let reporter = Arc::clone(&reports);
    let limits = Limits { bytes_per_principal: 1 << 30, total_bytes: 1 << 30, ..LIMITS };
    let report: Report = Box::new(move |error| {
        assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
        *reporter.lock().unwrap() += 1;
    });
    let store = Store::open(Path::new(&path), limits, report).unwrap();
    let value = "x".repeat(60_000);
    let mut stored = 0;
    while run(&store, vec![set(&format!("k{stored}"), &value)]).await == [reply::version(stored + 1)] {
        stored += 1;
    }
    for number in [0, stored - 1] {
        let replies = run(&store, vec![get(&format!("k{number}"))]).await;
        assert_eq!(replies, [reply::value(number + 1, value.as_bytes())], "{number} of {stored}");
    }
    let missing = run(&store, vec![get(&format!("k{stored}"))]).await;
    assert_eq!(missing, [reply::error(ErrorCode::NotFound)]);
    println!("stored {stored}, failed {}", reports.lock().unwrap());
}

#[test]
fn programs_go_on_when_the_disk_is_full() {
    let directory = directory();
    let output = Command::new("/bin/sh")
        // 4 MiB. Whoever ignores the signal gets an error instead.
        .args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "kv::store::tests::child_without_room", "--nocapture"])
        .env(FULL_DATABASE, directory.path().join("kv"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find_map(|line| Some(line.split_once("stored ")?.1)).expect("it says so");
    let (stored, failed) = line.split_once(", failed ").unwrap();
    assert!((10..70).contains(&stored.parse::<u32>().unwrap()), "{line}");
    assert_eq!(failed, "1");
}

/// `stored` is there, at most one more was written, and the numbers of keys and bytes are right.
async fn check_consistency(store: &Store, stored: u32) {
    let list = |after: Vec<u8>| Operation::List { prefix: Vec::new(), after, limit: 0, with_values: true };
    let mut entries = BTreeMap::new();
    let mut after = Vec::new();
    loop {
        let listing = run(store, vec![list(after.clone())]).await.remove(0);
        let mut rest = &listing[16..];
        while !rest.is_empty() {
            let key_length = usize::from(rest[0]);
            let value_length = usize::try_from(u32::from_le_bytes(rest[4..8].try_into().unwrap())).unwrap();
            let (key, behind) = rest[16..].split_at(key_length);
            let (value, behind) = behind.split_at(value_length);
            entries.insert(key.to_vec(), String::from_utf8(value.to_vec()).unwrap());
            after = key.to_vec();
            rest = behind;
        }
        if listing[2] == 0 {
            break;
        }
    }
    let last: u32 = entries[&b"last"[..]].parse().unwrap();
    assert!(last == stored || last == stored + 1, "{stored} was replied to, {last} is there");
    for number in last.saturating_sub(49).max(1)..=last {
        let value = &entries[format!("k{}", number % 50).as_bytes()];
        assert_eq!(value.trim_end_matches('x').parse::<u32>().unwrap(), number);
    }
    let bytes: usize = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
    let usage = run(store, vec![Operation::Usage]).await.remove(0);
    let number = |at: usize| u64::from_le_bytes(usage[at..at + 8].try_into().unwrap());
    assert_eq!((number(16), number(32)), (entries.len().try_into().unwrap(), bytes.try_into().unwrap()));
}
