//! Facts for people.

mod host;
mod table;

use std::fmt::Write;

use self::table::{Align, Table};
use crate::escape::escaped;
use crate::facts::{CallFrame, Facts, FunctionName, Kind, NamedValue, Program, State, TypedValue};

/// How many lines of a kind are shown: a module can have a hundred thousand exports.
const MAX_LINES: usize = 100;

/// How many calls are shown at each end of the stack.
const MAX_FRAMES: usize = 50;

impl Facts {
    /// What there is to say, for people: lines of text in UTF-8 without control characters. Long lists are cut, which the text says.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let kind = match (self.kind, self.snapshot_version) {
            (Kind::Module, _) => "WebAssembly module".to_owned(),
            (Kind::Snapshot, Some(0)) => "snapshot, version 0 (of the existing system)".to_owned(),
            (Kind::Snapshot, Some(version)) => format!("snapshot, version {version}"),
            (Kind::Snapshot, None) => "snapshot".to_owned(),
            (Kind::Unknown, _) => "unknown".to_owned(),
        };
        let mut fields = vec![("Kind", kind), ("Size", bytes(self.bytes)), ("SHA-256", self.sha256.clone())];
        if let Some(problem) = &self.problem {
            fields.push(("Problem", lines(problem)));
        }
        add_fields(&mut text, &fields);
        if let Some(state) = &self.state {
            add_state(&mut text, state);
        }
        if let Some(program) = &self.program {
            add_program(&mut text, program, self.kind == Kind::Snapshot);
        }
        self.add_sections(&mut text);
        text
    }

    fn add_sections(&self, text: &mut String) {
        let mut table =
            Table::new(&[("offset", Align::Right), ("bytes", Align::Right), ("section", Align::Left)]);
        for section in &self.sections {
            let name = if section.custom {
                format!("custom {:?}", Quoted(&section.name))
            } else {
                section.name.clone()
            };
            table.row([format!("{:#x}", section.offset), number(section.bytes), name]);
        }
        add_table(text, "Sections", &table);
    }
}

/// A text in quotation marks, escaped.
struct Quoted<'a>(&'a str);

impl std::fmt::Debug for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", escaped(self.0))
    }
}

fn add_program(text: &mut String, program: &Program, of_snapshot: bool) {
    let mut fields = Vec::new();
    if of_snapshot {
        fields.push(("Size", bytes(program.bytes)));
        fields.push(("SHA-256", program.sha256.clone()));
    }
    let functions = match program.personality {
        "gate" => "Gate's own, and packets",
        _ => "WASI preview 1",
    };
    fields.push(("Interface", functions.to_owned()));
    if !program.producers.is_empty() {
        let shown = program.producers.iter().take(8);
        let made =
            shown.map(|producer| format!("{} {}", escaped(&producer.name), escaped(&producer.version)));
        fields.push(("Made by", made.map(|made| made.trim_end().to_owned()).collect::<Vec<_>>().join(", ")));
    }
    let features = if program.features.is_empty() {
        "none beyond WebAssembly 1.0".to_owned()
    } else {
        program.features.join(", ")
    };
    fields.push(("Features", features));
    let counts = &program.counts;
    fields.push((
        "Code",
        format!(
            "{}, {}, {}",
            counted(counts.functions, "function"),
            counted(counts.instructions, "instruction"),
            bytes(counts.code_bytes)
        ),
    ));
    fields.push((
        "Data",
        format!("{}, {}", counted(counts.data_segments, "segment"), bytes(counts.data_bytes)),
    ));
    let debug = match (program.has_names, program.has_lines) {
        (true, true) => "names and source lines",
        (true, false) => "names",
        (false, true) => "source lines",
        (false, false) => "none",
    };
    fields.push(("Debug information", debug.to_owned()));
    if let Some(start) = &program.start {
        fields.push(("Start function", function(start)));
    }
    if let Some(stops) = &program.stops {
        fields.push((
            "Can be stopped",
            format!(
                "in {} of {}: at {}, {}, {}, {}",
                number(stops.functions),
                counted(counts.functions, "function"),
                counted(stops.loops, "loop"),
                plural(stops.entries, "entry", "entries"),
                counted(stops.calls, "call"),
                plural(stops.imports, "imported function that may wait", "imported functions that may wait"),
            ),
        ));
    }
    let _ = writeln!(text, "\nProgram");
    add_fields(text, &fields);

    let mut table = Table::new(&[("", Align::Left), ("", Align::Left), ("", Align::Left)]);
    for import in &program.imports {
        let ty = import.ty.clone().unwrap_or_else(|| import.kind.to_owned());
        table.row([escaped(&import.module), escaped(&import.field), ty]);
    }
    add_table(text, "Imports", &table);
    let mut table = Table::new(&[("", Align::Left), ("", Align::Left), ("", Align::Left)]);
    for export in &program.exports {
        let what = format!("{} {}", export.kind, export.index);
        table.row([escaped(&export.name), what, export.ty.clone().unwrap_or_default()]);
    }
    add_table(text, "Exports", &table);
    let mut table = Table::new(&[("", Align::Right), ("initial", Align::Left), ("maximum", Align::Left)]);
    for (index, memory) in program.memories.iter().enumerate() {
        let maximum = memory.maximum_pages.map_or_else(|| "none".to_owned(), pages);
        table.row([index.to_string(), pages(memory.initial_pages), maximum]);
    }
    add_table(text, "Memories", &table);
    let mut table = Table::new(&[
        ("", Align::Right),
        ("type", Align::Left),
        ("initial", Align::Right),
        ("maximum", Align::Right),
    ]);
    for (index, entry) in program.tables.iter().enumerate() {
        let maximum = entry.maximum.map_or_else(|| "none".to_owned(), number);
        table.row([index.to_string(), entry.ty.clone(), number(entry.initial), maximum]);
    }
    add_table(text, "Tables", &table);
    // A snapshot tells their values.
    if !of_snapshot {
        let mut table = Table::new(&[("", Align::Right), ("type", Align::Left), ("name", Align::Left)]);
        for (index, global) in program.globals.iter().enumerate() {
            let ty = if global.mutable { format!("mut {}", global.ty) } else { global.ty.clone() };
            table.row([index.to_string(), ty, global.name.as_deref().map(escaped).unwrap_or_default()]);
        }
        add_table(text, "Globals", &table);
    }
}

fn add_state(text: &mut String, state: &State) {
    let mut fields = vec![("Phase", phase(state).to_owned())];
    if let Some(entry) = &state.entry.initialize {
        fields.push(("Initialization", function(entry)));
    }
    if let Some(entry) = &state.entry.function {
        let arguments = state.entry.arguments.iter().map(value).collect::<Vec<_>>().join(", ");
        let entry = function(entry);
        fields.push(("Entry", if arguments.is_empty() { entry } else { format!("{entry} ({arguments})") }));
    }
    fields.push(("Calls on the stack", number(state.depth)));
    if let Some(trap) = &state.trap {
        let name = trap.text.map_or_else(|| format!("trap {}", trap.id), str::to_owned);
        fields.push(("Stopped by", name));
    }
    if state.is_final {
        let result =
            if state.trap.is_none() { format!(" with result {}", state.result) } else { String::new() };
        fields.push(("Final", format!("yes{result}: it is not meant to be continued")));
    }
    fields.push(("Own clock", seconds(state.monotonic_nanos)));
    if !state.breakpoints.is_empty() {
        let shown: Vec<_> = state.breakpoints.iter().map(|offset| format!("{offset:#x}")).collect();
        fields.push(("Breakpoints", shown.join(", ")));
    }
    if state.dropped_segments > 0 {
        fields.push(("Dropped segments", number(state.dropped_segments)));
    }
    if let Some(buffers) = &state.buffers {
        fields.push((
            "Packets",
            format!("{} not read, {} not handled", bytes(buffers.input_bytes), bytes(buffers.output_bytes)),
        ));
    }
    let _ = writeln!(text, "\nState");
    add_fields(text, &fields);

    add_frames(text, state);
    let mut table = Table::new(&[("", Align::Right), ("size", Align::Left), ("in use", Align::Left)]);
    for (index, memory) in state.memories.iter().enumerate() {
        table.row([index.to_string(), pages(memory.pages.into()), bytes(memory.data_bytes)]);
    }
    add_table(text, "Contents of memories", &table);
    let mut table = Table::new(&[("", Align::Right), ("elements", Align::Right), ("not null", Align::Right)]);
    for (index, entry) in state.tables.iter().enumerate() {
        table.row([index.to_string(), number(entry.elements), number(entry.references)]);
    }
    add_table(text, "Contents of tables", &table);
    let mut table = value_table();
    for (index, global) in state.globals.iter().enumerate() {
        table.row(named(index, global));
    }
    add_table(text, "Values of globals", &table);
    let mut table = Table::new(&[("", Align::Right), ("tag", Align::Right), ("values", Align::Left)]);
    for (index, exception) in state.exceptions.iter().enumerate() {
        let values = exception.values.iter().take(12).map(value).collect::<Vec<_>>().join(", ");
        table.row([index.to_string(), exception.tag.to_string(), values]);
    }
    add_table(text, "Exceptions", &table);
    if let Some(buffers) = &state.buffers {
        let mut table = Table::new(&[("name", Align::Left), ("keeps", Align::Left)]);
        for service in &buffers.services {
            table.row([escaped(&service.name), bytes(service.bytes)]);
        }
        add_table(text, "Services", &table);
    }
    if let Some(host) = &state.host {
        host::add(text, host);
    }
}

fn phase(state: &State) -> &'static str {
    match state.phase {
        "fresh" => "fresh: nothing has run",
        "start" if state.depth == 0 => "its start function is to be called",
        "start" => "in its start function",
        "initialize" if state.depth == 0 => "its initialization function is to be called",
        "initialize" => "in its initialization function",
        _ if state.depth > 0 => "in its entry function",
        _ if state.entry.function.is_some() => "its entry function is to be called",
        _ => "it has come to its end",
    }
}

fn add_frames(text: &mut String, state: &State) {
    if state.frames.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nCalls, innermost first");
    let mut omitted = false;
    for frame in &state.frames {
        let from_end = state.depth.saturating_sub(frame.number);
        let limit = u64::try_from(MAX_FRAMES).unwrap_or(u64::MAX);
        if frame.number >= limit && from_end > limit {
            if !omitted {
                let _ = writeln!(text, "        … {} calls …", number(state.depth - 2 * limit));
            }
            omitted = true;
            continue;
        }
        add_frame(text, frame);
    }
}

fn add_frame(text: &mut String, frame: &CallFrame) {
    let place = match frame.site.kind {
        Some("call") => "in a call",
        Some("loop") => "at the head of a loop",
        Some("entry") => "at its entry",
        Some("import") => "about to be called",
        Some("breakpoint") => "at a breakpoint",
        _ => "nowhere",
    };
    let _ = writeln!(
        text,
        "  {:>4}: {}, {place} at {:#x}",
        frame.number,
        function(&frame.function),
        frame.site.offset
    );
    for line in &frame.lines {
        let inlined = match &line.function {
            Some(name) if Some(name) != frame.function.name.as_ref() => format!("{} ", escaped(name)),
            _ => String::new(),
        };
        let _ = writeln!(text, "        {inlined}at {}:{}:{}", escaped(&line.file), line.line, line.column);
    }
    let mut table = value_table();
    for (index, local) in frame.locals.iter().enumerate().filter(|(_, local)| local.live) {
        table.row(named(index, local));
    }
    table.write(text, "          ", MAX_LINES);
    if !frame.operands.is_empty() {
        let operands = frame.operands.iter().take(MAX_LINES).map(value).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "          operands: {operands}");
    }
}

fn value_table() -> Table<4> {
    Table::new(&[("", Align::Right), ("", Align::Left), ("", Align::Left), ("", Align::Left)])
}

fn named(index: usize, value: &NamedValue) -> [String; 4] {
    let name = value.name.as_deref().map(escaped).unwrap_or_default();
    [index.to_string(), value.value.ty.clone(), escaped(&value.value.value), name]
}

fn value(value: &TypedValue) -> String {
    format!("{} {}", value.ty, escaped(&value.value))
}

fn function(function: &FunctionName) -> String {
    match &function.name {
        Some(name) => format!("{} (function {})", escaped(name), function.index),
        None => format!("function {}", function.index),
    }
}

/// A message, whose further lines are indented to where the first is.
fn lines(message: &str) -> String {
    let mut text = String::new();
    for (position, line) in message.lines().enumerate() {
        if position > 0 {
            text.push_str("\n  ");
        }
        for character in line.chars().take(2_000) {
            match character {
                '"' | '\'' | '\\' => text.push(character),
                other => text.extend(other.escape_debug()),
            }
        }
    }
    text
}

fn add_fields(text: &mut String, fields: &[(&str, String)]) {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, value) in fields {
        let _ = writeln!(text, "  {name:width$}  {value}");
    }
}

fn add_table<const N: usize>(text: &mut String, title: &str, table: &Table<N>) {
    if !table.is_empty() {
        let _ = writeln!(text, "\n{title}");
        table.write(text, "  ", MAX_LINES);
    }
}

fn counted(count: u64, what: &str) -> String {
    plural(count, what, &format!("{what}s"))
}

fn plural(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{} {many}", number(count)) }
}

/// A number with commas.
fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size, exact, and in a larger unit if it is large.
fn bytes(count: u64) -> String {
    let exact = counted(count, "byte");
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.iter().find(|(shift, _)| count >> shift > 0);
    match unit {
        Some((shift, unit)) => {
            let tenths = (count >> (shift - 10)).saturating_mul(10) >> 10;
            format!("{exact} ({}.{} {unit})", tenths / 10, tenths % 10)
        }
        None => exact,
    }
}

fn pages(pages: u64) -> String {
    let size = pages.checked_mul(65_536).map_or_else(|| "more than 16 EiB".to_owned(), bytes);
    format!("{} = {size}", counted(pages, "page"))
}

fn seconds(nanos: u64) -> String {
    format!("{}.{:09} s", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

#[cfg(test)]
mod tests;
