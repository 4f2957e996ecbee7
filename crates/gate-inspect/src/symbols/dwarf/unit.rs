//! A unit: what a compiler has made at once.

use gimli::{
    Abbreviation, AttributeValue, DebugAddrBase, DebugLineOffset, DebugLocListsBase, DebugRngListsBase,
    DebugStrOffsetsBase, DwarfFileType, EntriesRaw, UnitHeader, UnitType,
};

use super::budget::{Budget, Fault};
use super::{Dwarf, Reader};

/// A unit whose root entry has been read.
pub(super) struct Unit<'a> {
    /// What the readers of attributes need. It has no line program: that could take long to read.
    pub(super) unit: gimli::Unit<Reader<'a>>,
    pub(super) line_program: Option<DebugLineOffset>,
    pub(super) name: Option<AttributeValue<Reader<'a>>>,
    pub(super) directory: Option<AttributeValue<Reader<'a>>>,
    ranges: Ranges<'a>,
}

impl<'a> Unit<'a> {
    /// Reads a unit's root entry.
    pub(super) fn read(
        dwarf: &Dwarf<'a>,
        header: UnitHeader<Reader<'a>>,
        budget: &Budget,
    ) -> Result<Self, Fault> {
        match header.type_() {
            UnitType::Compilation | UnitType::Partial | UnitType::Skeleton(_) => {}
            UnitType::Type { .. } | UnitType::SplitType { .. } | UnitType::SplitCompilation(_) => {
                return Err(Fault::Malformed);
            }
        }
        let table = dwarf.abbreviations.get(header.debug_abbrev_offset().0..).unwrap_or_default();
        pay_for_abbreviations(table, budget)?;
        let abbreviations = dwarf.sections.abbreviations(&header)?;
        let encoding = header.encoding();
        let file = DwarfFileType::Main;
        let mut unit = gimli::Unit {
            abbreviations,
            name: None,
            comp_dir: None,
            low_pc: 0,
            str_offsets_base: DebugStrOffsetsBase::default_for_encoding_and_file(encoding, file),
            addr_base: DebugAddrBase(0),
            loclists_base: DebugLocListsBase::default_for_encoding_and_file(encoding, file),
            rnglists_base: DebugRngListsBase::default_for_encoding_and_file(encoding, file),
            line_program: None,
            dwo_id: None,
            header,
        };
        let (mut line_program, mut name, mut directory) = (None, None, None);
        let mut ranges = Ranges::default();
        {
            let mut entries = unit.header.entries_raw(&unit.abbreviations, None)?;
            let root = entries.read_abbreviation()?.ok_or(Fault::Malformed)?;
            budget.take(root.attributes().len())?;
            for specification in root.attributes() {
                let attribute = entries.read_attribute(*specification)?;
                match (attribute.name(), attribute.value()) {
                    (gimli::DW_AT_name, value) => name = Some(value),
                    (gimli::DW_AT_comp_dir, value) => directory = Some(value),
                    (gimli::DW_AT_stmt_list, AttributeValue::DebugLineRef(offset)) => {
                        line_program = Some(offset);
                    }
                    (gimli::DW_AT_str_offsets_base, AttributeValue::DebugStrOffsetsBase(base)) => {
                        unit.str_offsets_base = base;
                    }
                    (gimli::DW_AT_addr_base, AttributeValue::DebugAddrBase(base)) => unit.addr_base = base,
                    (gimli::DW_AT_rnglists_base, AttributeValue::DebugRngListsBase(base)) => {
                        unit.rnglists_base = base;
                    }
                    (name, value) => ranges.note(name, value),
                }
            }
        }
        if let Some(low) = ranges.low {
            unit.low_pc = dwarf.sections.attr_address(&unit, low)?.unwrap_or_default();
        }
        Ok(Self { unit, line_program, name, directory, ranges })
    }

    /// Those of some sorted addresses that the unit has code at; all of them if it does not say where its code is.
    pub(super) fn covered(&self, dwarf: &Dwarf<'a>, addresses: &[u64], budget: &Budget) -> Vec<u64> {
        let mut covered = vec![false; addresses.len()];
        let mark = |begin, end| {
            let first = addresses.partition_point(|address| *address < begin);
            let behind = addresses.partition_point(|address| *address < end);
            covered.get_mut(first..behind).into_iter().flatten().for_each(|covered| *covered = true);
        };
        match self.ranges.each(dwarf, &self.unit, budget, mark) {
            Ok(true) => {}
            Ok(false) => return addresses.to_vec(),
            // What it has said so far.
            Err(_) => {}
        }
        let covered = addresses.iter().zip(covered).filter(|(_, covered)| *covered);
        covered.map(|(address, _)| *address).collect()
    }

    /// Its entries, from the root or another one on.
    pub(super) fn entries(
        &self,
        from: Option<gimli::UnitOffset>,
    ) -> Result<EntriesRaw<'_, Reader<'a>>, Fault> {
        Ok(self.unit.header.entries_raw(&self.unit.abbreviations, from)?)
    }
}

/// The next entry's abbreviation, if it is not the end of a list of them.
pub(super) fn next<'u, 'a>(
    entries: &mut EntriesRaw<'u, Reader<'a>>,
    budget: &Budget,
) -> Result<Option<&'u Abbreviation>, Fault> {
    let abbreviation = entries.read_abbreviation()?;
    budget.take(abbreviation.map_or(1, |abbreviation| 1 + abbreviation.attributes().len()))?;
    Ok(abbreviation)
}

/// Which addresses an entry is about, as its attributes say it.
#[derive(Clone, Default)]
pub(super) struct Ranges<'a> {
    low: Option<AttributeValue<Reader<'a>>>,
    high: Option<AttributeValue<Reader<'a>>>,
    list: Option<AttributeValue<Reader<'a>>>,
}

impl<'a> Ranges<'a> {
    /// Keeps an attribute if it is about addresses.
    pub(super) fn note(&mut self, name: gimli::DwAt, value: AttributeValue<Reader<'a>>) {
        match name {
            gimli::DW_AT_low_pc => self.low = Some(value),
            gimli::DW_AT_high_pc => self.high = Some(value),
            gimli::DW_AT_ranges => self.list = Some(value),
            _ => {}
        }
    }

    /// Gives each range to `range`, as begin and end. Returns whether there was anything about addresses.
    ///
    /// Linkers give functions that they leave out the address 0, where the number of functions is, or one at the end of
    /// all addresses.
    pub(super) fn each(
        &self,
        dwarf: &Dwarf<'a>,
        unit: &gimli::Unit<Reader<'a>>,
        budget: &Budget,
        mut range: impl FnMut(u64, u64),
    ) -> Result<bool, Fault> {
        let mut give = |begin, end| {
            if begin != 0 && begin < end {
                range(begin, end);
            }
        };
        if let Some(list) = self.list
            && let Some(offset) = dwarf.sections.attr_ranges_offset(unit, list)?
        {
            // The raw list: it is paid for by its entries, of which some are no ranges.
            let mut list = dwarf.sections.ranges(unit, offset)?;
            while let Some(entry) = list.next_raw()? {
                budget.take(1)?;
                if let Some(range) = list.convert_raw(entry)? {
                    give(range.begin, range.end);
                }
            }
            return Ok(true);
        }
        let Some(low) = self.low else { return Ok(false) };
        let Some(high) = self.high else { return Ok(false) };
        let Some(begin) = dwarf.sections.attr_address(unit, low)? else { return Ok(false) };
        let end = match high {
            AttributeValue::Udata(size) => Some(begin.saturating_add(size)),
            high => dwarf.sections.attr_address(unit, high)?,
        };
        end.into_iter().for_each(|end| give(begin, end));
        Ok(end.is_some())
    }
}

/// Takes the cost of a table of abbreviations: many units may share one, or have tables that are parts of each other.
fn pay_for_abbreviations(mut table: &[u8], budget: &Budget) -> Result<(), Fault> {
    let before = table.len();
    // Malformed ones are refused where they are read.
    let _ = skip_abbreviations(&mut table, budget);
    // Entries in a tree cost more than the bytes they were read from.
    budget.take((before - table.len()).saturating_mul(4))
}

fn skip_abbreviations(table: &mut &[u8], budget: &Budget) -> Option<()> {
    const DW_FORM_IMPLICIT_CONST: u64 = 0x21;
    while leb(table)? != 0 {
        budget.take(1).ok()?;
        leb(table)?;
        *table = table.get(1..)?;
        loop {
            let (name, form) = (leb(table)?, leb(table)?);
            if form == DW_FORM_IMPLICIT_CONST {
                leb(table)?;
            }
            budget.take(1).ok()?;
            if (name, form) == (0, 0) {
                break;
            }
        }
    }
    Some(())
}

/// The low bits of the number in LEB128 form at the start of some bytes, which is taken from them.
fn leb(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    let mut shift = 0u32;
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if shift < 63 {
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
        }
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
}
