//! The lists. Each entry says who calls; an entry whose caller is gone goes too.

use super::{Condition, Effect, Rule};
use crate::descriptors::{ARTIFACT, CONTROL, PACKETS, STATE, STDERR, STDIN, STDOUT};

/// `rule!(effect, number, name, conditions, caller)`.
macro_rules! rule {
    ($effect:ident, $number:ident, $name:literal, $conditions:expr, $caller:literal) => {
        Rule {
            number: libc::$number,
            name: $name,
            conditions: $conditions,
            effect: Effect::$effect,
            caller: $caller,
        }
    };
}

/// The argument is a descriptor with this number.
const fn descriptor(number: i32) -> Condition {
    exactly(0, number)
}

/// The argument is one of [`OUTPUTS`](crate::descriptors::OUTPUTS), in blocks of which each has one test.
const OUTPUTS_4_TO_7: Condition = masked(0, !3, 4);
const OUTPUTS_8_TO_15: Condition = masked(0, !7, 8);
const OUTPUTS_16_TO_31: Condition = masked(0, !15, 16);
const OUTPUTS_32_TO_63: Condition = masked(0, !31, 32);

const fn exactly(argument: u8, value: i32) -> Condition {
    Condition { argument, mask: u32::MAX, value: value.cast_unsigned() }
}

const fn masked(argument: u8, mask: i32, value: i32) -> Condition {
    Condition { argument, mask: mask.cast_unsigned(), value: value.cast_unsigned() }
}

/// Memory that can be read, or read and written, or neither. Not `PROT_GROWSDOWN`, nor any other protection.
const DATA: Condition = masked(2, !(libc::PROT_READ | libc::PROT_WRITE), 0);

/// Exactly code: what can be executed cannot be written at the same time.
const CODE: Condition = exactly(2, libc::PROT_READ | libc::PROT_EXEC);

/// New private memory, which counts for `RLIMIT_DATA` once it is writable. Not `MAP_SHARED`, which does not count, nor
/// `MAP_GROWSDOWN`, which counts as stack and is not limited, nor `MAP_HUGETLB`.
const NEW_PRIVATE: Condition =
    masked(3, !(libc::MAP_NORESERVE | libc::MAP_STACK), libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);

/// A private view of a file.
const PRIVATE_FILE: Condition = exactly(3, libc::MAP_PRIVATE);

/// A file itself, mapped over a reservation.
const SHARED_FILE: Condition = masked(3, !libc::MAP_NORESERVE, libc::MAP_SHARED | libc::MAP_FIXED);

/// A mapping grows, shrinks or moves to an address of the kernel's choice. Keeps its protection and what it counts for.
const RESIZE: Condition = masked(3, !libc::MREMAP_MAYMOVE, 0);

/// An operation on a futex, private to the process or not, by either clock.
const fn futex(operation: i32) -> Condition {
    masked(1, !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME), operation)
}

/// Advice with which the C library makes guard pages since glibc 2.42 (`MADV_GUARD_INSTALL`, and its reverse), with one
/// bit that differs.
const GUARD_PAGES: Condition = masked(2, !1, 102);

/// Flags with which the C libraries create threads (glibc exactly these, musl also the historical `CLONE_DETACHED`).
/// In particular no namespace, no process, no pidfd.
const THREAD_FLAGS: i32 = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID;

const A_THREAD: Condition = masked(0, !libc::CLONE_DETACHED, THREAD_FLAGS);

/// Flags of `fork`: the signal for the parent, and where the C library keeps the thread id.
const A_FORK: Condition = masked(0, !(libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID), libc::SIGCHLD);

/// A worker that runs a program.
pub(super) const RUNNING: &[Rule] = &[
    rule!(Allow, SYS_readv, "readv", &[descriptor(STDIN)], "worker: the program reads standard input"),
    rule!(Allow, SYS_readv, "readv", &[descriptor(PACKETS)], "worker: bells of the packet ring"),
    rule!(Allow, SYS_writev, "writev", &[descriptor(STDOUT)], "worker: the program writes standard output"),
    rule!(Allow, SYS_writev, "writev", &[descriptor(STDERR)], "worker: the program writes standard error"),
    rule!(Allow, SYS_writev, "writev", &[descriptor(PACKETS)], "worker: rings for who waits for packets"),
    rule!(Allow, SYS_write, "write", &[descriptor(STDOUT)], "worker: what fits below the output limit"),
    rule!(
        Allow,
        SYS_write,
        "write",
        &[descriptor(STDERR)],
        "worker: what fits below the output limit; message of a panic"
    ),
    rule!(
        Allow,
        SYS_write,
        "write",
        &[descriptor(STATE)],
        "worker: the state of a program that was asked to stop, into a file that cannot grow"
    ),
    rule!(
        Allow,
        SYS_sendmsg,
        "sendmsg",
        &[descriptor(CONTROL)],
        "channel: reports to the supervisor; the memories and the state of a stopped program"
    ),
    rule!(Allow, SYS_ppoll, "ppoll", &[], "worker: waits for input, packets, or a time"),
    rule!(
        Allow,
        SYS_clock_gettime,
        "clock_gettime",
        &[],
        "the clock of processor time; others where the vDSO cannot read them"
    ),
    rule!(Allow, SYS_getrandom, "getrandom", &[], "the program asks for random bytes; hash seeds"),
    rule!(Allow, SYS_mmap, "mmap", &[DATA, NEW_PRIVATE], "allocator: large blocks; engine: tables, its heap"),
    rule!(Allow, SYS_mprotect, "mprotect", &[DATA], "engine: a memory grows into its reservation"),
    rule!(Allow, SYS_munmap, "munmap", &[], "allocator and engine: give memory back"),
    rule!(Allow, SYS_mremap, "mremap", &[RESIZE], "allocator: realloc of large blocks"),
    rule!(Allow, SYS_brk, "brk", &[], "allocator: small blocks"),
    rule!(
        Allow,
        SYS_futex,
        "futex",
        &[exactly(1, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG)],
        "C library: the end of a first use. In one thread nothing is waited for"
    ),
    rule!(
        Allow,
        SYS_rt_sigreturn,
        "rt_sigreturn",
        &[],
        "kernel: return from the handlers of traps and of requests to stop"
    ),
    rule!(Allow, SYS_sigaltstack, "sigaltstack", &[], "engine: stack for the handler of stack overflow"),
    rule!(Allow, SYS_close, "close", &[], "worker: what it drops before its end"),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[exactly(1, libc::F_GETFD)],
        "standard library: debug builds check a descriptor before they close it"
    ),
    rule!(Allow, SYS_getpid, "getpid", &[], "process: owner check when a child is dropped, after a panic"),
    rule!(Allow, SYS_gettid, "gettid", &[], "standard library: message of a panic"),
    rule!(Allow, SYS_exit_group, "exit_group", &[], "end of the process"),
];

/// In addition, a worker that loads a program.
pub(super) const LOADING: &[Rule] = &[
    rule!(
        Allow,
        SYS_mmap,
        "mmap",
        &[DATA, PRIVATE_FILE],
        "engine: the artifact; private, so that a file changed later does not change it. worker: the image of files"
    ),
    rule!(Allow, SYS_mmap, "mmap", &[DATA, SHARED_FILE], "engine: linear memories, which are memfds"),
    rule!(Allow, SYS_mprotect, "mprotect", &[CODE], "engine: makes the artifact's code executable"),
    rule!(
        Allow,
        SYS_memfd_create,
        "memfd_create",
        &[],
        "engine: linear memories. worker: the file for its state"
    ),
    rule!(
        Allow,
        SYS_ftruncate,
        "ftruncate",
        &[],
        "engine: size of a linear memory. memfd: size of the file for the state"
    ),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[exactly(1, libc::F_ADD_SEALS)],
        "engine: a linear memory stays as large as it is. memfd: the file for the state cannot grow"
    ),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[exactly(1, libc::F_GET_SEALS)],
        "memfd: checks the seals of the image of files, of the state and memories of a program that continues"
    ),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[exactly(1, libc::F_DUPFD_CLOEXEC)],
        "worker: moves the artifact away from the fixed numbers"
    ),
    rule!(Allow, SYS_dup3, "dup3", &[], "descriptors: moves them into place"),
    rule!(Allow, SYS_fstat, "fstat", &[], "memfd: its size"),
    rule!(
        Allow,
        SYS_statx,
        "statx",
        &[exactly(2, libc::AT_EMPTY_PATH)],
        "standard library: size of the artifact"
    ),
    rule!(Allow, SYS_pread64, "pread64", &[], "engine: reads what the artifact says of its module"),
    rule!(
        Allow,
        SYS_recvmsg,
        "recvmsg",
        &[descriptor(CONTROL)],
        "channel: the orders, with their descriptors"
    ),
    rule!(
        Allow,
        SYS_socketpair,
        "socketpair",
        &[
            exactly(0, libc::AF_UNIX),
            exactly(1, libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK),
        ],
        "worker: its packet stream"
    ),
    rule!(Allow, SYS_futex, "futex", &[futex(libc::FUTEX_WAKE)], "C library: the end of a first use"),
    rule!(Allow, SYS_timer_create, "timer_create", &[], "cpu: limit of processor time"),
    rule!(Allow, SYS_timer_settime, "timer_settime", &[], "cpu: limit of processor time"),
    rule!(Allow, SYS_prlimit64, "prlimit64", &[exactly(0, 0)], "limits: of this process"),
    #[cfg(target_arch = "aarch64")]
    rule!(Allow, SYS_membarrier, "membarrier", &[], "engine: new code becomes visible to instruction fetch"),
    rule!(
        Allow,
        SYS_prctl,
        "prctl",
        &[exactly(0, libc::PR_SET_NO_NEW_PRIVS)],
        "filter: precondition of installing one"
    ),
    rule!(
        Allow,
        SYS_seccomp,
        "seccomp",
        &[exactly(0, libc::SECCOMP_SET_MODE_FILTER.cast_signed()), exactly(1, 0)],
        "filter: the one for running; filters can only take away"
    ),
];

/// A worker that compiles, or does something else with a module. Its files are there from the beginning or come with its
/// order: it can make no others, nor resize them but by writing, so that what it can fill of the host's memory is limited.
pub(super) const COMPILER: &[Rule] = &[
    rule!(Allow, SYS_recvmsg, "recvmsg", &[descriptor(CONTROL)], "channel: the order, with the module"),
    rule!(Allow, SYS_sendmsg, "sendmsg", &[descriptor(CONTROL)], "channel: the result, with the artifact"),
    rule!(Allow, SYS_prlimit64, "prlimit64", &[exactly(0, 0)], "limits: of this process"),
    rule!(Allow, SYS_write, "write", &[OUTPUTS_4_TO_7], "worker: writes what it makes, from the start"),
    rule!(Allow, SYS_write, "write", &[OUTPUTS_8_TO_15], "worker: writes what it makes, from the start"),
    rule!(Allow, SYS_write, "write", &[OUTPUTS_16_TO_31], "worker: writes what it makes, from the start"),
    rule!(Allow, SYS_write, "write", &[OUTPUTS_32_TO_63], "worker: writes what it makes, from the start"),
    rule!(
        Allow,
        SYS_pwrite64,
        "pwrite64",
        &[OUTPUTS_4_TO_7],
        "worker: writes the parts of a memory that are not zero"
    ),
    rule!(
        Allow,
        SYS_pwrite64,
        "pwrite64",
        &[OUTPUTS_8_TO_15],
        "worker: writes the parts of a memory that are not zero"
    ),
    rule!(
        Allow,
        SYS_pwrite64,
        "pwrite64",
        &[OUTPUTS_16_TO_31],
        "worker: writes the parts of a memory that are not zero"
    ),
    rule!(
        Allow,
        SYS_pwrite64,
        "pwrite64",
        &[OUTPUTS_32_TO_63],
        "worker: writes the parts of a memory that are not zero"
    ),
    rule!(Allow, SYS_writev, "writev", &[OUTPUTS_4_TO_7], "worker: writes a snapshot, in pieces"),
    rule!(Allow, SYS_writev, "writev", &[OUTPUTS_8_TO_15], "worker: writes a snapshot, in pieces"),
    rule!(Allow, SYS_writev, "writev", &[OUTPUTS_16_TO_31], "worker: writes a snapshot, in pieces"),
    rule!(Allow, SYS_writev, "writev", &[OUTPUTS_32_TO_63], "worker: writes a snapshot, in pieces"),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[OUTPUTS_4_TO_7, exactly(1, libc::F_ADD_SEALS)],
        "memfd: ends writing to what it has made"
    ),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[OUTPUTS_8_TO_15, exactly(1, libc::F_ADD_SEALS)],
        "memfd: ends writing to what it has made"
    ),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[OUTPUTS_16_TO_31, exactly(1, libc::F_ADD_SEALS)],
        "memfd: ends writing to what it has made"
    ),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[OUTPUTS_32_TO_63, exactly(1, libc::F_ADD_SEALS)],
        "memfd: ends writing to what it has made"
    ),
    rule!(Allow, SYS_pread64, "pread64", &[], "engine: where the instructions of an artifact come from"),
    rule!(
        Allow,
        SYS_lseek,
        "lseek",
        &[exactly(2, libc::SEEK_DATA)],
        "memfd: the parts of a memory that are not zero"
    ),
    rule!(Allow, SYS_lseek, "lseek", &[exactly(2, libc::SEEK_HOLE)], "memfd: the ends of these parts"),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[descriptor(ARTIFACT), exactly(1, libc::F_ADD_SEALS)],
        "memfd: seals the artifact"
    ),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[exactly(1, libc::F_GET_SEALS)],
        "memfd: checks the seals of the module"
    ),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[exactly(1, libc::F_GETFD)],
        "standard library: debug check of descriptors"
    ),
    rule!(Allow, SYS_fstat, "fstat", &[], "memfd: size of the module"),
    rule!(Allow, SYS_close, "close", &[], "descriptors that are not needed any more"),
    rule!(Allow, SYS_mmap, "mmap", &[DATA, NEW_PRIVATE], "allocator; thread stacks"),
    rule!(Allow, SYS_mmap, "mmap", &[DATA, PRIVATE_FILE], "memfd: the module as memory"),
    rule!(Allow, SYS_mprotect, "mprotect", &[DATA], "C library: guard pages of stacks, allocator arenas"),
    rule!(Allow, SYS_munmap, "munmap", &[], "allocator; thread stacks"),
    rule!(
        Allow,
        SYS_madvise,
        "madvise",
        &[exactly(2, libc::MADV_DONTNEED)],
        "allocator: arenas shrink; stacks of threads that ended"
    ),
    rule!(Allow, SYS_madvise, "madvise", &[GUARD_PAGES], "C library: guard pages of stacks"),
    rule!(Allow, SYS_mremap, "mremap", &[RESIZE], "allocator: realloc of large blocks"),
    rule!(Allow, SYS_brk, "brk", &[], "allocator"),
    rule!(
        Allow,
        SYS_clone,
        "clone",
        &[A_THREAD],
        "rayon: threads that compile functions in parallel. worker: one that reads ahead"
    ),
    rule!(
        Missing,
        SYS_clone3,
        "clone3",
        &[],
        "C library: threads; its flags are in memory, where a filter cannot test them, so that it must use clone"
    ),
    rule!(Allow, SYS_set_robust_list, "set_robust_list", &[], "C library: start of a thread"),
    rule!(Allow, SYS_rseq, "rseq", &[], "C library: start of a thread"),
    rule!(Allow, SYS_futex, "futex", &[futex(libc::FUTEX_WAKE)], "rayon: threads give work away"),
    rule!(Allow, SYS_futex, "futex", &[futex(libc::FUTEX_WAIT)], "C library: threads wait for a lock"),
    rule!(
        Allow,
        SYS_futex,
        "futex",
        &[futex(libc::FUTEX_WAIT_BITSET)],
        "rayon: threads wait for work; C library: join"
    ),
    rule!(
        Allow,
        SYS_sched_getaffinity,
        "sched_getaffinity",
        &[],
        "rayon: number of processors; bounds of a thread's stack"
    ),
    rule!(
        Missing,
        SYS_openat,
        "openat",
        &[],
        "standard library: number of processors, first from the control group's files, which do not exist here"
    ),
    rule!(Allow, SYS_sched_yield, "sched_yield", &[], "rayon: threads look for work"),
    rule!(
        Allow,
        SYS_sigaltstack,
        "sigaltstack",
        &[],
        "standard library: handler of stack overflow in a thread"
    ),
    rule!(
        Allow,
        SYS_rt_sigprocmask,
        "rt_sigprocmask",
        &[],
        "C library: blocks signals while it starts a thread"
    ),
    rule!(
        Allow,
        SYS_rt_sigaction,
        "rt_sigaction",
        &[],
        "C library: its own signals, before the first thread"
    ),
    rule!(Allow, SYS_rt_sigreturn, "rt_sigreturn", &[], "kernel: return from the handler of stack overflow"),
    rule!(
        Allow,
        SYS_clock_gettime,
        "clock_gettime",
        &[],
        "compile times, where the vDSO cannot read the clock"
    ),
    rule!(Allow, SYS_getrandom, "getrandom", &[], "hash seeds"),
    rule!(Allow, SYS_getpid, "getpid", &[], "process: owner check when a child is dropped, after a panic"),
    rule!(Allow, SYS_gettid, "gettid", &[], "standard library: start of a thread; message of a panic"),
    rule!(Allow, SYS_exit, "exit", &[], "end of a thread"),
    rule!(Allow, SYS_exit_group, "exit_group", &[], "end of the process"),
];

/// In addition to all lists above, the zygote; also what its workers call before their own filters.
pub(super) const ZYGOTE: &[Rule] = &[
    rule!(Allow, SYS_clone, "clone", &[A_FORK], "process: forks a worker"),
    rule!(
        Allow,
        SYS_unshare,
        "unshare",
        &[exactly(0, libc::CLONE_THREAD)],
        "process: fork checks that there is one thread"
    ),
    rule!(Allow, SYS_wait4, "wait4", &[], "process: end of a worker, with its resource usage"),
    rule!(Allow, SYS_pidfd_open, "pidfd_open", &[], "process: descriptor of a worker"),
    rule!(Allow, SYS_pidfd_send_signal, "pidfd_send_signal", &[], "process: kills a worker"),
    rule!(Allow, SYS_kill, "kill", &[], "process: kills a worker whose descriptor could not be opened"),
    rule!(Allow, SYS_getppid, "getppid", &[], "process: worker checks that its parent is there"),
    rule!(
        Allow,
        SYS_prctl,
        "prctl",
        &[exactly(0, libc::PR_SET_PDEATHSIG)],
        "process: worker ends with its parent"
    ),
    rule!(
        Allow,
        SYS_socketpair,
        "socketpair",
        &[exactly(0, libc::AF_UNIX), exactly(1, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC)],
        "channel: to a new worker"
    ),
    rule!(
        Allow,
        SYS_setsockopt,
        "setsockopt",
        &[exactly(1, libc::SOL_SOCKET), exactly(2, libc::SO_SNDBUF)],
        "channel: its buffer size"
    ),
    rule!(
        Allow,
        SYS_getsockopt,
        "getsockopt",
        &[exactly(1, libc::SOL_SOCKET), exactly(2, libc::SO_TYPE)],
        "channel: checks that a descriptor is one"
    ),
    rule!(Allow, SYS_close_range, "close_range", &[], "descriptors: a worker closes all but its own"),
    rule!(
        Allow,
        SYS_epoll_create1,
        "epoll_create1",
        &[],
        "zygote: waits for orders and for the ends of workers"
    ),
    rule!(Allow, SYS_epoll_ctl, "epoll_ctl", &[], "zygote: waits for orders and for the ends of workers"),
    rule!(Allow, SYS_epoll_pwait, "epoll_pwait", &[], "zygote: waits for orders and for the ends of workers"),
    rule!(Allow, SYS_write, "write", &[descriptor(STDERR)], "standard library: message of a panic"),
];
