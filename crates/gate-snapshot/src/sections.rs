//! The sections of a module, as bytes: nothing in them is parsed but the names of custom sections.

use std::ops::Range;

/// What a module starts with: magic number and version.
pub(crate) const HEADER: &[u8; 8] = b"\0asm\x01\0\0\0";

/// The id of custom sections.
pub(crate) const CUSTOM: u8 = 0;
/// The id of the memory section.
pub(crate) const MEMORY: u8 = 5;
/// The id of the global section.
pub(crate) const GLOBAL: u8 = 6;
/// The id of the export section.
pub(crate) const EXPORT: u8 = 7;
/// The id of the start section.
pub(crate) const START: u8 = 8;
/// The id of the element section.
pub(crate) const ELEMENT: u8 = 9;
/// The id of the code section.
pub(crate) const CODE: u8 = 10;
/// The id of the data section.
pub(crate) const DATA: u8 = 11;

/// A section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section<'a> {
    /// What it is.
    pub(crate) id: u8,
    /// The name of a custom section.
    pub(crate) name: Option<&'a [u8]>,
    /// Where it is, with its id and size.
    pub(crate) whole: Range<usize>,
    /// Where its content is; of a custom section, what is behind the name.
    pub(crate) content: Range<usize>,
}

/// Why bytes are not a list of sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SectionError {
    /// They start with something else.
    #[error("this is not a WebAssembly module")]
    Header,
    /// They end within a section.
    #[error("the section at offset {offset:#x} is cut off")]
    CutOff {
        /// Where the section starts, in bytes.
        offset: usize,
    },
    /// A size has more than 32 bits.
    #[error("the section at offset {offset:#x} has a size or a name length that is no number of 32 bits")]
    Number {
        /// Where the section starts, in bytes.
        offset: usize,
    },
}

/// The sections of a module, in order. Ends behind the first error.
pub(crate) fn sections(module: &[u8]) -> Sections<'_> {
    Sections { module, at: Some(0) }
}

/// See [`sections`].
#[derive(Clone, Debug)]
pub(crate) struct Sections<'a> {
    module: &'a [u8],
    /// Where the next section starts, if it is known.
    at: Option<usize>,
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Section<'a>, SectionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut start = self.at.take()?;
        if start == 0 {
            if !self.module.starts_with(HEADER) {
                return Some(Err(SectionError::Header));
            }
            start = HEADER.len();
        }
        if start == self.module.len() {
            return None;
        }
        let section = self.section(start);
        self.at = section.as_ref().ok().map(|section| section.whole.end);
        Some(section)
    }
}

impl<'a> Sections<'a> {
    fn section(&self, start: usize) -> Result<Section<'a>, SectionError> {
        let cut_off = SectionError::CutOff { offset: start };
        let id = *self.module.get(start).ok_or(cut_off)?;
        let (content, size) = self.number(start, start + 1)?;
        let end = content.checked_add(size).filter(|end| *end <= self.module.len()).ok_or(cut_off)?;
        let mut section = Section { id, name: None, whole: start..end, content: content..end };
        if id == CUSTOM {
            let (name, length) = self.number(start, content)?;
            let rest = name.checked_add(length).filter(|rest| *rest <= end).ok_or(cut_off)?;
            section.name = self.module.get(name..rest);
            section.content = rest..end;
        }
        Ok(section)
    }

    /// The number at an offset, with the offset of what follows it.
    fn number(&self, section: usize, at: usize) -> Result<(usize, usize), SectionError> {
        let bytes = self.module.get(at..).unwrap_or_default();
        let cut_off = SectionError::CutOff { offset: section };
        let (number, length) = unsigned(bytes).ok_or(cut_off)?;
        let number = u32::try_from(number).ok().filter(|_| length <= 5);
        let number = number.and_then(|number| usize::try_from(number).ok());
        Ok((at + length, number.ok_or(SectionError::Number { offset: section })?))
    }
}

/// The unsigned LEB128 number that some bytes start with, and how many bytes it has, at most ten. `None` when they are cut
/// off within it, or it has more than 64 bits.
pub(crate) fn unsigned(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0;
    for (position, byte) in (0..10).zip(bytes) {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * position;
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some((number, position + 1));
        }
    }
    None
}

/// Appends an unsigned LEB128 number, in its shortest form.
pub(crate) fn push_unsigned(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// Appends a signed LEB128 number, in its shortest form.
pub(crate) fn push_signed(bytes: &mut Vec<u8>, mut number: i64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        let low = low & 0x7f;
        number >>= 7;
        if number == if low & 0x40 == 0 { 0 } else { -1 } {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// Appends a length.
pub(crate) fn push_length(bytes: &mut Vec<u8>, length: usize) {
    push_unsigned(
        bytes,
        u64::try_from(length).expect("no supported host has addresses of more than 64 bits"),
    );
}

/// Appends a section.
pub(crate) fn push_section(module: &mut Vec<u8>, id: u8, content: &[u8]) {
    module.push(id);
    push_length(module, content.len());
    module.extend_from_slice(content);
}

/// Appends a custom section whose content is some parts, one behind the other.
pub(crate) fn push_custom(module: &mut Vec<u8>, name: &str, parts: &[&[u8]]) {
    let mut head = Vec::new();
    push_length(&mut head, name.len());
    head.extend_from_slice(name.as_bytes());
    module.push(CUSTOM);
    push_length(module, head.len() + parts.iter().map(|part| part.len()).sum::<usize>());
    module.extend_from_slice(&head);
    for part in parts {
        module.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests;
