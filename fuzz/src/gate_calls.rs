//! Calls of programs for Gate's own ABI: any function, with pointers, lengths and descriptors that mean harm.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use gate_abi::host::Stop;
use gate_abi::import::{Function, ValType, WasiFunction};
use gate_abi::trap::Trap;
use gate_calls::Calls;

use crate::host::{Plan, ScriptedHost, Transferred};
use crate::memory::{self, MEMORY_BYTES, Region};

/// Makes the calls that `data` tells, with a host that interrupts some of them and once more with one that does not.
///
/// # Panics
/// When a call that was interrupted, or not possible here, left a trace; when a call wrote where it was not told to; or
/// when the code under test panics.
pub fn run(data: &[u8]) {
    make_calls(data, |_, _| ());
}

/// What a call answers.
type Answer = std::result::Result<Option<u32>, Stop>;

/// [`run`], which tells `done` of each call and what it answered.
fn make_calls(data: &[u8], mut done: impl FnMut(&Call, &Answer)) {
    let mut u = Unstructured::new(data);
    let Ok((resolution, time)) = u.arbitrary::<(u32, u16)>() else { return };
    let start = || Program::start(Duration::from_nanos(resolution.into()), time.into());
    let mut program = start();
    // As soon as a call goes on in spite of an interruption, what it did is another thing.
    let mut twin = Some(start());
    let functions: Vec<Function> = Function::all().collect();
    while let Ok(call) = Call::arbitrary(&mut u, &functions) {
        if u.is_empty() {
            break;
        }
        let (result, came) = program.call(&call, Disturbance::Interruption);
        if came == Disturbance::Interruption {
            twin = None;
        }
        if let Some(twin) = &mut twin {
            assert_eq!(result, twin.call(&call, came).0, "{call:?}: an interruption makes a difference");
        }
        done(&call, &result);
    }
    if let Some(twin) = twin {
        assert!(program.memory == twin.memory, "an interruption makes a difference in memory");
        assert_eq!(program.host.transferred, twin.host.transferred);
    }
}

/// One call and what goes before it.
#[derive(Debug)]
struct Call {
    function: Function,
    args: Vec<u64>,
    pokes: Vec<(u32, [u8; 8])>,
    plan: Plan,
}

impl Call {
    fn arbitrary(u: &mut Unstructured<'_>, functions: &[Function]) -> Result<Self> {
        // Half of all calls are those that do something.
        const BUSY: [Function; 6] = [
            Function::GateIo,
            Function::Wasi(WasiFunction::FdRead),
            Function::Wasi(WasiFunction::FdWrite),
            Function::Wasi(WasiFunction::PollOneoff),
            Function::Wasi(WasiFunction::ClockTimeGet),
            Function::Wasi(WasiFunction::RandomGet),
        ];
        let function = if u.arbitrary()? { *u.choose(&BUSY)? } else { *u.choose(functions)? };
        let plan = u.arbitrary()?;
        let pokes = memory::pokes(u)?;
        let params = function.signature().params;
        let args =
            params.iter().map(|param| memory::argument(u, *param == ValType::I64)).collect::<Result<_>>()?;
        Ok(Self { function, args, pokes, plan })
    }
}

/// What happens to a program in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disturbance {
    /// It is interrupted, if the plan says so. If the call has had an effect by then, it ends early.
    Interruption,
    /// It is stopped and continued before it makes the call: what it notices of that is nothing of the call's.
    Restart,
    /// Nothing.
    Nothing,
}

struct Program {
    calls: Calls,
    host: ScriptedHost,
    memory: Vec<u8>,
    resolution: Duration,
}

impl Program {
    fn start(resolution: Duration, time: u64) -> Self {
        let mut host = ScriptedHost::new();
        let calls = Calls::start(resolution, time, &mut host).expect("its clock works");
        Self { calls, host, memory: memory::fresh(), resolution }
    }

    /// Stops the program, and continues it where its clock is another.
    fn restart(&mut self) {
        let time = self.calls.monotonic_time(&mut self.host);
        let saved = self.calls.save();
        self.host.again();
        // Now and then the plan has it that clocks do not work.
        let Ok(time) = time else { return };
        self.calls = Calls::restore(&saved, self.resolution, time, &mut self.host).expect("it was saved");
        assert_eq!(self.calls.save(), saved);
    }

    /// Makes a call until it is not interrupted. Tells also what has come of the disturbance: an interruption before the
    /// call had an effect is a restart.
    fn call(&mut self, call: &Call, disturbance: Disturbance) -> (Answer, Disturbance) {
        memory::poke(&mut self.memory, &call.pokes);
        let before = self.memory.clone();
        let transferred = self.host.transferred.clone();
        self.host.begin(call.plan, disturbance == Disturbance::Interruption);
        if disturbance == Disturbance::Restart {
            self.restart();
        }
        let mut result = self.dispatch(call);
        let mut came = Disturbance::Nothing;
        if result == Err(Stop::Interrupted) {
            self.unchanged(call, &before, &transferred);
            self.restart();
            result = self.dispatch(call);
            assert_ne!(result, Err(Stop::Interrupted), "nobody interrupted");
            came = Disturbance::Restart;
        } else if self.host.interrupted {
            came = Disturbance::Interruption;
        }
        match &result {
            Ok(value) => assert_eq!(value.is_some(), call.function.signature().result.is_some()),
            Err(Stop::Trap(Trap::AbiDeficiency)) => self.unchanged(call, &before, &transferred),
            Err(Stop::Trap(Trap::MemoryAccessOutOfBounds) | Stop::Exit(_) | Stop::OutputLimit(_)) => {}
            Err(Stop::Host(_)) => assert!(self.host.failed, "{call:?}: {result:?}"),
            Err(stop) => panic!("{call:?}: {stop:?}"),
        }
        memory::written_inside(&before, &self.memory, &regions(call, &before), call);
        (result, came)
    }

    fn dispatch(&mut self, call: &Call) -> Answer {
        self.calls.dispatch(call.function, &call.args, &mut self.memory, &mut self.host)
    }

    #[track_caller]
    fn unchanged(&self, call: &Call, before: &[u8], transferred: &Transferred) {
        assert!(self.memory == before, "{call:?}: memory has changed");
        assert_eq!(&self.host.transferred, transferred, "{call:?}: something was transferred");
    }
}

/// Where a call may write.
fn regions(call: &Call, memory: &[u8]) -> Vec<Region> {
    let arg = |index: usize| call.args[index];
    let vectors = |list, count| {
        // What is received can change the list that is still to be looked at.
        let mut regions = memory::vectors(memory, arg(list), arg(count));
        if regions.iter().any(|region| region.overlaps(&Region::list(arg(list), arg(count), 8))) {
            regions = vec![Region::new(0, MEMORY_BYTES.into())];
        }
        regions
    };
    let mut regions = match call.function {
        Function::GateIo | Function::GateIoNoFlags => vectors(0, 1),
        Function::Wasi(WasiFunction::FdRead) => vectors(1, 2),
        _ => Vec::new(),
    };
    use WasiFunction as F;
    let more: &[(usize, u64)] = match call.function {
        Function::GateFd => &[],
        Function::GateIo => &[(2, 4), (5, 4), (7, 8)],
        Function::GateIoNoFlags => &[(2, 4), (5, 4)],
        Function::Wasi(function) => match function {
            F::ArgsSizesGet | F::EnvironSizesGet => &[(0, 4), (1, 4)],
            F::EnvironGet => &[(0, 12), (1, 72)],
            F::ClockResGet => &[(1, 8)],
            F::ClockTimeGet => &[(2, 8)],
            F::FdFdstatGet => &[(1, 24)],
            F::FdRead | F::FdWrite => &[(3, 4)],
            F::PollOneoff => {
                regions.push(Region::list(arg(1), arg(2), 32));
                &[(3, 4)]
            }
            F::RandomGet => {
                regions.push(Region::list(arg(0), arg(1), 1));
                &[]
            }
            _ => &[],
        },
    };
    regions.extend(more.iter().map(|(index, len)| Region::new(arg(*index), *len)));
    regions
}

#[test]
fn smoke() {
    crate::driver::smoke(run, 2_000);
}

/// The target is worth something only if calls get anywhere.
#[test]
fn what_can_succeed_does() {
    let mut inputs = crate::driver::Inputs::new(1, Vec::new());
    let mut succeeded = std::collections::BTreeSet::new();
    for _ in 0..10_000 {
        make_calls(&inputs.next_input(), |call, result| {
            if matches!(result, Ok(Some(0) | None)) {
                succeeded.insert(call.function.name());
            }
        });
    }
    let succeeded: Vec<_> = succeeded.into_iter().collect();
    let expect = [
        "args_get",
        "args_sizes_get",
        "clock_res_get",
        "clock_time_get",
        "environ_get",
        "environ_sizes_get",
        "fd_fdstat_get",
        "fd_fdstat_set_rights",
        "fd_read",
        "fd_renumber",
        "fd_write",
        "io",
        "poll_oneoff",
        "random_get",
        "sched_yield",
    ];
    assert_eq!(succeeded, expect);
}
