//! The few system calls that rustix does not wrap, each made safe here.
#![expect(unsafe_code, reason = "raw system calls without a safe wrapper elsewhere")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::process::Signal;

/// Turns the convention "minus one means look at errno" into a result.
pub(crate) fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Asks the kernel whether this process has a single thread; works without `/proc`.
///
/// `unshare(CLONE_THREAD)` changes nothing in a single-threaded process and is refused in any other (unshare(2)).
pub(crate) fn is_single_threaded() -> io::Result<bool> {
    // SAFETY: `unshare` takes no pointers, and `CLONE_THREAD` alone unshares nothing.
    match check(libc::c_long::from(unsafe { libc::unshare(libc::CLONE_THREAD) })) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        // Some container runtimes refuse every `unshare`: count the threads instead.
        Err(error) => match std::fs::read_dir("/proc/self/task") {
            Ok(tasks) => Ok(tasks.count() == 1),
            Err(_) => Err(error),
        },
    }
}

/// `clone` that continues in both processes like `fork`, with namespace flags. Returns zero in the child, and the
/// process id with a descriptor of the process in the parent.
///
/// Handlers registered with `pthread_atfork` do not run: the caller has checked that there is one thread, so no lock
/// of the allocator can be held by another one.
pub(crate) fn clone_process(namespaces: libc::c_int) -> io::Result<(libc::pid_t, Option<OwnedFd>)> {
    let mut pidfd: RawFd = -1;
    let flags = libc::c_long::from(namespaces | libc::CLONE_PIDFD | libc::SIGCHLD);
    let null = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: without `CLONE_VM` the child gets a copy of the address space and, the stack argument being null,
    // continues on its copy of this stack. `pidfd` is valid for the write which `CLONE_PIDFD` asks for; the last two
    // arguments (in either order, they differ by architecture) are not read without the flags that go with them.
    let result = unsafe { libc::syscall(libc::SYS_clone, flags, null, &raw mut pidfd, null, null) };
    let pid = libc::pid_t::try_from(check(result)?).expect("process ids fit");
    if pid == 0 {
        return Ok((0, None));
    }
    // SAFETY: the kernel created this descriptor for the call just above; nothing else owns it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok((pid, Some(pidfd)))
}

/// `fork` of the C library.
pub(crate) fn fork() -> io::Result<libc::pid_t> {
    // SAFETY: the only caller checks that the process has one thread, so the child may go on like its parent.
    check(libc::c_long::from(unsafe { libc::fork() }))
        .map(|pid| libc::pid_t::try_from(pid).expect("process ids fit"))
}

/// Ends the process at once, without running destructors or handlers registered for exit.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` has no requirements and does not return.
    unsafe { libc::_exit(status) }
}

/// Enters a new control group namespace whose root is the present group.
pub(crate) fn unshare_cgroup() -> io::Result<()> {
    // SAFETY: takes no pointers; the namespace of control groups concerns no memory or descriptor.
    check(libc::c_long::from(unsafe { libc::unshare(libc::CLONE_NEWCGROUP) })).map(drop)
}

/// Closes the descriptors from `first` to `last`, both included.
///
/// Values owning such descriptors must not be used any more; the callers pass this duty on in their documentation.
pub(crate) fn close_range(first: RawFd, last: Option<RawFd>) -> io::Result<()> {
    let first = libc::c_uint::try_from(first).map_err(|_| io::ErrorKind::InvalidInput)?;
    let last = match last {
        Some(last) => libc::c_uint::try_from(last).map_err(|_| io::ErrorKind::InvalidInput)?,
        None => libc::c_uint::MAX,
    };
    if first > last {
        return Ok(());
    }
    // SAFETY: takes no pointers. That nobody uses the closed descriptors is the callers' duty stated above.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

/// Makes `target` a copy of `source`, closing what `target` was; no close-on-exec flag.
pub(crate) fn duplicate_onto(source: RawFd, target: RawFd) -> io::Result<()> {
    // SAFETY: takes no pointers; the callers own both numbers.
    check(libc::c_long::from(unsafe { libc::dup3(source, target, 0) })).map(drop)
}

/// Wraps a descriptor which the caller has just created or reserved at this number.
pub(crate) fn adopt(descriptor: RawFd) -> OwnedFd {
    // SAFETY: the callers have just placed this descriptor at this number and wrap it once.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// Names one of the fixed descriptors.
pub(crate) fn borrow(descriptor: RawFd) -> BorrowedFd<'static> {
    // SAFETY: the number is not -1, as those of the fixed descriptors are not; a descriptor that is not there makes calls
    // fail and nothing else.
    unsafe { BorrowedFd::borrow_raw(descriptor) }
}

/// Gives every signal its default action, ignores `SIGPIPE`, and unblocks all of them.
pub(crate) fn reset_signals() -> io::Result<()> {
    for number in 1..=libc::SIGRTMAX() {
        if number == libc::SIGKILL || number == libc::SIGSTOP {
            continue;
        }
        let action = if number == libc::SIGPIPE { libc::SIG_IGN } else { libc::SIG_DFL };
        // SAFETY: neither value is a function, so no handler can be called. The C library refuses its two own
        // signals with EINVAL, which is what we want.
        unsafe { libc::signal(number, action) };
    }
    // SAFETY: an all-zero signal set is a valid value of this plain C type.
    let mut none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `none` is valid for writing.
    unsafe { libc::sigemptyset(&raw mut none) };
    // SAFETY: `none` is initialized, and a null pointer says that the old mask is not wanted.
    let result = unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) };
    check(libc::c_long::from(result)).map(drop)
}

/// What a signal does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// Nothing.
    Ignore,
    /// It runs this, which must do only what is safe in a signal handler (signal-safety(7)).
    Handler(extern "C" fn(libc::c_int)),
}

/// Sets the action of a signal. A handler runs on the alternate stack if there is one, blocks nothing but its own signal,
/// and calls that it interrupts fail with `EINTR`.
pub(crate) fn handle_signal(signal: Signal, action: Action) -> io::Result<()> {
    // SAFETY: all-zero is a valid value of this plain C type: no flags, an empty mask.
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    match action {
        Action::Ignore => new.sa_sigaction = libc::SIG_IGN,
        Action::Handler(handler) => {
            new.sa_sigaction = handler as *const () as libc::sighandler_t;
            new.sa_flags = libc::SA_ONSTACK;
        }
    }
    // SAFETY: `new` is initialized; a function in it has the signature for a handler without `SA_SIGINFO`, and the
    // callers name only functions that may run at any moment. Null says the old action is not wanted.
    let result = unsafe { libc::sigaction(signal.as_raw(), &raw const new, std::ptr::null_mut()) };
    check(libc::c_long::from(result)).map(drop)
}

/// Starts a timer which sends `SIGXCPU` to this process after it has used `limit` more processor time.
pub(crate) fn start_cpu_timer(limit: Duration) -> io::Result<()> {
    // SAFETY: all-zero is a valid value of this plain C type.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    event.sigev_notify = libc::SIGEV_SIGNAL;
    event.sigev_signo = libc::SIGXCPU;
    let mut timer: libc::timer_t = std::ptr::null_mut();
    // SAFETY: `event` is initialized and `timer` valid for writing.
    let result =
        unsafe { libc::timer_create(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut event, &raw mut timer) };
    check(libc::c_long::from(result))?;
    let value = libc::itimerspec {
        it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: libc::timespec {
            tv_sec: libc::time_t::try_from(limit.as_secs()).map_err(|_| io::ErrorKind::InvalidInput)?,
            tv_nsec: libc::c_long::from(limit.subsec_nanos()),
        },
    };
    // SAFETY: `timer` was created just above, `value` is initialized, and null says the old value is not wanted.
    let result = unsafe { libc::timer_settime(timer, 0, &raw const value, std::ptr::null_mut()) };
    check(libc::c_long::from(result)).map(drop)
}

/// Waits for the child `pid`. `None` when it still runs and `block` was not asked for.
pub(crate) fn wait4(
    pid: libc::pid_t,
    options: libc::c_int,
) -> io::Result<Option<(libc::c_int, libc::rusage)>> {
    let mut status = 0;
    // SAFETY: all-zero is a valid value of this plain C type.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are valid for writing.
        let result = unsafe { libc::wait4(pid, &raw mut status, options, &raw mut usage) };
        match check(libc::c_long::from(result)) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some((status, usage))),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reserves address space without any access; returns its address.
pub(crate) fn reserve(bytes: usize) -> io::Result<usize> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice replaces nothing.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        Err(io::Error::last_os_error())
    } else {
        Ok(address.expose_provenance())
    }
}

/// Gives back what [`reserve`] returned.
pub(crate) fn release(address: usize, bytes: usize) {
    // SAFETY: the caller owns the region, which `reserve` returned; it allows no access, so nothing refers to it.
    unsafe { libc::munmap(std::ptr::with_exposed_provenance_mut(address), bytes) };
}

/// A private mapping of a file whose size is sealed and which nobody changes while it is mapped.
#[derive(Debug)]
pub(crate) struct Mapping {
    address: *const u8,
    bytes: usize,
}

// SAFETY: the mapping is read-only and belongs to this value until it is dropped.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `bytes` bytes of `file`, which the caller has checked to be sealed in size and that long. That its
    /// contents do not change, by a seal or otherwise, is the callers' duty too.
    pub(crate) fn read_only(file: BorrowedFd<'_>, bytes: usize) -> io::Result<Self> {
        if bytes == 0 {
            return Ok(Self { address: std::ptr::NonNull::dangling().as_ptr(), bytes });
        }
        let (protection, flags) = (libc::PROT_READ, libc::MAP_PRIVATE);
        // SAFETY: a new mapping at an address of the kernel's choice replaces nothing.
        let address =
            unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, file.as_raw_fd(), 0) };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { address: address.cast_const().cast(), bytes })
    }

    /// The bytes of the file.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `bytes` bytes from `address` are mapped readable as long as this value lives; the file is sealed
        // against shrinking, and against writing or by `read_only`'s caller kept from it, so they neither go away nor
        // change. An empty mapping has a dangling address.
        unsafe { std::slice::from_raw_parts(self.address, self.bytes) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.bytes > 0 {
            // SAFETY: the mapping was made with this address and length, and all slices of it borrow this value.
            unsafe { libc::munmap(self.address.cast_mut().cast(), self.bytes) };
        }
    }
}
