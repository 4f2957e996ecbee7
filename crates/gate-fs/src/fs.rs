//! The file system: its inodes, what is charged for them, and everything that is done to an inode directly.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use gate_abi::errno::Errno;

use crate::content::Content;
use crate::directory::{DirEntry, Directory};
use crate::inode::{Body, Inode, InodeId, NodeType, SetTime, Stat, Times};
use crate::limits::{ENTRY_BYTES, INODE_BYTES, Limits, PATH_MAX};

/// The bytes of an image that a file system borrows from: a mapping, usually.
#[derive(Clone)]
pub struct Backing {
    all: Arc<dyn AsRef<[u8]> + Send + Sync>,
    /// The part of them that is meant; `None`: all.
    part: Option<Range<usize>>,
}

impl Backing {
    /// Borrows from `bytes`, which must not change from now on. (A change would change contents of files, nothing else:
    /// whatever else an image says is read once.)
    #[must_use]
    pub fn new(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self { all: Arc::new(bytes), part: None }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let all = (*self.all).as_ref();
        match &self.part {
            Some(part) => all.get(part.clone()).unwrap_or_default(),
            None => all,
        }
    }

    /// A part of the bytes, without copying them; `None` unless `range` lies inside.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Option<Self> {
        let len = self.bytes().get(range.clone())?.len();
        let start = self.part.as_ref().map_or(0, |part| part.start).checked_add(range.start)?;
        Some(Self { all: Arc::clone(&self.all), part: Some(start..start.checked_add(len)?) })
    }
}

impl fmt::Debug for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Backing").field(&self.bytes().len()).finish()
    }
}

/// A directory that the program has open from its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preopen {
    /// What the program calls it.
    pub path: Arc<str>,
    /// The directory.
    pub root: InodeId,
}

/// The file system of one program.
///
/// What is done by path looks up relative to a directory inode and stays below it. Besides the errors that are named,
/// each such function answers: `NoEnt` where something on the way is missing or a path is empty, `NotDir` where something
/// on the way is not a directory, `NotCapable` for a path that leads outside, `Loop` after too many symbolic links,
/// `NameTooLong`, `Inval` for a NUL, `NoSpc` over the limits, `BadF` when there is no such inode. A call that fails has
/// changed nothing.
#[derive(Debug)]
pub struct Fs {
    pub(crate) slots: Vec<Option<Inode>>,
    /// The numbers below the end of `slots` that are free. The lowest is used next, so that which it is depends on what
    /// there is and not on how it came about: a file system that was restored goes on like the one it was.
    free: BTreeSet<u32>,
    pub(crate) preopens: Vec<Preopen>,
    pub(crate) image: Backing,
    limits: Limits,
    used: u64,
    changes: u64,
}

impl Fs {
    /// A file system without any directory.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::restored(limits, Vec::new(), Vec::new(), Backing::new([0_u8; 0]))
    }

    /// A file system of inodes that were checked already; a root of a preopen is a directory in use.
    pub(crate) fn restored(
        limits: Limits,
        slots: Vec<Option<Inode>>,
        preopens: Vec<Preopen>,
        image: Backing,
    ) -> Self {
        let free = (0_u32..).zip(&slots).filter(|(_, slot)| slot.is_none()).map(|(i, _)| i).collect();
        let mut fs = Self { slots, free, preopens, image, limits, used: 0, changes: 0 };
        fs.used = fs.count_used();
        fs
    }

    /// Adds an empty directory that the program has open from its start as `path`.
    ///
    /// # Errors
    /// `NoSpc` over the limits; `NameTooLong` when `path` is longer than [`PATH_MAX`].
    pub fn add_preopen(&mut self, path: &str, now: u64) -> Result<InodeId, Errno> {
        if path.len() > PATH_MAX {
            return Err(Errno::NameTooLong);
        }
        let cost = ENTRY_BYTES + path.len() as u64;
        self.afford(INODE_BYTES + cost)?;
        let root = self.insert(Body::Directory(Directory::new(InodeId(0))), now)?;
        if let Ok(directory) = self.directory_mut(root) {
            directory.parent = root;
        }
        self.used += cost;
        self.node_mut(root)?.names = 1;
        self.preopens.push(Preopen { path: path.into(), root });
        Ok(root)
    }

    /// The directories that the program has open from its start, in order.
    #[must_use]
    pub fn preopens(&self) -> &[Preopen] {
        &self.preopens
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// How much of [`Limits::bytes`] is used.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.used
    }

    /// How many inodes are used.
    #[must_use]
    pub fn used_inodes(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// How often anything but the time of a last reading was changed since the file system was made or loaded.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// What ought to be used of [`Limits::bytes`], counted anew. It equals [`Fs::used_bytes`]; tests see to that.
    #[must_use]
    pub fn count_used(&self) -> u64 {
        let inodes: u64 = self
            .slots
            .iter()
            .flatten()
            .map(|inode| {
                INODE_BYTES
                    + match &inode.body {
                        Body::File(content) => content.count_charge(),
                        Body::Directory(directory) => {
                            directory.iter().map(|(name, _)| entry_cost(name)).sum()
                        }
                        Body::Symlink(target) => target.len() as u64,
                    }
            })
            .sum();
        inodes + self.preopens.iter().map(|preopen| entry_cost(&preopen.path)).sum::<u64>()
    }

    /// Keeps `inode` alive until [`Fs::release`], even without a name.
    ///
    /// # Errors
    /// `BadF` when there is no such inode; `NFile` when it is held 2³² − 1 times.
    pub fn hold(&mut self, inode: InodeId) -> Result<(), Errno> {
        let node = self.node_mut(inode)?;
        node.holds = node.holds.checked_add(1).ok_or(Errno::NFile)?;
        Ok(())
    }

    /// Undoes one [`Fs::hold`]; the last one frees an inode that has no name left.
    pub fn release(&mut self, inode: InodeId) {
        if let Ok(node) = self.node_mut(inode) {
            node.holds = node.holds.saturating_sub(1);
        }
        self.free_if_unused(inode);
    }

    /// Frees all inodes that have no name and are not held: after restoring, when everything open is held again.
    pub fn release_unused(&mut self) {
        let used = self.slots.len();
        for slot in (0_u32..).take(used) {
            self.free_if_unused(InodeId(slot));
        }
    }

    /// The inode with this number, if it is in use: for restoring who holds it.
    #[must_use]
    pub fn inode(&self, number: u64) -> Option<InodeId> {
        let id = InodeId(u32::try_from(number.checked_sub(1)?).ok()?);
        self.node(id).is_ok().then_some(id)
    }

    /// What a program is told about each inode in use, in the order of their numbers.
    pub fn inodes(&self) -> impl Iterator<Item = Stat> {
        (0_u32..).zip(&self.slots).filter_map(|(id, _)| self.stat(InodeId(id)).ok())
    }

    /// What a program is told about `inode`.
    ///
    /// # Errors
    /// `BadF` when there is no such inode.
    pub fn stat(&self, inode: InodeId) -> Result<Stat, Errno> {
        let node = self.node(inode)?;
        let (nlink, size) = match &node.body {
            Body::File(content) => (node.names, content.len()),
            Body::Directory(_) if node.names == 0 => (0, 0),
            Body::Directory(directory) => (2 + directory.subdirs, 0),
            Body::Symlink(target) => (node.names, target.len() as u64),
        };
        Ok(Stat { inode, kind: node.kind(), nlink, size, times: node.times })
    }

    /// Sets time stamps.
    ///
    /// # Errors
    /// `BadF` when there is no such inode.
    pub fn set_times(&mut self, inode: InodeId, atim: SetTime, mtim: SetTime, now: u64) -> Result<(), Errno> {
        let times = &mut self.node_mut(inode)?.times;
        for (stamp, set) in [(&mut times.atim, atim), (&mut times.mtim, mtim)] {
            match set {
                SetTime::Keep => {}
                SetTime::Now => *stamp = now,
                SetTime::To(to) => *stamp = to,
            }
        }
        times.ctim = now;
        self.changes += 1;
        Ok(())
    }

    /// Whether a read has to be noted with [`Fs::note_read`]: only the first one after a change has, as Linux does it
    /// with `relatime`.
    #[must_use]
    pub fn read_is_news(&self, inode: InodeId) -> bool {
        self.node(inode)
            .is_ok_and(|node| node.times.atim <= node.times.mtim || node.times.atim <= node.times.ctim)
    }

    /// Notes that `inode` was read.
    pub fn note_read(&mut self, inode: InodeId, now: u64) {
        if let Ok(node) = self.node_mut(inode) {
            node.times.atim = now;
        }
    }

    /// Reads a regular file at `offset` and returns how many bytes that were: fewer than asked for only at its end.
    ///
    /// # Errors
    /// `IsDir`, or `Inval` for symbolic links; `BadF` when there is no such inode.
    pub fn read(&self, inode: InodeId, offset: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        match &self.node(inode)?.body {
            Body::File(content) => Ok(content.read(self.image.bytes(), offset, buf)),
            Body::Directory(_) => Err(Errno::IsDir),
            Body::Symlink(_) => Err(Errno::Inval),
        }
    }

    /// Writes to a regular file at `offset` and returns how many bytes that were: fewer than given, but at least one,
    /// where a limit is reached.
    ///
    /// # Errors
    /// `NoSpc` or `FBig` when not a single byte can be written; else as [`Fs::read`].
    pub fn write(&mut self, inode: InodeId, offset: u64, data: &[u8], now: u64) -> Result<usize, Errno> {
        if data.is_empty() {
            return self.stat(inode).map(|_| 0);
        }
        let room = self.max_file_bytes().saturating_sub(offset);
        let budget = self.limits.bytes.saturating_sub(self.used);
        let (content, image, times) = self.content_mut(inode)?;
        if room == 0 {
            return Err(Errno::FBig);
        }
        let data = usize::try_from(room).ok().and_then(|room| data.get(..room)).unwrap_or(data);
        let before = content.charge();
        let written = content.write(image, offset, data, budget);
        let added = content.charge() - before;
        if written.is_ok() {
            (times.mtim, times.ctim) = (now, now);
            self.changes += 1;
        }
        self.used += added;
        written
    }

    /// Makes a regular file `len` bytes long; what is added reads as zeros.
    ///
    /// # Errors
    /// `FBig` over the limit; else as [`Fs::read`].
    pub fn set_len(&mut self, inode: InodeId, len: u64, now: u64) -> Result<(), Errno> {
        let too_long = len > self.max_file_bytes();
        let (content, _, times) = self.content_mut(inode)?;
        if too_long {
            return Err(Errno::FBig);
        }
        let before = content.charge();
        content.set_len(len);
        let freed = before - content.charge();
        (times.mtim, times.ctim) = (now, now);
        self.used -= freed;
        self.changes += 1;
        Ok(())
    }

    /// Makes sure that `offset..offset + len` of a regular file can be written without running out of space; the file
    /// becomes at least that long.
    ///
    /// # Errors
    /// `FBig` or `NoSpc` over the limits, and nothing has changed then; else as [`Fs::read`].
    pub fn allocate(&mut self, inode: InodeId, offset: u64, len: u64, now: u64) -> Result<(), Errno> {
        let fits = offset.checked_add(len).is_some_and(|end| end <= self.max_file_bytes());
        let budget = self.limits.bytes.saturating_sub(self.used);
        let (content, image, times) = self.content_mut(inode)?;
        if !fits {
            return Err(Errno::FBig);
        }
        let before = content.charge();
        let done = content.allocate(image, offset, len, budget);
        let added = content.charge() - before;
        if done.is_ok() {
            (times.mtim, times.ctim) = (now, now);
            self.changes += 1;
        }
        self.used += added;
        done
    }

    /// The first entry of a directory behind `cookie`; start with 0. `.` and `..` come first, then the names in order of
    /// their creation, each exactly once whatever is created and removed meanwhile.
    ///
    /// # Errors
    /// `NotDir`; `BadF` when there is no such inode.
    pub fn next_entry(&self, inode: InodeId, cookie: u64) -> Result<Option<DirEntry>, Errno> {
        let directory = self.directory(inode)?;
        if self.node(inode)?.names == 0 {
            return Ok(None);
        }
        let dots = |cookie, inode, name: &str| {
            Ok(Some(DirEntry { cookie, inode, kind: NodeType::Directory, name: name.into() }))
        };
        match cookie {
            0 => dots(1, inode, "."),
            1 => dots(2, directory.parent, ".."),
            _ => {
                let Some((cookie, name, inode)) = directory.after(cookie) else { return Ok(None) };
                let kind = self.node(inode)?.kind();
                Ok(Some(DirEntry { cookie, inode, kind, name: Arc::clone(name) }))
            }
        }
    }

    /// The size that no file may exceed; offsets are signed numbers for programs.
    fn max_file_bytes(&self) -> u64 {
        self.limits.file_bytes.min(i64::MAX.unsigned_abs())
    }

    pub(crate) fn node(&self, id: InodeId) -> Result<&Inode, Errno> {
        self.slots.get(id.0 as usize).and_then(Option::as_ref).ok_or(Errno::BadF)
    }

    pub(crate) fn node_mut(&mut self, id: InodeId) -> Result<&mut Inode, Errno> {
        self.slots.get_mut(id.0 as usize).and_then(Option::as_mut).ok_or(Errno::BadF)
    }

    pub(crate) fn directory(&self, id: InodeId) -> Result<&Directory, Errno> {
        match &self.node(id)?.body {
            Body::Directory(directory) => Ok(directory),
            Body::File(_) | Body::Symlink(_) => Err(Errno::NotDir),
        }
    }

    pub(crate) fn directory_mut(&mut self, id: InodeId) -> Result<&mut Directory, Errno> {
        match &mut self.node_mut(id)?.body {
            Body::Directory(directory) => Ok(directory),
            Body::File(_) | Body::Symlink(_) => Err(Errno::NotDir),
        }
    }

    /// The contents of a regular file, with the image they borrow from and its time stamps.
    fn content_mut(&mut self, id: InodeId) -> Result<(&mut Content, &[u8], &mut Times), Errno> {
        let Self { slots, image, .. } = self;
        let node = slots.get_mut(id.0 as usize).and_then(Option::as_mut).ok_or(Errno::BadF)?;
        match &mut node.body {
            Body::File(content) => Ok((content, image.bytes(), &mut node.times)),
            Body::Directory(_) => Err(Errno::IsDir),
            Body::Symlink(_) => Err(Errno::Inval),
        }
    }

    /// Whether `bytes` more may be used.
    pub(crate) fn afford(&self, bytes: u64) -> Result<(), Errno> {
        match self.used.checked_add(bytes) {
            Some(used) if used <= self.limits.bytes => Ok(()),
            Some(_) | None => Err(Errno::NoSpc),
        }
    }

    /// Adds an inode without a name; what its body costs is charged for.
    pub(crate) fn insert(&mut self, body: Body, now: u64) -> Result<InodeId, Errno> {
        if self.used_inodes() >= self.limits.inodes as usize {
            return Err(Errno::NoSpc);
        }
        let cost = INODE_BYTES + body_cost(&body);
        self.afford(cost)?;
        let times = Times { atim: now, mtim: now, ctim: now };
        let inode = Inode { body, times, names: 0, holds: 0 };
        let slot = match self.free.pop_first() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).map_err(|_| Errno::NoSpc)?;
                self.slots.push(None);
                slot
            }
        };
        self.slots[slot as usize] = Some(inode);
        self.used += cost;
        Ok(InodeId(slot))
    }

    /// Lets `name` in the directory `parent` stand for `inode`. The caller has seen to what stood there before, and to
    /// the cost.
    pub(crate) fn put_name(
        &mut self,
        parent: InodeId,
        name: Arc<str>,
        inode: InodeId,
        now: u64,
    ) -> Result<(), Errno> {
        let node = self.node_mut(inode)?;
        node.names += 1;
        node.times.ctim = now;
        let is_dir = if let Body::Directory(directory) = &mut node.body {
            directory.parent = parent;
            true
        } else {
            false
        };
        let cost = entry_cost(&name);
        let directory = self.directory_mut(parent)?;
        let replaced = directory.get(&name).is_some();
        directory.put(name, inode);
        directory.subdirs += u64::from(is_dir);
        if !replaced {
            self.used += cost;
        }
        self.changed(parent, now)
    }

    /// Takes one name from `inode`, which was in `parent`, and frees it if that was its last use. The name itself stays
    /// in the directory until it is replaced or removed.
    pub(crate) fn unname(&mut self, parent: InodeId, inode: InodeId, now: u64) -> Result<(), Errno> {
        let node = self.node_mut(inode)?;
        node.names = node.names.saturating_sub(1);
        node.times.ctim = now;
        if node.kind() == NodeType::Directory {
            let directory = self.directory_mut(parent)?;
            directory.subdirs = directory.subdirs.saturating_sub(1);
        }
        self.free_if_unused(inode);
        Ok(())
    }

    /// Removes `name` from `parent`; the inode is the caller's to care for.
    pub(crate) fn remove_name(&mut self, parent: InodeId, name: &str, now: u64) -> Result<(), Errno> {
        self.directory_mut(parent)?.remove(name);
        self.used -= entry_cost(name);
        self.changed(parent, now)
    }

    /// Notes a change of what `inode` contains.
    fn changed(&mut self, inode: InodeId, now: u64) -> Result<(), Errno> {
        let times = &mut self.node_mut(inode)?.times;
        (times.mtim, times.ctim) = (now, now);
        self.changes += 1;
        Ok(())
    }

    fn free_if_unused(&mut self, id: InodeId) {
        let Some(slot) = self.slots.get_mut(id.0 as usize) else { return };
        if let Some(inode) = slot.take_if(|inode| inode.names == 0 && inode.holds == 0) {
            self.used -= INODE_BYTES + body_cost(&inode.body);
            self.free.insert(id.0);
        }
    }
}

/// What a body is charged for. A directory's names are charged for one by one, and it has none when it is freed.
fn body_cost(body: &Body) -> u64 {
    match body {
        Body::File(content) => content.charge(),
        Body::Directory(_) => 0,
        Body::Symlink(target) => target.len() as u64,
    }
}

/// What a directory entry is charged for.
pub(crate) fn entry_cost(name: &str) -> u64 {
    ENTRY_BYTES + name.len() as u64
}

#[cfg(test)]
mod tests;
