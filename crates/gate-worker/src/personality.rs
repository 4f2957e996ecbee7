//! The functions that a program imports, with all that is behind them.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use anyhow::Context;
use gate_abi::host::Stop;
use gate_abi::import::{Function, Personality};
use gate_calls::Calls;
use gate_fs::{Backing, Fs, Limits};
use gate_sandbox::ring::{self, Ring, Side};
use gate_sandbox::{descriptors, memfd};
use gate_snapshot::State;
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

/// What a program that continues has had.
pub(crate) struct Before {
    /// The file of its state, as it is in memory.
    pub(crate) file: Backing,
    /// Where the part of its imports is.
    pub(crate) host: Range<usize>,
    /// What its monotonic clock showed.
    pub(crate) monotonic_nanos: u64,
}

impl ProgramCalls {
    /// Makes what a new program of that personality imports.
    pub(crate) fn new(
        personality: Personality,
        launch: &Launch,
        image: Option<File>,
        packets: Option<Ring>,
    ) -> anyhow::Result<Self> {
        let mut host = WorkerHost::new(launch.terminals, launch.limits.output_bytes, packets);
        let kind = match personality {
            Personality::Gate => {
                let calls = Calls::start(TIME_RESOLUTION, 0, &mut host)
                    .map_err(|_| anyhow::anyhow!("cannot read the clock"))?;
                Kind::Gate(calls)
            }
            Personality::Wasi => {
                let fs = match image {
                    Some(image) => Fs::load(Backing::new(memfd::map(image)?), limits(launch))
                        .context("cannot load the directories given to the program")?,
                    None => Fs::new(limits(launch)),
                };
                let wasi = Wasi::new(&launch.arguments, &launch.environment, fs, 0, &mut host)?;
                Kind::Wasi(Box::new(wasi))
            }
        };
        Ok(Self { kind, host })
    }

    /// Makes what a program imports that continues.
    pub(crate) fn restore(
        personality: Personality,
        launch: &Launch,
        before: &Before,
        packets: Option<Ring>,
    ) -> anyhow::Result<Self> {
        let mut host = WorkerHost::new(launch.terminals, launch.limits.output_bytes, packets);
        let Before { file, host: part, monotonic_nanos } = before;
        let saved = file.part(part.clone()).context("the program's state is cut off")?;
        let kind = match personality {
            // Of a program that was made elsewhere, it is not known.
            Personality::Gate if part.is_empty() => {
                let calls = Calls::start(TIME_RESOLUTION, *monotonic_nanos, &mut host)
                    .map_err(|_| anyhow::anyhow!("cannot read the clock"))?;
                Kind::Gate(calls)
            }
            Personality::Gate => {
                Kind::Gate(Calls::restore(saved.bytes(), TIME_RESOLUTION, *monotonic_nanos, &mut host)?)
            }
            Personality::Wasi if part.is_empty() => {
                let fs = Fs::new(limits(launch));
                let wasi =
                    Wasi::new(&launch.arguments, &launch.environment, fs, *monotonic_nanos, &mut host)?;
                Kind::Wasi(Box::new(wasi))
            }
            Personality::Wasi => {
                let wasi = Wasi::restore(&saved, limits(launch), *monotonic_nanos, &mut host)
                    .context("cannot restore what the program imports")?;
                Kind::Wasi(Box::new(wasi))
            }
        };
        Ok(Self { kind, host })
    }

    /// Completes the state of a program that has stopped, and writes it to `out`, which is empty. Returns its length in bytes.
    pub(crate) fn save(&mut self, mut state: State, mut out: impl Write) -> anyhow::Result<u64> {
        let Self { kind, host } = self;
        let no_clock = |_: Stop| anyhow::anyhow!("cannot read the clock");
        match kind {
            Kind::Gate(calls) => {
                state.monotonic_nanos = calls.monotonic_time(host).map_err(no_clock)?;
                state.host = calls.save();
                let bytes = state.encode();
                out.write_all(&bytes).context("cannot write the program's state")?;
                Ok(bytes.len() as u64)
            }
            Kind::Wasi(wasi) => {
                state.monotonic_nanos = wasi.monotonic_time(host).map_err(no_clock)?;
                let length = wasi.saved_bytes()?;
                let head = state.encode_head(length);
                out.write_all(&head).context("cannot write the program's state")?;
                let written = wasi.save_to(host, out)?;
                anyhow::ensure!(
                    written == length,
                    "the program's files have changed while they were written"
                );
                Ok(head.len() as u64 + length)
            }
        }
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

/// The runtime's part of a new packet stream: its end of the socket, and the ring.
pub(crate) struct PacketStream {
    pub(crate) socket: OwnedFd,
    pub(crate) ring: OwnedFd,
}

/// Makes a new packet stream, and puts the program's end of the socket in its place.
pub(crate) fn packet_stream() -> anyhow::Result<(PacketStream, Ring)> {
    let (ours, theirs) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )
    .context("cannot make the socket of the packet stream")?;
    descriptors::place(ours, descriptors::PACKETS)?;
    let file = ring::create().context("cannot make the ring of the packet stream")?;
    let ring = Ring::open(file.as_fd(), Side::Program)?;
    Ok((PacketStream { socket: theirs, ring: file }, ring))
}

fn limits(launch: &Launch) -> Limits {
    Limits {
        bytes: launch.limits.fs_bytes,
        inodes: launch.limits.fs_inodes,
        file_bytes: launch.limits.fs_bytes,
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
            (Kind::Wasi(_), Function::GateFd | Function::GateIo | Function::GateIoNoFlags) => {
                Err(Stop::Trap(gate_abi::trap::Trap::InternalError))
            }
        }
    }
}
