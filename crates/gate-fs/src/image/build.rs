//! Writing images: from anything that can be read, and from a running file system.

use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use super::HEADER_LEN;
use super::table::{Name, Record, Root, Table, is_name, is_path};
use crate::content::{CHUNK, Content, Extent};
use crate::directory::FIRST_COOKIE;
use crate::fs::Fs;
use crate::inode::{Body, Times};

/// Why an image could not be written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum BuildError {
    /// A name that no program could use.
    #[error(
        "{name:?} cannot be a file name (it is empty, `.`, `..`, over 255 bytes, or contains `/` or NUL)"
    )]
    Name { name: String },
    /// A path, or a link's target, that no program could use.
    #[error("{path:?} cannot be a path (it is empty, over 4096 bytes, or contains NUL)")]
    Path { path: String },
    /// The directory has an entry of that name already.
    #[error("there are two entries named {name:?} in one directory")]
    Duplicate { name: String },
    /// The format has no room for so many.
    #[error("too many files for one image (the limit is 4294967295)")]
    TooMany,
    /// A file could not be read, or the image not be written.
    #[error("cannot copy a file into the image")]
    Copy { source: io::Error },
    /// The image could not be written.
    #[error("cannot write the image")]
    Write { source: io::Error },
}

/// A directory of an image that is being built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirId(u32);

/// A regular file of an image that is being built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(u32);

/// A finished image.
#[derive(Debug)]
pub struct Finished<W> {
    /// Where it was written to, at no particular position.
    pub out: W,
    /// Its length in bytes.
    pub len: u64,
    /// What it counts for in [`Limits::bytes`](crate::Limits::bytes): add what the program may use besides.
    pub charge: u64,
    /// How many inodes it takes of [`Limits::inodes`](crate::Limits::inodes).
    pub inodes: u32,
}

/// Builds an image. Contents are written at once; names are kept in memory until the end.
#[derive(Debug)]
pub struct Builder<W> {
    out: Output<W>,
    table: Table,
    names: HashSet<(u32, Arc<str>)>,
}

impl<W: Write + Seek> Builder<W> {
    /// Starts an image at the present position of `out`.
    ///
    /// # Errors
    /// [`BuildError::Write`].
    pub fn new(out: W) -> Result<Self, BuildError> {
        Ok(Self { out: Output::new(out)?, table: Table::default(), names: HashSet::new() })
    }

    /// Adds an empty directory that the program has open from its start as `path`. `mtim` is in nanoseconds since
    /// 1970-01-01T00:00:00Z, here and below.
    ///
    /// # Errors
    /// [`BuildError::Path`], [`BuildError::TooMany`].
    pub fn preopen(&mut self, path: &str, mtim: u64) -> Result<DirId, BuildError> {
        if !is_path(path) {
            return Err(BuildError::Path { path: path.into() });
        }
        let inode = self.push(empty_directory(mtim))?;
        self.table.roots.push(Root { inode, path: path.into() });
        Ok(DirId(inode))
    }

    /// Adds an empty directory.
    ///
    /// # Errors
    /// [`BuildError::Name`], [`BuildError::Duplicate`], [`BuildError::TooMany`].
    pub fn directory(&mut self, parent: DirId, name: &str, mtim: u64) -> Result<DirId, BuildError> {
        let name = self.reserve(parent, name)?;
        self.add(parent, name, empty_directory(mtim)).map(DirId)
    }

    /// Adds a regular file with what `contents` yields up to its end.
    ///
    /// # Errors
    /// As [`Builder::directory`]; [`BuildError::Copy`], and then there is no such file.
    pub fn file(
        &mut self,
        parent: DirId,
        name: &str,
        mtim: u64,
        contents: &mut impl Read,
    ) -> Result<FileId, BuildError> {
        let name = self.reserve(parent, name)?;
        let from = self.out.position()?;
        let len = match io::copy(contents, &mut self.out.out) {
            Ok(len) => len,
            Err(source) => {
                self.names.remove(&(parent.0, name));
                return Err(BuildError::Copy { source });
            }
        };
        let extents = if len == 0 { Vec::new() } else { vec![Extent { at: 0, from, len }] };
        self.add(parent, name, Record::File { times: at(mtim), len, extents }).map(FileId)
    }

    /// Adds a symbolic link to `target`.
    ///
    /// # Errors
    /// As [`Builder::directory`]; [`BuildError::Path`].
    pub fn symlink(&mut self, parent: DirId, name: &str, mtim: u64, target: &str) -> Result<(), BuildError> {
        if !is_path(target) {
            return Err(BuildError::Path { path: target.into() });
        }
        let name = self.reserve(parent, name)?;
        self.add(parent, name, Record::Symlink { times: at(mtim), target: target.into() }).map(drop)
    }

    /// Gives `file` another name.
    ///
    /// # Errors
    /// As [`Builder::directory`].
    pub fn link(&mut self, parent: DirId, name: &str, file: FileId) -> Result<(), BuildError> {
        let name = self.reserve(parent, name)?;
        self.enter(parent, name, file.0);
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// [`BuildError::Write`], [`BuildError::TooMany`].
    pub fn finish(self) -> Result<Finished<W>, BuildError> {
        self.out.finish(&self.table)
    }

    fn reserve(&mut self, parent: DirId, name: &str) -> Result<Arc<str>, BuildError> {
        if !is_name(name) {
            return Err(BuildError::Name { name: name.into() });
        }
        let name: Arc<str> = name.into();
        if !self.names.insert((parent.0, Arc::clone(&name))) {
            return Err(BuildError::Duplicate { name: name.to_string() });
        }
        Ok(name)
    }

    fn push(&mut self, record: Record) -> Result<u32, BuildError> {
        let inode = u32::try_from(self.table.records.len()).map_err(|_| BuildError::TooMany)?;
        self.table.records.push(record);
        Ok(inode)
    }

    fn add(&mut self, parent: DirId, name: Arc<str>, record: Record) -> Result<u32, BuildError> {
        let inode = self.push(record)?;
        self.enter(parent, name, inode);
        Ok(inode)
    }

    fn enter(&mut self, parent: DirId, name: Arc<str>, inode: u32) {
        if let Some(Record::Directory { next_cookie, entries, .. }) =
            self.table.records.get_mut(parent.0 as usize)
        {
            entries.push(Name { cookie: *next_cookie, inode, name });
            *next_cookie += 1;
        }
    }
}

impl Fs {
    /// Writes an image of this file system to `out`, from its first byte to its last. Inode numbers and the cookies of
    /// directory listings stay the same, and equal file systems have equal images. What is held is not part of it:
    /// whoever restores it holds again what was held, then calls [`Fs::release_unused`].
    ///
    /// # Errors
    /// [`BuildError::Write`], [`BuildError::TooMany`].
    pub fn write_image<W: Write>(&self, mut out: W) -> Result<Finished<W>, BuildError> {
        let (table, table_at) = self.table();
        let encoded = table.encode().ok_or(BuildError::TooMany)?;
        let header = table.header(table_at, encoded.len() as u64).ok_or(BuildError::TooMany)?;
        let write = |source| BuildError::Write { source };
        out.write_all(&header).map_err(write)?;
        for content in self.contents() {
            for piece in content.pieces(self.image.bytes()) {
                out.write_all(piece.bytes).map_err(write)?;
                io::copy(&mut io::repeat(0).take(piece.zeros), &mut out).map_err(write)?;
            }
        }
        out.write_all(&encoded).map_err(write)?;
        out.flush().map_err(write)?;
        Ok(Finished {
            out,
            len: table_at + encoded.len() as u64,
            charge: table.charge(),
            inodes: table.inodes().ok_or(BuildError::TooMany)?,
        })
    }

    /// How many bytes [`Fs::write_image`] would write now.
    ///
    /// # Errors
    /// [`BuildError::TooMany`].
    pub fn image_bytes(&self) -> Result<u64, BuildError> {
        let (table, table_at) = self.table();
        Ok(table_at + table.encode().ok_or(BuildError::TooMany)?.len() as u64)
    }

    /// Contents of files in the order of their inodes.
    fn contents(&self) -> impl Iterator<Item = &Content> {
        self.slots.iter().flatten().filter_map(|inode| match &inode.body {
            Body::File(content) => Some(content),
            Body::Directory(_) | Body::Symlink(_) => None,
        })
    }

    /// The table of the image, and where it begins.
    fn table(&self) -> (Table, u64) {
        let mut table = Table::default();
        let mut position = u64::from(HEADER_LEN);
        // Free numbers behind the last one in use are like those that were never used.
        let end = self.slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        for slot in self.slots.iter().take(end) {
            let Some(inode) = slot else {
                table.records.push(Record::Free);
                continue;
            };
            let times = inode.times;
            table.records.push(match &inode.body {
                Body::File(content) => {
                    let extents = extents(content, self.image.bytes(), &mut position);
                    Record::File { times, len: content.len(), extents }
                }
                Body::Symlink(target) => Record::Symlink { times, target: Arc::clone(target) },
                Body::Directory(directory) => {
                    let entries = directory.iter().map(|(name, entry)| Name {
                        cookie: entry.cookie,
                        inode: entry.inode.0,
                        name: Arc::clone(name),
                    });
                    let next_cookie = directory.next_cookie();
                    Record::Directory { times, next_cookie, entries: entries.collect() }
                }
            });
        }
        let roots = self
            .preopens
            .iter()
            .map(|preopen| Root { inode: preopen.root.0, path: Arc::clone(&preopen.path) });
        table.roots.extend(roots);
        (table, position)
    }
}

/// Where the pieces of `content` go when they are written one after the other from `position` on, which moves behind them.
/// Full chunks that follow each other make one extent.
fn extents(content: &Content, image: &[u8], position: &mut u64) -> Vec<Extent> {
    let mut extents: Vec<Extent> = Vec::new();
    for piece in content.pieces(image) {
        let len = piece.len();
        match extents.last_mut() {
            Some(last) if last.at + last.len == piece.at && last.len % CHUNK == 0 => last.len += len,
            Some(_) | None => extents.push(Extent { at: piece.at, from: *position, len }),
        }
        *position += len;
    }
    extents
}

/// Where an image is written to.
#[derive(Debug)]
struct Output<W> {
    out: W,
    /// The position of the image's first byte.
    start: u64,
}

impl<W: Write + Seek> Output<W> {
    fn new(mut out: W) -> Result<Self, BuildError> {
        let write = |source| BuildError::Write { source };
        let start = out.stream_position().map_err(write)?;
        out.write_all(&[0; HEADER_LEN as usize]).map_err(write)?;
        Ok(Self { out, start })
    }

    /// How many bytes of the image there are.
    fn position(&mut self) -> Result<u64, BuildError> {
        let at = self.out.stream_position().map_err(|source| BuildError::Write { source })?;
        Ok(at.saturating_sub(self.start))
    }

    fn finish(mut self, table: &Table) -> Result<Finished<W>, BuildError> {
        let table_at = self.position()?;
        let bytes = table.encode().ok_or(BuildError::TooMany)?;
        let header = table.header(table_at, bytes.len() as u64).ok_or(BuildError::TooMany)?;
        let Self { mut out, start } = self;
        let mut write = || {
            out.write_all(&bytes)?;
            out.seek(SeekFrom::Start(start))?;
            out.write_all(&header)?;
            out.flush()
        };
        write().map_err(|source| BuildError::Write { source })?;
        let inodes = table.inodes().ok_or(BuildError::TooMany)?;
        Ok(Finished { out, len: table_at + bytes.len() as u64, charge: table.charge(), inodes })
    }
}

fn at(mtim: u64) -> Times {
    Times { atim: mtim, mtim, ctim: mtim }
}

fn empty_directory(mtim: u64) -> Record {
    Record::Directory { times: at(mtim), next_cookie: FIRST_COOKIE, entries: Vec::new() }
}
