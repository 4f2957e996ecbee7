//! The functions of the host that a WebAssembly program imports. All unsafe code of this crate is here.
//!
//! The lint that forbids it elsewhere is lifted by `allow`, as the compilers that this crate is for have no `expect`.
#![allow(unsafe_code)]

use core::ptr::null_mut;
use core::time::Duration;

use crate::transport::{Transferred, Transport, Wait};

/// A buffer, as the host expects it in memory: pointer and length.
#[repr(C)]
struct Buffer {
    start: *mut u8,
    len: usize,
}

#[link(wasm_import_module = "gate")]
extern "C" {
    #[link_name = "io_65536"]
    fn gate_io(
        receive: *const Buffer,
        receive_count: usize,
        received: *mut usize,
        send: *const Buffer,
        send_count: usize,
        sent: *mut usize,
        timeout_nanos: i64,
        flags: *mut u64,
    );
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
extern "C" {
    #[link_name = "clock_time_get"]
    fn wasi_clock_time_get(clock: u32, precision_nanos: u64, time_nanos: *mut u64) -> i32;
}

/// The clock that starts when the program does.
const MONOTONIC: u32 = 1;

/// The host that runs this program.
#[derive(Debug)]
pub(crate) struct Host;

impl Transport for Host {
    fn transfer(&mut self, receive: &mut [u8], send: &[u8], wait: Wait) -> Transferred {
        let timeout = match wait {
            Wait::No => 0,
            Wait::AtMost(time) => i64::try_from(time.as_nanos()).unwrap_or(i64::MAX),
            Wait::Forever => -1,
        };
        let receive = Buffer { start: receive.as_mut_ptr(), len: receive.len() };
        // The host only reads what is sent.
        let send = Buffer { start: send.as_ptr() as *mut u8, len: send.len() };
        let (mut received, mut sent) = (0, 0);
        // SAFETY: the function writes to `receive.len` bytes at `receive.start`, which this function has borrowed for
        // writing, and to the two numbers; it reads `send.len` bytes at `send.start`, which are borrowed, too. It
        // stores no flags if their pointer is null, and keeps no pointer.
        unsafe { gate_io(&receive, 1, &mut received, &send, 1, &mut sent, timeout, null_mut()) };
        Transferred { received, sent }
    }

    fn now(&mut self) -> Duration {
        let mut nanos = 0;
        // SAFETY: the function writes to the number, and keeps no pointer.
        let error = unsafe { wasi_clock_time_get(MONOTONIC, 1, &mut nanos) };
        assert_eq!(error, 0, "the host has no monotonic clock");
        Duration::from_nanos(nanos)
    }
}
