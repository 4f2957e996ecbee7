//! Directories: names in order of their creation, each with a cookie that stays the same as long as the name is there.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::inode::{InodeId, NodeType};

/// The first cookie of a name; 1 and 2 follow `.` and `..`.
pub(crate) const FIRST_COOKIE: u64 = 3;

/// One line of a directory listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Where listing continues behind this entry.
    pub cookie: u64,
    /// The inode.
    pub inode: InodeId,
    /// What it is.
    pub kind: NodeType,
    /// The name.
    pub name: Arc<str>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) inode: InodeId,
    pub(crate) cookie: u64,
}

/// The names in a directory.
#[derive(Debug)]
pub(crate) struct Directory {
    by_name: BTreeMap<Arc<str>, Entry>,
    by_cookie: BTreeMap<u64, Arc<str>>,
    next_cookie: u64,
    /// The directory that holds this one; itself at a root.
    pub(crate) parent: InodeId,
    /// How many entries are directories.
    pub(crate) subdirs: u64,
}

impl Directory {
    /// An empty directory inside of `parent`.
    pub(crate) fn new(parent: InodeId) -> Self {
        Self {
            by_name: BTreeMap::new(),
            by_cookie: BTreeMap::new(),
            next_cookie: FIRST_COOKIE,
            parent,
            subdirs: 0,
        }
    }

    /// What `name` stands for.
    pub(crate) fn get(&self, name: &str) -> Option<InodeId> {
        self.by_name.get(name).map(|entry| entry.inode)
    }

    /// Whether there is no name.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Adds `name`, or lets it stand for `inode` from now on. A name that was there keeps its cookie, so that a
    /// program which replaces files while it lists them comes to an end.
    pub(crate) fn put(&mut self, name: Arc<str>, inode: InodeId) {
        if let Some(entry) = self.by_name.get_mut(&name) {
            entry.inode = inode;
            return;
        }
        let cookie = self.next_cookie;
        self.next_cookie += 1;
        self.by_cookie.insert(cookie, Arc::clone(&name));
        self.by_name.insert(name, Entry { inode, cookie });
    }

    /// Removes `name`.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Some(entry) = self.by_name.remove(name) {
            self.by_cookie.remove(&entry.cookie);
        }
    }

    /// The first name behind `cookie`.
    pub(crate) fn after(&self, cookie: u64) -> Option<(u64, &Arc<str>, InodeId)> {
        let (&found, name) = self.by_cookie.range((Bound::Excluded(cookie), Bound::Unbounded)).next()?;
        Some((found, name, self.by_name.get(name)?.inode))
    }

    /// Every name with its cookie, in the order of cookies.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Entry)> {
        self.by_cookie.values().filter_map(|name| Some((name, *self.by_name.get(name)?)))
    }

    /// The cookie that the next name gets.
    pub(crate) fn next_cookie(&self) -> u64 {
        self.next_cookie
    }

    /// Adds a name that had `cookie` before; returns false, and has done nothing, when name or cookie is taken.
    pub(crate) fn restore(&mut self, name: Arc<str>, entry: Entry) -> bool {
        if self.by_name.contains_key(&name) || self.by_cookie.contains_key(&entry.cookie) {
            return false;
        }
        self.by_cookie.insert(entry.cookie, Arc::clone(&name));
        self.by_name.insert(name, entry);
        true
    }

    /// Continues counting cookies at `next`.
    pub(crate) fn restore_next_cookie(&mut self, next: u64) {
        self.next_cookie = next;
    }
}
