//! Copies host directories into the image of a program's file system.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use gate_fs::image::{Builder, DirId, FileId};
use gate_sandbox::memfd::{self, Seals};

use crate::text;

/// An image, sealed, and what it counts for.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) file: OwnedFd,
    pub(crate) charge: u64,
    pub(crate) inodes: u32,
}

/// How deep directories may be nested: a tree that is deeper is a mistake, or somebody's trap.
const MAX_DEPTH: usize = 256;

/// What `--dir [HOST][::GUEST]` says: without a host's directory, the program's is empty.
fn split(argument: &OsStr) -> anyhow::Result<(Option<PathBuf>, String)> {
    let bytes = argument.as_bytes();
    let (host, guest) = match bytes.windows(2).position(|pair| pair == b"::") {
        Some(position) => (&bytes[..position], &bytes[position + 2..]),
        None => (bytes, bytes),
    };
    if guest.is_empty() {
        bail!(
            "--dir {}: give it as HOST, HOST::GUEST, or ::GUEST for an empty directory",
            text::name(argument)
        );
    }
    let guest = std::str::from_utf8(guest)
        .with_context(|| format!("--dir {}: the name for the program is not UTF-8", text::name(argument)))?;
    let host = (!host.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(host)));
    Ok((host, guest.to_owned()))
}

/// Copies the directories of all `--dir` arguments; `None` if there are none.
pub(crate) fn image(arguments: &[OsString]) -> anyhow::Result<Option<Image>> {
    if arguments.is_empty() {
        return Ok(None);
    }
    let memfd = memfd::create("directories").context("cannot keep directories in memory")?;
    let mut copy = Copy { builder: Builder::new(File::from(memfd))?, linked: Vec::new() };
    for argument in arguments {
        let (host, guest) = split(argument)?;
        let Some(host) = host else {
            copy.builder.preopen(&guest, 0)?;
            continue;
        };
        let what = || format!("cannot copy directory {}", text::name(&host));
        let metadata = fs::metadata(&host).with_context(what)?;
        if !metadata.is_dir() {
            bail!("cannot copy directory {}: it is no directory", text::name(&host));
        }
        let root = copy.builder.preopen(&guest, modified(&metadata)).with_context(what)?;
        copy.directory(&host, root, 0).with_context(what)?;
    }
    let finished = copy.builder.finish()?;
    let file = OwnedFd::from(finished.out);
    memfd::seal(&file, Seals::Content).context("cannot seal the copy of the directories")?;
    Ok(Some(Image { file, charge: finished.charge, inodes: finished.inodes }))
}

struct Copy {
    builder: Builder<File>,
    /// Files with several names: device, inode, and which file of the image that is.
    linked: Vec<(u64, u64, FileId)>,
}

impl Copy {
    fn directory(&mut self, host: &Path, into: DirId, depth: usize) -> anyhow::Result<()> {
        if depth > MAX_DEPTH {
            bail!("{} is more than {MAX_DEPTH} directories deep", text::name(&host));
        }
        let mut entries = fs::read_dir(host)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("cannot read directory {}", text::name(&host)))?;
        // Equal directories give equal images.
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                bail!("the name of {} is not UTF-8, which programs need", text::name(&path));
            };
            let metadata = entry.metadata().with_context(|| format!("cannot read {}", text::name(&path)))?;
            self.entry(&path, name, &metadata, into, depth)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        path: &Path,
        name: &str,
        metadata: &Metadata,
        into: DirId,
        depth: usize,
    ) -> anyhow::Result<()> {
        let what = || format!("cannot copy {}", text::name(&path));
        let mtim = modified(metadata);
        if metadata.is_dir() {
            let directory = self.builder.directory(into, name, mtim).with_context(what)?;
            return self.directory(path, directory, depth + 1);
        }
        if metadata.is_symlink() {
            let target = fs::read_link(path).with_context(what)?;
            let Some(target) = target.to_str() else {
                bail!("the target of link {} is not UTF-8, which programs need", text::name(&path));
            };
            return self.builder.symlink(into, name, mtim, target).with_context(what);
        }
        if !metadata.is_file() {
            bail!("{} is neither file, directory nor link, and cannot be copied", text::name(&path));
        }
        let identity = (metadata.dev(), metadata.ino());
        if metadata.nlink() > 1
            && let Some((.., file)) = self.linked.iter().find(|(dev, ino, _)| (*dev, *ino) == identity)
        {
            return self.builder.link(into, name, *file).with_context(what);
        }
        let mut contents = File::open(path).with_context(what)?;
        let file = self.builder.file(into, name, mtim, &mut contents).with_context(what)?;
        if metadata.nlink() > 1 {
            self.linked.push((identity.0, identity.1, file));
        }
        Ok(())
    }
}

/// When it was last changed, in nanoseconds since 1970; what is before that counts as then.
fn modified(metadata: &Metadata) -> u64 {
    let seconds = u64::try_from(metadata.mtime()).unwrap_or(0);
    let nanos = u64::try_from(metadata.mtime_nsec()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use super::split;

    #[test]
    fn arguments_name_host_and_guest() {
        let (host, guest) = split(OsStr::new("a/b::/c")).unwrap();
        assert_eq!((host.as_deref(), &*guest), (Some(Path::new("a/b")), "/c"));
        let (host, guest) = split(OsStr::new("data")).unwrap();
        assert_eq!((host.as_deref(), &*guest), (Some(Path::new("data")), "data"));
        let (host, guest) = split(OsStr::new("::/tmp")).unwrap();
        assert_eq!((host, &*guest), (None, "/tmp"));
        assert!(split(OsStr::new("x::")).is_err());
    }
}
