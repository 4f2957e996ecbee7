//! The examples of the SDKs in `sdk/`, in C and in Go, with the services of `gate run`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;

use gate_testkit::guests::{sdk_c, sdk_go};
use gate_testkit::process::{Finished, Program};
use rustix::process::{Signal, kill_process};

use crate::signals::pid;
use crate::stage::{DEADLINE, Stage};

/// The status of a program that was suspended.
const SUSPENDED: i32 = 131;

/// At every how many stop points programs in C and in Go are stopped. Those in Go come to very many more of them.
const STOPS: [u32; 2] = [13, 5003];

/// An example in both languages.
fn both(example: &str) -> [(&'static str, PathBuf); 2] {
    [("C", sdk_c(example).unwrap()), ("Go", sdk_go(example).unwrap())]
}

/// Runs the example in both languages, as it is and stopped again and again.
#[track_caller]
fn check(example: &str, options: &[&str], stdin: &[u8], expect: impl Fn(&str, &Finished)) {
    let stage = Stage::new();
    for ((language, module), every) in both(example).into_iter().zip(STOPS) {
        let run = |more: &[&str]| -> Program {
            stage.gate_sharing().args(options).args(more).arg(&module).stdin(stdin)
        };
        expect(language, &run(&[]).run(DEADLINE).unwrap().success().unwrap());
        let finished = run(&["--json", &format!("--suspend-every={every}")]).run(DEADLINE).unwrap();
        let finished = finished.success().unwrap();
        let verdict: serde_json::Value = serde_json::from_slice(&finished.stderr).unwrap();
        assert!(verdict["processes"].as_u64().unwrap() > 2, "{language}: hardly stopped: {finished}");
        expect(language, &finished);
    }
}

#[test]
fn echo() {
    // More than the credit of any stream.
    let input: Vec<u8> = (0..15_000_u32).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
    check("echo", &[], &input, |language, finished| {
        assert!(finished.stdout == input, "{language}: {} of {} bytes", finished.stdout.len(), input.len());
    });
}

#[test]
fn echo_goes_on_from_a_file() {
    let stage = Stage::new();
    for (language, module) in both("echo") {
        let mut current = module;
        for life in 0..3 {
            let snapshot = stage.path(format!("{language}-{life}.wasm"));
            let line = format!("life {life}\n");
            let mut running = stage
                .gate_sharing()
                .arg(format!("--snapshot={}", snapshot.display()))
                .arg(&current)
                .start()
                .unwrap();
            running.write(line.as_bytes()).unwrap();
            running.wait_for_stdout(&line, DEADLINE).unwrap();
            kill_process(pid(running.id()), Signal::QUIT).unwrap();
            // Not later, or it could see the end of its input.
            running.wait_for_end(DEADLINE).unwrap();
            let finished = running.finish(DEADLINE).unwrap();
            assert_eq!(finished.status.code(), Some(SUSPENDED), "{language}: {finished}");
            current = snapshot;
        }
        let finished = stage.gate_sharing().arg(&current).stdin("last\n").run(DEADLINE).unwrap();
        assert_eq!(finished.success().unwrap().stdout_text(), "last\n", "{language}");
    }
}

#[test]
fn catalog() {
    check("catalog", &[], b"", |language, finished| {
        let text = finished.stdout_text();
        for name in ["catalog", "identity", "origin", "random", "scope"] {
            assert!(text.contains(name), "{language}: no {name} in {finished}");
        }
    });
}

#[test]
fn dice() {
    check("dice", &["--service", "random.bitsperminute=1000000"], b"", |language, finished| {
        let text = finished.stdout_text();
        let dice: Vec<u8> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
        assert!(dice.len() == 2 && dice.iter().all(|die| (1..=6).contains(die)), "{language}: {finished}");
    });
}

#[test]
fn counter() {
    let stage = Stage::new();
    let file = format!("kv.file={}", stage.path("kv").display());
    let mut visits = 0;
    // Both languages count in the same way, in the same place.
    for ((language, module), every) in both("counter").into_iter().zip(STOPS) {
        for stops in [None, Some(format!("--suspend-every={every}"))] {
            visits += 1;
            let gate = stage.gate_sharing().args(["--service", &file]).args(stops).arg(&module);
            let finished = gate.run(DEADLINE).unwrap().success().unwrap();
            assert_eq!(finished.stdout_text(), format!("visit {visits}\n"), "{language}: {finished}");
        }
    }
}

#[test]
fn what_is_not_there() {
    let stage = Stage::new();
    for (language, module) in both("counter") {
        let finished = stage.gate_sharing().arg(&module).run(DEADLINE).unwrap();
        assert_eq!(finished.status.code(), Some(1), "{language}: {finished}");
        assert_eq!(finished.stdout_text(), "", "{language}");
    }
}

/// A server that knows `/large`, of this many bytes.
const LARGE: usize = 200_000;

/// Answers requests for as long as the test runs.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || answer(stream.unwrap()));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let (status, body) =
        if head.starts_with(b"GET /large ") { ("200 OK", LARGE) } else { ("404 Not Found", 5) };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {body}\r\nConnection: close\r\n\r\n");
    // Whoever asked may have gone.
    drop(stream.write_all(head.as_bytes()));
    drop(stream.write_all(&vec![b'x'; body]));
}

#[test]
fn fetch() {
    let address = server();
    let base = format!("http://{address}");
    let localhost = format!("localhost.addr={base}");
    let allow = format!("http.allow={base}");
    let options = ["--service", &allow, "--service", "http.private=true", "--service", &localhost];
    let input = format!("{base}/large\n{base}/missing\n/local\nhttp://example.com/\n");
    let stage = Stage::new();
    for (language, module) in both("fetch") {
        let gate = stage.gate_sharing().args(options).arg(&module).stdin(&*input);
        let finished = gate.run(DEADLINE).unwrap().success().unwrap();
        let text = finished.stdout_text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{language}: {finished}");
        assert_eq!(lines[0], format!("{base}/large: 200, {LARGE} bytes"), "{language}: {finished}");
        assert_eq!(lines[1], format!("{base}/missing: 404, 5 bytes"), "{language}: {finished}");
        assert_eq!(lines[2], "/local: 404, 5 bytes", "{language}: {finished}");
        // It is not on the list.
        let refusal = if language == "C" { "error 2" } else { "does not allow" };
        assert!(lines[3].contains(refusal), "{language}: {finished}");
        assert!(finished.stderr_text().contains("fetched"), "{language}: nothing in the log: {finished}");
    }
}
