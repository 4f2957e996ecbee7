//! What reaches the log, and when.

use std::sync::Mutex;

use gate_service::Registry;
use gate_service::conformance::{self, Message, Script, Subject};

use super::line::tests::content;
use super::*;
use crate::driven::{Driven, client};

/// A log that can be read.
#[derive(Default)]
struct Memory(Mutex<Vec<String>>);

impl Memory {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Sink for Memory {
    fn line(&self, client: &Client, line: &Line) {
        let principal = client.principal.as_deref().unwrap_or("nobody");
        self.0.lock().unwrap().push(format!("{principal}: {}: {line}", line.severity));
    }

    fn dropped(&self, _client: &Client, dropped: Dropped) {
        self.0.lock().unwrap().push(dropped.to_string());
    }
}

fn limits(lines: u32, burst_lines: u32, bytes: u32, burst_bytes: u32) -> Limits {
    let number = |number| NonZeroU32::new(number).unwrap();
    Limits {
        lines_per_second: number(lines),
        burst_lines: number(burst_lines),
        bytes_per_second: number(bytes),
        burst_bytes: number(burst_bytes),
    }
}

async fn start(limits: Limits) -> (Driven, Arc<Memory>) {
    let memory = Arc::new(Memory::default());
    let factory = Log::new(Arc::clone(&memory) as Arc<dyn Sink>, limits);
    let service = Driven::new(&factory, Arc::new(client(Some("me"))), Registry::new(), b"x").await.unwrap();
    (service, memory)
}

fn message(text: &str) -> Vec<u8> {
    content(2, b"", text.as_bytes(), &[])
}

#[tokio::test(start_paused = true)]
async fn lines_are_logged() {
    let (mut service, memory) = start(limits(1, 10, 1000, 10_000)).await;
    assert_eq!(service.call(&message("one")).await.unwrap(), [0, 0, 0, 0]);
    service.send(Domain::Info, &content(0, b"t", b"two", &[(b"k", b"v")])).await.unwrap();
    assert_eq!(service.try_next().await.unwrap(), None, "nobody answers");
    assert_eq!(memory.take(), ["me: info: one", "me: error: t: two k=\"v\""]);
    assert!(service.save().await.is_empty());
    drop(service);
    assert!(memory.take().is_empty(), "nothing was dropped");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_is_dropped_and_counted() {
    let (mut service, memory) = start(limits(10, 3, 1000, 10_000)).await;
    for text in ["a", "b", "c"] {
        service.send(Domain::Info, &message(text)).await.unwrap();
    }
    assert_eq!(memory.take().len(), 3);
    assert_eq!(service.call(&message("d")).await.unwrap(), [2, 0, 0, 0]);
    service.send(Domain::Info, &message("e")).await.unwrap();
    tokio::time::advance(Duration::from_millis(100)).await;
    assert_eq!(service.call(&message("f")).await.unwrap(), [0, 0, 0, 0]);
    assert_eq!(memory.take(), ["me: info: f"], "the number is not told at once");
    assert_eq!(service.call(&message("g")).await.unwrap(), [2, 0, 0, 0]);
    tokio::time::advance(REPORT_DELAY).await;
    assert_eq!(service.try_next().await.unwrap(), None);
    assert_eq!(memory.take(), ["lines dropped: 3 (too many)"]);
    tokio::time::advance(REPORT_DELAY).await;
    assert_eq!(service.try_next().await.unwrap(), None);
    assert!(memory.take().is_empty(), "it was told");
}

#[tokio::test(start_paused = true)]
async fn bytes_are_limited_too() {
    let (mut service, memory) = start(limits(1000, 1000, 100, 200)).await;
    let long = "x".repeat(92);
    assert_eq!(service.call(&message(&long)).await.unwrap(), [0, 0, 0, 0]);
    assert_eq!(service.call(&message(&long)).await.unwrap(), [0, 0, 0, 0]);
    assert_eq!(service.call(&message("")).await.unwrap(), [2, 0, 0, 0]);
    tokio::time::advance(Duration::from_millis(80)).await;
    assert_eq!(service.call(&message("y")).await.unwrap(), [2, 0, 0, 0], "8 bytes are allowed now, not 9");
    assert_eq!(service.call(&message("")).await.unwrap(), [0, 0, 0, 0]);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(service.call(&message(&"x".repeat(200))).await.unwrap(), [2, 0, 0, 0], "it never fits");
    assert_eq!(memory.take().last().unwrap(), "lines dropped: 3 (too many)");
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_told() {
    let (mut service, memory) = start(limits(1, 1, 1000, 10_000)).await;
    assert_eq!(service.call(&content(9, b"", b"", &[])).await.unwrap(), [1, 0, 0, 0]);
    assert_eq!(service.call(b"").await.unwrap(), b"");
    assert_eq!(service.call(&[7; 8]).await.unwrap(), b"");
    for bytes in [&content(9, b"", b"", &[])[..], b"", &[7; 8]] {
        service.send(Domain::Info, bytes).await.unwrap();
    }
    assert!(memory.take().is_empty());
    drop(service);
    assert_eq!(memory.take(), ["lines dropped: 1 (not valid)"], "of which no reply told");
    let both = Dropped { excess: 2, invalid: 3 };
    assert_eq!(both.to_string(), "lines dropped: 2 (too many), 3 (not valid)");
}

#[tokio::test(start_paused = true)]
async fn it_is_a_service() {
    conformance::check(|| {
        let script = Script::new()
            .send(Message::call(&message("one")))
            .send(Message::info(&message("two")))
            .send(Message::call(&content(9, b"", b"", &[])))
            .send(Message::call(&[]))
            .until(|program| program.replies() == 3);
        Subject::new(Arc::new(Log::new(Arc::new(Memory::default()), limits(10, 10, 1000, 10_000))), script)
    })
    .await
    .unwrap();
}
