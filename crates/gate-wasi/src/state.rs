//! What is left of [`Wasi`] while the program is stopped, as bytes.
//!
//! All numbers are little-endian and not aligned. Five parts follow each other without gaps: a fixed header, the arguments,
//! the environment variables, the descriptors, and the [image](gate_fs::image) of the file system, which ends the state.
//!
//! | offset | size | meaning                                                                                  |
//! |--------|------|------------------------------------------------------------------------------------------|
//! | 0      | 8    | magic: `GateWs\r\n`                                                                      |
//! | 8      | 4    | version: 1                                                                               |
//! | 12     | 4    | length of the header: 64                                                                 |
//! | 16     | 8    | processor time of the process in nanoseconds                                             |
//! | 24     | 8    | processor time of the thread in nanoseconds                                              |
//! | 32     | 8    | the program's monotonic time when the call began that was interrupted; 0 without flag 1  |
//! | 40     | 4    | flags: 1, the interrupted call waits for a span of time; 2, files have been changed      |
//! | 44     | 4    | length of the arguments                                                                  |
//! | 48     | 4    | length of the environment variables                                                      |
//! | 52     | 4    | number of descriptors                                                                    |
//! | 56     | 8    | 0                                                                                        |
//!
//! Arguments and environment variables are followed by a NUL each. Descriptors are in the order of their numbers; the record
//! of one is: number (4), kind (1), flags (2), rights (8), inheriting rights (8), then by kind:
//!
//! | kind                                   | meaning                                            |
//! |----------------------------------------|----------------------------------------------------|
//! | 0, 1, 2: standard input, output, error |                                                    |
//! | 3, regular file                        | inode (4), offset (8)                              |
//! | 4, directory                           | inode (4)                                          |
//! | 5, preopened directory                 | inode (4), number of the preopen, counted from 0 (4) |
//!
//! An inode is given by its number in the image. There are no two descriptors that share an offset, and a program itself
//! keeps the cookies of the directories that it lists, so that there is no more to say of a descriptor.
//!
//! The program's monotonic time is not part of it, as it stands in snapshots where everybody can read it; nor are limits,
//! which whoever continues the program sets. Otherwise equal programs have equal bytes.

use std::io::{self, BufWriter, Write};

use gate_abi::host::{Host, HostFailure, Stream};
use gate_fs::image::{BuildError, LoadError};
use gate_fs::{Backing, Fs, InodeId, Limits, NodeType};

use crate::clock::{Clocks, CpuTimes};
use crate::fds::{Descriptor, Fds, MAX_FDS, Object};
use crate::file::MAX_OFFSET;
use crate::strings::Strings;
use crate::{MAX_STRINGS_BYTES, Wasi, failure, flags, rights};

/// What a saved state starts with.
pub const MAGIC: [u8; 8] = *b"GateWs\r\n";

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// The length of the header in bytes.
const HEADER_LEN: u32 = 64;

/// What is collected before it is written.
const BUFFER_BYTES: usize = 64 * 1024;

/// Flags of the header.
const FLAG_BEGUN: u32 = 1;
const FLAG_CHANGED: u32 = 2;

/// Kinds of descriptors.
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const FILE: u8 = 3;
const DIRECTORY: u8 = 4;
const PREOPEN: u8 = 5;

/// Why a state could not be saved.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum SaveError {
    /// The clocks of processor time cannot be read.
    #[error("cannot read the program's clocks")]
    Clock { source: HostFailure },
    /// What comes before the file system could not be written.
    #[error("cannot write the state of the program's imports")]
    Write { source: io::Error },
    /// The file system could not be written.
    #[error("cannot write the program's file system")]
    Fs { source: BuildError },
}

/// Why a saved state was not accepted. Offsets are counted from its first byte.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum RestoreError {
    /// Shorter than a header, or something else altogether.
    #[error("not the state of a program that imports WASI functions")]
    Magic,
    /// A version that was not invented yet.
    #[error("state version {found} is not readable here (supported: {VERSION})")]
    Version { found: u32 },
    /// A length that does not belong to the version, an unknown flag, or something where zeros must be.
    #[error("the header of the state is invalid")]
    Header,
    /// The state ends within something.
    #[error("the state is cut off at offset {at}")]
    CutOff { at: u64 },
    /// More than [`MAX_STRINGS_BYTES`].
    #[error("arguments or environment variables have {found} bytes (the limit is {MAX_STRINGS_BYTES})")]
    StringsTooLong { found: u32 },
    /// The last argument or environment variable does not end.
    #[error("there is no NUL at the end of the arguments or environment variables before offset {at}")]
    Strings { at: u64 },
    /// More than [`MAX_FDS`].
    #[error("the state has {found} descriptors (the limit is {MAX_FDS})")]
    Descriptors { found: u32 },
    /// A descriptor whose number is too high or not above the one before, of a kind that does not exist, or of a stream
    /// that another one has.
    #[error("invalid descriptor {fd} before offset {at} of the state")]
    Descriptor { fd: u32, at: u64 },
    /// Flags, rights or an offset that no such descriptor can have.
    #[error("descriptor {fd} before offset {at} of the state has attributes that it cannot have")]
    Attributes { fd: u32, at: u64 },
    /// A descriptor of an inode that is not there, or is something else.
    #[error("descriptor {fd} before offset {at} of the state does not refer to what it says")]
    Inode { fd: u32, at: u64 },
    /// The file system.
    #[error("cannot load the program's file system")]
    Fs { source: LoadError },
    /// The program's clocks cannot be set going.
    #[error("cannot start the program's clocks")]
    Clock { source: HostFailure },
}

impl Wasi {
    /// The state as bytes: see [`Wasi::save_to`].
    ///
    /// # Errors
    /// [`SaveError`].
    pub fn save<H: Host + ?Sized>(&mut self, host: &mut H) -> Result<Vec<u8>, SaveError> {
        let mut out = Vec::new();
        self.save_to(host, &mut out)?;
        Ok(out)
    }

    /// How many bytes [`Wasi::save_to`] would write now.
    ///
    /// # Errors
    /// [`SaveError::Fs`] when there are too many files for one image.
    pub fn saved_bytes(&self) -> Result<u64, SaveError> {
        let image = self.fs.image_bytes().map_err(|source| SaveError::Fs { source })?;
        Ok(self.head(CpuTimes::default()).len() as u64 + image)
    }

    /// Writes the state from its first byte to its last, and returns its length in bytes. Contents of files are written from
    /// where they are, in pieces that are worth a system call each. The program may go on afterwards.
    ///
    /// # Errors
    /// [`SaveError`]; what was written until then is of no use.
    pub fn save_to<H: Host + ?Sized>(&mut self, host: &mut H, out: impl Write) -> Result<u64, SaveError> {
        let cpu = self.clocks.cpu_times(host).map_err(|stop| SaveError::Clock { source: failure(stop) })?;
        let head = self.head(cpu);
        // Small files are many small pieces; large ones go past the buffer.
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
        out.write_all(&head).map_err(|source| SaveError::Write { source })?;
        let image = self.fs.write_image(out).map_err(|source| SaveError::Fs { source })?;
        Ok(head.len() as u64 + image.len)
    }

    /// Restores what [`Wasi::save`] gave. Contents of files are not read now: they stay in `saved` until they are written to.
    /// The clocks start now; `monotonic_time` is what [`Wasi::monotonic_time`] was at the stop.
    ///
    /// # Errors
    /// [`RestoreError`]; [`RestoreError::Fs`] also when a sound file system is over `limits`.
    pub fn restore<H: Host + ?Sized>(
        saved: &Backing,
        limits: Limits,
        monotonic_time: u64,
        host: &mut H,
    ) -> Result<Self, RestoreError> {
        let (mut wasi, cpu) = Self::restore_stopped(saved, limits)?;
        wasi.clocks = Clocks::start(monotonic_time, cpu, host)
            .map_err(|stop| RestoreError::Clock { source: failure(stop) })?;
        Ok(wasi)
    }

    /// [`Wasi::restore`] of a program that is not going to run.
    pub(crate) fn restore_stopped(saved: &Backing, limits: Limits) -> Result<(Self, CpuTimes), RestoreError> {
        let mut reader = Reader { bytes: saved.bytes(), at: 0 };
        let header = Header::read(&mut reader)?;
        let args = reader.strings(header.args_len)?;
        let env = reader.strings(header.env_len)?;
        if header.descriptors > MAX_FDS {
            return Err(RestoreError::Descriptors { found: header.descriptors });
        }
        let records =
            (0..header.descriptors).map(|_| Record::read(&mut reader)).collect::<Result<Vec<_>, _>>()?;
        let image = saved.part(reader.at..reader.bytes.len()).ok_or(reader.cut_off())?;
        let mut fs = Fs::load(image, limits).map_err(|source| RestoreError::Fs { source })?;
        let mut fds = Fds::empty();
        for record in records {
            let descriptor = record.check(&fs, &fds)?;
            if let Some(inode) = descriptor.object.inode() {
                // Nobody else holds anything yet.
                fs.hold(inode).map_err(|_| record.wrong_inode())?;
            }
            fds.insert(record.fd, descriptor);
        }
        // What was open and has no name is held again; whatever else has no name is of no use.
        fs.release_unused();
        let changes_at_start = fs.changes();
        let wasi = Self {
            args,
            env,
            fds,
            fs,
            clocks: Clocks::stopped(header.cpu),
            begun: header.begun,
            changed_before: header.changed,
            changes_at_start,
        };
        Ok((wasi, header.cpu))
    }

    /// Everything that comes before the image.
    fn head(&self, cpu: CpuTimes) -> Vec<u8> {
        let mut flags = 0;
        if self.begun.is_some() {
            flags |= FLAG_BEGUN;
        }
        if self.has_changed_files() {
            flags |= FLAG_CHANGED;
        }
        let (args, env) = (self.args.bytes(), self.env.bytes());
        let mut out = Vec::from(MAGIC);
        for number in [VERSION, HEADER_LEN] {
            out.extend(number.to_le_bytes());
        }
        for number in [cpu.process, cpu.thread, self.begun.unwrap_or_default()] {
            out.extend(number.to_le_bytes());
        }
        for number in [flags, len(args.len()), len(env.len()), len(self.fds.iter().count())] {
            out.extend(number.to_le_bytes());
        }
        out.resize(HEADER_LEN as usize, 0);
        out.extend(args);
        out.extend(env);
        for (fd, descriptor) in self.fds.iter() {
            Record::of(fd, descriptor).write(&mut out);
        }
        out
    }
}

/// A length or count, all of which are far below 2³².
fn len(len: usize) -> u32 {
    u32::try_from(len).expect("arguments and descriptors are limited")
}

/// What the header says.
struct Header {
    cpu: CpuTimes,
    begun: Option<u64>,
    changed: bool,
    args_len: u32,
    env_len: u32,
    descriptors: u32,
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Result<Self, RestoreError> {
        if reader.bytes.len() < HEADER_LEN as usize || reader.array::<8>()? != MAGIC {
            return Err(RestoreError::Magic);
        }
        let version = reader.u32()?;
        if version != VERSION {
            return Err(RestoreError::Version { found: version });
        }
        let header_len = reader.u32()?;
        let cpu = CpuTimes { process: reader.u64()?, thread: reader.u64()? };
        let begun = reader.u64()?;
        let flags = reader.u32()?;
        let (args_len, env_len, descriptors) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let zeros = reader.u64()?;
        let has_begun = flags & FLAG_BEGUN != 0;
        if header_len != HEADER_LEN
            || flags & !(FLAG_BEGUN | FLAG_CHANGED) != 0
            || (begun != 0 && !has_begun)
            || zeros != 0
        {
            return Err(RestoreError::Header);
        }
        let changed = flags & FLAG_CHANGED != 0;
        Ok(Self { cpu, begun: has_begun.then_some(begun), changed, args_len, env_len, descriptors })
    }
}

/// The record of a descriptor.
#[derive(Clone, Copy, Debug)]
struct Record {
    fd: u32,
    kind: u8,
    flags: u16,
    rights: u64,
    inheriting: u64,
    /// The number of the inode as the program sees it, or 0.
    inode: u64,
    /// Of a file.
    offset: u64,
    /// Of a preopened directory.
    preopen: u32,
    /// Where the record ends.
    at: u64,
}

impl Record {
    fn of(fd: u32, descriptor: &Descriptor) -> Self {
        let &Descriptor { object, flags, rights, inheriting } = descriptor;
        let (mut offset, mut preopen) = (0, 0);
        let kind = match object {
            Object::Stream(Stream::Stdin) => STDIN,
            Object::Stream(Stream::Stdout) => STDOUT,
            // Programs that import WASI functions only have no packet stream.
            Object::Stream(Stream::Stderr | Stream::Packets) => STDERR,
            Object::File { offset: at, .. } => {
                offset = at;
                FILE
            }
            Object::Directory { preopen: None, .. } => DIRECTORY,
            Object::Directory { preopen: Some(index), .. } => {
                preopen = len(index);
                PREOPEN
            }
        };
        let inode = object.inode().map_or(0, InodeId::number);
        Self { fd, kind, flags, rights, inheriting, inode, offset, preopen, at: 0 }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.fd.to_le_bytes());
        out.push(self.kind);
        out.extend(self.flags.to_le_bytes());
        out.extend(self.rights.to_le_bytes());
        out.extend(self.inheriting.to_le_bytes());
        if self.kind >= FILE {
            // Numbers of inodes are 32 bits wide where they are stored, and one more where programs see them.
            let index = u32::try_from(self.inode.saturating_sub(1)).unwrap_or(u32::MAX);
            out.extend(index.to_le_bytes());
        }
        match self.kind {
            FILE => out.extend(self.offset.to_le_bytes()),
            PREOPEN => out.extend(self.preopen.to_le_bytes()),
            _ => {}
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, RestoreError> {
        let fd = reader.u32()?;
        let [kind] = reader.array()?;
        let flags = u16::from_le_bytes(reader.array()?);
        let (rights, inheriting) = (reader.u64()?, reader.u64()?);
        let inode = if kind >= FILE { u64::from(reader.u32()?) + 1 } else { 0 };
        let offset = if kind == FILE { reader.u64()? } else { 0 };
        let preopen = if kind == PREOPEN { reader.u32()? } else { 0 };
        Ok(Self { fd, kind, flags, rights, inheriting, inode, offset, preopen, at: reader.at as u64 })
    }

    fn wrong_inode(&self) -> RestoreError {
        RestoreError::Inode { fd: self.fd, at: self.at }
    }

    /// The descriptor, if it can be one of a program with the files `fs` and the lower descriptors `fds`.
    fn check(&self, fs: &Fs, fds: &Fds) -> Result<Descriptor, RestoreError> {
        let bad = RestoreError::Descriptor { fd: self.fd, at: self.at };
        if self.fd >= MAX_FDS || self.fd < fds.end() {
            return Err(bad);
        }
        let stream = |stream| {
            let taken = fds.iter().any(|(_, descriptor)| descriptor.object == Object::Stream(stream));
            if taken { None } else { Some(Object::Stream(stream)) }
        };
        let inode = |kind| {
            fs.inode(self.inode)
                .filter(|inode| fs.stat(*inode).is_ok_and(|stat| stat.kind == kind))
                .ok_or(self.wrong_inode())
        };
        let (object, rights, inheriting) = match self.kind {
            STDIN => (stream(Stream::Stdin).ok_or(bad)?, rights::INPUT, 0),
            STDOUT => (stream(Stream::Stdout).ok_or(bad)?, rights::OUTPUT, 0),
            STDERR => (stream(Stream::Stderr).ok_or(bad)?, rights::OUTPUT, 0),
            FILE => (Object::File { inode: inode(NodeType::File)?, offset: self.offset }, rights::FILE, 0),
            DIRECTORY => {
                let inode = inode(NodeType::Directory)?;
                (Object::Directory { inode, preopen: None }, rights::DIRECTORY, rights::INHERITING)
            }
            PREOPEN => {
                let inode = inode(NodeType::Directory)?;
                let preopen = self.preopen as usize;
                if fs.preopens().get(preopen).is_none_or(|preopen| preopen.root != inode) {
                    return Err(self.wrong_inode());
                }
                let object = Object::Directory { inode, preopen: Some(preopen) };
                (object, rights::DIRECTORY, rights::INHERITING)
            }
            _ => return Err(bad),
        };
        let flags = flags::fdflags(self.flags.into()).ok();
        let possible =
            self.rights & !rights == 0 && self.inheriting & !inheriting == 0 && self.offset <= MAX_OFFSET;
        let Some(flags) = flags.filter(|_| possible) else {
            return Err(RestoreError::Attributes { fd: self.fd, at: self.at });
        };
        Ok(Descriptor { object, flags, rights: self.rights, inheriting: self.inheriting })
    }
}

/// Reads a state from its first byte on.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn cut_off(&self) -> RestoreError {
        RestoreError::CutOff { at: self.at as u64 }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], RestoreError> {
        let end = self.at.checked_add(len).ok_or(self.cut_off())?;
        let taken = self.bytes.get(self.at..end).ok_or(self.cut_off())?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RestoreError> {
        let cut_off = self.cut_off();
        self.take(N)?.try_into().map_err(|_| cut_off)
    }

    fn u32(&mut self) -> Result<u32, RestoreError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, RestoreError> {
        self.array().map(u64::from_le_bytes)
    }

    fn strings(&mut self, len: u32) -> Result<Strings, RestoreError> {
        if len as usize > MAX_STRINGS_BYTES {
            return Err(RestoreError::StringsTooLong { found: len });
        }
        let bytes = self.take(len as usize)?;
        Strings::from_bytes(bytes).ok_or(RestoreError::Strings { at: self.at as u64 })
    }
}

#[cfg(test)]
mod tests;
