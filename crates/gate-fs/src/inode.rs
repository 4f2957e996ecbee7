//! Inodes and what a program is told about them.

use std::sync::Arc;

use crate::content::Content;
use crate::directory::Directory;

/// An inode of one [`Fs`](crate::Fs). It stays valid while it has a name or is held; a number may be used again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InodeId(pub(crate) u32);

impl InodeId {
    /// The number that programs see, at least 1.
    #[must_use]
    pub fn number(self) -> u64 {
        u64::from(self.0) + 1
    }
}

/// What an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeType {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
}

/// Points in time, in nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Times {
    /// Last read.
    pub atim: u64,
    /// Last change of contents.
    pub mtim: u64,
    /// Last change of contents or of anything else.
    pub ctim: u64,
}

/// What to do with a time stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetTime {
    /// Leave it.
    Keep,
    /// Set it to the present.
    Now,
    /// Set it to this point in time, in nanoseconds since 1970-01-01T00:00:00Z.
    To(u64),
}

/// What a program is told about an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The inode.
    pub inode: InodeId,
    /// What it is.
    pub kind: NodeType,
    /// How many names it has; for directories as usual 2 and the number of directories inside.
    pub nlink: u64,
    /// File size, or the length of the symbolic link's target, in bytes; 0 for directories.
    pub size: u64,
    /// Its time stamps.
    pub times: Times,
}

/// An inode.
#[derive(Debug)]
pub(crate) struct Inode {
    pub(crate) body: Body,
    pub(crate) times: Times,
    /// How many names it has; a directory in use has one, also when it is a root.
    pub(crate) names: u64,
    /// How often it is held.
    pub(crate) holds: u32,
}

/// What an inode contains.
#[derive(Debug)]
pub(crate) enum Body {
    File(Content),
    Directory(Directory),
    Symlink(Arc<str>),
}

impl Inode {
    /// What it is.
    pub(crate) fn kind(&self) -> NodeType {
        match self.body {
            Body::File(_) => NodeType::File,
            Body::Directory(_) => NodeType::Directory,
            Body::Symlink(_) => NodeType::Symlink,
        }
    }
}
