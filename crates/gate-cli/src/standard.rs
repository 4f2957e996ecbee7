//! Standard input and output, to be read and written without waiting.
//!
//! They belong to others too, so their flags are not touched. Pipes and terminals are opened a second time instead, where that is possible;
//! otherwise whoever reads or writes asks before whether that would wait. Files never make anybody wait.
//!
//! They are watched only as long as somebody has to wait. Whoever is at the other end would wake this process with all that they read or
//! write otherwise, whether it waits for that or not.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// How much is written to a pipe that this process could not open a second time: what fits in when there is room at all
/// (`PIPE_BUF`).
const CAREFUL_BYTES: usize = 4096;

/// How much is read at once of somebody who is writing on, in bytes.
const FLOW_BYTES: usize = 32 << 10;
/// How long to look for more of it before sleeping: about as long as it takes to sleep and to be woken.
const FLOW_PAUSE: Duration = Duration::from_micros(25);

/// Something to read or to write.
#[derive(Debug)]
pub(crate) struct Standard {
    /// There, but while it changes from one to the other.
    file: Option<File>,
    interest: Interest,
    flags: PollFlags,
    how: How,
    /// How many reads more it is believed that somebody is writing on: there can be a little left between two large ones.
    flows_for: u8,
}

/// How to keep from waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// That is in the descriptor's nature.
    Always,
    /// It is a socket, where each time can be said.
    Socket,
    /// By asking before.
    Asking,
}

#[derive(Debug)]
enum File {
    /// Is waited for.
    Watched(AsyncFd<OwnedFd>),
    /// Can be waited for, and was ready when it was used last.
    Idle(OwnedFd),
    /// Is always ready.
    Ready(OwnedFd),
}

impl Standard {
    /// To be read. In a Tokio runtime.
    pub(crate) fn input(file: impl AsFd) -> io::Result<Self> {
        Self::new(file, OFlags::RDONLY, Interest::READABLE, PollFlags::IN)
    }

    /// To be written. In a Tokio runtime.
    pub(crate) fn output(file: impl AsFd) -> io::Result<Self> {
        Self::new(file, OFlags::WRONLY, Interest::WRITABLE, PollFlags::OUT)
    }

    fn new(file: impl AsFd, access: OFlags, interest: Interest, flags: PollFlags) -> io::Result<Self> {
        let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        let access = access | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
        let opened = match kind {
            FileType::Fifo | FileType::CharacterDevice => rustix::fs::open(path, access, Mode::empty()).ok(),
            // Opened again, a file would have another offset.
            _ => None,
        };
        let how = match kind {
            FileType::Socket => How::Socket,
            _ if opened.is_some() => How::Always,
            _ => How::Asking,
        };
        let file = match opened {
            Some(opened) => opened,
            None => file.as_fd().try_clone_to_owned()?,
        };
        let file = match watch(file, interest)? {
            File::Watched(file) => File::Idle(file.into_inner()),
            ready => ready,
        };
        let how = if matches!(file, File::Ready(_)) { How::Always } else { how };
        Ok(Self { file: Some(file), interest, flags, how, flows_for: 0 })
    }

    /// Does something as soon as it does not have to wait.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut act: impl FnMut(&OwnedFd) -> Result<usize, Errno>,
    ) -> Poll<io::Result<usize>> {
        let (how, flags) = (self.how, self.flags);
        let mut attempt =
            |file: &OwnedFd| again(|| if may_act(file, how, flags)? { act(file) } else { Err(Errno::AGAIN) });
        loop {
            let watched = match self.file.take() {
                None => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
                Some(File::Ready(file)) => {
                    let result = attempt(&file).map_err(Into::into);
                    self.file = Some(File::Ready(file));
                    return Poll::Ready(result);
                }
                Some(File::Idle(file)) => match attempt(&file) {
                    Err(Errno::AGAIN) => watch(file, self.interest)?,
                    result => {
                        self.file = Some(File::Idle(file));
                        return Poll::Ready(result.map_err(Into::into));
                    }
                },
                Some(watched) => watched,
            };
            let File::Watched(file) = &*self.file.insert(watched) else { continue };
            let mut guard = if flags == PollFlags::IN {
                ready!(file.poll_read_ready(context))?
            } else {
                ready!(file.poll_write_ready(context))?
            };
            match attempt(file.get_ref()) {
                Err(Errno::AGAIN) => guard.clear_ready(),
                result => {
                    if let Some(File::Watched(file)) = self.file.take() {
                        self.file = Some(File::Idle(file.into_inner()));
                    }
                    return Poll::Ready(result.map_err(Into::into));
                }
            }
        }
    }
}

/// Has the Tokio runtime notice when a file is ready, if it is one that is not always.
fn watch(file: OwnedFd, interest: Interest) -> io::Result<File> {
    #[expect(
        deprecated,
        reason = "what it is deprecated for cannot be: the descriptor is owned, and stays the same"
    )]
    let watched = AsyncFd::try_with_interest(file, interest);
    match watched {
        Ok(file) => Ok(File::Watched(file)),
        Err(error) => match error.into_parts() {
            (file, error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => {
                Ok(File::Ready(file))
            }
            (_, error) => Err(error),
        },
    }
}

/// Whether it would not wait.
fn may_act(file: &OwnedFd, how: How, flags: PollFlags) -> Result<bool, Errno> {
    if how != How::Asking {
        return Ok(true);
    }
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut [PollFd::new(file, flags)], Some(&now)).map(|count| count > 0)
}

fn again(mut act: impl FnMut() -> Result<usize, Errno>) -> Result<usize, Errno> {
    loop {
        match act() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

impl AsyncRead for Standard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let how = self.how;
        let pause = if self.flows_for > 0 { FLOW_PAUSE } else { Duration::ZERO };
        self.flows_for = self.flows_for.saturating_sub(1);
        let unfilled = buffer.initialize_unfilled();
        let mut read = |file: &OwnedFd| match how {
            How::Socket => {
                rustix::net::recv(file, &mut *unfilled, RecvFlags::DONTWAIT).map(|(count, _)| count)
            }
            How::Always | How::Asking => rustix::io::read(file, &mut *unfilled),
        };
        let count = ready!(self.poll(context, |file| {
            let begun = Instant::now();
            loop {
                match read(file) {
                    // Whoever writes may need this processor for it, or the program, for what it has got.
                    Err(Errno::AGAIN) if begun.elapsed() < pause => std::thread::yield_now(),
                    result => return result,
                }
            }
        }))?;
        if count >= FLOW_BYTES {
            self.flows_for = 2;
        }
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Standard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let how = self.how;
        let count = if self.how == How::Asking { bytes.len().min(CAREFUL_BYTES) } else { bytes.len() };
        let bytes = bytes.get(..count).unwrap_or_default();
        self.poll(context, |file| match how {
            How::Socket => rustix::net::send(file, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
            How::Always | How::Asking => rustix::io::write(file, bytes),
        })
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let how = self.how;
        if how == How::Asking {
            let first = parts.iter().find(|part| !part.is_empty());
            return self.poll_write(context, first.map_or(&[], |part| part));
        }
        self.poll(context, |file| match how {
            How::Socket => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                rustix::net::sendmsg(file, parts, &mut SendAncillaryBuffer::default(), flags)
            }
            How::Always | How::Asking => rustix::io::writev(file, parts),
        })
    }

    fn is_write_vectored(&self) -> bool {
        self.how != How::Asking
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Closes nothing: it is not this process's alone.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
