//! The signals that end a run, as a descriptor to wait for.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Signals that came.
#[derive(Debug)]
pub(crate) struct Signals {
    readers: [(i32, UnixStream); 3],
    any: UnixStream,
}

impl Signals {
    /// Catches SIGINT, SIGTERM and SIGHUP from now on.
    pub(crate) fn catch() -> io::Result<Self> {
        let (any, any_writer) = UnixStream::pair()?;
        let catch = |number| -> io::Result<(i32, UnixStream)> {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            signal_hook::low_level::pipe::register(number, writer)?;
            signal_hook::low_level::pipe::register(number, any_writer.try_clone()?)?;
            Ok((number, reader))
        };
        Ok(Self { readers: [catch(SIGINT)?, catch(SIGTERM)?, catch(SIGHUP)?], any })
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
