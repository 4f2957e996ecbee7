//! A program that is stopped while whatever its packets go through is full in both directions, and begun again from the front.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gate_packet::Packet;
use gate_runtime::Verdict;
use gate_sandbox::ring;
use gate_service::{
    BoxFuture, Config, Created, Factory, Failure, Outbox, Properties, Registry, Saved, Service,
};
use gate_testkit::{binaries, guests};

use crate::program::{Program, assert_success, runtime};

/// How many calls the program makes: they fill some hundreds of rings.
const CALLS: u32 = 8_000_000;

/// The size of a call, and of the reply to it, in bytes.
const CALL_BYTES: u64 = 16;

/// How often it is stopped with a ring that is full before it is left alone.
const STOPS: u32 = 4;

/// Answers calls at once with what they say, and counts them.
#[derive(Clone, Default)]
struct Echo {
    calls: Arc<AtomicU64>,
}

impl Echo {
    /// What it has been called with so far, in bytes.
    fn bytes(&self) -> u64 {
        self.calls.load(Ordering::Relaxed) * CALL_BYTES
    }
}

impl Factory for Echo {
    fn properties(&self) -> Properties<'_> {
        Properties { name: "echo", revision: "0", has_streams: false }
    }

    fn create(&self, _config: Config, _snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let service = self.clone();
        Box::pin(async { Ok(Box::new(service) as Box<dyn Service>) })
    }
}

impl Service for Echo {
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(out.reply(0, packet.content())?)
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[test]
fn a_program_is_stopped_while_its_ring_is_full() {
    let headers = format!("-I{}", binaries::workspace().join("sdk/c/include").display());
    let source = guests::directory().join("services/chatter.c");
    let wasm = guests::c(&source, &[&headers, &format!("-DCALLS={CALLS}")]).unwrap();
    let mut registry = Registry::new();
    let echo = Echo::default();
    registry.register(Arc::new(echo.clone())).unwrap();
    let mut program = Program::new(registry, 1, &fs::read(wasm).unwrap());
    let (report, wrapped) = runtime().block_on(async {
        let (mut suspended, mut stops, mut wrapped) = (None, 0, 0);
        loop {
            let time = (wrapped < STOPS).then_some(Duration::from_millis(100));
            let before = echo.bytes();
            let report = program.run(suspended.take(), time).await;
            let Verdict::Suspended { suspended: mut here, .. } = report.verdict else {
                return (report, wrapped);
            };
            stops += 1;
            let moved = echo.bytes() - before;
            let waiting = here.buffers().await.unwrap().unwrap().input.len() as u64;
            // It is full most of the time, and then what goes through it begins again from its front.
            if moved > 2 * u64::from(ring::CAPACITY) && waiting > u64::from(ring::CAPACITY / 2) {
                wrapped += 1;
            }
            // Every other time it goes on as it is.
            suspended = Some(match stops % 2 {
                0 => *here,
                _ => program.through_snapshot(*here).await,
            });
        }
    });
    assert_success(&report);
    assert_eq!(echo.bytes(), u64::from(CALLS) * CALL_BYTES);
    assert!(wrapped > 1, "its ring was full at {wrapped} stops");
}
