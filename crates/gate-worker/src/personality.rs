//! The functions that a program imports, with all that is behind them.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::Context;
use gate_abi::host::Stop;
use gate_abi::import::{Function, Personality};
use gate_calls::Calls;
use gate_fs::{Backing, Fs, Limits};
use gate_sandbox::{descriptors, memfd};
use gate_wasi::Wasi;
use gate_wire::worker::Launch;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::host::WorkerHost;

/// What a program of Gate's ABI can tell apart in time. It is upstream's default for programs of a user's own; those
/// of strangers have less.
const TIME_RESOLUTION: Duration = Duration::from_nanos(1);

/// What a program imports.
pub(crate) struct ProgramCalls {
    kind: Kind,
    host: WorkerHost,
}

enum Kind {
    Gate(Calls),
    Wasi(Box<Wasi>),
}

impl ProgramCalls {
    /// Makes what a program of that personality imports, and the other end of its packet stream if it has one.
    pub(crate) fn new(
        personality: Personality,
        launch: &Launch,
        image: Option<File>,
    ) -> anyhow::Result<(Self, Option<OwnedFd>)> {
        let mut host = WorkerHost::new(launch.terminals, launch.limits.output_bytes);
        let (kind, packets) = match personality {
            Personality::Gate => {
                let (ours, theirs) = rustix::net::socketpair(
                    AddressFamily::UNIX,
                    SocketType::STREAM,
                    SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
                    None,
                )
                .context("cannot make the packet stream")?;
                descriptors::place(ours, descriptors::PACKETS)?;
                let calls = Calls::start(TIME_RESOLUTION, 0, &mut host)
                    .map_err(|_| anyhow::anyhow!("cannot read the clock"))?;
                (Kind::Gate(calls), Some(theirs))
            }
            Personality::Wasi => {
                let limits = Limits {
                    bytes: launch.limits.fs_bytes,
                    inodes: launch.limits.fs_inodes,
                    file_bytes: launch.limits.fs_bytes,
                };
                let fs = match image {
                    Some(image) => Fs::load(Backing::new(memfd::map(image)?), limits)
                        .context("cannot load the directories given to the program")?,
                    None => Fs::new(limits),
                };
                let wasi = Wasi::new(&launch.arguments, &launch.environment, fs)?;
                (Kind::Wasi(Box::new(wasi)), None)
            }
        };
        Ok((Self { kind, host }, packets))
    }

    /// What the program wrote to standard output and error, in bytes.
    pub(crate) fn output_bytes(&self) -> u64 {
        self.host.output_bytes()
    }

    /// The contents of its files, in bytes.
    pub(crate) fn fs_bytes(&self) -> u64 {
        match &self.kind {
            Kind::Gate(_) => 0,
            Kind::Wasi(wasi) => wasi.fs().used_bytes(),
        }
    }
}

impl gate_engine::Calls for ProgramCalls {
    fn call(
        &mut self,
        function: Function,
        arguments: &[u64],
        memory: &mut [u8],
    ) -> Result<Option<u32>, Stop> {
        match (&mut self.kind, function) {
            (Kind::Gate(calls), function) => calls.dispatch(function, arguments, memory, &mut self.host),
            (Kind::Wasi(wasi), Function::Wasi(function)) => wasi
                .call(function, memory, &mut self.host, arguments)
                .map(|errno| Some(u32::from(errno.number()))),
            // Loading refused every other combination.
            (Kind::Wasi(_), Function::GateFd | Function::GateIo) => {
                Err(Stop::Trap(gate_abi::trap::Trap::InternalError))
            }
        }
    }
}
