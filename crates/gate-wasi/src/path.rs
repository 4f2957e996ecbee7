//! Everything that is done by path.

use gate_abi::errno::Errno;
use gate_abi::host::Host;
use gate_abi::memory;
use gate_fs::{NodeType, Open};

use crate::call::{Call, Fail};
use crate::fds::{Descriptor, Object};
use crate::flags::{self, OFLAGS_CREAT, OFLAGS_DIRECTORY, OFLAGS_EXCL, OFLAGS_TRUNC};
use crate::guest;
use crate::metadata::filestat;
use crate::rights;

impl<H: Host + ?Sized> Call<'_, H> {
    #[expect(clippy::too_many_arguments, reason = "these are the parameters of the function in WASI")]
    pub(crate) fn path_open(
        &mut self,
        fd: u32,
        dirflags: u32,
        path: u32,
        path_len: u32,
        oflags: u32,
        rights_base: u64,
        rights_inheriting: u64,
        fdflags: u32,
        opened_fd: u32,
    ) -> Result<(), Fail> {
        let follow = flags::lookup_follow(dirflags)?;
        let oflags = flags::oflags(oflags)?;
        let flags = flags::fdflags(fdflags)?;
        let has = |flag| oflags & flag != 0;
        let mut needed = rights::PATH_OPEN;
        if has(OFLAGS_CREAT) {
            needed |= rights::PATH_CREATE_FILE;
        }
        if has(OFLAGS_TRUNC) {
            needed |= rights::PATH_FILESTAT_SET_SIZE;
        }
        let base = self.wasi.fds.directory(fd, needed)?;
        let inherited = self.wasi.fds.get(fd)?.inheriting;
        let (mut wanted, inheriting) = (rights_base & rights::ALL, rights_inheriting & rights::ALL);
        if (wanted | inheriting) & !inherited & rights::INHERITING != 0 {
            return Err(Errno::NotCapable.into());
        }
        if has(OFLAGS_DIRECTORY) {
            if has(OFLAGS_CREAT) || has(OFLAGS_TRUNC) {
                return Err(Errno::Inval.into());
            }
            // The right to write does not apply to directories, so we may leave it out. Without the flag it tells what
            // the program means to do, and opening a directory fails as in POSIX.
            wanted &= !rights::FD_WRITE;
        }
        guest::check(self.memory, opened_fd, 4)?;
        let opened = self.wasi.fds.vacant()?;
        let now = self.now()?;
        let how = Open {
            follow,
            create: has(OFLAGS_CREAT),
            exclusive: has(OFLAGS_EXCL),
            truncate: has(OFLAGS_TRUNC),
            directory: has(OFLAGS_DIRECTORY),
            write: wanted & rights::FD_WRITE != 0,
        };
        let inode = self.wasi.fs.open(base, guest::path(self.memory, path, path_len)?, how, now)?;
        let descriptor = match self.wasi.fs.stat(inode)?.kind {
            NodeType::Directory => Descriptor {
                object: Object::Directory { inode, preopen: None },
                flags,
                rights: wanted & rights::DIRECTORY,
                inheriting: inheriting & rights::INHERITING,
            },
            NodeType::File | NodeType::Symlink => Descriptor {
                object: Object::File { inode, offset: 0 },
                flags,
                rights: wanted & rights::FILE,
                inheriting: 0,
            },
        };
        self.wasi.fds.insert(opened, descriptor);
        guest::put(self.memory, opened_fd, &opened.to_le_bytes())
    }

    pub(crate) fn path_create_directory(&mut self, fd: u32, path: u32, path_len: u32) -> Result<(), Fail> {
        let base = self.wasi.fds.directory(fd, rights::PATH_CREATE_DIRECTORY)?;
        let now = self.now()?;
        self.wasi.fs.create_dir(base, guest::path(self.memory, path, path_len)?, now)?;
        Ok(())
    }

    pub(crate) fn path_filestat_get(
        &mut self,
        fd: u32,
        flags: u32,
        path: u32,
        path_len: u32,
        buf: u32,
    ) -> Result<(), Fail> {
        let follow = flags::lookup_follow(flags)?;
        let base = self.wasi.fds.directory(fd, rights::PATH_FILESTAT_GET)?;
        let stat = self.wasi.fs.lookup(base, guest::path(self.memory, path, path_len)?, follow)?;
        guest::put(self.memory, buf, &filestat(&stat))
    }

    #[expect(clippy::too_many_arguments, reason = "these are the parameters of the function in WASI")]
    pub(crate) fn path_filestat_set_times(
        &mut self,
        fd: u32,
        flags: u32,
        path: u32,
        path_len: u32,
        atim: u64,
        mtim: u64,
        fst_flags: u32,
    ) -> Result<(), Fail> {
        let follow = flags::lookup_follow(flags)?;
        let base = self.wasi.fds.directory(fd, rights::PATH_FILESTAT_SET_TIMES)?;
        let (atim, mtim) = flags::fstflags(fst_flags, atim, mtim)?;
        let now = self.now()?;
        let stat = self.wasi.fs.lookup(base, guest::path(self.memory, path, path_len)?, follow)?;
        Ok(self.wasi.fs.set_times(stat.inode, atim, mtim, now)?)
    }

    #[expect(clippy::too_many_arguments, reason = "these are the parameters of the function in WASI")]
    pub(crate) fn path_link(
        &mut self,
        old_fd: u32,
        old_flags: u32,
        old_path: u32,
        old_path_len: u32,
        new_fd: u32,
        new_path: u32,
        new_path_len: u32,
    ) -> Result<(), Fail> {
        let follow = flags::lookup_follow(old_flags)?;
        let old_base = self.wasi.fds.directory(old_fd, rights::PATH_LINK_SOURCE)?;
        let new_base = self.wasi.fds.directory(new_fd, rights::PATH_LINK_TARGET)?;
        let now = self.now()?;
        let old = guest::path(self.memory, old_path, old_path_len)?;
        let new = guest::path(self.memory, new_path, new_path_len)?;
        Ok(self.wasi.fs.link((old_base, old), follow, (new_base, new), now)?)
    }

    pub(crate) fn path_readlink(
        &mut self,
        fd: u32,
        path: u32,
        path_len: u32,
        buf: u32,
        buf_len: u32,
        bufused: u32,
    ) -> Result<(), Fail> {
        let base = self.wasi.fds.directory(fd, rights::PATH_READLINK)?;
        guest::check(self.memory, buf, buf_len as usize)?;
        guest::check(self.memory, bufused, 4)?;
        let target = self.wasi.fs.read_link(base, guest::path(self.memory, path, path_len)?)?;
        let cut = target.len().min(buf_len as usize);
        memory::bytes_mut(self.memory, buf, buf_len)?[..cut].copy_from_slice(&target.as_bytes()[..cut]);
        guest::put_len(self.memory, bufused, cut)
    }

    pub(crate) fn path_remove_directory(&mut self, fd: u32, path: u32, path_len: u32) -> Result<(), Fail> {
        let base = self.wasi.fds.directory(fd, rights::PATH_REMOVE_DIRECTORY)?;
        let now = self.now()?;
        Ok(self.wasi.fs.remove_dir(base, guest::path(self.memory, path, path_len)?, now)?)
    }

    pub(crate) fn path_rename(
        &mut self,
        fd: u32,
        old_path: u32,
        old_path_len: u32,
        new_fd: u32,
        new_path: u32,
        new_path_len: u32,
    ) -> Result<(), Fail> {
        let old_base = self.wasi.fds.directory(fd, rights::PATH_RENAME_SOURCE)?;
        let new_base = self.wasi.fds.directory(new_fd, rights::PATH_RENAME_TARGET)?;
        let now = self.now()?;
        let old = guest::path(self.memory, old_path, old_path_len)?;
        let new = guest::path(self.memory, new_path, new_path_len)?;
        Ok(self.wasi.fs.rename((old_base, old), (new_base, new), now)?)
    }

    pub(crate) fn path_symlink(
        &mut self,
        old_path: u32,
        old_path_len: u32,
        fd: u32,
        new_path: u32,
        new_path_len: u32,
    ) -> Result<(), Fail> {
        let base = self.wasi.fds.directory(fd, rights::PATH_SYMLINK)?;
        let now = self.now()?;
        let target = guest::path(self.memory, old_path, old_path_len)?;
        let path = guest::path(self.memory, new_path, new_path_len)?;
        self.wasi.fs.symlink(target, base, path, now)?;
        Ok(())
    }

    pub(crate) fn path_unlink_file(&mut self, fd: u32, path: u32, path_len: u32) -> Result<(), Fail> {
        let base = self.wasi.fds.directory(fd, rights::PATH_UNLINK_FILE)?;
        let now = self.now()?;
        Ok(self.wasi.fs.unlink(base, guest::path(self.memory, path, path_len)?, now)?)
    }
}
