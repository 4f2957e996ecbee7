//! The packet stream of a program, until there are services: discovery answers that none is available.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use gate_packet::Violation;
use gate_packet::buffers::{Buffers, ServiceBuffer};
use gate_packet::directory::NoServices;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// How much is read from a program at once.
const CHUNK_BYTES: usize = 16 << 10;
/// How often that is done before something else has its turn, however fast the program writes.
const CHUNKS: usize = 4;

/// One program's packets.
#[derive(Debug)]
pub(crate) struct Packets {
    socket: OwnedFd,
    services: NoServices,
    input: Vec<u8>,
    /// Where unhandled input starts.
    handled: usize,
    output: Vec<u8>,
    closed: bool,
}

impl Packets {
    /// `socket` is what a process has sent, so it may be anything, and something that is not that process's own: its
    /// state is not touched, and what is not a socket counts as closed.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            services: NoServices::new(),
            input: Vec::new(),
            handled: 0,
            output: Vec::new(),
            closed: false,
        }
    }

    /// The packets of a program that is restored, and the end of the stream that it gets; `None` if the buffers are not those of
    /// any program.
    pub(crate) fn restore(buffers: &Buffers) -> std::io::Result<Option<(Self, OwnedFd)>> {
        let Ok(services) = NoServices::restore(buffers.services.iter().map(|service| &*service.name)) else {
            return Ok(None);
        };
        let (socket, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        let mut output = buffers.input.clone();
        // What it had discovered may be different here.
        services.directory().notify(&mut output);
        let input = buffers.output.clone();
        Ok(Some((Self { socket, services, input, handled: 0, output, closed: false }, theirs)))
    }

    /// All that is on the way, in a program that has stopped and whose end of the stream is `theirs`. It stays on the way.
    pub(crate) fn gather(&mut self, theirs: &OwnedFd) -> Buffers {
        let mut input = received(theirs);
        input.append(&mut self.output);
        self.output = input;
        self.input.drain(..self.handled);
        self.handled = 0;
        self.input.append(&mut received(&self.socket));
        let service = |service: &gate_packet::directory::Service| ServiceBuffer {
            name: service.name.clone(),
            snapshot: Vec::new(),
        };
        Buffers {
            services: self.services.directory().services().iter().map(service).collect(),
            input: self.output.clone(),
            output: [self.services.partial(), &self.input].concat(),
        }
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What to wait for: a program that does not take its answers is not listened to.
    pub(crate) fn interest(&self) -> PollFlags {
        match (self.closed, self.output.is_empty()) {
            (true, _) => PollFlags::empty(),
            (false, true) => PollFlags::IN,
            (false, false) => PollFlags::OUT,
        }
    }

    /// Moves what can be moved without waiting, but not for ever: what is left is noticed by the next wait, because
    /// everything that was read is handled before more is.
    pub(crate) fn pump(&mut self) -> Result<(), Violation> {
        let mut chunks = 0;
        loop {
            while !self.output.is_empty() {
                match rustix::net::send(&self.socket, &self.output, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
                {
                    Ok(count) => drop(self.output.drain(..count)),
                    Err(Errno::INTR) => {}
                    Err(Errno::AGAIN) => return Ok(()),
                    Err(_) => {
                        self.closed = true;
                        return Ok(());
                    }
                }
            }
            let mut rest = &self.input[self.handled..];
            let answered = self.services.handle(&mut rest, &mut self.output)?;
            self.handled = self.input.len() - rest.len();
            if answered || !self.output.is_empty() {
                continue;
            }
            self.input.clear();
            self.handled = 0;
            if chunks == CHUNKS {
                return Ok(());
            }
            chunks += 1;
            let mut chunk = [0; CHUNK_BYTES];
            match rustix::net::recv(&self.socket, &mut chunk, RecvFlags::DONTWAIT) {
                Ok((0, _)) => {
                    self.closed = true;
                    return Ok(());
                }
                Ok((count, _)) => self.input.extend_from_slice(&chunk[..count]),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(_) => {
                    self.closed = true;
                    return Ok(());
                }
            }
        }
    }
}

/// What can be received without waiting. A program that floods its end cannot make this long: nobody else writes meanwhile.
fn received(socket: &OwnedFd) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chunk = [0; CHUNK_BYTES];
    loop {
        match rustix::net::recv(socket, &mut chunk, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return bytes,
            Ok((count, _)) => bytes.extend_from_slice(&chunk[..count]),
            Err(Errno::INTR) => {}
            Err(_) => return bytes,
        }
    }
}

#[cfg(test)]
mod tests;
