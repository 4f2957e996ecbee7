//! What imported functions keep, for people.

use std::fmt::Write;

use super::table::{Align, Table};
use super::{add_fields, add_table, bytes, counted, plural};
use crate::escape::escaped;
use crate::facts::{HostState, WasiState};

/// How many arguments and variables are shown.
const MAX_STRINGS: usize = 20;

/// Appends what there is to say.
pub(super) fn add(text: &mut String, host: &HostState) {
    let mut fields = vec![("Size", bytes(host.bytes))];
    if let Some(problem) = &host.problem {
        fields.push(("Problem", escaped(problem)));
    }
    if let Some(wasi) = &host.wasi {
        fields.extend(of_wasi(wasi));
    }
    let _ = writeln!(text, "\nState of imported functions");
    add_fields(text, &fields);
    if let Some(wasi) = &host.wasi {
        let mut table = Table::new(&[
            ("", Align::Right),
            ("", Align::Left),
            ("path", Align::Left),
            ("offset", Align::Right),
            ("size", Align::Right),
        ]);
        for descriptor in &wasi.descriptors {
            let number = |number: Option<u64>| number.map(super::number).unwrap_or_default();
            table.row([
                descriptor.fd.to_string(),
                descriptor.kind.to_owned(),
                descriptor.path.as_deref().map(escaped).unwrap_or_default(),
                number(descriptor.offset),
                number(descriptor.size),
            ]);
        }
        add_table(text, "Open descriptors", &table);
    }
}

fn of_wasi(wasi: &WasiState) -> Vec<(&'static str, String)> {
    let strings = |strings: &[String]| {
        let mut shown: Vec<String> = strings.iter().take(MAX_STRINGS).map(|string| escaped(string)).collect();
        if strings.len() > MAX_STRINGS {
            shown.push("…".to_owned());
        }
        if shown.is_empty() { "none".to_owned() } else { shown.join(" ") }
    };
    let files = &wasi.files;
    let changed = if wasi.files_changed { "changed since its start" } else { "not changed" };
    let obstacles = match wasi.obstacles.as_slice() {
        [] => "yes".to_owned(),
        [obstacle] => format!("no: {}", escaped(obstacle)),
        [obstacle, others @ ..] => {
            format!("no: {}, and {} more", escaped(obstacle), counted_reasons(others.len()))
        }
    };
    vec![
        ("Arguments", strings(&wasi.arguments)),
        ("Environment", strings(&wasi.environment)),
        (
            "Files",
            format!(
                "{}, {}, {}, {}; {changed}",
                counted(files.files, "file"),
                plural(files.directories, "directory", "directories"),
                counted(files.symlinks, "symbolic link"),
                bytes(files.bytes),
            ),
        ),
        ("Waits", if wasi.waits { "for a span of time" } else { "no" }.to_owned()),
        ("Can leave its host", obstacles),
    ]
}

fn counted_reasons(count: usize) -> String {
    counted(u64::try_from(count).unwrap_or(u64::MAX), "reason")
}
