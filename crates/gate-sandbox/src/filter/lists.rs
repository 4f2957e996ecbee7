//! The lists. Each entry says who calls; an entry whose caller is gone goes too.

use super::{Condition, Effect, Rule};
use crate::descriptors::{CONTROL, PACKETS, STDERR, STDIN, STDOUT};

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

const fn exactly(argument: u8, value: i32) -> Condition {
    Condition { argument, mask: u32::MAX, value: value.cast_unsigned() }
}

const fn masked(argument: u8, mask: i32, value: i32) -> Condition {
    Condition { argument, mask: mask.cast_unsigned(), value: value.cast_unsigned() }
}

/// From `linux/prctl.h`; libc has them for x86-64 only.
const PR_GET_SPECULATION_CTRL: i32 = 52;
const PR_SET_SPECULATION_CTRL: i32 = 53;

/// Memory that is not executable.
const NOT_EXECUTABLE: Condition = masked(2, libc::PROT_EXEC, 0);

/// `FUTEX_PRIVATE_FLAG`: no other process is waited for or woken.
const PRIVATE: Condition = masked(1, libc::FUTEX_PRIVATE_FLAG, libc::FUTEX_PRIVATE_FLAG);

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
    rule!(Allow, SYS_read, "read", &[descriptor(STDIN)], "the program reads standard input"),
    rule!(
        Allow,
        SYS_readv,
        "readv",
        &[descriptor(STDIN)],
        "the program reads standard input into several buffers"
    ),
    rule!(Allow, SYS_read, "read", &[descriptor(PACKETS)], "worker: packets from services"),
    rule!(Allow, SYS_readv, "readv", &[descriptor(PACKETS)], "worker: packets from services"),
    rule!(Allow, SYS_write, "write", &[descriptor(STDOUT)], "the program writes standard output"),
    rule!(
        Allow,
        SYS_writev,
        "writev",
        &[descriptor(STDOUT)],
        "the program writes standard output from several buffers"
    ),
    rule!(
        Allow,
        SYS_write,
        "write",
        &[descriptor(STDERR)],
        "the program writes standard error; message of a panic"
    ),
    rule!(
        Allow,
        SYS_writev,
        "writev",
        &[descriptor(STDERR)],
        "the program writes standard error from several buffers"
    ),
    rule!(Allow, SYS_write, "write", &[descriptor(PACKETS)], "worker: packets to services"),
    rule!(Allow, SYS_writev, "writev", &[descriptor(PACKETS)], "worker: packets to services"),
    rule!(Allow, SYS_sendmsg, "sendmsg", &[descriptor(CONTROL)], "channel: reports to the supervisor"),
    rule!(Allow, SYS_recvmsg, "recvmsg", &[descriptor(CONTROL)], "channel: orders of the supervisor"),
    #[cfg(target_arch = "x86_64")]
    rule!(Allow, SYS_poll, "poll", &[], "C library and Rust: poll without a signal mask"),
    rule!(Allow, SYS_ppoll, "ppoll", &[], "worker: waits for input, packets, orders, or a time"),
    rule!(Allow, SYS_clock_gettime, "clock_gettime", &[], "clocks, where the vDSO cannot read them"),
    rule!(Allow, SYS_clock_nanosleep, "clock_nanosleep", &[], "the program sleeps"),
    rule!(
        Allow,
        SYS_restart_syscall,
        "restart_syscall",
        &[],
        "kernel: continues an interrupted sleep after a stop"
    ),
    rule!(Allow, SYS_getrandom, "getrandom", &[], "the program asks for random bytes; hash seeds"),
    rule!(Allow, SYS_mmap, "mmap", &[NOT_EXECUTABLE], "allocator: large blocks; engine: memories and tables"),
    rule!(Allow, SYS_mprotect, "mprotect", &[NOT_EXECUTABLE], "engine: a memory grows into its reservation"),
    rule!(Allow, SYS_munmap, "munmap", &[], "allocator and engine: give memory back"),
    rule!(Allow, SYS_madvise, "madvise", &[], "allocator and engine: give pages back, keep the mapping"),
    rule!(Allow, SYS_mremap, "mremap", &[], "allocator: realloc of large blocks; keeps the protection"),
    rule!(Allow, SYS_brk, "brk", &[], "allocator: small blocks"),
    rule!(
        Allow,
        SYS_futex,
        "futex",
        &[PRIVATE],
        "locks of the standard library, never contended in one thread"
    ),
    rule!(
        Allow,
        SYS_rt_sigreturn,
        "rt_sigreturn",
        &[],
        "kernel: return from the handlers of traps and of the stop signal"
    ),
    rule!(Allow, SYS_rt_sigprocmask, "rt_sigprocmask", &[], "engine: leaves the handler of a trap; abort"),
    rule!(Allow, SYS_sigaltstack, "sigaltstack", &[], "engine: stack for the handler of stack overflow"),
    rule!(
        Allow,
        SYS_sched_yield,
        "sched_yield",
        &[],
        "the program yields; spin locks of the standard library"
    ),
    rule!(Allow, SYS_close, "close", &[], "worker: the program closes a standard stream; end of the process"),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[exactly(1, libc::F_GETFD)],
        "standard library: debug builds check a descriptor before they close it"
    ),
    rule!(Allow, SYS_getpid, "getpid", &[], "process: owner check when a child is dropped"),
    rule!(Allow, SYS_gettid, "gettid", &[], "C library: abort; message of a panic"),
    rule!(Allow, SYS_exit, "exit", &[], "end of a thread"),
    rule!(Allow, SYS_exit_group, "exit_group", &[], "end of the process"),
];

/// In addition, a worker that loads a program.
pub(super) const LOADING: &[Rule] = &[
    rule!(
        Allow,
        SYS_mmap,
        "mmap",
        &[masked(3, libc::MAP_SHARED | libc::MAP_PRIVATE, libc::MAP_PRIVATE)],
        "engine: maps compiled code; private, so that a file changed later does not change it"
    ),
    rule!(Allow, SYS_mprotect, "mprotect", &[], "engine: makes code executable and read-only"),
    rule!(
        Allow,
        SYS_memfd_create,
        "memfd_create",
        &[],
        "memfd: memory of the program; engine: initial memory images"
    ),
    rule!(Allow, SYS_ftruncate, "ftruncate", &[], "memfd: sets its size"),
    rule!(Allow, SYS_fcntl, "fcntl", &[exactly(1, libc::F_ADD_SEALS)], "memfd: seals it"),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[exactly(1, libc::F_GET_SEALS)],
        "memfd: checks the seals of an artifact"
    ),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[exactly(1, libc::F_DUPFD_CLOEXEC)],
        "descriptors: moves them into place"
    ),
    rule!(Allow, SYS_fcntl, "fcntl", &[exactly(1, libc::F_GETFL)], "worker: is a descriptor blocking"),
    rule!(
        Allow,
        SYS_fcntl,
        "fcntl",
        &[exactly(1, libc::F_SETFL)],
        "worker: makes the packets descriptor non-blocking"
    ),
    rule!(Allow, SYS_fstat, "fstat", &[], "memfd: its size"),
    rule!(Allow, SYS_newfstatat, "newfstatat", &[exactly(3, libc::AT_EMPTY_PATH)], "C library: fstat"),
    rule!(
        Allow,
        SYS_statx,
        "statx",
        &[exactly(2, libc::AT_EMPTY_PATH)],
        "standard library: metadata of a descriptor"
    ),
    rule!(Allow, SYS_lseek, "lseek", &[], "standard library: reads a file to its end"),
    rule!(Allow, SYS_pread64, "pread64", &[], "worker: reads a snapshot's memory from its memfd"),
    rule!(Allow, SYS_pwrite64, "pwrite64", &[], "engine: writes an initial memory image to its memfd"),
    rule!(Allow, SYS_read, "read", &[], "worker: reads artifact and state from memfds"),
    rule!(Allow, SYS_write, "write", &[], "engine: writes an initial memory image to its memfd"),
    rule!(Allow, SYS_sendmsg, "sendmsg", &[], "channel: reports, before the control descriptor is in place"),
    rule!(Allow, SYS_recvmsg, "recvmsg", &[], "channel: the start order with its descriptors"),
    rule!(Allow, SYS_getsockopt, "getsockopt", &[], "channel: checks that a descriptor is one"),
    rule!(Allow, SYS_close_range, "close_range", &[], "descriptors: closes all but the given ones"),
    rule!(Allow, SYS_dup3, "dup3", &[], "descriptors: moves them into place"),
    #[cfg(target_arch = "x86_64")]
    rule!(Allow, SYS_dup2, "dup2", &[], "C library: older form of dup3"),
    rule!(Allow, SYS_futex, "futex", &[], "C library: first use of locks in a forked process"),
    rule!(Allow, SYS_socketpair, "socketpair", &[exactly(0, libc::AF_UNIX)], "worker: its packet stream"),
    rule!(Allow, SYS_timer_create, "timer_create", &[], "cpu: limit of processor time"),
    rule!(Allow, SYS_timer_settime, "timer_settime", &[], "cpu: limit of processor time"),
    rule!(Allow, SYS_prlimit64, "prlimit64", &[exactly(0, 0)], "limits: of this process"),
    rule!(
        Allow,
        SYS_rt_sigaction,
        "rt_sigaction",
        &[],
        "engine: handlers of traps; worker: handler of the stop signal"
    ),
    rule!(Allow, SYS_sched_getaffinity, "sched_getaffinity", &[], "standard library: number of processors"),
    rule!(
        Allow,
        SYS_membarrier,
        "membarrier",
        &[],
        "engine: new code becomes visible to instruction fetch (ARM64)"
    ),
    rule!(
        Allow,
        SYS_prctl,
        "prctl",
        &[exactly(0, libc::PR_SET_NO_NEW_PRIVS)],
        "filter: precondition of installing one"
    ),
    rule!(Allow, SYS_prctl, "prctl", &[exactly(0, PR_SET_SPECULATION_CTRL)], "speculation"),
    rule!(Allow, SYS_prctl, "prctl", &[exactly(0, PR_GET_SPECULATION_CTRL)], "speculation: report"),
    rule!(Allow, SYS_prctl, "prctl", &[exactly(0, libc::PR_SET_DUMPABLE)], "worker: stays undumpable"),
    rule!(Allow, SYS_prctl, "prctl", &[exactly(0, libc::PR_SET_NAME)], "worker: its name in process lists"),
    rule!(
        Allow,
        SYS_seccomp,
        "seccomp",
        &[exactly(0, libc::SECCOMP_SET_MODE_FILTER.cast_signed())],
        "filter: the one for running; filters can only take away"
    ),
];

/// A worker that compiles.
pub(super) const COMPILER: &[Rule] = &[
    rule!(Allow, SYS_prlimit64, "prlimit64", &[exactly(0, 0)], "limits: of this process"),
    rule!(Allow, SYS_read, "read", &[], "worker: reads the module from a memfd"),
    rule!(Allow, SYS_pread64, "pread64", &[], "worker: reads the module from a memfd"),
    rule!(Allow, SYS_lseek, "lseek", &[], "standard library: reads a file to its end"),
    rule!(Allow, SYS_write, "write", &[], "worker: writes the artifact to a memfd; message of a panic"),
    rule!(Allow, SYS_writev, "writev", &[], "standard library: message of a panic"),
    rule!(Allow, SYS_pwrite64, "pwrite64", &[], "worker: writes the artifact to a memfd"),
    rule!(Allow, SYS_sendmsg, "sendmsg", &[], "channel: the result, with the artifact"),
    rule!(Allow, SYS_recvmsg, "recvmsg", &[], "channel: the order, with the module"),
    #[cfg(target_arch = "x86_64")]
    rule!(Allow, SYS_poll, "poll", &[], "C library and Rust: poll without a signal mask"),
    rule!(Allow, SYS_ppoll, "ppoll", &[], "channel: waits for an order"),
    rule!(Allow, SYS_close, "close", &[], "descriptors that are not needed any more"),
    rule!(Allow, SYS_fstat, "fstat", &[], "memfd: its size"),
    rule!(Allow, SYS_newfstatat, "newfstatat", &[exactly(3, libc::AT_EMPTY_PATH)], "C library: fstat"),
    rule!(
        Allow,
        SYS_statx,
        "statx",
        &[exactly(2, libc::AT_EMPTY_PATH)],
        "standard library: metadata of a descriptor"
    ),
    rule!(Allow, SYS_memfd_create, "memfd_create", &[], "memfd: the artifact"),
    rule!(Allow, SYS_ftruncate, "ftruncate", &[], "memfd: the artifact's size"),
    rule!(Allow, SYS_fcntl, "fcntl", &[exactly(1, libc::F_ADD_SEALS)], "memfd: seals the artifact"),
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
    rule!(Allow, SYS_mmap, "mmap", &[NOT_EXECUTABLE], "allocator; thread stacks; the module as memory"),
    rule!(
        Allow,
        SYS_mprotect,
        "mprotect",
        &[NOT_EXECUTABLE],
        "C library: guard pages of stacks, allocator arenas"
    ),
    rule!(Allow, SYS_munmap, "munmap", &[], "allocator; thread stacks"),
    rule!(Allow, SYS_madvise, "madvise", &[], "allocator; stacks of threads that ended"),
    rule!(Allow, SYS_mremap, "mremap", &[], "allocator: realloc of large blocks"),
    rule!(Allow, SYS_brk, "brk", &[], "allocator"),
    rule!(Allow, SYS_clone, "clone", &[A_THREAD], "rayon: threads that compile functions in parallel"),
    rule!(
        Missing,
        SYS_clone3,
        "clone3",
        &[],
        "C library: threads; its flags are in memory, where a filter cannot test them, so that it must use clone"
    ),
    rule!(Allow, SYS_set_robust_list, "set_robust_list", &[], "C library: start of a thread"),
    rule!(Allow, SYS_rseq, "rseq", &[], "C library: start of a thread"),
    rule!(Allow, SYS_futex, "futex", &[], "rayon: threads wait for work; join uses one that is not private"),
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
    rule!(Allow, SYS_prctl, "prctl", &[exactly(0, libc::PR_SET_NAME)], "standard library: names threads"),
    rule!(
        Allow,
        SYS_prlimit64,
        "prlimit64",
        &[exactly(0, 0), exactly(2, 0)],
        "C library: reads the size for thread stacks"
    ),
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
    rule!(Allow, SYS_rt_sigaction, "rt_sigaction", &[], "standard library: handler of stack overflow"),
    rule!(Allow, SYS_rt_sigreturn, "rt_sigreturn", &[], "kernel: return from a handler"),
    rule!(
        Allow,
        SYS_restart_syscall,
        "restart_syscall",
        &[],
        "kernel: continues an interrupted wait after a stop"
    ),
    rule!(
        Allow,
        SYS_clock_gettime,
        "clock_gettime",
        &[],
        "compile times, where the vDSO cannot read the clock"
    ),
    rule!(Allow, SYS_getrandom, "getrandom", &[], "hash seeds"),
    rule!(Allow, SYS_getpid, "getpid", &[], "process: owner check when a child is dropped"),
    rule!(Allow, SYS_gettid, "gettid", &[], "standard library: message of a panic; C library: abort"),
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
    rule!(Allow, SYS_waitid, "waitid", &[], "process: end of a worker"),
    rule!(Allow, SYS_pidfd_open, "pidfd_open", &[], "process: descriptor of a worker"),
    rule!(Allow, SYS_pidfd_send_signal, "pidfd_send_signal", &[], "process: kills or stops a worker"),
    rule!(Allow, SYS_kill, "kill", &[], "process: kills a worker whose descriptor could not be opened"),
    rule!(Allow, SYS_getppid, "getppid", &[], "process: worker checks that its parent is there"),
    rule!(
        Allow,
        SYS_prctl,
        "prctl",
        &[exactly(0, libc::PR_SET_PDEATHSIG)],
        "process: worker ends with its parent"
    ),
    rule!(Allow, SYS_socketpair, "socketpair", &[exactly(0, libc::AF_UNIX)], "channel: to a new worker"),
    rule!(Allow, SYS_setsockopt, "setsockopt", &[exactly(1, libc::SOL_SOCKET)], "channel: its buffer size"),
    rule!(Allow, SYS_prlimit64, "prlimit64", &[exactly(0, 0)], "limits of a worker"),
    rule!(Allow, SYS_landlock_create_ruleset, "landlock_create_ruleset", &[], "landlock of a worker"),
    rule!(Allow, SYS_landlock_restrict_self, "landlock_restrict_self", &[], "landlock of a worker"),
    rule!(
        Allow,
        SYS_prctl,
        "prctl",
        &[exactly(0, libc::PR_GET_NO_NEW_PRIVS)],
        "landlock: is its precondition there"
    ),
    rule!(
        Allow,
        SYS_epoll_create1,
        "epoll_create1",
        &[],
        "zygote: waits for orders and for the ends of workers"
    ),
    rule!(Allow, SYS_epoll_ctl, "epoll_ctl", &[], "zygote: waits for orders and for the ends of workers"),
    rule!(Allow, SYS_epoll_pwait, "epoll_pwait", &[], "zygote: waits for orders and for the ends of workers"),
    #[cfg(target_arch = "x86_64")]
    rule!(Allow, SYS_epoll_wait, "epoll_wait", &[], "zygote: waits for orders and for the ends of workers"),
];
