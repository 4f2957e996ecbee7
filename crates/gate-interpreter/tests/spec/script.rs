//! Runs one script, directive by directive.

use std::collections::BTreeMap;

use gate_abi::trap::Trap;
use gate_snapshot::Value;
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::{Wast, WastDirective, WastExecute, WastInvoke, WastRet};

use crate::runner::{Failure, Made, Runner, Stopping};
use crate::values;

/// What became of the directives of a script.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// How many did what they should.
    pub(crate) passed: usize,
    /// How many were skipped, by reason.
    pub(crate) skipped: BTreeMap<String, usize>,
    /// What went wrong, with its line.
    pub(crate) failures: Vec<String>,
}

impl Report {
    /// Adds what became of another script.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        for (reason, count) in other.skipped {
            *self.skipped.entry(reason).or_default() += count;
        }
        self.failures.extend(other.failures);
    }
}

/// What became of one directive, unless it failed.
enum Done {
    Passed,
    Skipped(String),
}

type Result<T = Done> = std::result::Result<T, String>;

/// Runs the script `text`.
pub(crate) fn run(stopping: Stopping, text: &str) -> Report {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).unwrap();
    let script: Wast<'_> = parser::parse(&buffer).unwrap();
    let mut runner = Runner::new(stopping);
    let mut report = Report::default();
    for directive in script.directives {
        let (line, _) = directive.span().linecol_in(text);
        match run_directive(&mut runner, directive) {
            Ok(Done::Passed) => report.passed += 1,
            Ok(Done::Skipped(reason)) => *report.skipped.entry(reason).or_default() += 1,
            Err(error) => report.failures.push(format!("{}: {error}", line + 1)),
        }
    }
    report
}

fn run_directive(runner: &mut Runner, directive: WastDirective<'_>) -> Result {
    let text = |error: wast::Error| error.to_string();
    match directive {
        WastDirective::Module(mut module) => {
            let name = module.name().map(|id| id.name().to_owned());
            made(runner.instantiate(name.as_deref(), module.encode().map_err(text)?)?)
        }
        WastDirective::ModuleDefinition(mut module) => {
            let name = module.name().map(|id| id.name().to_owned());
            runner.define(name.as_deref(), module.encode().map_err(text)?);
            Ok(Done::Passed)
        }
        WastDirective::ModuleInstance { instance, module, .. } => {
            made(runner.instantiate_defined(instance.map(|id| id.name()), module.map(|id| id.name()))?)
        }
        WastDirective::Register { name, module, .. } => {
            Ok(match runner.register(name, module.map(|id| id.name()))? {
                None => Done::Passed,
                Some(reason) => Done::Skipped(reason),
            })
        }
        WastDirective::Invoke(invoke) => {
            done(call(runner, &invoke)?, |outcome| outcome.map(drop).map_err(|it| format!("{it:?}")))
        }
        WastDirective::AssertReturn { exec, results, .. } => done(execute(runner, exec)?, |outcome| {
            let values = outcome.map_err(|failure| format!("{failure:?}"))?;
            if values.len() != results.len() {
                return Err(format!("{} results, expected {}", values.len(), results.len()));
            }
            for (value, expected) in values.iter().zip(&results) {
                let WastRet::Core(expected) = expected else {
                    return Err("result of a component".to_owned());
                };
                if !values::matches(value, expected) {
                    return Err(format!("result {value:?}, expected {expected:?}"));
                }
            }
            Ok(())
        }),
        WastDirective::AssertTrap { exec, message, .. } => done(execute(runner, exec)?, |outcome| {
            traps(outcome, |trap, detail| values::is_trap(trap, detail, message), message)
        }),
        WastDirective::AssertExhaustion { call: invoke, message, .. } => {
            done(call(runner, &invoke)?, |outcome| {
                traps(outcome, |trap, _| trap == Trap::CallStackExhausted, message)
            })
        }
        WastDirective::AssertException { exec, .. } => done(execute(runner, exec)?, |outcome| {
            traps(outcome, |trap, _| trap == Trap::UncaughtException, "an exception")
        }),
        WastDirective::AssertMalformed { .. }
        | WastDirective::AssertInvalid { .. }
        | WastDirective::AssertInvalidCustom { .. }
        | WastDirective::AssertMalformedCustom { .. }
        | WastDirective::AssertUnlinkable { .. } => {
            Ok(Done::Skipped("are about validation or linking".to_owned()))
        }
        WastDirective::AssertSuspension { .. } => Ok(Done::Skipped("need stack switching".to_owned())),
        WastDirective::Thread(_) | WastDirective::Wait { .. } => {
            Ok(Done::Skipped("need threads of the script".to_owned()))
        }
    }
}

fn made(made: Made) -> Result {
    match made {
        Made::Passed => Ok(Done::Passed),
        Made::Skipped(reason) => Ok(Done::Skipped(reason)),
        Made::Failed(failure) => Err(format!("{failure:?}")),
    }
}

fn traps(outcome: Outcome, is_expected: impl Fn(Trap, Option<&str>) -> bool, message: &str) -> Result<()> {
    match outcome {
        Err(Failure::Trap(trap, detail)) if is_expected(trap, detail.as_deref()) => Ok(()),
        other => Err(format!("{other:?}, expected trap: {message}")),
    }
}

/// What a call or a read came to.
type Outcome = std::result::Result<Vec<Value>, Failure>;

/// `None` when the module was skipped.
fn done(outcome: Option<Outcome>, check: impl FnOnce(Outcome) -> Result<()>) -> Result {
    match outcome {
        Some(outcome) => check(outcome).map(|()| Done::Passed),
        None => Ok(Done::Skipped("need a module that was skipped, or a reference of the host".to_owned())),
    }
}

fn call(runner: &mut Runner, invoke: &WastInvoke<'_>) -> Result<Option<Outcome>> {
    let mut arguments = Vec::new();
    for argument in &invoke.args {
        let wast::WastArg::Core(argument) = argument else {
            return Err("argument of a component".to_owned());
        };
        match values::argument(argument) {
            Some(argument) => arguments.push(argument),
            None => {
                runner.give_up(invoke.module.map(|id| id.name()))?;
                return Ok(None);
            }
        }
    }
    runner.call(invoke.module.map(|id| id.name()), invoke.name, &arguments)
}

fn execute(runner: &mut Runner, exec: WastExecute<'_>) -> Result<Option<Outcome>> {
    match exec {
        WastExecute::Invoke(invoke) => call(runner, &invoke),
        WastExecute::Wat(mut module) => {
            let wasm = module.encode().map_err(|error| error.to_string())?;
            Ok(match runner.instantiate(None, wasm)? {
                Made::Skipped(_) => None,
                Made::Passed => Some(Ok(Vec::new())),
                Made::Failed(failure) => Some(Err(failure)),
            })
        }
        WastExecute::Get { module, global, .. } => runner.global(module.map(|id| id.name()), global),
    }
}
