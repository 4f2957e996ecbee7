//! What happened, for people.

use std::fmt::Write;

use gate_runtime::{Failure, Frame, Limit, Outcome, RefusalKind, Report, Value, Verdict};

use crate::options::RunOptions;
use crate::text::{bytes, chain, escaped, escaped_lines};

/// One sentence about a run that did not end by the program's own will; `None` if it did.
pub(crate) fn sentence(verdict: &Verdict, options: &RunOptions) -> Option<String> {
    Some(match verdict {
        Verdict::Ended { outcome, .. } => match outcome {
            Outcome::Returned(_) | Outcome::Exited(_) => return None,
            Outcome::Trapped { trap, detail, .. } => match detail {
                Some(detail) => format!("trap: {}: {}", trap.text(), escaped(detail)),
                None => format!("trap: {}", trap.text()),
            },
            Outcome::OutputLimit(limit) => {
                format!("the program was ended at its output limit of {} (--output-limit)", bytes(*limit))
            }
            Outcome::HostFailure(message) => format!("the host failed: {}", escaped(message)),
        },
        // Of its tables, a program has too many elements before it is compiled.
        Verdict::Refused { kind: RefusalKind::Limit, message } => {
            format!("{} (--memory {})", refusal(RefusalKind::Limit, message), bytes(options.memory))
        }
        Verdict::Refused { kind, message } => refusal(*kind, message),
        Verdict::Limit(Limit::CpuTime) => format!(
            "the program was ended at its limit of {} of processor time (--cpu-time)",
            options.cpu_time.map_or_else(String::new, |time| humantime::format_duration(time).to_string())
        ),
        Verdict::Limit(Limit::Suspension) => {
            "the program was ended because it did not stop when it was asked to".to_owned()
        }
        // Whoever has kept it says where.
        Verdict::Suspended { .. } => return None,
        Verdict::Limit(Limit::WallTime) => format!(
            "the program was ended at its limit of {} (--wall-time)",
            options.wall_time.map_or_else(String::new, |time| humantime::format_duration(time).to_string())
        ),
        Verdict::Violation(violation) => format!("the program broke the packet protocol: {violation}"),
        Verdict::Service { name, failure } => service(name, failure),
        Verdict::Crashed(crash) => format!("the program's process was {crash}"),
        Verdict::Failed { message } => format!("cannot run the program: {}", escaped(message)),
        Verdict::Cancelled => "interrupted".to_owned(),
    })
}

/// Why a service could not go on.
fn service(name: &str, failure: &Failure) -> String {
    let name = escaped(name);
    match failure {
        Failure::Program(message) => {
            format!("the program broke the protocol of service {name}: {}", escaped(message))
        }
        Failure::Snapshot(message) => {
            format!("the snapshot was refused: of service {name}: {}", escaped(message))
        }
        Failure::Service(source) => format!("service {name} failed: {}", escaped(&chain(&**source))),
    }
}

/// Why a module does not run.
pub(crate) fn refusal(kind: RefusalKind, message: &str) -> String {
    let message = escaped_lines(message);
    match kind {
        RefusalKind::Invalid | RefusalKind::Feature | RefusalKind::Import => {
            format!("the module was refused: {message}")
        }
        RefusalKind::Limit => format!("over a limit: {message}"),
        RefusalKind::Entry => format!("nothing to run: {message}"),
        RefusalKind::Artifact => format!("cannot use the compiled module: {message}"),
        RefusalKind::Snapshot => format!("the file is a snapshot: {message}"),
        RefusalKind::NoSnapshot => format!("the file is not a snapshot: {message}"),
        RefusalKind::Damaged => format!("the snapshot was refused: {message}"),
        RefusalKind::Point | RefusalKind::Form => {
            format!("the program cannot be written down in that form: {message}")
        }
    }
}

/// The calls of a program that trapped, a line or more each; empty if there are none.
pub(crate) fn backtrace(report: &Report) -> String {
    let Verdict::Ended { outcome: Outcome::Trapped { frames, .. }, .. } = &report.verdict else {
        return String::new();
    };
    let mut text = String::new();
    for (number, frame) in frames.iter().enumerate() {
        add_frame(&mut text, number, frame);
    }
    text
}

fn add_frame(text: &mut String, number: usize, frame: &Frame) {
    let name =
        frame.function_name.as_deref().map_or_else(|| format!("function {}", frame.function_index), escaped);
    let _ = write!(text, "{number:>4}: {name}");
    if let Some(offset) = frame.module_offset {
        let _ = write!(text, " (offset {offset:#x})");
    }
    text.push('\n');
    for line in &frame.lines {
        let inlined = match &line.function {
            Some(function) if Some(function) != frame.function_name.as_ref() => {
                format!("{} ", escaped(function))
            }
            _ => String::new(),
        };
        let _ = writeln!(text, "        {inlined}at {}:{}:{}", escaped(&line.file), line.line, line.column);
    }
}

/// A result, as it is printed.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::I32(v) => v.to_string(),
        Value::I64(v) => v.to_string(),
        Value::F32(bits) => f32::from_bits(*bits).to_string(),
        Value::F64(bits) => f64::from_bits(*bits).to_string(),
    }
}
