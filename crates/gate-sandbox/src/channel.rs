//! Messages with descriptors between processes: a pair of `SOCK_SEQPACKET` Unix sockets.
//!
//! The socket keeps message boundaries, so there is no framing to get wrong. Whatever arrives is complete: a message
//! that was cut, or lost descriptors, is an error. Received descriptors are closed on exec.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

use crate::wait;

#[cfg(test)]
mod tests;

/// Largest message, in bytes: what fits into the send buffer that hosts give without asking (`net.core.wmem_default`).
pub const MAX_MESSAGE_BYTES: usize = 192 << 10;

/// Most descriptors in one message. A stopped program has one for each linear memory, of which a module may have 32, and
/// a few more; a forged one can have as many as its limit of open files (256) leaves room for. The kernel's own limit is
/// 253 (`SCM_MAX_FD`).
pub const MAX_DESCRIPTORS: usize = 120;

/// Size of the socket's send buffer that is asked for. The default of most hosts (208 KiB) is as good; this protects
/// from hosts where it is too small for one message.
const SEND_BUFFER_BYTES: usize = MAX_MESSAGE_BYTES + (16 << 10);

/// Why a message was not sent or received.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum ChannelError {
    /// The other side has closed its end, or ended.
    #[error("the other side has closed the channel")]
    Closed,
    /// The operation would have waited, and the caller did not want that.
    #[error("the channel is not ready")]
    WouldBlock,
    /// A message to send has no bytes; on the socket this would look like the end.
    #[error("a message needs at least one byte")]
    Empty,
    /// A message to send exceeds [`MAX_MESSAGE_BYTES`].
    #[error("message of {bytes} bytes is too long (limit: {MAX_MESSAGE_BYTES})")]
    TooLong { bytes: usize },
    /// A message to send has more descriptors than [`MAX_DESCRIPTORS`].
    #[error("message with {count} descriptors (limit: {MAX_DESCRIPTORS})")]
    TooManyDescriptors { count: usize },
    /// The received message did not fit into the buffer; its rest is lost and its descriptors are closed.
    #[error("a received message is longer than the buffer of {buffer} bytes")]
    Truncated { buffer: usize },
    /// The received message had more descriptors than [`MAX_DESCRIPTORS`], or this process has no room for them.
    #[error("descriptors of a received message were lost")]
    DescriptorsLost,
    /// The descriptor is not such a socket.
    #[error("the descriptor is not a SOCK_SEQPACKET socket")]
    NotAChannel,
    /// Another failure of the socket.
    #[error("the channel failed")]
    Socket { source: Errno },
}

impl From<Errno> for ChannelError {
    fn from(source: Errno) -> ChannelError {
        match source {
            Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN => ChannelError::Closed,
            Errno::WOULDBLOCK => ChannelError::WouldBlock,
            _ => ChannelError::Socket { source },
        }
    }
}

/// What one call of [`Channel::recv`] received.
#[derive(Debug)]
pub struct Received {
    /// Length of the message at the start of the buffer, at least 1.
    pub len: usize,
    /// Descriptors that came with it, at most [`MAX_DESCRIPTORS`].
    pub descriptors: Vec<OwnedFd>,
}

/// One end of a channel.
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
}

impl Channel {
    /// Makes two connected ends, both closed on exec.
    ///
    /// # Errors
    ///
    /// When there are no descriptors left.
    pub fn pair() -> Result<(Channel, Channel), ChannelError> {
        let (a, b) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        for socket in [&a, &b] {
            rustix::net::sockopt::set_socket_send_buffer_size(socket, SEND_BUFFER_BYTES)?;
        }
        Ok((Channel { socket: a }, Channel { socket: b }))
    }

    /// Takes a descriptor that was inherited or received.
    ///
    /// # Errors
    ///
    /// [`ChannelError::NotAChannel`] when it is something else.
    pub fn from_fd(socket: OwnedFd) -> Result<Channel, ChannelError> {
        match rustix::net::sockopt::socket_type(&socket) {
            Ok(SocketType::SEQPACKET) => Ok(Channel { socket }),
            _ => Err(ChannelError::NotAChannel),
        }
    }

    /// A second descriptor of the same end.
    ///
    /// # Errors
    ///
    /// When there are no descriptors left.
    pub fn duplicate(&self) -> Result<OwnedFd, ChannelError> {
        Ok(rustix::io::fcntl_dupfd_cloexec(&self.socket, 3)?)
    }

    /// The descriptor, to be inherited or sent.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.socket
    }

    /// Sends a message; waits while the other side's queue is full.
    ///
    /// # Errors
    ///
    /// See [`ChannelError`].
    pub fn send(&self, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), ChannelError> {
        self.send_with(message, descriptors, SendFlags::NOSIGNAL)
    }

    /// Like [`Channel::send`], but [`ChannelError::WouldBlock`] instead of waiting.
    ///
    /// # Errors
    ///
    /// See [`ChannelError`].
    pub fn try_send(&self, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), ChannelError> {
        self.send_with(message, descriptors, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
    }

    /// Receives a message into `buffer`; waits for one. A buffer of [`MAX_MESSAGE_BYTES`] fits every message.
    ///
    /// # Errors
    ///
    /// [`ChannelError::Closed`] when the other side has closed and everything was received; others see there.
    pub fn recv(&self, buffer: &mut [u8]) -> Result<Received, ChannelError> {
        self.recv_with(buffer, RecvFlags::CMSG_CLOEXEC)
    }

    /// Like [`Channel::recv`], but [`ChannelError::WouldBlock`] instead of waiting.
    ///
    /// # Errors
    ///
    /// See [`ChannelError`].
    pub fn try_recv(&self, buffer: &mut [u8]) -> Result<Received, ChannelError> {
        self.recv_with(buffer, RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT)
    }

    /// Like [`Channel::recv`], but waits no longer than to the deadline: then [`ChannelError::WouldBlock`].
    ///
    /// # Errors
    ///
    /// See [`ChannelError`].
    pub fn recv_until(&self, buffer: &mut [u8], deadline: Instant) -> Result<Received, ChannelError> {
        match wait::readable(self.socket.as_fd(), Some(deadline)) {
            Ok(true) => self.try_recv(buffer),
            Ok(false) => Err(ChannelError::WouldBlock),
            Err(error) => {
                Err(ChannelError::Socket { source: Errno::from_io_error(&error).unwrap_or(Errno::IO) })
            }
        }
    }

    fn send_with(
        &self,
        message: &[u8],
        descriptors: &[BorrowedFd<'_>],
        flags: SendFlags,
    ) -> Result<(), ChannelError> {
        if message.is_empty() {
            return Err(ChannelError::Empty);
        }
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(ChannelError::TooLong { bytes: message.len() });
        }
        if descriptors.len() > MAX_DESCRIPTORS {
            return Err(ChannelError::TooManyDescriptors { count: descriptors.len() });
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            let pushed = control.push(SendAncillaryMessage::ScmRights(descriptors));
            debug_assert!(pushed, "the buffer is made for MAX_DESCRIPTORS");
        }
        loop {
            match rustix::net::sendmsg(&self.socket, &[IoSlice::new(message)], &mut control, flags) {
                // A message of this kind of socket is sent whole or not at all.
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn recv_with(&self, buffer: &mut [u8], flags: RecvFlags) -> Result<Received, ChannelError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let message = loop {
            match rustix::net::recvmsg(&self.socket, &mut [IoSliceMut::new(buffer)], &mut control, flags) {
                Ok(message) => break message,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        };
        // Take the descriptors first: every return below must close them.
        let mut descriptors = Vec::new();
        for part in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = part {
                descriptors.extend(rights);
            }
        }
        // Alignment can leave room for one more than was asked for.
        if message.flags.contains(ReturnFlags::CTRUNC) || descriptors.len() > MAX_DESCRIPTORS {
            return Err(ChannelError::DescriptorsLost);
        }
        if message.flags.contains(ReturnFlags::TRUNC) {
            return Err(ChannelError::Truncated { buffer: buffer.len() });
        }
        if message.bytes == 0 {
            return Err(ChannelError::Closed);
        }
        Ok(Received { len: message.bytes, descriptors })
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
