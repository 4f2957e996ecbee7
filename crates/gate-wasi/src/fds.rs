//! The table of file descriptors.

use gate_abi::errno::Errno;
use gate_abi::host::Stream;
use gate_fs::{Fs, InodeId};

use crate::StartError;
use crate::rights::{self, Rights};

/// Descriptors that a program may have open at a time; more are `mfile`.
pub const MAX_FDS: u32 = 1024;

/// What a descriptor refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// A stream that leads outside.
    Stream(Stream),
    /// A regular file, and where the next `fd_read` or `fd_write` begins.
    File { inode: InodeId, offset: u64 },
    /// A directory; the number tells which of the preopens it is, if it is one.
    Directory { inode: InodeId, preopen: Option<usize> },
}

impl Object {
    /// The inode, unless it is a stream.
    pub(crate) fn inode(&self) -> Option<InodeId> {
        match *self {
            Self::Stream(_) => None,
            Self::File { inode, .. } | Self::Directory { inode, .. } => Some(inode),
        }
    }
}

/// An open descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub(crate) object: Object,
    /// `fdflags`.
    pub(crate) flags: u16,
    pub(crate) rights: Rights,
    /// What descriptors may get that are opened through this one.
    pub(crate) inheriting: Rights,
}

impl Descriptor {
    /// `notcapable` unless it has all of `rights`.
    pub(crate) fn require(&self, rights: Rights) -> Result<(), Errno> {
        if self.rights & rights == rights { Ok(()) } else { Err(Errno::NotCapable) }
    }
}

/// How many standard streams there are.
const STREAMS: usize = 3;

/// The descriptors of a new program, by number: the standard streams, and the preopens of `fs`.
pub(crate) fn initial(fs: &Fs) -> Vec<Descriptor> {
    let stream =
        |stream, rights| Descriptor { object: Object::Stream(stream), flags: 0, rights, inheriting: 0 };
    let streams: [Descriptor; STREAMS] = [
        stream(Stream::Stdin, rights::INPUT),
        stream(Stream::Stdout, rights::OUTPUT),
        stream(Stream::Stderr, rights::OUTPUT),
    ];
    let preopens = fs.preopens().iter().enumerate().map(|(index, preopen)| Descriptor {
        object: Object::Directory { inode: preopen.root, preopen: Some(index) },
        flags: 0,
        rights: rights::DIRECTORY,
        inheriting: rights::INHERITING,
    });
    streams.into_iter().chain(preopens).collect()
}

/// All descriptors. Each inode in the table is held once per descriptor.
#[derive(Debug)]
pub(crate) struct Fds {
    slots: Vec<Option<Descriptor>>,
}

impl Fds {
    /// The standard streams, and the preopens of `fs`.
    pub(crate) fn new(fs: &mut Fs) -> Result<Self, StartError> {
        let descriptors = initial(fs);
        let limit = MAX_FDS as usize - STREAMS;
        let too_many = StartError::Preopens { found: descriptors.len() - STREAMS, limit };
        if descriptors.len() > MAX_FDS as usize {
            return Err(too_many);
        }
        for inode in descriptors.iter().filter_map(|descriptor| descriptor.object.inode()) {
            if fs.hold(inode).is_err() {
                return Err(too_many);
            }
        }
        Ok(Self { slots: descriptors.into_iter().map(Some).collect() })
    }

    /// No descriptor at all.
    pub(crate) fn empty() -> Self {
        Self { slots: Vec::new() }
    }

    /// All descriptors with their numbers, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Descriptor)> {
        (0_u32..).zip(&self.slots).filter_map(|(fd, slot)| Some((fd, slot.as_ref()?)))
    }

    /// A number above all that are open.
    pub(crate) fn end(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(MAX_FDS)
    }

    /// The descriptor `fd`.
    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::BadF)
    }

    /// The descriptor `fd`, to be changed.
    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::BadF)
    }

    /// The inode of the directory `fd`, which must have `rights`.
    pub(crate) fn directory(&self, fd: u32, rights: Rights) -> Result<InodeId, Errno> {
        let descriptor = self.get(fd)?;
        let Object::Directory { inode, .. } = descriptor.object else { return Err(Errno::NotDir) };
        descriptor.require(rights)?;
        Ok(inode)
    }

    /// The lowest number that is free.
    pub(crate) fn vacant(&self) -> Result<u32, Errno> {
        let free = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        u32::try_from(free).ok().filter(|fd| *fd < MAX_FDS).ok_or(Errno::MFile)
    }

    /// Opens `descriptor` as the number that [`Fds::vacant`] gave.
    pub(crate) fn insert(&mut self, fd: u32, descriptor: Descriptor) {
        let index = fd as usize;
        if index >= self.slots.len() {
            self.slots.resize(index + 1, None);
        }
        self.slots[index] = Some(descriptor);
    }

    /// Closes `fd` and returns what it was.
    pub(crate) fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::BadF)
    }
}
