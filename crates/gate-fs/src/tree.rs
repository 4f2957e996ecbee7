//! Everything that is done by path: open, create, remove, link, rename.

use std::sync::Arc;

use gate_abi::errno::Errno;

use crate::content::Content;
use crate::directory::Directory;
use crate::fs::{Fs, entry_cost};
use crate::inode::{Body, InodeId, NodeType, Stat};
use crate::limits::INODE_BYTES;
use crate::path::{self, Found, Last, Place};

/// How to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Follow a symbolic link at the end of the path.
    pub follow: bool,
    /// Create a regular file if nothing is there.
    pub create: bool,
    /// With `create`: fail if something is there, even a symbolic link that leads nowhere.
    pub exclusive: bool,
    /// Cut a regular file to size 0.
    pub truncate: bool,
    /// Fail unless it is a directory.
    pub directory: bool,
    /// It is going to be written to: fail if it is a directory.
    pub write: bool,
}

impl Fs {
    /// What a program is told about `path`; `follow` tells whether a symbolic link at its end is followed.
    ///
    /// # Errors
    /// What [`Fs`] says.
    pub fn lookup(&self, base: InodeId, path: &str, follow: bool) -> Result<Stat, Errno> {
        let last = if follow { Last::Follow } else { Last::Keep };
        self.stat(self.find(base, path, last)?.inode()?)
    }

    /// Opens or creates `path` and holds it: the caller will [`Fs::release`] it.
    ///
    /// # Errors
    /// `Exist` with `exclusive`; `Loop` for a symbolic link that is not followed; `NotDir` with `directory`; `IsDir` for
    /// a directory that was to be created, cut, or written to. See also [`Fs`].
    pub fn open(&mut self, base: InodeId, path: &str, how: Open, now: u64) -> Result<InodeId, Errno> {
        let exclusive = how.create && how.exclusive;
        let last = match (exclusive, how.follow) {
            (true, _) => Last::Name,
            (false, true) => Last::Follow,
            (false, false) => Last::Keep,
        };
        let found = self.find(base, path, last)?;
        let inode = match found.place {
            Place::Name { parent, name, inode: None } if how.create => {
                if found.slash {
                    return Err(Errno::IsDir);
                }
                let name = Arc::from(name);
                let inode = self.create(parent, name, Body::File(Content::default()), now)?;
                self.hold(inode)?;
                return Ok(inode);
            }
            Place::Directory(_) | Place::Name { inode: Some(_), .. } if exclusive => {
                return Err(Errno::Exist);
            }
            Place::Directory(_) | Place::Name { .. } => found.inode()?,
        };
        match self.node(inode)?.kind() {
            NodeType::Symlink => return Err(Errno::Loop),
            NodeType::Directory if how.create || how.truncate || how.write => return Err(Errno::IsDir),
            NodeType::File if how.directory => return Err(Errno::NotDir),
            NodeType::File if how.truncate => self.set_len(inode, 0, now)?,
            NodeType::Directory | NodeType::File => {}
        }
        self.hold(inode)?;
        Ok(inode)
    }

    /// Creates an empty directory.
    ///
    /// # Errors
    /// `Exist`. See also [`Fs`].
    pub fn create_dir(&mut self, base: InodeId, path: &str, now: u64) -> Result<InodeId, Errno> {
        let found = self.find(base, path, Last::Name)?;
        let (parent, name) = vacant(&found)?;
        self.create(parent, name, Body::Directory(Directory::new(parent)), now)
    }

    /// Creates a symbolic link to `target`.
    ///
    /// # Errors
    /// `Exist`; `NotCapable` for an absolute `target`, `NoEnt` for an empty one. See also [`Fs`].
    pub fn symlink(&mut self, target: &str, base: InodeId, path: &str, now: u64) -> Result<InodeId, Errno> {
        path::check(target)?;
        let found = self.find(base, path, Last::Name)?;
        let (parent, name) = vacant(&found)?;
        if found.slash {
            return Err(Errno::NoEnt);
        }
        self.create(parent, name, Body::Symlink(target.into()), now)
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// `Inval` for anything else. See also [`Fs`].
    pub fn read_link(&self, base: InodeId, path: &str) -> Result<&str, Errno> {
        let inode = self.find(base, path, Last::Keep)?.inode()?;
        match &self.node(inode)?.body {
            Body::Symlink(target) => Ok(target),
            Body::File(_) | Body::Directory(_) => Err(Errno::Inval),
        }
    }

    /// Gives the file or symbolic link at `old` another name; `follow` tells whether a symbolic link is followed.
    ///
    /// # Errors
    /// `Perm` for directories; `Exist`. See also [`Fs`].
    pub fn link(
        &mut self,
        old: (InodeId, &str),
        follow: bool,
        new: (InodeId, &str),
        now: u64,
    ) -> Result<(), Errno> {
        let last = if follow { Last::Follow } else { Last::Keep };
        let inode = self.find(old.0, old.1, last)?.inode()?;
        if self.node(inode)?.kind() == NodeType::Directory {
            return Err(Errno::Perm);
        }
        let found = self.find(new.0, new.1, Last::Name)?;
        let (parent, name) = vacant(&found)?;
        if found.slash {
            return Err(Errno::NoEnt);
        }
        self.afford(entry_cost(&name))?;
        self.put_name(parent, name, inode, now)
    }

    /// Removes a name of a file or symbolic link. What is held stays until it is released.
    ///
    /// # Errors
    /// `IsDir`. See also [`Fs`].
    pub fn unlink(&mut self, base: InodeId, path: &str, now: u64) -> Result<(), Errno> {
        let found = self.find(base, path, Last::Name)?;
        let Place::Name { parent, name, inode } = found.place else { return Err(Errno::IsDir) };
        let inode = inode.ok_or(Errno::NoEnt)?;
        if self.node(inode)?.kind() == NodeType::Directory {
            return Err(Errno::IsDir);
        }
        if found.slash {
            return Err(Errno::NotDir);
        }
        let name: Arc<str> = name.into();
        self.remove_name(parent, &name, now)?;
        self.unname(parent, inode, now)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `NotEmpty`; `NotDir`, for symbolic links too; `Inval` for a path that ends in `.` or `..`. See also [`Fs`].
    pub fn remove_dir(&mut self, base: InodeId, path: &str, now: u64) -> Result<(), Errno> {
        let found = self.find(base, path, Last::Name)?;
        let Place::Name { parent, name, inode } = found.place else { return Err(Errno::Inval) };
        let inode = inode.ok_or(Errno::NoEnt)?;
        if !self.directory(inode)?.is_empty() {
            return Err(Errno::NotEmpty);
        }
        let name: Arc<str> = name.into();
        self.remove_name(parent, &name, now)?;
        self.unname(parent, inode, now)
    }

    /// Renames or moves. What was at `new` is replaced: a file by a file, an empty directory by a directory. Nothing
    /// happens when both are names of the same file.
    ///
    /// # Errors
    /// `Busy` for a path that ends in `.` or `..`; `Inval` when a directory would move into itself; `IsDir`, `NotDir`,
    /// `NotEmpty` when `new` cannot be replaced. See also [`Fs`].
    pub fn rename(&mut self, old: (InodeId, &str), new: (InodeId, &str), now: u64) -> Result<(), Errno> {
        let from = self.find(old.0, old.1, Last::Name)?;
        let to = self.find(new.0, new.1, Last::Name)?;
        let Place::Name { parent: old_parent, name: old_name, inode: old_inode } = from.place else {
            return Err(Errno::Busy);
        };
        let Place::Name { parent: new_parent, name: new_name, inode: replaced } = to.place else {
            return Err(Errno::Busy);
        };
        let inode = old_inode.ok_or(Errno::NoEnt)?;
        let is_dir = self.node(inode)?.kind() == NodeType::Directory;
        if !is_dir && (from.slash || to.slash) {
            return Err(Errno::NotDir);
        }
        if replaced == Some(inode) {
            return Ok(());
        }
        if is_dir && self.is_inside(new_parent, inode)? {
            return Err(Errno::Inval);
        }
        if let Some(replaced) = replaced {
            match (&self.node(replaced)?.body, is_dir) {
                (Body::Directory(directory), true) if directory.is_empty() => {}
                (Body::Directory(_), true) => return Err(Errno::NotEmpty),
                (Body::Directory(_), false) => return Err(Errno::IsDir),
                (Body::File(_) | Body::Symlink(_), true) => return Err(Errno::NotDir),
                (Body::File(_) | Body::Symlink(_), false) => {}
            }
        } else {
            self.afford(entry_cost(new_name).saturating_sub(entry_cost(old_name)))?;
        }
        // Point of no return: what follows cannot fail.
        let (old_name, new_name): (Arc<str>, Arc<str>) = (old_name.into(), new_name.into());
        self.remove_name(old_parent, &old_name, now)?;
        if let Some(replaced) = replaced {
            self.unname(new_parent, replaced, now)?;
        }
        self.put_name(new_parent, new_name, inode, now)?;
        self.unname(old_parent, inode, now)
    }

    /// Whether `inner` is `outer` or somewhere below it.
    fn is_inside(&self, inner: InodeId, outer: InodeId) -> Result<bool, Errno> {
        let mut here = inner;
        loop {
            let parent = self.directory(here)?.parent;
            if here == outer {
                return Ok(true);
            }
            if here == parent {
                return Ok(false);
            }
            here = parent;
        }
    }

    /// Adds an inode with a name, or nothing.
    fn create(&mut self, parent: InodeId, name: Arc<str>, body: Body, now: u64) -> Result<InodeId, Errno> {
        let target = if let Body::Symlink(target) = &body { target.len() as u64 } else { 0 };
        self.afford(INODE_BYTES + target + entry_cost(&name))?;
        let inode = self.insert(body, now)?;
        self.put_name(parent, name, inode, now)?;
        Ok(inode)
    }
}

/// The place for a new name.
fn vacant(found: &Found<'_>) -> Result<(InodeId, Arc<str>), Errno> {
    match found.place {
        Place::Name { parent, name, inode: None } => Ok((parent, name.into())),
        Place::Directory(_) | Place::Name { inode: Some(_), .. } => Err(Errno::Exist),
    }
}

#[cfg(test)]
mod tests;
