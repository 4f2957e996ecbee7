//! Makes a number of the sources that decide what is compiled, for [`fingerprint`]: artifacts of another build are of no use.
//!
//! [`fingerprint`]: ../gate_engine/fn.fingerprint.html

use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::fs;
use std::hash::Hasher;
use std::path::Path;

/// The crates whose sources matter, beside this one.
const CRATES: [&str; 3] = ["gate-abi", "gate-engine", "gate-instrument"];

fn main() -> Result<(), Box<dyn Error>> {
    let manifest = std::env::var("CARGO_MANIFEST_DIR")?;
    let crates = Path::new(&manifest).parent().ok_or("the crate is not in a directory of crates")?;
    // It tells builds apart that nobody has made to be alike.
    let mut hasher = DefaultHasher::new();
    for name in CRATES {
        let sources = crates.join(name).join("src");
        println!("cargo::rerun-if-changed={}", sources.display());
        add(&sources, &mut hasher)?;
    }
    println!("cargo::rustc-env=GATE_ENGINE_SOURCES={:016x}", hasher.finish());
    Ok(())
}

/// Adds the names and contents of all files below a directory.
fn add(directory: &Path, hasher: &mut DefaultHasher) -> Result<(), Box<dyn Error>> {
    let mut entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            add(&path, hasher)?;
        } else {
            hasher.write(entry.file_name().as_encoded_bytes());
            hasher.write(&fs::read(&path)?);
        }
    }
    Ok(())
}
