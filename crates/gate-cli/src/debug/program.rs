//! The program that is looked into.

use std::fmt::Write;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;

use anyhow::Context;
use gate_runtime::{
    Debug, Format, Frame, Given, Launch, NotResumed, Outcome, RefusalKind, Report, Sealed, Stops, Suspended,
    Tier, Undone, Verdict,
};

use super::command::Command;
use super::show::{self, Description};
use crate::directories::Image;
use crate::failure::Failure;
use crate::module::Module;
use crate::session::Prepared;
use crate::workshop::{Workshop, compile_limits};
use crate::{exit, keeping, lives, report, text, tool};

/// Where the program is to stop by itself.
struct Breakpoint {
    number: u32,
    /// What the user said.
    place: String,
    /// The instructions that were meant.
    found: Vec<Frame>,
}

/// How far the program is.
enum Progress {
    /// It has not been run.
    New,
    /// It has stopped. What it is described as, once somebody wants to know.
    Stopped(Box<Suspended>, Option<Description>),
    /// It has come to its end.
    Over,
}

/// A program that is run bit by bit.
pub(super) struct Debugged<'a> {
    workshop: Workshop<'a>,
    module: Module,
    launch: Launch,
    image: Option<Image>,
    stdin: File,
    breakpoints: Vec<Breakpoint>,
    next_number: u32,
    tier: Tier,
    /// What was compiled last, for what.
    compiled: Option<(Debug, Sealed)>,
    progress: Progress,
}

impl<'a> Debugged<'a> {
    /// Takes a program that has not been run, or one from a snapshot.
    pub(super) fn new(prepared: Prepared<'a>, stdin: File) -> Result<Self, Failure> {
        let Prepared { mut workshop, file, launch, image } = prepared;
        let (module, suspended) = lives::restored(&mut workshop, file)?;
        let progress = match suspended {
            Some(suspended) => Progress::Stopped(Box::new(suspended), None),
            None => Progress::New,
        };
        Ok(Self {
            workshop,
            module,
            launch,
            image,
            stdin,
            breakpoints: Vec::new(),
            next_number: 1,
            // What is compiled again and again should be compiled fast.
            tier: Tier::Winch,
            compiled: None,
            progress,
        })
    }

    /// Does what the user wants, and says what came of it.
    pub(super) fn execute(&mut self, command: &Command) -> Result<String, Failure> {
        match command {
            Command::Break(place) => self.add_breakpoint(place),
            Command::Breakpoints => Ok(self.breakpoints.iter().map(show_breakpoint).collect()),
            Command::Delete(number) => self.delete(*number),
            Command::Continue => self.go_on(Stops::Flag, None),
            Command::Step(count) => self.go_on(Stops::Count, Some(*count)),
            Command::Backtrace => Ok(self.description()?.backtrace()),
            Command::Locals(call) => self.description()?.locals(*call).map_err(wrong),
            Command::Global(name) => self.description()?.globals(name.as_deref()).map_err(wrong),
            Command::Memory { address, length } => self.memory(*address, *length),
            Command::Snapshot(file) => self.snapshot(Path::new(file)),
            Command::Help | Command::Quit => Ok(String::new()),
        }
    }

    fn add_breakpoint(&mut self, place: &str) -> Result<String, Failure> {
        let limits = compile_limits(self.workshop.options);
        let module = &self.module;
        let found = self.workshop.with_progress("looking for the place", |container, watch| {
            gate_runtime::locate(container, module.file.as_fd(), place, &limits, watch)
        })?;
        let found = found.map_err(|undone| match undone {
            Undone::Refused { kind: RefusalKind::Entry, message } => wrong(text::escaped(&message)),
            undone => self.workshop.doing("looking for the place").failure(undone, self.workshop.signals),
        })?;
        let breakpoint = Breakpoint { number: self.next_number, place: place.to_owned(), found };
        let said = show_breakpoint(&breakpoint);
        self.breakpoints.push(breakpoint);
        // Whether there are instructions is known when they are compiled.
        if let Err(failure) = self.artifact(Stops::Flag) {
            self.breakpoints.pop();
            return Err(failure);
        }
        self.next_number += 1;
        Ok(said)
    }

    fn delete(&mut self, number: Option<u32>) -> Result<String, Failure> {
        let before = self.breakpoints.len();
        self.breakpoints.retain(|breakpoint| number.is_some_and(|number| breakpoint.number != number));
        match number {
            Some(number) if self.breakpoints.len() == before => {
                Err(wrong(format!("there is no breakpoint {number} (breakpoints lists them)")))
            }
            _ => Ok(String::new()),
        }
    }

    /// The program compiled for the breakpoints there are.
    fn artifact(&mut self, stops: Stops) -> Result<(), Failure> {
        loop {
            let offsets = self.breakpoints.iter().flat_map(|breakpoint| &breakpoint.found);
            let offsets = offsets.filter_map(|frame| u32::try_from(frame.module_offset?).ok());
            let mut breakpoints: Vec<u32> = offsets.collect();
            breakpoints.sort_unstable();
            breakpoints.dedup();
            let debug = Debug { tier: self.tier, stops, breakpoints };
            if self.compiled.as_ref().is_some_and(|(known, _)| *known == debug) {
                return Ok(());
            }
            let limits = compile_limits(self.workshop.options);
            let module = &self.module;
            let made = self.workshop.with_progress("compiling", |container, watch| {
                gate_runtime::compile_debug(container, module.file.as_fd(), &debug, &limits, watch)
            })?;
            match made {
                Ok(artifact) => {
                    self.compiled = Some((debug, artifact));
                    return Ok(());
                }
                // The fast compiler cannot do everything, and says so early.
                Err(Undone::Refused { kind: RefusalKind::Feature, .. }) if self.tier == Tier::Winch => {
                    self.tier = Tier::Cranelift;
                }
                Err(undone) => return Err(self.workshop.compiling().failure(undone, self.workshop.signals)),
            }
        }
    }

    /// Runs the program until it stops or ends.
    fn go_on(&mut self, stops: Stops, countdown: Option<u64>) -> Result<String, Failure> {
        if matches!(self.progress, Progress::Over) {
            return Err(over());
        }
        self.artifact(stops)?;
        let Some((debug, artifact)) = &self.compiled else { return Err(over()) };
        let launch = Launch {
            tier: debug.tier,
            stops,
            countdown,
            artifact_bytes: artifact.bytes,
            terminals: [false, self.launch.terminals[1], self.launch.terminals[2]],
            ..self.launch.clone()
        };
        let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
        let host = Rc::clone(&self.workshop.host);
        let given = Given {
            artifact: artifact.file.as_fd(),
            streams: [self.stdin.as_fd(), stdout.as_fd(), stderr.as_fd()],
            image: self.image.as_ref().map(|image| image.file.as_fd()),
            wall_time: None,
            suspend_after: None,
            services: &host.services,
        };
        let instance = match std::mem::replace(&mut self.progress, Progress::Over) {
            Progress::New => self.workshop.launch(launch, &given)?,
            Progress::Over => return Err(over()),
            Progress::Stopped(suspended, _) => {
                let workshop = &mut self.workshop;
                match workshop.resume(*suspended, &self.module, launch, &given, &debug.breakpoints)? {
                    Ok(instance) => instance,
                    // It is where it was.
                    Err(NotResumed { undone, suspended }) => {
                        self.progress = Progress::Stopped(suspended, None);
                        let doing = self.workshop.doing("preparing to continue");
                        return Err(doing.failure(undone, self.workshop.signals));
                    }
                }
            }
        };
        let mut report = self.workshop.run(instance, &given)?;
        self.workshop.signals.stopped();
        if let Verdict::Ended { outcome: Outcome::Trapped { frames, .. }, .. } = &mut report.verdict {
            self.workshop.symbolize(&self.module, artifact, frames)?;
        }
        self.came_back(report)
    }

    fn came_back(&mut self, report: Report) -> Result<String, Failure> {
        if let Verdict::Suspended { suspended, .. } = report.verdict {
            self.progress = Progress::Stopped(suspended, None);
            return Ok(format!("stopped{}:\n{}", self.at_breakpoint()?, self.description()?.place()));
        }
        if matches!(report.verdict, Verdict::Cancelled) {
            return Err(Failure::cancelled(self.workshop.signals));
        }
        let status = exit::status(&report.verdict, None, false);
        let sentence = report::sentence(&report.verdict, self.workshop.options);
        let sentence = sentence.unwrap_or_else(|| format!("the program has ended with status {status}"));
        Ok(format!("{sentence}\n{}", report::backtrace(&report)))
    }

    /// Which breakpoint the program is at, for people.
    fn at_breakpoint(&mut self) -> Result<String, Failure> {
        let offset = self.description()?.breakpoint();
        let is_here = |breakpoint: &&Breakpoint| {
            offset.is_some() && breakpoint.found.iter().any(|frame| frame.module_offset == offset)
        };
        let breakpoint = self.breakpoints.iter().find(is_here);
        Ok(breakpoint.map(|breakpoint| format!(" at breakpoint {}", breakpoint.number)).unwrap_or_default())
    }

    /// The program written down.
    fn written(&mut self) -> Result<Sealed, Failure> {
        let Self { workshop, module, progress, .. } = self;
        match progress {
            Progress::New => Err(wrong("the program has not run yet (continue or step runs it)".to_owned())),
            Progress::Over => Err(over()),
            Progress::Stopped(suspended, _) => {
                let made = workshop.snapshot(suspended, module, Format::Native)?;
                made.map_err(|undone| {
                    workshop.doing("writing the snapshot").failure(undone, workshop.signals)
                })
            }
        }
    }

    fn description(&mut self) -> Result<&Description, Failure> {
        if !matches!(self.progress, Progress::Stopped(_, Some(_))) {
            let snapshot = self.written()?;
            let limits = compile_limits(self.workshop.options);
            let made = self.workshop.with_progress("looking into the program", |container, watch| {
                gate_runtime::inspect(container, snapshot.file.as_fd(), true, &limits, watch)
            })?;
            let doing = self.workshop.doing("looking into the program");
            let made = made.map_err(|undone| doing.failure(undone, self.workshop.signals))?;
            let content = tool::content(&made)?;
            let length = usize::try_from(made.bytes).unwrap_or(usize::MAX);
            let description = Description::read(content.as_ref().get(..length).unwrap_or_default());
            if let Progress::Stopped(_, known) = &mut self.progress {
                *known = description;
            }
        }
        match &self.progress {
            Progress::Stopped(_, Some(description)) => Ok(description),
            _ => Err(wrong("what is known of the program makes no sense".to_owned())),
        }
    }

    fn memory(&mut self, address: u64, length: u64) -> Result<String, Failure> {
        let size = self.description()?.memory_bytes();
        let length = length.min(size.saturating_sub(address));
        let Progress::Stopped(suspended, _) = &self.progress else { return Err(over()) };
        let memory = suspended.memories().next().filter(|_| length > 0);
        let Some(memory) = memory else {
            return Err(wrong(format!("the program's memory has {size:#x} bytes")));
        };
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        let file = memory.try_clone_to_owned().map(File::from).context("cannot read the memory");
        let file = file.map_err(|error| Failure::host(&error))?;
        // The file ends where nothing was ever written.
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = address.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
            match file.read_at(rest, at).context("cannot read the memory") {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) => return Err(Failure::host(&error)),
            }
        }
        Ok(show::memory(address, &bytes))
    }

    fn snapshot(&mut self, file: &Path) -> Result<String, Failure> {
        let snapshot = self.written()?;
        keeping::write(file, &snapshot).map_err(|error| Failure::host(&error))?;
        Ok(String::new())
    }
}

/// What the user wants cannot be done.
fn wrong(message: String) -> Failure {
    Failure::failed(1, message)
}

fn over() -> Failure {
    wrong("the program has ended".to_owned())
}

fn show_breakpoint(breakpoint: &Breakpoint) -> String {
    let mut said = format!("breakpoint {}: {}\n", breakpoint.number, text::escaped(&breakpoint.place));
    for frame in &breakpoint.found {
        let name = frame.function_name.as_deref().map(text::escaped);
        let name = name.unwrap_or_else(|| format!("function {}", frame.function_index));
        let _ = write!(said, "      {name} at {:#x}", frame.module_offset.unwrap_or_default());
        if let Some(line) = frame.lines.first() {
            let _ = write!(said, ", {}:{}:{}", text::escaped(&line.file), line.line, line.column);
        }
        said.push('\n');
    }
    said
}
