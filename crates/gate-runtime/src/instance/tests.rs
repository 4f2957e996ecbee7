//! Processes of programs that were taken over.

use std::fs::File;
use std::io::{IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver;

use gate_sandbox::channel::{Channel, MAX_MESSAGE_BYTES};
use gate_sandbox::memfd;
use gate_sandbox::ring::{self, Ready, Ring, Side};
use gate_wire::worker::{Entry, Limits, Outcome, Statistics, Tier};
use rustix::event::PollFlags;
use rustix::fs::OFlags;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

use super::*;
use crate::container::fake;

const LONG: Duration = Duration::from_secs(30);

fn launch() -> Launch {
    Launch {
        tier: Tier::Cranelift,
        artifact_bytes: 0,
        arguments: Vec::new(),
        environment: Vec::new(),
        limits: Limits {
            memory_bytes: 0,
            stack_bytes: 0,
            cpu_nanos: None,
            output_bytes: None,
            fs_bytes: 0,
            fs_inodes: 0,
        },
        entry: Entry::Default,
        terminals: [false; 3],
        has_image: false,
        stops: gate_wire::worker::Stops::Flag,
        countdown: None,
        resume: None,
    }
}

/// What becomes of a program whose process behaves like that, and whether it had to be killed.
fn run_with(wall_time: Duration, behaviour: impl FnOnce(Channel) + Send + 'static) -> (Report, Receiver<()>) {
    let (mut container, killed) = fake::container(behaviour);
    let null = File::open("/dev/null").unwrap();
    let given = Given {
        artifact: null.as_fd(),
        streams: [null.as_fd(); 3],
        image: None,
        wall_time: Some(wall_time),
        suspend_after: None,
        services: &Services::none(),
    };
    let mut watch = Watch { cancel: None, suspend: None, tick: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let running = async {
        let instance = Instance::launch(&mut container, launch(), &given, &mut watch)?;
        crate::run(&mut container, instance, &given, &mut watch).await
    };
    (runtime.block_on(running).unwrap(), killed)
}

/// Keeps the socket open until the other side closes it.
fn stay(channel: &Channel) {
    while channel.recv(&mut vec![0; 1 << 16]).is_ok() {}
}

fn running(personality: Personality) -> Vec<u8> {
    let has_packets = personality == Personality::Gate;
    Event::Running { personality, load_micros: 1, has_packets }.encode()
}

#[track_caller]
fn check_nonsense(behaviour: impl FnOnce(&Channel) + Send + 'static) {
    let started = Instant::now();
    let (report, killed) = run_with(LONG, |channel| {
        behaviour(&channel);
        stay(&channel);
    });
    assert!(matches!(report.verdict, Verdict::Failed { .. }), "{report:?}");
    killed.recv().unwrap();
    assert!(started.elapsed() < LONG / 2, "it is killed at once");
}

#[test]
fn nonsense_ends_the_process() {
    check_nonsense(|channel| channel.send(b"nonsense", &[]).unwrap());
    check_nonsense(|channel| {
        let null = File::open("/dev/null").unwrap();
        channel.send(&running(Personality::Wasi), &[null.as_fd(); 5]).unwrap();
    });
    check_nonsense(|channel| {
        for _ in 0..2 {
            channel.send(&running(Personality::Wasi), &[]).unwrap();
        }
    });
    check_nonsense(|channel| {
        channel.send(&running(Personality::Wasi), &[]).unwrap();
        // What would have it compiled and run a second time.
        let refused = Event::Refused { kind: RefusalKind::Artifact, message: String::new() };
        channel.send(&refused.encode(), &[]).unwrap();
    });
}

/// Says that the program has stopped, and does not end.
fn stopped(channel: &Channel) {
    channel.send(&running(Personality::Wasi), &[]).unwrap();
    let state = gate_sandbox::memfd::create_sized("state", 100).unwrap();
    let statistics = Statistics::default();
    let event = Event::Suspended { statistics, state_bytes: 10, memories: 0, has_packets: false };
    channel.send(&event.encode(), &[state.as_fd()]).unwrap();
    stay(channel);
}

#[test]
fn what_has_stopped_is_reported_before_its_process_has_ended() {
    let (mut container, killed) = fake::container(|channel| stopped(&channel));
    let null = File::open("/dev/null").unwrap();
    let given = Given {
        artifact: null.as_fd(),
        streams: [null.as_fd(); 3],
        image: None,
        wall_time: None,
        suspend_after: None,
        services: &Services::none(),
    };
    let mut watch = Watch { cancel: None, suspend: None, tick: None };
    let mut instance = Instance::launch(&mut container, launch(), &given, &mut watch).unwrap();
    let report = loop {
        if let Some(report) = instance.advance(&mut container, Instant::now()).unwrap() {
            break report;
        }
        let socket = instance.descriptor().map(|socket| (socket, PollFlags::IN));
        watch.wait(socket.as_slice(), None).unwrap();
    };
    assert!(matches!(report.verdict, Verdict::Suspended { .. }), "{report:?}");
    assert!(report.usage.is_none() && instance.usage().is_none());
    // It is made to.
    killed.recv().unwrap();
    while instance.usage().is_none() {
        watch.wait(&[(container.descriptor().unwrap(), PollFlags::IN)], None).unwrap();
        container.pump().unwrap();
    }
    assert!(instance.advance(&mut container, Instant::now()).unwrap().is_none(), "it is reported once");
}

#[test]
fn who_waits_for_a_program_that_stops_learns_what_it_used() {
    let (report, killed) = run_with(LONG, |channel| stopped(&channel));
    assert!(matches!(report.verdict, Verdict::Suspended { .. }), "{report:?}");
    assert!(report.usage.is_some());
    killed.recv().unwrap();
}

/// Not an error of the container, in which there may be other programs.
#[test]
fn what_does_not_fit_is_nonsense() {
    check_nonsense(|channel| {
        let null = File::open("/dev/null").unwrap();
        let descriptors = [null.as_fd(); 200];
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(200))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        let message = running(Personality::Wasi);
        rustix::net::sendmsg(channel, &[IoSlice::new(&message)], &mut control, SendFlags::empty()).unwrap();
    });
    check_nonsense(|channel| {
        rustix::net::sockopt::set_socket_send_buffer_size(channel, 4 * MAX_MESSAGE_BYTES).unwrap();
        let message = vec![0; MAX_MESSAGE_BYTES + 1];
        rustix::net::send(channel, &message, SendFlags::empty()).unwrap();
    });
}

#[test]
fn a_silent_process_is_killed() {
    let (report, killed) = run_with(LONG, |channel| {
        channel.send(&running(Personality::Wasi), &[]).unwrap();
    });
    let Verdict::Crashed(crash) = report.verdict else { panic!("{report:?}") };
    assert_eq!(crash.end, End::Signaled(9));
    killed.recv().unwrap();
}

#[test]
fn a_process_that_stays_after_its_last_word_is_killed() {
    let (report, killed) = run_with(LONG, |channel| {
        channel.send(&running(Personality::Wasi), &[]).unwrap();
        let outcome = Outcome::Exited(0);
        channel.send(&Event::Finished { outcome, statistics: Statistics::default() }.encode(), &[]).unwrap();
        stay(&channel);
    });
    assert!(matches!(report.verdict, Verdict::Ended { .. }), "{report:?}");
    killed.recv().unwrap();
}

/// A discovery of the service "foo", which there is not.
const DISCOVERY: &[u8] = b"\x0e\0\0\0\xff\xff\0\0\x01\0\x03foo\0\0";

/// Says that a program runs that has packets; its end of the socket, and its side of the ring.
fn runs_with_packets(channel: &Channel) -> (UnixStream, Ring) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let file = ring::create().unwrap();
    let ring = Ring::open(file.as_fd(), Side::Program).unwrap();
    channel.send(&running(Personality::Gate), &[theirs.as_fd(), theirs.as_fd(), file.as_fd()]).unwrap();
    (ours, ring)
}

/// That discovery, and then calls of it without end, which are dropped, with a bell for each bit of them.
fn flood(mut socket: UnixStream, mut ring: Ring) {
    ring.send(DISCOVERY).unwrap();
    let calls = b"\x08\0\0\0\0\0\0\0".repeat(8 << 10);
    socket.set_nonblocking(true).unwrap();
    loop {
        ring.send(&calls).unwrap();
        match socket.write(&[0]) {
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}

#[test]
fn packets_without_end_do_not_stop_the_clock() {
    let time = Duration::from_millis(200);
    let started = Instant::now();
    let (report, killed) = run_with(time, |channel| {
        let (socket, ring) = runs_with_packets(&channel);
        std::thread::spawn(move || flood(socket, ring));
        stay(&channel);
    });
    assert!(matches!(report.verdict, Verdict::Limit(Limit::WallTime)), "{report:?}");
    assert!(started.elapsed() < LONG / 2);
    killed.recv().unwrap();
}

/// What a process gives instead of a packet socket may be shared with others, like a terminal.
#[test]
fn a_descriptor_that_is_no_socket_is_left_alone() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"for somebody else").unwrap();
    let given = reader.try_clone().unwrap();
    let (report, _) = run_with(Duration::from_millis(50), move |channel| {
        let file = ring::create().unwrap();
        channel.send(&running(Personality::Gate), &[given.as_fd(), given.as_fd(), file.as_fd()]).unwrap();
        stay(&channel);
    });
    assert!(matches!(report.verdict, Verdict::Limit(Limit::WallTime)), "{report:?}");
    assert!(!rustix::fs::fcntl_getfl(&reader).unwrap().contains(OFlags::NONBLOCK));
    assert_eq!(rustix::io::ioctl_fionread(&reader).unwrap(), 17, "nothing was read");
}

#[test]
fn what_is_no_ring_is_nonsense() {
    for (bytes, sealed) in [(100, true), (1 << 20, true), (1 << 20, false)] {
        check_nonsense(move |channel| {
            let (_, theirs) = UnixStream::pair().unwrap();
            let file = gate_sandbox::memfd::create_sized("ring", bytes).unwrap();
            if sealed {
                memfd::seal(&file, memfd::Seals::Size).unwrap();
            }
            channel
                .send(&running(Personality::Gate), &[theirs.as_fd(), theirs.as_fd(), file.as_fd()])
                .unwrap();
        });
    }
}

#[test]
fn a_process_that_cannot_count_is_killed() {
    check_nonsense(|channel| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let file = File::from(ring::create().unwrap());
        // It has received what nobody has sent.
        file.write_all_at(&7_u32.to_ne_bytes(), 64).unwrap();
        channel.send(&running(Personality::Gate), &[theirs.as_fd(), theirs.as_fd(), file.as_fd()]).unwrap();
        std::mem::drop(ours);
    });
}

/// What a program sends at once arrives though nothing else ever happens: also if the message that tells where its packets are is taken
/// before the event that announces it is looked at. So it is here: that event is for a time when the message is long gone.
#[test]
fn packets_are_served_as_soon_as_it_is_known_where_they_are() {
    let (mut container, _killed) = fake::container(|channel| {
        let (mut socket, mut ring) = runs_with_packets(&channel);
        ring.send(DISCOVERY).unwrap();
        let mut answer = Vec::new();
        loop {
            ring.append_to(&mut answer, 1000).unwrap();
            if !answer.is_empty() {
                break;
            }
            ring.wait_for(Ready { data: true, room: false });
            if !ring.ready().unwrap().data {
                assert_ne!(std::io::Read::read(&mut socket, &mut [0; 64]).unwrap(), 0);
            }
            assert!(ring.go_on());
        }
        let outcome = Outcome::Exited(0);
        channel.send(&Event::Finished { outcome, statistics: Statistics::default() }.encode(), &[]).unwrap();
    });
    let null = File::open("/dev/null").unwrap();
    let given = Given {
        artifact: null.as_fd(),
        streams: [null.as_fd(); 3],
        image: None,
        wall_time: Some(LONG),
        suspend_after: None,
        services: &Services::none(),
    };
    let mut watch = Watch { cancel: None, suspend: None, tick: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let instance = Instance::launch(&mut container, launch(), &given, &mut watch).unwrap();
    // It is there before anybody begins to wait.
    let socket = instance.descriptor().map(|socket| (socket, PollFlags::IN));
    watch.wait(socket.as_slice(), None).unwrap();
    let mut instance = instance;
    let started = Instant::now();
    let report = runtime.block_on(crate::run::watch_over(
        &mut container,
        &mut instance,
        started,
        &given,
        &Watch { cancel: None, suspend: None, tick: None },
    ));
    assert!(matches!(report.unwrap().verdict, Verdict::Ended { .. }));
    assert!(started.elapsed() < LONG / 2);
}
