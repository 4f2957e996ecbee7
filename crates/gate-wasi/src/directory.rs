//! Listing directories, and the preopened ones.

use gate_abi::errno::Errno;
use gate_abi::host::Host;
use gate_abi::memory;
use gate_fs::Preopen;

use crate::call::{Call, Fail};
use crate::fds::Object;
use crate::flags::filetype;
use crate::guest;
use crate::rights;

/// The size of a `dirent`, which the name follows.
const DIRENT_LEN: usize = 24;

impl<H: Host + ?Sized> Call<'_, H> {
    /// Fills the buffer to its end: the last entry may be cut off, which tells the program that there is more.
    pub(crate) fn fd_readdir(
        &mut self,
        fd: u32,
        buf: u32,
        buf_len: u32,
        cookie: u64,
        bufused: u32,
    ) -> Result<(), Fail> {
        let inode = self.wasi.fds.directory(fd, rights::FD_READDIR)?;
        guest::check(self.memory, buf, buf_len as usize)?;
        guest::check(self.memory, bufused, 4)?;
        if self.wasi.fs.read_is_news(inode) {
            let now = self.now()?;
            self.wasi.fs.note_read(inode, now);
        }
        let target = memory::bytes_mut(self.memory, buf, buf_len)?;
        let mut used = 0;
        let mut cookie = cookie;
        while used < target.len() {
            let Some(entry) = self.wasi.fs.next_entry(inode, cookie)? else { break };
            cookie = entry.cookie;
            let name_len = u32::try_from(entry.name.len()).map_err(|_| Errno::Overflow)?;
            let mut dirent = [0; DIRENT_LEN];
            dirent[0..8].copy_from_slice(&cookie.to_le_bytes());
            dirent[8..16].copy_from_slice(&entry.inode.number().to_le_bytes());
            dirent[16..20].copy_from_slice(&name_len.to_le_bytes());
            dirent[20] = filetype(entry.kind);
            for part in [&dirent[..], entry.name.as_bytes()] {
                let room = &mut target[used..];
                let len = part.len().min(room.len());
                room[..len].copy_from_slice(&part[..len]);
                used += len;
            }
        }
        guest::put_len(self.memory, bufused, used)
    }

    pub(crate) fn fd_prestat_get(&mut self, fd: u32, buf: u32) -> Result<(), Fail> {
        let len = u32::try_from(self.preopen(fd)?.path.len()).map_err(|_| Errno::Overflow)?;
        // `prestat`: the tag of a directory is 0; the length is aligned.
        let mut bytes = [0; 8];
        bytes[4..8].copy_from_slice(&len.to_le_bytes());
        guest::put(self.memory, buf, &bytes)
    }

    pub(crate) fn fd_prestat_dir_name(&mut self, fd: u32, path: u32, path_len: u32) -> Result<(), Fail> {
        let name = std::sync::Arc::clone(&self.preopen(fd)?.path);
        if name.len() > path_len as usize {
            return Err(Errno::NameTooLong.into());
        }
        guest::put(self.memory, path, name.as_bytes())
    }

    fn preopen(&self, fd: u32) -> Result<&Preopen, Fail> {
        match self.wasi.fds.get(fd)?.object {
            Object::Directory { preopen: Some(index), .. } => {
                Ok(self.wasi.fs.preopens().get(index).ok_or(Errno::BadF)?)
            }
            // `badf` is what makes `wasi-libc` end its search for preopens.
            Object::Directory { preopen: None, .. } | Object::File { .. } | Object::Stream(_) => {
                Err(Errno::BadF.into())
            }
        }
    }
}
