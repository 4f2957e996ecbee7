//! Debug information: DWARF, versions 2 to 5, as linkers for WebAssembly leave it.
//!
//! Nothing is kept between questions. Each reads the units that it has to, once, whatever the number of addresses that are asked
//! about. Work is paid for from a [`Budget`] in proportion to the size of the sections, as there are many ways in which a few bytes
//! could ask for much: units that share a table, ranges that many entries refer to, entries of no size. What a spent
//! budget leaves out is not known.

mod budget;
mod calls;
mod rows;
mod unit;

use std::collections::HashMap;

use gimli::{EndianSlice, LittleEndian, SectionId, UnitHeader};

use self::budget::{Budget, Fault};
use self::calls::Call;
use self::unit::Unit;
use super::{SourceLine, path};

type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// How many places with the code of one line are told.
const MAX_PLACES: usize = 1_000;

/// The files of a line program, those that were asked for before.
struct Files<'f, 'a> {
    dwarf: &'f Dwarf<'a>,
    unit: &'f Unit<'a>,
    table: &'f rows::Header<'a>,
    budget: &'f Budget,
    known: HashMap<u64, Option<String>>,
}

impl Files<'_, '_> {
    /// A place in a file. Line 0 is code that belongs to no line.
    fn line(&mut self, function: Option<String>, file: u64, line: u32, column: u32) -> Option<SourceLine> {
        let Self { dwarf, unit, table, budget, known } = self;
        let name = || unit.file(dwarf, table, file, budget).ok().flatten();
        let file = known.entry(file).or_insert_with(name).clone()?;
        (line != 0).then_some(SourceLine { function, file, line, column })
    }
}

/// The debug information of a module.
pub(super) struct Dwarf<'a> {
    sections: gimli::Dwarf<Reader<'a>>,
    abbreviations: &'a [u8],
    lines: &'a [u8],
    bytes: u64,
}

impl std::fmt::Debug for Dwarf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dwarf").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Where a line's code is.
pub(super) struct Addresses {
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) addresses: Vec<u64>,
}

/// A row of a line program, up to the next one.
#[derive(Clone, Copy)]
struct Row {
    begin: u64,
    end: u64,
    file: u64,
    line: u32,
    column: u32,
    is_statement: bool,
}

impl<'a> Dwarf<'a> {
    /// Takes the custom sections by their names. `None` if they have no lines.
    pub(super) fn new(section: impl Fn(&str) -> &'a [u8]) -> Option<Self> {
        let mut bytes = 0u64;
        let load = |id: SectionId| {
            let data = section(id.name());
            bytes = bytes.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
            Ok::<_, gimli::Error>(EndianSlice::new(data, LittleEndian))
        };
        let sections = gimli::Dwarf::load(load).ok()?;
        let (abbreviations, lines) = (section(".debug_abbrev"), section(".debug_line"));
        (!lines.is_empty() && !section(".debug_info").is_empty()).then_some(Self {
            sections,
            abbreviations,
            lines,
            bytes,
        })
    }

    /// The source lines of addresses, which are sorted and all different.
    pub(super) fn lines(&self, addresses: &[u64]) -> Vec<Vec<SourceLine>> {
        let budget = Budget::new(self.bytes);
        let mut found = vec![Vec::new(); addresses.len()];
        let mut missing = addresses.to_vec();
        for header in self.headers(&budget) {
            if missing.is_empty() {
                break;
            }
            let Ok(unit) = Unit::read(self, header, &budget) else { continue };
            let here = unit.covered(self, &missing, &budget);
            if here.is_empty() {
                continue;
            }
            for (address, lines) in self.lines_in(&unit, &here, &budget) {
                if let Ok(position) = addresses.binary_search(&address)
                    && let Some(found) = found.get_mut(position)
                {
                    *found = lines;
                }
            }
            missing.retain(|address| {
                let position = addresses.binary_search(address).ok();
                position.and_then(|position| found.get(position)).is_some_and(Vec::is_empty)
            });
        }
        found
    }

    /// The source lines of those addresses for which a unit has any.
    fn lines_in(&self, unit: &Unit<'a>, addresses: &[u64], budget: &Budget) -> Vec<(u64, Vec<SourceLine>)> {
        let mut rows: Vec<Option<Row>> = vec![None; addresses.len()];
        let read = unit.rows(self, budget, |row| {
            let first = addresses.partition_point(|address| *address < row.begin);
            let behind = addresses.partition_point(|address| *address < row.end);
            for place in rows.get_mut(first..behind).into_iter().flatten() {
                *place = Some(row);
            }
        });
        let Ok(Some(table)) = read else { return Vec::new() };
        let calls = calls::read(self, unit, addresses, budget);
        let mut files = Files { dwarf: self, unit, table: &table, budget, known: HashMap::new() };
        let places = addresses.iter().zip(rows).zip(calls);
        let place = |((address, row), calls): ((&u64, Option<Row>), Vec<Call>)| {
            let row = row?;
            let mut lines = Vec::new();
            let (mut file, mut line, mut column) = (row.file, row.line, row.column);
            // The innermost call is at the row; the others are where they call the one before.
            for call in calls.iter().rev() {
                let function = calls::name(self, unit, call, budget);
                lines.extend(files.line(function, file, line, column));
                (file, line, column) = (call.file, call.line, call.column);
            }
            if calls.is_empty() {
                lines.extend(files.line(None, file, line, column));
            }
            Some((*address, lines))
        };
        places.filter_map(place).collect()
    }

    /// Where the code of a line is, or of the next that has code.
    pub(super) fn addresses(&self, file: &str, line: u32) -> Option<Addresses> {
        let budget = Budget::new(self.bytes);
        let mut best: Option<Addresses> = None;
        for header in self.headers(&budget) {
            let Ok(unit) = Unit::read(self, header, &budget) else { continue };
            let Ok(Some(table)) = unit.line_table(self, &budget) else { continue };
            let Ok(files) = unit.files_named(self, &table, file, &budget) else { continue };
            let Some((_, name)) = files.first() else { continue };
            let mut previous = None;
            // What was found before the budget was spent counts.
            let _ = unit.rows(self, &budget, |row| {
                let here = files.iter().any(|(index, _)| *index == row.file).then_some((row.file, row.line));
                let is_first = here != previous;
                previous = here;
                if here.is_none() || !is_first || !row.is_statement || row.line < line {
                    return;
                }
                match &mut best {
                    Some(best) if best.line < row.line => {}
                    Some(best) if best.line == row.line => {
                        if best.addresses.len() < MAX_PLACES {
                            best.addresses.push(row.begin);
                        }
                    }
                    _ => {
                        best = Some(Addresses {
                            file: name.clone(),
                            line: row.line,
                            addresses: vec![row.begin],
                        });
                    }
                }
            });
        }
        best
    }

    /// The units, up to the first that is malformed.
    fn headers<'s>(&'s self, budget: &'s Budget) -> impl Iterator<Item = UnitHeader<Reader<'a>>> + 's {
        let mut units = self.sections.units();
        std::iter::from_fn(move || {
            budget.take(1).ok()?;
            units.next().ok().flatten()
        })
    }

    /// The unit that has an entry at an offset in the section of all entries.
    fn unit_at(&self, offset: usize, budget: &Budget) -> Result<Option<UnitHeader<Reader<'a>>>, Fault> {
        let mut last = None;
        for header in self.headers(budget) {
            match header.debug_info_offset() {
                Some(start) if start.0 <= offset => last = Some(header),
                _ => break,
            }
        }
        budget.take(1)?;
        Ok(last)
    }

    /// The text of an attribute; nothing if it has none.
    fn text(
        &self,
        unit: &gimli::Unit<Reader<'a>>,
        value: gimli::AttributeValue<Reader<'a>>,
        budget: &Budget,
    ) -> Result<Option<&'a [u8]>, Fault> {
        // A long text takes time to find its end, which is not to be taken again and again from what is spent.
        budget.take(1)?;
        let Ok(text) = self.sections.attr_string(unit, value) else { return Ok(None) };
        let text = text.slice();
        budget.take(text.len())?;
        Ok(Some(text))
    }

    /// Appends what an attribute says to a path.
    fn join(
        &self,
        to: &mut String,
        unit: &gimli::Unit<Reader<'a>>,
        value: gimli::AttributeValue<Reader<'a>>,
        budget: &Budget,
    ) -> Result<(), Fault> {
        if let Some(part) = self.text(unit, value, budget)? {
            path::join(to, &String::from_utf8_lossy(part));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
