//! Golden files: a module, and below it what it is transformed into.
//!
//! A file in `tests/golden/instrument` has options, `;;! poll NAME` with `atomic`, `store` or `countdown`, and
//! `;;! break OFFSET` (any number of times), and `;;! continue N …` to show the continuations of frames at the stop points at these
//! positions, the outermost first (any number of times), then the module, then the output in lines that start with `;;`.
//! `UPDATE_GOLDEN=1` writes it anew.

use std::fmt::Write;
use std::path::Path;

use gate_instrument::stop::{Poll, Program};

use super::{machine, validate};
use crate::golden;

#[test]
fn transformed() {
    golden::check("tests/golden/instrument", 8, &describe);
}

fn describe(path: &Path, input: &str) -> String {
    let wasm = wat::parse_str(input).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let options = || input.lines().filter_map(|line| line.strip_prefix(";;! "));
    let poll = match options().find_map(|option| option.strip_prefix("poll ")) {
        Some("store") => Poll::Store,
        Some("countdown") => Poll::Countdown,
        _ => Poll::Atomic,
    };
    let breakpoints: Vec<u32> = options()
        .filter_map(|option| option.strip_prefix("break "))
        .map(|offset| offset.parse().unwrap())
        .collect();
    let program = Program::new(&wasm, &machine::with_breakpoints(poll, &breakpoints)).unwrap();
    let stoppable = program.instrument().unwrap().wasm;
    validate(&stoppable, true);
    let mut output = String::new();
    let sites: Vec<_> =
        (0..program.functions()).flat_map(|function| program.sites(function).unwrap()).collect();
    for (position, site) in sites.iter().enumerate() {
        writeln!(
            output,
            "stop point {position}: {} {:?} in function {}, locals {:?}, operands {:?}",
            site.id.offset(),
            site.kind,
            site.function,
            site.live,
            site.operands()
        )
        .unwrap();
    }
    output.push_str(&wasmprinter::print_bytes(&stoppable).unwrap());
    for positions in options().filter_map(|option| option.strip_prefix("continue ")) {
        let frames: Vec<_> =
            positions.split(' ').map(|position| sites[position.parse::<usize>().unwrap()].id).collect();
        let continuations = program.continuations(&frames).unwrap();
        validate(&continuations.wasm, true);
        writeln!(output, "\ncontinuation of frames at stop points {positions}").unwrap();
        output.push_str(&wasmprinter::print_bytes(&continuations.wasm).unwrap());
    }
    output.lines().map(|line| format!("{}\n", format!(";; {line}").trim_end())).collect()
}
