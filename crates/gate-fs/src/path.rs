//! Looking up paths, without ever leaving the directory that a lookup starts in.

use gate_abi::errno::Errno;

use crate::fs::Fs;
use crate::inode::{Body, InodeId};
use crate::limits::{MAX_LINKS_FOLLOWED, NAME_MAX, PATH_MAX};

/// What to do when the last name of a path is a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// Follow it.
    Follow,
    /// Do not follow it, unless a slash behind it asks for a directory.
    Keep,
    /// Never follow it, as the name itself is to be created, removed or changed; the caller looks at
    /// [`Found::slash`].
    Name,
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) place: Place<'a>,
    /// A slash behind the last name asks for a directory.
    pub(crate) slash: bool,
}

/// Where a path ends.
#[derive(Debug)]
pub(crate) enum Place<'a> {
    /// At a directory that was not reached by its name: the path ends in `.` or `..`.
    Directory(InodeId),
    /// At a name, which may be there or not.
    Name { parent: InodeId, name: &'a str, inode: Option<InodeId> },
}

impl Found<'_> {
    /// The inode, if there is one.
    pub(crate) fn inode(&self) -> Result<InodeId, Errno> {
        match self.place {
            Place::Directory(inode) | Place::Name { inode: Some(inode), .. } => Ok(inode),
            Place::Name { inode: None, .. } => Err(Errno::NoEnt),
        }
    }
}

/// Whether `path` is fit for being looked up, or as the target of a symbolic link.
pub(crate) fn check(path: &str) -> Result<(), Errno> {
    if path.is_empty() {
        Err(Errno::NoEnt)
    } else if path.len() > PATH_MAX {
        Err(Errno::NameTooLong)
    } else if path.contains('\0') {
        Err(Errno::Inval)
    } else if path.starts_with('/') {
        Err(Errno::NotCapable)
    } else {
        Ok(())
    }
}

impl Fs {
    /// Looks up `path`, starting in `base` and staying below it. Everything but the last name must be there.
    ///
    /// With [`Last::Follow`] and [`Last::Keep`], a slash at the end behind something that is not a directory is an
    /// error already; what is not there yet is the caller's to judge.
    pub(crate) fn find<'a>(&'a self, base: InodeId, path: &'a str, last: Last) -> Result<Found<'a>, Errno> {
        check(path)?;
        self.directory(base)?;
        if self.node(base)?.names == 0 {
            return Err(Errno::NoEnt);
        }
        // The directories from `base` down to where we are. Going up is removing the last one, so there is no way above
        // `base`, whatever the links on the way say.
        let mut above = Vec::new();
        let mut here = base;
        // What is still to be walked, the next part last: each link on the way adds one.
        let mut rest = vec![path];
        let mut links = 0;
        let mut slash = false;
        while let Some(part) = rest.pop() {
            let (name, behind) = part.split_once('/').map_or((part, None), |(name, rest)| (name, Some(rest)));
            let behind_name = behind.map(|behind| behind.trim_start_matches('/'));
            if let Some(behind) = behind_name
                && !behind.is_empty()
            {
                rest.push(behind);
            }
            let is_last = rest.is_empty();
            slash |= is_last && behind.is_some();
            match name {
                "." => continue,
                ".." => {
                    here = above.pop().ok_or(Errno::NotCapable)?;
                    continue;
                }
                _ if name.len() > NAME_MAX => return Err(Errno::NameTooLong),
                _ => {}
            }
            let found = self.directory(here)?.get(name);
            let at_name = Place::Name { parent: here, name, inode: found };
            let Some(inode) = found else {
                return if is_last { Ok(Found { place: at_name, slash }) } else { Err(Errno::NoEnt) };
            };
            match &self.node(inode)?.body {
                Body::Symlink(target) => {
                    let follow = match last {
                        Last::Follow => true,
                        Last::Keep => slash || !is_last,
                        Last::Name => !is_last,
                    };
                    if !follow {
                        return Ok(Found { place: at_name, slash });
                    }
                    links += 1;
                    if links > MAX_LINKS_FOLLOWED {
                        return Err(Errno::Loop);
                    }
                    check(target)?;
                    rest.push(target);
                }
                Body::File(_) if !is_last || (slash && last != Last::Name) => return Err(Errno::NotDir),
                Body::File(_) => return Ok(Found { place: at_name, slash }),
                Body::Directory(_) if is_last => return Ok(Found { place: at_name, slash }),
                Body::Directory(_) => {
                    above.push(here);
                    here = inode;
                }
            }
        }
        Ok(Found { place: Place::Directory(here), slash })
    }
}

#[cfg(test)]
mod tests;
