//! A program to make calls: memory, a file system, and a host whose clocks, streams and randomness are made up.

use std::collections::{BTreeSet, VecDeque};
use std::io::{IoSlice, IoSliceMut};
use std::time::Duration;

use gate_abi::errno::Errno;
use gate_abi::host::{Clock, Host, Interest, Readiness, Stop, Stream, StreamError, StreamKind};
use gate_abi::import::WasiFunction;
use gate_fs::{Backing, Fs, Limits};

use crate::Wasi;
use crate::rights::{ALL, Rights};

/// The preopened directory.
pub(crate) const ROOT: u32 = 3;

/// Where tests put paths and buffers, and where results go.
pub(crate) const PATH: u32 = 0x100;
pub(crate) const OTHER: u32 = 0x2000;
pub(crate) const BUF: u32 = 0x4000;
pub(crate) const IOVS: u32 = 0x8000;
pub(crate) const OUT: u32 = 0xc000;

/// What a program's file system may hold.
pub(crate) const LIMITS: Limits = Limits { bytes: 1 << 20, inodes: 100, file_bytes: 1 << 24 };

/// A pointer behind the end of memory.
pub(crate) const BAD: u32 = 0x10000;

/// All a program sees of the outside.
#[derive(Debug)]
pub(crate) struct FakeHost {
    pub(crate) realtime: u64,
    pub(crate) monotonic: u64,
    pub(crate) cpu: u64,
    pub(crate) input: VecDeque<u8>,
    pub(crate) output: Vec<u8>,
    /// How many bytes one write takes at most.
    pub(crate) accept: usize,
    pub(crate) interrupted: bool,
    pub(crate) input_ready: bool,
    pub(crate) hangup: bool,
    pub(crate) terminal: bool,
    /// How long each wait lasted.
    pub(crate) waits: Vec<Option<Duration>>,
    /// A wait ends after this, however long it was to be.
    pub(crate) wakes_after: Duration,
    /// After that many waits, input is ready.
    pub(crate) ready_after: Option<usize>,
    /// Which of the operations that can be interrupted are, counted from 0; and how many there were.
    pub(crate) interrupts: BTreeSet<usize>,
    pub(crate) interruptible: usize,
}

impl Default for FakeHost {
    fn default() -> Self {
        Self {
            realtime: 1_000_000,
            monotonic: 5_000,
            cpu: 70,
            input: VecDeque::new(),
            output: Vec::new(),
            accept: usize::MAX,
            interrupted: false,
            input_ready: true,
            hangup: false,
            terminal: false,
            waits: Vec::new(),
            wakes_after: Duration::MAX,
            ready_after: None,
            interrupts: BTreeSet::new(),
            interruptible: 0,
        }
    }
}

impl FakeHost {
    /// Whether the present operation is interrupted.
    fn is_interrupted(&mut self) -> bool {
        self.interruptible += 1;
        self.interrupted || self.interrupts.contains(&(self.interruptible - 1))
    }

    /// Lets time pass in which the program waits.
    fn pass(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.realtime = self.realtime.saturating_add(nanos);
        self.monotonic = self.monotonic.saturating_add(nanos);
    }

    /// Becomes another host: its clocks are elsewhere, but that of the wall, which is the same for all.
    pub(crate) fn moved(&mut self) {
        self.monotonic = self.monotonic.wrapping_mul(7) % 1_000_000_000;
        self.cpu = 3;
    }
}

impl Host for FakeHost {
    fn clock(&mut self, clock: Clock, _precise: bool) -> Result<u64, Stop> {
        Ok(match clock {
            Clock::Realtime => self.realtime,
            Clock::Monotonic => self.monotonic,
            Clock::ProcessCpu | Clock::ThreadCpu => self.cpu,
        })
    }

    fn clock_resolution(&mut self, clock: Clock) -> u64 {
        if clock == Clock::Realtime { 1000 } else { 1 }
    }

    fn random(&mut self, buf: &mut [u8]) -> Result<(), Stop> {
        buf.fill(0x77);
        Ok(())
    }

    fn read(&mut self, stream: Stream, bufs: &mut [IoSliceMut<'_>]) -> Result<usize, StreamError> {
        assert_eq!(stream, Stream::Stdin);
        if self.is_interrupted() {
            return Err(StreamError::Stop(Stop::Interrupted));
        }
        let mut done = 0;
        for byte in bufs.iter_mut().flat_map(|buf| buf.iter_mut()) {
            let Some(next) = self.input.pop_front() else { break };
            *byte = next;
            done += 1;
        }
        Ok(done)
    }

    fn write(&mut self, stream: Stream, bufs: &[IoSlice<'_>]) -> Result<usize, StreamError> {
        assert_ne!(stream, Stream::Stdin);
        if self.is_interrupted() {
            return Err(StreamError::Stop(Stop::Interrupted));
        }
        if self.hangup {
            return Err(Errno::Pipe.into());
        }
        let before = self.output.len();
        self.output.extend(bufs.iter().flat_map(|buf| buf.iter()).take(self.accept));
        Ok(self.output.len() - before)
    }

    fn wait(&mut self, interests: &[Interest], timeout: Option<Duration>) -> Result<Vec<Readiness>, Stop> {
        let slept = timeout.unwrap_or(self.wakes_after).min(self.wakes_after);
        if self.is_interrupted() {
            // In the middle of it, if it would have lasted for some time.
            if timeout.is_some() && !interests.iter().any(|interest| interest.write || self.input_ready) {
                self.pass(slept / 2);
            }
            return Err(Stop::Interrupted);
        }
        assert!(self.waits.len() < 10_000, "the program would wait for ever");
        self.waits.push(timeout);
        if self.ready_after.is_some_and(|after| self.waits.len() >= after) {
            self.input_ready = true;
        }
        let input_ready = self.input_ready;
        let ready = |interest: &Interest| interest.write || input_ready;
        if !interests.iter().any(ready) {
            self.pass(slept);
        }
        let bytes = self.input.len() as u64;
        let one = |interest: &Interest| Readiness {
            ready: ready(interest),
            hangup: self.hangup,
            bytes: if interest.write { 0 } else { bytes },
        };
        Ok(interests.iter().map(one).collect())
    }

    fn stream_kind(&mut self, _stream: Stream) -> StreamKind {
        if self.terminal { StreamKind::Terminal } else { StreamKind::Other }
    }
}

/// A program, its memory, and its host.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) wasi: Wasi,
    pub(crate) memory: Vec<u8>,
    pub(crate) host: FakeHost,
}

impl Program {
    /// With `/` preopened as [`ROOT`], which holds `file` ("contents"), `dir/inner`, `link -> file`.
    pub(crate) fn new() -> Self {
        let mut fs = Fs::new(LIMITS);
        let root = fs.add_preopen("/", 1).unwrap();
        fs.create_dir(root, "dir", 1).unwrap();
        fs.create_dir(root, "dir/inner", 1).unwrap();
        let mut host = FakeHost::default();
        let wasi = Wasi::new(&["prog", "arg"], &["A=1"], fs, 0, &mut host).unwrap();
        let mut program = Self { wasi, memory: vec![0; BAD as usize], host };
        let file = program.create("file");
        program.write_all(file, b"contents");
        assert_eq!(program.call("fd_close", &[file.into()]), Errno::Success);
        let (to, to_len) = program.text(OTHER, "file");
        let (path, len) = program.text(PATH, "link");
        assert_eq!(program.call("path_symlink", &[to, to_len, ROOT.into(), path, len]), Errno::Success);
        program
    }

    /// Stops the program, and continues it on another host. Returns what was kept.
    pub(crate) fn restart(&mut self) -> Vec<u8> {
        let saved = self.wasi.save(&mut self.host).unwrap();
        let monotonic_time = self.wasi.monotonic_time(&mut self.host).unwrap();
        self.host.moved();
        let backing = Backing::new(saved.clone());
        self.wasi = Wasi::restore(&backing, LIMITS, monotonic_time, &mut self.host).unwrap();
        saved
    }

    /// Calls a function by name.
    pub(crate) fn try_call(&mut self, name: &str, args: &[u64]) -> Result<Errno, Stop> {
        let function = WasiFunction::from_name(name).unwrap();
        assert_eq!(function.signature().params.len(), args.len(), "arguments of {name}");
        self.wasi.call(function, &mut self.memory, &mut self.host, args)
    }

    /// Calls a function that returns.
    pub(crate) fn call(&mut self, name: &str, args: &[u64]) -> Errno {
        self.try_call(name, args).unwrap()
    }

    /// Calls a function and expects what it returns.
    #[track_caller]
    pub(crate) fn check(&mut self, name: &str, args: &[u64], expect: Errno) {
        assert_eq!(self.call(name, args), expect, "{name}{args:x?}");
    }

    /// Puts a text at `at` and returns pointer and length.
    pub(crate) fn text(&mut self, at: u32, text: &str) -> (u64, u64) {
        let start = at as usize;
        self.memory[start..start + text.len()].copy_from_slice(text.as_bytes());
        (at.into(), text.len() as u64)
    }

    /// Puts a list of buffers at [`IOVS`] and returns pointer and count.
    pub(crate) fn iovs(&mut self, list: &[(u32, u32)]) -> (u64, u64) {
        for (i, (ptr, len)) in list.iter().enumerate() {
            let at = IOVS as usize + i * 8;
            self.memory[at..at + 4].copy_from_slice(&ptr.to_le_bytes());
            self.memory[at + 4..at + 8].copy_from_slice(&len.to_le_bytes());
        }
        (IOVS.into(), list.len() as u64)
    }

    pub(crate) fn u16_at(&self, at: u32) -> u16 {
        u16::from_le_bytes(self.bytes(at, 2).try_into().unwrap())
    }

    pub(crate) fn u32_at(&self, at: u32) -> u32 {
        u32::from_le_bytes(self.bytes(at, 4).try_into().unwrap())
    }

    pub(crate) fn u64_at(&self, at: u32) -> u64 {
        u64::from_le_bytes(self.bytes(at, 8).try_into().unwrap())
    }

    pub(crate) fn bytes(&self, at: u32, len: u32) -> &[u8] {
        &self.memory[at as usize..][..len as usize]
    }

    /// `path_open` below [`ROOT`] with everything allowed that `rights` has.
    pub(crate) fn open(
        &mut self,
        path: &str,
        oflags: u16,
        rights: Rights,
        fdflags: u16,
    ) -> Result<u32, Errno> {
        self.open_at(ROOT, path, oflags, rights, fdflags)
    }

    /// `path_open`, following symbolic links.
    pub(crate) fn open_at(
        &mut self,
        fd: u32,
        path: &str,
        oflags: u16,
        rights: Rights,
        fdflags: u16,
    ) -> Result<u32, Errno> {
        let (path, len) = self.text(PATH, path);
        let args = [fd.into(), 1, path, len, oflags.into(), rights, ALL & rights, fdflags.into(), OUT.into()];
        match self.call("path_open", &args) {
            Errno::Success => Ok(self.u32_at(OUT)),
            errno => Err(errno),
        }
    }

    /// Opens a new file for everything.
    pub(crate) fn create(&mut self, path: &str) -> u32 {
        self.open(path, crate::flags::OFLAGS_CREAT, ALL, 0).unwrap()
    }

    /// Opens a directory.
    pub(crate) fn open_dir(&mut self, path: &str) -> u32 {
        self.open(path, crate::flags::OFLAGS_DIRECTORY, ALL, 0).unwrap()
    }

    /// `fd_write` of all of `data`.
    #[track_caller]
    pub(crate) fn write_all(&mut self, fd: u32, data: &[u8]) {
        self.memory[BUF as usize..][..data.len()].copy_from_slice(data);
        let (iovs, count) = self.iovs(&[(BUF, u32::try_from(data.len()).unwrap())]);
        self.check("fd_write", &[fd.into(), iovs, count, OUT.into()], Errno::Success);
        assert_eq!(self.u32_at(OUT) as usize, data.len());
    }

    /// `fd_pread` from the start of a file.
    #[track_caller]
    pub(crate) fn read_all(&mut self, fd: u32) -> Vec<u8> {
        let (iovs, count) = self.iovs(&[(BUF, 0x4000)]);
        self.check("fd_pread", &[fd.into(), iovs, count, 0, OUT.into()], Errno::Success);
        self.bytes(BUF, self.u32_at(OUT)).to_vec()
    }

    /// Takes rights away from a descriptor.
    #[track_caller]
    pub(crate) fn without(&mut self, fd: u32, rights: Rights) {
        self.check("fd_fdstat_get", &[fd.into(), OUT.into()], Errno::Success);
        let (base, inheriting) = (self.u64_at(OUT + 8) & !rights, self.u64_at(OUT + 16));
        self.check("fd_fdstat_set_rights", &[fd.into(), base, inheriting], Errno::Success);
    }
}
