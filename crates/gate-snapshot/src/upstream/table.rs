//! The site table of a module: which numbers each function has.

use wasmparser::Operator;

use super::module::{Module, ModuleError, narrow, wide};
use super::numbering::{BASES, Numbering};
use super::scan::{self, Rules, Scan, Site, Visit};

/// Which numbers the sites of each function have.
#[derive(Debug)]
pub(super) struct Table<'n> {
    /// How they are numbered.
    pub(super) numbering: &'n Numbering,
    /// The offsets in the module of the instructions that have a breakpoint, in ascending order.
    pub(super) breakpoints: Vec<u32>,
    /// The first number of each function, and that behind the last function.
    starts: Vec<u32>,
}

impl<'n> Table<'n> {
    /// Reads, and validates, all code of a module.
    pub(super) fn new(
        module: &Module<'_>,
        numbering: &'n Numbering,
        breakpoints: &[u64],
    ) -> Result<Self, ModuleError> {
        let mut missing = Missing { places: Vec::new() };
        for breakpoint in breakpoints {
            let place = module.code.checked_add(usize::try_from(*breakpoint).unwrap_or(usize::MAX));
            let place =
                place.filter(|place| *place <= module.wasm.len()).and_then(|place| place.checked_sub(1));
            missing.places.push(narrow(place.ok_or(ModuleError::Breakpoint { found: *breakpoint })?));
        }
        missing.places.sort_unstable();
        missing.places.dedup();
        let mut starts = vec![BASES];
        for (function, _) in &module.imports {
            let sites = (numbering.import)(*function);
            let sites = sites.ok_or(ModuleError::NoImport { name: function.name() })?;
            push_start(&mut starts, sites)?;
        }
        let all = missing.places.clone();
        let rules = Rules { numbering, breakpoints: &all };
        for function in module.imported()..module.functions() {
            push_start(&mut starts, scan::scan(module, function, rules, &mut missing)?)?;
        }
        if let Some(missing) = missing.places.first() {
            let found = u64::from(missing + 1).saturating_sub(u64::from(narrow(module.code)));
            return Err(ModuleError::Breakpoint { found });
        }
        Ok(Self { numbering, breakpoints: all, starts })
    }

    /// How the sites are numbered.
    pub(super) fn rules(&self) -> Rules<'_> {
        Rules { numbering: self.numbering, breakpoints: &self.breakpoints }
    }

    /// How many sites there are.
    pub(super) fn len(&self) -> u32 {
        self.starts.last().copied().unwrap_or(BASES)
    }

    /// The first number of a function.
    pub(super) fn start(&self, function: u32) -> u32 {
        self.starts.get(wide(function)).copied().unwrap_or(BASES)
    }

    /// The function that has a number, and the number's position among those of the function.
    pub(super) fn function(&self, number: u32) -> Option<(u32, u32)> {
        let behind = self.starts.partition_point(|start| *start <= number);
        let function = narrow(behind).checked_sub(1).filter(|_| number < self.len())?;
        Some((function, number - self.start(function)))
    }
}

/// Adds the first number behind a function that has some.
fn push_start(starts: &mut Vec<u32>, sites: u32) -> Result<(), ModuleError> {
    let start = starts.last().copied().unwrap_or(BASES);
    let limit = u64::from(u32::MAX);
    let found = u64::from(start) + u64::from(sites);
    starts.push(u32::try_from(found).map_err(|_| ModuleError::Limit { what: "sites", found, limit })?);
    Ok(())
}

/// The places of breakpoints at which no instruction has been found yet.
struct Missing {
    places: Vec<u32>,
}

impl Visit for Missing {
    fn site(&mut self, _: &Scan<'_, '_>, site: Site, _: Option<&Operator<'_>>) {
        if site.kind == scan::Kind::Breakpoint {
            self.places.retain(|place| *place != site.place);
        }
    }
}
