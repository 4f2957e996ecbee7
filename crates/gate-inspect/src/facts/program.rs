//! What a program is, and where it can be stopped.

use gate_abi::import::{self, Personality};
use gate_instrument::accept::{self, Limits};
use gate_instrument::stop::{self, Config, Poll, SiteKind};
use serde::Serialize;

use super::outline::{Counts, Export, Global, Import, Memory, Outline, Producer, Table};
use crate::symbols::Symbols;

/// A program, apart from its state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Program {
    /// The size of its module in bytes.
    pub bytes: u64,
    /// The SHA-256 of its module, in hexadecimal digits.
    pub sha256: String,
    /// Why it is not accepted, if it is not.
    pub refusal: Option<String>,
    /// Which functions it runs with: `wasi` or `gate`.
    pub personality: &'static str,
    /// The features that it uses beyond the first version of WebAssembly.
    pub features: Vec<&'static str>,
    /// What it says it was made with.
    pub producers: Vec<Producer>,
    /// Whether it has a name section.
    pub has_names: bool,
    /// Whether it has debug information that source lines can be read from.
    pub has_lines: bool,
    /// What it imports.
    pub imports: Vec<Import>,
    /// What it exports.
    pub exports: Vec<Export>,
    /// The function that runs before all others.
    pub start: Option<FunctionName>,
    /// Its linear memories.
    pub memories: Vec<Memory>,
    /// Its tables.
    pub tables: Vec<Table>,
    /// Its globals.
    pub globals: Vec<Global>,
    /// How many there are of what.
    pub counts: Counts,
    /// Where it can be stopped. `None` if it is not accepted.
    pub stops: Option<Stops>,
}

/// A function, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionName {
    /// Its index.
    pub index: u32,
    /// Its name, demangled, if it has one.
    pub name: Option<String>,
}

impl FunctionName {
    pub(super) fn new(index: u32, symbols: &Symbols<'_>) -> Self {
        Self { index, name: symbols.function_name(index) }
    }
}

/// In how many places a program can be stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stops {
    /// Functions that can be stopped in. The others end soon, whatever happens.
    pub functions: u64,
    /// Entries of functions at which it stops.
    pub entries: u64,
    /// Loops at whose head it stops.
    pub loops: u64,
    /// Calls in which it stops when what is called does.
    pub calls: u64,
    /// Imported functions that may wait, before which it stops.
    pub imports: u64,
}

/// Why `wasm` is not accepted.
pub(super) fn refusal(wasm: &[u8]) -> Result<(), String> {
    accept::accept(wasm, &Limits::STANDARD).map(drop).map_err(|refusal| super::chain(&refusal))
}

/// Takes a look at a module.
pub(super) fn program(wasm: &[u8], symbols: &Symbols<'_>) -> Program {
    let outline = Outline::read(wasm, symbols);
    let refusal = refusal(wasm).err();
    let names = outline.imports.iter().map(|import| (import.module.as_str(), import.field.as_str()));
    let personality = match Personality::of(names) {
        Personality::Gate => "gate",
        Personality::Wasi => "wasi",
    };
    let stops = if refusal.is_none() { analyzed(wasm).as_ref().and_then(stops) } else { None };
    Program {
        bytes: u64::try_from(wasm.len()).unwrap_or(u64::MAX),
        sha256: super::sha256(wasm),
        refusal,
        personality,
        features: outline.features.into_iter().collect(),
        producers: outline.producers,
        has_names: outline.has_names,
        has_lines: symbols.has_lines(),
        imports: outline.imports,
        exports: outline.exports,
        start: outline.start.map(|index| FunctionName::new(index, symbols)),
        memories: outline.memories,
        tables: outline.tables,
        globals: outline.globals,
        counts: outline.counts,
        stops,
    }
}

/// The stop points of an accepted module, if it can be made stoppable.
pub(super) fn analyzed(wasm: &[u8]) -> Option<stop::Program<'_>> {
    let names = |module: &str, field: &str| {
        let personalities = [Personality::Wasi, Personality::Gate].into_iter();
        let mut functions =
            personalities.filter_map(|personality| import::resolve(personality, module, field).ok());
        functions.next().is_some_and(import::Function::may_block)
    };
    // Stop points do not depend on how they are found.
    let config = Config { poll: Poll::Store, control_pages: 1, may_block: &names, breakpoints: &[] };
    stop::Program::new(wasm, &config).ok()
}

fn stops(program: &stop::Program<'_>) -> Option<Stops> {
    let mut stops = Stops::default();
    for function in 0..program.functions() {
        let sites = program.sites(function).ok()?;
        stops.functions += u64::from(sites.iter().any(|site| site.kind != SiteKind::Import));
        for site in sites {
            match site.kind {
                SiteKind::Entry => stops.entries += 1,
                SiteKind::Loop => stops.loops += 1,
                SiteKind::Call => stops.calls += 1,
                SiteKind::Import => stops.imports += 1,
                // There are some only where somebody asks for them.
                SiteKind::Breakpoint => {}
            }
        }
    }
    Some(stops)
}
