//! The examples of `gate-guest`, over every life that a program can have.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use gate_testkit::guests::sdk_example;
use gate_testkit::process::Finished;
use rustix::process::{Signal, kill_process};

use crate::signals::pid;
use crate::stage::{DEADLINE, Stage};

/// The status of a program that was suspended.
const SUSPENDED: i32 = 131;

/// Bytes that look like no other bytes near them.
fn noise(len: u32) -> Vec<u8> {
    (0..len).map(|n| (n.wrapping_mul(0x9e37_79b9) >> 24).to_le_bytes()[0]).collect()
}

/// Runs a program as it is, and stopped at every so many stop points; returns what became of it each time.
#[track_caller]
fn lives(stage: &Stage, name: &str, options: &[&str], stdin: &[u8], every: [u32; 2]) -> [Finished; 3] {
    let module = sdk_example(name).unwrap();
    [None, Some(every[0]), Some(every[1])].map(|every| {
        let more = every.map(|every| [format!("--suspend-every={every}"), "--json".to_owned()]);
        let gate = stage.gate_sharing().args(options).args(more.iter().flatten()).arg(&module);
        let finished = gate.stdin(stdin).run(DEADLINE).unwrap().success().unwrap();
        if every.is_some() {
            let stderr = finished.stderr_text();
            let verdict: serde_json::Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
            let processes = verdict["processes"].as_u64().unwrap();
            assert!((3..200).contains(&processes), "{processes} processes: {finished}");
        }
        finished
    })
}

#[test]
fn echo() {
    let input = noise(150_000);
    for finished in lives(&Stage::new(), "echo", &[], &input, [503, 1013]) {
        assert!(finished.stdout == input, "{} bytes instead of {}", finished.stdout.len(), input.len());
    }
}

#[test]
fn echo_goes_on_elsewhere() {
    let stage = Stage::new();
    let snapshot = stage.path("snapshot.wasm");
    let mut running = stage
        .gate_sharing()
        .arg(format!("--snapshot={}", snapshot.display()))
        .arg(sdk_example("echo").unwrap())
        .start()
        .unwrap();
    running.write(b"before\n").unwrap();
    running.wait_for_stdout("before\n", DEADLINE).unwrap();
    kill_process(pid(running.id()), Signal::QUIT).unwrap();
    // Its input has not ended when it is suspended.
    running.wait_for_end(DEADLINE).unwrap();
    let finished = running.finish(DEADLINE).unwrap();
    assert_eq!(finished.status.code(), Some(SUSPENDED), "{finished}");
    let finished = stage.gate_sharing().arg(&snapshot).stdin("after\n").run(DEADLINE).unwrap();
    assert_eq!(finished.success().unwrap().stdout_text(), "after\n");
}

#[test]
fn catalog() {
    for finished in lives(&Stage::new(), "catalog", &[], b"", [53, 307]) {
        let text = finished.stdout_text();
        let end = "principal: local\nrandom is available\nexample.com/missing is not available\n";
        let json = text.strip_suffix(end).unwrap_or_else(|| panic!("{finished}"));
        let catalog: serde_json::Value = serde_json::from_str(json).unwrap();
        let names: Vec<_> =
            catalog["services"].as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
        for name in ["catalog", "identity", "origin", "random", "scope"] {
            assert!(names.iter().any(|known| *known == name), "{name} is not in {names:?}");
        }
    }
}

#[test]
fn catalog_without_random() {
    let stage = Stage::new();
    let gate = stage
        .gate_sharing()
        .args(["--service", "random.bitsperminute=0"])
        .arg(sdk_example("catalog").unwrap());
    let text = gate.run(DEADLINE).unwrap().success().unwrap().stdout_text();
    assert!(text.contains("\nrandom is not available\n") && !text.contains("\"random\""), "{text}");
}

#[test]
fn dice() {
    let options = ["--service", "random.bitsperminute=1000000"];
    for finished in lives(&Stage::new(), "dice", &options, b"3\n0\nsome\n20\n", [101, 307]) {
        let text = finished.stdout_text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((lines.len(), lines[1]), (4, ""), "{finished}");
        assert!(lines[2].starts_with("how many? "), "{finished}");
        for (line, count) in [(lines[0], 3), (lines[3], 20)] {
            let thrown: Vec<u8> = line.split(' ').map(|number| number.parse().unwrap()).collect();
            assert_eq!(thrown.len(), count, "{finished}");
            assert!(thrown.iter().all(|number| (1..=6).contains(number)), "{finished}");
        }
    }
}

#[test]
fn counter() {
    let stage = Stage::new();
    let file = format!("kv.file={}", stage.path("kv").display());
    let runs = lives(&stage, "counter", &["--service", &file], b"", [101, 307]);
    assert_eq!(runs.map(|finished| finished.stdout_text()), ["visit 1\n", "visit 2\n", "visit 3\n"]);
}

/// Serves HTTP on a port of its own for as long as the test runs: each path is a number, and so long is the response.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = BufReader::new(connection.unwrap());
            let mut path = None;
            // Up to the empty line.
            loop {
                let mut line = String::new();
                connection.read_line(&mut line).unwrap();
                path = path.or_else(|| line.split(' ').nth(1).map(|path| path.trim_matches('/').to_owned()));
                if line.trim().is_empty() {
                    break;
                }
            }
            let len: usize = path.unwrap().parse().unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n");
            let mut connection = connection.into_inner();
            // The program may not want all of it.
            let _ = connection.write_all(&[head.into_bytes(), vec![b'x'; len]].concat());
        }
    });
    port
}

#[test]
fn fetch() {
    let (port, stage) = (server(), Stage::new());
    let options = [
        format!("http.allow=http://127.0.0.1:{port}"),
        "http.private=true".to_owned(),
        format!("localhost.addr=http://127.0.0.1:{port}"),
    ];
    let options: Vec<_> = options.iter().flat_map(|option| ["--service", option]).collect();
    let urls = [format!("http://127.0.0.1:{port}/0"), format!("http://127.0.0.1:{port}/200000")];
    let input = format!("/1000\n{}\n{}\nhttp://example.com/\n/70000\n", urls[0], urls[1]);
    let expected = format!(
        "/1000: 200, 1000 bytes\n{}: 200, 0 bytes\n{}: 200, 200000 bytes\n\
         http://example.com/: this scheme, host or port is not allowed here\n/70000: 502, 0 bytes\n",
        urls[0], urls[1]
    );
    for finished in lives(&stage, "fetch", &options, input.as_bytes(), [1013, 2003]) {
        assert_eq!(finished.stdout_text(), expected, "{finished}");
    }
}
