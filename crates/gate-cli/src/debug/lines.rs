//! Standard input, line by line, until a signal comes.

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::signals::Signals;

/// Longer lines end the input: no command needs that much.
const MAX_LINE: usize = 64 << 10;

/// What came.
pub(super) enum Line {
    Text(String),
    End,
    Signal,
}

/// Standard input.
pub(super) struct Lines<'s> {
    signals: &'s Signals,
    buffer: Vec<u8>,
    ended: bool,
}

impl<'s> Lines<'s> {
    pub(super) fn new(signals: &'s Signals) -> Self {
        Self { signals, buffer: Vec::new(), ended: false }
    }

    /// Waits for the next line.
    pub(super) fn next(&mut self) -> Line {
        loop {
            let end = self.buffer.iter().position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Line::Text(String::from_utf8_lossy(&line).into_owned());
            }
            if self.ended || self.buffer.len() > MAX_LINE {
                let rest = std::mem::take(&mut self.buffer);
                self.ended = true;
                return if rest.is_empty() {
                    Line::End
                } else {
                    Line::Text(String::from_utf8_lossy(&rest).into_owned())
                };
            }
            let stdin = std::io::stdin();
            let stdin = stdin.as_fd();
            let mut fds = [
                PollFd::from_borrowed_fd(stdin, PollFlags::IN),
                PollFd::from_borrowed_fd(self.signals.descriptor(), PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(_) => return Line::End,
            }
            if !fds[1].revents().is_empty() {
                return Line::Signal;
            }
            let mut bytes = [0; 4096];
            match rustix::io::read(stdin, &mut bytes) {
                Ok(count) if count > 0 => self.buffer.extend(bytes.iter().take(count)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                _ => self.ended = true,
            }
        }
    }
}
