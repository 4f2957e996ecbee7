//! The list of all functions, and calling them by number.

use gate_abi::errno::Errno;
use gate_abi::host::{Host, Stop};

use crate::Wasi;
use crate::call::{Call, outcome};

/// Calls the macro `$callback` with the list of all functions, in the order of their names:
///
/// ```text
/// /// What it does.
/// fn clock_time_get(id: u32, precision: u64, time: u32) -> errno;
/// ...
/// fn proc_exit(status: u32) -> never;
/// ```
///
/// `u32` is `i32` of WebAssembly, `u64` and `i64` are its `i64`. A function with `errno` returns an `i32`, one with
/// `never` returns nothing. All are in the module `wasi_snapshot_preview1`. Each is a method of [`Wasi`] with the
/// arguments `(&mut self, memory: &mut [u8], host: &mut H, ...)`.
#[macro_export]
macro_rules! for_each_function {
    ($callback:path) => {
        $callback! {
            /// Hands over the arguments.
            fn args_get(argv: u32, argv_buf: u32) -> errno;
            /// Tells how much room the arguments take.
            fn args_sizes_get(argc: u32, argv_buf_size: u32) -> errno;
            /// Tells the resolution of a clock.
            fn clock_res_get(id: u32, resolution: u32) -> errno;
            /// Reads a clock.
            fn clock_time_get(id: u32, precision: u64, time: u32) -> errno;
            /// Hands over the environment variables.
            fn environ_get(environ: u32, environ_buf: u32) -> errno;
            /// Tells how much room the environment variables take.
            fn environ_sizes_get(count: u32, buf_size: u32) -> errno;
            /// Announces how a file will be used.
            fn fd_advise(fd: u32, offset: u64, len: u64, advice: u32) -> errno;
            /// Provides space for a file.
            fn fd_allocate(fd: u32, offset: u64, len: u64) -> errno;
            /// Closes a descriptor.
            fn fd_close(fd: u32) -> errno;
            /// Waits until contents are stored.
            fn fd_datasync(fd: u32) -> errno;
            /// Tells flags and rights of a descriptor.
            fn fd_fdstat_get(fd: u32, stat: u32) -> errno;
            /// Sets flags of a descriptor.
            fn fd_fdstat_set_flags(fd: u32, flags: u32) -> errno;
            /// Drops rights of a descriptor.
            fn fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64) -> errno;
            /// Tells attributes of what is open.
            fn fd_filestat_get(fd: u32, buf: u32) -> errno;
            /// Sets the size of an open file.
            fn fd_filestat_set_size(fd: u32, size: u64) -> errno;
            /// Sets time stamps of what is open.
            fn fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, fst_flags: u32) -> errno;
            /// Reads at an offset.
            fn fd_pread(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32) -> errno;
            /// Tells the path of a preopened directory.
            fn fd_prestat_dir_name(fd: u32, path: u32, path_len: u32) -> errno;
            /// Tells what kind of preopen a descriptor is.
            fn fd_prestat_get(fd: u32, buf: u32) -> errno;
            /// Writes at an offset.
            fn fd_pwrite(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nwritten: u32) -> errno;
            /// Reads.
            fn fd_read(fd: u32, iovs: u32, iovs_len: u32, nread: u32) -> errno;
            /// Lists a directory.
            fn fd_readdir(fd: u32, buf: u32, buf_len: u32, cookie: u64, bufused: u32) -> errno;
            /// Moves a descriptor to another number.
            fn fd_renumber(fd: u32, to: u32) -> errno;
            /// Moves the offset of a file.
            fn fd_seek(fd: u32, delta: i64, whence: u32, newoffset: u32) -> errno;
            /// Waits until contents and attributes are stored.
            fn fd_sync(fd: u32) -> errno;
            /// Tells the offset of a file.
            fn fd_tell(fd: u32, offset: u32) -> errno;
            /// Writes.
            fn fd_write(fd: u32, iovs: u32, iovs_len: u32, nwritten: u32) -> errno;
            /// Creates a directory.
            fn path_create_directory(fd: u32, path: u32, path_len: u32) -> errno;
            /// Tells attributes of a file or directory.
            fn path_filestat_get(fd: u32, flags: u32, path: u32, path_len: u32, buf: u32) -> errno;
            /// Sets time stamps of a file or directory.
            fn path_filestat_set_times(fd: u32, flags: u32, path: u32, path_len: u32, atim: u64, mtim: u64, fst_flags: u32) -> errno;
            /// Gives a file another name.
            fn path_link(old_fd: u32, old_flags: u32, old_path: u32, old_path_len: u32, new_fd: u32, new_path: u32, new_path_len: u32) -> errno;
            /// Opens or creates a file or directory.
            fn path_open(fd: u32, dirflags: u32, path: u32, path_len: u32, oflags: u32, rights_base: u64, rights_inheriting: u64, fdflags: u32, opened_fd: u32) -> errno;
            /// Tells where a symbolic link leads.
            fn path_readlink(fd: u32, path: u32, path_len: u32, buf: u32, buf_len: u32, bufused: u32) -> errno;
            /// Removes an empty directory.
            fn path_remove_directory(fd: u32, path: u32, path_len: u32) -> errno;
            /// Renames a file or directory.
            fn path_rename(fd: u32, old_path: u32, old_path_len: u32, new_fd: u32, new_path: u32, new_path_len: u32) -> errno;
            /// Creates a symbolic link.
            fn path_symlink(old_path: u32, old_path_len: u32, fd: u32, new_path: u32, new_path_len: u32) -> errno;
            /// Removes a file.
            fn path_unlink_file(fd: u32, path: u32, path_len: u32) -> errno;
            /// Waits for events.
            fn poll_oneoff(subscriptions: u32, events: u32, count: u32, nevents: u32) -> errno;
            /// Ends the program.
            fn proc_exit(status: u32) -> never;
            /// Sends the program a signal.
            fn proc_raise(signal: u32) -> errno;
            /// Provides random bytes.
            fn random_get(buf: u32, buf_len: u32) -> errno;
            /// Gives up the processor for a moment.
            fn sched_yield() -> errno;
            /// Accepts a connection.
            fn sock_accept(fd: u32, flags: u32, ro_fd: u32) -> errno;
            /// Receives a message.
            fn sock_recv(fd: u32, ri_data: u32, ri_data_len: u32, ri_flags: u32, ro_datalen: u32, ro_flags: u32) -> errno;
            /// Sends a message.
            fn sock_send(fd: u32, si_data: u32, si_data_len: u32, si_flags: u32, so_datalen: u32) -> errno;
            /// Shuts down a connection.
            fn sock_shutdown(fd: u32, how: u32) -> errno;
        }
    };
}

/// A function, for those who do not know it by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
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

macro_rules! functions {
    ($($(#[$doc:meta])* fn $name:ident($($param:ident: $type:ty),*) -> $result:ident;)*) => {
        /// Every function, in the order of their names.
        pub const FUNCTIONS: &[Function] = &[$(Function {
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
                    outcome(Call { wasi: self, memory, host }.$name($($param),*))
                }
            )*

            /// Calls the function with number `index` in [`FUNCTIONS`]. An `i32` is the lower half of its argument; what is
            /// missing in `args` is 0, what is too much is ignored. `None` when there is no such function.
            pub fn dispatch<H: Host + ?Sized>(
                &mut self,
                index: usize,
                memory: &mut [u8],
                host: &mut H,
                args: &[u64],
            ) -> Option<Result<Errno, Stop>> {
                let mut args = args.iter().copied().chain(std::iter::repeat(0));
                let name = FUNCTIONS.get(index)?.name;
                $(
                    if name == stringify!($name) {
                        $(let $param = <$type as Slot>::from_slot(args.next().unwrap_or_default());)*
                        return Some(self.$name(memory, host, $($param),*));
                    }
                )*
                None
            }
        }
    };
}

for_each_function!(functions);

#[cfg(test)]
mod tests;
