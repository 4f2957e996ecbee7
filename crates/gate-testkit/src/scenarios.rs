//! What to run the guest programs with, and what they must then print: data, so that one test can run each scenario
//! over every life of a program (fresh, suspended and resumed, restored, migrated).
//!
//! A scenario is self-contained. The program sees one directory, as `/`, with the scenario's files in it, may write
//! there, and has the arguments, environment and input given here and nothing else. The expected outputs were recorded
//! with another engine (the wasmtime command-line program), which `tests/it` repeats where that is installed; with
//! `GATE_BLESS=1` in the environment it records them again.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::guests::Guest;

/// One run of a guest program.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// A unique name, fit for a file name.
    pub name: &'static str,
    /// The program.
    pub guest: Guest,
    /// The arguments after the program's name.
    pub arguments: &'static [&'static str],
    /// The environment variables.
    pub environment: &'static [(&'static str, &'static str)],
    /// Files of the directory `/`: absolute paths and contents.
    pub files: &'static [(&'static str, &'static str)],
    /// The standard input.
    pub stdin: &'static str,
    /// The exact standard output.
    pub stdout: &'static str,
    /// The exit status.
    pub status: u8,
}

impl Scenario {
    /// Writes the files into `root`, the directory that the program will see as `/`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write_files(&self, root: &Path) -> Result<()> {
        for (path, contents) in self.files {
            let path = root.join(path.trim_start_matches('/'));
            let directory = path.parent().unwrap_or(root);
            fs::create_dir_all(directory)
                .and_then(|()| fs::write(&path, contents))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Compares what a run gave with what is expected.
    ///
    /// # Errors
    /// It differs; the message shows the first line that does.
    pub fn check(&self, status: Option<i32>, stdout: &str) -> Result<()> {
        let mut expected = self.stdout.lines();
        for (index, line) in stdout.lines().enumerate() {
            let wanted = expected.next();
            anyhow::ensure!(
                wanted == Some(line),
                "{}: line {} of the output is\n{line:?}\nand should be\n{wanted:?}",
                self.name,
                index + 1
            );
        }
        let missing = expected.next();
        anyhow::ensure!(missing.is_none(), "{}: the output ends before the line {missing:?}", self.name);
        anyhow::ensure!(stdout == self.stdout, "{}: the output differs in its line ends", self.name);
        anyhow::ensure!(
            status == Some(i32::from(self.status)),
            "{}: the status is {status:?} and should be {}",
            self.name,
            self.status
        );
        Ok(())
    }
}

/// All scenarios, the quickest first.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "wc",
        guest: Guest::WordCount,
        arguments: &[],
        environment: &[],
        files: &[],
        stdin: include_str!("../guests/diff/stdin.txt"),
        stdout: include_str!("../guests/scenarios/wc/expected.txt"),
        status: 0,
    },
    Scenario {
        name: "csv2json",
        guest: Guest::CsvToJson,
        arguments: &[],
        environment: &[],
        files: &[],
        stdin: include_str!("../../../examples/c/cities.csv"),
        stdout: include_str!("../guests/scenarios/csv2json/expected.txt"),
        status: 0,
    },
    Scenario {
        name: "rust",
        guest: Guest::Rust,
        arguments: &["/texts"],
        environment: &[],
        files: &[
            ("/texts/fox.txt", include_str!("../guests/diff/stdin.txt")),
            ("/texts/orders.txt", include_str!("../guests/scenarios/ruby/orders.txt")),
            ("/texts/times.txt", include_str!("../guests/scenarios/lua/words.txt")),
        ],
        stdin: include_str!("../guests/scenarios/rust/queries.txt"),
        stdout: include_str!("../guests/scenarios/rust/expected.txt"),
        status: 4,
    },
    Scenario {
        name: "lua",
        guest: Guest::Lua,
        arguments: &["/program.lua", "first"],
        environment: &[("LABEL", "a=b")],
        files: &[
            ("/program.lua", include_str!("../guests/scenarios/lua/program.lua")),
            ("/data/readme", "a file beside the output\n"),
        ],
        stdin: include_str!("../guests/scenarios/lua/words.txt"),
        stdout: include_str!("../guests/scenarios/lua/expected.txt"),
        status: 0,
    },
    Scenario {
        name: "go",
        guest: Guest::Go,
        arguments: &[],
        environment: &[],
        files: &[],
        stdin: include_str!("../../../examples/go/access.log"),
        stdout: include_str!("../guests/scenarios/go/expected.txt"),
        status: 0,
    },
    Scenario {
        name: "quickjs",
        guest: Guest::QuickJs,
        arguments: &["-m", "/program.js", "x", "y z"],
        environment: &[("LABEL", "a=b")],
        files: &[
            ("/program.js", include_str!("../guests/scenarios/quickjs/program.js")),
            ("/data/input.json", include_str!("../guests/scenarios/quickjs/input.json")),
        ],
        stdin: include_str!("../guests/scenarios/ruby/orders.txt"),
        stdout: include_str!("../guests/scenarios/quickjs/expected.txt"),
        status: 5,
    },
    Scenario {
        name: "sqlite",
        guest: Guest::Sqlite,
        arguments: &["/inventory.db"],
        environment: &[],
        files: &[],
        stdin: include_str!("../guests/scenarios/sqlite/inventory.sql"),
        stdout: include_str!("../guests/scenarios/sqlite/expected.txt"),
        status: 0,
    },
    Scenario {
        name: "ruby",
        guest: Guest::Ruby,
        arguments: &["/orders.rb", "one", "two words"],
        environment: &[("LABEL", "a=b")],
        files: &[
            ("/orders.rb", include_str!("../guests/scenarios/ruby/orders.rb")),
            ("/data/products.json", include_str!("../guests/scenarios/ruby/products.json")),
        ],
        stdin: include_str!("../guests/scenarios/ruby/orders.txt"),
        stdout: include_str!("../guests/scenarios/ruby/expected.txt"),
        status: 3,
    },
];

#[cfg(test)]
mod tests;
