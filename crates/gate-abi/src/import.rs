//! The functions that programs can import: names, signatures, and which of them a module may use.
//!
//! | Module | Field | Function |
//! |---|---|---|
//! | `gate` | `fd_N`, `io_N` | the packet stream; `N` is the largest packet the program can take, at least 65536 |
//! | `wasi_snapshot_preview1` | the names of [`WasiFunction::ALL`] | WASI preview 1 |
//! | `wasi_unstable` | the same | the same, only beside an import from `gate` |
//! | `env` | `__gate_X`, `__wasi_X` | `gate.X`, `wasi_snapshot_preview1.X` |
//!
//! `io_N` is there in two types: with and without its last parameter, which came later ([`Function::typed`]).
//!
//! A module that imports anything from `gate` has [`Personality::Gate`]; every other module has [`Personality::Wasi`].

use std::fmt;

use crate::limits::MAX_PACKET_SIZE;

/// The type of a parameter or a result. Imported functions use no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
        })
    }
}

/// The type of an imported function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signature {
    /// The types of the parameters.
    pub params: &'static [ValType],
    /// The type of the result, if there is one.
    pub result: Option<ValType>,
}

impl Signature {
    /// Whether a module's import with these types is this function. `None` stands for any type that [`ValType`] lacks.
    pub fn matches(
        self,
        params: impl IntoIterator<Item = Option<ValType>>,
        results: impl IntoIterator<Item = Option<ValType>>,
    ) -> bool {
        params.into_iter().eq(self.params.iter().copied().map(Some))
            && results.into_iter().eq(self.result.into_iter().map(Some))
    }
}

impl fmt::Display for Signature {
    /// As in `(i32, i64) -> i32`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (index, param) in self.params.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{param}")?;
        }
        f.write_str(")")?;
        match self.result {
            Some(result) => write!(f, " -> {result}"),
            None => Ok(()),
        }
    }
}

/// A signature's value types, one letter each as in the table below: `i` for `i32`, `I` for `i64`.
macro_rules! val_type {
    (i) => {
        ValType::I32
    };
    (I) => {
        ValType::I64
    };
}

macro_rules! wasi_functions {
    ($($variant:ident = $name:literal ($($param:ident)*) $(-> $result:ident)?;)*) => {
        /// A function of WASI preview 1.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum WasiFunction {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl WasiFunction {
            /// All of them, in the order of their names.
            pub const ALL: &'static [WasiFunction] = &[$(WasiFunction::$variant),*];

            /// The name under which it is imported.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(WasiFunction::$variant => $name,)*
                }
            }

            /// Its type.
            #[must_use]
            pub const fn signature(self) -> Signature {
                match self {
                    $(WasiFunction::$variant => Signature {
                        params: &[$(val_type!($param)),*],
                        result: [$(Some(val_type!($result)),)? None][0],
                    },)*
                }
            }

            /// The function with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<WasiFunction> {
                match name {
                    $($name => Some(WasiFunction::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

wasi_functions! {
    ArgsGet = "args_get" (i i) -> i;
    ArgsSizesGet = "args_sizes_get" (i i) -> i;
    ClockResGet = "clock_res_get" (i i) -> i;
    ClockTimeGet = "clock_time_get" (i I i) -> i;
    EnvironGet = "environ_get" (i i) -> i;
    EnvironSizesGet = "environ_sizes_get" (i i) -> i;
    FdAdvise = "fd_advise" (i I I i) -> i;
    FdAllocate = "fd_allocate" (i I I) -> i;
    FdClose = "fd_close" (i) -> i;
    FdDatasync = "fd_datasync" (i) -> i;
    FdFdstatGet = "fd_fdstat_get" (i i) -> i;
    FdFdstatSetFlags = "fd_fdstat_set_flags" (i i) -> i;
    FdFdstatSetRights = "fd_fdstat_set_rights" (i I I) -> i;
    FdFilestatGet = "fd_filestat_get" (i i) -> i;
    FdFilestatSetSize = "fd_filestat_set_size" (i I) -> i;
    FdFilestatSetTimes = "fd_filestat_set_times" (i I I i) -> i;
    FdPread = "fd_pread" (i i i I i) -> i;
    FdPrestatDirName = "fd_prestat_dir_name" (i i i) -> i;
    FdPrestatGet = "fd_prestat_get" (i i) -> i;
    FdPwrite = "fd_pwrite" (i i i I i) -> i;
    FdRead = "fd_read" (i i i i) -> i;
    FdReaddir = "fd_readdir" (i i i I i) -> i;
    FdRenumber = "fd_renumber" (i i) -> i;
    FdSeek = "fd_seek" (i I i i) -> i;
    FdSync = "fd_sync" (i) -> i;
    FdTell = "fd_tell" (i i) -> i;
    FdWrite = "fd_write" (i i i i) -> i;
    PathCreateDirectory = "path_create_directory" (i i i) -> i;
    PathFilestatGet = "path_filestat_get" (i i i i i) -> i;
    PathFilestatSetTimes = "path_filestat_set_times" (i i i i I I i) -> i;
    PathLink = "path_link" (i i i i i i i) -> i;
    PathOpen = "path_open" (i i i i i I I i i) -> i;
    PathReadlink = "path_readlink" (i i i i i i) -> i;
    PathRemoveDirectory = "path_remove_directory" (i i i) -> i;
    PathRename = "path_rename" (i i i i i i) -> i;
    PathSymlink = "path_symlink" (i i i i i) -> i;
    PathUnlinkFile = "path_unlink_file" (i i i) -> i;
    PollOneoff = "poll_oneoff" (i i i i) -> i;
    ProcExit = "proc_exit" (i);
    ProcRaise = "proc_raise" (i) -> i;
    RandomGet = "random_get" (i i) -> i;
    SchedYield = "sched_yield" () -> i;
    SockAccept = "sock_accept" (i i i) -> i;
    SockRecv = "sock_recv" (i i i i i i) -> i;
    SockSend = "sock_send" (i i i i i) -> i;
    SockShutdown = "sock_shutdown" (i i) -> i;
}

/// A function that a program can import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// `gate.fd_N`: the number of the packet stream's descriptor.
    GateFd,
    /// `gate.io_N`: send and receive parts of packets.
    GateIo,
    /// `gate.io_N` as the client library `gain` 0.5 and other older ones import it: without the pointer to flags.
    GateIoNoFlags,
    /// A function of WASI preview 1.
    Wasi(WasiFunction),
}

impl Function {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Function> {
        [Self::GateFd, Self::GateIo, Self::GateIoNoFlags]
            .into_iter()
            .chain(WasiFunction::ALL.iter().copied().map(Self::Wasi))
    }

    /// Its type.
    #[must_use]
    pub const fn signature(self) -> Signature {
        match self {
            Self::GateFd => Signature { params: &[], result: Some(ValType::I32) },
            Self::GateIo => Signature {
                params: &[
                    val_type!(i),
                    val_type!(i),
                    val_type!(i),
                    val_type!(i),
                    val_type!(i),
                    val_type!(i),
                    val_type!(I),
                    val_type!(i),
                ],
                result: None,
            },
            Self::GateIoNoFlags => Signature {
                params: &[
                    val_type!(i),
                    val_type!(i),
                    val_type!(i),
                    val_type!(i),
                    val_type!(i),
                    val_type!(i),
                    val_type!(I),
                ],
                result: None,
            },
            Self::Wasi(function) => function.signature(),
        }
    }

    /// Which function an import is that was resolved to this one by its name ([`resolve`]), and that has these types; `None` if
    /// no function of that name has them. `None` among the types stands for any type that [`ValType`] lacks.
    pub fn typed(
        self,
        params: impl IntoIterator<Item = Option<ValType>> + Clone,
        results: impl IntoIterator<Item = Option<ValType>> + Clone,
    ) -> Option<Function> {
        let older = match self {
            Self::GateIo => Some(Self::GateIoNoFlags),
            Self::GateFd | Self::GateIoNoFlags | Self::Wasi(_) => None,
        };
        [Some(self), older]
            .into_iter()
            .flatten()
            .find(|function| function.signature().matches(params.clone(), results.clone()))
    }

    /// Whether a call of it may wait for somebody else, so that a program has to be able to stop in it.
    ///
    /// Files are in memory and never wait, but `fd_read` and `fd_write` also take the standard streams.
    /// `fd_pread` and `fd_pwrite` do not: streams have no offsets. No descriptor is a socket, so that the `sock_`
    /// functions fail at once, and random numbers and clocks are there without waiting.
    #[must_use]
    pub const fn may_block(self) -> bool {
        match self {
            // Waits for packets if it is told to.
            Self::GateIo | Self::GateIoNoFlags => true,
            Self::Wasi(function) => {
                matches!(function, WasiFunction::FdRead | WasiFunction::FdWrite | WasiFunction::PollOneoff)
            }
            Self::GateFd => false,
        }
    }

    /// Its name for people: without module, and without the number that ends the names of Gate's own functions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GateFd => "fd",
            Self::GateIo | Self::GateIoNoFlags => "io",
            Self::Wasi(function) => function.name(),
        }
    }
}

/// Which set of functions a module runs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Personality {
    /// Packets and services, and a WASI that is mostly refusals.
    Gate,
    /// WASI preview 1 alone, with files, arguments and standard streams.
    Wasi,
}

impl Personality {
    /// The personality of a module with these imports, given as (module, field).
    pub fn of<'a>(imports: impl IntoIterator<Item = (&'a str, &'a str)>) -> Personality {
        let gate = imports
            .into_iter()
            .any(|(module, field)| module == "gate" || (module == "env" && field.starts_with("__gate_")));
        if gate { Self::Gate } else { Self::Wasi }
    }
}

/// An import that no function answers to.
///
/// The names come from the module: they are escaped in the message, and cut where they are long.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot resolve import {} from module {}: {reason}", quoted(field), quoted(module))]
pub struct UnknownImport {
    /// The module named by the import.
    pub module: String,
    /// The field named by the import.
    pub field: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// Why an import is not resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The module is none of those there are.
    #[error("there is no such module (known: wasi_snapshot_preview1, gate, env)")]
    Module,
    /// The module is `env`, and the field has neither prefix.
    #[error("module env has only functions that start with __gate_ or __wasi_")]
    Env,
    /// The module is `gate`, and the field is neither `fd_` nor `io_` with something behind it.
    #[error("module gate has only the functions fd_N and io_N")]
    GateName,
    /// What follows `fd_` or `io_` is not a decimal number in its shortest form.
    #[error("what follows the last underscore must be a decimal number without leading zeros")]
    PacketSizeForm,
    /// The number is too small.
    #[error(
        "the program must be able to receive packets of {MAX_PACKET_SIZE} bytes, so the number must not be less"
    )]
    PacketSizeTooSmall,
    /// WASI preview 1 has no function with that name.
    #[error("WASI preview 1 has no such function")]
    WasiName,
    /// `sock_accept` in a module that imports `gate`.
    #[error("sock_accept is not available to programs that import from module gate")]
    SockAccept,
    /// `wasi_unstable` in a module that does not import `gate`.
    #[error(
        "this is WASI snapshot 0, an older version with other data layouts; \
         build the program for wasi_snapshot_preview1"
    )]
    WasiSnapshot0,
}

/// How much of a guest's name an error message repeats, in characters. The names there are have at most 23.
const QUOTED_CHARS: usize = 100;

fn quoted(name: &str) -> String {
    let cut: String = name.chars().take(QUOTED_CHARS).collect();
    let more = if cut.len() < name.len() { "..." } else { "" };
    format!("{cut:?}{more}")
}

/// Resolves one import of a module with the given personality.
///
/// The type of the import is the caller's to check with [`Function::typed`].
///
/// # Errors
/// [`UnknownImport`] when the names mean nothing, or nothing to that personality.
pub fn resolve(personality: Personality, module: &str, field: &str) -> Result<Function, UnknownImport> {
    lookup(personality, module, field).map_err(|reason| UnknownImport {
        module: module.to_owned(),
        field: field.to_owned(),
        reason,
    })
}

/// Decides the personality of a module from its imports, given as (module, field), and resolves them in order.
///
/// # Errors
/// [`UnknownImport`] for the first import that is not resolved.
pub fn resolve_all<'a>(
    imports: impl IntoIterator<Item = (&'a str, &'a str)> + Clone,
) -> Result<(Personality, Vec<Function>), UnknownImport> {
    let personality = Personality::of(imports.clone());
    let functions = imports
        .into_iter()
        .map(|(module, field)| resolve(personality, module, field))
        .collect::<Result<_, _>>()?;
    Ok((personality, functions))
}

fn lookup(personality: Personality, module: &str, field: &str) -> Result<Function, Reason> {
    match module {
        "gate" => gate_function(field),
        "wasi_snapshot_preview1" => wasi_function(personality, field),
        "wasi_unstable" => match personality {
            // Existing programs for Gate were built when the two names meant the same to it.
            Personality::Gate => wasi_function(personality, field),
            Personality::Wasi => Err(Reason::WasiSnapshot0),
        },
        "env" => {
            if let Some(rest) = field.strip_prefix("__gate_") {
                gate_function(rest)
            } else if let Some(rest) = field.strip_prefix("__wasi_") {
                wasi_function(personality, rest)
            } else {
                Err(Reason::Env)
            }
        }
        _ => Err(Reason::Module),
    }
}

fn gate_function(field: &str) -> Result<Function, Reason> {
    let (name, size) = field.rsplit_once('_').ok_or(Reason::GateName)?;
    let function = match name {
        "fd" => Function::GateFd,
        "io" => Function::GateIo,
        _ => return Err(Reason::GateName),
    };
    if size.is_empty() || size.starts_with('0') || !size.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Reason::PacketSizeForm);
    }
    // A number that no integer type holds is large enough: the runtime never sends more than it always could.
    match size.parse::<u128>() {
        Ok(number) if number < u128::from(MAX_PACKET_SIZE) => Err(Reason::PacketSizeTooSmall),
        _ => Ok(function),
    }
}

fn wasi_function(personality: Personality, field: &str) -> Result<Function, Reason> {
    match (personality, WasiFunction::from_name(field)) {
        (Personality::Gate, Some(WasiFunction::SockAccept)) => Err(Reason::SockAccept),
        (_, Some(function)) => Ok(Function::Wasi(function)),
        (_, None) => Err(Reason::WasiName),
    }
}

#[cfg(test)]
mod tests;
