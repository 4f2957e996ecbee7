//! A file that another process gave us, as bytes.

use std::fs::File;
use std::os::fd::OwnedFd;

use gate_sandbox::memfd::{self, MappedFile, Seals};

/// A sealed memfd, mapped.
#[derive(Debug)]
pub(crate) struct Mapping(MappedFile);

impl Mapping {
    /// Maps the whole of `file`, which must be sealed against changes.
    pub(crate) fn new(file: File) -> anyhow::Result<Self> {
        let file = OwnedFd::from(file);
        memfd::verify(&file, Seals::Content)?;
        Ok(Self(memfd::map(&file)?))
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}
