//! Calls and replies, as FlatBuffers.
//!
//! The layout is that of <https://flatbuffers.dev/internals/>. Calls are read here byte by byte, as they come from anybody: nothing outside
//! of the buffer is looked at, whatever its offsets are.

use flatbuffers::FlatBufferBuilder;

/// The value of the field that tells what is called.
const FUNCTION_REQUEST: u8 = 1;

/// What a program asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    /// Empty if it is missing; likewise `uri` and `body`.
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    pub(super) content_type: Option<&'a str>,
    pub(super) body: &'a [u8],
}

/// What a program gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// Just a status.
    pub(super) const fn of(status: u16) -> Self {
        Self { status, content_type: None, body: Vec::new() }
    }
}

/// The content of a reply.
pub(super) fn response(response: &Response) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::with_capacity(response.body.len() + 128);
    let content_type = response.content_type.as_ref().map(|text| builder.create_string(text));
    let body = (!response.body.is_empty()).then(|| builder.create_vector(&response.body));
    let table = builder.start_table();
    builder.push_slot(slot(0), response.status, 0);
    if let Some(content_type) = content_type {
        builder.push_slot_always(slot(1), content_type);
    }
    if let Some(body) = body {
        builder.push_slot_always(slot(2), body);
    }
    let table = builder.end_table(table);
    builder.finish(table, None);
    builder.finished_data().to_vec()
}

/// The offset in a table's directory of the field with this number.
const fn slot(number: u16) -> u16 {
    4 + 2 * number
}

/// The request in a call; `None` if the call is something else, or damaged.
pub(super) fn parse(call: &[u8]) -> Option<Request<'_>> {
    let call = Table::at(call, reference(call, 0)?)?;
    if call.u8(slot(0))? != FUNCTION_REQUEST {
        return None;
    }
    let request = Table::at(call.buffer, call.reference(slot(1))??)?;
    let text = |number| match request.bytes(slot(number))? {
        None => Some(None),
        Some(bytes) => std::str::from_utf8(bytes).ok().map(Some),
    };
    Some(Request {
        method: text(0)?.unwrap_or_default(),
        uri: text(1)?.unwrap_or_default(),
        content_type: text(2)?,
        body: request.bytes(slot(3))?.unwrap_or_default(),
    })
}

/// A table whose extent and directory are within the buffer. Its methods return `None` if something is not, and `Some(None)`
/// if a field is missing.
struct Table<'a> {
    buffer: &'a [u8],
    position: usize,
    /// From the beginning of the table to the end of its fields.
    table: &'a [u8],
    /// The offsets of the fields.
    directory: &'a [u8],
}

impl<'a> Table<'a> {
    fn at(buffer: &'a [u8], position: usize) -> Option<Self> {
        // The distance to the directory is counted backwards.
        let distance = i32::from_le_bytes(array(buffer, position)?);
        let directory = i64::try_from(position).ok()? - i64::from(distance);
        let directory = usize::try_from(directory).ok()?;
        let directory_len = u16_at(buffer, directory)?;
        let table_len = u16_at(buffer, directory.checked_add(2)?)?;
        if directory_len < 4 || table_len < 4 {
            return None;
        }
        let slice = |from: usize, len: u16| buffer.get(from..from.checked_add(usize::from(len))?);
        Some(Self {
            buffer,
            position,
            table: slice(position, table_len)?,
            directory: slice(directory, directory_len)?,
        })
    }

    /// Where a field is in the table.
    fn field(&self, slot: u16) -> Option<usize> {
        // It is shorter if the last fields are missing.
        let offset = u16_at(self.directory, slot.into())?;
        (offset != 0).then_some(offset.into())
    }

    /// A field of one byte; 0 if it is missing.
    fn u8(&self, slot: u16) -> Option<u8> {
        self.field(slot).map_or(Some(0), |offset| self.table.get(offset).copied())
    }

    /// To where a field refers.
    fn reference(&self, slot: u16) -> Option<Option<usize>> {
        let Some(offset) = self.field(slot) else { return Some(None) };
        let _: [u8; 4] = array(self.table, offset)?;
        reference(self.buffer, self.position.checked_add(offset)?).map(Some)
    }

    /// A string, or a vector of bytes.
    fn bytes(&self, slot: u16) -> Option<Option<&'a [u8]>> {
        let Some(position) = self.reference(slot)? else { return Some(None) };
        let len = usize::try_from(u32::from_le_bytes(array(self.buffer, position)?)).ok()?;
        let start = position.checked_add(4)?;
        self.buffer.get(start..start.checked_add(len)?).map(Some)
    }
}

/// To where the offset at `position` refers.
fn reference(buffer: &[u8], position: usize) -> Option<usize> {
    let offset = u32::from_le_bytes(array(buffer, position)?);
    position.checked_add(usize::try_from(offset).ok()?)
}

fn u16_at(buffer: &[u8], position: usize) -> Option<u16> {
    array(buffer, position).map(u16::from_le_bytes)
}

fn array<const N: usize>(buffer: &[u8], position: usize) -> Option<[u8; N]> {
    buffer.get(position..)?.first_chunk().copied()
}

#[cfg(test)]
pub(super) mod tests;
