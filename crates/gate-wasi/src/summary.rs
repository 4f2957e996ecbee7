//! What a program has, for people who look at it and for those who want to take it elsewhere.

use gate_abi::host::Stream;
use gate_fs::{Backing, InodeId, Limits, NodeType};

use crate::fds::{Descriptor, Object};
use crate::{RestoreError, Wasi};

/// What a program has. Whatever is named was made up by the program or by whoever started it: escape it before it reaches a
/// terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The arguments; the first is the program's name.
    pub arguments: Vec<Vec<u8>>,
    /// The names of environment variables. Their values may be secrets, and are left out.
    pub environment: Vec<Vec<u8>>,
    /// The open descriptors in the order of their numbers.
    pub descriptors: Vec<DescriptorSummary>,
    /// The directories that the program has had open from its start, as it calls them.
    pub preopens: Vec<String>,
    /// What there is in the file system.
    pub files: FileCounts,
    /// Whether the program has changed any file or directory since its start.
    pub files_changed: bool,
    /// Whether the program was stopped in the middle of a wait for a span of time.
    pub waits: bool,
    /// Why it cannot continue on another WASI host; if nothing is listed, it can: see [`Wasi::portable`].
    pub obstacles: Vec<Obstacle>,
}

/// An open descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescriptorSummary {
    /// Its number.
    pub fd: u32,
    /// What it refers to.
    pub kind: DescriptorKind,
    /// Where that is, beginning with the preopened directory's path; `None` for streams, for what has no name any more,
    /// and for paths longer than [`PATH_MAX`](gate_fs::PATH_MAX). Of several names it is any one.
    pub path: Option<String>,
    /// `fdflags` of the WASI documents.
    pub flags: u16,
    /// `rights` of the WASI documents.
    pub rights: u64,
    /// The rights that can be had by what is opened through it.
    pub inheriting: u64,
}

/// What a descriptor refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptorKind {
    /// A stream that leads outside.
    Stream(Stream),
    /// A regular file.
    File {
        /// Where the next read or write begins, in bytes.
        offset: u64,
        /// The file's size in bytes.
        size: u64,
    },
    /// A directory that the program has opened.
    Directory,
    /// A directory that it has had open from its start: the number in [`Summary::preopens`].
    Preopen(usize),
}

/// What there is in a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileCounts {
    /// Regular files.
    pub files: u64,
    /// Directories, preopened ones included.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Sizes of all regular files, in bytes, holes included.
    pub bytes: u64,
    /// What all of it counts for in [`Limits::bytes`].
    pub used_bytes: u64,
}

/// Why a program cannot continue on a WASI host that knows nothing of its state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum Obstacle {
    /// A standard stream or a preopened directory is not open where every host opens it.
    #[error("descriptor {fd}, which is open at the start, is closed or refers to something else now")]
    Missing { fd: u32 },
    /// A descriptor that a new program does not have.
    #[error("the program has opened descriptor {fd}")]
    Opened { fd: u32 },
    /// A descriptor that a new program has, but with flags or rights that were changed since.
    #[error("the program has changed flags or rights of descriptor {fd}")]
    Changed { fd: u32 },
    /// What the program wrote stays behind.
    #[error("the program has changed files or directories")]
    Files,
}

/// Tells what a saved state holds, without continuing the program.
///
/// # Errors
/// [`RestoreError`], as for [`Wasi::restore`].
pub fn inspect(saved: &Backing, limits: Limits) -> Result<Summary, RestoreError> {
    Ok(Wasi::restore_stopped(saved, limits)?.0.describe())
}

impl Wasi {
    /// Tells what the program has.
    #[must_use]
    pub fn describe(&self) -> Summary {
        let inodes: Vec<InodeId> =
            self.fds.iter().filter_map(|(_, descriptor)| descriptor.object.inode()).collect();
        let mut paths = self.fs.paths(&inodes).into_iter();
        let descriptors = self.fds.iter().map(|(fd, descriptor)| {
            let path = descriptor.object.inode().and_then(|_| paths.next().flatten());
            self.describe_descriptor(fd, descriptor, path)
        });
        Summary {
            arguments: self.args.iter().map(Vec::from).collect(),
            environment: self.env.iter().map(|variable| Vec::from(name(variable))).collect(),
            descriptors: descriptors.collect(),
            preopens: self.fs.preopens().iter().map(|preopen| String::from(&*preopen.path)).collect(),
            files: self.count_files(),
            files_changed: self.has_changed_files(),
            waits: self.begun.is_some(),
            obstacles: self.obstacles(),
        }
    }

    /// Whether the program can continue on a WASI host that knows nothing of this state, if it is started there with the
    /// same arguments and environment, and with the same directories in the same order.
    ///
    /// Its clocks are those of that host then, and a wait that was interrupted begins anew.
    ///
    /// # Errors
    /// All that is in the way, at least one.
    pub fn portable(&self) -> Result<(), Vec<Obstacle>> {
        let obstacles = self.obstacles();
        if obstacles.is_empty() { Ok(()) } else { Err(obstacles) }
    }

    fn obstacles(&self) -> Vec<Obstacle> {
        let initial = crate::fds::initial(&self.fs);
        let mut obstacles = Vec::new();
        for (fd, initial) in (0_u32..).zip(&initial) {
            match self.fds.get(fd) {
                Ok(now) if now.object != initial.object => obstacles.push(Obstacle::Missing { fd }),
                Ok(now) if now != initial => obstacles.push(Obstacle::Changed { fd }),
                Ok(_) => {}
                Err(_) => obstacles.push(Obstacle::Missing { fd }),
            }
        }
        let opened = self.fds.iter().map(|(fd, _)| fd).filter(|fd| *fd as usize >= initial.len());
        obstacles.extend(opened.map(|fd| Obstacle::Opened { fd }));
        if self.has_changed_files() {
            obstacles.push(Obstacle::Files);
        }
        obstacles
    }

    fn describe_descriptor(
        &self,
        fd: u32,
        descriptor: &Descriptor,
        path: Option<String>,
    ) -> DescriptorSummary {
        let &Descriptor { object, flags, rights, inheriting } = descriptor;
        let kind = match object {
            Object::Stream(stream) => DescriptorKind::Stream(stream),
            Object::File { inode, offset } => {
                let size = self.fs.stat(inode).map_or(0, |stat| stat.size);
                DescriptorKind::File { offset, size }
            }
            Object::Directory { preopen: None, .. } => DescriptorKind::Directory,
            Object::Directory { preopen: Some(index), .. } => DescriptorKind::Preopen(index),
        };
        // Several preopens may be the same directory.
        let preopen = match kind {
            DescriptorKind::Preopen(index) => self.fs.preopens().get(index),
            DescriptorKind::Stream(_) | DescriptorKind::File { .. } | DescriptorKind::Directory => None,
        };
        let path = preopen.map(|preopen| String::from(&*preopen.path)).or(path);
        DescriptorSummary { fd, kind, path, flags, rights, inheriting }
    }

    fn count_files(&self) -> FileCounts {
        let mut counts = FileCounts { used_bytes: self.fs.used_bytes(), ..FileCounts::default() };
        for stat in self.fs.inodes() {
            match stat.kind {
                NodeType::File => {
                    counts.files += 1;
                    counts.bytes = counts.bytes.saturating_add(stat.size);
                }
                NodeType::Directory => counts.directories += 1,
                NodeType::Symlink => counts.symlinks += 1,
            }
        }
        counts
    }
}

/// The name of an environment variable.
fn name(variable: &[u8]) -> &[u8] {
    variable.split(|byte| *byte == b'=').next().unwrap_or(variable)
}

#[cfg(test)]
mod tests;
