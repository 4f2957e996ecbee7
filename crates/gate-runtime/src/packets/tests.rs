//! Programs that write faster than anybody reads, or not what they may.

use std::io::Write;
use std::os::unix::net::UnixStream;

use super::*;

/// The end of a program that does what the test does, and the runtime's.
fn pair() -> (UnixStream, Ring, Packets) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let file = ring::create().unwrap();
    let ring = Ring::open(file.as_fd(), Side::Program).unwrap();
    let packets = Packets::new(theirs.into(), file, &Services::none()).unwrap().unwrap();
    (ours, ring, packets)
}

/// The discovery of a service "foo", which there is not.
const DISCOVERY: &[u8] = b"\x0e\0\0\0\xff\xff\0\0\x01\0\x03foo\0\0";

async fn turn(packets: &mut Packets) -> Result<(), PacketsError> {
    let result = poll_fn(|context| Poll::Ready(packets.poll(context))).await;
    // Whoever was woken has its turn.
    tokio::task::yield_now().await;
    result
}

#[tokio::test]
async fn a_turn_has_an_end() {
    let (ours, mut ring, mut packets) = pair();
    // Calls of it, which are dropped, as many as there is room for.
    ring.send(DISCOVERY).unwrap();
    while ring.send(&b"\x08\0\0\0\0\0\0\0".repeat(64)).unwrap() > 0 {}
    let mut turns = 0;
    while packets.ring.ready().unwrap().data {
        turn(&mut packets).await.unwrap();
        turns += 1;
        assert!(turns < 1000, "it makes progress");
    }
    assert!(turns > 1, "all of that is not done at once");
    drop(ours);
    let closed = poll_fn(|context| {
        packets.poll(context).unwrap();
        if packets.is_gone { Poll::Ready(()) } else { Poll::Pending }
    });
    tokio::time::timeout(std::time::Duration::from_secs(30), closed).await.unwrap();
}

#[tokio::test]
async fn bells_without_a_reason_do_no_harm() {
    let (mut ours, mut ring, mut packets) = pair();
    for _ in 0..100 {
        while ours.write(&[0; 1000]).is_ok() {}
        turn(&mut packets).await.unwrap();
    }
    ring.send(DISCOVERY).unwrap();
    let mut answer = Vec::new();
    while answer.is_empty() {
        turn(&mut packets).await.unwrap();
        ring.append_to(&mut answer, 1000).unwrap();
    }
    assert!(!packets.is_gone);
}

#[tokio::test]
async fn whoever_waits_is_woken() {
    let (ours, mut ring, mut packets) = pair();
    let answered = poll_fn(|context| {
        packets.poll(context).unwrap();
        let mut answer = Vec::new();
        ring.append_to(&mut answer, 1000).unwrap();
        if answer.is_empty() {
            // It sleeps now, and has written down that it does.
            ring.send(DISCOVERY).unwrap();
            assert!(ring.owes_bell());
            (&ours).write_all(&[0]).unwrap();
            return Poll::Pending;
        }
        Poll::Ready(())
    });
    tokio::time::timeout(std::time::Duration::from_secs(30), answered).await.unwrap();
}

#[tokio::test]
async fn what_was_sent_before_the_end_is_not_lost() {
    let (ours, mut ring, mut packets) = pair();
    ring.send(DISCOVERY).unwrap();
    drop(ours);
    while !packets.is_gone {
        turn(&mut packets).await.unwrap();
    }
    assert_eq!(packets.pump.save().await.unwrap().services.len(), 1);
    // And what it was not told is known.
    let (ours, mut ring, mut packets) = pair();
    ring.send(DISCOVERY).unwrap();
    for _ in 0..3 {
        turn(&mut packets).await.unwrap();
    }
    assert!(ring.ready().unwrap().data);
    drop((ours, ring));
    let buffers = packets.save().await.unwrap();
    assert_eq!((buffers.services.len(), buffers.output.len()), (1, 0));
    assert!(!buffers.input.is_empty());
}

#[tokio::test]
async fn who_cannot_count_is_found_out() {
    let (_ours, _, mut packets) = pair();
    let file = std::fs::File::from(packets.file.try_clone().unwrap());
    // What the program is said to have sent.
    std::os::unix::fs::FileExt::write_all_at(&file, &u32::MAX.to_ne_bytes(), 128).unwrap();
    assert!(matches!(turn(&mut packets).await, Err(PacketsError::Nonsense(_))));
    assert_eq!(packets.save().await.unwrap().output, b"");
}

#[tokio::test]
async fn what_is_no_socket_or_ring_is_noticed() {
    let null = || std::fs::File::open("/proc/self/exe").unwrap().into();
    let (_ours, theirs) = UnixStream::pair().unwrap();
    assert!(Packets::new(null(), ring::create().unwrap(), &Services::none()).unwrap().is_none());
    assert!(Packets::new(theirs.into(), null(), &Services::none()).unwrap().is_none());
    let (_ours, theirs) = UnixStream::pair().unwrap();
    let short = gate_sandbox::memfd::create_sized("short", 100).unwrap();
    assert!(Packets::new(theirs.into(), short, &Services::none()).unwrap().is_none());
}

#[tokio::test]
async fn memory_is_given_back_when_it_was_not_needed_for_a_while() {
    let (_ours, mut ring, mut packets) = pair();
    // A packet that takes some room, and is not all there.
    ring.send(b"\0\0\x01\0\0\0\0\0").unwrap();
    ring.send(&[0; 60_000]).unwrap();
    let kept = std::time::Instant::now();
    let mut had_some = false;
    let given_back = poll_fn(|context| {
        packets.poll(context).unwrap();
        ring.wait_for(Ready { data: true, room: false });
        had_some |= packets.ring.has_spare();
        if had_some && !packets.ring.has_spare() && !packets.pump.has_spare() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    tokio::time::timeout(std::time::Duration::from_secs(30), given_back).await.unwrap();
    assert!(kept.elapsed() >= KEPT_FOR);
    assert!(packets.respite.is_none());
}
