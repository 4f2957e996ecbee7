//! The list of all functions, and calling them by name.

use gate_abi::errno::Errno;
use gate_abi::host::{Host, Stop};
use gate_abi::import::WasiFunction;

use crate::Wasi;
use crate::call;

/// A function, for those who do not know it by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Which it is.
    pub function: WasiFunction,
    /// Its name in the module `wasi_snapshot_preview1`.
    pub name: &'static str,
    /// Its parameters.
    pub params: &'static [Param],
    /// Whether it returns an error number; if not, it does not return at all.
    pub returns: bool,
}

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name in the WASI documents, more or less.
    pub name: &'static str,
    /// Whether it is an `i64`; if not, it is an `i32`.
    pub wide: bool,
}

/// A parameter's type, as it comes in a 64-bit slot.
trait Slot {
    const WIDE: bool;
    fn from_slot(slot: u64) -> Self;
}

impl Slot for u32 {
    const WIDE: bool = false;
    fn from_slot(slot: u64) -> Self {
        let [a, b, c, d, ..] = slot.to_le_bytes();
        Self::from_le_bytes([a, b, c, d])
    }
}

impl Slot for u64 {
    const WIDE: bool = true;
    fn from_slot(slot: u64) -> Self {
        slot
    }
}

impl Slot for i64 {
    const WIDE: bool = true;
    fn from_slot(slot: u64) -> Self {
        slot.cast_signed()
    }
}

macro_rules! returns {
    (errno) => {
        true
    };
    (never) => {
        false
    };
}

/// Makes [`FUNCTIONS`], the methods of [`Wasi`] and [`Wasi::call`] from the list below. There, `u32` is `i32` of WebAssembly,
/// `u64` and `i64` are its `i64`; a function with `errno` returns an `i32`, one with `never` returns nothing.
macro_rules! functions {
    ($($(#[$doc:meta])* $variant:ident = fn $name:ident($($param:ident: $type:ty),*) -> $result:ident;)*) => {
        /// Every function, in the order of their names.
        pub const FUNCTIONS: &[Function] = &[$(Function {
            function: WasiFunction::$variant,
            name: stringify!($name),
            params: &[$(Param { name: stringify!($param), wide: <$type as Slot>::WIDE }),*],
            returns: returns!($result),
        }),*];

        #[expect(clippy::too_many_arguments, reason = "these are the parameters of the functions in WASI")]
        impl Wasi {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`Stop`] when the program does not go on, or not now.
                pub fn $name<H: Host + ?Sized>(
                    &mut self,
                    memory: &mut [u8],
                    host: &mut H,
                    $($param: $type),*
                ) -> Result<Errno, Stop> {
                    call::make(self, memory, host, |call| call.$name($($param),*))
                }
            )*

            /// Calls `function`. An `i32` is the lower half of its argument; what is missing in `args` is 0, what is too
            /// much is ignored.
            ///
            /// # Errors
            /// [`Stop`] when the program does not go on, or not now.
            pub fn call<H: Host + ?Sized>(
                &mut self,
                function: WasiFunction,
                memory: &mut [u8],
                host: &mut H,
                args: &[u64],
            ) -> Result<Errno, Stop> {
                let mut args = args.iter().copied();
                match function {
                    $(WasiFunction::$variant => {
                        $(let $param = <$type as Slot>::from_slot(args.next().unwrap_or_default());)*
                        self.$name(memory, host, $($param),*)
                    })*
                }
            }
        }
    };
}

functions! {
    /// Hands over the arguments.
    ArgsGet = fn args_get(argv: u32, argv_buf: u32) -> errno;
    /// Tells how much room the arguments take.
    ArgsSizesGet = fn args_sizes_get(argc: u32, argv_buf_size: u32) -> errno;
    /// Tells the resolution of a clock.
    ClockResGet = fn clock_res_get(id: u32, resolution: u32) -> errno;
    /// Reads a clock.
    ClockTimeGet = fn clock_time_get(id: u32, precision: u64, time: u32) -> errno;
    /// Hands over the environment variables.
    EnvironGet = fn environ_get(environ: u32, environ_buf: u32) -> errno;
    /// Tells how much room the environment variables take.
    EnvironSizesGet = fn environ_sizes_get(count: u32, buf_size: u32) -> errno;
    /// Announces how a file will be used.
    FdAdvise = fn fd_advise(fd: u32, offset: u64, len: u64, advice: u32) -> errno;
    /// Provides space for a file.
    FdAllocate = fn fd_allocate(fd: u32, offset: u64, len: u64) -> errno;
    /// Closes a descriptor.
    FdClose = fn fd_close(fd: u32) -> errno;
    /// Waits until contents are stored.
    FdDatasync = fn fd_datasync(fd: u32) -> errno;
    /// Tells flags and rights of a descriptor.
    FdFdstatGet = fn fd_fdstat_get(fd: u32, stat: u32) -> errno;
    /// Sets flags of a descriptor.
    FdFdstatSetFlags = fn fd_fdstat_set_flags(fd: u32, flags: u32) -> errno;
    /// Drops rights of a descriptor.
    FdFdstatSetRights = fn fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64) -> errno;
    /// Tells attributes of what is open.
    FdFilestatGet = fn fd_filestat_get(fd: u32, buf: u32) -> errno;
    /// Sets the size of an open file.
    FdFilestatSetSize = fn fd_filestat_set_size(fd: u32, size: u64) -> errno;
    /// Sets time stamps of what is open.
    FdFilestatSetTimes = fn fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, fst_flags: u32) -> errno;
    /// Reads at an offset.
    FdPread = fn fd_pread(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32) -> errno;
    /// Tells the path of a preopened directory.
    FdPrestatDirName = fn fd_prestat_dir_name(fd: u32, path: u32, path_len: u32) -> errno;
    /// Tells what kind of preopen a descriptor is.
    FdPrestatGet = fn fd_prestat_get(fd: u32, buf: u32) -> errno;
    /// Writes at an offset.
    FdPwrite = fn fd_pwrite(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nwritten: u32) -> errno;
    /// Reads.
    FdRead = fn fd_read(fd: u32, iovs: u32, iovs_len: u32, nread: u32) -> errno;
    /// Lists a directory.
    FdReaddir = fn fd_readdir(fd: u32, buf: u32, buf_len: u32, cookie: u64, bufused: u32) -> errno;
    /// Moves a descriptor to another number.
    FdRenumber = fn fd_renumber(fd: u32, to: u32) -> errno;
    /// Moves the offset of a file.
    FdSeek = fn fd_seek(fd: u32, delta: i64, whence: u32, newoffset: u32) -> errno;
    /// Waits until contents and attributes are stored.
    FdSync = fn fd_sync(fd: u32) -> errno;
    /// Tells the offset of a file.
    FdTell = fn fd_tell(fd: u32, offset: u32) -> errno;
    /// Writes.
    FdWrite = fn fd_write(fd: u32, iovs: u32, iovs_len: u32, nwritten: u32) -> errno;
    /// Creates a directory.
    PathCreateDirectory = fn path_create_directory(fd: u32, path: u32, path_len: u32) -> errno;
    /// Tells attributes of a file or directory.
    PathFilestatGet = fn path_filestat_get(fd: u32, flags: u32, path: u32, path_len: u32, buf: u32) -> errno;
    /// Sets time stamps of a file or directory.
    PathFilestatSetTimes = fn path_filestat_set_times(fd: u32, flags: u32, path: u32, path_len: u32, atim: u64, mtim: u64, fst_flags: u32) -> errno;
    /// Gives a file another name.
    PathLink = fn path_link(old_fd: u32, old_flags: u32, old_path: u32, old_path_len: u32, new_fd: u32, new_path: u32, new_path_len: u32) -> errno;
    /// Opens or creates a file or directory.
    PathOpen = fn path_open(fd: u32, dirflags: u32, path: u32, path_len: u32, oflags: u32, rights_base: u64, rights_inheriting: u64, fdflags: u32, opened_fd: u32) -> errno;
    /// Tells where a symbolic link leads.
    PathReadlink = fn path_readlink(fd: u32, path: u32, path_len: u32, buf: u32, buf_len: u32, bufused: u32) -> errno;
    /// Removes an empty directory.
    PathRemoveDirectory = fn path_remove_directory(fd: u32, path: u32, path_len: u32) -> errno;
    /// Renames a file or directory.
    PathRename = fn path_rename(fd: u32, old_path: u32, old_path_len: u32, new_fd: u32, new_path: u32, new_path_len: u32) -> errno;
    /// Creates a symbolic link.
    PathSymlink = fn path_symlink(old_path: u32, old_path_len: u32, fd: u32, new_path: u32, new_path_len: u32) -> errno;
    /// Removes a file.
    PathUnlinkFile = fn path_unlink_file(fd: u32, path: u32, path_len: u32) -> errno;
    /// Waits for events.
    PollOneoff = fn poll_oneoff(subscriptions: u32, events: u32, count: u32, nevents: u32) -> errno;
    /// Ends the program.
    ProcExit = fn proc_exit(status: u32) -> never;
    /// Sends the program a signal.
    ProcRaise = fn proc_raise(signal: u32) -> errno;
    /// Provides random bytes.
    RandomGet = fn random_get(buf: u32, buf_len: u32) -> errno;
    /// Gives up the processor for a moment.
    SchedYield = fn sched_yield() -> errno;
    /// Accepts a connection.
    SockAccept = fn sock_accept(fd: u32, flags: u32, ro_fd: u32) -> errno;
    /// Receives a message.
    SockRecv = fn sock_recv(fd: u32, ri_data: u32, ri_data_len: u32, ri_flags: u32, ro_datalen: u32, ro_flags: u32) -> errno;
    /// Sends a message.
    SockSend = fn sock_send(fd: u32, si_data: u32, si_data_len: u32, si_flags: u32, so_datalen: u32) -> errno;
    /// Shuts down a connection.
    SockShutdown = fn sock_shutdown(fd: u32, how: u32) -> errno;
}

#[cfg(test)]
mod tests;
