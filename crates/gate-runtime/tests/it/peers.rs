//! Two programs that find each other and move bytes, one of them stopped and continued meanwhile.
//!
//! Each has a container and a thread of its own, as if they had different supervisors in one process.

use std::fs;
use std::io::{Read, Seek};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gate_runtime::Verdict;
use gate_service::Registry;
use gate_services::identity::Identity;
use gate_services::peer::{Hub, Peer};
use gate_services::peerindex::principal::PrincipalIndex;
use gate_testkit::{binaries, guests};

use crate::program::{Program, assert_success, runtime};

/// What is moved, unless the environment variable `GATE_PEERS_MIB` says otherwise.
const MIB: u64 = 64;

/// How often a program is stopped before it is left alone.
const STOPS: u32 = 6;

/// One of the programs.
fn program(hub: &Hub, number: u8, wasm: &[u8]) -> Program {
    let mut registry = Registry::new();
    registry.register(Arc::new(Peer::new(hub.clone()))).unwrap();
    registry.register(Arc::new(PrincipalIndex::new(hub.clone()))).unwrap();
    registry.register(Arc::new(Identity)).unwrap();
    Program::new(registry, number, wasm)
}

/// A program that sends so much to another one, or receives it.
fn mover(receives: bool, mib: u64) -> Vec<u8> {
    let source = guests::directory().join("services/peer.c");
    let headers = format!("-I{}", binaries::workspace().join("sdk/c/include").display());
    let bytes = format!("-DBYTES={}", mib << 20);
    let receive = format!("-DRECEIVE={}", u8::from(receives));
    fs::read(guests::c(&source, &[&headers, &bytes, &receive]).unwrap()).unwrap()
}

#[test]
fn programs_move_bytes_while_one_of_them_is_stopped() {
    let mib = std::env::var("GATE_PEERS_MIB").map_or(MIB, |text| text.parse().unwrap());
    for receiver_stops in [true, false] {
        let hub = Hub::new();
        let mut steady = program(&hub, 1, &mover(!receiver_stops, mib));
        let mut stopped = program(&hub, 2, &mover(receiver_stops, mib));
        let begun = Instant::now();
        let other = thread::spawn(move || runtime().block_on(steady.run(None, None)));
        let (report, stops) = runtime().block_on(async {
            let mut suspended = None;
            let mut stops = 0;
            loop {
                let time = (stops < STOPS).then_some(Duration::from_millis(30));
                let report = stopped.run(suspended.take(), time).await;
                match report.verdict {
                    Verdict::Suspended { suspended: here, .. } => {
                        stops += 1;
                        // Every other time it goes on as it is.
                        suspended = Some(match stops % 2 {
                            0 => *here,
                            _ => stopped.through_snapshot(*here).await,
                        });
                    }
                    _ => return (report, stops),
                }
            }
        });
        assert_success(&report);
        assert_success(&other.join().unwrap());
        assert!(stops >= 2, "it was stopped {stops} times");
        eprintln!("{mib} MiB, stopped {stops} times: {:?}", begun.elapsed());
    }
}

/// Runs two programs that look for each other, and returns what each has printed.
fn greetings(wasm: [&[u8]; 2]) -> [String; 2] {
    let hub = Hub::new();
    let threads = [(1, wasm[0].to_vec()), (2, wasm[1].to_vec())].map(|(number, wasm)| {
        let hub = hub.clone();
        thread::spawn(move || {
            let mut program = program(&hub, number, &wasm);
            let report = runtime().block_on(program.run(None, None));
            let mut text = String::new();
            program.log.rewind().unwrap();
            program.log.read_to_string(&mut text).unwrap();
            assert_success(&report);
            text
        })
    });
    threads.map(|thread| thread.join().unwrap())
}

/// The names that the programs have in the index, which are those of their instances.
const NAMES: [&str; 2] = ["01010101-0101-0101-0101-010101010101", "02020202-0202-0202-0202-020202020202"];

#[test]
fn programs_in_rust_find_each_other() {
    let wasm = fs::read(guests::sdk_example("peers").unwrap()).unwrap();
    let [first, second] = NAMES;
    let expected = [
        format!("{second} says: hello {first}, this is {second}\n"),
        format!("{first} says: hello {second}, this is {first}\n"),
    ];
    assert_eq!(greetings([&wasm, &wasm]), expected);
}

#[test]
fn programs_with_a_published_library_find_each_other_and_new_ones() {
    let old = fs::read(guests::gain("peers").unwrap()).unwrap();
    let [first, second] = NAMES;
    for text in greetings([&old, &old]) {
        let said = [format!("{second} says: hello {first}\n"), format!("{first} says: hello {second}\n")];
        assert!(said.iter().any(|said| text.ends_with(said)), "{text}");
    }
    let new = fs::read(guests::sdk_example("peers").unwrap()).unwrap();
    let [old, new] = greetings([&old, &new]);
    assert!(old.contains(&format!("{second} says: hello {first}, this is {second}")), "{old}");
    assert_eq!(new, format!("{first} says: hello {second}\n"));
}
