//! The in-memory file system of one program, and the image that it starts from.
//!
//! [`Fs`] holds inodes: regular files, directories, symbolic links. A path is looked up relative to a directory and
//! never leaves it: `..` above that directory, an absolute path, or a symbolic link that leads there ends the lookup
//! with [`Errno::NotCapable`](gate_abi::errno::Errno::NotCapable). Contents are kept in chunks, holes cost nothing, and
//! what an [`image`] holds is borrowed from it until it is written to.
//!
//! **Invariant**: no I/O, no clocks: times are arguments. Neither a program nor an image can make this crate panic or
//! let it hold more memory than [`Limits`] allow.
#![forbid(unsafe_code)]

mod content;
mod directory;
mod fs;
pub mod image;
mod inode;
mod limits;
mod names;
mod path;
mod tree;

pub use directory::DirEntry;
pub use fs::{Backing, Fs, Preopen};
pub use inode::{InodeId, NodeType, SetTime, Stat, Times};
pub use limits::{ENTRY_BYTES, INODE_BYTES, Limits, MAX_LINKS_FOLLOWED, NAME_MAX, PATH_MAX};
pub use tree::Open;
