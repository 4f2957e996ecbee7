//! How long compiling takes.
//!
//! Against the reference it is for information, as no number was promised. The module is read, checked and compiled
//! in a process of its own, which costs next to nothing; what is compared is what the two ask of the same compiler.
//! Promised is what it costs at most that programs can be stopped ([`super::stoppable`]).

use anyhow::Result;
use gate_testkit::guests::{Guest, kernel};

use super::commands::{self, Contest};
use super::{Figure, measure_own, stoppable};

const ROUNDS: usize = 5;

pub(super) fn run() -> Result<Vec<Figure>> {
    let contest = Contest::new()?;
    let modules = [("binary_trees", kernel("binary_trees")?), ("QuickJS", Guest::QuickJs.path()?)];
    let mut figures = Vec::new();
    for (name, module) in modules {
        let compiled = contest.file("compiled.cwasm");
        let rounds = measure_own(
            ROUNDS,
            || {
                let mut command = contest.gate_without_cache("cranelift", &module);
                command.arg("3");
                // What comes after compiling does not matter, not even if the program fails for lack of arguments.
                let output = command.output()?;
                commands::micros(&String::from_utf8_lossy(&output.stderr), "compile_micros")
            },
            || Ok(commands::run(contest.compile(&module, &compiled))?.0),
        )?;
        figures.push(Figure::ratio(format!("{name}, gate / wasmtime compile"), &rounds, None));
        figures.extend(Figure::both(
            &format!("{name}, gate: validating and compiling"),
            &format!("{name}, wasmtime compile"),
            &rounds,
        ));
    }
    figures.extend(stoppable::compile()?);
    Ok(figures)
}
