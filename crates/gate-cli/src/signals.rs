//! The signals that end or suspend a run, as descriptors to wait for.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

/// Signals that came.
#[derive(Debug)]
pub(crate) struct Signals {
    readers: [(i32, UnixStream); 3],
    any: UnixStream,
    quit: UnixStream,
    /// Both ends of what asks the program to stop.
    suspend: (UnixStream, UnixStream),
}

impl Signals {
    /// Catches SIGINT, SIGTERM, SIGHUP and SIGQUIT from now on.
    pub(crate) fn catch() -> io::Result<Self> {
        let (any, any_writer) = UnixStream::pair()?;
        let catch = |number| -> io::Result<(i32, UnixStream)> {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            signal_hook::low_level::pipe::register(number, writer)?;
            signal_hook::low_level::pipe::register(number, any_writer.try_clone()?)?;
            Ok((number, reader))
        };
        let readers = [catch(SIGINT)?, catch(SIGTERM)?, catch(SIGHUP)?];
        let suspend = UnixStream::pair()?;
        suspend.0.set_nonblocking(true)?;
        let (quit, quit_writer) = UnixStream::pair()?;
        quit.set_nonblocking(true)?;
        // In this order: whoever is woken by the second finds the first.
        signal_hook::low_level::pipe::register(SIGQUIT, quit_writer)?;
        signal_hook::low_level::pipe::register(SIGQUIT, suspend.1.try_clone()?)?;
        Ok(Self { readers, any, quit, suspend })
    }

    /// Readable when the program shall stop: after SIGQUIT, or when something was written to [`Signals::waker`].
    pub(crate) fn suspend(&self) -> BorrowedFd<'_> {
        self.suspend.0.as_fd()
    }

    /// Where to write to have the program stop.
    pub(crate) fn waker(&self) -> io::Result<UnixStream> {
        self.suspend.1.try_clone()
    }

    /// The program has stopped: makes [`Signals::suspend`] unreadable again, and tells whether SIGQUIT has come.
    pub(crate) fn stopped(&self) -> bool {
        let mut wakers = &self.suspend.0;
        while matches!(wakers.read(&mut [0; 16]), Ok(1..)) {}
        let mut quit = &self.quit;
        matches!(quit.read(&mut [0; 16]), Ok(1..))
    }

    /// Readable, and stays so, when one has come.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.any.as_fd()
    }

    /// The number of one that came.
    pub(crate) fn caught(&self) -> Option<i32> {
        let came = |reader: &UnixStream| {
            let mut reader = reader;
            matches!(reader.read(&mut [0]), Ok(1))
        };
        self.readers.iter().find(|(_, reader)| came(reader)).map(|(number, _)| *number)
    }
}
