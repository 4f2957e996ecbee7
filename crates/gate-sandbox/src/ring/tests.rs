//! Rings against a model, wake-ups in every order, and those at the other side who break all rules.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

use proptest::prelude::*;
use rustix::fs::{MemfdFlags, SealFlags};

use super::*;

/// What takes memory of the file, in bytes.
fn used(file: &OwnedFd) -> u64 {
    u64::try_from(rustix::fs::fstat(file).unwrap().st_blocks).unwrap() * 512
}

fn pair() -> (OwnedFd, Ring, Ring) {
    let file = create().unwrap();
    let runtime = accept(file.as_fd()).unwrap();
    let program = Ring::open(file.as_fd(), Side::Program).unwrap();
    (file, runtime, program)
}

fn received(ring: &mut Ring, limit: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    ring.append_to(&mut bytes, limit).unwrap();
    bytes
}

#[test]
fn bytes_arrive_in_order_and_as_far_as_there_is_room() {
    let (_file, mut runtime, mut program) = pair();
    assert_eq!(runtime.send(b"hello"), Ok(5));
    assert_eq!(program.send(b"other"), Ok(5));
    let mut buffer = [0; 3];
    assert_eq!(program.receive(&mut buffer), Ok(3));
    assert_eq!(&buffer, b"hel");
    assert_eq!(received(&mut program, 100), b"lo");
    assert_eq!(program.receive(&mut buffer), Ok(0));
    assert_eq!(received(&mut runtime, 100), b"other");
    let whole = vec![7; BUFFER_BYTES + 1];
    assert_eq!(runtime.send(&whole), Ok(BUFFER_BYTES));
    assert_eq!(runtime.send(b"more"), Ok(0));
    assert_eq!(runtime.ready(), Ok(Ready { data: false, room: false }));
    assert_eq!(program.ready(), Ok(Ready { data: true, room: true }));
    assert_eq!(received(&mut program, BUFFER_BYTES / 2 - 1).len(), BUFFER_BYTES / 2 - 1);
    assert_eq!(runtime.ready(), Ok(Ready { data: false, room: false }));
    assert_eq!(received(&mut program, 1), [7]);
    assert_eq!(runtime.ready(), Ok(Ready { data: false, room: true }));
}

#[test]
fn who_sends_little_needs_one_page() {
    let (file, mut runtime, mut program) = pair();
    let message: Vec<u8> = (0..200).collect();
    for _ in 0..10_000 {
        assert_eq!(runtime.send(&message), Ok(200));
        assert_eq!(received(&mut program, 1000), message);
        assert_eq!(program.send(&message), Ok(200));
        assert_eq!(received(&mut runtime, 1000), message);
    }
    assert!(!runtime.has_spare());
    assert_eq!(used(&file), rustix::param::page_size() as u64);
}

#[test]
fn memory_is_given_back_when_the_program_waits_and_nothing_is_on_the_way() {
    let (file, mut runtime, mut program) = pair();
    let page = rustix::param::page_size() as u64;
    let much = vec![1; 100_000];
    runtime.send(&much).unwrap();
    program.send(&much).unwrap();
    let anything = Ready { data: true, room: false };
    program.wait_for(anything);
    assert!(!runtime.give_back(), "the program has not received it");
    assert!(program.go_on());
    received(&mut program, much.len());
    program.wait_for(anything);
    assert!(!runtime.give_back(), "nor has the runtime");
    received(&mut runtime, much.len());
    assert!(program.go_on());
    assert!(!runtime.give_back(), "the program does not wait");
    assert!(used(&file) > 2 * much.len() as u64 && runtime.has_spare());
    program.wait_for(anything);
    assert!(runtime.give_back() && !runtime.has_spare());
    assert_eq!(used(&file), page);
    assert!(program.go_on());
    // And it goes on.
    let other = vec![2; 100_000];
    assert_eq!(program.send(&other), Ok(other.len()));
    assert_eq!(received(&mut runtime, other.len()), other);
    // As long as the memory is being given back, it does not.
    program.word(waits(Side::Program)).store(DATA | BUSY, Ordering::SeqCst);
    assert!(!program.go_on());
}

#[test]
fn what_was_not_received_can_be_taken_back() {
    let (file, mut runtime, mut program) = pair();
    // Around the end of the buffer.
    runtime.send(&vec![0; BUFFER_BYTES - 10]).unwrap();
    received(&mut program, BUFFER_BYTES - 20);
    assert_eq!(runtime.send(b"here and behind the end"), Ok(23));
    drop(program);
    assert_eq!(runtime.take_back().unwrap(), [&[0; 10][..], b"here and behind the end"].concat());
    assert_eq!(runtime.take_back().unwrap(), b"");
    let mut program = Ring::open(file.as_fd(), Side::Program).unwrap();
    assert_eq!(received(&mut program, 100), b"");
    runtime.send(b"again").unwrap();
    assert_eq!(received(&mut program, 100), b"again");
}

#[derive(Clone, Debug)]
enum Action {
    Send {
        by: Side,
        bytes: usize,
    },
    Receive {
        by: Side,
        bytes: usize,
    },
    TakeBack,
    /// The program goes on in another process.
    Reopen,
    GiveBack,
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Runtime), Just(Side::Program)]
}

fn bytes() -> impl Strategy<Value = usize> {
    prop_oneof![0..100_usize, 1700..1900_usize, 0..2 * BUFFER_BYTES, Just(BUFFER_BYTES)]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (side(), bytes()).prop_map(|(by, bytes)| Action::Send { by, bytes }),
        8 => (side(), bytes()).prop_map(|(by, bytes)| Action::Receive { by, bytes }),
        1 => Just(Action::TakeBack),
        1 => Just(Action::Reopen),
        1 => Just(Action::GiveBack),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Counters go round in some of these, as they begin anywhere.
    #[test]
    fn rings_are_queues(start in any::<u32>(), actions in proptest::collection::vec(action(), 1..60)) {
        let file = create().unwrap();
        let words = File::from(file.try_clone().unwrap());
        for direction in [Direction::TO_PROGRAM, Direction::TO_RUNTIME] {
            for at in [direction.sent(), direction.first(), direction.received()] {
                words.write_at(&start.to_ne_bytes(), at as u64).unwrap();
            }
        }
        let mut runtime = Ring::open(file.as_fd(), Side::Runtime).unwrap();
        let mut program = Ring::open(file.as_fd(), Side::Program).unwrap();
        let (mut to_program, mut to_runtime) = (VecDeque::new(), VecDeque::new());
        let mut next = 0_u32;
        for action in actions {
            match action {
                Action::Send { by, bytes } => {
                    let bytes: Vec<u8> = (0..bytes).map(|_| {
                        next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        next.to_le_bytes()[3]
                    }).collect();
                    let (ring, queue) = match by {
                        Side::Runtime => (&mut runtime, &mut to_program),
                        Side::Program => (&mut program, &mut to_runtime),
                    };
                    let sent = ring.send(&bytes).unwrap();
                    prop_assert_eq!(sent, bytes.len().min(BUFFER_BYTES - queue.len()));
                    queue.extend(&bytes[..sent]);
                }
                Action::Receive { by, bytes } => {
                    let (ring, queue) = match by {
                        Side::Runtime => (&mut runtime, &mut to_runtime),
                        Side::Program => (&mut program, &mut to_program),
                    };
                    prop_assert_eq!(ring.ready().unwrap().data, !queue.is_empty());
                    let expected: Vec<u8> = queue.drain(..bytes.min(queue.len())).collect();
                    prop_assert_eq!(received(ring, bytes), expected);
                }
                Action::TakeBack => {
                    let expected: Vec<u8> = to_program.drain(..).collect();
                    prop_assert_eq!(runtime.take_back().unwrap(), expected);
                }
                Action::Reopen => program = Ring::open(file.as_fd(), Side::Program).unwrap(),
                Action::GiveBack => {
                    program.wait_for(Ready { data: true, room: true });
                    let idle = to_program.is_empty() && to_runtime.is_empty();
                    prop_assert!(runtime.give_back() == idle || !runtime.has_spare());
                    prop_assert!(program.go_on());
                }
            }
        }
    }

    /// A program that writes to all of the memory what it likes, at any time.
    #[test]
    fn nobody_is_misled_out_of_bounds(
        turns in proptest::collection::vec((proptest::collection::vec((0..96_usize, any::<u32>()), 0..6), action()), 1..40),
    ) {
        let file = create().unwrap();
        let words = File::from(file.try_clone().unwrap());
        let mut runtime = accept(file.as_fd()).unwrap();
        for (written, action) in turns {
            for (word, value) in written {
                words.write_at(&value.to_ne_bytes(), word as u64 * 4).unwrap();
            }
            match action {
                Action::Send { bytes, .. } => {
                    let sent = runtime.send(&vec![1; bytes]);
                    prop_assert!(sent.is_err() || sent.is_ok_and(|sent| sent <= bytes.min(BUFFER_BYTES)));
                }
                Action::Receive { bytes, .. } => {
                    let mut taken = Vec::new();
                    let count = runtime.append_to(&mut taken, bytes);
                    prop_assert!(taken.len() <= bytes.min(BUFFER_BYTES));
                    prop_assert_eq!(count.unwrap_or(0), taken.len());
                    let mut buffer = vec![0; bytes];
                    prop_assert!(runtime.receive(&mut buffer).is_ok_and(|count| count <= bytes) || count.is_err());
                }
                Action::TakeBack => {
                    prop_assert!(runtime.take_back().is_ok_and(|bytes| bytes.len() <= BUFFER_BYTES) || runtime.ready().is_err());
                }
                Action::Reopen | Action::GiveBack => {
                    let _ = runtime.give_back();
                    runtime.wait_for(Ready { data: true, room: true });
                    runtime.go_on();
                    let _ = runtime.owes_bell();
                }
            }
        }
    }
}

#[test]
fn counters_that_make_no_sense_are_noticed() {
    let (_file, mut runtime, program) = pair();
    program.word(Direction::TO_RUNTIME.sent()).store(CAPACITY + 1, Ordering::SeqCst);
    let nonsense = Nonsense { sent: CAPACITY + 1, received: 0 };
    assert_eq!(runtime.append_to(&mut Vec::new(), 10), Err(nonsense));
    assert_eq!(runtime.ready(), Err(nonsense));
    program.word(Direction::TO_RUNTIME.sent()).store(0, Ordering::SeqCst);
    program.word(Direction::TO_PROGRAM.received()).store(1, Ordering::SeqCst);
    assert_eq!(runtime.send(b"x"), Err(Nonsense { sent: 0, received: 1 }));
    assert!(runtime.take_back().is_err());
    // A program that says of itself that it begins somewhere else.
    let first = program.word(Direction::TO_RUNTIME.first());
    first.store(u32::MAX - 5, Ordering::SeqCst);
    program.word(Direction::TO_RUNTIME.sent()).store(CAPACITY, Ordering::SeqCst);
    assert_eq!(runtime.append_to(&mut Vec::new(), usize::MAX), Ok(BUFFER_BYTES));
}

#[test]
fn other_files_are_not_accepted() {
    let sized = |bytes: usize, seals: SealFlags| {
        let file = memfd::create("test").unwrap();
        rustix::fs::ftruncate(&file, bytes as u64).unwrap();
        rustix::fs::fcntl_add_seals(&file, seals).unwrap();
        accept(file.as_fd())
    };
    let size = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    assert!(sized(BYTES, size).is_ok());
    for missing in [SealFlags::SHRINK, SealFlags::GROW, SealFlags::SEAL] {
        assert!(
            matches!(sized(BYTES, size.difference(missing)), Err(RingError::Seals { .. })),
            "{missing:?}"
        );
    }
    for bytes in [0, BYTES - 1, BYTES + 1] {
        assert!(matches!(sized(bytes, size), Err(RingError::Size { .. })), "{bytes}");
    }
    for unwritable in [SealFlags::WRITE, SealFlags::FUTURE_WRITE] {
        assert!(matches!(sized(BYTES, size | unwritable), Err(RingError::Kind)), "{unwritable:?}");
    }
    let null = File::open("/dev/null").unwrap();
    assert!(matches!(accept(null.as_fd()), Err(RingError::Seals { .. })));
    // Of huge pages, of which there may be none: then it would be fatal to touch it. Many hosts have none to begin with.
    let huge = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB;
    if let Ok(file) = rustix::fs::memfd_create("huge", huge) {
        rustix::fs::fcntl_add_seals(&file, size).unwrap();
        assert!(accept(file.as_fd()).is_err());
    }
}

/// Who sleeps and is not woken sleeps for ever.
struct Sleeper {
    /// Whether it has looked and found nothing.
    asleep: bool,
}

/// Plays one order in which a sender of two messages, and a receiver that sleeps when there is nothing, can have their turns. Each bit of
/// `order` says whose turn it is. Returns what was received.
fn play(order: u32, turns: u32) -> Vec<u8> {
    let (_file, mut runtime, mut program) = pair();
    let mut bells = 0;
    // The steps of the sender, each of which can be followed by any of the receiver's.
    let mut step = 0;
    let mut sleeper = Sleeper { asleep: false };
    let mut waits = false;
    let mut taken = Vec::new();
    let wanted = Ready { data: true, room: false };
    let mut sender = |step: &mut u32, bells: &mut u32| {
        match *step {
            0 | 2 => assert_eq!(program.send(&[1]), Ok(1)),
            1 | 3 => *bells += u32::from(program.owes_bell()),
            _ => {}
        }
        *step += 1;
    };
    let mut receiver = |bells: &mut u32| {
        if sleeper.asleep {
            if *bells == 0 {
                return;
            }
            *bells = 0;
            sleeper.asleep = false;
            assert!(runtime.go_on());
            return;
        }
        if waits {
            waits = false;
            sleeper.asleep = !runtime.ready().unwrap().data;
        } else if runtime.append_to(&mut taken, 1) == Ok(0) {
            runtime.wait_for(wanted);
            waits = true;
        }
    };
    for turn in 0..turns {
        if order >> turn & 1 == 0 { sender(&mut step, &mut bells) } else { receiver(&mut bells) }
    }
    while step < 4 {
        sender(&mut step, &mut bells);
    }
    // From here on it is alone, and has to get everything without any other bell.
    for _ in 0..20 {
        receiver(&mut bells);
    }
    taken
}

#[test]
fn in_whatever_order_nobody_sleeps_for_ever() {
    const TURNS: u32 = 12;
    // The memory model is not played, only the order of calls: the fences are there for the rest.
    for order in 0..1_u32 << TURNS {
        // More than four turns of the sender change nothing.
        if TURNS - order.count_ones() <= 4 {
            assert_eq!(play(order, TURNS).len(), 2, "{order:b}");
        }
    }
}

/// Waits for the bell, as programs do.
fn sleep(ring: &Ring, wanted: Ready, socket: &mut UnixStream) {
    use std::io::Read;
    ring.wait_for(wanted);
    let ready = ring.ready().unwrap();
    if !(wanted.data && ready.data || wanted.room && ready.room) {
        assert_ne!(socket.read(&mut [0; 64]).unwrap(), 0);
    }
    while !ring.go_on() {
        std::hint::spin_loop();
    }
}

fn ring_bell(ring: &Ring, mut socket: &UnixStream) {
    use std::io::Write;
    if ring.owes_bell() {
        socket.write_all(&[0]).unwrap();
    }
}

#[test]
fn two_threads_lose_neither_bytes_nor_wakes() {
    const TOTAL: usize = 20 << 20;
    let (_file, mut runtime, mut program) = pair();
    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    for socket in [&ours, &theirs] {
        socket.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    }
    // The byte at each position.
    let at = |position: usize| ((position * 31) >> 3).to_le_bytes()[0];
    let echo = std::thread::spawn(move || {
        let mut passed = 0;
        let mut bytes = Vec::new();
        while passed < TOTAL {
            program.append_to(&mut bytes, 50_000).unwrap();
            let sent = program.send(&bytes).unwrap();
            bytes.drain(..sent);
            passed += sent;
            ring_bell(&program, &theirs);
            if sent == 0 {
                sleep(&program, Ready { data: bytes.is_empty(), room: !bytes.is_empty() }, &mut theirs);
            }
        }
    });
    let (mut sent, mut taken) = (0, 0);
    let mut length = 1;
    let mut bytes = Vec::new();
    while taken < TOTAL {
        length = (length * 7 + 3) % 90_001;
        let some: Vec<u8> = (sent..TOTAL.min(sent + length)).map(at).collect();
        let now = runtime.send(&some).unwrap();
        sent += now;
        bytes.clear();
        runtime.append_to(&mut bytes, 60_000).unwrap();
        assert!(bytes.iter().enumerate().all(|(offset, byte)| *byte == at(taken + offset)));
        taken += bytes.len();
        ring_bell(&runtime, &ours);
        if now == 0 && bytes.is_empty() {
            // Often when the other one sleeps.
            let _ = runtime.give_back();
            sleep(&runtime, Ready { data: true, room: sent < TOTAL }, &mut ours);
        }
    }
    echo.join().unwrap();
    assert_eq!(taken, TOTAL);
}
