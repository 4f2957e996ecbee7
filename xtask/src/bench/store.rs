//! What finding an artifact costs, as it is part of every start of a program.

use std::io::Read;

use anyhow::{Result, bail};
use gate_store::{Cache, Key, Lookup};

use super::{Figure, measure};

const ARTIFACT_BYTES: usize = 8 << 20;

/// Gets an artifact, against reading the file that it is in.
pub(super) fn run() -> Result<Vec<Figure>> {
    let directory = tempfile::tempdir()?;
    let cache = Cache::open(&directory.path().join("artifacts"), 1 << 30)?;
    let key = Key::from_bytes([1; 32]);
    let artifact: Vec<u8> = (0..ARTIFACT_BYTES).map(|index| index.to_le_bytes()[index % 3]).collect();
    cache.put(&key, &mut artifact.as_slice())?;
    let lookup = || match cache.get(&key) {
        Lookup::Hit(artifact) => Ok(artifact),
        Lookup::Miss(miss) => bail!(miss),
    };
    let mut file = lookup()?.file;
    let mut chunk = vec![0; 64 << 10];
    let rounds = measure(
        50,
        || lookup().map(drop),
        || {
            std::io::Seek::rewind(&mut file)?;
            while file.read(&mut chunk)? > 0 {}
            Ok(())
        },
    )?;
    Ok(vec![Figure::ratio("get of an 8 MiB artifact (checked) / reading its file", &rounds, None)])
}
