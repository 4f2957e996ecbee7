//! Descriptors themselves, and what is known about what they refer to.

use gate_abi::errno::Errno;
use gate_abi::host::{Host, StreamKind};
use gate_fs::Stat;

use crate::call::{Call, Fail};
use crate::fds::Object;
use crate::flags::{self, FILETYPE_CHARACTER_DEVICE, FILETYPE_UNKNOWN, filetype};
use crate::guest;
use crate::rights;

/// The size of a `filestat`.
const FILESTAT_LEN: usize = 64;

/// The size of an `fdstat`.
const FDSTAT_LEN: usize = 24;

impl<H: Host + ?Sized> Call<'_, H> {
    pub(crate) fn fd_close(&mut self, fd: u32) -> Result<(), Fail> {
        let descriptor = self.wasi.fds.remove(fd)?;
        self.release(&descriptor.object);
        Ok(())
    }

    pub(crate) fn fd_renumber(&mut self, fd: u32, to: u32) -> Result<(), Fail> {
        self.wasi.fds.get(to)?;
        self.wasi.fds.get(fd)?;
        if fd != to {
            let replaced = self.wasi.fds.remove(to)?;
            self.release(&replaced.object);
            let moved = self.wasi.fds.remove(fd)?;
            self.wasi.fds.insert(to, moved);
        }
        Ok(())
    }

    pub(crate) fn fd_fdstat_get(&mut self, fd: u32, stat: u32) -> Result<(), Fail> {
        let filetype = self.filetype_of(fd)?;
        let descriptor = self.wasi.fds.get(fd)?;
        let mut bytes = [0; FDSTAT_LEN];
        bytes[0] = filetype;
        bytes[2..4].copy_from_slice(&descriptor.flags.to_le_bytes());
        bytes[8..16].copy_from_slice(&descriptor.rights.to_le_bytes());
        bytes[16..24].copy_from_slice(&descriptor.inheriting.to_le_bytes());
        guest::put(self.memory, stat, &bytes)
    }

    pub(crate) fn fd_fdstat_set_flags(&mut self, fd: u32, flags: u32) -> Result<(), Fail> {
        let descriptor = self.wasi.fds.get_mut(fd)?;
        descriptor.require(rights::FD_FDSTAT_SET_FLAGS)?;
        descriptor.flags = flags::fdflags(flags)?;
        Ok(())
    }

    pub(crate) fn fd_fdstat_set_rights(&mut self, fd: u32, base: u64, inheriting: u64) -> Result<(), Fail> {
        let descriptor = self.wasi.fds.get_mut(fd)?;
        if base & !descriptor.rights != 0 || inheriting & !descriptor.inheriting != 0 {
            return Err(Errno::NotCapable.into());
        }
        (descriptor.rights, descriptor.inheriting) = (base, inheriting);
        Ok(())
    }

    pub(crate) fn fd_filestat_get(&mut self, fd: u32, buf: u32) -> Result<(), Fail> {
        let descriptor = self.wasi.fds.get(fd)?;
        descriptor.require(rights::FD_FILESTAT_GET)?;
        let bytes = match descriptor.object.inode() {
            Some(inode) => filestat(&self.wasi.fs.stat(inode)?),
            None => {
                let mut bytes = [0; FILESTAT_LEN];
                bytes[16] = self.filetype_of(fd)?;
                bytes[24..32].copy_from_slice(&1_u64.to_le_bytes());
                bytes
            }
        };
        guest::put(self.memory, buf, &bytes)
    }

    pub(crate) fn fd_filestat_set_size(&mut self, fd: u32, size: u64) -> Result<(), Fail> {
        let descriptor = self.wasi.fds.get(fd)?;
        let inode = match descriptor.object {
            Object::Stream(_) => return Err(Errno::Inval.into()),
            Object::Directory { .. } => return Err(Errno::IsDir.into()),
            Object::File { inode, .. } => inode,
        };
        descriptor.require(rights::FD_FILESTAT_SET_SIZE)?;
        if i64::try_from(size).is_err() {
            return Err(Errno::Inval.into());
        }
        let now = self.now()?;
        Ok(self.wasi.fs.set_len(inode, size, now)?)
    }

    pub(crate) fn fd_filestat_set_times(
        &mut self,
        fd: u32,
        atim: u64,
        mtim: u64,
        fst_flags: u32,
    ) -> Result<(), Fail> {
        let descriptor = self.wasi.fds.get(fd)?;
        descriptor.require(rights::FD_FILESTAT_SET_TIMES)?;
        let (atim, mtim) = flags::fstflags(fst_flags, atim, mtim)?;
        let inode = descriptor.object.inode().ok_or(Errno::Inval)?;
        let now = self.now()?;
        Ok(self.wasi.fs.set_times(inode, atim, mtim, now)?)
    }

    /// The `filetype` of `fd`.
    fn filetype_of(&mut self, fd: u32) -> Result<u8, Fail> {
        Ok(match self.wasi.fds.get(fd)?.object {
            Object::Stream(stream) => match self.host.stream_kind(stream) {
                StreamKind::Terminal => FILETYPE_CHARACTER_DEVICE,
                StreamKind::Other => FILETYPE_UNKNOWN,
            },
            Object::File { inode, .. } | Object::Directory { inode, .. } => {
                filetype(self.wasi.fs.stat(inode)?.kind)
            }
        })
    }

    /// Lets go of what a descriptor referred to.
    fn release(&mut self, object: &Object) {
        if let Some(inode) = object.inode() {
            self.wasi.fs.release(inode);
        }
    }
}

/// A `filestat`. The device is 1, so that it differs from that of streams.
pub(crate) fn filestat(stat: &Stat) -> [u8; FILESTAT_LEN] {
    let mut bytes = [0; FILESTAT_LEN];
    bytes[0..8].copy_from_slice(&1_u64.to_le_bytes());
    bytes[8..16].copy_from_slice(&stat.inode.number().to_le_bytes());
    bytes[16] = filetype(stat.kind);
    bytes[24..32].copy_from_slice(&stat.nlink.to_le_bytes());
    bytes[32..40].copy_from_slice(&stat.size.to_le_bytes());
    bytes[40..48].copy_from_slice(&stat.times.atim.to_le_bytes());
    bytes[48..56].copy_from_slice(&stat.times.mtim.to_le_bytes());
    bytes[56..64].copy_from_slice(&stat.times.ctim.to_le_bytes());
    bytes
}
