//! Containers, seen from inside and from outside. `users.rs` runs these as ordinary users too.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use gate_sandbox::cgroup;
use gate_sandbox::channel::Channel;
use gate_sandbox::container::{
    self, Config, Container, HostIds, IdMap, Ids, Namespaces, Refusal, StartError, Stderr, Step,
};
use gate_sandbox::process::{Ending, Fork};
use rustix::process::Signal;
use rustix::thread::CapabilitySet;

use crate::processes::{child, end, in_child};
use crate::{Outcome, Test, raw};

pub(crate) const TESTS: &[Test] = &[
    ("container::inside", inside),
    ("container::outside", outside),
    ("container::single_id", single_id),
    ("container::without_namespaces", without_namespaces),
    ("container::status_of_main", status_of_main),
    ("container::dropped_container_is_gone", dropped_container_is_gone),
    ("container::dies_with_its_parent", dies_with_its_parent),
    ("container::processes_inside_die_with_it", processes_inside_die_with_it),
    ("container::refused_with_threads", refused_with_threads),
    ("container::refused_by_the_host", refused_by_the_host),
    ("container::refused_by_an_outer_filter", refused_by_an_outer_filter),
    ("container::failing_step_is_reported", failing_step_is_reported),
    ("container::in_a_control_group", in_a_control_group),
    ("container::ids_that_are_not_ours", ids_that_are_not_ours),
];

pub(crate) const CONFIG: Config<'static> = Config {
    namespaces: Namespaces::Enabled(IdMap::Auto),
    stderr: Stderr::Inherit,
    open_files: 100,
    cgroup: None,
};

/// Variable of the environment by which `users.rs` says how ids are to be mapped.
pub(crate) const EXPECTED_IDS: &str = "GATE_TEST_EXPECTED_IDS";

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Starts a container whose main function gets one end of a channel.
#[track_caller]
pub(crate) fn start(config: &Config<'_>, main: impl FnOnce(Channel) -> i32) -> (Container, Channel) {
    let (ours, theirs) = Channel::pair().unwrap();
    let container = container::start(config, vec![theirs.into_fd()], |mut descriptors: Vec<OwnedFd>| {
        main(Channel::from_fd(descriptors.remove(0)).unwrap())
    })
    .unwrap();
    (container, ours)
}

/// Waits for the end of the test's other side.
fn wait_for_end(channel: &Channel) -> i32 {
    i32::from(channel.recv(&mut [0]).is_ok())
}

fn inside() -> Outcome {
    let (mut container, channel) = start(&CONFIG, |channel| {
        look_around();
        channel.send(b"ids", &[]).unwrap();
        let mut ids = [0; 2];
        channel.recv(&mut ids).unwrap();
        let [id, groups_dropped] = ids;
        assert_eq!(rustix::process::getuid().as_raw(), id.into());
        assert_eq!(rustix::process::geteuid().as_raw(), id.into());
        assert_eq!(rustix::process::getgid().as_raw(), id.into());
        assert_eq!(rustix::process::getegid().as_raw(), id.into());
        if groups_dropped == 1 {
            assert!(rustix::process::getgroups().unwrap().is_empty());
        }
        0
    });
    channel.recv(&mut [0; 8]).unwrap();
    let (kind, expect) = match container.ids() {
        Ids::Direct(_) => ("direct", [2, 1]),
        Ids::Tools(_) => ("tools", [2, 1]),
        Ids::Single { .. } => ("single", [1, 0]),
        other => panic!("{other:?}"),
    };
    if let Ok(wanted) = std::env::var(EXPECTED_IDS) {
        assert_eq!(kind, wanted);
    }
    channel.send(&expect, &[]).unwrap();
    assert_eq!(end(container.process()).ending, Ending::Exited(0));
    Outcome::Passed
}

/// What every process 1 finds.
fn look_around() {
    // Processes.
    assert_eq!(rustix::process::getpid().as_raw_pid(), 1);
    assert_eq!(rustix::process::getppid(), None, "the parent is in another namespace");
    assert_eq!(rustix::process::getsid(None).unwrap().as_raw_pid(), 1);
    for pid in 2..70_000 {
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        assert_eq!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH));
    }
    // Files.
    let root = rustix::fs::statvfs("/").unwrap();
    assert!(root.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY));
    assert_eq!((root.f_files, root.f_ffree), (1, 0), "the only inode is that of the root");
    assert!(fs::read_dir("/").is_err());
    for path in ["/x", "/tmp/x", "../../x", "x"] {
        assert!(fs::write(path, "x").is_err(), "{path}");
    }
    for path in ["/proc/self", "/dev/null", "/etc/passwd", "/sys", "/tmp", "../../etc/passwd"] {
        assert!(fs::metadata(path).is_err(), "{path}");
    }
    let mode = fs::metadata("/").unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o7777, 0);
    let everything = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    assert!(fs::set_permissions("/", everything).is_err());
    // Network.
    let error = std::net::TcpStream::connect("127.0.0.1:80").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENETUNREACH));
    // Names.
    let names = rustix::system::uname();
    assert!(names.nodename().is_empty() && names.domainname().is_empty());
    // Privileges.
    let none = CapabilitySet::empty();
    let sets = rustix::thread::capabilities(None).unwrap();
    assert_eq!((sets.effective, sets.permitted, sets.inheritable), (none, none, none));
    for number in 0..41 {
        let one = CapabilitySet::from_bits_retain(1 << number);
        // The capabilities of the newest kernel may be unknown to an older one.
        assert_ne!(rustix::thread::capability_is_in_bounding_set(one), Ok(true), "{number}");
        assert_ne!(rustix::thread::capability_is_in_ambient_set(one), Ok(true), "{number}");
    }
    assert!(rustix::thread::no_new_privs().unwrap());
    let dumpable = rustix::process::dumpable_behavior().unwrap();
    assert_eq!(dumpable, rustix::process::DumpableBehavior::NotDumpable);
    assert!(rustix::thread::set_thread_uid(rustix::thread::Uid::from_raw(0)).is_err());
    assert!(rustix::system::sethostname(b"x").is_err());
    let remount = rustix::mount::mount_remount("/", rustix::mount::MountFlags::empty(), c"");
    assert_eq!(remount, Err(rustix::io::Errno::PERM));
    let signal = rustix::process::parent_process_death_signal().unwrap();
    assert_eq!(signal, Some(Signal::KILL));
    // Descriptors: standard ones and the channel.
    let open = (0..1024).filter(|fd| {
        let arguments = [*fd, libc::F_GETFD.unsigned_abs().into(), 0, 0, 0, 0];
        raw::syscall(libc::SYS_fcntl, arguments) == 0
    });
    assert_eq!(open.count(), 4);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    assert_eq!((limit.current, limit.maximum), (Some(100), Some(100)));
    let umask = rustix::process::umask(rustix::fs::Mode::empty());
    assert_eq!(umask.as_raw_mode(), 0o777);
}

/// Lines of `/proc/PID/status`.
fn status_of(container: &Container) -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("/proc/{}/status", container.pid().as_raw_pid())).unwrap();
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
        .collect()
}

fn outside() -> Outcome {
    let (mut container, channel) = start(&CONFIG, |channel| wait_for_end(&channel));
    let status = status_of(&container);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status[set], "0000000000000000", "{set}");
    }
    assert_eq!(status["NoNewPrivs"], "1");
    assert_eq!(status["Threads"], "1");
    let (uid, gid) = match container.ids() {
        Ids::Direct(ids) | Ids::Tools(ids) => {
            assert_eq!(status["Groups"], "");
            (ids.executor_uid, ids.executor_gid)
        }
        Ids::Single { uid, gid } => (uid, gid),
        other => panic!("{other:?}"),
    };
    assert_eq!(status["Uid"], format!("{uid}\t{uid}\t{uid}\t{uid}"));
    assert_eq!(status["Gid"], format!("{gid}\t{gid}\t{gid}\t{gid}"));
    if is_root() {
        assert!(matches!(container.ids(), Ids::Direct(_)), "root does not stay root: {:?}", container.ids());
    }
    let directory = format!("/proc/{}", container.pid().as_raw_pid());
    let read = |file: &str| fs::read_to_string(format!("{directory}/{file}"));
    assert_eq!(read("oom_score_adj").unwrap().trim(), "1000");
    if is_root() {
        for namespace in ["user", "pid", "net", "mnt", "ipc", "uts", "cgroup"] {
            let theirs = fs::read_link(format!("{directory}/ns/{namespace}")).unwrap();
            assert_ne!(theirs, fs::read_link(format!("/proc/self/ns/{namespace}")).unwrap());
        }
        let mounts = read("mountinfo").unwrap();
        assert_eq!(mounts.lines().count(), 1, "{mounts}");
        for option in ["ro,", "nosuid", "nodev", "noexec", " - tmpfs gate ro"] {
            assert!(mounts.contains(option), "{option}: {mounts}");
        }
        let mut open: Vec<_> = fs::read_dir(format!("{directory}/fd"))
            .unwrap()
            .map(|entry| fs::read_link(entry.unwrap().path()).unwrap().display().to_string())
            .collect();
        open.sort();
        // Standard error is inherited in this configuration, and can be anything.
        assert_eq!(open.len(), 4, "{open:?}");
        assert!(open.iter().filter(|target| *target == "/dev/null").count() >= 2, "{open:?}");
        assert!(open.iter().any(|target| target.starts_with("socket:")), "{open:?}");
        let interfaces = read("net/dev").unwrap();
        assert_eq!(interfaces.lines().skip(2).count(), 1, "only the loopback: {interfaces}");
    } else {
        // Not even the user who started it can look into its memory.
        assert!(read("maps").is_err());
        assert!(fs::read_dir(format!("{directory}/fd")).is_err());
    }
    drop(channel);
    assert_eq!(end(container.process()).ending, Ending::Exited(0));
    Outcome::Passed
}

fn single_id() -> Outcome {
    let config = Config { namespaces: Namespaces::Enabled(IdMap::Single), ..CONFIG };
    let (mut container, _channel) = start(&config, |_| {
        look_around();
        i32::try_from(rustix::process::getuid().as_raw()).unwrap() - 1
    });
    assert!(matches!(container.ids(), Ids::Single { .. }));
    assert_eq!(end(container.process()).ending, Ending::Exited(0));
    Outcome::Passed
}

/// The other layers are there; a root user is another user inside.
fn without_namespaces() -> Outcome {
    let config = Config { namespaces: Namespaces::Disabled, ..CONFIG };
    let (mut container, channel) = start(&config, |channel| wait_for_end(&channel));
    let status = status_of(&container);
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status[set], "0000000000000000", "{set}");
    }
    assert_eq!(status["NoNewPrivs"], "1");
    match container.ids() {
        Ids::Switched { uid, gid } => {
            assert!(is_root() && uid != 0 && gid != 0);
            assert_eq!(status["Uid"], format!("{uid}\t{uid}\t{uid}\t{uid}"));
            assert_eq!(status["Gid"], format!("{gid}\t{gid}\t{gid}\t{gid}"));
            assert_eq!(status["Groups"], "");
            assert_eq!(status["CapBnd"], "0000000000000000");
        }
        Ids::Inherited => assert!(!is_root()),
        other => panic!("{other:?}"),
    }
    drop(channel);
    assert_eq!(end(container.process()).ending, Ending::Exited(0));
    Outcome::Passed
}

fn status_of_main() -> Outcome {
    for status in [0, 7, 255] {
        let (mut container, _channel) = start(&CONFIG, |_| status);
        assert_eq!(end(container.process()).ending, Ending::Exited(status));
    }
    let silent = Config { stderr: Stderr::Null, ..CONFIG };
    let (mut container, _channel) = start(&silent, |_| panic!("not seen, standard error is the null device"));
    assert_eq!(end(container.process()).ending, Ending::Exited(101));
    Outcome::Passed
}

fn dropped_container_is_gone() -> Outcome {
    let (container, channel) = start(&CONFIG, |channel| wait_for_end(&channel));
    let directory = format!("/proc/{}", container.pid().as_raw_pid());
    assert!(fs::exists(&directory).unwrap());
    drop(container);
    assert!(!fs::exists(&directory).unwrap());
    drop(channel);
    let (mut container, _channel) = start(&CONFIG, |channel| wait_for_end(&channel));
    assert_eq!(container.kill().unwrap().ending, Ending::Signaled(libc::SIGKILL));
    Outcome::Passed
}

fn dies_with_its_parent() -> Outcome {
    let (ours, theirs) = Channel::pair().unwrap();
    let mut parent = child(|| {
        let (mut container, _channel) = start(&CONFIG, |channel| wait_for_end(&channel));
        theirs.send(b"pidfd", &[container.process().pidfd()]).unwrap();
        wait_for_end(&theirs)
    });
    let pidfd = ours.recv(&mut [0; 8]).unwrap().descriptors.remove(0);
    assert!(!gate_sandbox::wait::readable(pidfd.as_fd(), Some(Instant::now())).unwrap());
    parent.kill(Signal::KILL).unwrap();
    end(&mut parent);
    let deadline = Instant::now() + Duration::from_secs(10);
    assert!(gate_sandbox::wait::readable(pidfd.as_fd(), Some(deadline)).unwrap());
    Outcome::Passed
}

fn processes_inside_die_with_it() -> Outcome {
    let (mut container, channel) = start(&CONFIG, |channel| {
        let Fork::Parent(worker) = gate_sandbox::process::fork().unwrap() else {
            return wait_for_end(&channel);
        };
        channel.send(b"pidfd", &[worker.pidfd()]).unwrap();
        wait_for_end(&channel)
    });
    let pidfd = channel.recv(&mut [0; 8]).unwrap().descriptors.remove(0);
    assert!(!gate_sandbox::wait::readable(pidfd.as_fd(), Some(Instant::now())).unwrap());
    container.kill().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    assert!(gate_sandbox::wait::readable(pidfd.as_fd(), Some(deadline)).unwrap());
    Outcome::Passed
}

fn refused_with_threads() -> Outcome {
    in_child(|| {
        let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(0);
        let other = std::thread::spawn(move || stopped.recv());
        assert!(matches!(container::start(&CONFIG, Vec::new(), |_| 0), Err(StartError::Threads)));
        drop(stop);
        assert!(other.join().unwrap().is_err());
    });
    Outcome::Passed
}

/// In a user namespace of its own, a process can forbid itself to make more of them.
fn refused_by_the_host() -> Outcome {
    in_child(|| {
        assert!(raw::unshare_user());
        fs::write("/proc/sys/user/max_user_namespaces", "0").unwrap();
        let error = container::start(&CONFIG, Vec::new(), |_| 0).unwrap_err();
        assert!(
            matches!(error, StartError::Namespaces { refusal: Refusal::NoUserNamespaces, .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains("sysctl -w user.max_user_namespaces=15000"), "{error}");
    });
    Outcome::Passed
}

/// Makes one system call fail with EPERM in this process, as container runtimes do.
fn forbid(number: libc::c_long) {
    let filter = seccompiler::SeccompFilter::new(
        [(number, Vec::new())].into(),
        seccompiler::SeccompAction::Allow,
        seccompiler::SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: seccompiler::BpfProgram = filter.unwrap().try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

const SINGLE: Config<'static> = Config { namespaces: Namespaces::Enabled(IdMap::Single), ..CONFIG };

fn refused_by_an_outer_filter() -> Outcome {
    in_child(|| {
        forbid(libc::SYS_clone);
        let error = container::start(&SINGLE, Vec::new(), |_| 0).unwrap_err();
        assert!(matches!(error, StartError::Namespaces { refusal: Refusal::OuterFilter, .. }), "{error:?}");
    });
    for (number, at) in [
        (libc::SYS_sethostname, Step::HostName),
        (libc::SYS_mount, Step::PrivateMounts),
        (libc::SYS_pivot_root, Step::PivotRoot),
        (libc::SYS_umount2, Step::DetachHost),
        (libc::SYS_setresuid, Step::ContainerIds),
    ] {
        in_child(|| {
            forbid(number);
            let error = container::start(&SINGLE, Vec::new(), |_| 0).unwrap_err();
            let StartError::ChildRefused { step, refusal, source } = &error else { panic!("{error:?}") };
            assert_eq!((*step, *refusal), (at, Refusal::OuterFilter));
            assert_eq!(source.raw_os_error(), Some(libc::EPERM));
            assert!(error.to_string().contains("--security-opt"), "{error}");
            assert!(!raw::has_children());
        });
    }
    Outcome::Passed
}

/// A step that cannot be done is an error, never left out.
fn failing_step_is_reported() -> Outcome {
    for (number, at) in [
        (libc::SYS_setsid, Step::Session),
        (libc::SYS_capset, Step::Capabilities),
        (libc::SYS_close_range, Step::CloseDescriptors),
        (libc::SYS_dup3, Step::Stdio),
    ] {
        in_child(|| {
            forbid(number);
            let error = container::start(&SINGLE, Vec::new(), |_| 0).unwrap_err();
            let StartError::Child { step, source } = &error else { panic!("{error:?}") };
            assert_eq!((*step, source.raw_os_error()), (at, Some(libc::EPERM)));
            assert!(!raw::has_children());
        });
    }
    Outcome::Passed
}

/// Not every test host has a control group with controllers; one without limits needs none.
fn in_a_control_group() -> Outcome {
    let limits = cgroup::Limits { memory_bytes: None, tasks: None, cpu_thousandths: None };
    let group = match cgroup::create(cgroup::Parent::Nearest, &limits) {
        cgroup::Setup::Ready(group) => group,
        // Ordinary users have none unless systemd delegates one; the reason is what matters then.
        cgroup::Setup::Unavailable(reason) if !is_root() => {
            assert!(matches!(reason, cgroup::Unavailable::NotDelegated), "{reason:?}");
            return Outcome::Passed;
        }
        cgroup::Setup::Unavailable(reason) => return Outcome::Skipped(reason.to_string()),
    };
    let directory = group.directory().to_path_buf();
    let config = Config { cgroup: Some(&group), ..CONFIG };
    let (mut container, channel) = start(&config, |channel| wait_for_end(&channel));
    let pid = container.pid().as_raw_pid();
    assert_eq!(fs::read_to_string(directory.join("cgroup.procs")).unwrap(), format!("{pid}\n"));
    // Its group is the root of its namespace, so that it cannot see where it is.
    let theirs = fs::read_link(format!("/proc/{pid}/ns/cgroup")).unwrap();
    assert_ne!(theirs, fs::read_link("/proc/self/ns/cgroup").unwrap());
    group.remove().unwrap();
    assert!(!directory.exists());
    assert_eq!(end(container.process()).ending, Ending::Signaled(libc::SIGKILL));
    drop(channel);
    Outcome::Passed
}

fn ids_that_are_not_ours() -> Outcome {
    // Nobody may map this id: it means "no id".
    let nobodys =
        HostIds { container_uid: u32::MAX, executor_uid: 1, container_gid: u32::MAX, executor_gid: 1 };
    let config = Config { namespaces: Namespaces::Enabled(IdMap::Separate(nobodys)), ..CONFIG };
    let error = container::start(&config, Vec::new(), |_| 0).unwrap_err();
    match &error {
        StartError::IdMap { file: "uid_map", source } => {
            assert!(is_root());
            assert_eq!(source.kind(), io::ErrorKind::InvalidInput);
        }
        StartError::IdToolFailed { tool: "newuidmap", message, .. } => {
            assert!(!is_root());
            assert!(message.contains("newuidmap"), "{message}");
        }
        StartError::IdTool { tool: "newuidmap", .. } => assert!(!is_root()),
        other => panic!("{other:?}"),
    }
    Outcome::Passed
}
