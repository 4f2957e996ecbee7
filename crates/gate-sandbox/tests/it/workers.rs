//! All layers together: the life of workers in a container, as the runtime arranges it. What a list lacks that these
//! need ends the process with `SIGSYS`.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd};
use std::time::{Duration, Instant};

use gate_sandbox::channel::{Channel, ChannelError, MAX_MESSAGE_BYTES};
use gate_sandbox::filter::{self, Stage};
use gate_sandbox::layers::{cpu, landlock, shuffle::Reservation, speculation};
use gate_sandbox::memfd::{self, Seals};
use gate_sandbox::process::{self, Child, Ending, Fork};
use gate_sandbox::{descriptors, wait};

use crate::containers::{CONFIG, start};
use crate::layers::LIMITS;
use crate::processes::end;
use crate::{Outcome, Test, raw};

pub(crate) const TESTS: &[Test] = &[
    ("worker::program", program),
    ("worker::compiler", compiler),
    ("worker::that_breaks_out_is_killed", that_breaks_out_is_killed),
];

/// Forks a worker of the zygote.
fn fork(work: impl FnOnce() -> i32) -> Child {
    match process::fork().unwrap() {
        Fork::Parent(child) => child,
        Fork::Child => process::exit(work()),
    }
}

/// Starts a container whose zygote, under its filter, runs one worker and exits with its status (or 100 + signal).
fn zygote(work: impl FnOnce(Channel) -> i32) -> (Ending, Channel) {
    let (mut container, channel) = start(&CONFIG, |channel| {
        filter::install(Stage::Zygote).unwrap();
        let mut worker = fork(|| work(channel));
        let deadline = Instant::now() + Duration::from_secs(20);
        match worker.wait_until(deadline).unwrap().map(|exit| exit.ending) {
            Some(Ending::Exited(status)) => status,
            Some(Ending::Signaled(signal)) => 100 + signal,
            None => 99,
        }
    });
    (end(container.process()).ending, channel)
}

/// The layers of a worker, up to the filter for loading. Standard input and output are empty memfds.
fn seal_worker(control: Channel) -> Channel {
    process::set_parent_death_signal(rustix::process::Pid::from_raw(1).unwrap()).unwrap();
    let descriptors = vec![
        memfd::create("input").unwrap(),
        memfd::create("output").unwrap(),
        rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 0).unwrap(),
        control.into_fd(),
        Channel::pair().unwrap().0.into_fd(),
    ];
    let mut descriptors = descriptors::arrange(descriptors).unwrap();
    assert_eq!(descriptors[3].as_raw_fd(), descriptors::CONTROL);
    let control = Channel::from_fd(descriptors.remove(3)).unwrap();
    // The others stay open at their numbers.
    descriptors.into_iter().for_each(|descriptor| assert!(descriptor.into_raw_fd() < 5));
    let _reservation = Reservation::random().unwrap();
    let _ = landlock::restrict().unwrap();
    let _ = speculation::restrict(speculation::StoreBypass::Unchanged);
    cpu::limit(Duration::from_secs(10)).unwrap();
    filter::install(Stage::Loading).unwrap();
    control
}

fn program() -> Outcome {
    let (ending, channel) = zygote(|channel| {
        let control = seal_worker(channel);
        let code = memfd::create("code").unwrap();
        rustix::fs::ftruncate(&code, 4096).unwrap();
        memfd::seal(&code, Seals::Content).unwrap();
        assert_eq!(memfd::verify(&code, Seals::Content).unwrap(), 4096);
        assert!(raw::map_code(code.as_fd()));
        drop(code);
        control.send(b"output", &[rustix::stdio::stdout()]).unwrap();
        LIMITS.apply().unwrap();
        assert!(memfd::create("more").is_err(), "five descriptors are open, and five is the limit");
        filter::install(Stage::Running).unwrap();
        run(&control)
    });
    assert_eq!(ending, Ending::Exited(0));
    let mut buffer = [0; 16];
    let mut output = File::from(channel.recv(&mut buffer).unwrap().descriptors.remove(0));
    let received = channel.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..received.len], b"done");
    let mut text = String::new();
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
    assert_eq!(std::io::stdin().read(&mut [0; 4]).unwrap(), 0, "it is empty");
    let soon = Instant::now() + Duration::from_millis(1);
    assert!(!wait::readable(control.as_fd(), Some(soon)).unwrap());
    let random = rustix::rand::getrandom(&mut memory[..16], rustix::rand::GetRandomFlags::empty()).unwrap();
    control.send(b"done", &[]).unwrap();
    i32::try_from(random).unwrap() - 16
}

fn compiler() -> Outcome {
    let (ending, channel) = zygote(|channel| {
        filter::install(Stage::Compiler).unwrap();
        let threads: Vec<_> = (0..4_u64)
            .map(|number| {
                std::thread::spawn(move || {
                    let data: Vec<u64> = (0..100_000).map(|i| i * number).collect();
                    data.iter().sum::<u64>()
                })
            })
            .collect();
        let sum: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        std::thread::available_parallelism().unwrap();
        let mut artifact = File::from(memfd::create("artifact").unwrap());
        artifact.write_all(&sum.to_le_bytes()).unwrap();
        memfd::seal(&artifact, Seals::Content).unwrap();
        channel.send(b"artifact", &[artifact.as_fd()]).unwrap();
        0
    });
    assert_eq!(ending, Ending::Exited(0));
    let received = channel.recv(&mut vec![0; MAX_MESSAGE_BYTES]).unwrap();
    let artifact = &received.descriptors[0];
    assert_eq!(memfd::verify(artifact, Seals::Content).unwrap(), 8);
    assert!(raw::map_code(artifact.as_fd()));
    Outcome::Passed
}

/// Each of these, tried by a worker after the engine lost control, is the end of it.
fn that_breaks_out_is_killed() -> Outcome {
    let attempts: [(&str, fn()); 7] = [
        ("open a file", || drop(File::open("/etc/passwd"))),
        ("make a socket", || drop(std::net::UdpSocket::bind("127.0.0.1:0"))),
        ("fork", || drop(process::fork())),
        ("start a thread", || drop(std::thread::Builder::new().spawn(|| ()))),
        ("execute a program", || drop(std::process::Command::new("/bin/true").status())),
        ("make code", || assert!(raw::map_code(rustix::stdio::stdin()))),
        ("signal process 1", || {
            let _ = rustix::process::kill_process(
                rustix::process::Pid::from_raw(1).unwrap(),
                rustix::process::Signal::KILL,
            );
        }),
    ];
    for (what, attempt) in attempts {
        let (ending, channel) = zygote(|channel| {
            let control = seal_worker(channel);
            filter::install(Stage::Running).unwrap();
            control.send(b"sealed", &[]).unwrap();
            attempt();
            control.send(b"out", &[]).unwrap();
            0
        });
        let mut buffer = [0; 8];
        assert_eq!(channel.recv(&mut buffer).unwrap().len, 6, "{what}: it came as far as the attempt");
        assert!(matches!(channel.recv(&mut buffer), Err(ChannelError::Closed)), "{what}: and no further");
        assert_eq!(ending, Ending::Exited(100 + libc::SIGSYS), "{what}");
    }
    Outcome::Passed
}
