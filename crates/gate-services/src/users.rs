//! Users of the system.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// How much of the file is read, in bytes: enough for thousands of users.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A user of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: PathBuf,
}

/// The user with this id, as `file` has it, which is laid out like `/etc/passwd`; `None` if it does not have it.
///
/// Other sources of users, as there can be behind the C library, are not asked.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn find(file: &Path, uid: u32) -> io::Result<Option<User>> {
    let lines = BufReader::new(File::open(file)?.take(MAX_FILE_BYTES)).lines();
    for line in lines {
        if let Some(user) = parse(&line?)
            && user.uid == uid
        {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

/// `name:password:uid:gid:comment:home:shell`.
fn parse(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?;
    let (_password, uid, gid) = (fields.next()?, fields.next()?, fields.next()?);
    let (_comment, home) = (fields.next()?, fields.next()?);
    Some(User { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()?, home: home.into() })
}

#[cfg(test)]
mod tests;
