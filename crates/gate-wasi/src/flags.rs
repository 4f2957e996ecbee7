//! Flag sets and enumerations of `typenames.witx`, checked as they come in: unknown bits and values are `inval`.

use gate_abi::errno::Errno;
use gate_fs::{NodeType, SetTime};

/// `fdflags`: the file offset is moved to the end before each write.
pub(crate) const FDFLAGS_APPEND: u16 = 1 << 0;
/// `fdflags`: what would block answers `again`.
pub(crate) const FDFLAGS_NONBLOCK: u16 = 1 << 2;
/// `fdflags`: all of them. The others (`dsync`, `rsync`, `sync`) ask for what is always so here.
const FDFLAGS_ALL: u16 = 0x1f;

/// `oflags`.
pub(crate) const OFLAGS_CREAT: u16 = 1 << 0;
pub(crate) const OFLAGS_DIRECTORY: u16 = 1 << 1;
pub(crate) const OFLAGS_EXCL: u16 = 1 << 2;
pub(crate) const OFLAGS_TRUNC: u16 = 1 << 3;
const OFLAGS_ALL: u16 = 0xf;

const LOOKUP_SYMLINK_FOLLOW: u32 = 1 << 0;

const FST_ATIM: u32 = 1 << 0;
const FST_ATIM_NOW: u32 = 1 << 1;
const FST_MTIM: u32 = 1 << 2;
const FST_MTIM_NOW: u32 = 1 << 3;
const FST_ALL: u32 = 0xf;

/// `filetype`.
pub(crate) const FILETYPE_UNKNOWN: u8 = 0;
pub(crate) const FILETYPE_CHARACTER_DEVICE: u8 = 2;
const FILETYPE_DIRECTORY: u8 = 3;
const FILETYPE_REGULAR_FILE: u8 = 4;
const FILETYPE_SYMBOLIC_LINK: u8 = 7;

/// `advice`: the largest one.
const ADVICE_MAX: u32 = 5;

/// `fdflags`.
pub(crate) fn fdflags(bits: u32) -> Result<u16, Errno> {
    known(bits, FDFLAGS_ALL)
}

/// `oflags`.
pub(crate) fn oflags(bits: u32) -> Result<u16, Errno> {
    known(bits, OFLAGS_ALL)
}

/// `lookupflags`: whether to follow a symbolic link.
pub(crate) fn lookup_follow(bits: u32) -> Result<bool, Errno> {
    if bits & !LOOKUP_SYMLINK_FOLLOW != 0 {
        return Err(Errno::Inval);
    }
    Ok(bits & LOOKUP_SYMLINK_FOLLOW != 0)
}

/// `fstflags` with the time stamps that belong to it: what to do with `atim` and with `mtim`.
pub(crate) fn fstflags(bits: u32, atim: u64, mtim: u64) -> Result<(SetTime, SetTime), Errno> {
    if bits & !FST_ALL != 0 {
        return Err(Errno::Inval);
    }
    let set = |to: u32, now: u32, time: u64| match (bits & to != 0, bits & now != 0) {
        (true, true) => Err(Errno::Inval),
        (true, false) => Ok(SetTime::To(time)),
        (false, true) => Ok(SetTime::Now),
        (false, false) => Ok(SetTime::Keep),
    };
    Ok((set(FST_ATIM, FST_ATIM_NOW, atim)?, set(FST_MTIM, FST_MTIM_NOW, mtim)?))
}

/// `advice`.
pub(crate) fn advice(value: u32) -> Result<(), Errno> {
    if value > ADVICE_MAX { Err(Errno::Inval) } else { Ok(()) }
}

/// The `filetype` of an inode.
pub(crate) fn filetype(kind: NodeType) -> u8 {
    match kind {
        NodeType::File => FILETYPE_REGULAR_FILE,
        NodeType::Directory => FILETYPE_DIRECTORY,
        NodeType::Symlink => FILETYPE_SYMBOLIC_LINK,
    }
}

fn known(bits: u32, all: u16) -> Result<u16, Errno> {
    u16::try_from(bits).ok().filter(|bits| bits & !all == 0).ok_or(Errno::Inval)
}
