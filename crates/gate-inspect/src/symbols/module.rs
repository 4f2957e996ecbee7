//! What of a module has names, and where its code is.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use wasmparser::{
    BinaryReader, ExternalKind, FunctionBody, KnownCustom, Name, NameMap, Parser, Payload, TypeRef,
};

use super::demangle;

/// The parts of a module that names and lines are about.
///
/// It has at most an entry per function and global, whatever sections claim.
#[derive(Default)]
pub(super) struct Module<'a> {
    /// The names of imported functions, which come first.
    imports: Vec<(&'a str, &'a str)>,
    imported_globals: u32,
    globals: u32,
    exports: Vec<(u32, &'a str)>,
    exported_globals: Vec<(u32, &'a str)>,
    wasm: &'a [u8],
    /// Where the bodies of the other functions are.
    bodies: Vec<Range<u32>>,
    /// Where the contents of the code section start.
    code_start: u64,
    function_names: Vec<(u32, &'a str)>,
    global_names: Vec<(u32, &'a str)>,
    /// Of functions whose parameters and locals have names.
    local_names: Vec<(u32, NameMap<'a>)>,
    debug: Vec<(&'a str, &'a [u8])>,
}

impl fmt::Debug for Module<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("functions", &self.functions())
            .field("names", &self.function_names.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Module<'a> {
    /// Reads a module up to where it is malformed.
    pub(super) fn read(wasm: &'a [u8]) -> Self {
        let mut module = Self { wasm, ..Self::default() };
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            let Ok(payload) = payload else { break };
            if let Payload::CustomSection(section) = &payload {
                match section.as_known() {
                    KnownCustom::Name(section) => names.push(section),
                    // Each of a handful of names, once.
                    _ if section.name().starts_with(".debug_")
                        && module.debug_section(section.name()).is_empty()
                        && module.debug.len() < 32 =>
                    {
                        module.debug.push((section.name(), section.data()));
                    }
                    _ => {}
                }
            } else if module.note(payload).is_none() {
                break;
            }
        }
        // There is one of them, and others read it twice only to be malicious.
        if let Some(names) = names.into_iter().next() {
            for subsection in names {
                let Ok(subsection) = subsection else { break };
                module.note_names(subsection);
            }
        }
        module
    }

    /// Takes notes of a section. `None` if it is malformed.
    fn note(&mut self, payload: Payload<'a>) -> Option<()> {
        match payload {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.ok()?;
                    match import.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => {
                            self.imports.push((import.module, import.name));
                        }
                        TypeRef::Global(_) => self.imported_globals = self.imported_globals.saturating_add(1),
                        TypeRef::Table(_) | TypeRef::Memory(_) | TypeRef::Tag(_) => {}
                    }
                }
            }
            Payload::GlobalSection(section) => self.globals = section.count(),
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.ok()?;
                    match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact => {
                            self.exports.push((export.index, export.name))
                        }
                        ExternalKind::Global => self.exported_globals.push((export.index, export.name)),
                        ExternalKind::Table | ExternalKind::Memory | ExternalKind::Tag => {}
                    }
                }
                self.exports.sort_by_key(|(index, _)| *index);
                self.exported_globals.sort_by_key(|(index, _)| *index);
            }
            Payload::CodeSectionStart { range, .. } => self.code_start = u64::try_from(range.start).ok()?,
            Payload::CodeSectionEntry(body) => {
                let Range { start, end } = body.range();
                self.bodies.push(u32::try_from(start).ok()?..u32::try_from(end).ok()?);
            }
            _ => {}
        }
        Some(())
    }

    fn note_names(&mut self, subsection: Name<'a>) {
        match subsection {
            Name::Function(names) => {
                self.function_names = named(names, self.functions());
            }
            Name::Global(names) => {
                let globals = self.imported_globals.saturating_add(self.globals);
                self.global_names = named(names, usize::try_from(globals).unwrap_or(usize::MAX));
            }
            Name::Local(names) => {
                let functions = names.into_iter().map_while(Result::ok).take(self.functions());
                self.local_names = functions.map(|naming| (naming.index, naming.names)).collect();
                self.local_names.sort_by_key(|(function, _)| *function);
            }
            _ => {}
        }
    }

    /// The contents of a custom section for debug information; nothing if there is none.
    pub(super) fn debug_section(&self, name: &str) -> &'a [u8] {
        self.debug.iter().find(|(known, _)| *known == name).map_or(&[], |(_, data)| data)
    }

    /// Where the contents of the code section start, which is what debug information counts from.
    pub(super) fn code_start(&self) -> u64 {
        self.code_start
    }

    /// Where the bodies of functions start, behind their number.
    pub(super) fn bodies_start(&self) -> u64 {
        let content = usize::try_from(self.code_start).ok().and_then(|start| self.wasm.get(start..));
        let mut reader = BinaryReader::new(content.unwrap_or_default(), 0);
        // Without a code section, there is nothing that could be meant.
        let _ = reader.read_var_u32();
        self.code_start + u64::try_from(reader.original_position()).unwrap_or_default()
    }

    fn functions(&self) -> usize {
        self.imports.len() + self.bodies.len()
    }

    pub(super) fn function_name(&self, function: u32) -> Option<&'a str> {
        let import = || {
            let (_, field) = self.imports.get(usize::try_from(function).ok()?)?;
            Some(*field)
        };
        find(&self.function_names, function).or_else(import).or_else(|| find(&self.exports, function))
    }

    pub(super) fn global_name(&self, global: u32) -> Option<&'a str> {
        find(&self.global_names, global).or_else(|| find(&self.exported_globals, global))
    }

    pub(super) fn local_names(&self, function: u32) -> BTreeMap<u32, &'a str> {
        let position = self.local_names.partition_point(|(known, _)| *known < function);
        let names = self.local_names.get(position).filter(|(known, _)| *known == function);
        let names = names.into_iter().flat_map(|(_, names)| names.clone()).map_while(Result::ok);
        names.map(|naming| (naming.index, naming.name)).collect()
    }

    pub(super) fn functions_named(&self, name: &str) -> Vec<u32> {
        let known = |names: &[(u32, &str)]| -> Vec<u32> {
            let called = names.iter().filter(|(_, encoded)| demangle::is_called(encoded, name));
            called.map(|(function, _)| *function).collect()
        };
        let mut functions = known(&self.function_names);
        functions
            .extend(self.exports.iter().filter(|(_, export)| *export == name).map(|(function, _)| *function));
        functions.extend(
            (0..).zip(&self.imports).filter(|(_, (_, field))| *field == name).map(|(function, _)| function),
        );
        functions.sort_unstable();
        functions.dedup();
        functions
    }

    /// The function whose body, or the size before it, is at an offset.
    pub(super) fn function_at(&self, offset: u32) -> Option<u32> {
        let position = self.bodies.partition_point(|body| body.end <= offset);
        let body = self.bodies.get(position)?;
        // A body's size has five bytes at most.
        let near = offset.saturating_add(5) >= body.start;
        u32::try_from(self.imports.len() + position).ok().filter(|_| near)
    }

    pub(super) fn first_instruction(&self, function: u32) -> Option<u32> {
        let position = usize::try_from(function).ok()?.checked_sub(self.imports.len())?;
        let body = self.bodies.get(position)?;
        let start = usize::try_from(body.start).ok()?;
        let bytes = self.wasm.get(start..usize::try_from(body.end).ok()?)?;
        let operators = FunctionBody::new(BinaryReader::new(bytes, start)).get_operators_reader().ok()?;
        u32::try_from(operators.original_position()).ok()
    }
}

/// The names in `map`, sorted, at most `limit` of them.
fn named<'a>(map: NameMap<'a>, limit: usize) -> Vec<(u32, &'a str)> {
    let names = map.into_iter().map_while(Result::ok).take(limit);
    let mut names: Vec<(u32, &str)> = names.map(|naming| (naming.index, naming.name)).collect();
    names.sort_by_key(|(index, _)| *index);
    names
}

/// The first name of `index` in a sorted list.
fn find<'a>(names: &[(u32, &'a str)], index: u32) -> Option<&'a str> {
    let position = names.partition_point(|(known, _)| *known < index);
    names.get(position).filter(|(known, _)| *known == index).map(|(_, name)| *name)
}
