//! The container socket: the runtime asks the zygote for processes, the zygote tells of their life.

use crate::codec::{Decoder, Encoder};
use crate::{DecodeError, MAX_MESSAGE_BYTES};

/// Names a process inside of a container. The runtime chooses it; it is not reused while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessId(pub u32);

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Runs one program.
    Program,
    /// Compiles one module.
    Compiler,
}

/// From the runtime to the zygote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Fork a process. Answered by [`Event::Started`], or [`Event::Failed`] if there can be no more.
    Start {
        /// Its name from now on.
        id: ProcessId,
        /// What it is for.
        role: Role,
    },
    /// Keep this many program processes forked in advance.
    Prefork {
        /// How many.
        count: u32,
    },
    /// End a process at once. A process that has ended already is left alone.
    Kill {
        /// Which.
        id: ProcessId,
    },
}

/// How a process ended, as `wait4` reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It exited with this status.
    Exited(i32),
    /// This signal ended it.
    Signaled(i32),
}

/// What a process used, as `wait4` reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time in user mode, in microseconds.
    pub user_micros: u64,
    /// Processor time in the kernel, in microseconds.
    pub system_micros: u64,
    /// The largest resident set, in bytes.
    pub max_resident_bytes: u64,
}

/// From the zygote to the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The zygote is warm. The first message of a container.
    Ready {
        /// What identifies the code that the compilers make: a part of the key of each stored artifact.
        fingerprint: Vec<u8>,
        /// The layers of isolation in force, for people.
        layers: Vec<String>,
        /// The layers that this host does not have, for people.
        missing: Vec<String>,
    },
    /// There will be no zygote. The only message of a container that could not be made.
    NotReady {
        /// Why, for people: what the host refuses and how to change that.
        message: String,
    },
    /// The process runs. Comes with two descriptors: its worker socket and its pidfd.
    Started {
        /// Which.
        id: ProcessId,
    },
    /// The process could not be started.
    Failed {
        /// Which.
        id: ProcessId,
        /// The operating system's error number.
        errno: i32,
    },
    /// The process has ended.
    Ended {
        /// Which.
        id: ProcessId,
        /// How.
        end: End,
        /// What it used.
        usage: Usage,
    },
}

impl Role {
    fn number(self) -> u8 {
        match self {
            Self::Program => 0,
            Self::Compiler => 1,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Program),
            1 => Some(Self::Compiler),
            _ => None,
        }
    }
}

impl Request {
    /// How many descriptors come with the message.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        0
    }

    /// The message's bytes: at most [`MAX_MESSAGE_BYTES`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut e;
        match self {
            Self::Start { id, role } => {
                e = Encoder::new(1, 0);
                e.u32(id.0);
                e.u8(role.number());
            }
            Self::Prefork { count } => {
                e = Encoder::new(2, 0);
                e.u32(*count);
            }
            Self::Kill { id } => {
                e = Encoder::new(3, 0);
                e.u32(id.0);
            }
        }
        e.finish()
    }

    /// Reads a message that came with `descriptors` descriptors.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that [`Request::encode`] does not make.
    pub fn decode(bytes: &[u8], descriptors: usize) -> Result<Self, DecodeError> {
        let (kind, mut d) = Decoder::new(bytes, descriptors)?;
        let request = match kind {
            1 => {
                let id = ProcessId(d.u32()?);
                let role = Role::from_number(d.u8()?).ok_or(d.bad_value())?;
                Self::Start { id, role }
            }
            2 => Self::Prefork { count: d.u32()? },
            3 => Self::Kill { id: ProcessId(d.u32()?) },
            kind => return Err(DecodeError::Kind { kind }),
        };
        if request.descriptors() != descriptors {
            return Err(DecodeError::Descriptors { found: descriptors, expected: request.descriptors() });
        }
        d.finish(request)
    }
}

impl Event {
    /// How many descriptors come with the message.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        match self {
            Self::Started { .. } => 2,
            Self::Ready { .. } | Self::NotReady { .. } | Self::Failed { .. } | Self::Ended { .. } => 0,
        }
    }

    /// The message's bytes. A list of layers that would not fit is cut.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut e;
        match self {
            Self::Ready { fingerprint, layers, missing } => {
                e = Encoder::new(1, 0);
                e.string(fingerprint);
                e.strings(layers);
                e.strings(missing);
            }
            Self::NotReady { message } => {
                e = Encoder::new(5, 0);
                e.string(message.as_bytes());
            }
            Self::Started { id } => {
                e = Encoder::new(2, 2);
                e.u32(id.0);
            }
            Self::Failed { id, errno } => {
                e = Encoder::new(3, 0);
                e.u32(id.0);
                e.i32(*errno);
            }
            Self::Ended { id, end, usage } => {
                e = Encoder::new(4, 0);
                e.u32(id.0);
                let (how, number) = match end {
                    End::Exited(status) => (0, *status),
                    End::Signaled(signal) => (1, *signal),
                };
                e.u8(how);
                e.i32(number);
                e.u64(usage.user_micros);
                e.u64(usage.system_micros);
                e.u64(usage.max_resident_bytes);
            }
        }
        let bytes = e.finish();
        debug_assert!(bytes.len() <= MAX_MESSAGE_BYTES, "the zygote's own lists are short");
        bytes
    }

    /// Reads a message that came with `descriptors` descriptors.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that [`Event::encode`] does not make.
    pub fn decode(bytes: &[u8], descriptors: usize) -> Result<Self, DecodeError> {
        let (kind, mut d) = Decoder::new(bytes, descriptors)?;
        let event = match kind {
            1 => {
                let fingerprint = d.string()?.to_vec();
                let layers = texts(&mut d)?;
                let missing = texts(&mut d)?;
                Self::Ready { fingerprint, layers, missing }
            }
            2 => Self::Started { id: ProcessId(d.u32()?) },
            3 => Self::Failed { id: ProcessId(d.u32()?), errno: d.i32()? },
            4 => {
                let id = ProcessId(d.u32()?);
                let end = match (d.u8()?, d.i32()?) {
                    (0, status) => End::Exited(status),
                    (1, signal) => End::Signaled(signal),
                    _ => return Err(d.bad_value()),
                };
                let usage =
                    Usage { user_micros: d.u64()?, system_micros: d.u64()?, max_resident_bytes: d.u64()? };
                Self::Ended { id, end, usage }
            }
            5 => Self::NotReady { message: d.text()? },
            kind => return Err(DecodeError::Kind { kind }),
        };
        if event.descriptors() != descriptors {
            return Err(DecodeError::Descriptors { found: descriptors, expected: event.descriptors() });
        }
        d.finish(event)
    }
}

fn texts(d: &mut Decoder<'_>) -> Result<Vec<String>, DecodeError> {
    Ok(d.strings()?.into_iter().map(|s| String::from_utf8_lossy(&s).into_owned()).collect())
}

#[cfg(test)]
mod tests;
