//! CRuby: the npm module merged with a `_start` of ours. See the module documentation of [`super`].

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{BUILD_DEADLINE, directory, packages, read_all};
use crate::cache;
use crate::process::Program;

/// What the module uses: the tools must neither refuse these nor write anything newer.
const FEATURES: [&str; 5] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
];

/// CRuby 3.4 with its standard library.
///
/// # Errors
/// npm or Node.js is missing, or a download or the merging fails.
pub fn ruby() -> Result<PathBuf> {
    let own = ["command.wat", "handles.wat", "keep.json", "main.rb"]
        .map(|file| directory().join("ruby").join(file));
    let ingredients = (read_all(&own)?, FEATURES);
    cache::produce(&cache::guest_directory()?, "ruby", ".wasm", &ingredients, |product| {
        let package = packages::npm("@ruby/3.4-wasm-wasi", "2.10.1")?;
        let tools = packages::npm("binaryen", "132.0.0")?.join("bin");
        let [command, handles, keep, main] = &own;

        let main = fs::read(main)?;
        let escaped = main.iter().fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\{byte:02x}");
            text
        });
        let filled = fs::read_to_string(command)?
            .replace("\"MAIN_RB\"", &format!("\"{escaped}\""))
            .replace("MAIN_RB_LENGTH", &main.len().to_string());
        let filled_path = product.with_extension("command.wat");
        fs::write(&filled_path, filled)?;

        let merged = product.with_extension("merged.wasm");
        let merge = Program::new("node")
            .arg(tools.join("wasm-merge"))
            .args(FEATURES)
            .arg("--skip-export-conflicts")
            .args([package.join("dist/ruby+stdlib.wasm").as_os_str(), "ruby".as_ref()])
            .args([filled_path.as_os_str(), "rb-js-abi-host".as_ref()])
            .args([handles.as_os_str(), "canonical_abi".as_ref()])
            .args(["-o".as_ref(), merged.as_os_str()]);
        merge.run(BUILD_DEADLINE).context("this needs Node.js: Debian package nodejs")?.success()?;

        let reduce = Program::new("node").arg(tools.join("wasm-metadce")).args(FEATURES).args([
            "-f".as_ref(),
            keep.as_os_str(),
            merged.as_os_str(),
            "-o".as_ref(),
            product.as_os_str(),
        ]);
        reduce.run(BUILD_DEADLINE)?.success()?;
        Ok(())
    })
}
