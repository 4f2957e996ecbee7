//! Programs that go on without Gate: modules that `gate standalone` makes of them, in Node and in `wasmtime`.

use anyhow::{Context, Result, ensure};
use gate_testkit::elsewhere::{self, Elsewhere, NOT_COMPILED};
use gate_testkit::process::Finished;

use super::{End, Moment, Stopped, Subject, check_all, check_reasons, note_reasons};
use crate::stage::{DEADLINE, skip};

impl Subject {
    /// Stopped at each pause, and run on in each of `hosts`, unless it cannot leave there.
    fn check_elsewhere(&self, hosts: &[Elsewhere]) -> Result<()> {
        let known = &self.state.standalone;
        let mut found = vec![false; known.len()];
        let expected = self.expected_elsewhere()?;
        for moment in Moment::all(&self.state) {
            let before = self.stop("cranelift", &[], &moment)?.suspended()?;
            let made = self.standalone(&before)?;
            if made.status.success() {
                for host in hosts.iter().filter(|_| !self.state.clock) {
                    self.check_rest_elsewhere(host, &before, &expected)
                        .with_context(|| format!("stopped at {}, continued in {host:?}", before.moment))?;
                }
            } else {
                note_reasons(&made, known, &mut found)?;
            }
        }
        check_reasons(known, &found)
    }

    fn standalone(&self, before: &Stopped) -> Result<Finished> {
        let gate = self.stage.command("standalone").arg(&before.snapshot).arg("-o");
        gate.arg(self.stage.path("rest.wasm")).run(DEADLINE)
    }

    /// What it prints undisturbed, without what Gate adds.
    fn expected_elsewhere(&self) -> Result<End> {
        let mut end = self.end("cranelift")?;
        let lines = end.stdout.lines().count() - self.state.results;
        end.stdout = end.stdout.split_inclusive('\n').take(lines).collect();
        end.stderr.clear();
        Ok(end)
    }

    fn check_rest_elsewhere(&self, host: &Elsewhere, before: &Stopped, expected: &End) -> Result<()> {
        let state = &self.state;
        let root = self.stage.path("root");
        let root = (!state.files.is_empty()).then_some(&*root);
        let module = self.stage.path("rest.wasm");
        let finished = host
            .run(&module, root, state.environment.clone(), state.arguments.clone())
            .stdin(before.input.clone())
            .run(DEADLINE)?;
        if *host == Elsewhere::Node && finished.status.code() == Some(NOT_COMPILED) {
            ensure!(state.without.iter().any(|without| without == "node"), "refused: {finished}");
            return Ok(());
        }
        let end = End::of(state, &finished);
        let stdout = before.stdout.clone() + &end.stdout;
        // What is said of traps is their own.
        End { stdout, stderr: String::new(), ..end }.expect(expected).with_context(|| finished.to_string())
    }
}

#[test]
fn continued_in_node() {
    check_all(|subject| subject.check_elsewhere(&[Elsewhere::Node]));
}

#[test]
fn continued_in_wasmtime() {
    match elsewhere::wasmtime().unwrap() {
        Some(path) => {
            let hosts = [Elsewhere::Wasmtime(path)];
            check_all(|subject| subject.check_elsewhere(&hosts));
        }
        None => {
            let why = format!("there is no wasmtime; set {}", elsewhere::VARIABLE);
            skip("continued_in_wasmtime", &why);
        }
    }
}
