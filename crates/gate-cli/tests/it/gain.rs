//! Programs that were written for the existing system, with its client library for Rust as it is on crates.io.

use gate_testkit::guests::gain;

use crate::stage::{DEADLINE, Stage};

/// Runs a program as it is, and stopped at every so many stop points; returns what it has written to the connection each time.
#[track_caller]
fn lives(name: &str, options: &[&str], stdin: &[u8], every: u32) -> [Vec<u8>; 2] {
    let (stage, module) = (Stage::new(), gain(name).unwrap());
    [None, Some(format!("--suspend-every={every}"))].map(|more| {
        let gate = stage.gate_sharing().args(options).args(&more).arg(&module);
        gate.stdin(stdin).run(DEADLINE).unwrap().success().unwrap().stdout
    })
}

#[test]
fn echo() {
    let input: Vec<u8> = (0..40_000_u32).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
    for output in lives("echo", &[], &input, 5003) {
        assert!(output == input, "{} bytes instead of {}", output.len(), input.len());
    }
}

#[test]
fn catalog() {
    for output in lives("catalog", &[], b"", 307) {
        let text = String::from_utf8(output).unwrap();
        let (json, identity) = text.trim_end().rsplit_once('\n').unwrap();
        let catalog: serde_json::Value = serde_json::from_str(json).unwrap();
        let services = catalog["services"].as_array().unwrap();
        assert!(services.iter().any(|entry| entry["name"] == "origin"), "{text}");
        // A UUID.
        assert_eq!(identity.len(), 36, "{text}");
    }
}

#[test]
fn random() {
    let outputs = lives("random", &["--service", "random.bitsperminute=1000000"], b"", 307);
    for output in &outputs {
        let digits = output.strip_suffix(b"\n").unwrap();
        assert!(digits.len() == 80 && digits.iter().all(u8::is_ascii_hexdigit), "{output:?}");
    }
    assert!(outputs[0] != outputs[1], "{outputs:?}");
}
