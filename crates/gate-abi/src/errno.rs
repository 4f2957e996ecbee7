//! Error numbers of WASI preview 1 (`typenames.witx`, enum `errno`), which Gate's own ABI uses too.

/// An error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
#[must_use]
pub enum Errno {
    /// `success`: No error.
    Success = 0,
    /// `2big`: Argument list too long.
    TooBig = 1,
    /// `access`: Permission denied.
    Access = 2,
    /// `addrinuse`.
    AddrInUse = 3,
    /// `addrnotavail`.
    AddrNotAvail = 4,
    /// `afnosupport`.
    AfNoSupport = 5,
    /// `again`: Resource unavailable, or operation would block.
    Again = 6,
    /// `already`.
    Already = 7,
    /// `badf`: Bad file descriptor.
    BadF = 8,
    /// `badmsg`.
    BadMsg = 9,
    /// `busy`: Device or resource busy.
    Busy = 10,
    /// `canceled`.
    Canceled = 11,
    /// `child`.
    Child = 12,
    /// `connaborted`.
    ConnAborted = 13,
    /// `connrefused`.
    ConnRefused = 14,
    /// `connreset`.
    ConnReset = 15,
    /// `deadlk`.
    Deadlk = 16,
    /// `destaddrreq`.
    DestAddrReq = 17,
    /// `dom`.
    Dom = 18,
    /// `dquot`: Disc quota exceeded.
    DQuot = 19,
    /// `exist`: File exists.
    Exist = 20,
    /// `fault`: Bad address.
    Fault = 21,
    /// `fbig`: File too large.
    FBig = 22,
    /// `hostunreach`.
    HostUnreach = 23,
    /// `idrm`.
    IdRm = 24,
    /// `ilseq`: Illegal byte sequence.
    IlSeq = 25,
    /// `inprogress`.
    InProgress = 26,
    /// `intr`: Interrupted function.
    Intr = 27,
    /// `inval`: Invalid argument.
    Inval = 28,
    /// `io`: I/O error.
    Io = 29,
    /// `isconn`.
    IsConn = 30,
    /// `isdir`: Is a directory.
    IsDir = 31,
    /// `loop`: Too many levels of symbolic links.
    Loop = 32,
    /// `mfile`: File descriptor value too large.
    MFile = 33,
    /// `mlink`: Too many links.
    MLink = 34,
    /// `msgsize`.
    MsgSize = 35,
    /// `multihop`.
    MultiHop = 36,
    /// `nametoolong`: Filename too long.
    NameTooLong = 37,
    /// `netdown`.
    NetDown = 38,
    /// `netreset`.
    NetReset = 39,
    /// `netunreach`.
    NetUnreach = 40,
    /// `nfile`: Too many files open in system.
    NFile = 41,
    /// `nobufs`.
    NoBufs = 42,
    /// `nodev`.
    NoDev = 43,
    /// `noent`: No such file or directory.
    NoEnt = 44,
    /// `noexec`.
    NoExec = 45,
    /// `nolck`.
    NoLck = 46,
    /// `nolink`.
    NoLink = 47,
    /// `nomem`: Not enough space.
    NoMem = 48,
    /// `nomsg`.
    NoMsg = 49,
    /// `noprotoopt`.
    NoProtoOpt = 50,
    /// `nospc`: No space left on device.
    NoSpc = 51,
    /// `nosys`: Function not supported.
    NoSys = 52,
    /// `notconn`.
    NotConn = 53,
    /// `notdir`: Not a directory, or a symbolic link to one.
    NotDir = 54,
    /// `notempty`: Directory not empty.
    NotEmpty = 55,
    /// `notrecoverable`.
    NotRecoverable = 56,
    /// `notsock`: Not a socket.
    NotSock = 57,
    /// `notsup`: Not supported.
    NotSup = 58,
    /// `notty`: Inappropriate I/O control operation.
    NotTy = 59,
    /// `nxio`.
    NxIo = 60,
    /// `overflow`: Value too large to be stored.
    Overflow = 61,
    /// `ownerdead`.
    OwnerDead = 62,
    /// `perm`: Operation not permitted.
    Perm = 63,
    /// `pipe`: Broken pipe.
    Pipe = 64,
    /// `proto`.
    Proto = 65,
    /// `protonosupport`.
    ProtoNoSupport = 66,
    /// `prototype`.
    Prototype = 67,
    /// `range`.
    Range = 68,
    /// `rofs`: Read-only file system.
    RoFs = 69,
    /// `spipe`: Invalid seek.
    SPipe = 70,
    /// `srch`.
    Srch = 71,
    /// `stale`.
    Stale = 72,
    /// `timedout`: Connection timed out.
    TimedOut = 73,
    /// `txtbsy`: Text file busy.
    TxtBsy = 74,
    /// `xdev`: Cross-device link.
    XDev = 75,
    /// `notcapable`: Capabilities insufficient.
    NotCapable = 76,
}

impl Errno {
    /// The number that the program is given.
    pub const fn number(self) -> u16 {
        self as u16
    }
}
