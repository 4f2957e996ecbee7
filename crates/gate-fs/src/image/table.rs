//! The records of an image's table, and how they are written. The layout is in the [module above](super).

use std::sync::Arc;

use super::{HEADER_LEN, MAGIC, VERSION};
use crate::content::{Extent, run_charge};
use crate::fs::entry_cost;
use crate::inode::Times;
use crate::limits::INODE_BYTES;

/// Kinds of inode records.
pub(super) const FREE: u8 = 0;
pub(super) const FILE: u8 = 1;
pub(super) const DIRECTORY: u8 = 2;
pub(super) const SYMLINK: u8 = 3;

/// An inode record.
#[derive(Debug)]
pub(super) enum Record {
    Free,
    File { times: Times, len: u64, extents: Vec<Extent> },
    Directory { times: Times, next_cookie: u64, entries: Vec<Name> },
    Symlink { times: Times, target: Arc<str> },
}

/// An entry of a directory record.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) cookie: u64,
    pub(super) inode: u32,
    pub(super) name: Arc<str>,
}

/// A preopen record.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) inode: u32,
    pub(super) path: Arc<str>,
}

/// The table and what to write in front of it.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) records: Vec<Record>,
    pub(super) roots: Vec<Root>,
}

impl Table {
    /// What the inodes count for in [`Limits::bytes`](crate::Limits::bytes).
    pub(super) fn charge(&self) -> u64 {
        let records = self.records.iter().map(|record| match record {
            Record::Free => 0,
            Record::File { extents, .. } => {
                INODE_BYTES + extents.iter().map(|extent| run_charge(extent.len)).sum::<u64>()
            }
            Record::Directory { entries, .. } => {
                INODE_BYTES + entries.iter().map(|entry| entry_cost(&entry.name)).sum::<u64>()
            }
            Record::Symlink { target, .. } => INODE_BYTES + target.len() as u64,
        });
        records.sum::<u64>() + self.roots.iter().map(|root| entry_cost(&root.path)).sum::<u64>()
    }

    /// How many inodes there are. Returns `None` when there are too many.
    pub(super) fn inodes(&self) -> Option<u32> {
        let used = self.records.iter().filter(|record| !matches!(record, Record::Free)).count();
        u32::try_from(used).ok()
    }

    /// The table's bytes. Returns `None` when a count or a length does not fit its field.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for record in &self.records {
            match record {
                Record::Free => out.push(FREE),
                Record::File { times, len, extents } => {
                    head(&mut out, FILE, times);
                    out.extend(len.to_le_bytes());
                    out.extend(u32::try_from(extents.len()).ok()?.to_le_bytes());
                    for Extent { at, from, len } in extents {
                        out.extend([at, from, len].into_iter().flat_map(|n| n.to_le_bytes()));
                    }
                }
                Record::Directory { times, next_cookie, entries } => {
                    head(&mut out, DIRECTORY, times);
                    out.extend(next_cookie.to_le_bytes());
                    out.extend(u32::try_from(entries.len()).ok()?.to_le_bytes());
                    for Name { cookie, inode, name } in entries {
                        out.extend(cookie.to_le_bytes());
                        out.extend(inode.to_le_bytes());
                        text(&mut out, name)?;
                    }
                }
                Record::Symlink { times, target } => {
                    head(&mut out, SYMLINK, times);
                    text(&mut out, target)?;
                }
            }
        }
        for Root { inode, path } in &self.roots {
            out.extend(inode.to_le_bytes());
            text(&mut out, path)?;
        }
        Some(out)
    }

    /// The header of an image whose table has `table_len` bytes and begins at `table_at`.
    pub(super) fn header(&self, table_at: u64, table_len: u64) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(HEADER_LEN as usize);
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend(HEADER_LEN.to_le_bytes());
        out.extend(table_at.checked_add(table_len)?.to_le_bytes());
        out.extend(table_at.to_le_bytes());
        out.extend(table_len.to_le_bytes());
        out.extend(u32::try_from(self.records.len()).ok()?.to_le_bytes());
        out.extend(u32::try_from(self.roots.len()).ok()?.to_le_bytes());
        out.resize(HEADER_LEN as usize, 0);
        Some(out)
    }
}

fn head(out: &mut Vec<u8>, kind: u8, times: &Times) {
    out.push(kind);
    out.extend([times.atim, times.mtim, times.ctim].into_iter().flat_map(u64::to_le_bytes));
}

fn text(out: &mut Vec<u8>, text: &str) -> Option<()> {
    out.extend(u16::try_from(text.len()).ok()?.to_le_bytes());
    out.extend(text.as_bytes());
    Some(())
}

/// Whether `name` can be the name of a directory entry.
pub(super) fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() <= crate::limits::NAME_MAX && !name.contains(['/', '\0'])
}

/// Whether `path` can be what a symbolic link leads to, or what a program calls a preopen.
pub(super) fn is_path(path: &str) -> bool {
    !path.is_empty() && path.len() <= crate::limits::PATH_MAX && !path.contains('\0')
}
