//! Names and source lines of a module.
//!
//! Names come from the name section, otherwise from imports and exports. Source lines come from the DWARF sections that compilers
//! embed, whose addresses are offsets in the code section. A module whose debug information is elsewhere has names at best.

mod demangle;
mod dwarf;
mod module;
mod path;

use std::collections::BTreeMap;

use self::dwarf::Dwarf;
use self::module::Module;

/// A place in source code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct SourceLine {
    /// The function there, demangled, if the debug information names one.
    pub function: Option<String>,
    /// The file, with its directory as far as that is known.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1; 0 if unknown.
    pub column: u32,
}

/// Where the code of a source line starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineCode {
    /// The file, as the debug information has it.
    pub file: String,
    /// The line. It is the next with code in that file if the one that was asked for has none.
    pub line: u32,
    /// Offsets of instructions in the module, ascending: one per place that the line was compiled to.
    pub offsets: Vec<u32>,
}

/// The names and source lines of a module.
///
/// What is malformed is as if it were not there. Texts are as the module has them: whoever shows them escapes them.
#[derive(Debug)]
pub struct Symbols<'a> {
    module: Module<'a>,
    dwarf: Option<Dwarf<'a>>,
}

impl<'a> Symbols<'a> {
    /// Takes a look at a module: its code, its names, and whether it has debug information.
    ///
    /// Of a file that is no module, and behind whatever is malformed, there is nothing.
    pub fn read(wasm: &'a [u8]) -> Self {
        let module = Module::read(wasm);
        let dwarf = Dwarf::new(|name| module.debug_section(name));
        Self { module, dwarf }
    }

    /// Whether there is debug information that source lines could come from.
    pub fn has_lines(&self) -> bool {
        self.dwarf.is_some()
    }

    /// The name of a function: demangled from the name section, otherwise of its import or of its first export.
    pub fn function_name(&self, function: u32) -> Option<String> {
        self.module.function_name(function).map(demangle::demangled)
    }

    /// The names of a function's parameters and locals, from the name section, by index.
    pub fn local_names(&self, function: u32) -> BTreeMap<u32, &'a str> {
        self.module.local_names(function)
    }

    /// The name of a global, from the name section, otherwise of its first export.
    pub fn global_name(&self, global: u32) -> Option<&'a str> {
        self.module.global_name(global)
    }

    /// The function whose code has an offset in the module.
    pub fn function_at(&self, offset: u32) -> Option<u32> {
        self.module.function_at(offset)
    }

    /// The offset in the module of a function's first instruction. `None` if it is imported or does not exist.
    pub fn first_instruction(&self, function: u32) -> Option<u32> {
        self.module.first_instruction(function)
    }

    /// The functions with a name, in ascending order: by that of the name section as it is, or demangled, or without parameters; or by
    /// that of an import or export.
    pub fn functions_named(&self, name: &str) -> Vec<u32> {
        self.module.functions_named(name)
    }

    /// The offset in the module of the instruction that a snapshot's list of breakpoints means: see
    /// [`gate_snapshot::Details::breakpoints`].
    pub(crate) fn breakpoint(&self, place: u64) -> u64 {
        self.module.bodies_start().saturating_add(place).saturating_sub(1)
    }

    /// The source lines of an instruction, given by its offset in the module: innermost first, if functions were inlined there.
    /// None if its line is not known.
    pub fn lines(&self, offset: u32) -> Vec<SourceLine> {
        self.lines_of(&[offset]).pop().unwrap_or_default()
    }

    /// Like [`Symbols::lines`], of many instructions, which costs hardly more than of one: the debug information is read once.
    pub fn lines_of(&self, offsets: &[u32]) -> Vec<Vec<SourceLine>> {
        let Some(dwarf) = &self.dwarf else { return vec![Vec::new(); offsets.len()] };
        let start = self.module.code_start();
        let address = |offset: &u32| u64::from(*offset).checked_sub(start);
        let mut addresses: Vec<u64> = offsets.iter().filter_map(address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let lines = dwarf.lines(&addresses);
        let of = |offset: &u32| {
            let position = addresses.binary_search(&address(offset)?).ok()?;
            lines.get(position).cloned()
        };
        offsets.iter().map(|offset| of(offset).unwrap_or_default()).collect()
    }

    /// Where the code of a source line starts, for breakpoints. `file` is the end of a path: `main.c` is every `main.c`.
    ///
    /// `None` if no file of that name has code at this line or behind it.
    pub fn line_code(&self, file: &str, line: u32) -> Option<LineCode> {
        let found = self.dwarf.as_ref()?.addresses(file, line)?;
        let start = self.module.code_start();
        let instruction = |address: &u64| {
            let offset = u32::try_from(address.checked_add(start)?).ok()?;
            // A function's first line starts where its locals are declared.
            let function = self.module.function_at(offset)?;
            Some(offset.max(self.module.first_instruction(function)?))
        };
        let mut offsets: Vec<u32> = found.addresses.iter().filter_map(instruction).collect();
        offsets.sort_unstable();
        offsets.dedup();
        Some(LineCode { file: found.file, line: found.line, offsets })
    }
}

#[cfg(test)]
mod tests;
