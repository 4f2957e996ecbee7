//! Programs that write faster than anybody reads.

use std::io::Write;
use std::os::unix::net::UnixStream;

use super::*;

#[test]
fn a_turn_has_an_end() {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    // The discovery of a service "foo", then calls of it, which are dropped, as many as the socket takes.
    ours.write_all(b"\x0e\0\0\0\xff\xff\0\0\x01\0\x03foo\0\0").unwrap();
    let calls = b"\x08\0\0\0\0\0\0\0".repeat(CHUNK_BYTES / 8);
    while ours.write(&calls).is_ok() {}
    let waiting = |packets: &Packets| rustix::io::ioctl_fionread(&packets.socket).unwrap();
    let mut packets = Packets::new(theirs.into());
    let mut before = waiting(&packets);
    let most = (CHUNKS * CHUNK_BYTES) as u64;
    assert!(before > most, "the socket takes more than is read in one turn: {before}");
    while before > 0 {
        packets.pump().unwrap();
        let after = waiting(&packets);
        assert!(before - after <= most && after < before, "{before} {after}");
        assert_eq!(packets.interest(), PollFlags::IN);
        before = after;
    }
    drop(ours);
    packets.pump().unwrap();
    assert_eq!(packets.interest(), PollFlags::empty());
}
