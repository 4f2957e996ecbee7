//! From inodes to paths: what people want to know, and no program can ask.

use std::collections::HashMap;
use std::sync::Arc;

use crate::fs::Fs;
use crate::inode::{Body, InodeId};
use crate::limits::PATH_MAX;

impl Fs {
    /// A path of each of `inodes`, beginning with the path of the preopen that it is below. Of several names it is one that
    /// is the same each time. `None` for what has no name any more, and for paths longer than [`PATH_MAX`].
    #[must_use]
    pub fn paths(&self, inodes: &[InodeId]) -> Vec<Option<String>> {
        let roots: HashMap<InodeId, &Arc<str>> =
            self.preopens.iter().rev().map(|preopen| (preopen.root, &preopen.path)).collect();
        let mut names: HashMap<InodeId, (InodeId, &Arc<str>)> = HashMap::new();
        for (id, slot) in (0_u32..).zip(&self.slots) {
            if let Some(Body::Directory(directory)) = slot.as_ref().map(|inode| &inode.body) {
                for (name, entry) in directory.iter() {
                    names.entry(entry.inode).or_insert((InodeId(id), name));
                }
            }
        }
        inodes.iter().map(|inode| path(*inode, &roots, &names)).collect()
    }
}

/// The path of `inode`, by way of the directories that it is in.
fn path(
    inode: InodeId,
    roots: &HashMap<InodeId, &Arc<str>>,
    names: &HashMap<InodeId, (InodeId, &Arc<str>)>,
) -> Option<String> {
    let mut parts = Vec::new();
    let mut len = 0;
    let mut here = inode;
    // A part of a path has at least one byte, and a slash: this ends even if directories were to contain each other.
    while !roots.contains_key(&here) {
        let (parent, name) = names.get(&here)?;
        len += name.len() + 1;
        if len > PATH_MAX {
            return None;
        }
        parts.push(&***name);
        here = *parent;
    }
    let mut path = String::from(&***roots.get(&here)?);
    for part in parts.iter().rev() {
        if !path.ends_with('/') {
            path.push('/');
        }
        path.push_str(part);
    }
    (path.len() <= PATH_MAX).then_some(path)
}

#[cfg(test)]
mod tests;
