//! Which functions an instruction is in: one, and those that were inlined there.

use gimli::{AttributeValue, DebugInfoOffset, UnitOffset};

use super::Dwarf;
use super::budget::{Budget, Fault};
use super::unit::{self, Ranges, Unit};
use crate::symbols::demangle;

/// How many functions inlined into each other are told.
const MAX_DEPTH: usize = 64;

/// How many entries are looked at for a name: each may say that another one has it.
const MAX_HOPS: u32 = 16;

/// A function, or one that was inlined.
pub(super) struct Call {
    /// Its entry in the unit.
    entry: UnitOffset,
    depth: isize,
    /// How many addresses it has there.
    size: u64,
    /// Where it was called, if it was inlined.
    pub(super) file: u64,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// For each of some sorted addresses: the function that it is in, then what was inlined, outermost first.
pub(super) fn read<'a>(
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    addresses: &[u64],
    budget: &Budget,
) -> Vec<Vec<Call>> {
    let mut calls = Vec::new();
    calls.resize_with(addresses.len(), Vec::new);
    // What was found before something malformed counts.
    let _ = walk(dwarf, unit, addresses, budget, &mut calls);
    calls
}

fn walk<'a>(
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    addresses: &[u64],
    budget: &Budget,
    calls: &mut [Vec<Call>],
) -> Result<(), Fault> {
    let mut entries = unit.entries(None)?;
    while !entries.is_empty() {
        let (entry, depth) = (entries.next_offset(), entries.next_depth());
        let Some(abbreviation) = unit::next(&mut entries, budget)? else { continue };
        let is_inlined = match abbreviation.tag() {
            gimli::DW_TAG_subprogram => false,
            gimli::DW_TAG_inlined_subroutine => true,
            _ => {
                entries.skip_attributes(abbreviation.attributes())?;
                continue;
            }
        };
        let mut ranges = Ranges::default();
        let (mut file, mut line, mut column) = (0, 0, 0);
        for specification in abbreviation.attributes() {
            let attribute = entries.read_attribute(*specification)?;
            let number =
                || attribute.udata_value().and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
            match attribute.name() {
                gimli::DW_AT_call_file => {
                    if let AttributeValue::FileIndex(index) = attribute.value() {
                        file = index;
                    }
                }
                gimli::DW_AT_call_line => line = number(),
                gimli::DW_AT_call_column => column = number(),
                name => ranges.note(name, attribute.value()),
            }
        }
        ranges.each(dwarf, &unit.unit, budget, |begin, end| {
            let first = addresses.partition_point(|address| *address < begin);
            let behind = addresses.partition_point(|address| *address < end);
            for calls in calls.get_mut(first..behind).into_iter().flatten() {
                let call = Call { entry, depth, size: end - begin, file, line, column };
                if is_inlined { inline(calls, call) } else { enter(calls, call) }
            }
        })?;
    }
    Ok(())
}

/// Notes the function that an instruction is in: of several, the smallest.
fn enter(calls: &mut Vec<Call>, call: Call) {
    if calls.first().is_none_or(|known| call.size <= known.size) {
        calls.clear();
        calls.push(call);
    }
}

/// Notes a function that was inlined where an instruction is. It is inside of what was noted with a lower depth.
fn inline(calls: &mut Vec<Call>, call: Call) {
    while calls.len() > 1 && calls.last().is_some_and(|known| known.depth >= call.depth) {
        calls.pop();
    }
    if !calls.is_empty() && calls.len() < MAX_DEPTH {
        calls.push(call);
    }
}

/// The name of a function, demangled.
pub(super) fn name<'a>(dwarf: &Dwarf<'a>, unit: &Unit<'a>, call: &Call, budget: &Budget) -> Option<String> {
    let name = find_name(dwarf, unit, call.entry, budget).ok()??;
    Some(demangle::demangled(&String::from_utf8_lossy(name)))
}

/// The name that an entry has, or one that it refers to: that for linkers, which says more, or that of the source.
fn find_name<'a>(
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    entry: UnitOffset,
    budget: &Budget,
) -> Result<Option<&'a [u8]>, Fault> {
    let mut other: Option<Unit<'a>> = None;
    let mut entry = entry;
    let mut plain = None;
    for _ in 0..MAX_HOPS {
        let unit = other.as_ref().unwrap_or(unit);
        let mut entries = unit.entries(Some(entry))?;
        let Some(abbreviation) = unit::next(&mut entries, budget)? else { break };
        let mut next = None;
        for specification in abbreviation.attributes() {
            let attribute = entries.read_attribute(*specification)?;
            match attribute.name() {
                gimli::DW_AT_linkage_name | gimli::DW_AT_MIPS_linkage_name => {
                    if let Some(name) = dwarf.text(&unit.unit, attribute.value(), budget)? {
                        return Ok(Some(name));
                    }
                }
                gimli::DW_AT_name if plain.is_none() => {
                    plain = dwarf.text(&unit.unit, attribute.value(), budget)?;
                }
                gimli::DW_AT_abstract_origin | gimli::DW_AT_specification => next = Some(attribute.value()),
                _ => {}
            }
        }
        match next {
            Some(AttributeValue::UnitRef(offset)) => entry = offset,
            Some(AttributeValue::DebugInfoRef(offset)) => match foreign(dwarf, offset, budget)? {
                Some((unit, offset)) => {
                    other = Some(unit);
                    entry = offset;
                }
                None => break,
            },
            _ => break,
        }
    }
    Ok(plain)
}

/// The unit that an entry is in, and where there.
fn foreign<'a>(
    dwarf: &Dwarf<'a>,
    offset: DebugInfoOffset,
    budget: &Budget,
) -> Result<Option<(Unit<'a>, UnitOffset)>, Fault> {
    let Some(header) = dwarf.unit_at(offset.0, budget)? else { return Ok(None) };
    let Some(offset) = offset.to_unit_offset(&header) else { return Ok(None) };
    Ok(Some((Unit::read(dwarf, header, budget)?, offset)))
}
