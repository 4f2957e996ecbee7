//! The content of section `gate.origin`.

use sha2::{Digest, Sha256};

use super::script::{self, Script};
use super::{ReadError, WHAT};
use crate::bytes::{DecodeError, Reader, Write};
use crate::{Exception, Reference, State, Value};

/// Where a reference to an exception is that the module cannot express.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// The index of the global or table.
    pub(super) index: u32,
    /// The element of the table, zero for a global.
    pub(super) element: u32,
    /// The exception.
    pub(super) exception: u32,
}

/// What the module itself cannot express.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin<'a> {
    pub(super) digest: [u8; 32],
    pub(super) length: u64,
    pub(super) exceptions: Vec<Exception>,
    pub(super) globals: Vec<Holder>,
    pub(super) tables: Vec<Holder>,
    pub(super) dropped: Vec<u8>,
    pub(super) host: &'a [u8],
    pub(super) script: &'a [u8],
}

/// The content of the section for a state and the module that it is of.
pub(super) fn encode(module: &[u8], state: &State, script: &Script) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(Sha256::digest(module));
    bytes.u64(module.len() as u64);
    bytes.count(state.exceptions.len());
    for exception in &state.exceptions {
        bytes.exception(exception);
    }
    let mut globals = Vec::new();
    for (index, value) in (0..).zip(&state.globals) {
        if let Value::Reference(_, Reference::Exception(exception)) = *value {
            globals.push(Holder { index, element: 0, exception });
        }
    }
    let mut tables = Vec::new();
    for (index, table) in (0..).zip(&state.tables) {
        for (element, reference) in (0..).zip(table) {
            if let Reference::Exception(exception) = *reference {
                tables.push(Holder { index, element, exception });
            }
        }
    }
    for holders in [globals, tables] {
        bytes.count(holders.len());
        for holder in holders {
            bytes.u32(holder.index);
            bytes.u32(holder.element);
            bytes.u32(holder.exception);
        }
    }
    bytes.count(state.dropped.len());
    bytes.extend(&state.dropped);
    bytes.u64(state.host.len() as u64);
    bytes.extend(&state.host);
    script.encode(&mut bytes);
    bytes
}

impl<'a> Origin<'a> {
    /// Reads the content of the section.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let digest = reader.array(WHAT)?;
        let length = reader.u64(WHAT)?;
        let exceptions = reader.exceptions()?;
        let holder = |reader: &mut Reader<'a>| {
            let what = "references to exceptions";
            Ok(Holder { index: reader.u32(what)?, element: reader.u32(what)?, exception: reader.u32(what)? })
        };
        let globals = reader.list("globals with exceptions", 12, holder)?;
        let tables = reader.list("elements with exceptions", 12, holder)?;
        let dropped = reader.list("bytes for dropped segments", 1, |reader| reader.u8(WHAT))?;
        let host = reader.u64("the host's part")?;
        let host = reader.take("the host's part", host)?;
        let script = reader.rest();
        Ok(Self { digest, length, exceptions, globals, tables, dropped, host, script })
    }

    /// The original module.
    pub(super) fn module(&self, snapshot: &[u8], limit: u64) -> Result<Vec<u8>, ReadError> {
        let found = self.length;
        if found > limit {
            return Err(ReadError::Limit { what: "bytes of the program's module", found, limit });
        }
        let module = script::run(self.script, snapshot, found)?;
        if Sha256::digest(&module)[..] == self.digest { Ok(module) } else { Err(ReadError::Digest) }
    }
}
