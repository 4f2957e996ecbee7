//! The machine-readable verdict: one line of JSON.
//!
//! Fields are only ever added. What is unknown is `null`.

use std::fmt::Write;

use serde::Serialize;

use gate_runtime::{Frame, Limit, Outcome, RefusalKind, Report, Value, Verdict};

use crate::session::Timings;

/// The verdict.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    /// `"halted"`: the entry function returned. `"terminated"`: the program called `proc_exit`. `"killed"`: it trapped,
    /// reached a limit, or its process was ended. `"suspended"`: it can be continued. `"refused"`: it did not start. `"cancelled"`: by a signal to gate.
    /// `"failed"`: the host could not run it.
    pub(crate) state: &'static str,
    /// The trap's name, or `"CPU_TIME"`, `"WALL_TIME"`, `"OUTPUT_LIMIT"`, `"OUT_OF_MEMORY"`, `"SIGNAL"`,
    /// `"FORBIDDEN_SYSTEM_CALL"`, `"ABI_VIOLATION"`, `"INVALID_MODULE"`, `"UNSUPPORTED_FEATURE"`, `"UNKNOWN_IMPORT"`,
    /// `"LIMIT"`, `"ENTRY"`, `"COMPILER_CRASH"`, `"SUSPENSION"` (it did not stop), `"SNAPSHOT"` (it is damaged), `"FORMAT"`
    /// (the program cannot be written down in the form asked for).
    pub(crate) cause: Option<&'static str>,
    /// What the program passed to `proc_exit`, or 0 or 1 for what its entry function returned.
    pub(crate) result: Option<u32>,
    /// What the invoked function returned.
    pub(crate) results: Option<Vec<ResultValue>>,
    /// The exit status of gate.
    pub(crate) exit_status: u8,
    /// What happened, for people.
    pub(crate) message: Option<String>,
    /// The calls on the stack of a program that trapped, innermost first.
    pub(crate) backtrace: Option<Vec<Call>>,
    /// Where the time went.
    pub(crate) times: Times,
    /// The most that all linear memories had together, in bytes.
    pub(crate) memory_peak_bytes: Option<u64>,
    /// The largest resident set of the program's process, in bytes.
    pub(crate) resident_peak_bytes: Option<u64>,
    /// What it wrote to standard output and error, in bytes.
    pub(crate) output_bytes: Option<u64>,
    /// What its files took at the end, in bytes.
    pub(crate) fs_bytes: Option<u64>,
    /// The engine.
    pub(crate) engine: &'static str,
    /// SHA-256 of the module.
    pub(crate) module_sha256: Option<String>,
    /// Whether the compiled module was there already.
    pub(crate) cached: Option<bool>,
    /// Where the program is that was suspended.
    pub(crate) snapshot: Option<String>,
    /// The size of that file, in bytes.
    pub(crate) snapshot_bytes: Option<u64>,
    /// How many processes the program has had.
    pub(crate) processes: u32,
}

/// A number with its type.
#[derive(Debug, Serialize)]
pub(crate) struct ResultValue {
    r#type: &'static str,
    /// As text, so that nothing is lost.
    value: String,
}

/// Times in microseconds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Times {
    /// From the start of gate to the verdict.
    total_micros: u64,
    /// Until the module was read and hashed.
    read_micros: Option<u64>,
    /// Until the container was ready.
    ready_micros: Option<u64>,
    /// Validating and compiling, if that was necessary.
    compile_micros: Option<u64>,
    /// Loading in the program's process.
    load_micros: Option<u64>,
    /// From the program's first instruction to its end.
    run_micros: Option<u64>,
    /// From its launch to its end.
    wall_micros: Option<u64>,
    /// Processor time of the program's process in user mode.
    cpu_user_micros: Option<u64>,
    /// Processor time of the program's process in the kernel.
    cpu_system_micros: Option<u64>,
}

/// One call.
#[derive(Debug, Serialize)]
pub(crate) struct Call {
    function_index: u32,
    function: Option<String>,
    module_offset: Option<u64>,
    lines: Vec<Line>,
}

/// A place in source code.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    function: Option<String>,
    file: String,
    line: u32,
    column: u32,
}

impl Document {
    /// One for a run that did not get to a report.
    pub(crate) fn failed(
        state: State,
        exit_status: u8,
        message: String,
        engine: &'static str,
        timings: &Timings,
    ) -> Self {
        Self {
            state: state.state,
            cause: state.cause,
            result: None,
            results: None,
            exit_status,
            message: Some(message),
            backtrace: None,
            times: times(timings, None),
            memory_peak_bytes: None,
            resident_peak_bytes: None,
            output_bytes: None,
            fs_bytes: None,
            engine,
            module_sha256: timings.module_sha256.clone(),
            cached: timings.cached,
            snapshot: None,
            snapshot_bytes: None,
            processes: timings.processes,
        }
    }

    /// One for a program that was run.
    pub(crate) fn of(
        report: &Report,
        exit_status: u8,
        invoked: bool,
        message: Option<String>,
        engine: &'static str,
        timings: &Timings,
    ) -> Self {
        let state = State::of(&report.verdict);
        let mut document = Self::failed(state, exit_status, String::new(), engine, timings);
        document.message = message;
        document.times = times(timings, Some(report));
        document.resident_peak_bytes = report.usage.map(|usage| usage.max_resident_bytes);
        if let Verdict::Ended { statistics, .. } | Verdict::Suspended { statistics, .. } = &report.verdict {
            document.memory_peak_bytes = Some(statistics.memory_peak_bytes);
            document.output_bytes = Some(statistics.output_bytes);
            document.fs_bytes = Some(statistics.fs_bytes);
        }
        if let Verdict::Ended { outcome, .. } = &report.verdict {
            match outcome {
                Outcome::Returned(values) if invoked => {
                    document.results = Some(values.iter().map(result).collect());
                }
                Outcome::Returned(_) => document.result = Some(u32::from(exit_status)),
                Outcome::Exited(status) => document.result = Some(*status),
                Outcome::Trapped { frames, .. } => {
                    document.backtrace = Some(frames.iter().map(call).collect());
                }
                Outcome::OutputLimit(_) | Outcome::HostFailure(_) => {}
            }
        }
        document
    }

    /// The line, in ASCII: a terminal that shows it is not at the mercy of whoever chose a name in it.
    pub(crate) fn line(&self) -> String {
        let line = serde_json::to_string(self)
            .unwrap_or_else(|error| format!("{{\"state\":\"failed\",\"message\":{:?}}}", error.to_string()));
        // What is not ASCII can only be in strings, where it may be escaped.
        let mut ascii = String::with_capacity(line.len());
        for character in line.chars() {
            if character < '\u{7f}' {
                ascii.push(character);
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(ascii, "\\u{unit:04x}");
                }
            }
        }
        ascii
    }
}

/// What happened, in names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) state: &'static str,
    pub(crate) cause: Option<&'static str>,
}

impl State {
    fn of(verdict: &Verdict) -> Self {
        let killed = |cause| Self { state: "killed", cause: Some(cause) };
        let plain = |state| Self { state, cause: None };
        match verdict {
            Verdict::Ended { outcome, .. } => match outcome {
                Outcome::Returned(_) => plain("halted"),
                Outcome::Exited(_) => plain("terminated"),
                Outcome::Trapped { trap, .. } => killed(trap.name()),
                Outcome::OutputLimit(_) => killed("OUTPUT_LIMIT"),
                Outcome::HostFailure(_) => plain("failed"),
            },
            Verdict::Suspended { .. } => plain("suspended"),
            Verdict::Refused { kind, .. } => Self::refused(*kind),
            Verdict::Limit(Limit::CpuTime) => killed("CPU_TIME"),
            Verdict::Limit(Limit::WallTime) => killed("WALL_TIME"),
            Verdict::Limit(Limit::Suspension) => killed("SUSPENSION"),
            Verdict::Violation(_) => killed("ABI_VIOLATION"),
            Verdict::Service { .. } => killed("INTERNAL"),
            Verdict::Crashed(crash) if crash.is_forbidden_call() => killed("FORBIDDEN_SYSTEM_CALL"),
            Verdict::Crashed(crash) if crash.is_out_of_memory() => killed("OUT_OF_MEMORY"),
            Verdict::Crashed(_) => killed("SIGNAL"),
            Verdict::Failed { .. } => plain("failed"),
            Verdict::Cancelled => plain("cancelled"),
        }
    }

    /// For a module that does not run.
    pub(crate) fn refused(kind: RefusalKind) -> Self {
        let cause = match kind {
            RefusalKind::Invalid => "INVALID_MODULE",
            RefusalKind::Feature => "UNSUPPORTED_FEATURE",
            RefusalKind::Import => "UNKNOWN_IMPORT",
            RefusalKind::Limit => "LIMIT",
            RefusalKind::Entry => "ENTRY",
            RefusalKind::Snapshot | RefusalKind::NoSnapshot | RefusalKind::Damaged => "SNAPSHOT",
            RefusalKind::Point | RefusalKind::Form => "FORMAT",
            RefusalKind::Artifact => return Self { state: "failed", cause: None },
        };
        Self { state: "refused", cause: Some(cause) }
    }
}

fn times(timings: &Timings, report: Option<&Report>) -> Times {
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let statistics = report.and_then(|report| match &report.verdict {
        Verdict::Ended { statistics, .. } | Verdict::Suspended { statistics, .. } => Some(statistics),
        _ => None,
    });
    let usage = report.and_then(|report| report.usage);
    Times {
        total_micros: micros(timings.started.elapsed()),
        read_micros: timings.read.map(micros),
        ready_micros: timings.ready.map(micros),
        compile_micros: timings.compile.map(micros),
        load_micros: report.and_then(|report| report.load_time).map(micros),
        run_micros: statistics.map(|statistics| statistics.run_micros),
        wall_micros: report.map(|report| micros(report.wall_time)),
        cpu_user_micros: usage.map(|usage| usage.user_micros),
        cpu_system_micros: usage.map(|usage| usage.system_micros),
    }
}

fn result(value: &Value) -> ResultValue {
    let r#type = match value {
        Value::I32(_) => "i32",
        Value::I64(_) => "i64",
        Value::F32(_) => "f32",
        Value::F64(_) => "f64",
    };
    ResultValue { r#type, value: crate::report::value(value) }
}

fn call(frame: &Frame) -> Call {
    Call {
        function_index: frame.function_index,
        function: frame.function_name.clone(),
        module_offset: frame.module_offset,
        lines: frame
            .lines
            .iter()
            .map(|line| Line {
                function: line.function.clone(),
                file: line.file.clone(),
                line: line.line,
                column: line.column,
            })
            .collect(),
    }
}
