//! Runs one script, directive by directive.

use std::collections::BTreeMap;

use gate_engine::Tier;
use wasmtime::{bail, ensure};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

use crate::runner::{Made, Runner};
use crate::stoppable::Stopping;
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
pub(crate) enum Done {
    /// It did what it should.
    Passed,
    /// It was skipped for this reason.
    Skipped(String),
}

type Result = wasmtime::Result<Done>;

/// Runs the script `text`. In a superseded one, modules that it says are invalid may be valid.
pub(crate) fn run(tier: Tier, stopping: Stopping, text: &str, superseded: bool) -> Report {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).unwrap();
    let script: Wast<'_> = parser::parse(&buffer).unwrap();
    let mut runner = Runner::new(tier, stopping).unwrap();
    let mut report = Report::default();
    for directive in script.directives {
        let (line, _) = directive.span().linecol_in(text);
        match run_directive(&mut runner, directive, superseded) {
            Ok(Done::Passed) => report.passed += 1,
            Ok(Done::Skipped(reason)) => *report.skipped.entry(reason).or_default() += 1,
            Err(error) => report.failures.push(format!("{}: {error:#}", line + 1)),
        }
    }
    report
}

fn run_directive(runner: &mut Runner, directive: WastDirective<'_>, superseded: bool) -> Result {
    match directive {
        WastDirective::Module(mut module) => {
            let name = module.name().map(|id| id.name().to_owned());
            runner.instantiate_named(name.as_deref(), &module.encode()?)
        }
        WastDirective::ModuleDefinition(mut module) => {
            let name = module.name().map(|id| id.name().to_owned());
            runner.define(name.as_deref(), &module.encode()?)
        }
        WastDirective::ModuleInstance { instance, module, .. } => {
            runner.instantiate_defined(instance.map(|id| id.name()), module.map(|id| id.name()))
        }
        WastDirective::Register { name, module, .. } => runner.register(name, module.map(|id| id.name())),
        WastDirective::AssertMalformed { module, message, .. }
        | WastDirective::AssertInvalid { module, message, .. } => {
            refused(runner, module, message, superseded)
        }
        WastDirective::AssertInvalidCustom { .. } | WastDirective::AssertMalformedCustom { .. } => {
            Ok(Done::Skipped("are about custom sections, which nobody here validates".to_owned()))
        }
        WastDirective::AssertUnlinkable { module, .. } => unlinkable(runner, module),
        WastDirective::Invoke(invoke) => done(call(runner, &invoke)?, |outcome| outcome.map(drop)),
        WastDirective::AssertReturn { exec, results, .. } => {
            let outcome = execute(runner, exec)?;
            let Some(outcome) = outcome else { return Ok(needs_skipped()) };
            let values = outcome?;
            ensure!(values.len() == results.len(), "{} results, expected {}", values.len(), results.len());
            for (value, expected) in values.iter().zip(&results) {
                let WastRet::Core(expected) = expected else { bail!("result of a component") };
                ensure!(
                    values::matches(&runner.store, value, expected)?,
                    "result {value:?}, expected {expected:?}"
                );
            }
            Ok(Done::Passed)
        }
        WastDirective::AssertTrap { exec, message, .. } => done(execute(runner, exec)?, |outcome| {
            let Err(error) = outcome else { bail!("returned, expected trap: {message}") };
            ensure!(values::is_trap(&error, message), "{error:#}; expected trap: {message}");
            Ok(())
        }),
        WastDirective::AssertExhaustion { call: invoke, .. } => done(call(runner, &invoke)?, |outcome| {
            let Err(error) = outcome else { bail!("returned, expected exhaustion") };
            ensure!(
                error.downcast_ref::<wasmtime::Trap>() == Some(&wasmtime::Trap::StackOverflow),
                "{error:#}; expected exhaustion"
            );
            Ok(())
        }),
        WastDirective::AssertException { exec, .. } => {
            let Some(outcome) = execute(runner, exec)? else { return Ok(needs_skipped()) };
            let Err(error) = outcome else { bail!("returned, expected an exception") };
            ensure!(error.is::<wasmtime::ThrownException>(), "{error:#}; expected an exception");
            ensure!(runner.store.take_pending_exception().is_some(), "the exception is not pending");
            Ok(Done::Passed)
        }
        WastDirective::AssertSuspension { .. } => Ok(Done::Skipped("need stack switching".to_owned())),
        WastDirective::Thread(_) | WastDirective::Wait { .. } => {
            Ok(Done::Skipped("need threads of the script".to_owned()))
        }
    }
}

/// What a call or a read came to; `None` when its module was skipped.
type Outcome = Option<wasmtime::Result<Vec<wasmtime::Val>>>;

fn done(
    outcome: Outcome,
    check: impl FnOnce(wasmtime::Result<Vec<wasmtime::Val>>) -> wasmtime::Result<()>,
) -> Result {
    match outcome {
        Some(outcome) => check(outcome).map(|()| Done::Passed),
        None => Ok(needs_skipped()),
    }
}

fn needs_skipped() -> Done {
    Done::Skipped("need a module that was skipped".to_owned())
}

fn call(runner: &mut Runner, invoke: &WastInvoke<'_>) -> wasmtime::Result<Outcome> {
    let mut arguments = Vec::new();
    for argument in &invoke.args {
        let wast::WastArg::Core(argument) = argument else { bail!("argument of a component") };
        match values::argument(&mut runner.store, argument)? {
            Some(argument) => arguments.push(argument),
            // Its type belongs to a feature that is refused, and so does the module.
            None => return Ok(None),
        }
    }
    runner.call(invoke.module.map(|id| id.name()), invoke.name, &arguments)
}

fn execute(runner: &mut Runner, exec: WastExecute<'_>) -> wasmtime::Result<Outcome> {
    match exec {
        WastExecute::Invoke(invoke) => call(runner, &invoke),
        WastExecute::Wat(mut module) => Ok(match runner.instantiate(&module.encode()?)? {
            Made::Skipped(_) => None,
            Made::Instance(..) => Some(Ok(Vec::new())),
            Made::Failed(error) => Some(Err(error)),
        }),
        WastExecute::Get { module, global, .. } => runner.global(module.map(|id| id.name()), global),
    }
}

/// Expects a module to be refused, by the text's translation, by `accept`, or for a feature that it needs.
fn refused(runner: &Runner, mut module: QuoteWat<'_>, message: &str, superseded: bool) -> Result {
    let Ok(wasm) = module.encode() else { return Ok(Done::Passed) };
    match runner.judge(&wasm)? {
        Err(_) => Ok(Done::Passed),
        Ok(_) if superseded => Ok(Done::Skipped(format!("are valid by now, and were not: {message}"))),
        Ok(_) => bail!("the module is accepted, expected: {message}"),
    }
}

fn unlinkable(runner: &mut Runner, mut module: Wat<'_>) -> Result {
    match runner.instantiate(&module.encode()?)? {
        Made::Skipped(reason) => Ok(Done::Skipped(reason)),
        Made::Instance(..) => bail!("the module could be linked"),
        Made::Failed(error) => {
            ensure!(!error.is::<wasmtime::Trap>(), "{error:#}; expected not to be linked");
            Ok(Done::Passed)
        }
    }
}
