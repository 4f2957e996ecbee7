//! What the host's kernel says of the processes of a container.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::PipeWriter;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use gate_runtime::{Compiled, Container, Instance, JobLimits, Stops, Tier, Undone, Watch};

use crate::crowd::{DEADLINE, compile, container, idle, launch, module_file};

/// How `/proc/PID/syscall` begins while a process reads its standard input.
const READV: &str = if cfg!(target_arch = "x86_64") { "19 0x0 " } else { "65 0x0 " };

/// The two of the zygote, that for loading, and that for running.
const FILTERS_OF_A_PROGRAM: &str = "4";

/// What `/proc` tells about a process.
#[derive(Debug)]
struct Seen {
    pid: i32,
    status: BTreeMap<String, String>,
}

impl Seen {
    fn new(pid: i32) -> Seen {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field =
            |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Seen { pid, status: status.lines().filter_map(field).collect() }
    }

    fn of(instance: &Instance) -> Seen {
        let info = format!("/proc/self/fdinfo/{}", instance.process().pidfd().as_raw_fd());
        let info = fs::read_to_string(info).unwrap();
        let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")).unwrap();
        Seen::new(pid.trim().parse().unwrap())
    }

    /// The same as soon as it waits for its input.
    fn asleep(instance: &Instance) -> Seen {
        Seen::when(instance, "reads its input", |seen| seen.read("syscall").starts_with(READV))
    }

    /// The same as soon as its final filter is in place.
    fn sealed(instance: &Instance) -> Seen {
        Seen::when(instance, "is sealed", |seen| seen.status["Seccomp_filters"] == FILTERS_OF_A_PROGRAM)
    }

    fn when(instance: &Instance, what: &str, holds: impl Fn(&Seen) -> bool) -> Seen {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            let seen = Seen::of(instance);
            if holds(&seen) {
                return seen;
            }
            std::thread::yield_now();
        }
        panic!("it is not seen that the program {what}")
    }

    /// The process that forked it.
    fn zygote(&self) -> Seen {
        Seen::new(self.status["PPid"].parse().unwrap())
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.pid)).unwrap()
    }

    fn descriptors(&self) -> BTreeMap<i32, String> {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.pid)).unwrap();
        let target = |path: &std::path::Path| fs::read_link(path).unwrap().display().to_string();
        entries
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().to_str().unwrap().parse().unwrap(), target(&entry.path())))
            .map(|(number, target)| (number, kind(&target)))
            .collect()
    }

    /// Soft and hard limit, as text.
    fn limit(&self, name: &str) -> [String; 2] {
        let limits = self.read("limits");
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let mut words = line.split_whitespace().map(str::to_owned);
        [words.next().unwrap(), words.next().unwrap()]
    }

    /// Where a file is mapped as code.
    fn code_of(&self, file: &str) -> String {
        let maps = self.read("maps");
        let line = maps.lines().find(|line| line.contains(file) && line.contains("r-xp")).unwrap();
        line.split('-').next().unwrap().to_owned()
    }
}

/// What a descriptor is, without numbers that differ each time.
fn kind(target: &str) -> String {
    target.split_once(":[").map_or(target, |(kind, _)| kind).to_owned()
}

/// Whether `test` can be run: only root can look into the processes of a container.
fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        gate_testkit::skip("gate-runtime", test, "only root can look into the processes of a container");
    }
    root
}

/// What holds for the zygote and all that it forks.
fn check_any(seen: &Seen, filters: &str) {
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(seen.status[set], "0000000000000000", "{set}: {seen:?}");
    }
    assert_eq!((&*seen.status["Seccomp"], &*seen.status["NoNewPrivs"]), ("2", "1"), "{seen:?}");
    assert_eq!(seen.status["Seccomp_filters"], filters, "{seen:?}");
    assert_eq!(seen.status["Groups"], "", "{seen:?}");
    let ids: BTreeSet<&str> = ["Uid", "Gid"].iter().flat_map(|name| seen.status[*name].split('\t')).collect();
    assert!(!ids.contains("0"), "root of the host: {seen:?}");
    assert_eq!(seen.status["NSpid"].split('\t').count(), 2, "{seen:?}");
    let own = Seen::new(std::process::id().cast_signed());
    for namespace in ["user", "pid", "net", "mnt", "ipc", "uts", "cgroup"] {
        let link = |seen: &Seen| fs::read_link(format!("/proc/{}/ns/{namespace}", seen.pid)).unwrap();
        assert_ne!(link(seen), link(&own), "{namespace}");
    }
    // One mount, of one empty directory.
    let mounts = seen.read("mountinfo");
    assert_eq!(mounts.lines().count(), 1, "{mounts}");
    for part in [" / / ro,", "nosuid", "nodev", "noexec", " - tmpfs gate ro", "nr_inodes=1", "mode=0"] {
        assert!(mounts.contains(part), "{part}: {mounts}");
    }
    let root = format!("/proc/{}/root", seen.pid);
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    assert!(fs::write(format!("{root}/x"), "x").is_err(), "not even root writes there");
    assert_eq!(fs::read_link(format!("/proc/{}/cwd", seen.pid)).unwrap().to_str(), Some("/"));
    assert_eq!(seen.read("oom_score_adj"), "1000\n");
    // Of a process that is not dumpable, root owns what there is in /proc.
    assert_eq!(fs::metadata(format!("/proc/{}/maps", seen.pid)).unwrap().uid(), 0);
    let interfaces = seen.read("net/dev");
    assert_eq!(interfaces.lines().skip(2).count(), 1, "only the loopback: {interfaces}");
    for name in ["Max core file size", "Max locked memory", "Max msgqueue size", "Max realtime priority"] {
        assert_eq!(seen.limit(name), ["0", "0"], "{name}");
    }
    check_mappings(seen);
}

/// Nothing is both writable and executable, and no file is mapped but the program, its libraries, and what was made for
/// it.
fn check_mappings(seen: &Seen) {
    for line in seen.read("maps").lines() {
        let mut words = line.split_whitespace();
        let (permissions, path) = (words.nth(1).unwrap(), words.nth(3).unwrap_or(""));
        let (writable, executable) = (permissions.contains('w'), permissions.contains('x'));
        assert!(!(writable && executable), "{line}");
        let name = path.rsplit('/').next().unwrap();
        let ours = name == "gate-runtime"
            || ["libc.so", "libm.so", "libgcc_s.so", "ld-linux"].iter().any(|start| name.starts_with(start));
        let made = ["/memfd:artifact", "/memfd:linear-memory", "/memfd:module"].contains(&path);
        let anonymous = path.is_empty() || path.starts_with('[');
        assert!(ours || made || anonymous, "{line}");
        if executable {
            let code = ours || path == "/memfd:artifact" || ["[vdso]", "[vsyscall]"].contains(&path);
            assert!(code, "{line}");
        }
        if permissions.contains('s') {
            assert_eq!(path, "/memfd:linear-memory", "{line}");
        }
    }
}

fn text(kinds: &[&str]) -> BTreeMap<i32, String> {
    (0..).zip(kinds.iter().map(|kind| (*kind).to_owned())).collect()
}

#[test]
fn a_running_program() {
    if !is_root("a_running_program") {
        return;
    }
    let mut container = container();
    let artifact = idle(&mut container);
    let (instance, _input) = launch(&mut container, &artifact);
    let seen = Seen::asleep(&instance);
    check_any(&seen, FILTERS_OF_A_PROGRAM);
    assert_eq!(seen.status["Threads"], "1");
    let files = ["pipe", "/dev/null", "/dev/null", "socket"];
    let mut expected = text(&files);
    // The file for its state, the code, and the memory; nothing where programs of Gate's own functions have their packets.
    expected.insert(5, "/memfd:state (deleted)".to_owned());
    expected.insert(6, "/memfd:artifact (deleted)".to_owned());
    expected.insert(7, "/memfd:linear-memory (deleted)".to_owned());
    assert_eq!(seen.descriptors(), expected);
    assert_eq!(seen.limit("Max processes"), ["0", "0"]);
    assert_eq!(seen.limit("Max stack size"), [(2 << 20).to_string(), (2 << 20).to_string()]);
    // The engine's own, files, and room for the calls of a program that is stopped: twice its stack, and a page.
    let data = ((256_u64 << 20) + (1 << 20) + (2 << 20) + (64 << 10)).to_string();
    assert_eq!(seen.limit("Max data size"), [data.clone(), data]);
    assert_eq!(seen.limit("Max open files"), ["256", "256"]);
}

/// A program of Gate's own functions has the packet socket in addition, and nothing else is there.
#[test]
fn a_program_with_packets() {
    if !is_root("a_program_with_packets") {
        return;
    }
    let module = br#"(module
        (import "gate" "io_65536" (func $io (param i32 i32 i32 i32 i32 i32 i64 i32)))
        (memory 1)
        (func (export "_start")
            (loop $forever
                (call $io
                    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                    (i64.const -1) (i32.const 0))
                (br $forever))))"#;
    let mut container = container();
    let Ok(compiled) = compile(&mut container, module) else { panic!("it is a module") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let (instance, _input) = launch(&mut container, &compiled.artifact);
    let descriptors = Seen::sealed(&instance).descriptors();
    let files = ["pipe", "/dev/null", "/dev/null", "socket", "socket"];
    let mut expected = text(&files);
    expected.insert(5, "/memfd:state (deleted)".to_owned());
    expected.insert(6, "/memfd:artifact (deleted)".to_owned());
    expected.insert(7, "/memfd:linear-memory (deleted)".to_owned());
    assert_eq!(descriptors, expected);
}

#[test]
fn a_zygote() {
    if !is_root("a_zygote") {
        return;
    }
    let mut container = container();
    let artifact = idle(&mut container);
    let (instance, _input) = launch(&mut container, &artifact);
    let seen = Seen::of(&instance).zygote();
    check_any(&seen, "2");
    assert!(seen.status["NSpid"].ends_with("\t1"), "{seen:?}");
    assert_eq!(seen.status["Threads"], "1");
    let mut descriptors = seen.descriptors();
    assert_eq!(descriptors.remove(&0).as_deref(), Some("/dev/null"));
    assert_eq!(descriptors.remove(&1).as_deref(), Some("/dev/null"));
    assert!(descriptors.remove(&2).is_some(), "that of whoever started it");
    // The socket to this process, and a socket and a descriptor for each process, ready or running.
    for (number, kind) in descriptors {
        assert!(
            ["socket", "anon_inode"].contains(&&*kind) || kind.starts_with("anon_inode:"),
            "{number} {kind}"
        );
    }
}

/// A module that takes long to compile.
fn endless() -> Vec<u8> {
    let body = "(local.set 0 (i64.mul (i64.add (local.get 0) (i64.const 7)) (local.get 0)))".repeat(2000);
    let functions: String =
        (0..400).map(|_| format!("(func (param i64) (result i64) {body} (local.get 0))")).collect();
    format!("(module {functions})").into_bytes()
}

/// A compiler at work; ended through the pipe.
fn compile_until_told(
    mut container: Container,
    module: Vec<u8>,
) -> (std::thread::JoinHandle<Result<Compiled, Undone>>, PipeWriter) {
    let (cancelled, cancel) = std::io::pipe().unwrap();
    let work = move || {
        let mut watch = Watch { cancel: Some(cancelled.as_fd()), suspend: None, tick: None };
        let limits = JobLimits { time: DEADLINE, threads: 2, memory_bytes: 1 << 30 };
        let file = module_file(&module);
        gate_runtime::compile(&mut container, &file, Tier::Cranelift, Stops::Flag, &limits, &mut watch)
            .unwrap()
    };
    (std::thread::spawn(work), cancel)
}

/// A child of `parent` with threads that has got a module: another one may wait for its order.
fn compiler_of(parent: &Seen) -> Seen {
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", parent.pid)).unwrap();
        for pid in children.split_whitespace() {
            // It may be gone.
            let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
            if !maps.contains("/memfd:module") {
                continue;
            }
            let seen = Seen::new(pid.parse().unwrap());
            if seen.status["Threads"] != "1" {
                return seen;
            }
        }
        std::thread::yield_now();
    }
    panic!("no compiler")
}

#[test]
fn a_compiler() {
    if !is_root("a_compiler") {
        return;
    }
    let mut container = container();
    let artifact = idle(&mut container);
    let (instance, input) = launch(&mut container, &artifact);
    let zygote = Seen::of(&instance).zygote();
    let (compilation, cancel) = compile_until_told(container, endless());
    let seen = compiler_of(&zygote);
    check_any(&seen, "4");
    // Not the terminal or log of whoever started the container.
    let artifact = "/memfd:artifact (deleted)";
    assert_eq!(seen.descriptors(), text(&["/dev/null", "/dev/null", "/dev/null", "socket", artifact]));
    assert_eq!(seen.limit("Max data size"), [(1 << 30).to_string(), (1 << 30).to_string()]);
    assert_eq!(seen.limit("Max file size"), [(1 << 30).to_string(), (1 << 30).to_string()]);
    assert_eq!(seen.limit("Max stack size"), [(8 << 20).to_string(), (8 << 20).to_string()]);
    assert_eq!(seen.limit("Max open files"), ["128", "128"]);
    let [processes, _] = seen.limit("Max processes");
    assert!(processes.parse::<u32>().unwrap() < 2000, "{processes}");
    drop(cancel);
    assert!(matches!(compilation.join().unwrap(), Err(Undone::Cancelled)));
    drop((instance, input));
}

#[test]
fn addresses_differ() {
    if !is_root("addresses_differ") {
        return;
    }
    let (mut first, mut second) = (container(), container());
    let (artifact, other) = (idle(&mut first), idle(&mut second));
    let (a, _a) = launch(&mut first, &artifact);
    let (b, _b) = launch(&mut first, &artifact);
    let (c, _c) = launch(&mut second, &other);
    let seen = [Seen::of(&a), Seen::of(&b), Seen::of(&c)];
    let addresses: BTreeSet<String> = seen.iter().map(|seen| seen.code_of("/memfd:artifact")).collect();
    assert_eq!(addresses.len(), 3, "{addresses:?}");
    // The code of the program itself is where its zygote has it: containers differ in that, workers do not.
    assert_ne!(seen[0].code_of("gate-runtime"), seen[2].code_of("gate-runtime"));
    // No process of one container is in a namespace of the other.
    let namespace = |seen: &Seen| fs::read_link(format!("/proc/{}/ns/user", seen.pid)).unwrap();
    assert_ne!(namespace(&seen[0]), namespace(&seen[2]));
}

/// Not even somebody with the very user id of a worker, outside of the container, can look into it or end it.
#[test]
fn other_users_are_kept_out() {
    if !is_root("other_users_are_kept_out") {
        return;
    }
    let mut container = container();
    let artifact = idle(&mut container);
    let (instance, _input) = launch(&mut container, &artifact);
    let seen = Seen::of(&instance);
    let own: u32 = seen.status["Uid"].split('\t').next().unwrap().parse().unwrap();
    for user in [own, 65_534] {
        for file in ["maps", "mem", "environ", "fd", "fd/0", "root", "ns/user", "auxv", "syscall"] {
            let path = format!("/proc/{}/{file}", seen.pid);
            let status = Command::new("/bin/sh")
                .args(["-c", "exec 2>/dev/null; ls \"$0\"/ || head -c 16 \"$0\" || readlink \"$0\"", &path])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .uid(user)
                .gid(user)
                .status()
                .unwrap();
            assert!(!status.success(), "user {user} sees {path}");
        }
    }
}
