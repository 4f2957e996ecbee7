//! What can be tested in a process with other threads; moving and closing is in the integration tests.

use std::os::unix::net::UnixStream;

use super::*;

#[test]
fn sockets_are_recognized() {
    let (a, b) = UnixStream::pair().unwrap();
    let known = identity(&a).unwrap();
    assert_eq!(identity(a.try_clone().unwrap()).unwrap(), known);
    let (channel, other) = crate::channel::Channel::pair().unwrap();
    channel.send(b"x", &[a.as_fd(), b.as_fd()]).unwrap();
    let received = other.recv(&mut [0]).unwrap().descriptors;
    assert_eq!(identity(&received[0]).unwrap(), known, "it comes back");
    for another in [received[1].as_fd(), other.as_fd(), crate::memfd::create("a").unwrap().as_fd()] {
        assert_ne!(identity(another).unwrap(), known);
    }
}
