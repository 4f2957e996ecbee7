//! Every kind of state that a program can be in, over every life of a program: `gate_testkit::states`.
//!
//! What is expected is what an undisturbed run prints. For long runs there are environment variables: `GATE_STATES_ROUNDS` is how
//! often to stop each program in each engine, `GATE_STATES_SEED` is where the random numbers start, and `GATE_STATES_ONLY`
//! is the name of the only program to be run.

mod elsewhere;
mod upstream;

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Mutex;
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

/// The status of a gate that was asked for what cannot be done.
const REFUSED: i32 = 126;

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
        let before = self.stop(engine, &[], &Moment::any(&self.state, chance))?.suspended()?;
        for (other, expected) in ends {
            self.check_rest(other, &before, expected)?;
        }
        Ok(())
    }

    /// What a program that was suspended prints in `engine` from then on.
    fn check_rest(&self, engine: &str, before: &Stopped, expected: &End) -> Result<()> {
        let rest = self.gate(engine).arg(&before.snapshot).stdin(before.input.clone()).run(DEADLINE)?;
        let end = End::of(&self.state, &rest);
        End { stdout: before.stdout.clone() + &end.stdout, ..end }
            .expect(expected)
            .with_context(|| format!("stopped at {}, continued in {engine}", before.moment))
    }

    fn stop(&self, engine: &str, options: &[&str], moment: &Moment) -> Result<Stopped> {
        let state = &self.state;
        let snapshot = self.stage.path("snapshot.wasm");
        let option = format!("--snapshot={}", snapshot.display());
        let gate = self.start(engine, &[&[&*option], options].concat());
        if state.late {
            return stop_late(gate, snapshot, moment);
        }
        let Moment { pause, seen, wait, .. } = *moment;
        let mut running = gate.start()?;
        let input = state.input_before(pause);
        running.write(input.as_bytes())?;
        if state.gate {
            running.wait_for_stderr(&mark(seen), DEADLINE)?;
        } else {
            running.wait_for_stdout(&mark(seen), DEADLINE)?;
        }
        // It goes on for that long.
        let _ = running.wait_for_end(wait);
        let moment = format!("pause {pause}, {wait:?} after pause {seen}");
        let unread = quit(&mut running).with_context(|| moment.clone())?;
        let taken = input.len() - usize::try_from(unread)?;
        let finished = running.finish(DEADLINE)?;
        let input = state.input[taken..].to_owned();
        Ok(Stopped { stdout: End::of(state, &finished).stdout, finished, input, snapshot, moment })
    }
}

/// When to stop a program.
struct Moment {
    /// The pause beyond which it cannot get.
    pause: usize,
    /// The pause at which it is awaited.
    seen: usize,
    /// How many bytes of its output are read before, if it is not to be read.
    bytes: usize,
    /// How long it goes on then.
    wait: Duration,
}

impl Moment {
    /// Any.
    fn any(state: &State, chance: &mut Chance) -> Self {
        let pause = chance.below(state.pauses().max(1));
        // It may be anywhere before the pause.
        let seen = pause - chance.below(pause + 1) * chance.below(2);
        let most = if state.late { Duration::from_millis(20) } else { Duration::from_millis(3) };
        let wait = state.runs.unwrap_or(most).mul_f64(chance.fraction());
        Self { pause, seen, bytes: 3 + chance.below(20_000), wait }
    }

    /// Each pause, or in the middle of what the program does instead.
    fn all(state: &State) -> impl Iterator<Item = Self> + use<> {
        let wait = state.runs.unwrap_or_default() / 2;
        (0..state.pauses().max(1)).map(move |pause| Self { pause, seen: pause, bytes: 3, wait })
    }
}

/// A program that was stopped.
struct Stopped {
    /// How gate ended.
    finished: Finished,
    /// What the program had printed.
    stdout: String,
    /// What it had not read.
    input: String,
    /// Where it is, if it was suspended.
    snapshot: PathBuf,
    /// When that was.
    moment: String,
}

impl Stopped {
    fn is_suspended(&self) -> bool {
        self.finished.status.code() == Some(SUSPENDED)
    }

    fn suspended(self) -> Result<Self> {
        ensure!(self.is_suspended(), "not suspended at {}: {}", self.moment, self.finished);
        Ok(self)
    }
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
fn stop_late(gate: Program, snapshot: PathBuf, moment: &Moment) -> Result<Stopped> {
    let (mut reader, writer) = std::io::pipe()?;
    let mut running = gate.stdout(writer).start()?;
    // A part of it, so that it gets on a little.
    let mut first = vec![0; moment.bytes];
    reader.read_exact(&mut first)?;
    let _ = running.wait_for_end(moment.wait);
    quit(&mut running)?;
    let finished = running.finish(DEADLINE)?;
    reader.read_to_end(&mut first)?;
    let moment = format!("{:?} after its first output", moment.wait);
    Ok(Stopped { stdout: String::from_utf8(first)?, finished, input: String::new(), snapshot, moment })
}

/// Compares the reasons that a program gives for what is not possible with those that came up.
fn check_reasons(known: &[String], found: &[bool]) -> Result<()> {
    let missing = known.iter().zip(found).find(|(_, found)| !**found);
    ensure!(missing.is_none(), "it was never refused because of {:?}", missing.map(|(known, _)| known));
    Ok(())
}

/// Notes which of the `known` reasons a refusal gives.
fn note_reasons(refusal: &Finished, known: &[String], found: &mut [bool]) -> Result<()> {
    let text = refusal.stderr_text();
    let mut any = false;
    for (reason, found) in known.iter().zip(found) {
        let given = text.contains(reason);
        any |= given;
        *found |= given;
    }
    ensure!(any && refusal.status.code() == Some(REFUSED), "refused for another reason: {refusal}");
    Ok(())
}

/// Checks all programs, or the one asked for, as many at once as there are processors, and says of all what is wrong.
fn check_all(check: impl Fn(&Subject) -> Result<()> + Sync) {
    let only = std::env::var("GATE_STATES_ONLY").ok();
    let mut states = states().unwrap();
    states.retain(|state| only.as_ref().is_none_or(|only| *only == state.name));
    let (states, problems) = (Mutex::new(states), Mutex::new(Vec::new()));
    let next = || states.lock().unwrap().pop();
    let work = || {
        while let Some(state) = next() {
            let name = state.name.clone();
            if let Err(error) = Subject::new(state).and_then(|subject| check(&subject)) {
                problems.lock().unwrap().push(format!("=== {name}: {error:#}"));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let mut problems = problems.into_inner().unwrap();
    problems.sort_unstable();
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
        for engine in ENGINES.iter().filter(|engine| !subject.engines().any(|able| able == **engine)) {
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
