//! Built-in services, used by a program that sends anything, and made from snapshots that can be anything. Each input is run with the service being
//! saved and made again where the input says so.
//!
//! A target per service, as they have nothing in common but what they must never do: panic, blame somebody else, send what nobody asked for.

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use gate_service::conformance::{self, Script, Subject};
use gate_service::{Client, Factory, Registry, Scope};
use gate_services::catalog::Catalog;
use gate_services::identity::Identity;
use gate_services::kv::{self, Kv, Store};
use gate_services::log::{self, Dropped, Line, Log, Sink};
use gate_services::random::Random;
use gate_services::scope;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How long a run may take. Nothing here waits for anything but a disk.
const PATIENCE: Duration = Duration::from_secs(60);

thread_local! {
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime can be made");
}

/// `catalog`.
///
/// # Panics
/// As all here: when the service does what none may, or when the code under test panics.
pub fn catalog(data: &[u8]) {
    let mut registry = Registry::new();
    for factory in [Arc::new(Catalog) as Arc<dyn Factory>, Arc::new(Identity)] {
        registry.register(factory).expect("they have different names");
    }
    let subject = subject(Catalog);
    check(Subject { registry: Arc::new(registry), ..subject }, data);
}

/// `identity`.
///
/// # Panics
/// As [`catalog`].
pub fn identity(data: &[u8]) {
    check(subject(Identity), data);
}

/// `random`, with as many bits as one likes.
///
/// # Panics
/// As [`catalog`].
pub fn random(data: &[u8]) {
    check(subject(Random { bits_per_minute: u32::MAX }), data);
}

/// `scope`.
///
/// # Panics
/// As [`catalog`].
pub fn scope(data: &[u8]) {
    let client = Client {
        principal: None,
        instance: None,
        process_key: [0; 16],
        scope: Scope::new([scope::SYSTEM.to_owned(), "a".to_owned()]),
        system_user: None,
    };
    let subject = subject(scope::Scope);
    check(Subject { client: Arc::new(client), ..subject }, data);
}

/// `log`, into one that looks at what it gets.
///
/// # Panics
/// As [`catalog`], and when a line is not safe to show.
pub fn log(data: &[u8]) {
    let limit = |number| NonZeroU32::new(number).expect("it is not 0");
    let limits = log::Limits {
        lines_per_second: limit(1),
        burst_lines: limit(4),
        bytes_per_second: limit(1),
        burst_bytes: limit(200),
    };
    check(subject(Log::new(Arc::new(Judge), limits)), data);
}

/// A log that no line may harm.
#[derive(Debug)]
struct Judge;

impl Sink for Judge {
    fn line(&self, _client: &Client, line: &Line) {
        let text = line.to_string();
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }

    fn dropped(&self, _client: &Client, dropped: Dropped) {
        assert_ne!(dropped, Dropped::default(), "there is nothing to tell");
    }
}

/// `kv`, with a database that is kept from one input to the next.
///
/// # Panics
/// As [`catalog`], and when the database fails.
pub fn kv(data: &[u8]) {
    static STORE: LazyLock<(Store, TempDir)> = LazyLock::new(|| {
        let directory = TempDir::new().expect("there is room for a directory");
        let limits = kv::Limits { keys_per_principal: 20, bytes_per_principal: 2000, total_bytes: 3000 };
        let report: kv::Report = Box::new(|error| panic!("{error:?}"));
        (Store::open(&directory.path().join("kv"), limits, report).expect("it can be made"), directory)
    });
    check(subject(Kv::new(STORE.0.clone())), data);
}

fn subject(factory: impl Factory + 'static) -> Subject {
    Subject::new(Arc::new(factory), Script::new())
}

fn check(subject: Subject, data: &[u8]) {
    let run = async { tokio::time::timeout(PATIENCE, conformance::fuzz(subject, data)).await };
    match RUNTIME.with(|runtime| runtime.block_on(run)) {
        Ok(Ok(())) => {}
        Ok(Err(breach)) => fail(&breach),
        Err(late) => fail(&late),
    }
}

#[track_caller]
fn fail(error: &dyn Debug) -> ! {
    panic!("{error:?}");
}

#[cfg(test)]
mod tests {
    use crate::driver;

    #[test]
    fn smoke() {
        for target in [super::catalog, super::identity, super::kv, super::log, super::random, super::scope] {
            driver::smoke(target, 1_000);
        }
    }
}
