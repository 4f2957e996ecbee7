//! Real programs, suspended at random moments of whatever they do, and run on from the file, again and again.
//!
//! Each computes, waits for a line of input, and sleeps, several times. It must print what it prints undisturbed. For long
//! runs there are environment variables: `GATE_INTERRUPTIONS` is how often to suspend each program, `GATE_INTERRUPTIONS_SEED` is
//! where the random numbers start.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gate_testkit::guests::{self, Guest};
use gate_testkit::process::{Finished, Program};

use crate::chance::{Chance, setting};
use crate::stage::Stage;

/// Compiling CRuby takes most of a minute on a busy machine.
const DEADLINE: Duration = Duration::from_secs(600);

/// The status of a gate that has suspended its program.
const SUSPENDED: i32 = 131;

/// How often one program is suspended until it may end.
const LIVES: u64 = 4;

/// A program, and what it does.
struct Subject {
    guest: Guest,
    arguments: &'static [&'static str],
    /// The name of its source below `guests/interrupted`, which it sees in `/`.
    source: &'static str,
    /// Its input.
    lines: &'static [&'static str],
}

const LINES: &[&str] = &["north\n", "east\n", "south\n", "west\n"];

const LUA: Subject =
    Subject { guest: Guest::Lua, arguments: &["/program.lua"], source: "program.lua", lines: LINES };
const QUICKJS: Subject =
    Subject { guest: Guest::QuickJs, arguments: &["-m", "/program.js"], source: "program.js", lines: LINES };
const SQLITE: Subject = Subject {
    guest: Guest::Sqlite,
    arguments: &["/data.db", "/program.sql"],
    source: "program.sql",
    lines: LINES,
};
const RUBY: Subject =
    Subject { guest: Guest::Ruby, arguments: &["/program.rb"], source: "program.rb", lines: LINES };

/// How long a program takes undisturbed.
#[derive(Debug)]
struct Pace {
    /// Until its first instruction.
    startup: Duration,
    /// From there to its end.
    run: Duration,
}

impl Pace {
    fn of(finished: &Finished) -> Self {
        let document: serde_json::Value = serde_json::from_str(finished.stderr_text().trim_end()).unwrap();
        let time = |name: &str| Duration::from_micros(document["times"][name].as_u64().unwrap());
        let run = time("run_micros");
        Self { startup: time("total_micros").saturating_sub(run), run }
    }
}

/// What was seen of the files.
#[derive(Debug, Default)]
struct Sizes {
    suspensions: u64,
    smallest: u64,
    largest: u64,
}

impl Sizes {
    fn add(&mut self, bytes: u64) {
        self.smallest = if self.suspensions == 0 { bytes } else { self.smallest.min(bytes) };
        self.largest = self.largest.max(bytes);
        self.suspensions += 1;
    }
}

impl Subject {
    fn gate(stage: &Stage) -> Program {
        stage.gate_sharing().args(["--engine", "cranelift"])
    }

    /// Has a gate run it from the start.
    fn run(&self, stage: &Stage, gate: Program) -> Result<Program> {
        let root = format!("--dir={}::/", stage.path("root").display());
        Ok(gate.arg(root).arg(self.guest.path()?).args(self.arguments))
    }

    /// Runs it to its end through several suspensions.
    fn lives(&self, stage: &Stage, pace: &Pace, chance: &mut Chance, sizes: &mut Sizes) -> Result<String> {
        let snapshots = [stage.path("even.wasm"), stage.path("odd.wasm")];
        let mut current: Option<&Path> = None;
        let mut stdout = String::new();
        let mut rest = self.lines.concat();
        let mut startup = pace.startup;
        for snapshot in snapshots.iter().cycle().take(usize::try_from(LIVES)?) {
            // It cannot end without its last line.
            let lines = rest.lines().count();
            let most: usize = rest.split_inclusive('\n').take(lines.saturating_sub(1)).map(str::len).sum();
            let given = rest[..most].split_inclusive('\n').take(chance.below(lines)).map(str::len).sum();
            let moment = startup.mul_f64(0.9 + chance.fraction()) + pace.run.mul_f64(chance.fraction());
            let gate = Self::gate(stage)
                .arg("--json")
                .arg(format!("--suspend-after={}us", moment.as_micros()))
                .arg(format!("--snapshot={}", snapshot.display()));
            let gate = match current {
                None => self.run(stage, gate)?,
                Some(snapshot) => gate.arg(snapshot),
            };
            let mut running = gate.start()?;
            running.write(&rest.as_bytes()[..given])?;
            running.wait_for_end(DEADLINE)?;
            let unread = usize::try_from(running.unread()?)?;
            let finished = running.finish(DEADLINE)?;
            ensure!(finished.status.code() == Some(SUSPENDED), "not suspended after {moment:?}: {finished}");
            stdout += &finished.stdout_text();
            rest.drain(..given - unread);
            sizes.add(std::fs::metadata(snapshot)?.len());
            // Continuing takes longer than starting: there is code to be made for it first.
            startup = startup.max(Pace::of(&finished).startup);
            current = Some(snapshot);
        }
        let last = current.context("there is at least one life")?;
        let finished = Self::gate(stage).arg(last).stdin(rest).run(DEADLINE)?.success()?;
        Ok(stdout + &finished.stdout_text())
    }
}

#[track_caller]
fn check(subject: &Subject) {
    let stage = Stage::new();
    let root = stage.path("root");
    std::fs::create_dir(&root).unwrap();
    let source = guests::directory().join("interrupted").join(subject.source);
    std::fs::copy(source, root.join(subject.source)).unwrap();
    let undisturbed = || {
        let gate = subject.run(&stage, Subject::gate(&stage).arg("--json")).unwrap();
        let finished = gate.stdin(subject.lines.concat()).run(DEADLINE).unwrap().success().unwrap();
        (Pace::of(&finished), finished.stdout_text())
    };
    // Once to have it compiled, once to see how long it takes.
    let (_, expected) = undisturbed();
    assert!(expected.contains("west"), "{expected}");
    let (pace, again) = undisturbed();
    assert_eq!(again, expected);

    let mut sizes = Sizes::default();
    let name = format!("{:?}", subject.guest);
    let seed = setting("GATE_INTERRUPTIONS_SEED", 1);
    let rounds = setting("GATE_INTERRUPTIONS", LIVES).div_ceil(LIVES);
    for seed in seed..seed + rounds {
        let mut chance = Chance::new(&name, seed);
        let stdout = subject
            .lives(&stage, &pace, &mut chance, &mut sizes)
            .unwrap_or_else(|error| panic!("{name}, GATE_INTERRUPTIONS_SEED={seed}: {error:#}"));
        assert_eq!(stdout, expected, "{name}, GATE_INTERRUPTIONS_SEED={seed}");
    }
    eprintln!("{name}: {pace:?}; {sizes:?}");
}

#[test]
fn lua_in_coroutines_and_protected_calls() {
    check(&LUA);
}

#[test]
fn quickjs_with_pending_promises() {
    check(&QUICKJS);
}

#[test]
fn sqlite_in_a_transaction() {
    check(&SQLITE);
}

#[test]
fn ruby_in_a_long_computation() {
    check(&RUBY);
}
