//! Packets as they are in messages: without padding, and with what the other side had no say in corrected.

use gate_packet::{Code, DATA_HEADER_SIZE, Domain, HEADER_SIZE, MAX_SIZE, Packet};

use crate::error::PacketError;

/// A packet that a server has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received<'a> {
    pub(crate) domain: Domain,
    pub(crate) index: u8,
    pub(crate) content: &'a [u8],
}

impl<'a> Received<'a> {
    /// Looks at a packet of a server. Its size and code mean nothing.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, PacketError> {
        let found = bytes.len();
        let Some((&[.., domain, index], content)) = bytes.split_first_chunk::<HEADER_SIZE>() else {
            return Err(PacketError::Size { found });
        };
        if found > MAX_SIZE as usize {
            return Err(PacketError::Size { found });
        }
        let number = domain & 0x0f;
        let domain = Domain::from_number(number).ok_or(PacketError::Domain { found: number })?;
        if domain == Domain::Data && found < DATA_HEADER_SIZE {
            return Err(PacketError::DataSize { found });
        }
        Ok(Self { domain, index: if domain == Domain::Call { index } else { 0 }, content })
    }

    /// Appends it with the right size and code.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, code: u16) {
        append(out, code, self.domain, self.index, self.content);
    }
}

/// A packet of a program as a server gets it.
pub(crate) fn encode(packet: &Packet<'_>) -> Vec<u8> {
    let code = match packet.code() {
        Code::Service(code) => code,
        // Never for a service.
        Code::Discovery => 0,
    };
    let mut bytes = Vec::with_capacity(HEADER_SIZE + packet.content().len());
    append(&mut bytes, code, packet.domain(), packet.index(), packet.content());
    bytes
}

fn append(out: &mut Vec<u8>, code: u16, domain: Domain, index: u8, content: &[u8]) {
    let size = u32::try_from(HEADER_SIZE + content.len()).expect("packets are at most 65536 bytes long");
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&[domain.number(), index]);
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests;
