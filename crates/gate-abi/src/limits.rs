//! Limits that programs can observe, each with its argument.

/// The largest module accepted unless a caller says otherwise, in bytes.
///
/// The largest real programs we know of (language runtimes with their libraries built in) have 30 to 100 MB. A module
/// is held once by the process that compiles it, so this also bounds what a hostile one can make that process read.
pub const MODULE_SIZE_DEFAULT: u64 = 256 << 20;

/// The largest packet in either direction, in bytes, header included and padding excluded.
///
/// Part of the ABI: programs read it from their environment (`GATE_MAX_SEND_SIZE`), and their libraries size
/// receive buffers by it. It is a multiple of the packet alignment, so that padding cannot exceed it either.
pub const MAX_PACKET_SIZE: u32 = 65_536;

/// How many random bytes `random_get` gives a program that imports `gate.*` from one start to the next stop.
///
/// Part of the ABI: enough to seed a generator and a few hash tables. The runtime of Go takes 32 at once before anything else
/// happens, so that with less no program in Go could start; Rust's hash tables take 16. A program that needs more asks the
/// `random` service.
pub const RANDOM_BUDGET_BYTES: u32 = 64;
