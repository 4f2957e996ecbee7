//! Programs that write faster than anybody reads.

use std::io::Write;
use std::os::unix::net::UnixStream;

use super::*;

#[tokio::test]
async fn a_turn_has_an_end() {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    // The discovery of a service "foo", then calls of it, which are dropped, as many as the socket takes.
    ours.write_all(b"\x0e\0\0\0\xff\xff\0\0\x01\0\x03foo\0\0").unwrap();
    let calls = b"\x08\0\0\0\0\0\0\0".repeat(64);
    while ours.write(&calls).is_ok() {}
    let mut packets = Packets::new(theirs.into(), &Services::none()).unwrap().unwrap();
    let waiting = |packets: &Packets| rustix::io::ioctl_fionread(packets.socket.get_ref()).unwrap();
    let mut before = waiting(&packets);
    let mut turns = 0;
    while before > 0 {
        poll_fn(|context| Poll::Ready(packets.poll(context))).await.unwrap();
        // Whoever was woken has its turn.
        tokio::task::yield_now().await;
        let after = waiting(&packets);
        assert!(before - after <= (CHUNKS * CHUNK_BYTES) as u64, "{before} {after}");
        before = after;
        turns += 1;
        assert!(turns < 1000, "it makes progress");
    }
    drop(ours);
    let closed = poll_fn(|context| {
        packets.poll(context).unwrap();
        if packets.closed { Poll::Ready(()) } else { Poll::Pending }
    });
    tokio::time::timeout(std::time::Duration::from_secs(30), closed).await.unwrap();
}

#[tokio::test]
async fn what_is_no_socket_is_noticed() {
    let null = std::fs::File::open("/proc/self/exe").unwrap();
    assert!(Packets::new(null.into(), &Services::none()).unwrap().is_none());
}

#[tokio::test]
async fn memory_is_given_back_when_it_was_not_needed_for_a_while() {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut packets = Packets::new(theirs.into(), &Services::none()).unwrap().unwrap();
    // A packet that takes some room, and is not all there.
    ours.write_all(b"\0\0\x01\0\0\0\0\0").unwrap();
    ours.write_all(&[0; 60_000]).unwrap();
    let mut polls = 0;
    let kept = std::time::Instant::now();
    let given_back = poll_fn(|context| {
        packets.poll(context).unwrap();
        polls += 1;
        if polls > 1 && !packets.pump.has_spare() { Poll::Ready(()) } else { Poll::Pending }
    });
    tokio::time::timeout(std::time::Duration::from_secs(30), given_back).await.unwrap();
    assert!(kept.elapsed() >= KEPT_FOR);
    assert!(packets.respite.is_none());
}
