//! Things that take long to make, kept under the target directory by what they were made of.
//!
//! A thing's name ends in a hash of its ingredients, so a changed source or compiler makes a new thing and the old one
//! is never wrong, only left over. Test processes may ask for the same thing at once: the first one makes it under a
//! file lock, in a directory of its own, and renames it into place.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// Cargo's target directory: the nearest directory around the running executable that Cargo marked as its own.
///
/// # Errors
/// The executable is not in a target directory: it was copied elsewhere.
pub fn target_directory() -> Result<PathBuf> {
    let executable = std::env::current_exe().context("cannot find the running executable")?;
    // Cargo writes the first into every target directory, the second into those that it made itself.
    let marked = |directory: &&Path| {
        [".rustc_info.json", "CACHEDIR.TAG"].iter().any(|name| directory.join(name).is_file())
    };
    let target = executable.ancestors().find(marked);
    let Some(target) = target else {
        bail!("{} is not in a target directory of Cargo; run it with `cargo test`", executable.display());
    };
    Ok(target.to_owned())
}

/// The directory of produced guest programs: `guests` under [`target_directory`], made if absent.
///
/// # Errors
/// See [`target_directory`]; or the directory cannot be made.
pub fn guest_directory() -> Result<PathBuf> {
    let directory = target_directory()?.join("guests");
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(directory)
}

/// The path of a file or directory in `store` made of `ingredients`; `make` makes it when it is not there yet.
///
/// `make` gets the path to make, which does not exist; its parent is an empty directory that it may use for
/// intermediate files and that is deleted afterwards. The result is called `name`, a hash, and `suffix`. Blocks while another
/// process or thread makes a thing of the same name.
///
/// # Errors
/// Those of `make`, and of the file system.
pub fn produce(
    store: &Path,
    name: &str,
    suffix: &str,
    ingredients: &impl Hash,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    ingredients.hash(&mut hasher);
    let product = store.join(format!("{name}-{:016x}{suffix}", hasher.finish()));
    if product.exists() {
        return Ok(product);
    }

    let lock_path = store.join(format!("{name}.lock"));
    let lock = File::create(&lock_path).with_context(|| format!("cannot open {}", lock_path.display()))?;
    lock.lock().with_context(|| format!("cannot lock {}", lock_path.display()))?;
    if product.exists() {
        return Ok(product);
    }
    let scratch = tempfile::Builder::new()
        .prefix(&format!(".{name}-"))
        .tempdir_in(store)
        .with_context(|| format!("cannot make a directory in {}", store.display()))?;
    let unfinished = scratch.path().join(format!("product{suffix}"));
    make(&unfinished).with_context(|| format!("cannot produce the guest program {name}"))?;
    ensure!(unfinished.exists(), "the recipe of {name} succeeded without making {}", unfinished.display());
    fs::rename(&unfinished, &product)
        .with_context(|| format!("cannot move the product to {}", product.display()))?;
    Ok(product)
}

#[cfg(test)]
mod tests;
