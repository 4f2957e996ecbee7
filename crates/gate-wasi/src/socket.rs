//! Sockets. No descriptor is one.

use gate_abi::errno::Errno;
use gate_abi::host::Host;

use crate::call::{Call, Fail};

impl<H: Host + ?Sized> Call<'_, H> {
    pub(crate) fn sock_accept(&mut self, fd: u32, _flags: u32, _ro_fd: u32) -> Result<(), Fail> {
        self.not_a_socket(fd)
    }

    pub(crate) fn sock_recv(
        &mut self,
        fd: u32,
        _ri_data: u32,
        _ri_data_len: u32,
        _ri_flags: u32,
        _ro_datalen: u32,
        _ro_flags: u32,
    ) -> Result<(), Fail> {
        self.not_a_socket(fd)
    }

    pub(crate) fn sock_send(
        &mut self,
        fd: u32,
        _si_data: u32,
        _si_data_len: u32,
        _si_flags: u32,
        _so_datalen: u32,
    ) -> Result<(), Fail> {
        self.not_a_socket(fd)
    }

    pub(crate) fn sock_shutdown(&mut self, fd: u32, _how: u32) -> Result<(), Fail> {
        self.not_a_socket(fd)
    }

    fn not_a_socket(&self, fd: u32) -> Result<(), Fail> {
        self.wasi.fds.get(fd)?;
        Err(Errno::NotSock.into())
    }
}
