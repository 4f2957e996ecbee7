//! In which ways the existing system numbers the places where a program can be.
//!
//! The numbers are those of the table that its compiler makes of a module: three for the bottom of the stack, some for each
//! imported function, and then those of the code, in its order. How many an imported function has depends on the library that
//! is compiled into each program; how many an instruction has depends, in one case, on the processor.

use gate_abi::import::{Function, WasiFunction};

/// How many numbers the bottom of the stack has.
pub(super) const BASES: u32 = 3;

/// A way of numbering.
#[derive(Debug)]
pub(super) struct Numbering {
    /// How many numbers an imported function has, or `None` if it cannot be imported. The first is that of its entry.
    pub(super) import: fn(Function) -> Option<u32>,
    /// How many numbers `i32.reinterpret_f32` and `i64.reinterpret_f64` have.
    pub(super) reinterpretation: u32,
}

/// The ways that there are. A file does not tell which one it was written with, so they are tried in this order. What is
/// written has the first.
pub(super) const NUMBERINGS: [Numbering; 2] = [
    // On x86-64.
    Numbering { import: imported_library, reinterpretation: 0 },
    // On 64-bit ARM.
    Numbering { import: imported_library, reinterpretation: 1 },
];

/// The numbers of the library with CRC-64/ECMA 326f12bb84c9c9ed.
const fn imported_library(function: Function) -> Option<u32> {
    use WasiFunction as Wasi;
    let function = match function {
        Function::GateFd => return Some(1),
        Function::GateIo => return Some(12),
        // The library knows only the newer type.
        Function::GateIoNoFlags => return None,
        Function::Wasi(function) => function,
    };
    Some(match function {
        Wasi::ArgsGet | Wasi::SchedYield | Wasi::SockRecv => 1,
        Wasi::ClockResGet
        | Wasi::FdAdvise
        | Wasi::FdAllocate
        | Wasi::FdClose
        | Wasi::FdDatasync
        | Wasi::FdFdstatSetFlags
        | Wasi::FdFilestatGet
        | Wasi::FdFilestatSetSize
        | Wasi::FdFilestatSetTimes
        | Wasi::FdPread
        | Wasi::FdPrestatDirName
        | Wasi::FdPrestatGet
        | Wasi::FdPwrite
        | Wasi::FdReaddir
        | Wasi::FdRenumber
        | Wasi::FdSeek
        | Wasi::FdSync
        | Wasi::FdTell
        | Wasi::PathCreateDirectory
        | Wasi::PathFilestatGet
        | Wasi::PathFilestatSetTimes
        | Wasi::PathLink
        | Wasi::PathOpen
        | Wasi::PathReadlink
        | Wasi::PathRemoveDirectory
        | Wasi::PathRename
        | Wasi::PathSymlink
        | Wasi::PathUnlinkFile
        | Wasi::ProcExit
        | Wasi::ProcRaise
        | Wasi::SockSend
        | Wasi::SockShutdown => 2,
        Wasi::ArgsSizesGet
        | Wasi::ClockTimeGet
        | Wasi::EnvironSizesGet
        | Wasi::FdFdstatSetRights
        | Wasi::RandomGet => 3,
        Wasi::FdRead => 4,
        Wasi::FdFdstatGet => 5,
        Wasi::FdWrite => 6,
        Wasi::EnvironGet => 13,
        Wasi::PollOneoff => 34,
        Wasi::SockAccept => return None,
    })
}
