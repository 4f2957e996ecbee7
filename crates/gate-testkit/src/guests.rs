//! WebAssembly programs to test with: real ones that others wrote, and C programs of our own.
//!
//! All are plain WASI preview 1 commands that export `_start` and `memory`. Each function returns the path of a .wasm
//! file that it builds at first use, then keeps ([`crate::cache`]). Where a tool is missing the error names the
//! package that has it.
//!
//! | program | from | version | made by | size |
//! |---|---|---|---|---|
//! | CRuby with its standard library | npm `@ruby/3.4-wasm-wasi` | 2.10.1 (3.4.1) | merging, see below | 30 MB |
//! | SQLite | crate `libsqlite3-sys` | 0.35.0 (3.50) | clang, a shell of ours | 1.6 MB |
//! | Lua | crate `lua-src` | 551.1.0 (5.4.9) | clang ≥ 20, a `lua` of ours | 0.6 MB |
//! | QuickJS-ng, its own `qjs` | crate `rquickjs-sys` | 0.14.0 | clang | 1.5 MB |
//! | the examples `wc`, `csv2json` | `examples/` | | clang | 0.2 MB |
//! | a text index in Rust | `guests/rust` | | Debian's rustc 1.63 | 6 MB |
//! | log summary | `examples/go` | | Go ≥ 1.21 | 3.5 MB |
//! | programs that use services | crate `gain` and `guests/gain` | 0.5.0 | Debian's rustc 1.63 | 2 MB |
//! | the examples of `gate-guest` | `crates/gate-guest` | | Debian's rustc 1.63 | 2 MB |
//!
//! **CRuby** comes as a library for JavaScript hosts. npm's `binaryen` merges it with `guests/ruby/command.wat`, whose
//! `_start` initializes Ruby with the arguments of the command line and loads the file named there; the JavaScript
//! bridge becomes functions that trap, and all exports but `_start` and `memory` go. It is the largest real program
//! here, and stops and restarts its own stack (Asyncify) for fibers and exceptions.
//!
//! **Lua** reports errors with setjmp and longjmp. clang turns them into WebAssembly exceptions (the encoding with
//! `exnref`, which clang has since version 20); `guests/lua/sjlj.c` is the runtime they need, so pcall works, and this is
//! the guest that uses the exceptions proposal (`wasmtime run -W exceptions`).
//!
//! **SQLite** keeps its database in a real file through its Unix layer; WASI has no file locks, so it takes none.
//!
//! **Rust** for WASI is in Debian as one old pair of compiler and standard library (1.63), installed beside any other.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::binaries::workspace;
use crate::cache;
use crate::process::Program;

mod clang;
mod diff;
mod packages;
mod ruby;
mod rust;
mod sdk;

pub use diff::{DIFF_ARGUMENTS, DIFF_ENVIRONMENT, DIFF_STDIN, DiffProgram, diff_programs};
pub use ruby::ruby;
pub use rust::{gain, rust, sdk_example};
pub use sdk::{sdk_c, sdk_go};

/// How long one compilation or download may take; SQLite takes half a minute on one busy processor.
const BUILD_DEADLINE: Duration = Duration::from_secs(15 * 60);

/// A program that others wrote, or that a person would write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guest {
    /// CRuby 3.4 with its standard library: `ruby FILE [ARGUMENT]...`.
    Ruby,
    /// SQLite 3: `sqlite DATABASE [FILE]`, SQL in the file or on standard input.
    Sqlite,
    /// Lua 5.4: `lua [FILE [ARGUMENT]...]`, else the program on standard input.
    Lua,
    /// QuickJS-ng: `qjs [OPTION]... [FILE [ARGUMENT]...]`.
    QuickJs,
    /// The Go program of `examples/go`: `logsummary`, JSON lines on standard input.
    Go,
    /// The Rust program of `guests/rust`: `index DIRECTORY`, queries on standard input.
    Rust,
    /// The C program of `examples/c`: `csv2json`, CSV on standard input.
    CsvToJson,
    /// The hand-written program of `examples/wat`, in the text format: counts lines, words and bytes of its input.
    WordCount,
}

impl Guest {
    /// Every guest, the quickest to build first.
    pub const ALL: [Self; 8] = [
        Self::WordCount,
        Self::CsvToJson,
        Self::Rust,
        Self::Lua,
        Self::Go,
        Self::QuickJs,
        Self::Sqlite,
        Self::Ruby,
    ];

    /// The path of its .wasm file, built if need be, or of the .wat file of [`Guest::WordCount`].
    ///
    /// # Errors
    /// A tool is missing, or a download or a compilation fails.
    pub fn path(self) -> Result<PathBuf> {
        match self {
            Self::Ruby => ruby(),
            Self::Sqlite => sqlite(),
            Self::Lua => lua(),
            Self::QuickJs => quickjs(),
            Self::Go => go(),
            Self::Rust => rust(&directory().join("rust/index.rs")),
            Self::CsvToJson => c(&workspace().join("examples/c/csv2json.c"), &[]),
            Self::WordCount => Ok(workspace().join("examples/wat/wc.wat")),
        }
    }
}

/// Compiles a C program of one file, with headers from its own directory, for WASI.
///
/// `flags` follow the source on the command line: definitions, optimization (default `-O2`), libraries.
///
/// # Errors
/// There is no clang for WebAssembly, or the program does not compile.
pub fn c(source: &Path, flags: &[&str]) -> Result<PathBuf> {
    clang::compile_program(source, flags)
}

/// Compiles the same kind of program with the system's C compiler, for this machine.
///
/// # Errors
/// There is no `cc`, or the program does not compile.
pub fn native(source: &Path, flags: &[&str]) -> Result<PathBuf> {
    clang::compile_native(source, flags)
}

/// The benchmark kernel `name`, a file of `guests/kernels` without its extension: a C program that takes a size as its argument,
/// and prints what it has computed.
///
/// # Errors
/// There is no such kernel, or as for [`c`].
pub fn kernel(name: &str) -> Result<PathBuf> {
    c(&directory().join("kernels").join(format!("{name}.c")), &[])
}

/// The same, but its functions lie elsewhere: behind one that nobody calls, which is the longer the larger `layout` is.
///
/// Where a function lies decides what a processor's predictors make of it. That can be worth more than all that is to be measured,
/// and changes with everything.
///
/// # Errors
/// As for [`kernel`].
pub fn kernel_in_layout(name: &str, layout: u32) -> Result<PathBuf> {
    let directory = directory().join("kernels");
    let header = directory.join("layout.h");
    let header = header.to_str().context("the path of the guests is not UTF-8")?;
    let flags = ["-include", header, &format!("-DLAYOUT={layout}")];
    c(&directory.join(format!("{name}.c")), &flags)
}

/// The text format of `empty`, which returns at once, or of `idle`, which waits for its standard input.
pub fn small_kernel(name: &str) -> PathBuf {
    directory().join("kernels").join(format!("{name}.wat"))
}

/// SQLite with a shell of ours.
///
/// # Errors
/// As for [`Guest::path`].
pub fn sqlite() -> Result<PathBuf> {
    let sources = packages::crate_sources()?.join("libsqlite3-sys/sqlite3");
    let main = directory().join("sqlite/main.c");
    clang::Compilation::new("sqlite")
        .sources([sources.join("sqlite3.c")])
        .own_sources([main])
        .include(sources)
        .flags(["-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION", "-DSQLITE_ENABLE_FTS5"])
        // long double is done in software, and its printf is not in Debian's libc.
        .flags(["-DLONGDOUBLE_TYPE=double"])
        .emulated(["mman", "getpid", "signal", "process-clocks"])
        .run()
}

/// Lua with an interpreter program of ours.
///
/// # Errors
/// As for [`Guest::path`]; also, the newest clang is older than version 20.
pub fn lua() -> Result<PathBuf> {
    let sources = packages::crate_sources()?.join("lua-src/lua-5.4.9");
    let own = directory().join("lua");
    clang::require(20, "the current encoding of WebAssembly exceptions")?;
    clang::Compilation::new("lua")
        .sources(c_files(&sources)?)
        .own_sources([own.join("main.c"), own.join("sjlj.c"), own.join("setjmp.h")])
        .include(own)
        .include(sources)
        .flags(["-mexception-handling", "-mllvm", "-wasm-enable-sjlj", "-mllvm", "-wasm-use-legacy-eh=false"])
        .emulated(["signal"])
        .run()
}

/// Lua that ends at the first error: it uses no exceptions, so that every engine can run it. There are no names in it, only 0.3 MB
/// of code and data.
///
/// # Errors
/// As for [`Guest::path`].
pub fn lua_without_errors() -> Result<PathBuf> {
    let sources = packages::crate_sources()?.join("lua-src/lua-5.4.9");
    let own = directory().join("lua");
    clang::Compilation::new("lua_without_errors")
        .sources(c_files(&sources)?)
        .own_sources([own.join("main.c"), own.join("setjmp.h")])
        .include(own)
        .include(sources)
        .flags(["-Wl,--strip-all"])
        .flags(["-DLUAI_THROW(state,jump)=abort()", "-DLUAI_TRY(state,jump,act)=act", "-Dluai_jmpbuf=int"])
        .emulated(["signal"])
        .run()
}

/// QuickJS-ng's own command-line program.
///
/// # Errors
/// As for [`Guest::path`].
pub fn quickjs() -> Result<PathBuf> {
    let sources = packages::crate_sources()?.join("rquickjs-sys/quickjs");
    let files = [
        "qjs.c",
        "quickjs-libc.c",
        "quickjs.c",
        "libregexp.c",
        "libunicode.c",
        "dtoa.c",
        "gen/repl.c",
        "gen/standalone.c",
    ];
    clang::Compilation::new("quickjs")
        .sources(files.map(|file| sources.join(file)))
        .include(sources)
        .flags(["-D_GNU_SOURCE", "-DNDEBUG", "-Wl,-z,stack-size=1048576"])
        .emulated(["signal", "process-clocks"])
        .run()
}

/// The Go program of `examples/go`.
///
/// # Errors
/// There is no Go, or it fails.
pub fn go() -> Result<PathBuf> {
    let source = workspace().join("examples/go");
    let version = packages::output(
        Program::new("go").arg("version").env("GOTOOLCHAIN", "local"),
        "Go: install it from go.dev, or the Debian package golang-go (1.21 or newer)",
    )?;
    let ingredients = (version, read_all(&[source.join("main.go"), source.join("go.mod")])?);
    cache::produce(&cache::guest_directory()?, "go", ".wasm", &ingredients, |product| {
        Program::new("go")
            .args(["build", "-trimpath", "-o"])
            .arg(product)
            .arg(".")
            .directory(&source)
            .env("GOOS", "wasip1")
            .env("GOARCH", "wasm")
            .env("GOTOOLCHAIN", "local")
            .run(BUILD_DEADLINE)?
            .success()?;
        Ok(())
    })
}

/// This crate's directory of guest sources.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guests")
}

/// The .c files of a directory, by name.
fn c_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let list =
        || fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>();
    let mut files = list().with_context(|| format!("cannot list {}", directory.display()))?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
    files.sort();
    Ok(files)
}

/// The files below a directory with this extension, in order.
fn files(directory: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries =
            fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn read_all(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>> {
    let read = |path: &PathBuf| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    paths.iter().map(read).collect()
}
