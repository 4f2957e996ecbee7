//! Reading images, which are hostile input.

use std::sync::Arc;

use super::table::{DIRECTORY, FILE, FREE, SYMLINK, is_name, is_path};
use super::{HEADER_LEN, MAGIC, VERSION};
use crate::content::{CHUNK, Content, Extent, run_charge};
use crate::directory::{Directory, Entry, FIRST_COOKIE};
use crate::fs::{Backing, Fs, Preopen, entry_cost};
use crate::inode::{Body, Inode, InodeId, NodeType, Times};
use crate::limits::{INODE_BYTES, Limits};

/// Why an image could not be read. Offsets are counted from its first byte.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum LoadError {
    /// Shorter than a header, or something else altogether.
    #[error("not a file system image")]
    Magic,
    /// A version that was not invented yet.
    #[error("file system image version {found} is not readable here (supported: {VERSION})")]
    Version { found: u32 },
    /// Lengths and offsets in the header contradict each other, or the image's length.
    #[error("the header of the file system image is inconsistent (the image has {len} bytes)")]
    Header { len: u64 },
    /// The table ends within a record.
    #[error("the table of the file system image is cut off at offset {at}")]
    CutOff { at: u64 },
    /// The table goes on behind its last record.
    #[error("the table of the file system image has unknown data from offset {at} on")]
    Trailing { at: u64 },
    /// A kind of inode that does not exist.
    #[error("unknown kind of inode {kind} at offset {at} of the file system image")]
    Kind { kind: u8, at: u64 },
    /// A name, target or path that is not UTF-8, too long, or contains what it must not.
    #[error("invalid name before offset {at} of the file system image")]
    Name { at: u64 },
    /// An extent outside of its file or of the contents, not aligned, or not behind the one before.
    #[error("invalid extent before offset {at} of the file system image")]
    Extent { at: u64 },
    /// Two entries of one directory share a name or a cookie, or a cookie is out of range.
    #[error("invalid directory entry before offset {at} of the file system image")]
    Entry { at: u64 },
    /// An entry or a preopen names an inode that is not there or cannot be there.
    #[error("inode {inode} of the file system image is not where it can be")]
    Place { inode: u32 },
    /// Directories that contain each other, or that have entries and are in no tree.
    #[error("the directories of the file system image are not trees")]
    NotATree,
    /// More inodes than [`Limits::inodes`].
    #[error("the file system image has {found} inodes (the limit is {limit})")]
    Inodes { found: u32, limit: u32 },
    /// A file that is larger than [`Limits::file_bytes`].
    #[error("the file system image has a file of {found} bytes (the limit is {limit})")]
    FileBytes { found: u64, limit: u64 },
    /// More than [`Limits::bytes`].
    #[error("the file system image does not fit into {limit} bytes")]
    Bytes { limit: u64 },
}

/// No directory will ever have had that many names; counting on from here does not overflow.
const MAX_COOKIE: u64 = 1 << 62;

impl Fs {
    /// Restores a file system from `image`, borrowing contents from it. Nothing is held.
    ///
    /// # Errors
    /// See [`LoadError`]; [`LoadError::Bytes`], [`LoadError::Inodes`] and [`LoadError::FileBytes`] when a sound image is over
    /// `limits`.
    pub fn load(image: Backing, limits: Limits) -> Result<Self, LoadError> {
        let loaded = load(image.bytes(), limits)?;
        Ok(Self::restored(limits, loaded.slots, loaded.preopens, image))
    }
}

struct Loaded {
    slots: Vec<Option<Inode>>,
    preopens: Vec<Preopen>,
}

fn load(image: &[u8], limits: Limits) -> Result<Loaded, LoadError> {
    let len = image.len() as u64;
    let bad_header = LoadError::Header { len };
    let mut header = Reader { image, at: 0, end: u64::from(HEADER_LEN) };
    if image.len() < HEADER_LEN as usize || header.array::<8>()? != MAGIC {
        return Err(LoadError::Magic);
    }
    let version = header.u32()?;
    if version != VERSION {
        return Err(LoadError::Version { found: version });
    }
    let header_len = header.u32()?;
    let total = header.u64()?;
    let table_at = header.u64()?;
    let table_len = header.u64()?;
    let records = header.u32()?;
    let roots = header.u32()?;
    let zeros = header.array::<16>()?;
    if header_len != HEADER_LEN
        || total != len
        || table_at < u64::from(HEADER_LEN)
        || table_at.checked_add(table_len) != Some(len)
        || zeros != [0; 16]
    {
        return Err(bad_header);
    }
    if records > limits.inodes {
        return Err(LoadError::Inodes { found: records, limit: limits.inodes });
    }
    let mut table = Reader { image, at: table_at, end: len };
    let mut loader = Loader { limits, contents_end: table_at, used: 0 };
    let mut slots = Vec::new();
    for _ in 0..records {
        slots.push(loader.inode(&mut table)?);
    }
    let mut preopens = Vec::new();
    for _ in 0..roots {
        let root = InodeId(table.u32()?);
        let path = table.text()?;
        if !is_path(path) {
            return Err(LoadError::Name { at: table.at });
        }
        loader.charge(entry_cost(path))?;
        preopens.push(Preopen { path: path.into(), root });
    }
    if table.at != table.end {
        return Err(LoadError::Trailing { at: table.at });
    }
    connect(&mut slots, &preopens)?;
    Ok(Loaded { slots, preopens })
}

struct Loader {
    limits: Limits,
    contents_end: u64,
    used: u64,
}

impl Loader {
    /// Counts `bytes`, before anything is allocated for them.
    fn charge(&mut self, bytes: u64) -> Result<(), LoadError> {
        self.used = self.used.saturating_add(bytes);
        if self.used > self.limits.bytes {
            return Err(LoadError::Bytes { limit: self.limits.bytes });
        }
        Ok(())
    }

    fn inode(&mut self, table: &mut Reader<'_>) -> Result<Option<Inode>, LoadError> {
        let at = table.at;
        let [kind] = table.array()?;
        if kind == FREE {
            return Ok(None);
        }
        self.charge(INODE_BYTES)?;
        let times = Times { atim: table.u64()?, mtim: table.u64()?, ctim: table.u64()? };
        let body = match kind {
            FILE => Body::File(self.file(table)?),
            DIRECTORY => Body::Directory(self.directory(table)?),
            SYMLINK => {
                let target = table.text()?;
                if !is_path(target) {
                    return Err(LoadError::Name { at: table.at });
                }
                self.charge(target.len() as u64)?;
                Body::Symlink(target.into())
            }
            _ => return Err(LoadError::Kind { kind, at }),
        };
        Ok(Some(Inode { body, times, names: 0, holds: 0 }))
    }

    fn file(&mut self, table: &mut Reader<'_>) -> Result<Content, LoadError> {
        let size = table.u64()?;
        let limit = self.limits.file_bytes.min(i64::MAX.unsigned_abs());
        if size > limit {
            return Err(LoadError::FileBytes { found: size, limit });
        }
        let mut extents = Vec::new();
        let mut behind = 0;
        for _ in 0..table.u32()? {
            let extent = Extent { at: table.u64()?, from: table.u64()?, len: table.u64()? };
            let bad = LoadError::Extent { at: table.at };
            let Some(end) = extent.at.checked_add(extent.len) else { return Err(bad) };
            let Some(from_end) = extent.from.checked_add(extent.len) else { return Err(bad) };
            let in_file = extent.at >= behind && extent.at.is_multiple_of(CHUNK) && end <= size;
            let in_image = extent.from >= u64::from(HEADER_LEN) && from_end <= self.contents_end;
            if extent.len == 0 || !in_file || !in_image {
                return Err(bad);
            }
            self.charge(run_charge(extent.len))?;
            behind = end;
            extents.push(extent);
        }
        Ok(Content::from_extents(size, extents))
    }

    fn directory(&mut self, table: &mut Reader<'_>) -> Result<Directory, LoadError> {
        let mut directory = Directory::new(InodeId(0));
        let next_cookie = table.u64()?;
        for _ in 0..table.u32()? {
            let (cookie, inode) = (table.u64()?, InodeId(table.u32()?));
            let name = table.text()?;
            if !is_name(name) {
                return Err(LoadError::Name { at: table.at });
            }
            self.charge(entry_cost(name))?;
            let in_range = (FIRST_COOKIE..next_cookie).contains(&cookie);
            if !in_range || !directory.restore(Arc::from(name), Entry { inode, cookie }) {
                return Err(LoadError::Entry { at: table.at });
            }
        }
        if !(FIRST_COOKIE..=MAX_COOKIE).contains(&next_cookie) {
            return Err(LoadError::Entry { at: table.at });
        }
        directory.restore_next_cookie(next_cookie);
        Ok(directory)
    }
}

/// Counts names, sets parents, and checks that the directories are trees with preopens as their roots.
fn connect(slots: &mut [Option<Inode>], preopens: &[Preopen]) -> Result<(), LoadError> {
    let place = |id: InodeId| LoadError::Place { inode: id.0 };
    let mut to_visit = Vec::new();
    for preopen in preopens {
        let root = preopen.root;
        let slot = slots.get_mut(root.0 as usize).and_then(Option::as_mut).ok_or(place(root))?;
        let Body::Directory(directory) = &mut slot.body else { return Err(place(root)) };
        directory.parent = root;
        // Several preopens may share a root.
        if slot.names == 0 {
            slot.names = 1;
            to_visit.push(root);
        }
    }
    // Every directory that can be reached is visited once: a second name for it is an error.
    while let Some(parent) = to_visit.pop() {
        let mut inside = Vec::new();
        if let Some(Inode { body: Body::Directory(directory), .. }) = &slots[parent.0 as usize] {
            inside.extend(directory.iter().map(|(_, entry)| entry.inode));
        }
        let mut subdirs = 0;
        for id in inside {
            let child = slots.get_mut(id.0 as usize).and_then(Option::as_mut).ok_or(place(id))?;
            if let Body::Directory(directory) = &mut child.body {
                if child.names > 0 {
                    return Err(place(id));
                }
                directory.parent = parent;
                subdirs += 1;
                to_visit.push(id);
            }
            child.names += 1;
        }
        if let Some(Inode { body: Body::Directory(directory), .. }) = &mut slots[parent.0 as usize] {
            directory.subdirs = subdirs;
        }
    }
    let lost = slots.iter().flatten().any(|inode| {
        inode.kind() == NodeType::Directory
            && inode.names == 0
            && matches!(&inode.body, Body::Directory(directory) if !directory.is_empty())
    });
    if lost { Err(LoadError::NotATree) } else { Ok(()) }
}

/// Reads a part of the image, from `at` to `end`.
struct Reader<'a> {
    image: &'a [u8],
    at: u64,
    end: u64,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: u64) -> Result<&'a [u8], LoadError> {
        let cut_off = LoadError::CutOff { at: self.at };
        let Some(end) = self.at.checked_add(len).filter(|end| *end <= self.end) else { return Err(cut_off) };
        let (Ok(from), Ok(to)) = (usize::try_from(self.at), usize::try_from(end)) else {
            return Err(cut_off);
        };
        let bytes = self.image.get(from..to).ok_or(cut_off)?;
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LoadError> {
        let at = self.at;
        self.take(N as u64)?.try_into().map_err(|_| LoadError::CutOff { at })
    }

    fn u32(&mut self) -> Result<u32, LoadError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, LoadError> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<&'a str, LoadError> {
        let len = u16::from_le_bytes(self.array()?);
        let bytes = self.take(u64::from(len))?;
        str::from_utf8(bytes).map_err(|_| LoadError::Name { at: self.at })
    }
}
