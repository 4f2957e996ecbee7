//! Arbitrary calls with arbitrary memory.

use std::time::Duration;

use gate_abi::errno::Errno;
use gate_abi::host::Stop;
use gate_abi::import::Function;
use gate_abi::trap::Trap;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Program, host::FakeHost};
use crate::Calls;

/// Numbers that mean something: descriptors, clocks, pointers in and at the end of 512 bytes, extremes.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..8, 0u64..520, Just(u64::from(u32::MAX)), Just(u64::MAX), Just(1 << 31), any::<u64>()]
}

fn memory() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![8 => Just(0u8), 4 => 0u8..5, 1 => any::<u8>()];
    prop_oneof![Just(Vec::new()), vec(byte, 512)]
}

fn function() -> impl Strategy<Value = Function> {
    prop::sample::select(Function::all().collect::<Vec<_>>())
}

fn call() -> impl Strategy<Value = (Function, Vec<u64>)> {
    (function(), vec(word(), 9)).prop_map(|(function, mut args)| {
        args.truncate(function.signature().params.len());
        (function, args)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn calls_answer_what_they_may(calls in vec(call(), 1..10), memory in memory(), resolution: u32, saved: u64) {
        let mut host = FakeHost::new();
        let state = Calls::start(Duration::from_nanos(u64::from(resolution)), saved, &mut host).unwrap();
        host.room = 100;
        host.input.push_back(vec![7; 50]);
        let mut program = Program { calls: state, host, memory };
        for (function, args) in calls {
            let result = program.calls.dispatch(function, &args, &mut program.memory, &mut program.host);
            match result {
                Ok(value) => {
                    prop_assert_eq!(value.is_some(), function.signature().result.is_some());
                    let errnos = [
                        Errno::Success, Errno::Again, Errno::BadF, Errno::Fault, Errno::Inval, Errno::NotSock,
                        Errno::Perm, Errno::NotCapable,
                    ];
                    let known = |value| errnos.iter().any(|errno| u32::from(errno.number()) == value);
                    prop_assert!(value.is_none_or(|value| known(value) || function == Function::GateFd));
                }
                Err(Stop::Exit(_) | Stop::Trap(Trap::AbiDeficiency | Trap::MemoryAccessOutOfBounds)) => {}
                Err(stop) => prop_assert!(false, "{function:?}{args:?}: {stop:?}"),
            }
        }
    }

    #[test]
    fn a_suspended_call_has_had_no_effect((function, args) in call(), memory in memory()) {
        let mut program = Program::new();
        program.memory.clone_from(&memory);
        let result = program.calls.dispatch(function, &args, &mut program.memory, &mut program.host);
        if result == Err(Stop::Trap(Trap::AbiDeficiency)) {
            prop_assert_eq!(program.memory, memory);
            prop_assert_eq!((program.host.output.len(), program.host.log.len()), (0, 0));
        }
    }

    #[test]
    fn an_interrupted_call_has_had_no_effect((function, args) in call(), memory in memory()) {
        let mut program = Program::new();
        program.memory.clone_from(&memory);
        program.host.wait_stops = Some(Stop::Interrupted);
        program.host.write_interrupts = true;
        program.host.input.push_back(Vec::new());
        let result = program.calls.dispatch(function, &args, &mut program.memory, &mut program.host);
        if result == Err(Stop::Interrupted) {
            prop_assert_eq!(program.memory, memory);
            prop_assert_eq!((program.host.output.len(), program.host.log.len()), (0, 0));
            prop_assert!(program.calls.started);
        }
    }
}
