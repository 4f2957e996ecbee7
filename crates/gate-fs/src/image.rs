//! The image of a file system: what a program starts from, and what is left of it in a snapshot.
//!
//! All numbers are little-endian and not aligned. Three parts follow each other: a fixed header, the contents of files
//! (in any order, gaps allowed), and the table. Contents come before the table, so that a writer can stream them without
//! having to know all names before.
//!
//! | offset | size | meaning                                                              |
//! |--------|------|----------------------------------------------------------------------|
//! | 0      | 8    | magic: `GateFs\r\n`                                                  |
//! | 8      | 4    | version: 1                                                           |
//! | 12     | 4    | length of the header: 64                                             |
//! | 16     | 8    | length of the image                                                  |
//! | 24     | 8    | offset of the table, at least 64                                     |
//! | 32     | 8    | length of the table, which ends the image                            |
//! | 40     | 4    | number of inode records                                              |
//! | 44     | 4    | number of preopen records                                            |
//! | 48     | 16   | 0                                                                    |
//!
//! The table is a sequence of inode records, numbered from 0, and then of preopen records. An inode record starts with
//! its kind (1 byte); a record of kind 0 is an unused number and consists of that byte. Others continue with `atim`,
//! `mtim`, `ctim` (8 bytes each, nanoseconds since 1970-01-01T00:00:00Z), then:
//!
//! | kind              | meaning                                                                               |
//! |-------------------|---------------------------------------------------------------------------------------|
//! | 1, regular file   | size (8), number of extents (4), extents: offset in the file (8, a multiple of 65536), offset in the image (8), length (8, not 0); ascending, inside of the file, not overlapping; all else is zeros |
//! | 2, directory      | next cookie (8), number of entries (4), entries: cookie (8, at least 3, below the next cookie), inode (4), length of the name (2), name |
//! | 3, symbolic link  | length of the target (2), target                                                      |
//!
//! A preopen record is: inode of a directory (4), length of the path (2), path. Names, targets and paths are UTF-8 without
//! NUL. Each directory is in use exactly once, as an entry or as a root of preopens (of any number of them), and every
//! entry can be reached from a root. Inodes that are in no directory are those that a program had open when they were
//! removed; such a directory is empty.

mod build;
mod load;
mod table;

pub use build::{BuildError, Builder, DirId, FileId, Finished};
pub use load::LoadError;

/// What an image starts with.
pub const MAGIC: [u8; 8] = *b"GateFs\r\n";

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// The length of the header in bytes.
pub const HEADER_LEN: u32 = 64;

#[cfg(test)]
mod tests;
