//! Packets into bytes.

use crate::packet::{Code, Data, Domain, Flow};
use crate::{DATA_HEADER_SIZE, HEADER_SIZE, MAX_SIZE, padded};

/// Why something cannot be a packet. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum EncodeError {
    /// Header and content are too long together.
    #[error("packet of {found} bytes (at most {MAX_SIZE} allowed)")]
    Size { found: usize },
    /// No packet can hold the code.
    #[error("service code {found} (at most {} allowed)", i16::MAX)]
    Code { found: u16 },
    /// A name of a service is empty or too long.
    #[error("service name of {found} bytes (allowed: 1 to {})", crate::MAX_NAME_LENGTH)]
    NameLength { found: usize },
}

/// Appends a packet to `out`, padding included.
///
/// `index` is which outstanding call a reply answers, and 0 in every other packet.
///
/// # Errors
/// [`EncodeError::Size`] and [`EncodeError::Code`].
pub fn packet(
    out: &mut Vec<u8>,
    code: Code,
    domain: Domain,
    index: u8,
    content: &[u8],
) -> Result<(), EncodeError> {
    parts(out, code, domain, index, content.len(), |out| out.extend_from_slice(content))
}

/// Appends a flow packet to `out`.
///
/// # Errors
/// As [`packet`].
pub fn flows(out: &mut Vec<u8>, code: Code, flows: &[Flow]) -> Result<(), EncodeError> {
    parts(out, code, Domain::Flow, 0, size_of_val(flows), |out| {
        for flow in flows {
            out.extend_from_slice(&flow.id.to_le_bytes());
            out.extend_from_slice(&flow.value.to_le_bytes());
        }
    })
}

/// Appends a data packet to `out`.
///
/// # Errors
/// As [`packet`].
pub fn data(out: &mut Vec<u8>, code: Code, data: Data<'_>) -> Result<(), EncodeError> {
    parts(out, code, Domain::Data, 0, 8 + data.bytes.len(), |out| {
        out.extend_from_slice(&data.id.to_le_bytes());
        out.extend_from_slice(&data.note.to_le_bytes());
        out.extend_from_slice(data.bytes);
    })
}

/// Appends a data packet of stream `id` to `out`, of what `fill` writes to the beginning of the buffer of `len` bytes that it
/// gets. It returns how much that was; or `None`, and then nothing is appended.
///
/// # Errors
/// As [`packet`], of `len` bytes.
///
/// # Panics
/// When `fill` returns more than `len`.
pub fn data_with(
    out: &mut Vec<u8>,
    code: Code,
    id: i32,
    note: i32,
    len: usize,
    fill: impl FnOnce(&mut [u8]) -> Option<usize>,
) -> Result<Option<usize>, EncodeError> {
    let start = out.len();
    data(out, code, Data { id, note, bytes: &[] })?;
    let bytes = out.len();
    let found = len.saturating_add(DATA_HEADER_SIZE);
    if found > MAX_SIZE as usize {
        out.truncate(start);
        return Err(EncodeError::Size { found });
    }
    out.resize(bytes + len, 0);
    let filled = fill(&mut out[bytes..]);
    let Some(filled) = filled else {
        out.truncate(start);
        return Ok(None);
    };
    assert!(filled <= len, "{filled} bytes were put into a buffer of {len}");
    let size = u32::try_from(DATA_HEADER_SIZE + filled).expect("no larger than the buffer");
    out[start..start + 4].copy_from_slice(&size.to_le_bytes());
    out.truncate(bytes + filled);
    out.resize(start + padded(DATA_HEADER_SIZE + filled), 0);
    Ok(Some(filled))
}

/// Appends a packet whose content of `len` bytes is appended by `content`.
pub(crate) fn parts(
    out: &mut Vec<u8>,
    code: Code,
    domain: Domain,
    index: u8,
    len: usize,
    content: impl FnOnce(&mut Vec<u8>),
) -> Result<(), EncodeError> {
    let found = len.saturating_add(HEADER_SIZE);
    let size =
        u32::try_from(found).ok().filter(|size| *size <= MAX_SIZE).ok_or(EncodeError::Size { found })?;
    let number = match code {
        Code::Discovery => -1,
        Code::Service(found) => i16::try_from(found).map_err(|_| EncodeError::Code { found })?,
    };
    let end = out.len() + padded(found);
    out.reserve(padded(found));
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&[domain.number(), index]);
    content(out);
    out.resize(end, 0);
    Ok(())
}

#[cfg(test)]
mod tests;
