//! The line program of a unit: which lines its code is from.

use gimli::{ColumnType, LineProgramHeader};

use super::budget::{Budget, Fault};
use super::unit::Unit;
use super::{Dwarf, Reader, Row};
use crate::symbols::path;

/// What stands before a line program: its files.
pub(super) type Header<'a> = LineProgramHeader<Reader<'a>>;

/// Longer headers are not read, in bytes: a byte of a header can take a hundred bytes of memory, and those of large programs that
/// were linked into one unit have some hundred thousand.
const MAX_HEADER: u64 = 2 << 20;

impl<'a> Unit<'a> {
    /// The header of the unit's line program, if it has one.
    pub(super) fn line_table(&self, dwarf: &Dwarf<'a>, budget: &Budget) -> Result<Option<Header<'a>>, Fault> {
        Ok(self.line_program(dwarf, budget)?.map(|program| program.header().clone()))
    }

    fn line_program(
        &self,
        dwarf: &Dwarf<'a>,
        budget: &Budget,
    ) -> Result<Option<gimli::IncompleteLineProgram<Reader<'a>>>, Fault> {
        let Some(offset) = self.line_program else { return Ok(None) };
        let length =
            header_length(dwarf.lines.get(offset.0..).unwrap_or_default()).ok_or(Fault::Malformed)?;
        if length > MAX_HEADER {
            return Err(Fault::Malformed);
        }
        budget.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        let size = self.unit.header.address_size();
        Ok(Some(dwarf.sections.debug_line.program(offset, size, None, None)?))
    }

    /// Gives each row that has code to `row`, in the order of the program. Returns the program's header.
    pub(super) fn rows(
        &self,
        dwarf: &Dwarf<'a>,
        budget: &Budget,
        mut give: impl FnMut(Row),
    ) -> Result<Option<Header<'a>>, Fault> {
        let Some(program) = self.line_program(dwarf, budget)? else { return Ok(None) };
        let header = program.header().clone();
        let mut rows = program.rows();
        let mut last: Option<Row> = None;
        let mut is_dead = false;
        while let Some((_, row)) = rows.next_row()? {
            budget.take(1)?;
            let begin = row.address();
            match last.take() {
                Some(last) if !is_dead && last.begin < begin => give(Row { end: begin, ..last }),
                Some(_) => {}
                // Of a function that is left out: see `Ranges::each`.
                None => is_dead = begin == 0,
            }
            if row.end_sequence() {
                continue;
            }
            let line = row.line().map_or(0, |line| u32::try_from(line.get()).unwrap_or(0));
            let column = match row.column() {
                ColumnType::LeftEdge => 0,
                ColumnType::Column(column) => u32::try_from(column.get()).unwrap_or(0),
            };
            let (file, is_statement) = (row.file_index(), row.is_stmt());
            last = Some(Row { begin, end: begin, file, line, column, is_statement });
        }
        Ok(Some(header))
    }

    /// The path of a file of the unit's line program.
    pub(super) fn file(
        &self,
        dwarf: &Dwarf<'a>,
        header: &Header<'a>,
        index: u64,
        budget: &Budget,
    ) -> Result<Option<String>, Fault> {
        let mut path = String::new();
        if let Some(directory) = self.directory {
            dwarf.join(&mut path, &self.unit, directory, budget)?;
        }
        if header.version() < 5 && index == 0 {
            let Some(name) = self.name else { return Ok(None) };
            dwarf.join(&mut path, &self.unit, name, budget)?;
            return Ok(Some(path));
        }
        let Some(file) = header.file(index) else { return Ok(None) };
        // Number 0 is the unit's own.
        if file.directory_index() != 0
            && let Some(directory) = file.directory(header)
        {
            dwarf.join(&mut path, &self.unit, directory, budget)?;
        }
        dwarf.join(&mut path, &self.unit, file.path_name(), budget)?;
        Ok(Some(path))
    }

    /// The files of the unit's line program whose path ends with `end`, by index.
    pub(super) fn files_named(
        &self,
        dwarf: &Dwarf<'a>,
        header: &Header<'a>,
        end: &str,
        budget: &Budget,
    ) -> Result<Vec<(u64, String)>, Fault> {
        let name = end.rsplit(['/', '\\']).next().unwrap_or(end);
        let mut found = Vec::new();
        let entries = header.file_names();
        let first = u64::from(header.version() < 5);
        for (index, entry) in (first..).zip(entries) {
            budget.take(1)?;
            // Most files are told apart by their last component, without making a path.
            let Some(text) = dwarf.text(&self.unit, entry.path_name(), budget)? else { continue };
            if !text.ends_with(name.as_bytes()) {
                continue;
            }
            if let Some(path) = self.file(dwarf, header, index, budget)?
                && path::ends_with(&path, end)
            {
                found.push((index, path));
            }
        }
        Ok(found)
    }
}

/// The length of the header of the line program that some bytes start with.
fn header_length(bytes: &[u8]) -> Option<u64> {
    let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let is_64_bit = word(0)? == u32::MAX;
    let after_length = if is_64_bit { 12 } else { 4 };
    let version = u16::from_le_bytes(*bytes.get(after_length..)?.first_chunk()?);
    let at = after_length + if version >= 5 { 4 } else { 2 };
    if is_64_bit {
        Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
    } else {
        word(at).map(u64::from)
    }
}
