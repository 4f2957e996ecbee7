//! Debian's clang as a compiler for WASI, and the system's C compiler.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};

use super::{BUILD_DEADLINE, files, packages, read_all};
use crate::cache;
use crate::process::Program;

/// Where Debian's packages for WASI put headers and libraries.
const SYSROOT: &str = "--sysroot=/usr";
/// Newer clang prefers another name for this target, but Debian's libc is under this one.
const TARGET: [&str; 2] = ["--target=wasm32-wasi", "-Wno-deprecated"];

const PACKAGES: &str = "clang-22 lld-22 libclang-rt-22-dev-wasm32 wasi-libc";
/// The newest and the oldest clang looked for.
const VERSIONS: std::ops::RangeInclusive<u32> = 14..=23;

/// A clang that can link WebAssembly.
#[derive(Debug)]
struct Clang {
    program: String,
    version: u32,
    /// The first line of `--version`.
    full_version: String,
}

/// The newest installed clang that has the runtime library for wasm32.
fn newest() -> Result<&'static Clang> {
    static NEWEST: OnceLock<Option<Clang>> = OnceLock::new();
    NEWEST.get_or_init(|| VERSIONS.rev().find_map(probe)).as_ref().with_context(|| {
        format!(
            "no clang (versions {VERSIONS:?}) can build WebAssembly: install the Debian packages {PACKAGES}"
        )
    })
}

fn probe(version: u32) -> Option<Clang> {
    let program = format!("clang-{version}");
    let ask = |argument: &str| {
        let command = Program::new(&program).args(TARGET).arg(argument);
        Some(command.run(BUILD_DEADLINE).ok()?.success().ok()?.stdout_text())
    };
    let runtime_library = ask("--print-libgcc-file-name")?;
    let full_version = ask("--version")?.lines().next()?.to_owned();
    Path::new(runtime_library.trim_end()).is_file().then_some(Clang { program, version, full_version })
}

/// Demands at least this version of clang.
///
/// # Errors
/// The newest one is older.
pub(super) fn require(version: u32, reason: &str) -> Result<()> {
    let clang = newest()?;
    ensure!(
        clang.version >= version,
        "{} cannot build this: {reason} needs clang {version}; install the Debian packages {PACKAGES}",
        clang.full_version
    );
    Ok(())
}

/// A compilation of C sources to a WASI command.
#[derive(Debug)]
pub(super) struct Compilation {
    name: String,
    sources: Vec<PathBuf>,
    own_sources: Vec<PathBuf>,
    flags: Vec<OsString>,
}

impl Compilation {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), sources: Vec::new(), own_sources: Vec::new(), flags: Vec::new() }
    }

    /// Adds sources whose path has their version in it, so that it stands for their content.
    pub(super) fn sources(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.sources.extend(paths);
        self
    }

    /// Adds sources and headers that may be edited at any time.
    pub(super) fn own_sources(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.own_sources.extend(paths);
        self
    }

    /// Adds a directory of headers.
    pub(super) fn include(mut self, directory: PathBuf) -> Self {
        self.flags.extend(["-I".into(), directory.into_os_string()]);
        self
    }

    /// Adds flags of the compiler or the linker.
    pub(super) fn flags<'a>(mut self, flags: impl IntoIterator<Item = &'a str>) -> Self {
        self.flags.extend(flags.into_iter().map(OsString::from));
        self
    }

    /// Asks for imitations of system interfaces that WASI lacks, by the names of wasi-libc.
    pub(super) fn emulated<const N: usize>(mut self, interfaces: [&str; N]) -> Self {
        for interface in interfaces {
            let definition = interface.to_uppercase().replace('-', "_");
            self.flags.push(format!("-D_WASI_EMULATED_{definition}").into());
            self.flags.push(format!("-lwasi-emulated-{interface}").into());
        }
        self
    }

    /// The path of the program, compiled if need be.
    pub(super) fn run(self) -> Result<PathBuf> {
        let clang = newest()?;
        let ingredients = (
            &clang.full_version,
            &self.flags,
            &self.sources,
            &self.own_sources,
            read_all(&self.own_sources)?,
        );
        cache::produce(&cache::guest_directory()?, &self.name, ".wasm", &ingredients, |product| {
            let third_party = !self.sources.is_empty();
            let headers_out = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "c");
            Program::new(&clang.program)
                .args(TARGET)
                .args([SYSROOT, "-O2"])
                .args(third_party.then_some("-w"))
                .args(self.sources.iter().chain(&self.own_sources).filter(headers_out))
                .args(&self.flags)
                .arg("-o")
                .arg(product)
                .run(BUILD_DEADLINE)?
                .success()
                .with_context(|| format!("the Debian packages it needs are {PACKAGES}"))?;
            Ok(())
        })
    }
}

/// See [`super::c`].
pub(super) fn compile_program(source: &Path, flags: &[&str]) -> Result<PathBuf> {
    Compilation::new(stem(source)?)
        .own_sources(with_headers(source, flags)?)
        .flags(["-Wall", "-Wextra", "-Werror"])
        .flags(flags.iter().copied())
        .run()
}

/// See [`super::native`].
pub(super) fn compile_native(source: &Path, flags: &[&str]) -> Result<PathBuf> {
    let version = packages::output(Program::new("cc").arg("--version"), "a C compiler: Debian package gcc")?;
    let name = format!("{}-native", stem(source)?);
    let ingredients = (version, flags, read_all(&with_headers(source, flags)?)?);
    cache::produce(&cache::guest_directory()?, &name, "", &ingredients, |product| {
        Program::new("cc")
            // No fused multiply-add: WebAssembly has none, and the results must be the same.
            .args(["-O2", "-ffp-contract=off", "-D_GNU_SOURCE"])
            .arg(source)
            .args(flags)
            .args(["-lm".as_ref(), "-o".as_ref(), product.as_os_str()])
            .run(BUILD_DEADLINE)?
            .success()?;
        Ok(())
    })
}

/// The source, the headers beside it, and those below the directories that `flags` name (`-IDIRECTORY`).
fn with_headers(source: &Path, flags: &[&str]) -> Result<Vec<PathBuf>> {
    let directory = source.parent().with_context(|| format!("{} is not a file", source.display()))?;
    let mut paths = vec![source.to_owned()];
    for included in flags.iter().filter_map(|flag| flag.strip_prefix("-I")) {
        paths.extend(files(included.as_ref(), "h")?);
    }
    paths.extend(files(directory, "h")?);
    Ok(paths)
}

fn stem(source: &Path) -> Result<&str> {
    match source.file_stem().and_then(|stem| stem.to_str()) {
        Some(stem) => Ok(stem),
        None => bail!("{} has no name", source.display()),
    }
}
