//! The cache in real directories, with many users of it at once.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::{Artifact, Cache, Lookup, Miss, PutError, file_name};
use crate::key::{Key, ModuleHash};
use crate::trailer::{Rejection, TRAILER_BYTES};

const LARGE: u64 = 1 << 30;

fn key(number: u8) -> Key {
    Key::from_bytes([number; 32])
}

/// A cache in a directory of its own, which goes with the first of the two.
fn cache(max_bytes: u64) -> (tempfile::TempDir, Cache) {
    let temp = tempfile::tempdir().unwrap();
    let cache = Cache::open(&temp.path().join("artifacts"), max_bytes).unwrap();
    (temp, cache)
}

fn path(cache: &Cache, key: &Key) -> PathBuf {
    cache.path.join(file_name(key))
}

fn content(mut artifact: Artifact) -> Vec<u8> {
    let mut bytes = Vec::new();
    artifact.file.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, artifact.artifact_bytes + TRAILER_BYTES as u64);
    bytes.truncate(bytes.len() - TRAILER_BYTES);
    bytes
}

#[track_caller]
fn put(cache: &Cache, key: &Key, artifact: &[u8]) -> usize {
    let stored = cache.put(key, &mut &*artifact).unwrap();
    assert_eq!(content(stored.artifact), artifact);
    stored.evicted.unwrap()
}

#[track_caller]
fn hit(cache: &Cache, key: &Key) -> Vec<u8> {
    match cache.get(key) {
        Lookup::Hit(artifact) => content(artifact),
        Lookup::Miss(miss) => panic!("{miss:?}"),
    }
}

#[track_caller]
fn absent(cache: &Cache, key: &Key) {
    let lookup = cache.get(key);
    assert!(matches!(lookup, Lookup::Miss(Miss::Absent)), "{lookup:?}");
}

/// The entry must be rejected for the expected reason, and then be gone.
#[track_caller]
fn rejected(cache: &Cache, key: &Key, is_expected: impl Fn(&Rejection) -> bool) {
    match cache.get(key) {
        Lookup::Miss(Miss::Rejected { path: named, removed: true, source }) => {
            assert_eq!(named, path(cache, key));
            assert!(is_expected(&source), "{source:?}");
        }
        other => panic!("{other:?}"),
    }
    absent(cache, key);
    assert!(fs::symlink_metadata(path(cache, key)).is_err());
}

/// Puts a file with these bytes where that of `key` belongs.
fn plant(cache: &Cache, key: &Key, bytes: &[u8]) {
    let elsewhere = cache.path.join("elsewhere");
    fs::write(&elsewhere, bytes).unwrap();
    fs::set_permissions(&elsewhere, Permissions::from_mode(0o400)).unwrap();
    fs::rename(elsewhere, path(cache, key)).unwrap();
}

fn names(cache: &Cache) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(&cache.path).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// As if `key` had last been used `seconds` ago.
fn age(cache: &Cache, key: &Key, seconds: u64) {
    let file = File::open(path(cache, key)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

#[test]
fn what_was_put_is_got() {
    let (_temp, cache) = cache(LARGE);
    absent(&cache, &key(1));
    for (number, len) in [(1, 0), (2, 1), (3, 100_000), (4, 65_536)] {
        let artifact = vec![number; len];
        put(&cache, &key(number), &artifact);
        assert_eq!(hit(&cache, &key(number)), artifact);
    }
    assert_eq!(hit(&cache, &key(3)).len(), 100_000, "others are still there");
    put(&cache, &key(3), b"replaced");
    assert_eq!(hit(&cache, &key(3)), b"replaced");
    assert_eq!(fs::metadata(path(&cache, &key(3))).unwrap().mode() & 0o7777, 0o400);
}

#[test]
fn artifacts_cannot_be_written_through_what_get_and_put_return() {
    let (_temp, cache) = cache(LARGE);
    let mut stored = cache.put(&key(1), &mut b"code".as_slice()).unwrap();
    stored.artifact.file.write_all(b"evil").unwrap_err();
    let Lookup::Hit(mut artifact) = cache.get(&key(1)) else { panic!("was just put") };
    artifact.file.write_all(b"evil").unwrap_err();
}

#[test]
fn files_torn_anywhere_are_misses() {
    let (_temp, cache) = cache(LARGE);
    put(&cache, &key(1), b"compiled code");
    let whole = fs::read(path(&cache, &key(1))).unwrap();
    for len in 0..whole.len() {
        plant(&cache, &key(1), &whole[..len]);
        rejected(&cache, &key(1), |_| true);
        put(&cache, &key(1), b"compiled code");
    }
    assert_eq!(hit(&cache, &key(1)), b"compiled code");
}

#[test]
fn other_keys_and_formats_are_misses() {
    let (_temp, cache) = cache(LARGE);
    put(&cache, &key(1), b"compiled code");
    let whole = fs::read(path(&cache, &key(1))).unwrap();
    plant(&cache, &key(2), &whole);
    rejected(&cache, &key(2), |r| matches!(r, Rejection::Key { found, .. } if *found == key(1)));
    let mut newer = whole;
    let format = newer.len() - TRAILER_BYTES + 8;
    newer[format] += 1;
    plant(&cache, &key(1), &newer);
    rejected(&cache, &key(1), |r| matches!(r, Rejection::Format { .. }));
}

#[test]
fn what_others_could_have_written_is_a_miss() {
    let (temp, cache) = cache(LARGE);
    let put_with = |mode| {
        put(&cache, &key(1), b"compiled code");
        fs::set_permissions(path(&cache, &key(1)), Permissions::from_mode(mode)).unwrap();
    };
    for mode in [0o620, 0o602, 0o666] {
        put_with(mode);
        rejected(
            &cache,
            &key(1),
            |r| matches!(r, Rejection::Untrusted { mode: found, .. } if *found == mode),
        );
    }
    put_with(0o644);
    assert_eq!(hit(&cache, &key(1)), b"compiled code");

    let elsewhere = temp.path().join("elsewhere");
    fs::rename(path(&cache, &key(1)), &elsewhere).unwrap();
    symlink(&elsewhere, path(&cache, &key(1))).unwrap();
    rejected(&cache, &key(1), |r| matches!(r, Rejection::NotAFile));
    assert!(elsewhere.exists(), "the link is removed, not what it names");
}

#[test]
fn what_is_not_a_file_is_a_miss() {
    let (_temp, cache) = cache(LARGE);
    let status = Command::new("mkfifo").arg(path(&cache, &key(1))).status().unwrap();
    assert!(status.success());
    rejected(&cache, &key(1), |r| matches!(r, Rejection::NotAFile));
    let _socket = std::os::unix::net::UnixListener::bind(path(&cache, &key(2))).unwrap();
    rejected(&cache, &key(2), |r| matches!(r, Rejection::NotAFile));
    fs::create_dir(path(&cache, &key(3))).unwrap();
    for _ in 0..2 {
        let lookup = cache.get(&key(3));
        assert!(
            matches!(
                lookup,
                Lookup::Miss(Miss::Rejected { removed: false, source: Rejection::NotAFile, .. })
            ),
            "{lookup:?}"
        );
    }
    let refused = cache.put(&key(3), &mut b"code".as_slice());
    assert!(matches!(refused, Err(PutError::Write { .. })), "{refused:?}");
    assert_eq!(names(&cache), [file_name(&key(3))], "the temporary file is removed");
}

#[test]
fn the_least_recently_used_go_first() {
    let entry = 1000;
    let (_temp, cache) = cache(3 * entry);
    let artifact = vec![0; 1000 - TRAILER_BYTES];
    for number in 1..=3 {
        assert_eq!(put(&cache, &key(number), &artifact), 0);
        age(&cache, &key(number), 100 - u64::from(number));
    }
    hit(&cache, &key(1));
    assert_eq!(put(&cache, &key(4), &artifact), 1);
    absent(&cache, &key(2));
    assert_eq!(put(&cache, &key(5), &vec![0; 2000 - TRAILER_BYTES]), 2);
    absent(&cache, &key(3));
    assert_eq!(names(&cache).len(), 2);
    hit(&cache, &key(5));
}

#[test]
fn what_was_just_put_stays() {
    let (_temp, cache) = cache(1000);
    put(&cache, &key(1), &[0; 900]);
    // The clock of whoever wrote this was ahead, so that it seems to be newer than anything.
    let file = File::open(path(&cache, &key(1))).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(1000)).unwrap();
    assert_eq!(put(&cache, &key(2), &[0; 900]), 1);
    hit(&cache, &key(2));
    absent(&cache, &key(1));
}

#[test]
fn an_evicted_artifact_stays_usable() {
    let (_temp, cache) = cache(1000);
    let stored = cache.put(&key(1), &mut [1; 900].as_slice()).unwrap();
    let Lookup::Hit(artifact) = cache.get(&key(1)) else { panic!("was just put") };
    assert_eq!(put(&cache, &key(2), &[2; 900]), 1);
    assert_eq!(content(artifact), [1; 900]);
    assert_eq!(content(stored.artifact), [1; 900]);
}

#[test]
fn artifacts_larger_than_the_cache_are_refused() {
    let (_temp, cache) = cache(1000);
    put(&cache, &key(1), &[0; 1000 - TRAILER_BYTES]);
    for len in [1001 - TRAILER_BYTES, 10_000] {
        let refused = cache.put(&key(2), &mut vec![0; len].as_slice());
        assert!(matches!(refused, Err(PutError::TooLarge { max_bytes: 1000, .. })), "{refused:?}");
    }
    let endless = cache.put(&key(2), &mut io::repeat(0));
    assert!(matches!(endless, Err(PutError::TooLarge { .. })), "{endless:?}");
    assert_eq!(names(&cache), [file_name(&key(1))], "nothing was left behind or evicted");
}

#[test]
fn a_failing_source_leaves_nothing() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let (_temp, cache) = cache(LARGE);
    let failed = cache.put(&key(1), &mut b"some code".chain(Failing));
    assert!(matches!(failed, Err(PutError::Source { .. })), "{failed:?}");
    assert_eq!(names(&cache), [""; 0]);
}

#[test]
fn writers_of_the_same_key_all_succeed() {
    let (temp, _) = cache(LARGE);
    let directory = temp.path().join("artifacts");
    let start = Barrier::new(8);
    let artifact = vec![0xc3; 200_000];
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let cache = Cache::open(&directory, LARGE).unwrap();
                start.wait();
                for _ in 0..20 {
                    put(&cache, &key(1), &artifact);
                    assert_eq!(hit(&cache, &key(1)), artifact);
                }
            });
        }
    });
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
}

/// Writers, readers and evictors at the same time: what is found is always whole.
#[test]
fn a_crowded_cache_stays_sound_and_small() {
    const ENTRY: usize = 10_000;
    let (temp, _) = cache(0);
    let directory = temp.path().join("artifacts");
    let start = Barrier::new(6);
    std::thread::scope(|scope| {
        for thread in 0u8..6 {
            let (start, directory) = (&start, &directory);
            scope.spawn(move || {
                let cache = Cache::open(directory, 4 * ENTRY as u64).unwrap();
                start.wait();
                for round in 0u8..60 {
                    let number = (round ^ thread) % 16;
                    let artifact = vec![number; ENTRY - TRAILER_BYTES];
                    match cache.get(&key(number)) {
                        Lookup::Hit(found) => assert_eq!(content(found), artifact),
                        Lookup::Miss(Miss::Absent) => {
                            cache.put(&key(number), &mut artifact.as_slice()).unwrap().evicted.unwrap();
                        }
                        Lookup::Miss(miss) => panic!("{miss:?}"),
                    }
                }
            });
        }
    });
    let last = Cache::open(&directory, 4 * ENTRY as u64).unwrap();
    put(&last, &key(200), &[0; ENTRY - TRAILER_BYTES]);
    assert_eq!(names(&last).len(), 4);
}

#[test]
fn a_full_disk_is_told_apart() {
    let temp = tempfile::tempdir().unwrap();
    let directory = temp.path().join("artifacts");
    fs::create_dir(&directory).unwrap();
    if let Err(errno) = mount("tmpfs", &directory, "tmpfs", MountFlags::empty(), c"size=64k,mode=700") {
        return gate_testkit::skip(
            "gate-store",
            "a_full_disk_is_told_apart",
            &format!("cannot mount here ({errno})"),
        );
    }
    let cache = Cache::open(&directory, LARGE).unwrap();
    let full = cache.put(&key(1), &mut vec![1; 1 << 20].as_slice());
    let left = names(&cache);
    let fits = cache.put(&key(2), &mut [2; 100].as_slice()).map(|stored| content(stored.artifact));
    drop(cache);
    unmount(&directory, UnmountFlags::DETACH).unwrap();
    assert!(matches!(&full, Err(PutError::Full { path, .. }) if *path == directory), "{full:?}");
    assert!(full.unwrap_err().to_string().contains(directory.to_str().unwrap()));
    assert_eq!(left, [""; 0], "what was written is removed");
    assert_eq!(fits.unwrap(), [2; 100]);
}

#[test]
fn a_read_only_directory_can_be_read() {
    let (_temp, cache) = cache(LARGE);
    put(&cache, &key(1), b"compiled code");
    let directory: &Path = &cache.path;
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        // Permissions do not stop root; a read-only mount does.
        if let Err(errno) = rustix::mount::mount_bind(directory, directory) {
            return gate_testkit::skip(
                "gate-store",
                "a_read_only_directory_can_be_read",
                &format!("cannot mount here ({errno})"),
            );
        }
        rustix::mount::mount_remount(directory, MountFlags::BIND | MountFlags::RDONLY, c"").unwrap();
    } else {
        fs::set_permissions(directory, Permissions::from_mode(0o500)).unwrap();
    }
    let read_only = Cache::open(directory, LARGE).unwrap();
    let found = read_only.get(&key(1));
    let refused = read_only.put(&key(2), &mut b"more".as_slice());
    drop(read_only);
    if is_root {
        unmount(directory, UnmountFlags::DETACH).unwrap();
    } else {
        fs::set_permissions(directory, Permissions::from_mode(0o700)).unwrap();
    }
    let Lookup::Hit(found) = found else { panic!("{found:?}") };
    assert_eq!(content(found), b"compiled code");
    assert!(matches!(&refused, Err(PutError::Write { path, .. }) if path == directory), "{refused:?}");
}

#[test]
fn a_removed_directory_is_a_miss_and_an_error() {
    let (_temp, cache) = cache(LARGE);
    fs::remove_dir(&cache.path).unwrap();
    absent(&cache, &key(1));
    let refused = cache.put(&key(1), &mut b"code".as_slice());
    assert!(matches!(refused, Err(PutError::Write { .. })), "{refused:?}");
}

#[test]
fn a_file_changed_in_place_is_a_miss() {
    let (_temp, cache) = cache(LARGE);
    put(&cache, &key(1), b"compiled code");
    fs::set_permissions(path(&cache, &key(1)), Permissions::from_mode(0o600)).unwrap();
    let mut file = OpenOptions::new().write(true).open(path(&cache, &key(1))).unwrap();
    file.write_all(b"C").unwrap();
    rejected(&cache, &key(1), |r| matches!(r, Rejection::Checksum { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// The cache against a model: a list, least recently used first, cut to the limit.
    #[test]
    fn the_cache_is_a_bounded_list(steps in proptest::collection::vec((0u8..6, 1usize..500, any::<bool>()), 1..40)) {
        const MAX: usize = 1200;
        let (_temp, cache) = cache(MAX as u64);
        let mut model: Vec<(u8, Vec<u8>)> = Vec::new();
        for (number, len, is_put) in steps {
            let module = ModuleHash::of(&[number]);
            let key = Key::new(&module, b"engine");
            // Files are used within one tick of the clock here, so order them by hand.
            for (index, (number, _)) in model.iter().enumerate() {
                let key = Key::new(&ModuleHash::of(&[*number]), b"engine");
                age(&cache, &key, (1000 - index) as u64);
            }
            let position = model.iter().position(|(found, _)| *found == number);
            let found = position.map(|position| model.remove(position));
            if is_put {
                let artifact = vec![number; len];
                put(&cache, &key, &artifact);
                model.push((number, artifact));
                let size = |model: &Vec<(u8, Vec<u8>)>| -> usize {
                    model.iter().map(|(_, artifact)| artifact.len() + TRAILER_BYTES).sum()
                };
                while size(&model) > MAX {
                    model.remove(0);
                }
            } else if let Some((number, artifact)) = found {
                prop_assert_eq!(hit(&cache, &key), artifact.clone());
                model.push((number, artifact));
            } else {
                absent(&cache, &key);
            }
            prop_assert_eq!(names(&cache).len(), model.len());
        }
    }
}
