//! Messages, descriptors, limits and the end of a channel.

use std::io::{Read, Seek, Write};
use std::time::Duration;

use super::*;

#[test]
fn messages_keep_their_boundaries() {
    let (a, b) = Channel::pair().unwrap();
    let long = vec![7; MAX_MESSAGE_BYTES];
    a.send(b"one", &[]).unwrap();
    a.send(&long, &[]).unwrap();
    let mut buffer = vec![0; MAX_MESSAGE_BYTES];
    assert_eq!(b.recv(&mut buffer).unwrap().len, 3);
    assert_eq!(&buffer[..3], b"one");
    assert_eq!(b.recv(&mut buffer).unwrap().len, MAX_MESSAGE_BYTES);
    assert!(buffer == long);
}

#[test]
fn descriptors_travel() {
    let (a, b) = Channel::pair().unwrap();
    let mut file = std::fs::File::from(crate::memfd::create("travels").unwrap());
    file.write_all(b"content").unwrap();
    a.send(b"x", &[file.as_fd(), file.as_fd()]).unwrap();
    let received = b.recv(&mut [0; 8]).unwrap();
    assert_eq!(received.descriptors.len(), 2);
    for descriptor in received.descriptors {
        let flags = rustix::io::fcntl_getfd(&descriptor).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        let mut copy = std::fs::File::from(descriptor);
        copy.rewind().unwrap();
        let mut text = String::new();
        copy.read_to_string(&mut text).unwrap();
        assert_eq!(text, "content");
    }
}

#[test]
fn limits_of_sending() {
    let (a, b) = Channel::pair().unwrap();
    let many = vec![a.as_fd(); MAX_DESCRIPTORS + 1];
    assert!(matches!(a.send(b"", &[]), Err(ChannelError::Empty)));
    assert!(matches!(
        a.send(&vec![0; MAX_MESSAGE_BYTES + 1], &[]),
        Err(ChannelError::TooLong { bytes }) if bytes == MAX_MESSAGE_BYTES + 1
    ));
    assert!(
        matches!(a.send(b"x", &many), Err(ChannelError::TooManyDescriptors { count }) if count == MAX_DESCRIPTORS + 1)
    );
    a.send(b"x", &many[1..]).unwrap();
    assert_eq!(b.recv(&mut [0; 1]).unwrap().descriptors.len(), MAX_DESCRIPTORS);
}

#[test]
fn too_long_for_the_buffer() {
    let (a, b) = Channel::pair().unwrap();
    a.send(b"four", &[a.as_fd()]).unwrap();
    assert!(matches!(b.recv(&mut [0; 3]), Err(ChannelError::Truncated { buffer: 3 })));
    a.send(b"next", &[]).unwrap();
    assert_eq!(b.recv(&mut [0; 4]).unwrap().len, 4, "the channel goes on with the next message");
}

#[test]
fn more_descriptors_than_allowed() {
    let (a, b) = Channel::pair().unwrap();
    // A hostile sender is not bound to our limit.
    let many = vec![a.as_fd(); MAX_DESCRIPTORS + 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS + 1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&many)));
    rustix::net::sendmsg(&a, &[IoSlice::new(b"x")], &mut control, SendFlags::empty()).unwrap();
    assert!(matches!(b.recv(&mut [0; 3]), Err(ChannelError::DescriptorsLost)));
}

#[test]
fn waiting_and_the_end() {
    let (a, b) = Channel::pair().unwrap();
    assert!(matches!(b.try_recv(&mut [0; 1]), Err(ChannelError::WouldBlock)));
    let soon = Instant::now() + Duration::from_millis(5);
    assert!(matches!(b.recv_until(&mut [0; 1], soon), Err(ChannelError::WouldBlock)));
    assert!(Instant::now() >= soon);
    a.send(b"x", &[]).unwrap();
    assert_eq!(
        b.recv_until(&mut [0; 1], soon).unwrap().len,
        1,
        "what is there is received after the deadline"
    );

    let mut sent = 0;
    let full = loop {
        match a.try_send(&[0; 4096], &[]) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 10_000);
    };
    assert!(matches!(full, ChannelError::WouldBlock));
    drop(a);
    for _ in 0..sent {
        assert_eq!(b.recv(&mut [0; 4096]).unwrap().len, 4096, "what was sent before the end arrives");
    }
    assert!(matches!(b.recv(&mut [0; 1]), Err(ChannelError::Closed)));
    assert!(matches!(b.send(b"x", &[]), Err(ChannelError::Closed)));
}

#[test]
fn only_such_sockets_are_channels() {
    let (a, _b) = Channel::pair().unwrap();
    Channel::from_fd(a.into_fd()).unwrap();
    let (stream, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    assert!(matches!(Channel::from_fd(stream.into()), Err(ChannelError::NotAChannel)));
    let file = crate::memfd::create("file").unwrap();
    assert!(matches!(Channel::from_fd(file), Err(ChannelError::NotAChannel)));
}
