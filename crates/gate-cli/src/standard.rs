//! Standard input and output, to be read and written without waiting.
//!
//! They belong to others too, so their flags are not touched. Pipes and terminals are opened a second time instead, where that is possible;
//! otherwise whoever reads or writes asks before whether that would wait. Files never make anybody wait.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// How much is written to a pipe that this process could not open a second time: what fits in when there is room at all
/// (`PIPE_BUF`).
const CAREFUL_BYTES: usize = 4096;

/// Something to read or to write.
#[derive(Debug)]
pub(crate) struct Standard {
    file: File,
    flags: PollFlags,
    how: How,
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
    /// Can be waited for.
    Watched(AsyncFd<OwnedFd>),
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
        #[expect(
            deprecated,
            reason = "what it is deprecated for cannot be: the descriptor is owned, and stays the same"
        )]
        let watched = AsyncFd::try_with_interest(file, interest);
        match watched {
            Ok(file) => Ok(Self { file: File::Watched(file), flags, how }),
            Err(error) => match error.into_parts() {
                (file, error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => {
                    Ok(Self { file: File::Ready(file), flags, how: How::Always })
                }
                (_, error) => Err(error),
            },
        }
    }

    /// Does something as soon as it does not have to wait.
    fn poll(
        &self,
        context: &mut Context<'_>,
        mut act: impl FnMut(&OwnedFd) -> Result<usize, Errno>,
    ) -> Poll<io::Result<usize>> {
        let file = match &self.file {
            File::Ready(file) => return Poll::Ready(again(|| act(file)).map_err(Into::into)),
            File::Watched(file) => file,
        };
        loop {
            let mut guard = if self.flags == PollFlags::IN {
                ready!(file.poll_read_ready(context))?
            } else {
                ready!(file.poll_write_ready(context))?
            };
            match again(
                || if self.may_act(file.get_ref())? { act(file.get_ref()) } else { Err(Errno::AGAIN) },
            ) {
                Err(Errno::AGAIN) => guard.clear_ready(),
                result => return Poll::Ready(result.map_err(Into::into)),
            }
        }
    }

    fn may_act(&self, file: &OwnedFd) -> Result<bool, Errno> {
        if self.how != How::Asking {
            return Ok(true);
        }
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::event::poll(&mut [PollFd::new(file, self.flags)], Some(&now)).map(|count| count > 0)
    }
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
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let how = self.how;
        let unfilled = buffer.initialize_unfilled();
        let count = ready!(self.poll(context, |file| match how {
            How::Socket =>
                rustix::net::recv(file, &mut *unfilled, RecvFlags::DONTWAIT).map(|(count, _)| count),
            How::Always | How::Asking => rustix::io::read(file, &mut *unfilled),
        }))?;
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Standard {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = if self.how == How::Asking { bytes.len().min(CAREFUL_BYTES) } else { bytes.len() };
        let bytes = bytes.get(..count).unwrap_or_default();
        self.poll(context, |file| match self.how {
            How::Socket => rustix::net::send(file, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
            How::Always | How::Asking => rustix::io::write(file, bytes),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Closes nothing: it is not this process's alone.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
