//! What the functions that a program imports keep while it is stopped.

use gate_abi::host::Stream;
use gate_fs::{Backing, Limits};
use gate_wasi::{DescriptorKind, DescriptorSummary, Summary};
use serde::Serialize;

/// What the functions that a program imports keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostState {
    /// Its size in bytes.
    pub bytes: u64,
    /// What is in it, of a program that imports WASI functions alone.
    pub wasi: Option<WasiState>,
    /// Why it cannot be read, if it cannot. The program then cannot be continued.
    pub problem: Option<String>,
}

/// What WASI functions keep. Names and arguments that are not UTF-8 have replacement characters in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WasiState {
    /// The program's arguments, its own name first.
    pub arguments: Vec<String>,
    /// The names of its environment variables. Their values may be secrets, and are left out.
    pub environment: Vec<String>,
    /// Its open descriptors.
    pub descriptors: Vec<DescriptorState>,
    /// What there is in its file system.
    pub files: FileTotals,
    /// Whether it has changed any file or directory since its start.
    pub files_changed: bool,
    /// Whether it was stopped in the middle of a wait for a span of time.
    pub waits: bool,
    /// Why it cannot continue on another WASI host. If nothing is listed, it can.
    pub obstacles: Vec<String>,
}

/// An open descriptor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DescriptorState {
    /// Its number.
    pub fd: u32,
    /// What it refers to: `stdin`, `stdout`, `stderr`, `file`, `directory` or `preopen`.
    pub kind: &'static str,
    /// Where that is, if it has a name.
    pub path: Option<String>,
    /// Where the next read or write of a file begins, in bytes.
    pub offset: Option<u64>,
    /// The size of a file in bytes.
    pub size: Option<u64>,
}

/// What there is in a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct FileTotals {
    pub files: u64,
    pub directories: u64,
    pub symlinks: u64,
    /// Sizes of all files.
    pub bytes: u64,
}

/// What a file system may need to be described: it is looked at where it is.
const LIMITS: Limits = Limits { bytes: u64::MAX, inodes: u32::MAX, file_bytes: u64::MAX };

/// What is kept for the program of a state, if anything.
pub(super) fn host(state: &gate_snapshot::State) -> Option<HostState> {
    if state.host.is_empty() {
        return None;
    }
    let bytes = u64::try_from(state.host.len()).unwrap_or(u64::MAX);
    if !state.host.starts_with(&gate_wasi::MAGIC) {
        return Some(HostState { bytes, wasi: None, problem: None });
    }
    Some(match gate_wasi::inspect(&Backing::new(state.host.clone()), LIMITS) {
        Ok(summary) => HostState { bytes, wasi: Some(wasi(&summary)), problem: None },
        Err(error) => HostState { bytes, wasi: None, problem: Some(super::chain(&error)) },
    })
}

fn wasi(summary: &Summary) -> WasiState {
    let texts =
        |texts: &[Vec<u8>]| texts.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
    let files = &summary.files;
    WasiState {
        arguments: texts(&summary.arguments),
        environment: texts(&summary.environment),
        descriptors: summary.descriptors.iter().map(descriptor).collect(),
        files: FileTotals {
            files: files.files,
            directories: files.directories,
            symlinks: files.symlinks,
            bytes: files.bytes,
        },
        files_changed: summary.files_changed,
        waits: summary.waits,
        obstacles: summary.obstacles.iter().map(ToString::to_string).collect(),
    }
}

fn descriptor(summary: &DescriptorSummary) -> DescriptorState {
    let (kind, offset, size) = match summary.kind {
        DescriptorKind::Stream(Stream::Stdin) => ("stdin", None, None),
        DescriptorKind::Stream(Stream::Stdout) => ("stdout", None, None),
        DescriptorKind::Stream(Stream::Stderr) => ("stderr", None, None),
        DescriptorKind::Stream(Stream::Packets) => ("packets", None, None),
        DescriptorKind::File { offset, size } => ("file", Some(offset), Some(size)),
        DescriptorKind::Directory => ("directory", None, None),
        DescriptorKind::Preopen(_) => ("preopen", None, None),
    };
    DescriptorState { fd: summary.fd, kind, path: summary.path.clone(), offset, size }
}
