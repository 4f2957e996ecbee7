//! Every kind of state that a program can be in, over every life of a program: `gate_testkit::states`.
//!
//! What is expected is what an undisturbed run prints. For long runs there are environment variables: `GATE_STATES_ROUNDS` is how
//! often to stop each program in each engine, `GATE_STATES_SEED` is where the random numbers start, and `GATE_STATES_ONLY`
//! is the name of the only program to be run.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use gate_testkit::process::{Finished, Program, Running};
use gate_testkit::states::{STOPS, State, states};
use rustix::process::{Signal, kill_process};

use crate::chance::{Chance, setting};
use crate::signals::pid;
use crate::stage::{DEADLINE, Stage};

const ENGINES: [&str; 4] = ["cranelift", "winch", "pulley", "interpreter"];

/// The status of a gate that has suspended its program.
const SUSPENDED: i32 = 131;

/// What a program printed, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    stdout: String,
    /// What gate said.
    stderr: String,
    status: Option<i32>,
}

impl End {
    fn of(state: &State, finished: &Finished) -> Self {
        let (mut stdout, mut stderr) = (finished.stdout_text(), finished.stderr_text());
        if state.gate {
            let is_gates = |line: &str| line.starts_with("gate: ") || line.starts_with('{');
            let of_gate = |of_gate: bool| {
                stderr.split_inclusive('\n').filter(|line| is_gates(line) == of_gate).collect()
            };
            (stdout, stderr) = (of_gate(false), of_gate(true));
        }
        Self { stdout, stderr, status: finished.status.code() }
    }

    fn expect(&self, expected: &Self) -> Result<()> {
        if self == expected {
            return Ok(());
        }
        let common = self.stdout.bytes().zip(expected.stdout.bytes()).take_while(|(a, b)| a == b).count();
        let shown = |text: &str| {
            let bytes = &text.as_bytes()[common.saturating_sub(200)..];
            String::from_utf8_lossy(&bytes[..bytes.len().min(600)]).into_owned()
        };
        bail!(
            "status {:?}, expected {:?}\n--- printed, around byte {common}:\n{}\n--- expected:\n{}\n--- standard error:\n{}\n--- expected:\n{}",
            self.status,
            expected.status,
            shown(&self.stdout),
            shown(&expected.stdout),
            self.stderr,
            expected.stderr
        )
    }
}

/// A program, ready to be run.
struct Subject {
    state: State,
    stage: Stage,
    module: PathBuf,
}

impl Subject {
    fn new(state: State) -> Result<Self> {
        let stage = Stage::new();
        let root = stage.path("root");
        fs::create_dir(&root)?;
        for (path, contents) in &state.files {
            let path = root.join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().context("a file is in a directory")?)?;
            fs::write(&path, contents)?;
        }
        let module = state.module()?;
        Ok(Self { state, stage, module })
    }

    fn gate(&self, engine: &str) -> Program {
        self.stage.gate_sharing().args(["--engine", engine])
    }

    /// From the start, with more options.
    fn start(&self, engine: &str, options: &[&str]) -> Program {
        let state = &self.state;
        let mut gate = self.gate(engine).args(options);
        if !state.files.is_empty() {
            gate = gate.arg(format!("--dir={}::/", self.stage.path("root").display()));
        }
        gate = gate.args(state.environment.iter().map(|variable| format!("--env={variable}")));
        if let Some(name) = &state.invoke {
            gate = gate.args(["--invoke", name]);
        }
        gate.arg(&self.module).args(&state.arguments)
    }

    fn engines(&self) -> impl Iterator<Item = &'static str> {
        ENGINES.into_iter().filter(|engine| !self.state.without.iter().any(|without| without == engine))
    }

    /// Undisturbed.
    fn end(&self, engine: &str) -> Result<End> {
        let finished = self.start(engine, &[]).stdin(self.state.input.clone()).run(DEADLINE)?;
        ensure!(finished.status.code() == Some(self.state.status), "this fails undisturbed: {finished}");
        let end = End::of(&self.state, &finished);
        ensure!(!end.stdout.is_empty(), "it prints nothing that could be compared");
        Ok(end)
    }

    /// Stopped at every `every`th stop point.
    fn check_counted(&self, engine: &str, every: u64, options: &[&str], stops: bool) -> Result<()> {
        let expected = self.end(engine)?;
        let every = every.to_string();
        let options = [&["--suspend-every", &every, "--json"], options].concat();
        let finished = self.start(engine, &options).stdin(self.state.input.clone()).run(DEADLINE)?;
        let end = End::of(&self.state, &finished);
        let document: serde_json::Value = serde_json::from_str(end.stderr.trim_end())
            .with_context(|| format!("there is no verdict: {finished}"))?;
        // The verdict is all that gate says.
        End { stderr: expected.stderr.clone(), ..end }
            .expect(&expected)
            .with_context(|| document.to_string())?;
        let stopped = document["processes"].as_u64().context("there is a number of processes")? - 1;
        ensure!(!stops || STOPS.contains(&stopped), "it was stopped {stopped} times, not {STOPS:?}");
        Ok(())
    }

    /// Stopped at a random moment from outside, and run on in every engine.
    fn check_stopped(&self, engine: &str, ends: &[(&str, End)], chance: &mut Chance) -> Result<()> {
        let before = self.stop(engine, chance)?;
        for (other, expected) in ends {
            let finished =
                self.gate(other).arg(&before.snapshot).stdin(before.input.clone()).run(DEADLINE)?;
            let end = End::of(&self.state, &finished);
            End { stdout: before.stdout.clone() + &end.stdout, ..end }
                .expect(expected)
                .with_context(|| format!("stopped at {}, continued in {other}", before.moment))?;
        }
        Ok(())
    }

    fn stop(&self, engine: &str, chance: &mut Chance) -> Result<Stopped> {
        let state = &self.state;
        let snapshot = self.stage.path("snapshot.wasm");
        let option = format!("--snapshot={}", snapshot.display());
        let gate = self.start(engine, &[&option]);
        if state.late {
            return stop_late(gate, snapshot, chance);
        }
        let mut running = gate.start()?;
        // The program cannot get beyond that pause.
        let pause = chance.below(state.pauses().max(1));
        let input = state.input_before(pause);
        running.write(input.as_bytes())?;
        // But it may be anywhere before it.
        let seen = pause - chance.below(pause + 1) * chance.below(2);
        if state.gate {
            running.wait_for_stderr(&mark(seen), DEADLINE)?;
        } else {
            running.wait_for_stdout(&mark(seen), DEADLINE)?;
        }
        let most = state.runs.unwrap_or(Duration::from_millis(3));
        let moment = most.mul_f64(chance.fraction());
        // It goes on for that long.
        let _ = running.wait_for_end(moment);
        let moment = format!("pause {pause}, {moment:?} after pause {seen}");
        let unread = quit(&mut running).with_context(|| moment.clone())?;
        let taken = input.len() - usize::try_from(unread)?;
        let finished = running.finish(DEADLINE)?;
        ensure!(finished.status.code() == Some(SUSPENDED), "not suspended at {moment}: {finished}");
        let input = state.input[taken..].to_owned();
        Ok(Stopped { stdout: End::of(state, &finished).stdout, input, snapshot, moment })
    }
}

/// A program that was suspended.
struct Stopped {
    /// What it had printed.
    stdout: String,
    /// What it had not read.
    input: String,
    snapshot: PathBuf,
    /// When that was.
    moment: String,
}

/// The line with which a program says that it waits, the `number`th time counted from 0.
fn mark(number: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(number).unwrap());
    format!("?{letter}\n")
}

/// Has gate suspend its program, and waits for its end. Gives the bytes of input that the program has not read.
fn quit(running: &mut Running) -> Result<u64> {
    kill_process(pid(running.id()), Signal::QUIT)?;
    running.wait_for_end(DEADLINE)?;
    running.unread()
}

/// Suspends a program that waits for somebody to read its output.
fn stop_late(gate: Program, snapshot: PathBuf, chance: &mut Chance) -> Result<Stopped> {
    let (mut reader, writer) = std::io::pipe()?;
    let mut running = gate.stdout(writer).start()?;
    // A part of it, so that it gets on a little.
    let mut first = vec![0; 3 + chance.below(20_000)];
    reader.read_exact(&mut first)?;
    let moment = Duration::from_millis(20).mul_f64(chance.fraction());
    let _ = running.wait_for_end(moment);
    quit(&mut running)?;
    let finished = running.finish(DEADLINE)?;
    reader.read_to_end(&mut first)?;
    ensure!(finished.status.code() == Some(SUSPENDED), "not suspended: {finished}");
    let moment = format!("{moment:?} after its first output");
    Ok(Stopped { stdout: String::from_utf8(first)?, input: String::new(), snapshot, moment })
}

/// Checks all programs, or the one asked for, and says of all what is wrong.
fn check_all(check: impl Fn(&Subject) -> Result<()>) {
    let only = std::env::var("GATE_STATES_ONLY").ok();
    let mut problems = Vec::new();
    for state in states().unwrap() {
        let name = state.name.clone();
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        if let Err(error) = Subject::new(state).and_then(|subject| check(&subject)) {
            problems.push(format!("=== {name}: {error:#}"));
        }
    }
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn stopped_at_every_nth_stop_point() {
    check_all(|subject| {
        for every in &subject.state.every {
            subject
                .check_counted("cranelift", *every, &[], true)
                .with_context(|| format!("at every {every}th stop point"))?;
        }
        Ok(())
    });
}

/// Where code is portable it is not the same code.
#[test]
fn stopped_at_every_nth_stop_point_in_bytecode() {
    check_all(|subject| {
        let every = subject.state.every[0];
        subject
            .check_counted("pulley", every, &[], true)
            .with_context(|| format!("at every {every}th stop point"))
    });
}

/// By a signal, in each engine; then the same snapshot goes on in each engine.
#[test]
fn stopped_from_outside() {
    let rounds = setting("GATE_STATES_ROUNDS", 1);
    let seed = setting("GATE_STATES_SEED", 1);
    check_all(|subject| {
        let ends =
            subject.engines().map(|engine| Ok((engine, subject.end(engine)?))).collect::<Result<Vec<_>>>()?;
        for seed in seed..seed + rounds {
            for engine in subject.engines() {
                let mut chance = Chance::new(&format!("{} {engine}", subject.state.name), seed);
                subject
                    .check_stopped(engine, &ends, &mut chance)
                    .with_context(|| format!("stopped in {engine}, GATE_STATES_SEED={seed}"))?;
            }
        }
        Ok(())
    });
}

/// What an engine cannot do is said in the program, and found out when it can.
#[test]
fn engines_refuse_what_they_cannot_do() {
    check_all(|subject| {
        for engine in &subject.state.without {
            let finished =
                subject.start(engine, &["--json"]).stdin(subject.state.input.clone()).run(DEADLINE)?;
            ensure!(
                finished.stderr_text().contains("\"UNSUPPORTED_FEATURE\""),
                "{engine} can run it: {finished}"
            );
        }
        Ok(())
    });
}
