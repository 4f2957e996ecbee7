//! The compiled filters, run over all numbers by an interpreter of the kernel's filter language. The kernel's own
//! verdicts are in the integration tests; these here see what a process cannot try: every architecture, every number.

use super::*;

const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
const AUDIT_ARCH_AARCH64: u32 = 0xc000_00b7;
const OWN_ARCH: u32 = if cfg!(target_arch = "x86_64") { AUDIT_ARCH_X86_64 } else { AUDIT_ARCH_AARCH64 };
/// i386, ARM, and others with fewer or more bits or the other byte order.
const OTHER_ARCHS: [u32; 6] = [0x4000_0003, 0x4000_0028, 0x8000_003e, 0xc000_00f3, 0x8000_00b7, 0];

const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

/// Runs a program on a `struct seccomp_data`, given as 32-bit words: number, architecture, instruction pointer (2),
/// arguments (2 each). Little-endian.
fn verdict(program: &BpfProgram, data: [u32; 16]) -> u32 {
    let mut accumulator = 0;
    let mut next = 0;
    loop {
        let instruction = &program[next];
        next += 1;
        let operand = instruction.k;
        let mut branch = |taken| {
            next += usize::from(if taken { instruction.jt } else { instruction.jf });
        };
        match instruction.code {
            0x20 => accumulator = data[usize::try_from(operand).unwrap() / 4],
            0x54 => accumulator &= operand,
            0x05 => next += usize::try_from(operand).unwrap(),
            0x15 => branch(accumulator == operand),
            0x25 => branch(accumulator > operand),
            0x35 => branch(accumulator >= operand),
            0x06 => return operand,
            other => panic!("instruction {other:#x}"),
        }
    }
}

fn data(number: u32, arch: u32, arguments: [u64; 6]) -> [u32; 16] {
    let mut data = [0; 16];
    data[0] = number;
    data[1] = arch;
    for (words, argument) in data[4..].chunks_exact_mut(2).zip(arguments) {
        words[0] = u32::try_from(argument & 0xffff_ffff).unwrap();
        words[1] = u32::try_from(argument >> 32).unwrap();
    }
    data
}

fn program(stage: Stage) -> BpfProgram {
    Filter::new(stage).unwrap().allow
}

#[track_caller]
fn check(stage: Stage, number: libc::c_long, arguments: [u64; 6], expect: u32) {
    let found = verdict(&program(stage), data(u32::try_from(number).unwrap(), OWN_ARCH, arguments));
    assert_eq!(found, expect, "{stage:?} {number} {arguments:x?}");
}

#[test]
fn other_architectures_are_killed() {
    for stage in Stage::ALL {
        let program = program(stage);
        for arch in OTHER_ARCHS.into_iter().chain([AUDIT_ARCH_X86_64 ^ AUDIT_ARCH_AARCH64 ^ OWN_ARCH]) {
            for number in 0..600 {
                assert_eq!(
                    verdict(&program, data(number, arch, [0; 6])),
                    KILL,
                    "{stage:?} {arch:x} {number}"
                );
            }
        }
    }
}

/// x32 has the architecture of x86-64 and bit 30 set; negative numbers have bit 31.
#[test]
fn numbers_with_high_bits_are_killed() {
    for stage in Stage::ALL {
        let program = program(stage);
        for high in (9..32).map(|bit| 1 << bit).chain([0xc000_0000, 0xffff_fc00]) {
            for low in 0..512 {
                let number = high | low;
                assert_eq!(verdict(&program, data(number, OWN_ARCH, [0; 6])), KILL, "{stage:?} {number:x}");
            }
        }
        for rule in allowed(stage) {
            assert!((0..512).contains(&rule.number), "{rule:?}");
        }
    }
}

#[test]
fn what_no_stage_may_do() {
    let never = [
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_socket,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_accept4,
        libc::SYS_openat2,
        libc::SYS_open_by_handle_at,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_setns,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_init_module,
        libc::SYS_personality,
        libc::SYS_pkey_mprotect,
        libc::SYS_memfd_secret,
        libc::SYS_pidfd_getfd,
        libc::SYS_ioctl,
        libc::SYS_setresuid,
        libc::SYS_capset,
        libc::SYS_tgkill,
        libc::SYS_tkill,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_remap_file_pages,
        libc::SYS_shmget,
        libc::SYS_vmsplice,
    ];
    for stage in Stage::ALL {
        for number in never {
            check(stage, number, [0; 6], KILL);
        }
    }
}

#[test]
fn what_a_running_program_may_not_do() {
    for number in [
        libc::SYS_clone,
        libc::SYS_clone3,
        libc::SYS_openat,
        libc::SYS_kill,
        libc::SYS_memfd_create,
        libc::SYS_prctl,
        libc::SYS_prlimit64,
        libc::SYS_socketpair,
        libc::SYS_seccomp,
        libc::SYS_rt_sigaction,
        libc::SYS_timer_create,
        libc::SYS_dup3,
        libc::SYS_fcntl,
        libc::SYS_fstat,
        libc::SYS_lseek,
        libc::SYS_pread64,
        libc::SYS_pwrite64,
        libc::SYS_read,
        libc::SYS_recvmsg,
        libc::SYS_madvise,
        libc::SYS_clock_nanosleep,
    ] {
        check(Stage::Running, number, [0; 6], KILL);
    }
}

/// Of files in memory nothing but a control group counts the size.
#[test]
fn a_compiler_makes_no_files() {
    for number in [libc::SYS_memfd_create, libc::SYS_ftruncate, libc::SYS_fallocate, libc::SYS_socketpair] {
        check(Stage::Compiler, number, [0; 6], KILL);
    }
    for fd in (0..256).chain([1 << 16 | 4, 1 << 31 | 4, u64::from(u32::MAX)]) {
        let write = if (4..64).contains(&fd) { ALLOW } else { KILL };
        check(Stage::Compiler, libc::SYS_write, [fd, 0, 0, 0, 0, 0], write);
        check(Stage::Compiler, libc::SYS_pwrite64, [fd, 0, 0, 0, 0, 0], write);
        check(Stage::Compiler, libc::SYS_writev, [fd, 0, 0, 0, 0, 0], write);
        for number in [libc::SYS_read, libc::SYS_readv] {
            check(Stage::Compiler, number, [fd, 0, 0, 0, 0, 0], KILL);
        }
    }
}

#[test]
fn numbers_of_outputs() {
    assert_eq!(crate::descriptors::OUTPUTS, 4..=63, "what the masks in the list cover");
}

/// Looking for data is not reading, nor setting an offset.
#[test]
fn seeking() {
    for whence in 0..16 {
        let expect = if [3, 4].contains(&whence) { ALLOW } else { KILL };
        check(Stage::Compiler, libc::SYS_lseek, [5, 0, whence, 0, 0, 0], expect);
        check(Stage::Loading, libc::SYS_lseek, [5, 0, whence, 0, 0, 0], KILL);
    }
}

#[test]
fn descriptors_of_a_running_program() {
    for fd in 0..64 {
        let may = |fds: &[u64]| if fds.contains(&fd) { ALLOW } else { KILL };
        let arguments = [fd, 0, 0, 0, 0, 0];
        for (number, fds) in [
            (libc::SYS_readv, &[0, 4][..]),
            (libc::SYS_writev, &[1, 2, 4]),
            (libc::SYS_write, &[1, 2, 5]),
            (libc::SYS_sendmsg, &[3]),
        ] {
            check(Stage::Running, number, arguments, may(fds));
        }
    }
    // The kernel takes the low half of the register.
    check(Stage::Running, libc::SYS_readv, [1 << 32, 0, 0, 0, 0, 0], ALLOW);
    check(Stage::Running, libc::SYS_readv, [(1 << 32) | 1, 0, 0, 0, 0, 0], KILL);
}

#[test]
fn executable_memory() {
    let (read, write, exec) = (1, 2, 4);
    for stage in [Stage::Running, Stage::Loading, Stage::Compiler] {
        // Some bits beyond the three, among them PROT_GROWSDOWN.
        for protection in (0..16).chain([1 << 24 | read | write, 1 << 25 | read, 1 << 31]) {
            let data = protection & !(read | write) == 0;
            let code = stage == Stage::Loading && protection == read | exec;
            let arguments = [0, 4096, protection, 0, 0, 0];
            check(stage, libc::SYS_mprotect, arguments, if data || code { ALLOW } else { KILL });
            let arguments = [0, 4096, protection, 0x22, 0, 0];
            check(stage, libc::SYS_mmap, arguments, if data { ALLOW } else { KILL });
        }
    }
}

/// What a worker maps counts for its limit of private writable memory, except for files that were given to it or that
/// it made while it was loading.
#[test]
fn kinds_of_mappings() {
    let (shared, private, fixed, anonymous, grows_down, no_reserve, huge) =
        (0x1, 0x2, 0x10, 0x20, 0x100, 0x4000, 0x4_0000);
    let new = private | anonymous;
    for (flags, running, loading, compiler) in [
        (new, ALLOW, ALLOW, ALLOW),
        (new | no_reserve, ALLOW, ALLOW, ALLOW),
        (private, KILL, ALLOW, ALLOW),
        (shared | fixed | no_reserve, KILL, ALLOW, KILL),
        (shared | anonymous, KILL, KILL, KILL),
        (shared | fixed | anonymous, KILL, KILL, KILL),
        (shared | private, KILL, KILL, KILL),
        (new | grows_down, KILL, KILL, KILL),
        (new | huge, KILL, KILL, KILL),
        (new | fixed, KILL, KILL, KILL),
    ] {
        for (stage, expect) in
            [(Stage::Running, running), (Stage::Loading, loading), (Stage::Compiler, compiler)]
        {
            check(stage, libc::SYS_mmap, [0, 4096, 3, flags, 0, 0], expect);
        }
    }
}

#[test]
fn operations_on_futexes() {
    let (private, realtime) = (128, 256);
    let names = [
        (0, "wait"),
        (1, "wake"),
        (3, "requeue"),
        (5, "wake op"),
        (6, "lock pi"),
        (9, "wait bitset"),
        (11, "wait requeue pi"),
    ];
    for (operation, name) in names {
        let may = |list: &[&str]| if list.contains(&name) { ALLOW } else { KILL };
        for flags in [0, private, private | realtime] {
            let arguments = [0, operation | flags, 0, 0, 0, 0];
            let running = if flags == private { may(&["wake"]) } else { KILL };
            check(Stage::Running, libc::SYS_futex, arguments, running);
            check(Stage::Loading, libc::SYS_futex, arguments, may(&["wake"]));
            check(Stage::Compiler, libc::SYS_futex, arguments, may(&["wait", "wake", "wait bitset"]));
        }
    }
}

#[test]
fn processes_and_threads() {
    // What glibc's pthread_create and fork pass.
    let (thread, fork) = (0x003d_0f00, 0x0120_0011);
    let one_more = |flags: u64| (0..32).map(move |bit| flags | 1 << bit).filter(move |more| *more != flags);
    let arguments = |flags| [flags, 0, 0, 0, 0, 0];
    check(Stage::Zygote, libc::SYS_clone, arguments(fork), ALLOW);
    check(Stage::Zygote, libc::SYS_clone, arguments(thread), ALLOW);
    check(Stage::Compiler, libc::SYS_clone, arguments(thread), ALLOW);
    check(Stage::Compiler, libc::SYS_clone, arguments(fork), KILL);
    for flags in one_more(fork) {
        check(Stage::Zygote, libc::SYS_clone, arguments(flags), KILL);
    }
    // musl adds CLONE_DETACHED, which the kernel ignores.
    for flags in one_more(thread).filter(|flags| *flags != thread | 0x0040_0000) {
        check(Stage::Zygote, libc::SYS_clone, arguments(flags), KILL);
        check(Stage::Compiler, libc::SYS_clone, arguments(flags), KILL);
    }
    check(Stage::Zygote, libc::SYS_unshare, arguments(0x0001_0000), ALLOW);
    for flags in one_more(0x0001_0000) {
        check(Stage::Zygote, libc::SYS_unshare, arguments(flags), KILL);
    }
}

/// Calls that must look missing do so, in the second program; it lets everything else pass to the first.
#[test]
fn missing_calls() {
    for (stage, expect) in [
        (Stage::Zygote, vec![libc::SYS_openat, libc::SYS_clone3]),
        (Stage::Compiler, vec![libc::SYS_openat, libc::SYS_clone3]),
        (Stage::Loading, vec![]),
        (Stage::Running, vec![]),
    ] {
        let Some(program) = Filter::new(stage).unwrap().missing else {
            assert!(expect.is_empty());
            continue;
        };
        for number in 0..600 {
            let missing = expect.contains(&libc::c_long::from(number));
            let enosys = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
            let found = verdict(&program, data(number, OWN_ARCH, [0; 6]));
            assert_eq!(found, if missing { enosys } else { ALLOW }, "{stage:?} {number}");
        }
    }
}

#[test]
fn every_rule_names_its_caller() {
    for stage in Stage::ALL {
        for rule in allowed(stage) {
            assert!(rule.caller.len() > 5, "{rule:?}");
            assert!(
                rule.conditions.iter().all(|condition| condition.value & !condition.mask == 0),
                "{rule:?}"
            );
        }
    }
}

/// A worker under both filters can do what its own allows.
#[test]
fn the_zygote_allows_what_its_workers_need() {
    for stage in [Stage::Compiler, Stage::Loading, Stage::Running] {
        for rule in allowed(stage) {
            let mut arguments = [0; 6];
            for Condition { argument, value, .. } in rule.conditions {
                arguments[usize::from(*argument)] = u64::from(*value);
            }
            check(stage, rule.number, arguments, ALLOW);
            check(Stage::Zygote, rule.number, arguments, ALLOW);
        }
    }
}
