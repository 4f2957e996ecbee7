//! Writes snapshots to files.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use gate_runtime::{Report, Sealed};

use crate::options::RunOptions;
use crate::{module, text};

/// A program that was written to a file.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The file.
    pub(crate) file: PathBuf,
    /// Its size.
    pub(crate) bytes: u64,
}

impl Kept {
    /// What the user is told.
    pub(crate) fn sentence(&self, report: &Report) -> String {
        let name = text::name(&self.file);
        let after = humantime::format_duration(std::time::Duration::from_millis(
            u64::try_from(report.wall_time.as_millis()).unwrap_or(u64::MAX),
        ));
        format!(
            "suspended after {after}: the program is in {name} ({}); to continue it: gate run {name}",
            text::bytes(self.bytes)
        )
    }
}

/// Writes a snapshot to where the user wants it. What was there is replaced when all is written, not before.
pub(crate) fn keep(options: &RunOptions, snapshot: &Sealed) -> anyhow::Result<Kept> {
    let mut source = File::from(snapshot.file.try_clone()?);
    source.rewind()?;
    let mut source = io::Read::take(source, snapshot.bytes);
    let (file, mut out) = match &options.snapshot {
        Some(path) => (path.clone(), beside(path)?),
        None => unused(options.module())?,
    };
    let result = io::copy(&mut source, &mut out.1).and_then(|_| out.1.sync_all());
    let result = result.and_then(|()| match &options.snapshot {
        Some(path) => std::fs::rename(&out.0, path),
        None => Ok(()),
    });
    if let Err(error) = result {
        let _ = std::fs::remove_file(&out.0);
        return Err(error).with_context(|| format!("cannot write the snapshot to {}", text::name(&file)));
    }
    Ok(Kept { file, bytes: snapshot.bytes })
}

/// Writes something else that was made of a program to `path`. What was there is replaced when all is written, not before.
pub(crate) fn write(path: &Path, made: &Sealed) -> anyhow::Result<()> {
    let mut source = File::from(made.file.try_clone()?);
    source.rewind()?;
    let (temporary, mut out) = beside(path)?;
    let result = io::copy(&mut io::Read::take(source, made.bytes), &mut out).and_then(|_| out.sync_all());
    if let Err(error) = result.and_then(|()| std::fs::rename(&temporary, path)) {
        let _ = std::fs::remove_file(&temporary);
        return Err(error).with_context(|| format!("cannot write {}", text::name(path)));
    }
    Ok(())
}

/// A new file. A program's memory can hold secrets: only its owner can read it.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A new file in the directory of `path`, to be renamed to it.
fn beside(path: &Path) -> anyhow::Result<(PathBuf, File)> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let name = PathBuf::from(name);
    let file = create(&name).with_context(|| format!("cannot write {}", text::name(path)))?;
    Ok((name, file))
}

/// A new file in the current directory, named after the module.
fn unused(module: &Path) -> anyhow::Result<(PathBuf, (PathBuf, File))> {
    let stem = match module.file_stem() {
        Some(stem) if !module::is_stdin(module) => stem.to_string_lossy().into_owned(),
        _ => "program".to_owned(),
    };
    let stem = stem.strip_suffix(".snapshot").unwrap_or(&stem);
    // A snapshot of a snapshot is named after the module too.
    let stem = match stem.rsplit_once(".snapshot-") {
        Some((stem, number)) if number.parse::<u32>().is_ok() => stem,
        _ => stem,
    };
    for number in 1..=9999 {
        let name = match number {
            1 => format!("{stem}.snapshot.wasm"),
            number => format!("{stem}.snapshot-{number}.wasm"),
        };
        let path = PathBuf::from(name);
        match create(&path) {
            Ok(file) => return Ok((path.clone(), (path, file))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot write the snapshot to {}", text::name(&path)));
            }
        }
    }
    anyhow::bail!(
        "cannot write the snapshot: there are too many in this directory; name a file with --snapshot"
    )
}
