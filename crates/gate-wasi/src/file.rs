//! Reading, writing and seeking: `fd_read` and what belongs to it.

use gate_abi::errno::Errno;
use gate_abi::host::Host;
use gate_abi::memory;
use gate_fs::InodeId;

use crate::call::{Call, Fail};
use crate::fds::Object;
use crate::flags::{self, FDFLAGS_APPEND};
use crate::guest::{self, Buffer};
use crate::rights::{self, Rights};

/// `whence`.
const WHENCE_SET: u32 = 0;
const WHENCE_CUR: u32 = 1;
const WHENCE_END: u32 = 2;

/// The largest offset: they are signed numbers for programs.
pub(crate) const MAX_OFFSET: u64 = i64::MAX.unsigned_abs();

impl<H: Host + ?Sized> Call<'_, H> {
    pub(crate) fn fd_read(&mut self, fd: u32, iovs: u32, iovs_len: u32, nread: u32) -> Result<(), Fail> {
        let descriptor = self.wasi.fds.get(fd)?;
        let (object, flags) = (descriptor.object, descriptor.flags);
        if matches!(object, Object::Directory { .. }) {
            return Err(Errno::IsDir.into());
        }
        descriptor.require(rights::FD_READ)?;
        let buffers = guest::buffers(self.memory, iovs, iovs_len)?;
        guest::check(self.memory, nread, 4)?;
        let done = match object {
            Object::Stream(stream) => self.read_stream(stream, flags, &buffers)?,
            Object::File { inode, offset } => {
                let done = self.read_file(inode, offset, &buffers)?;
                self.set_offset(fd, offset.saturating_add(done as u64))?;
                done
            }
            Object::Directory { .. } => return Err(Errno::IsDir.into()),
        };
        guest::put_len(self.memory, nread, done)
    }

    pub(crate) fn fd_write(&mut self, fd: u32, iovs: u32, iovs_len: u32, nwritten: u32) -> Result<(), Fail> {
        let descriptor = self.wasi.fds.get(fd)?;
        let (object, flags) = (descriptor.object, descriptor.flags);
        if matches!(object, Object::Directory { .. }) {
            return Err(Errno::IsDir.into());
        }
        descriptor.require(rights::FD_WRITE)?;
        let buffers = guest::buffers(self.memory, iovs, iovs_len)?;
        guest::check(self.memory, nwritten, 4)?;
        let done = match object {
            Object::Stream(stream) => self.write_stream(stream, flags, &buffers)?,
            Object::File { inode, offset } => {
                let append = flags & FDFLAGS_APPEND != 0;
                let offset = if append { self.wasi.fs.stat(inode)?.size } else { offset };
                let done = self.write_file(inode, offset, &buffers)?;
                self.set_offset(fd, offset.saturating_add(done as u64))?;
                done
            }
            Object::Directory { .. } => return Err(Errno::IsDir.into()),
        };
        guest::put_len(self.memory, nwritten, done)
    }

    pub(crate) fn fd_pread(
        &mut self,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        offset: u64,
        nread: u32,
    ) -> Result<(), Fail> {
        let (inode, _) = self.file(fd, rights::FD_READ | rights::FD_SEEK, Errno::IsDir)?;
        let buffers = guest::buffers(self.memory, iovs, iovs_len)?;
        guest::check(self.memory, nread, 4)?;
        if offset > MAX_OFFSET {
            return Err(Errno::Inval.into());
        }
        let done = self.read_file(inode, offset, &buffers)?;
        guest::put_len(self.memory, nread, done)
    }

    pub(crate) fn fd_pwrite(
        &mut self,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        offset: u64,
        nwritten: u32,
    ) -> Result<(), Fail> {
        let (inode, _) = self.file(fd, rights::FD_WRITE | rights::FD_SEEK, Errno::IsDir)?;
        let buffers = guest::buffers(self.memory, iovs, iovs_len)?;
        guest::check(self.memory, nwritten, 4)?;
        if offset > MAX_OFFSET {
            return Err(Errno::Inval.into());
        }
        let done = self.write_file(inode, offset, &buffers)?;
        guest::put_len(self.memory, nwritten, done)
    }

    pub(crate) fn fd_seek(&mut self, fd: u32, delta: i64, whence: u32, newoffset: u32) -> Result<(), Fail> {
        // Asking for the present offset takes the right to know it only.
        let tell = whence == WHENCE_CUR && delta == 0;
        let (inode, offset) = self.seekable(fd, tell)?;
        guest::check(self.memory, newoffset, 8)?;
        let from = match whence {
            WHENCE_SET => 0,
            WHENCE_CUR => offset,
            WHENCE_END => self.wasi.fs.stat(inode)?.size,
            _ => return Err(Errno::Inval.into()),
        };
        let to = if delta < 0 {
            from.checked_sub(delta.unsigned_abs()).ok_or(Errno::Inval)?
        } else {
            from.checked_add(delta.unsigned_abs()).ok_or(Errno::Overflow)?
        };
        if to > MAX_OFFSET {
            return Err(Errno::Overflow.into());
        }
        self.set_offset(fd, to)?;
        guest::put(self.memory, newoffset, &to.to_le_bytes())
    }

    pub(crate) fn fd_tell(&mut self, fd: u32, offset: u32) -> Result<(), Fail> {
        let (_, at) = self.seekable(fd, true)?;
        guest::put(self.memory, offset, &at.to_le_bytes())
    }

    pub(crate) fn fd_advise(&mut self, fd: u32, offset: u64, len: u64, advice: u32) -> Result<(), Fail> {
        self.file(fd, rights::FD_ADVISE, Errno::BadF)?;
        flags::advice(advice)?;
        // Everything is in memory already: there is nothing that advice could change.
        if offset > MAX_OFFSET || len > MAX_OFFSET { Err(Errno::Inval.into()) } else { Ok(()) }
    }

    pub(crate) fn fd_allocate(&mut self, fd: u32, offset: u64, len: u64) -> Result<(), Fail> {
        let (inode, _) = self.file(fd, rights::FD_ALLOCATE, Errno::BadF)?;
        if len == 0 || offset > MAX_OFFSET || len > MAX_OFFSET {
            return Err(Errno::Inval.into());
        }
        let now = self.now()?;
        Ok(self.wasi.fs.allocate(inode, offset, len, now)?)
    }

    pub(crate) fn fd_datasync(&mut self, fd: u32) -> Result<(), Fail> {
        self.sync(fd, rights::FD_DATASYNC)
    }

    pub(crate) fn fd_sync(&mut self, fd: u32) -> Result<(), Fail> {
        self.sync(fd, rights::FD_SYNC)
    }

    /// There is no storage that could lag behind. Streams cannot be synchronized, as POSIX has it for pipes.
    fn sync(&self, fd: u32, rights: Rights) -> Result<(), Fail> {
        let descriptor = self.wasi.fds.get(fd)?;
        if descriptor.object.inode().is_none() {
            return Err(Errno::Inval.into());
        }
        Ok(descriptor.require(rights)?)
    }

    /// The inode and offset of the regular file `fd`, which must have `rights`. A directory is `directory`.
    fn file(&self, fd: u32, rights: Rights, directory: Errno) -> Result<(InodeId, u64), Fail> {
        let descriptor = self.wasi.fds.get(fd)?;
        match descriptor.object {
            Object::Stream(_) => Err(Errno::SPipe.into()),
            Object::Directory { .. } => Err(directory.into()),
            Object::File { inode, offset } => {
                descriptor.require(rights)?;
                Ok((inode, offset))
            }
        }
    }

    /// As [`Call::file`], with the right to seek, which implies the one to tell.
    fn seekable(&self, fd: u32, tell: bool) -> Result<(InodeId, u64), Fail> {
        match self.file(fd, rights::FD_SEEK, Errno::BadF) {
            Err(Fail::Errno(Errno::NotCapable)) if tell => self.file(fd, rights::FD_TELL, Errno::BadF),
            result => result,
        }
    }

    fn set_offset(&mut self, fd: u32, to: u64) -> Result<(), Fail> {
        if let Object::File { offset, .. } = &mut self.wasi.fds.get_mut(fd)?.object {
            *offset = to;
        }
        Ok(())
    }

    fn read_file(&mut self, inode: InodeId, offset: u64, buffers: &[Buffer]) -> Result<usize, Fail> {
        if self.wasi.fs.read_is_news(inode) {
            let now = self.now()?;
            self.wasi.fs.note_read(inode, now);
        }
        let mut done = 0;
        for buffer in buffers {
            let target = memory::bytes_mut(self.memory, buffer.ptr, buffer.len)?;
            let read = self.wasi.fs.read(inode, offset.saturating_add(done as u64), target)?;
            done += read;
            if read < buffer.len as usize {
                break;
            }
        }
        Ok(done)
    }

    fn write_file(&mut self, inode: InodeId, offset: u64, buffers: &[Buffer]) -> Result<usize, Fail> {
        let now = self.now()?;
        let mut done = 0;
        for buffer in buffers {
            let source = memory::bytes(self.memory, buffer.ptr, buffer.len)?;
            match self.wasi.fs.write(inode, offset.saturating_add(done as u64), source, now) {
                Ok(written) => {
                    done += written;
                    if written < buffer.len as usize {
                        break;
                    }
                }
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(done)
    }
}
