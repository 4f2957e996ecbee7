//! Golden files: a module as text, and below it, as comments, what is said about it.
//!
//! A file in `tests/golden` starts with options, `;;! run NAME` to ask for an entry function (any number of times) and
//! `;;! run` to ask for none, then has the module, then the expected output in lines that start with `;;`. To write the
//! output anew: `UPDATE_GOLDEN=1 cargo test -p gate-instrument`.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;

use gate_instrument::accept::{Facts, Limits, accept};

#[test]
fn golden() {
    check("tests/golden", 30, &describe);
}

/// Checks all files in a directory, at least so many.
pub(crate) fn check(directory: &str, at_least: usize, describe: &dyn Fn(&Path, &str) -> String) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let entries = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    assert!(files.len() >= at_least, "only {} files in {}", files.len(), directory.display());
    let mut failed = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let (input, expect) = split(&text);
        let output = describe(&path, input);
        if output != expect {
            if update {
                std::fs::write(&path, format!("{input}{output}")).unwrap();
            } else {
                failed.push(format!("{}\nexpected:\n{expect}found:\n{output}", path.display()));
            }
        }
    }
    assert!(
        failed.is_empty(),
        "{}\nafter a look at each, UPDATE_GOLDEN=1 writes them anew",
        failed.join("\n")
    );
}

/// Splits a file into what comes before its last lines that are comments, and those.
fn split(text: &str) -> (&str, &str) {
    let comments: usize =
        text.split_inclusive('\n').rev().take_while(|line| line.starts_with(";;")).map(str::len).sum();
    text.split_at(text.len() - comments)
}

fn describe(path: &Path, input: &str) -> String {
    let wasm = wat::parse_str(input).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut output = String::new();
    match accept(&wasm, &Limits::STANDARD) {
        Ok(facts) => {
            write!(output, "accepted: {:?}", facts.personality).unwrap();
            write_facts(&mut output, &facts);
            for option in input.lines().filter_map(|line| line.strip_prefix(";;! ")) {
                let request =
                    option.strip_prefix("run").unwrap_or_else(|| panic!("{}: {option}", path.display()));
                let request = request.strip_prefix(' ');
                write!(output, "\nrun {}: ", request.unwrap_or("nothing")).unwrap();
                match facts.entry(request) {
                    Ok(entry) => {
                        let functions: Vec<_> = entry.initialize.iter().chain(&entry.function).collect();
                        for function in &functions {
                            write!(
                                output,
                                "{} = function {} {}; ",
                                function.name, function.index, function.ty
                            )
                            .unwrap();
                        }
                        write!(output, "{} to run", functions.len()).unwrap();
                    }
                    Err(error) => output.push_str(&chain(&error)),
                }
            }
        }
        Err(refusal) => output.push_str(&chain(&refusal)),
    }
    output.lines().map(|line| format!(";; {line}\n")).collect()
}

fn write_facts(output: &mut String, facts: &Facts) {
    for (import, function) in facts.outline.imports.iter().zip(&facts.imported) {
        write!(output, "\nimport {}.{} = {function:?}", import.module, import.field).unwrap();
    }
    for export in &facts.outline.exports {
        write!(output, "\nexport {:?} = {} {}", export.name, export.kind.name(), export.index).unwrap();
    }
    for (index, memory) in facts.outline.memories.iter().enumerate() {
        let used = if facts.memory == u32::try_from(index).ok() { " (used by imports)" } else { "" };
        write!(
            output,
            "\nmemory {index}: {} to {:?} pages{used}",
            memory.initial_pages, memory.maximum_pages
        )
        .unwrap();
    }
    for (index, table) in facts.outline.tables.iter().enumerate() {
        write!(output, "\ntable {index}: {} to {:?} elements", table.initial, table.maximum).unwrap();
    }
    if let Some(start) = facts.outline.start {
        write!(output, "\nstart function {start}").unwrap();
    }
    write!(output, "\n{} functions", facts.outline.functions).unwrap();
    for (has, what) in [(facts.outline.has_names, "names"), (facts.outline.has_debug_lines, "debug lines")] {
        if has {
            write!(output, ", {what}").unwrap();
        }
    }
}

/// An error and its causes, as the program prints them.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        write!(text, "\n  because: {error}").unwrap();
        source = error.source();
    }
    text
}
