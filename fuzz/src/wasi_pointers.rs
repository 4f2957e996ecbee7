//! Calls of WASI functions: any function, with pointers, lengths, descriptors and paths that mean harm, in a program whose
//! file system starts from an image, and which is stopped and restored whenever it is interrupted.

use std::io::Cursor;
use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use gate_abi::errno::Errno;
use gate_abi::host::Stop;
use gate_abi::import::WasiFunction;
use gate_fs::image::Builder;
use gate_fs::{Backing, Fs, Limits, Stat};
use gate_wasi::{FUNCTIONS, Function, MAX_FDS, Param, Wasi};

use crate::host::{Plan, ScriptedHost};
use crate::memory::{self, Region};

/// Little more than what the image takes, so that the limits are reached.
pub(crate) const LIMITS: Limits = Limits { bytes: 120_000, inodes: 16, file_bytes: 1 << 20 };

/// What the program is started with.
const ARGUMENTS: [&str; 2] = ["program", "argument"];
const ENVIRONMENT: [&str; 1] = ["NAME=value"];

/// Makes the calls that `data` tells, with a host that interrupts some of them and once more with one that does not.
///
/// # Panics
/// When a call that was interrupted or has failed left a trace; when a call wrote where it was not told to; when the
/// file system is miscounted or leaks; or when the code under test panics.
pub fn run(data: &[u8]) {
    make_calls(data, |_, _| ());
}

/// [`run`], which tells `done` of each call and what it answered.
fn make_calls(data: &[u8], mut done: impl FnMut(&Call, &std::result::Result<Errno, Stop>)) {
    let mut u = Unstructured::new(data);
    let (mut program, mut twin) = (Program::start(), Program::start());
    while let Ok(call) = Call::arbitrary(&mut u) {
        if u.is_empty() {
            break;
        }
        let result = program.call(&call, true);
        assert_eq!(result, twin.call(&call, false), "{call:?}: an interruption makes a difference");
        done(&call, &result);
    }
    assert!(program.memory == twin.memory, "an interruption makes a difference in memory");
    assert_eq!(program.host.transferred, twin.host.transferred);
    let state = |program: &mut Program| program.wasi.save(&mut program.host).ok();
    assert!(state(&mut program) == state(&mut twin), "an interruption makes a difference in the state");
    program.close_all();
}

/// The state of a program that has made the calls that `data` tells, as bytes.
pub(crate) fn state_after(data: &[u8]) -> Vec<u8> {
    let mut u = Unstructured::new(data);
    let mut program = Program::start();
    while let Ok(call) = Call::arbitrary(&mut u) {
        if u.is_empty() {
            break;
        }
        // Whatever it answers: it is what it leaves that matters.
        let _answer = program.call(&call, true);
    }
    program.wasi.save(&mut ScriptedHost::new()).expect("its clocks work")
}

/// One call and what goes before it.
#[derive(Debug)]
struct Call {
    function: &'static Function,
    args: Vec<u64>,
    pokes: Vec<(u32, [u8; 8])>,
    plan: Plan,
}

impl Call {
    fn arbitrary(u: &mut Unstructured<'_>) -> Result<Self> {
        // Files have to be opened often, or else there are none.
        let open = FUNCTIONS
            .iter()
            .find(|function| function.function == WasiFunction::PathOpen)
            .expect("all are listed");
        let function = if u.ratio(1, 4)? { open } else { u.choose(FUNCTIONS)? };
        let plan = u.arbitrary()?;
        let pokes = memory::pokes(u)?;
        let mut path_len = 0;
        let args = function.params.iter().map(|param| argument(u, function, param, &mut path_len));
        Ok(Self { function, args: args.collect::<Result<_>>()?, pokes, plan })
    }

    fn arg(&self, name: &str) -> u64 {
        let position = self.function.params.iter().position(|param| param.name == name);
        self.args[position.unwrap_or_else(|| panic!("{} has no parameter {name}", self.function.name))]
    }
}

/// An argument that means something, or harm. The length of a path goes with the path before it.
fn argument(u: &mut Unstructured<'_>, function: &Function, param: &Param, path_len: &mut u64) -> Result<u64> {
    let choice: u8 = u.arbitrary()?;
    if choice >= 0xe0 {
        return memory::argument(u, param.wide);
    }
    let small = u64::from(choice);
    Ok(match param.name {
        "fd" | "old_fd" | "new_fd" if function.name.starts_with("path_") => {
            [3, 3, 3, 3, 3, 3, 4, 5, 7, 0][usize::from(choice) % 10]
        }
        "fd" | "old_fd" | "new_fd" | "to" => [5, 5, 5, 6, 6, 7, 3, 0, 1, 2][usize::from(choice) % 10],
        "path" | "old_path" | "new_path" => {
            // The first ones are more often there, and more often not.
            let (ptr, len) = memory::path(if choice < 0x90 { choice % 8 } else { choice });
            *path_len = len;
            ptr
        }
        "path_len" | "old_path_len" | "new_path_len" => *path_len,
        "iovs" | "ri_data" | "si_data" => memory::list_of_buffers(),
        "subscriptions" => memory::subscriptions() + small % 4 * 48,
        "iovs_len" | "count" | "ri_data_len" | "si_data_len" => small % 5,
        // Most of the time all of them, as programs do.
        "rights_base" | "rights_inheriting" | "base" | "inheriting" if choice < 0xb0 => u64::MAX >> 34,
        "rights_base" | "rights_inheriting" | "base" | "inheriting" => 1 << (small % 30),
        "oflags" => [0, 1, 1, 1, 2, 8, 9, 5, 13, 15][usize::from(choice) % 10],
        "fdflags" | "flags" | "dirflags" | "old_flags" => [0, 1, 0, 4, 5, 1][usize::from(choice) % 6],
        "fst_flags" => small & 0xf,
        "advice" | "whence" | "id" | "how" => small % 7,
        "precision" => small << 20,
        "signal" => [0, 17, 9, 19, 31][usize::from(choice) % 5],
        "cookie" => small % 8,
        "buf_len" => [0, 10, 64, 500][usize::from(choice) % 4],
        "offset" | "delta" | "size" | "len" | "atim" | "mtim" if param.wide => match choice % 4 {
            0 => small,
            1 => 65_536 - 10 + small % 20,
            2 => small * 1000,
            _ => (small % 8).wrapping_neg(),
        },
        _ => memory::result(choice % 8),
    })
}

/// The image that every program starts from.
fn image() -> &'static [u8] {
    static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let mut image = Builder::new(Cursor::new(Vec::new())).expect("memory can be written to");
        let root = image.preopen("/", 1).expect("the path is sound");
        let other = image.preopen("/other", 1).expect("the path is sound");
        let dir = image.directory(root, "dir", 2).expect("it is the first");
        image.directory(dir, "inner", 3).expect("it is the first");
        let file = image.file(root, "file", 4, &mut &b"contents of a file"[..]).expect("it is the first");
        image.file(root, "big", 5, &mut &[0xbb; 70_000][..]).expect("it is the first");
        image.link(dir, "file", file).expect("it is the first");
        image.symlink(root, "link", 6, "dir").expect("it is the first");
        image.symlink(root, "loop", 6, "loop").expect("it is the first");
        image.file(other, "file", 7, &mut &b"another"[..]).expect("it is the first");
        image.finish().expect("memory can be written to").out.into_inner()
    })
}

struct Program {
    wasi: Wasi,
    host: ScriptedHost,
    memory: Vec<u8>,
}

impl Program {
    fn start() -> Self {
        let fs = Fs::load(Backing::new(image()), LIMITS).expect("it was built");
        let mut host = ScriptedHost::new();
        let wasi =
            Wasi::new(&ARGUMENTS[..], &ENVIRONMENT[..], fs, 0, &mut host).expect("these are few and short");
        let mut program = Self { wasi, host, memory: memory::fresh() };
        // Something to work with, until it is closed: 5 and 6.
        for number in [memory::FILE, memory::NEW] {
            let (path, len) = memory::path(number);
            let (rights, result) = (u64::MAX >> 34, memory::result(0));
            let opened = program.wasi.call(
                WasiFunction::PathOpen,
                &mut program.memory,
                &mut program.host,
                &[3, 0, path, len, 1, rights, rights, 0, result],
            );
            assert_eq!(opened, Ok(Errno::Success));
        }
        program
    }

    /// Makes a call until it is not interrupted.
    fn call(&mut self, call: &Call, interrupt: bool) -> std::result::Result<Errno, Stop> {
        memory::poke(&mut self.memory, &call.pokes);
        let before = Snapshot::take(self);
        self.host.begin(call.plan, interrupt);
        let mut result = self.dispatch(call);
        assert_eq!(result == Err(Stop::Interrupted), self.host.interrupted, "{call:?}: {result:?}");
        if self.host.interrupted {
            before.compare(self, call);
            self.restart();
            result = self.dispatch(call);
        }
        let fs = self.wasi.fs();
        assert_eq!(fs.used_bytes(), fs.count_used(), "{call:?}: miscounted");
        assert!(fs.used_bytes() <= LIMITS.bytes && fs.used_inodes() <= LIMITS.inodes as usize);
        match &result {
            Ok(Errno::Success) => {
                memory::written_inside(&before.memory, &self.memory, &regions(call, &before.memory), call);
            }
            Ok(_) => before.compare(self, call),
            Err(Stop::Exit(_) | Stop::OutputLimit(_)) => {}
            Err(Stop::Host(_)) => assert!(self.host.failed, "{call:?}: {result:?}"),
            Err(Stop::Trap(_) | Stop::Interrupted) => panic!("{call:?}: {result:?}"),
        }
        result
    }

    /// Stops the program, and continues it where its clocks are others.
    fn restart(&mut self) {
        // Now and then the plan has it that clocks do not work.
        let saved = self.wasi.save(&mut self.host);
        let time = self.wasi.monotonic_time(&mut self.host);
        self.host.again();
        let (Ok(saved), Ok(time)) = (saved, time) else { return };
        self.wasi = Wasi::restore(&Backing::new(saved), LIMITS, time, &mut self.host).expect("it was saved");
    }

    fn dispatch(&mut self, call: &Call) -> std::result::Result<Errno, Stop> {
        self.wasi.call(call.function.function, &mut self.memory, &mut self.host, &call.args)
    }

    fn image(&self) -> Vec<u8> {
        let image = self.wasi.fs().write_image(Cursor::new(Vec::new())).expect("memory can be written to");
        image.out.into_inner()
    }

    /// Closes everything: what has no name must be gone then.
    fn close_all(mut self) {
        for fd in 0..MAX_FDS {
            let result =
                self.wasi.call(WasiFunction::FdClose, &mut self.memory, &mut self.host, &[fd.into()]);
            assert!(matches!(result, Ok(Errno::Success | Errno::BadF)), "{result:?}");
        }
        let mut fs = Fs::load(Backing::new(self.image()), LIMITS).expect("it was written");
        let used = (fs.used_bytes(), fs.used_inodes());
        fs.release_unused();
        assert_eq!((fs.used_bytes(), fs.used_inodes()), used, "what is lost is not freed");
    }
}

/// A program before a call.
struct Snapshot {
    memory: Vec<u8>,
    host: crate::host::Transferred,
    used: u64,
    /// Each call has its own time, so time stamps tell what was changed; all inodes have low numbers.
    stats: Vec<Stat>,
}

impl Snapshot {
    fn take(program: &Program) -> Self {
        let fs = program.wasi.fs();
        let stats =
            (1..=u64::from(LIMITS.inodes)).filter_map(|number| fs.stat(fs.inode(number)?).ok()).collect();
        Self {
            memory: program.memory.clone(),
            host: program.host.transferred.clone(),
            used: fs.used_bytes(),
            stats,
        }
    }

    /// Panics unless everything is as it was.
    #[track_caller]
    fn compare(&self, program: &Program, call: &Call) {
        let now = Self::take(program);
        let name = call.function.name;
        assert!(self.memory == now.memory, "{name}: {call:?} changed memory");
        assert_eq!(self.host, now.host, "{name}: {call:?} transferred something");
        assert_eq!((self.used, &self.stats), (now.used, &now.stats), "{name}: {call:?} changed files");
    }
}

/// Where a call may write.
fn regions(call: &Call, memory: &[u8]) -> Vec<Region> {
    let results: &[(&str, u64)] = match call.function.name {
        "args_get" => return strings(call, ["argv", "argv_buf"], &ARGUMENTS),
        "environ_get" => return strings(call, ["environ", "environ_buf"], &ENVIRONMENT),
        "args_sizes_get" => &[("argc", 4), ("argv_buf_size", 4)],
        "environ_sizes_get" => &[("count", 4), ("buf_size", 4)],
        "clock_res_get" => &[("resolution", 8)],
        "clock_time_get" => &[("time", 8)],
        "fd_fdstat_get" => &[("stat", 24)],
        "fd_filestat_get" | "path_filestat_get" => &[("buf", 64)],
        "fd_prestat_get" => &[("buf", 8)],
        "fd_prestat_dir_name" => &[("path", 6)],
        "fd_pwrite" | "fd_write" => &[("nwritten", 4)],
        "fd_read" | "fd_pread" => {
            let mut regions = memory::vectors(memory, call.arg("iovs"), call.arg("iovs_len"));
            regions.push(Region::new(call.arg("nread"), 4));
            return regions;
        }
        "fd_readdir" | "path_readlink" => {
            return vec![
                Region::list(call.arg("buf"), call.arg("buf_len"), 1),
                Region::new(call.arg("bufused"), 4),
            ];
        }
        "fd_seek" => &[("newoffset", 8)],
        "fd_tell" => &[("offset", 8)],
        "path_open" => &[("opened_fd", 4)],
        "poll_oneoff" => {
            return vec![
                Region::list(call.arg("events"), call.arg("count"), 32),
                Region::new(call.arg("nevents"), 4),
            ];
        }
        "random_get" => return vec![Region::list(call.arg("buf"), call.arg("buf_len"), 1)],
        _ => &[],
    };
    results.iter().map(|(name, len)| Region::new(call.arg(name), *len)).collect()
}

/// Where pointers to strings and the strings themselves go.
fn strings(call: &Call, [pointers, bytes]: [&str; 2], strings: &[&str]) -> Vec<Region> {
    let len = strings.iter().map(|string| string.len() as u64 + 1).sum();
    vec![Region::list(call.arg(pointers), strings.len() as u64, 4), Region::new(call.arg(bytes), len)]
}

#[test]
fn smoke() {
    crate::driver::smoke(run, 1_000);
}

/// The target is worth something only if the functions get anywhere.
#[test]
fn every_function_succeeds_sometimes() {
    let mut inputs = crate::driver::Inputs::new(1, Vec::new());
    let mut succeeded = std::collections::BTreeSet::new();
    for _ in 0..5_000 {
        make_calls(&inputs.next_input(), |call, result| {
            if *result == Ok(Errno::Success) {
                succeeded.insert(call.function.name);
            }
        });
    }
    let never: Vec<_> =
        FUNCTIONS.iter().map(|function| function.name).filter(|name| !succeeded.contains(name)).collect();
    assert_eq!(never, ["proc_exit", "sock_accept", "sock_recv", "sock_send", "sock_shutdown"]);
}
