//! What is left of [`Calls`] while the program is stopped, as bytes.
//!
//! All numbers are little-endian.
//!
//! | offset | size | meaning                                                                                  |
//! |--------|------|------------------------------------------------------------------------------------------|
//! | 0      | 8    | magic: `GateCl\r\n`                                                                      |
//! | 8      | 4    | version: 1                                                                               |
//! | 12     | 4    | length of the state: 24                                                                  |
//! | 16     | 8    | the program's monotonic time when the call began that was interrupted; 0 if there is none that waits for a span of time |
//!
//! Nothing else outlives a stop. Of the rest of [`Calls`], the program's monotonic time stands in snapshots where everybody
//! can read it; the time resolution is set by whoever continues the program; the random budget is new, and the program is
//! told that it was resumed. Packets that are under way belong to whoever serves the packet stream: a call never keeps a
//! part of one.

use std::time::Duration;

use gate_abi::host::{Host, HostFailure, Stop};

use crate::Calls;

/// What a saved state starts with.
pub const MAGIC: [u8; 8] = *b"GateCl\r\n";

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// The length of a state in bytes.
const LEN: u32 = 24;

/// Why a saved state was not accepted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum RestoreError {
    /// Too short, or something else altogether.
    #[error("not the state of a program for Gate's own ABI")]
    Magic,
    /// A version that was not invented yet.
    #[error("state version {found} is not readable here (supported: {VERSION})")]
    Version { found: u32 },
    /// A length that does not belong to the version, or that the state does not have.
    #[error("the state has {found} bytes (it must have {LEN})")]
    Length { found: u64 },
    /// The program's clock cannot be set going.
    #[error("cannot start the program's clock")]
    Clock { source: HostFailure },
}

impl Calls {
    /// The state as bytes, of which equal programs have equal ones.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut out = Vec::from(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend(LEN.to_le_bytes());
        out.extend(self.begun.unwrap_or_default().to_le_bytes());
        out
    }

    /// Restores what [`Calls::save`] gave, for a program that continues now. The other parameters are those of
    /// [`Calls::start`].
    ///
    /// # Errors
    /// [`RestoreError`].
    pub fn restore(
        saved: &[u8],
        time_resolution: Duration,
        monotonic_time: u64,
        host: &mut dyn Host,
    ) -> Result<Calls, RestoreError> {
        let begun = read(saved)?;
        let mut calls =
            Calls::start(time_resolution, monotonic_time, host).map_err(|stop| RestoreError::Clock {
                source: match stop {
                    Stop::Host(failure) => failure,
                    Stop::Exit(_) | Stop::Trap(_) | Stop::Interrupted | Stop::OutputLimit(_) => {
                        HostFailure { operation: "read a clock", errno: None }
                    }
                },
            })?;
        calls.begun = begun;
        Ok(calls)
    }
}

/// When the interrupted call began.
fn read(saved: &[u8]) -> Result<Option<u64>, RestoreError> {
    let Some(rest) = saved.strip_prefix(&MAGIC) else { return Err(RestoreError::Magic) };
    let Some((version, rest)) = rest.split_first_chunk::<4>() else { return Err(RestoreError::Magic) };
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        return Err(RestoreError::Version { found: version });
    }
    let length = RestoreError::Length { found: saved.len() as u64 };
    let Some((len, rest)) = rest.split_first_chunk::<4>() else { return Err(length) };
    let Ok(begun) = <[u8; 8]>::try_from(rest) else { return Err(length) };
    if u32::from_le_bytes(*len) != LEN {
        return Err(length);
    }
    let begun = u64::from_le_bytes(begun);
    Ok((begun != 0).then_some(begun))
}

#[cfg(test)]
mod tests;
