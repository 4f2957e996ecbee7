//! The packet stream of a program, until there are services: discovery answers that none is available.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use gate_packet::Violation;
use gate_packet::directory::NoServices;
use rustix::event::PollFlags;
use rustix::fs::OFlags;
use rustix::io::Errno;

/// How much is read from a program at once.
const CHUNK_BYTES: usize = 16 << 10;

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
    pub(crate) fn new(socket: OwnedFd) -> std::io::Result<Self> {
        rustix::fs::fcntl_setfl(&socket, OFlags::NONBLOCK)?;
        Ok(Self {
            socket,
            services: NoServices::new(),
            input: Vec::new(),
            handled: 0,
            output: Vec::new(),
            closed: false,
        })
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

    /// Moves what can be moved without waiting.
    pub(crate) fn pump(&mut self) -> Result<(), Violation> {
        loop {
            while !self.output.is_empty() {
                match rustix::io::write(&self.socket, &self.output) {
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
            let mut chunk = [0; CHUNK_BYTES];
            match rustix::io::read(&self.socket, &mut chunk) {
                Ok(0) => {
                    self.closed = true;
                    return Ok(());
                }
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
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
