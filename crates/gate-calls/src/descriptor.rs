//! The four descriptors, and the functions about them.
//!
//! | Number | What | Rights | Flags |
//! |---|---|---|---|
//! | 0 | nothing: reading and writing are not permitted | 0 | 0 |
//! | 1, 2 | the log, for writing | `fd_write` | 0 |
//! | 4 | the packet stream | `fd_read`, `fd_write` | non-blocking |
//!
//! 3 is left out: there libraries look for the first directory they were given, and find that there is none.

use gate_abi::errno::Errno;
use gate_abi::host::{Host, Stop};
use gate_abi::trap::Trap;

use crate::stream::{self, Vectors};
use crate::{Calls, guest};

/// The number of the packet stream.
pub(crate) const PACKETS: u32 = 4;

const RIGHT_FD_READ: u64 = 0x2;
const RIGHT_FD_WRITE: u64 = 0x40;
const FLAG_NONBLOCK: u16 = 0x4;

/// A descriptor that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Descriptor {
    /// 0.
    Nothing,
    /// 1 and 2.
    Log,
    /// 4.
    Packets,
}

impl Descriptor {
    pub(crate) fn from_number(fd: u32) -> Option<Descriptor> {
        match fd {
            0 => Some(Self::Nothing),
            1 | 2 => Some(Self::Log),
            PACKETS => Some(Self::Packets),
            _ => None,
        }
    }

    fn rights(self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Log => RIGHT_FD_WRITE,
            Self::Packets => RIGHT_FD_READ | RIGHT_FD_WRITE,
        }
    }

    fn flags(self) -> u16 {
        match self {
            Self::Nothing | Self::Log => 0,
            Self::Packets => FLAG_NONBLOCK,
        }
    }
}

/// What a function answers that is never permitted.
pub(crate) fn refuse(fd: u32) -> Errno {
    match Descriptor::from_number(fd) {
        Some(_) => Errno::Perm,
        None => Errno::BadF,
    }
}

/// [`refuse`] for a function with two descriptors.
pub(crate) fn refuse_both(first: u32, second: u32) -> Errno {
    match Descriptor::from_number(first) {
        Some(_) => refuse(second),
        None => Errno::BadF,
    }
}

/// `sock_recv`.
pub(crate) fn sock_recv(fd: u32) -> Errno {
    match Descriptor::from_number(fd) {
        Some(Descriptor::Packets) => Errno::NotSock,
        Some(Descriptor::Nothing | Descriptor::Log) => Errno::Perm,
        None => Errno::BadF,
    }
}

/// `sock_send`.
pub(crate) fn sock_send(fd: u32) -> Errno {
    match Descriptor::from_number(fd) {
        Some(Descriptor::Packets | Descriptor::Log) => Errno::NotSock,
        Some(Descriptor::Nothing) => Errno::Perm,
        None => Errno::BadF,
    }
}

/// `fd_close`: descriptors stay open here.
pub(crate) fn fd_close(fd: u32) -> Result<Errno, Stop> {
    match Descriptor::from_number(fd) {
        Some(_) => Err(Stop::Trap(Trap::AbiDeficiency)),
        None => Ok(Errno::BadF),
    }
}

/// `fd_renumber`: descriptors keep their numbers here.
pub(crate) fn fd_renumber(from: u32, to: u32) -> Result<Errno, Stop> {
    match (Descriptor::from_number(from), Descriptor::from_number(to)) {
        (Some(_), Some(_)) if from == to => Ok(Errno::Success),
        (Some(_), Some(_)) => Err(Stop::Trap(Trap::AbiDeficiency)),
        _ => Ok(Errno::BadF),
    }
}

/// `fd_fdstat_set_rights`: rights can be kept, but neither gained nor, here, dropped.
pub(crate) fn fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64) -> Result<Errno, Stop> {
    let Some(descriptor) = Descriptor::from_number(fd) else { return Ok(Errno::BadF) };
    let rights = descriptor.rights();
    if inheriting != 0 || base & !rights != 0 {
        Ok(Errno::NotCapable)
    } else if base == rights {
        Ok(Errno::Success)
    } else {
        Err(Stop::Trap(Trap::AbiDeficiency))
    }
}

/// `fd_fdstat_get`: stores 24 bytes: u8 file type at 0, u16 flags at 2, u64 rights at 8, u64 inherited rights at 16. The
/// file type is 0, unknown.
pub(crate) fn fd_fdstat_get(memory: &mut [u8], fd: u32, result: u32) -> Result<Errno, Stop> {
    if result == 0 {
        return Ok(Errno::Fault);
    }
    let Some(descriptor) = Descriptor::from_number(fd) else { return Ok(Errno::BadF) };
    let [f0, f1] = descriptor.flags().to_le_bytes();
    let [r0, r1, r2, r3, r4, r5, r6, r7] = descriptor.rights().to_le_bytes();
    let stat = [0, 0, f0, f1, 0, 0, 0, 0, r0, r1, r2, r3, r4, r5, r6, r7, 0, 0, 0, 0, 0, 0, 0, 0];
    guest::write(memory, result, stat)?;
    Ok(Errno::Success)
}

/// `fd_prestat_dir_name`: no descriptor is a directory that the program was given.
pub(crate) fn fd_prestat_dir_name(fd: u32, path: u32, len: u32) -> Errno {
    if len > 0 && path == 0 {
        return Errno::Fault;
    }
    match Descriptor::from_number(fd) {
        Some(_) => Errno::Inval,
        None => Errno::BadF,
    }
}

impl Calls {
    /// `fd_read`: what the packet stream has, without waiting.
    pub(crate) fn fd_read(
        &mut self,
        memory: &mut [u8],
        host: &mut dyn Host,
        fd: u32,
        vectors: Vectors,
        result: u32,
    ) -> Result<Errno, Stop> {
        if vectors.is_null() || result == 0 {
            return Ok(Errno::Fault);
        }
        let transfer = match Descriptor::from_number(fd) {
            Some(Descriptor::Packets) => stream::receive(memory, host, vectors, false)?,
            Some(Descriptor::Nothing | Descriptor::Log) => return Ok(Errno::Perm),
            None => return Ok(Errno::BadF),
        };
        store_transfer(memory, transfer, result)
    }

    /// `fd_write`: to the packet stream what it has room for, without waiting; to the log everything.
    pub(crate) fn fd_write(
        &mut self,
        memory: &mut [u8],
        host: &mut dyn Host,
        fd: u32,
        vectors: Vectors,
        result: u32,
    ) -> Result<Errno, Stop> {
        if vectors.is_null() || result == 0 {
            return Ok(Errno::Fault);
        }
        let transfer = match Descriptor::from_number(fd) {
            Some(Descriptor::Packets) => stream::send(memory, host, vectors)?,
            Some(Descriptor::Log) => stream::log(memory, host, vectors)?,
            Some(Descriptor::Nothing) => return Ok(Errno::Perm),
            None => return Ok(Errno::BadF),
        };
        store_transfer(memory, transfer, result)
    }
}

fn store_transfer(memory: &mut [u8], transfer: stream::Transfer, result: u32) -> Result<Errno, Stop> {
    if transfer.short && transfer.bytes == 0 {
        return Ok(Errno::Again);
    }
    guest::write(memory, result, transfer.bytes.to_le_bytes())?;
    Ok(Errno::Success)
}

#[cfg(test)]
mod tests;
