//! How much a file system may hold, and how long names may be.

/// How much a file system may hold. What goes over ends in an error number, and nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in all: contents (in units of at least 512 bytes), [`INODE_BYTES`] per inode, [`ENTRY_BYTES`] and the name
    /// per directory entry, targets of symbolic links. Contents that are still borrowed from an image count too, so
    /// that a program cannot outgrow its limit by being suspended and restored. Over it: `NoSpc`.
    pub bytes: u64,
    /// Inodes in use. Over it: `NoSpc`.
    pub inodes: u32,
    /// The size of one file in bytes, holes included. Over it: `FBig`.
    pub file_bytes: u64,
}

/// What an inode counts for in [`Limits::bytes`]: at least what our bookkeeping for it takes.
pub const INODE_BYTES: u64 = 256;

/// What a directory entry counts for in [`Limits::bytes`] besides its name.
pub const ENTRY_BYTES: u64 = 128;

/// Bytes in a name, as in Linux (`NAME_MAX`).
pub const NAME_MAX: usize = 255;

/// Bytes in a path or in the target of a symbolic link, as in Linux (`PATH_MAX`).
pub const PATH_MAX: usize = 4096;

/// Symbolic links followed in one lookup, as in Linux (`MAXSYMLINKS`).
pub const MAX_LINKS_FOLLOWED: u32 = 40;
