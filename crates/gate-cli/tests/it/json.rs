//! `--json`: the verdict for machines.

use gate_testkit::process::Finished;
use serde_json::Value;

use crate::guests::{SPIN, broken, probe, ready_then};
use crate::stage::{DEADLINE, Stage};

/// All fields there are.
const FIELDS: [&str; 18] = [
    "backtrace",
    "cached",
    "cause",
    "engine",
    "exit_status",
    "fs_bytes",
    "memory_peak_bytes",
    "message",
    "module_sha256",
    "output_bytes",
    "processes",
    "resident_peak_bytes",
    "result",
    "results",
    "snapshot",
    "snapshot_bytes",
    "state",
    "times",
];

/// The one line that gate writes, which has all fields and tells the exit status.
#[track_caller]
fn document(finished: &Finished) -> Value {
    let text = finished.stderr_text();
    assert_eq!(text.lines().count(), 1, "{finished}");
    let document: Value = serde_json::from_str(&text).unwrap();
    let fields: Vec<&String> = document.as_object().unwrap().keys().collect();
    let mut sorted = fields.clone();
    sorted.sort();
    assert_eq!(sorted, FIELDS, "{finished}");
    assert_eq!(document["exit_status"], finished.status.code().unwrap(), "{finished}");
    assert!(document["times"]["total_micros"].as_u64().unwrap() > 0, "{finished}");
    document
}

#[test]
fn a_normal_end() {
    let stage = Stage::new();
    // What is interpreted is not kept.
    let run = |engine| {
        let gate = stage.gate().args(["--json", "--engine", engine]).arg(probe());
        gate.args(["output", "1000"]).run(DEADLINE).unwrap()
    };
    let interpreted = document(&run("auto"));
    assert_eq!((&interpreted["engine"], &interpreted["cached"]), (&"auto".into(), &false.into()));
    let run = || run("cranelift");
    let first = document(&run());
    assert_eq!(first["state"], "halted");
    assert_eq!(
        (&first["cause"], &first["message"], &first["results"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(
        (&first["result"], &first["cached"], &first["output_bytes"]),
        (&0.into(), &false.into(), &1000.into())
    );
    assert_eq!((&first["engine"], &first["fs_bytes"]), (&"cranelift".into(), &0.into()));
    assert!(first["memory_peak_bytes"].as_u64().unwrap() >= 65536, "{first}");
    assert!(first["resident_peak_bytes"].as_u64().unwrap() > 65536, "{first}");
    assert_eq!(first["module_sha256"].as_str().unwrap().len(), 64);
    for time in ["read", "ready", "compile", "load", "run", "wall", "cpu_user", "cpu_system"] {
        assert!(first["times"][format!("{time}_micros")].is_u64(), "{time} in {first}");
    }
    let second = document(&run());
    assert_eq!((&second["cached"], &second["times"]["compile_micros"]), (&true.into(), &Value::Null));
    assert_eq!(first["module_sha256"], second["module_sha256"]);
}

#[test]
fn exit_codes() {
    let stage = Stage::new();
    for (code, result) in [("7", 7_u32), ("263", 263), ("-1", u32::MAX)] {
        let finished = stage.gate().arg("--json").arg(probe()).args(["exit", code]).run(DEADLINE).unwrap();
        let document = document(&finished);
        assert_eq!((&document["state"], &document["result"]), (&"terminated".into(), &result.into()));
    }
}

#[test]
fn results_of_functions() {
    let stage = Stage::new();
    let wat = r#"(module (func (export "f") (result i32 i64 f32 f64)
        (i32.const -1) (i64.const 9223372036854775807) (f32.const nan) (f64.const 0.1)))"#;
    let finished = stage.run(wat, &["--json", "--invoke=f"]);
    let expected = serde_json::json!([
        {"type": "i32", "value": "-1"},
        {"type": "i64", "value": "9223372036854775807"},
        {"type": "f32", "value": "NaN"},
        {"type": "f64", "value": "0.1"},
    ]);
    assert_eq!(document(&finished)["results"], expected);
    assert_eq!(finished.stdout_text(), "-1\n9223372036854775807\nNaN\n0.1\n");
}

#[test]
fn a_trap_with_its_backtrace() {
    let stage = Stage::new();
    let document = document(&stage.gate().arg("--json").arg(broken()).run(DEADLINE).unwrap());
    assert_eq!(
        (&document["state"], &document["cause"]),
        (&"killed".into(), &"INTEGER_DIVIDE_BY_ZERO".into())
    );
    assert_eq!(document["message"], "trap: integer divide by zero");
    let calls = document["backtrace"].as_array().unwrap();
    for (call, (function, line)) in calls.iter().zip([("divide", 6), ("average", 10), ("main", 15)]) {
        assert!(call["function_index"].is_u64() && call["module_offset"].is_u64(), "{call}");
        assert!(call["function"].as_str().unwrap().contains(function), "{call}");
        let place = &call["lines"][0];
        assert!(place["file"].as_str().unwrap().ends_with("broken.c"), "{call}");
        assert_eq!(place["line"], line, "{call}");
        assert!(place["column"].as_u64().unwrap() > 0, "{call}");
    }
    assert!(calls.len() > 3, "{calls:?}");
}

#[test]
fn limits() {
    let stage = Stage::new();
    let check = |wat: &str, option: &str, state: &str, cause: &str| {
        let document = document(&stage.run(wat, &["--json", option]));
        assert_eq!((&document["state"], &document["cause"]), (&state.into(), &cause.into()), "{document}");
        assert!(document["message"].is_string(), "{document}");
        document
    };
    let spin = ready_then(SPIN);
    let cpu = check(&spin, "--cpu-time=100ms", "killed", "CPU_TIME");
    assert!(cpu["times"]["cpu_user_micros"].as_u64().unwrap() >= 50_000, "{cpu}");
    check(&spin, "--wall-time=100ms", "killed", "WALL_TIME");
    let output = check(&spin, "--output-limit=3", "killed", "OUTPUT_LIMIT");
    assert_eq!(output["output_bytes"], 3);
    check(&spin, "--memory=1KiB", "refused", "LIMIT");
}

#[test]
fn refused_modules() {
    let stage = Stage::new();
    for (wat, cause) in [
        ("(module (func (export \"_start\") drop))", "INVALID_MODULE"),
        ("(module", "INVALID_MODULE"),
        ("(module (memory 1 1 shared))", "UNSUPPORTED_FEATURE"),
        ("(module (import \"env\" \"x\" (func)))", "UNKNOWN_IMPORT"),
        ("(module (table 20000000 funcref))", "LIMIT"),
        ("(module)", "ENTRY"),
    ] {
        let document = document(&stage.run(wat, &["--json"]));
        assert_eq!(
            (&document["state"], &document["cause"]),
            (&"refused".into(), &cause.into()),
            "{document}"
        );
        assert_eq!(document["exit_status"], 126);
        assert!(document["message"].is_string(), "{document}");
    }
}

#[test]
fn failures_of_the_host() {
    let stage = Stage::new();
    let module = stage.file("module.wat", "(module (func (export \"_start\")))");
    for (runtime, part) in
        [("/nowhere/gate-runtime", "cannot execute /nowhere/gate-runtime"), ("/bin/true", "container")]
    {
        let finished =
            stage.gate().env("GATE_RUNTIME", runtime).arg("--json").arg(&module).run(DEADLINE).unwrap();
        let document = document(&finished);
        assert_eq!(
            (&document["state"], &document["exit_status"]),
            (&"failed".into(), &125.into()),
            "{document}"
        );
        assert!(document["message"].as_str().unwrap().contains(part), "{document}");
    }
    let document = document(&stage.gate().arg("--json").arg("/nowhere").run(DEADLINE).unwrap());
    assert_eq!((&document["state"], &document["exit_status"]), (&"failed".into(), &127.into()), "{document}");
}

#[test]
fn signals() {
    let stage = Stage::new();
    let module = stage.file("module.wat", ready_then(SPIN));
    let mut running = stage.gate().arg("--json").arg(module).start().unwrap();
    running.wait_for_stdout("ready", DEADLINE).unwrap();
    rustix::process::kill_process(crate::signals::pid(running.id()), rustix::process::Signal::INT).unwrap();
    let document = document(&running.finish(DEADLINE).unwrap());
    assert_eq!(
        (&document["state"], &document["exit_status"]),
        (&"cancelled".into(), &130.into()),
        "{document}"
    );
}
