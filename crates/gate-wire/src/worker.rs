//! The worker socket: what a forked process is to do, and what became of it.

use crate::codec::{Decoder, Encoder};
use crate::{DecodeError, MAX_MESSAGE_BYTES};

mod job;
mod outcome;

pub use job::{Format, Job};
pub use outcome::{Frame, Outcome, SourceLine, Statistics, Value};

/// Which engine compiles and runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// The optimizing compiler.
    Cranelift,
    /// The baseline compiler: compiles some ten times faster, runs slower, lacks some features.
    Winch,
    /// Portable bytecode and its interpreter.
    Pulley,
    /// Nothing compiles it: the module itself is interpreted.
    Interpreter,
}

/// Whether and how a compiled program can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stops {
    /// Not at all: it can only be ended. For measuring what the others cost.
    None,
    /// At any moment.
    Flag,
    /// After a number of stop points, given when it is launched.
    Count,
}

/// What a program may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All linear memories together, in bytes.
    pub memory_bytes: u64,
    /// The call stack, in bytes.
    pub stack_bytes: u64,
    /// Processor time, in nanoseconds.
    pub cpu_nanos: Option<u64>,
    /// Standard output and standard error together, in bytes.
    pub output_bytes: Option<u64>,
    /// The contents of all files together, in bytes.
    pub fs_bytes: u64,
    /// The number of files, directories and links.
    pub fs_inodes: u32,
}

/// Where a program starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// At `_start`, by the rules for programs that name no function.
    Default,
    /// At this exported function, with these arguments as people write them.
    Invoke {
        /// The export's name.
        name: String,
        /// One text for each parameter.
        arguments: Vec<String>,
    },
}

/// A program to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The engine that the artifact was compiled for.
    pub tier: Tier,
    /// How many bytes at the start of the first descriptor's file are the artifact.
    pub artifact_bytes: u64,
    /// `argv`, beginning with the program's name. No zero bytes.
    pub arguments: Vec<Vec<u8>>,
    /// Environment strings, each `NAME=value`. No zero bytes.
    pub environment: Vec<Vec<u8>>,
    /// What it may use.
    pub limits: Limits,
    /// Where it starts.
    pub entry: Entry,
    /// Which of standard input, output and error are terminals.
    pub terminals: [bool; 3],
    /// Whether a file system image comes with it. Not to a program that continues: it has its files.
    pub has_image: bool,
    /// How the artifact can be stopped.
    pub stops: Stops,
    /// With [`Stops::Count`], at which stop point from the start it stops: 1 is the first.
    pub countdown: Option<u64>,
    /// Where it continues, if it does. Then arguments, environment and entry mean nothing.
    pub resume: Option<Resume>,
}

/// A program that continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// How many linear memories it has.
    pub memories: u32,
    /// Whether it has a packet stream already.
    pub has_packets: bool,
}

/// From the runtime to the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Run a program. Comes with the artifact, standard input, output and error, and the file system image if there
    /// is one; if it continues, with its state, the packet socket and ring, and the linear memories.
    Launch(Box<Launch>),
    /// Continue the program that was launched with [`Launch::resume`]. It is loaded meanwhile. Comes with the code that
    /// continues it, if it was in the middle of something.
    Continue {
        /// How many bytes at the start of the file are that code.
        continuation_bytes: Option<u64>,
    },
    /// Compile a module. Comes with a sealed memfd that holds the module, binary or text.
    Compile {
        /// For which engine.
        tier: Tier,
        /// How it can be stopped.
        stops: Stops,
        /// How many threads to use, at least 1.
        threads: u32,
        /// Private memory that the process may have, in bytes.
        memory_bytes: u64,
    },
    /// Do something else with a module. Comes with what the job reads and then with empty files for what it makes.
    Job {
        /// What.
        job: Job,
        /// How many threads to use, at least 1.
        threads: u32,
        /// Private memory that the process may have, in bytes.
        memory_bytes: u64,
    },
}

/// Which interface a program uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Personality {
    /// It imports `gate.*`.
    Gate,
    /// It imports WASI preview 1 only, or nothing.
    Wasi,
}

/// Why a module was not compiled, or a program not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// It is not a valid WebAssembly module.
    Invalid,
    /// It uses a feature that is not accepted.
    Feature,
    /// It imports something that there is not.
    Import,
    /// It is larger than the limits allow.
    Limit,
    /// It has no such function to start at.
    Entry,
    /// The artifact was made by another build, or is damaged. Compiling again helps.
    Artifact,
    /// It is a snapshot, which is to be restored instead.
    Snapshot,
    /// It is no snapshot.
    NoSnapshot,
    /// It is a snapshot, but one that no program can be restored from.
    Damaged,
    /// The program is at a point where it cannot be written down in that form. It will be at another one soon.
    Point,
    /// The program cannot be written down in that form.
    Form,
}

/// From the process to the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The program is loaded and starts or continues now. A new [`Personality::Gate`] program's comes with both ends of the
    /// packet socket, the runtime's first, and the packet ring.
    Running {
        /// Which interface it uses.
        personality: Personality,
        /// How long loading took, in microseconds.
        load_micros: u64,
        /// Whether a new packet stream comes with it.
        has_packets: bool,
    },
    /// The program has ended; the last message of its process.
    Finished {
        /// How.
        outcome: Outcome,
        /// What it used.
        statistics: Statistics,
    },
    /// The program has stopped, as it was asked to. Comes with a memfd that holds its state, the program's end of the
    /// packet socket, and the memfds of its linear memories. The last message of its process.
    Suspended {
        /// What it used.
        statistics: Statistics,
        /// How many bytes at the start of its file are the state.
        state_bytes: u64,
        /// How many linear memories there are.
        memories: u32,
        /// Whether there is a packet stream.
        has_packets: bool,
    },
    /// The job is done, and its files are filled. The last message of its process.
    Done {
        /// How many bytes there are in each file.
        bytes: Vec<u64>,
    },
    /// The job needs files for this many linear memories. The last message of its process.
    Memories(u32),
    /// Where instructions are. The last message of its process.
    Symbols(Vec<Frame>),
    /// The module is compiled. Comes with a sealed memfd that holds the artifact. The last message of its process.
    Compiled {
        /// The artifact's length in bytes.
        artifact_bytes: u64,
        /// The module's length as a binary, in bytes.
        module_bytes: u64,
        /// The number of functions it defines.
        functions: u32,
        /// How long parsing and validating took, in microseconds.
        validate_micros: u64,
        /// How long compiling took, in microseconds.
        compile_micros: u64,
    },
    /// The module or the program is refused; the last message of its process.
    Refused {
        /// Why.
        kind: RefusalKind,
        /// Why, for people. It may quote the module: escape it.
        message: String,
    },
    /// The process could not do its work for a reason that lies in the host.
    Failed {
        /// Why, for people.
        message: String,
    },
}

macro_rules! numbered {
    ($type:ident { $($variant:ident = $number:literal),* $(,)? }) => {
        impl $type {
            fn number(self) -> u8 {
                match self { $(Self::$variant => $number),* }
            }

            fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

numbered!(Stops { None = 0, Flag = 1, Count = 2 });
numbered!(Tier { Cranelift = 0, Winch = 1, Pulley = 2, Interpreter = 3 });
numbered!(Personality { Gate = 0, Wasi = 1 });
numbered!(RefusalKind { Invalid = 0, Feature = 1, Import = 2, Limit = 3, Entry = 4, Artifact = 5, Snapshot = 6, NoSnapshot = 7,
    Damaged = 8, Point = 9, Form = 10 });

impl Tier {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cranelift, Self::Winch, Self::Pulley, Self::Interpreter];

    /// The name used on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cranelift => "cranelift",
            Self::Winch => "winch",
            Self::Pulley => "pulley",
            Self::Interpreter => "interpreter",
        }
    }
}

impl Request {
    /// How many descriptors come with the message.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        match self {
            Self::Launch(launch) => launch.descriptors(),
            Self::Continue { continuation_bytes } => usize::from(continuation_bytes.is_some()),
            Self::Compile { .. } => 1,
            Self::Job { job, .. } => job.inputs() + job.outputs(),
        }
    }

    /// The message's bytes; `None` if the arguments and the environment make it larger than [`MAX_MESSAGE_BYTES`].
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let bytes = match self {
            Self::Launch(launch) => {
                let mut e = Encoder::new(1, header(launch.descriptors()));
                launch.encode(&mut e);
                e.finish()
            }
            Self::Compile { tier, stops, threads, memory_bytes } => {
                let mut e = Encoder::new(2, 1);
                e.u8(tier.number());
                e.u8(stops.number());
                e.u32(*threads);
                e.u64(*memory_bytes);
                e.finish()
            }
            Self::Job { job, threads, memory_bytes } => {
                let mut e = Encoder::new(3, header(self.descriptors()));
                e.u32(*threads);
                e.u64(*memory_bytes);
                job.encode(&mut e);
                e.finish()
            }
            Self::Continue { continuation_bytes } => {
                let mut e = Encoder::new(4, header(self.descriptors()));
                e.option(continuation_bytes.as_ref(), |e, n| e.u64(*n));
                e.finish()
            }
        };
        (bytes.len() <= MAX_MESSAGE_BYTES).then_some(bytes)
    }

    /// Reads a message that came with `descriptors` descriptors.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that [`Request::encode`] does not make.
    pub fn decode(bytes: &[u8], descriptors: usize) -> Result<Self, DecodeError> {
        let (kind, mut d) = Decoder::new(bytes, descriptors)?;
        let request = match kind {
            1 => Self::Launch(Box::new(Launch::decode(&mut d)?)),
            2 => Self::Compile {
                tier: tier(&mut d)?,
                stops: stops(&mut d)?,
                threads: d.u32()?,
                memory_bytes: d.u64()?,
            },
            3 => Self::Job { threads: d.u32()?, memory_bytes: d.u64()?, job: Job::decode(&mut d)? },
            4 => Self::Continue { continuation_bytes: d.option(Decoder::u64)? },
            kind => return Err(DecodeError::Kind { kind }),
        };
        if request.descriptors() != descriptors {
            return Err(DecodeError::Descriptors { found: descriptors, expected: request.descriptors() });
        }
        d.finish(request)
    }
}

fn tier(d: &mut Decoder<'_>) -> Result<Tier, DecodeError> {
    Tier::from_number(d.u8()?).ok_or(d.bad_value())
}

fn stops(d: &mut Decoder<'_>) -> Result<Stops, DecodeError> {
    Stops::from_number(d.u8()?).ok_or(d.bad_value())
}

/// A number of descriptors for a header. More than fit there cannot come with a message, so that it is refused.
fn header(descriptors: usize) -> u16 {
    u16::try_from(descriptors).unwrap_or(u16::MAX)
}

impl Launch {
    /// What arguments, environment and everything else may take together, in bytes.
    pub const MAX_BYTES: usize = MAX_MESSAGE_BYTES;

    /// Whether it fits into a message.
    #[must_use]
    pub fn fits(&self) -> bool {
        Request::Launch(Box::new(self.clone())).encode().is_some()
    }

    fn descriptors(&self) -> usize {
        let resume = self.resume.map_or(0, |resume| resume.descriptors());
        4 + usize::from(self.has_image) + resume
    }

    fn encode(&self, e: &mut Encoder) {
        e.u8(self.tier.number());
        e.u64(self.artifact_bytes);
        e.strings(&self.arguments);
        e.strings(&self.environment);
        e.u64(self.limits.memory_bytes);
        e.u64(self.limits.stack_bytes);
        e.option(self.limits.cpu_nanos.as_ref(), |e, n| e.u64(*n));
        e.option(self.limits.output_bytes.as_ref(), |e, n| e.u64(*n));
        e.u64(self.limits.fs_bytes);
        e.u32(self.limits.fs_inodes);
        match &self.entry {
            Entry::Default => e.u8(0),
            Entry::Invoke { name, arguments } => {
                e.u8(1);
                e.string(name.as_bytes());
                e.strings(arguments);
            }
        }
        for terminal in self.terminals {
            e.bool(terminal);
        }
        e.bool(self.has_image);
        e.u8(self.stops.number());
        e.option(self.countdown.as_ref(), |e, n| e.u64(*n));
        e.option(self.resume.as_ref(), |e, resume| {
            e.u32(resume.memories);
            e.bool(resume.has_packets);
        });
    }

    fn decode(d: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let tier = tier(d)?;
        let artifact_bytes = d.u64()?;
        let arguments = d.strings()?;
        let environment = d.strings()?;
        let limits = Limits {
            memory_bytes: d.u64()?,
            stack_bytes: d.u64()?,
            cpu_nanos: d.option(Decoder::u64)?,
            output_bytes: d.option(Decoder::u64)?,
            fs_bytes: d.u64()?,
            fs_inodes: d.u32()?,
        };
        let entry = match d.u8()? {
            0 => Entry::Default,
            1 => {
                let name = d.text()?;
                let arguments =
                    d.strings()?.into_iter().map(|a| String::from_utf8_lossy(&a).into_owned()).collect();
                Entry::Invoke { name, arguments }
            }
            _ => return Err(d.bad_value()),
        };
        let terminals = [d.bool()?, d.bool()?, d.bool()?];
        let has_image = d.bool()?;
        let stops = stops(d)?;
        let countdown = d.option(Decoder::u64)?;
        let resume = d.option(|d| Ok(Resume { memories: d.u32()?, has_packets: d.bool()? }))?;
        Ok(Self {
            tier,
            artifact_bytes,
            arguments,
            environment,
            limits,
            entry,
            terminals,
            has_image,
            stops,
            countdown,
            resume,
        })
    }
}

impl Resume {
    fn descriptors(self) -> usize {
        // Its state comes always.
        1 + 2 * usize::from(self.has_packets) + usize::try_from(self.memories).unwrap_or(usize::MAX >> 1)
    }
}

impl Event {
    /// How many descriptors come with the message.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        match self {
            // The state comes always.
            Self::Suspended { memories, has_packets, .. } => {
                1 + usize::from(*has_packets) + usize::try_from(*memories).unwrap_or(usize::MAX >> 1)
            }
            Self::Running { has_packets, .. } => 3 * usize::from(*has_packets),
            Self::Compiled { .. } => 1,
            Self::Finished { .. }
            | Self::Done { .. }
            | Self::Memories(_)
            | Self::Symbols(_)
            | Self::Refused { .. }
            | Self::Failed { .. } => 0,
        }
    }

    /// The message's bytes. Texts and backtraces that are too long are cut.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let descriptors = header(self.descriptors());
        let mut e;
        match self {
            Self::Running { personality, load_micros, has_packets } => {
                e = Encoder::new(1, descriptors);
                e.u8(personality.number());
                e.u64(*load_micros);
                e.bool(*has_packets);
            }
            Self::Finished { outcome, statistics } => {
                e = Encoder::new(2, descriptors);
                statistics.encode(&mut e);
                outcome.encode(&mut e);
            }
            Self::Compiled { artifact_bytes, module_bytes, functions, validate_micros, compile_micros } => {
                e = Encoder::new(3, descriptors);
                e.u64(*artifact_bytes);
                e.u64(*module_bytes);
                e.u32(*functions);
                e.u64(*validate_micros);
                e.u64(*compile_micros);
            }
            Self::Refused { kind, message } => {
                e = Encoder::new(4, descriptors);
                e.u8(kind.number());
                e.string(outcome::cut(message.as_bytes()));
            }
            Self::Failed { message } => {
                e = Encoder::new(5, descriptors);
                e.string(outcome::cut(message.as_bytes()));
            }
            Self::Suspended { statistics, state_bytes, memories, has_packets } => {
                e = Encoder::new(6, descriptors);
                statistics.encode(&mut e);
                e.u64(*state_bytes);
                e.u32(*memories);
                e.bool(*has_packets);
            }
            Self::Done { bytes } => {
                e = Encoder::new(7, descriptors);
                e.count(bytes.len());
                for bytes in bytes {
                    e.u64(*bytes);
                }
            }
            Self::Memories(count) => {
                e = Encoder::new(8, descriptors);
                e.u32(*count);
            }
            Self::Symbols(frames) => {
                e = Encoder::new(9, descriptors);
                outcome::encode_frames(frames, &mut e);
            }
        }
        e.finish()
    }

    /// Reads a message that came with `descriptors` descriptors.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that [`Event::encode`] does not make.
    pub fn decode(bytes: &[u8], descriptors: usize) -> Result<Self, DecodeError> {
        let (kind, mut d) = Decoder::new(bytes, descriptors)?;
        let event = match kind {
            1 => {
                let personality = Personality::from_number(d.u8()?).ok_or(d.bad_value())?;
                Self::Running { personality, load_micros: d.u64()?, has_packets: d.bool()? }
            }
            2 => {
                let statistics = Statistics::decode(&mut d)?;
                Self::Finished { outcome: Outcome::decode(&mut d)?, statistics }
            }
            3 => Self::Compiled {
                artifact_bytes: d.u64()?,
                module_bytes: d.u64()?,
                functions: d.u32()?,
                validate_micros: d.u64()?,
                compile_micros: d.u64()?,
            },
            4 => {
                let kind = RefusalKind::from_number(d.u8()?).ok_or(d.bad_value())?;
                Self::Refused { kind, message: d.text()? }
            }
            5 => Self::Failed { message: d.text()? },
            6 => Self::Suspended {
                statistics: Statistics::decode(&mut d)?,
                state_bytes: d.u64()?,
                memories: d.u32()?,
                has_packets: d.bool()?,
            },
            7 => {
                let count = d.count(8)?;
                Self::Done { bytes: (0..count).map(|_| d.u64()).collect::<Result<_, _>>()? }
            }
            8 => Self::Memories(d.u32()?),
            9 => Self::Symbols(outcome::decode_frames(&mut d)?),
            kind => return Err(DecodeError::Kind { kind }),
        };
        if event.descriptors() != descriptors {
            return Err(DecodeError::Descriptors { found: descriptors, expected: event.descriptors() });
        }
        d.finish(event)
    }
}

#[cfg(test)]
mod tests;
