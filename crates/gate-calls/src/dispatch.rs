//! From an imported function and its arguments to the code that answers.

use gate_abi::errno::Errno;
use gate_abi::host::{Host, HostFailure, Stop};
use gate_abi::import::{Function, WasiFunction};
use gate_abi::trap::Trap;

use crate::Calls;
use crate::descriptor;
use crate::io::IoArgs;
use crate::poll::PollArgs;
use crate::stream::Vectors;

/// The arguments of a call, checked to be as many as the function has parameters. Of an i32 only the lower half counts.
#[derive(Clone, Copy, Debug)]
struct Args<'a>(&'a [u64]);

impl Args<'_> {
    fn long(self, index: usize) -> u64 {
        *self.0.get(index).expect("the function has that parameter")
    }

    fn int(self, index: usize) -> u32 {
        let [b0, b1, b2, b3, ..] = self.long(index).to_le_bytes();
        u32::from_le_bytes([b0, b1, b2, b3])
    }

    fn vectors(self, index: usize) -> Vectors {
        Vectors::new(self.int(index), self.int(index + 1).cast_signed())
    }
}

impl Calls {
    /// Calls `function` with `args`, one for each of its parameters, and returns what the program is given; `None` if the
    /// function has no result.
    ///
    /// # Errors
    /// [`Stop`] when the call does not return to the program; [`Stop::Host`] also when the number of arguments is wrong.
    pub fn dispatch(
        &mut self,
        function: Function,
        args: &[u64],
        memory: &mut [u8],
        host: &mut dyn Host,
    ) -> Result<Option<u32>, Stop> {
        if args.len() != function.signature().params.len() {
            let operation =
                "call an imported function with another number of arguments than it has parameters";
            return Err(Stop::Host(HostFailure { operation, errno: None }));
        }
        // Only a call that waits looks at when it began. Whatever else is called: it is not that call any more.
        let begun = self.begun.take();
        let result = self.run(function, Args(args), memory, host, begun);
        if result != Err(Stop::Interrupted) {
            self.begun = None;
        }
        result
    }

    fn run(
        &mut self,
        function: Function,
        args: Args<'_>,
        memory: &mut [u8],
        host: &mut dyn Host,
        begun: Option<u64>,
    ) -> Result<Option<u32>, Stop> {
        match function {
            Function::GateFd => Ok(Some(self.fd())),
            Function::GateIo | Function::GateIoNoFlags => {
                let flags = if function == Function::GateIo { args.int(7) } else { 0 };
                let args = IoArgs {
                    receive: args.int(0),
                    receive_count: args.int(1).cast_signed(),
                    received: args.int(2),
                    send: args.int(3),
                    send_count: args.int(4).cast_signed(),
                    sent: args.int(5),
                    timeout: args.long(6).cast_signed(),
                    flags,
                };
                self.io(memory, host, args, begun)?;
                Ok(None)
            }
            Function::Wasi(function) => {
                let errno = self.wasi(function, args, memory, host, begun)?;
                Ok(Some(u32::from(errno.number())))
            }
        }
    }

    fn wasi(
        &mut self,
        function: WasiFunction,
        args: Args<'_>,
        memory: &mut [u8],
        host: &mut dyn Host,
        begun: Option<u64>,
    ) -> Result<Errno, Stop> {
        use WasiFunction as F;
        match function {
            F::ArgsGet | F::SchedYield => Ok(Errno::Success),
            F::ArgsSizesGet => self.args_sizes_get(memory, args.int(0), args.int(1)),
            F::EnvironGet => self.environ_get(memory, args.int(0), args.int(1)),
            F::EnvironSizesGet => self.environ_sizes_get(memory, args.int(0), args.int(1)),
            F::ClockResGet => self.clock_res_get(memory, args.int(0), args.int(1)),
            F::ClockTimeGet => self.clock_time_get(memory, host, args.int(0), args.long(1), args.int(2)),
            F::FdClose => descriptor::fd_close(args.int(0)),
            F::FdFdstatGet => descriptor::fd_fdstat_get(memory, args.int(0), args.int(1)),
            F::FdFdstatSetRights => descriptor::fd_fdstat_set_rights(args.int(0), args.long(1), args.long(2)),
            F::FdPrestatDirName => Ok(descriptor::fd_prestat_dir_name(args.int(0), args.int(1), args.int(2))),
            F::FdRead => self.fd_read(memory, host, args.int(0), args.vectors(1), args.int(3)),
            F::FdWrite => self.fd_write(memory, host, args.int(0), args.vectors(1), args.int(3)),
            F::FdRenumber => descriptor::fd_renumber(args.int(0), args.int(1)),
            F::PollOneoff => {
                let lists = PollArgs {
                    subscriptions: args.int(0),
                    events: args.int(1),
                    count: args.int(2),
                    stored: args.int(3),
                };
                self.poll_oneoff(memory, host, lists, begun)
            }
            F::ProcExit => Err(Stop::Exit(args.int(0))),
            F::ProcRaise => Err(Stop::Trap(Trap::AbiDeficiency)),
            F::RandomGet => self.random_get(memory, host, args.int(0), args.int(1)),
            F::SockRecv => Ok(descriptor::sock_recv(args.int(0))),
            F::SockSend => Ok(descriptor::sock_send(args.int(0))),
            F::PathLink => Ok(descriptor::refuse_both(args.int(0), args.int(4))),
            F::PathRename => Ok(descriptor::refuse_both(args.int(0), args.int(3))),
            F::PathSymlink => Ok(descriptor::refuse(args.int(2))),
            // `sock_accept` is never resolved for a program that gets here; refusing it is right all the same.
            F::SockAccept
            | F::FdAdvise
            | F::FdAllocate
            | F::FdDatasync
            | F::FdFdstatSetFlags
            | F::FdFilestatGet
            | F::FdFilestatSetSize
            | F::FdFilestatSetTimes
            | F::FdPread
            | F::FdPrestatGet
            | F::FdPwrite
            | F::FdReaddir
            | F::FdSeek
            | F::FdSync
            | F::FdTell
            | F::PathCreateDirectory
            | F::PathFilestatGet
            | F::PathFilestatSetTimes
            | F::PathOpen
            | F::PathReadlink
            | F::PathRemoveDirectory
            | F::PathUnlinkFile
            | F::SockShutdown => Ok(descriptor::refuse(args.int(0))),
        }
    }
}
