//! Programs that are each in the middle of one kind of thing, to be stopped there: the files of `guests/states`.
//!
//! Whatever is done to them, they print what they print undisturbed. Adding one is adding a file: C that includes `state.h`,
//! or the fields of a module in the text format, which get those of `prelude/wasi.wat` in front of them. Lines that begin with
//! `;;!` or `//!` say how to run it:
//!
//! | line | meaning |
//! |---|---|
//! | `input = TEXT` | Standard input; `\n` is a line end. Programs wait for it again and again, and say so before they do: the first time with the line `?a`, the second time `?b`, and so on. Each takes one byte, or a line if there are lines |
//! | `runs = N` | It does not wait for input; after `?a` it is busy for more than N milliseconds |
//! | `every = N...` | Stopped at every Nth stop point, it is stopped [`STOPS`] times |
//! | `without = TIER...` | Engines that cannot run it; `node` if versions of Node that are around cannot |
//! | `standalone = TEXT` | Why it cannot go on without Gate from at least one of its pauses: a part of the message; one line for each |
//! | `upstream = TEXT` | Why it cannot be written in the form of the existing system at one, likewise |
//! | `results = N` | How many lines of its output are results of the function to run, which other hosts do not print |
//! | `arguments = WORD...` | Its arguments |
//! | `environment = NAME=VALUE` | A variable; one line for each |
//! | `file = /PATH: TEXT` | A file that it is given; one line for each |
//! | `invoke = NAME WORD...` | The function to run, and its arguments |
//! | `status = N` | The exit status, if not 0 |
//! | `clock` | It compares times of its own clock, which is that of the new host where it goes on without Gate: it is not run there |
//! | `gate` | It imports Gate's own functions, from `prelude/gate.wat` |
//! | `late` | Its output is not read before it is stopped |

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::{cache, guests};

/// How often a program is to be stopped that is stopped at every Nth stop point: enough to get everywhere, and not so often that
/// it takes long.
pub const STOPS: std::ops::RangeInclusive<u64> = 4..=60;

/// A program and how to run it.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The file name of its source without extension.
    pub name: String,
    source: PathBuf,
    /// Its standard input.
    pub input: String,
    /// How long it is busy at least, if it does not wait for input.
    pub runs: Option<Duration>,
    /// At every how manyth stop point to stop it.
    pub every: Vec<u64>,
    /// The engines that cannot run it.
    pub without: Vec<String>,
    /// Its arguments, or those of the function to run.
    pub arguments: Vec<String>,
    /// Its environment variables, as `NAME=VALUE`.
    pub environment: Vec<String>,
    /// Files that it is given: absolute paths and contents.
    pub files: Vec<(String, String)>,
    /// The function to run, if not `_start`.
    pub invoke: Option<String>,
    /// Parts of the messages why it cannot go on without Gate.
    pub standalone: Vec<String>,
    /// Parts of the messages why it cannot be written in the form of the existing system.
    pub upstream: Vec<String>,
    /// How many lines at the end of its output are Gate's.
    pub results: usize,
    /// The exit status.
    pub status: i32,
    /// Whether it compares times of its own clock.
    pub clock: bool,
    /// Whether it has Gate's own functions. What it prints is for its developer, on gate's standard error.
    pub gate: bool,
    /// Whether its output must not be read before it is stopped.
    pub late: bool,
}

/// All programs, by name.
///
/// # Errors
/// A file cannot be read, or says something else than the table above.
pub fn states() -> Result<Vec<State>> {
    let directory = directory();
    let list =
        || fs::read_dir(&directory)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut sources = list().with_context(|| format!("cannot list {}", directory.display()))?;
    let is_source =
        |path: &PathBuf| path.extension().is_some_and(|extension| extension == "c" || extension == "wat");
    sources.retain(is_source);
    sources.sort();
    ensure!(!sources.is_empty(), "{} has no programs", directory.display());
    sources.iter().map(|source| State::read(source)).collect()
}

fn directory() -> PathBuf {
    guests::directory().join("states")
}

impl State {
    fn read(source: &Path) -> Result<Self> {
        let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut state = Self { name, source: source.to_owned(), ..Self::default() };
        state.read_options().with_context(|| source.display().to_string())?;
        Ok(state)
    }

    fn read_options(&mut self) -> Result<()> {
        for line in fs::read_to_string(&self.source)?.lines() {
            if let Some(option) = line.strip_prefix(";;! ").or_else(|| line.strip_prefix("//! ")) {
                self.set(option).with_context(|| line.to_owned())?;
            }
        }
        let stops = self.runs.is_some() || self.late || !self.input.is_empty();
        ensure!(stops, "nothing says when it can be stopped");
        ensure!(!self.every.is_empty(), "nothing says at which stop points to stop it");
        Ok(())
    }

    fn set(&mut self, option: &str) -> Result<()> {
        let (key, value) = option.split_once(" = ").unwrap_or((option, ""));
        let words = || value.split_whitespace().map(str::to_owned);
        match key {
            "input" => self.input = value.replace("\\n", "\n"),
            "runs" => self.runs = Some(Duration::from_millis(value.parse()?)),
            "every" => self.every = words().map(|word| word.parse()).collect::<Result<_, _>>()?,
            "without" => self.without = words().collect(),
            "arguments" => self.arguments = words().collect(),
            "environment" => self.environment.push(value.to_owned()),
            "file" => {
                let (path, contents) = value.split_once(": ").context("this has no contents")?;
                self.files.push((path.to_owned(), contents.to_owned()));
            }
            "invoke" => {
                let mut words = words();
                self.invoke = words.next();
                self.arguments = words.collect();
            }
            "standalone" => self.standalone.push(value.to_owned()),
            "upstream" => self.upstream.push(value.to_owned()),
            "results" => self.results = value.parse()?,
            "status" => self.status = value.parse()?,
            "clock" => self.clock = true,
            "gate" => self.gate = true,
            "late" => self.late = true,
            _ => bail!("{key:?} is no option"),
        }
        Ok(())
    }

    /// The path of the program, a .wasm or .wat file, made if need be.
    ///
    /// # Errors
    /// As for [`guests::c`], or a file cannot be read or written.
    pub fn module(&self) -> Result<PathBuf> {
        if self.source.extension().is_some_and(|extension| extension == "c") {
            return guests::c(&self.source, &[]);
        }
        let preludes: &[&str] = if self.gate { &["gate.wat", "wasi.wat"] } else { &["wasi.wat"] };
        let prelude = directory().join("prelude");
        let mut text = "(module\n".to_owned();
        for path in preludes.iter().map(|name| prelude.join(name)).chain([self.source.clone()]) {
            text += &fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        }
        text += ")\n";
        cache::produce(&cache::guest_directory()?, &self.name, ".wat", &text, |product| {
            Ok(fs::write(product, &text)?)
        })
    }

    /// How often it waits for input.
    pub fn pauses(&self) -> usize {
        match self.input.lines().count() {
            0 | 1 => self.input.len(),
            lines => lines,
        }
    }

    /// The input that it takes before it waits for the `pause`th time, counted from 0.
    pub fn input_before(&self, pause: usize) -> &str {
        if self.input.lines().count() <= 1 {
            return &self.input[..pause];
        }
        let bytes = self.input.split_inclusive('\n').take(pause).map(str::len).sum();
        &self.input[..bytes]
    }
}

#[cfg(test)]
mod tests;
