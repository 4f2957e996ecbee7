//! All layers together: the life of workers in a container, with the same steps in the same order as in the gate-runtime
//! program. What a list lacks that these need ends the process with `SIGSYS`.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use gate_sandbox::channel::{Channel, ChannelError, MAX_MESSAGE_BYTES};
use gate_sandbox::filter::{self, Filter, Stage};
use gate_sandbox::layers::limits::Limits;
use gate_sandbox::layers::{cpu, landlock, shuffle::Reservation, speculation};
use gate_sandbox::memfd::{self, Seals};
use gate_sandbox::process::{self, Child, Ending, Fork};
use gate_sandbox::{descriptors, stop, wait};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::containers::{CONFIG, start};
use crate::layers::LIMITS;
use crate::processes::end;
use crate::{Outcome, Test, raw};

pub(crate) const TESTS: &[Test] = &[
    ("worker::program", program),
    ("worker::compiler", compiler),
    ("worker::job", job),
    ("worker::program_that_breaks_out_is_killed", program_that_breaks_out_is_killed),
    ("worker::compiler_that_breaks_out_is_killed", compiler_that_breaks_out_is_killed),
    ("worker::without_filter_the_other_layers_hold", without_filter_the_other_layers_hold),
];

/// Forks a worker of the zygote.
pub(crate) fn fork(work: impl FnOnce() -> i32) -> Child {
    match process::fork().unwrap() {
        Fork::Parent(child) => child,
        Fork::Child => process::exit(work()),
    }
}

/// Starts a container whose zygote, under its filter if `filtered`, runs one worker and exits with its status (or 100 +
/// signal). The worker is given an order with `order`.
fn container(
    filtered: bool,
    order: &[BorrowedFd<'_>],
    work: impl FnOnce(Channel) -> i32,
) -> (Ending, Channel) {
    let (mut container, channel) = start(&CONFIG, |channel| {
        let _ = landlock::restrict().unwrap();
        let _ = speculation::restrict(speculation::StoreBypass::Unchanged);
        if filtered {
            filter::install(Stage::Zygote).unwrap();
        }
        let mut worker = fork(|| work(channel));
        let deadline = Instant::now() + Duration::from_secs(20);
        match worker.wait_until(deadline).unwrap().map(|exit| exit.ending) {
            Some(Ending::Exited(status)) => status,
            Some(Ending::Signaled(signal)) => 100 + signal,
            None => 99,
        }
    });
    if !order.is_empty() {
        channel.send(b"order", order).unwrap();
    }
    (end(container.process()).ending, channel)
}

fn zygote(order: &[BorrowedFd<'_>], work: impl FnOnce(Channel) -> i32) -> (Ending, Channel) {
    container(true, order, work)
}

/// A sealed file of one page.
fn page() -> OwnedFd {
    let file = memfd::create("page").unwrap();
    rustix::fs::ftruncate(&file, 4096).unwrap();
    memfd::seal(&file, Seals::Content).unwrap();
    file
}

/// Largest state of a program.
const STATE_BYTES: u64 = 1 << 20;

/// A worker that is about to run a program.
pub(crate) struct Loaded {
    pub(crate) control: Channel,
    pub(crate) last_filter: Filter,
    _reservation: Reservation,
}

/// Number of the first linear memory: behind the fixed ones there is the artifact.
const MEMORY: i32 = descriptors::FIRST_FREE + 1;

/// Everything before the first instruction of a program, except for the last filter.
pub(crate) fn load(control: Channel) -> Loaded {
    stop::forget();
    process::set_parent_death_signal(rustix::process::Pid::from_raw(1).unwrap()).unwrap();
    let reservation = Reservation::random().unwrap();
    let control = Channel::from_fd(descriptors::only_control(control.into_fd()).unwrap()).unwrap();
    let last_filter = Filter::new(Stage::Running).unwrap();
    filter::install(Stage::Loading).unwrap();

    let mut received = control.recv(&mut [0; 16]).unwrap().descriptors.into_iter();
    let artifact = received.next().unwrap();
    for (number, descriptor) in (descriptors::STDIN..).zip(received) {
        descriptors::place(descriptor, number).unwrap();
    }
    let moved = rustix::io::fcntl_dupfd_cloexec(&artifact, descriptors::FIRST_FREE).unwrap();
    descriptors::place(memfd::create_sized("state", STATE_BYTES).unwrap(), descriptors::STATE).unwrap();
    Limits { open_files: 10, ..LIMITS }.apply().unwrap();
    assert!(raw::map_code(moved.as_fd()));
    let memory = memfd::create("memory").unwrap();
    rustix::fs::ftruncate(&memory, 1 << 20).unwrap();
    memfd::seal(&memory, Seals::Size).unwrap();
    assert!(raw::map_memory(memory.as_fd()));
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (packets, other) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
    // It has kept this number free until here.
    drop(artifact);
    descriptors::place(packets, descriptors::PACKETS).unwrap();
    cpu::limit(Duration::from_secs(10)).unwrap();
    control.send(b"running", &[other.as_fd()]).unwrap();
    // The others stay open, too.
    let _ = (moved.into_raw_fd(), memory.into_raw_fd());
    Loaded { control, last_filter, _reservation: reservation }
}

/// What the supervisor of a program gives it: standard input and output are empty files.
pub(crate) struct Order {
    pub(crate) artifact: OwnedFd,
    pub(crate) input: OwnedFd,
    pub(crate) output: OwnedFd,
}

impl Order {
    pub(crate) fn new() -> Order {
        let file = |name| memfd::create(name).unwrap();
        Order { artifact: page(), input: file("input"), output: file("output") }
    }

    pub(crate) fn descriptors(&self) -> [BorrowedFd<'_>; 4] {
        [self.artifact.as_fd(), self.input.as_fd(), self.output.as_fd(), rustix::stdio::stderr()]
    }
}

fn program() -> Outcome {
    let order = Order::new();
    let (ending, channel) = zygote(&order.descriptors(), |channel| {
        let worker = load(channel);
        worker.last_filter.install().unwrap();
        run(&worker.control)
    });
    assert_eq!(ending, Ending::Exited(0));
    let mut buffer = [0; 16];
    let running = channel.recv(&mut buffer).unwrap();
    assert_eq!((&buffer[..running.len], running.descriptors.len()), (&b"running"[..], 1));
    let received = channel.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..received.len], b"done");
    let [state, memory] = received.descriptors.try_into().unwrap();
    assert_eq!(memfd::size(&state).unwrap(), STATE_BYTES);
    memfd::finish(&state, 5, Seals::Content).unwrap();
    assert_eq!(memfd::map(&state).unwrap().as_ref(), b"state");
    assert_eq!(memfd::verify(&memory, Seals::Size).unwrap(), 1 << 20);
    let mut text = String::new();
    let mut output = File::from(order.output);
    output.rewind().unwrap();
    output.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello\n");
    Outcome::Passed
}

/// What a program does, under its filter.
fn run(control: &Channel) -> i32 {
    let mut memory = vec![0_u8; 8 << 20];
    memory.extend_from_slice(&[1; 1 << 20]);
    let mut output = std::io::stdout();
    output.write_all(b"hello\n").unwrap();
    output.flush().unwrap();
    let mut buffer = [0; 4];
    let mut buffers = [std::io::IoSliceMut::new(&mut buffer)];
    assert_eq!(rustix::io::readv(descriptors::fixed(descriptors::STDIN), &mut buffers), Ok(0), "it is empty");
    let packets = descriptors::fixed(descriptors::PACKETS);
    let soon = Instant::now() + Duration::from_millis(1);
    assert!(wait::writable(packets, Some(soon)).is_ok());
    let random = rustix::rand::getrandom(&mut memory[..16], rustix::rand::GetRandomFlags::empty()).unwrap();
    let state = descriptors::fixed(descriptors::STATE);
    let written = rustix::io::write(state, b"state").unwrap();
    assert_eq!(written, 5);
    // Nor can it fill the host's memory through this file.
    while rustix::io::write(state, &memory).is_ok_and(|count| count > 0) {}
    control.send(b"done", &[state, descriptors::fixed(MEMORY)]).unwrap();
    i32::try_from(random).unwrap() - 16
}

/// Limits of a compiler that makes one file.
const ONE_FILE: Limits = Limits { open_files: 6, file_bytes: Some(1 << 20), ..LIMITS };

/// Everything before a compiler reads its module.
fn prepare_to_compile(control: Channel, limits: Limits) -> (Channel, OwnedFd) {
    process::set_parent_death_signal(rustix::process::Pid::from_raw(1).unwrap()).unwrap();
    let null = || descriptors::inherited(descriptors::STDIN).unwrap();
    let open = vec![null(), null(), null(), control.into_fd(), memfd::create("artifact").unwrap()];
    let mut open = descriptors::arrange(open).unwrap();
    let (artifact, control) = (open.pop().unwrap(), open.pop().unwrap());
    for stream in open {
        let _ = stream.into_raw_fd();
    }
    let control = Channel::from_fd(control).unwrap();
    stop::ignore().unwrap();
    filter::install(Stage::Compiler).unwrap();
    Limits { processes: 1000, ..limits }.apply().unwrap();
    (control, artifact)
}

fn compiler() -> Outcome {
    let module = page();
    let (ending, channel) = zygote(&[module.as_fd()], |channel| {
        let (control, artifact) = prepare_to_compile(channel, ONE_FILE);
        let module = control.recv(&mut [0; 16]).unwrap().descriptors.remove(0);
        let module = memfd::map(&module).unwrap();
        let byte = u64::from(module.as_ref()[4095]);
        let threads: Vec<_> = (0..4_u64)
            .map(|number| {
                std::thread::spawn(move || {
                    let data: Vec<u64> = (0..100_000).map(|i| i * number + byte).collect();
                    data.iter().sum::<u64>()
                })
            })
            .collect();
        let sum: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        std::thread::available_parallelism().unwrap();
        let mut artifact = File::from(artifact);
        artifact.write_all(&sum.to_le_bytes()).unwrap();
        memfd::seal(&artifact, Seals::Content).unwrap();
        control.send(b"artifact", &[artifact.as_fd()]).unwrap();
        0
    });
    assert_eq!(ending, Ending::Exited(0));
    let received = channel.recv(&mut vec![0; MAX_MESSAGE_BYTES]).unwrap();
    let artifact = &received.descriptors[0];
    assert_eq!(memfd::verify(artifact, Seals::Content).unwrap(), 8);
    assert!(raw::map_code(artifact.as_fd()));
    Outcome::Passed
}

/// A compiler that is sent the files for what it makes. It copies a memory, which is mostly zeros.
fn job() -> Outcome {
    let last = 63;
    let memory = memfd::create_sized("memory", 1 << 30).unwrap();
    rustix::io::pwrite(&memory, &[7; 100], 1 << 20).unwrap();
    rustix::io::pwrite(&memory, &[9; 100], (1 << 30) - 100).unwrap();
    memfd::seal(&memory, Seals::Size).unwrap();
    let outputs: Vec<OwnedFd> = (6..=last).map(|_| memfd::create_sized("out", 1 << 30).unwrap()).collect();
    let mut order = vec![memory.as_fd()];
    order.extend(outputs.iter().map(AsFd::as_fd));
    let (ending, channel) = zygote(&order, |channel| {
        // Each file is as large as it is: no other limit is needed.
        let limits = Limits { open_files: 64, file_bytes: None, ..LIMITS };
        let (control, _artifact) = prepare_to_compile(channel, limits);
        let received = control.recv(&mut [0; 16]).unwrap().descriptors;
        assert_eq!(received.last().unwrap().as_raw_fd(), last);
        let mut files = received.into_iter().map(File::from);
        let (memory, mut text, copy) =
            (files.next().unwrap(), files.next().unwrap(), files.next_back().unwrap());
        text.write_all(b"text").unwrap();
        let mapped = memfd::map_at_rest(&memory).unwrap();
        let mut parts: u64 = 0;
        for part in memfd::extents(memory.as_fd()) {
            let part = part.unwrap();
            let bytes = usize::try_from(part.start).unwrap()..usize::try_from(part.end).unwrap();
            copy.write_all_at(&mapped.as_ref()[bytes], part.start).unwrap();
            parts += 1;
        }
        control.send(&parts.to_le_bytes(), &[]).unwrap();
        0
    });
    assert_eq!(ending, Ending::Exited(0));
    let mut parts = [0; 8];
    channel.recv(&mut parts).unwrap();
    assert_eq!(u64::from_le_bytes(parts), 2);
    memfd::finish(&outputs[0], 4, Seals::Content).unwrap();
    assert_eq!(memfd::map(&outputs[0]).unwrap().as_ref(), b"text");
    let copy = outputs.last().unwrap();
    memfd::finish(copy, 1 << 30, Seals::Size).unwrap();
    let parts = |file: &OwnedFd| memfd::extents(file.as_fd()).map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(parts(copy), parts(&memory), "what was zero takes no memory");
    let mut bytes = [0; 4];
    rustix::io::pread(copy, &mut bytes, (1 << 20) + 98).unwrap();
    assert_eq!(bytes, [7, 7, 0, 0]);
    Outcome::Passed
}

/// A system call by which something could be reached from inside. The arguments are such that, without the filter, it
/// would do what it is for, or at least reach the code of the kernel behind it.
type Attempt = (&'static str, i64, [u64; 6]);

fn text(text: &'static std::ffi::CStr) -> u64 {
    u64::try_from(text.as_ptr().expose_provenance()).unwrap()
}

fn number(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

/// What neither a program nor a compiler may do.
fn attempts() -> Vec<Attempt> {
    let (cwd, path) = (number(libc::AT_FDCWD), text(c"/"));
    let (read_write, rwx) = (3, 7);
    vec![
        // Files. `openat` is in the table of programs: for compilers it does not exist.
        ("openat2", libc::SYS_openat2, [cwd, path, 0, 24, 0, 0]),
        ("openat with O_PATH", libc::SYS_openat, [u64::MAX, path, number(libc::O_PATH), 0, 0, 0]),
        ("readlinkat", libc::SYS_readlinkat, [cwd, path, 0, 0, 0, 0]),
        ("mkdirat", libc::SYS_mkdirat, [cwd, text(c"/x"), 0o777, 0, 0, 0]),
        ("unlinkat", libc::SYS_unlinkat, [cwd, text(c"/x"), 0, 0, 0, 0]),
        ("faccessat", libc::SYS_faccessat, [cwd, path, 0, 0, 0, 0]),
        ("chdir", libc::SYS_chdir, [path, 0, 0, 0, 0, 0]),
        ("chroot", libc::SYS_chroot, [path, 0, 0, 0, 0, 0]),
        ("fchmod", libc::SYS_fchmod, [1, 0o777, 0, 0, 0, 0]),
        ("getdents64", libc::SYS_getdents64, [0, 0, 0, 0, 0, 0]),
        ("inotify_init1", libc::SYS_inotify_init1, [0; 6]),
        ("mount", libc::SYS_mount, [text(c"none"), path, text(c"tmpfs"), 0, 0, 0]),
        ("umount2", libc::SYS_umount2, [path, 2, 0, 0, 0, 0]),
        ("fsopen", libc::SYS_fsopen, [text(c"tmpfs"), 0, 0, 0, 0, 0]),
        // Network.
        ("socket of the internet", libc::SYS_socket, [2, 1, 0, 0, 0, 0]),
        ("socket of Unix", libc::SYS_socket, [1, 1, 0, 0, 0, 0]),
        ("socket of netlink", libc::SYS_socket, [16, 3, 0, 0, 0, 0]),
        ("connect", libc::SYS_connect, [3, 0, 0, 0, 0, 0]),
        ("bind", libc::SYS_bind, [3, 0, 0, 0, 0, 0]),
        ("sendto", libc::SYS_sendto, [3, 0, 0, 0, 0, 0]),
        // Processes.
        ("kill process 1", libc::SYS_kill, [1, 9, 0, 0, 0, 0]),
        ("kill all", libc::SYS_kill, [u64::MAX, 9, 0, 0, 0, 0]),
        ("tgkill", libc::SYS_tgkill, [1, 1, 9, 0, 0, 0]),
        ("ptrace", libc::SYS_ptrace, [16, 1, 0, 0, 0, 0]),
        ("process_vm_readv", libc::SYS_process_vm_readv, [1, 0, 0, 0, 0, 0]),
        ("process_vm_writev", libc::SYS_process_vm_writev, [1, 0, 0, 0, 0, 0]),
        ("pidfd_open", libc::SYS_pidfd_open, [1, 0, 0, 0, 0, 0]),
        ("pidfd_getfd", libc::SYS_pidfd_getfd, [3, 0, 0, 0, 0, 0]),
        ("kcmp", libc::SYS_kcmp, [1, 1, 0, 0, 0, 0]),
        ("fork", libc::SYS_clone, [number(libc::SIGCHLD), 0, 0, 0, 0, 0]),
        (
            "clone into namespaces",
            libc::SYS_clone,
            [number(libc::CLONE_NEWUSER | libc::SIGCHLD), 0, 0, 0, 0, 0],
        ),
        ("execve", libc::SYS_execve, [text(c"/bin/sh"), 0, 0, 0, 0, 0]),
        ("execveat", libc::SYS_execveat, [0, text(c""), 0, 0, number(libc::AT_EMPTY_PATH), 0]),
        ("setns", libc::SYS_setns, [3, 0, 0, 0, 0, 0]),
        ("unshare", libc::SYS_unshare, [number(libc::CLONE_NEWUSER), 0, 0, 0, 0, 0]),
        ("setresuid", libc::SYS_setresuid, [0, 0, 0, 0, 0, 0]),
        ("wait4", libc::SYS_wait4, [u64::MAX, 0, 1, 0, 0, 0]),
        // Kernel interfaces with a history.
        ("bpf", libc::SYS_bpf, [0, 0, 0, 0, 0, 0]),
        ("perf_event_open", libc::SYS_perf_event_open, [0, 0, u64::MAX, u64::MAX, 0, 0]),
        ("io_uring_setup", libc::SYS_io_uring_setup, [8, 0, 0, 0, 0, 0]),
        ("userfaultfd", libc::SYS_userfaultfd, [1, 0, 0, 0, 0, 0]),
        ("keyctl", libc::SYS_keyctl, [0, 0, 0, 0, 0, 0]),
        ("add_key", libc::SYS_add_key, [text(c"user"), text(c"x"), 0, 0, 0, 0]),
        ("futex of another kind", libc::SYS_futex, [0, number(libc::FUTEX_CMP_REQUEUE_PI), 0, 0, 0, 0]),
        ("ioctl TIOCSTI", libc::SYS_ioctl, [2, 0x5412, text(c"x"), 0, 0, 0]),
        ("personality", libc::SYS_personality, [0x0040_0000, 0, 0, 0, 0, 0]),
        ("modify_ldt", if cfg!(target_arch = "x86_64") { 154 } else { libc::SYS_ioctl }, [0; 6]),
        ("splice", libc::SYS_splice, [0, 0, 1, 0, 1, 0]),
        ("sendfile", libc::SYS_sendfile, [1, 0, 0, 1, 0, 0]),
        ("shmget", libc::SYS_shmget, [0, 4096, 0o1777, 0, 0, 0]),
        ("prctl PR_SET_DUMPABLE", libc::SYS_prctl, [number(libc::PR_SET_DUMPABLE), 1, 0, 0, 0, 0]),
        ("prctl PR_SET_MM", libc::SYS_prctl, [number(libc::PR_SET_MM), 0, 0, 0, 0, 0]),
        ("prctl PR_SET_PTRACER", libc::SYS_prctl, [0x5961_6d61, u64::MAX, 0, 0, 0, 0]),
        // Memory that does not count, and code.
        ("memfd_create", libc::SYS_memfd_create, [text(c"x"), 0, 0, 0, 0, 0]),
        ("memfd_secret", libc::SYS_memfd_secret, [0; 6]),
        ("shared memory", libc::SYS_mmap, [0, 4096, read_write, 0x21, u64::MAX, 0]),
        ("memory that grows down", libc::SYS_mmap, [0, 4096, read_write, 0x122, u64::MAX, 0]),
        ("code by mmap", libc::SYS_mmap, [0, 4096, rwx, 0x22, u64::MAX, 0]),
        ("code by mprotect", libc::SYS_mprotect, [0, 4096, rwx, 0, 0, 0]),
        ("pkey_mprotect", libc::SYS_pkey_mprotect, [0, 4096, rwx, u64::MAX, 0, 0]),
        ("remap to a fixed address", libc::SYS_mremap, [0, 4096, 4096, 3, 4096, 0]),
        ("mergeable memory", libc::SYS_madvise, [0, 4096, number(libc::MADV_MERGEABLE), 0, 0, 0]),
        // Descriptors.
        ("read from standard output", libc::SYS_read, [1, 0, 0, 0, 0, 0]),
        ("readv from standard error", libc::SYS_readv, [2, 0, 0, 0, 0, 0]),
        ("write to standard input", libc::SYS_write, [0, 0, 0, 0, 0, 0]),
        ("write to the control socket", libc::SYS_write, [3, 0, 0, 0, 0, 0]),
        ("dup3", libc::SYS_dup3, [3, 0, 0, 0, 0, 0]),
        ("fcntl F_SETFL", libc::SYS_fcntl, [0, number(libc::F_SETFL), 0, 0, 0, 0]),
        ("fcntl F_SETOWN", libc::SYS_fcntl, [3, number(libc::F_SETOWN), 1, 0, 0, 0]),
    ]
}

/// What a program may do or could gain nothing by, and a compiler not.
fn attempts_of_compilers() -> Vec<Attempt> {
    vec![
        ("write to standard output", libc::SYS_write, [1, 0, 0, 0, 0, 0]),
        ("write behind its files", libc::SYS_pwrite64, [64, 0, 0, 0, 0, 0]),
        ("resize a file", libc::SYS_ftruncate, [4, 0, 0, 0, 0, 0]),
        ("allocate a file", libc::SYS_fallocate, [4, 0, 0, 4096, 0, 0]),
        ("read a stream", libc::SYS_read, [5, 0, 0, 0, 0, 0]),
        ("set an offset", libc::SYS_lseek, [5, 0, number(libc::SEEK_SET), 0, 0, 0]),
        ("share a file", libc::SYS_mmap, [0, 4096, 3, 1, 5, 0]),
    ]
}

/// What a compiler may do and a program not.
fn attempts_of_programs() -> Vec<Attempt> {
    vec![
        ("openat", libc::SYS_openat, [number(libc::AT_FDCWD), text(c"/etc/passwd"), 0, 0, 0, 0]),
        ("clone3", libc::SYS_clone3, [0, 88, 0, 0, 0, 0]),
        ("thread", libc::SYS_clone, [0x003d_0f00, u64::MAX, 0, 0, 0, 0]),
        ("prlimit64", libc::SYS_prlimit64, [0, 7, 0, 0, 0, 0]),
        ("prctl PR_SET_NO_NEW_PRIVS", libc::SYS_prctl, [number(libc::PR_SET_NO_NEW_PRIVS), 1, 0, 0, 0, 0]),
        ("seccomp", libc::SYS_seccomp, [1, 0, 0, 0, 0, 0]),
        ("recvmsg", libc::SYS_recvmsg, [3, 0, 0, 0, 0, 0]),
        ("write to its artifact", libc::SYS_write, [6, 0, 0, 0, 0, 0]),
        ("write to a memory", libc::SYS_write, [7, 0, 0, 0, 0, 0]),
        ("write to its state at an offset", libc::SYS_pwrite64, [5, 0, 0, 0, 0, 0]),
        ("resize its state", libc::SYS_ftruncate, [5, 0, 0, 0, 0, 0]),
        ("seal its state", libc::SYS_fcntl, [5, number(libc::F_ADD_SEALS), 0, 0, 0, 0]),
        ("seek", libc::SYS_lseek, [5, 0, number(libc::SEEK_DATA), 0, 0, 0]),
        ("map a file", libc::SYS_mmap, [0, 4096, 1, 2, 5, 0]),
        ("rt_sigaction", libc::SYS_rt_sigaction, [11, 0, 0, 8, 0, 0]),
        ("timer_settime", libc::SYS_timer_settime, [0; 6]),
        ("read standard input by read", libc::SYS_read, [0, 0, 0, 0, 0, 0]),
    ]
}

/// Makes each attempt in a worker of its own that `prepare` has sealed.
fn each_is_killed(attempts: Vec<Attempt>, order: &[BorrowedFd<'_>], prepare: fn(Channel) -> Channel) {
    for (what, number, arguments) in attempts {
        // In compilers `openat` does not exist.
        let missing = number == libc::SYS_openat;
        let (ending, channel) = zygote(order, |channel| {
            let control = prepare(channel);
            control.send(b"sealed", &[]).unwrap();
            let errno = raw::syscall(number, arguments);
            if missing && errno == libc::ENOSYS {
                return 100 + libc::SIGSYS;
            }
            control.send(b"out", &[]).unwrap();
            0
        });
        assert_eq!(ending, Ending::Exited(100 + libc::SIGSYS), "{what}");
        let mut buffer = [0; 16];
        let mut messages = Vec::new();
        let last = loop {
            match channel.recv(&mut buffer) {
                Ok(received) => messages.push(buffer[..received.len].to_vec()),
                Err(error) => break error,
            }
        };
        assert!(messages.ends_with(&[b"sealed".to_vec()]), "{what}: it came as far as the attempt");
        assert!(matches!(last, ChannelError::Closed), "{what}: {last}");
    }
}

/// Each of these, tried by a program after the engine lost control, is the end of it.
fn program_that_breaks_out_is_killed() -> Outcome {
    let order = Order::new();
    let attempts = [attempts(), attempts_of_programs()].concat();
    each_is_killed(attempts, &order.descriptors(), |channel| {
        let Loaded { control, last_filter, _reservation } = load(channel);
        last_filter.install().unwrap();
        control
    });
    Outcome::Passed
}

fn compiler_that_breaks_out_is_killed() -> Outcome {
    let module = page();
    let attempts = [attempts(), attempts_of_compilers()].concat();
    each_is_killed(attempts, &[module.as_fd()], |channel| {
        let (control, artifact) = prepare_to_compile(channel, ONE_FILE);
        let _ = artifact.into_raw_fd();
        control.recv(&mut [0; 16]).unwrap();
        control
    });
    Outcome::Passed
}

/// If there were a hole in the filter, this is what would stand behind it.
fn without_filter_the_other_layers_hold() -> Outcome {
    let (ending, _channel) = container(false, &[], |channel| {
        let _control = descriptors::only_control(channel.into_fd()).unwrap();
        LIMITS.apply().unwrap();
        let invalid = u64::MAX;
        let denied: &[(&str, i64, [u64; 6], &[i32])] = &[
            ("open", libc::SYS_openat, [number(libc::AT_FDCWD), text(c"/"), 0, 0, 0, 0], &[libc::EACCES]),
            (
                "open of the host",
                libc::SYS_openat,
                [number(libc::AT_FDCWD), text(c"/etc/passwd"), 0, 0, 0, 0],
                &[libc::ENOENT, libc::EACCES],
            ),
            (
                "mkdir",
                libc::SYS_mkdirat,
                [number(libc::AT_FDCWD), text(c"/x"), 0, 0, 0, 0],
                &[libc::EROFS, libc::EACCES],
            ),
            ("fork", libc::SYS_clone, [number(libc::SIGCHLD), 0, 0, 0, 0, 0], &[libc::EAGAIN]),
            ("ptrace", libc::SYS_ptrace, [16, 1, 0, 0, 0, 0], &[libc::EPERM]),
            (
                "mount",
                libc::SYS_mount,
                [text(c"none"), text(c"/"), text(c"tmpfs"), 0, 0, 0],
                &[libc::EPERM, libc::EACCES],
            ),
            ("setresuid", libc::SYS_setresuid, [0, 0, 0, 0, 0, 0], &[libc::EINVAL, libc::EPERM]),
            ("chroot", libc::SYS_chroot, [text(c"/"), 0, 0, 0, 0, 0], &[libc::EPERM, libc::EACCES]),
            ("reboot", libc::SYS_reboot, [0xfee1_dead, 672_274_793, 0, 0, 0, 0], &[libc::EPERM]),
            ("kill of a stranger", libc::SYS_kill, [2_000_000, 9, 0, 0, 0, 0], &[libc::ESRCH]),
            (
                "mlock",
                libc::SYS_mlock,
                [invalid & !4095, 4096, 0, 0, 0, 0],
                &[libc::EPERM, libc::ENOMEM, libc::EINVAL],
            ),
            ("descriptor", libc::SYS_dup, [0, 0, 0, 0, 0, 0], &[0]),
            ("descriptors beyond the limit", libc::SYS_dup, [0, 0, 0, 0, 0, 0], &[libc::EMFILE]),
        ];
        for (what, number, arguments, expected) in denied {
            let errno = raw::syscall(*number, *arguments);
            assert!(expected.contains(&errno), "{what}: {}", std::io::Error::from_raw_os_error(errno));
        }
        0
    });
    assert_eq!(ending, Ending::Exited(0));
    Outcome::Passed
}
