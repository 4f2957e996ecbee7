//! Calls at random: whatever arguments and memory are, nothing panics, and the file system stays sound.

use gate_abi::errno::Errno::{self, BadF, Fault, Success};
use gate_abi::host::Stop;
use proptest::prelude::*;

use super::fixture::{BAD, BUF, IOVS, OUT, PATH, Program};
use crate::rights::{ALL, FILE};
use crate::{FUNCTIONS, Function};

/// Paths that are put into memory, [`PATH_STRIDE`] bytes from each other.
const PATHS: &[&str] = &[
    "a",
    "b",
    "dir/a",
    "dir/b",
    "dir",
    "dir/inner",
    "file",
    "link",
    "dir/..",
    ".",
    "a/",
    "../x",
    "/x",
    "none/x",
];

const PATH_STRIDE: u32 = 32;

/// Arguments: small numbers (descriptors, flags, lengths), pointers, anything.
fn arg() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..8_u64,
        4 => 0..u64::from(BAD) + 8,
        1 => any::<u64>(),
        1 => prop::sample::select(vec![u64::MAX, 1 << 63, 0x7fff_ffff, 0xffff_ffff, 4096, 1024]),
    ]
}

/// Memory that often holds something useful: paths, buffers, subscriptions.
fn memory() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just(*b"file\0\0\0\0"),
        Just(*b"dir/new\0"),
        Just(*b"../link\0"),
        Just([0; 8]),
        (0..BAD, 0..200_u32).prop_map(|(ptr, len)| {
            let ([a, b, c, d], [e, f, g, h]) = (ptr.to_le_bytes(), len.to_le_bytes());
            [a, b, c, d, e, f, g, h]
        }),
        any::<[u8; 8]>(),
    ];
    prop::collection::vec(word, 64).prop_map(|words| words.concat())
}

/// Arguments that mean something, chosen by the names of parameters and `choices`.
fn meaningful(function: &Function, choices: &[u8]) -> Vec<u64> {
    let mut text = 0;
    let arg = |(param, choice): (&crate::Param, &u8)| {
        let small = u64::from(*choice);
        match param.name {
            "fd" | "old_fd" | "new_fd" | "to" => [3, 3, 3, 3, 4, 4, 5, 6, 7, 1][usize::from(*choice) % 10],
            "path" | "old_path" | "new_path" => {
                text = usize::from(*choice) % PATHS.len();
                u64::from(PATH) + u64::from(PATH_STRIDE) * text as u64
            }
            "path_len" | "old_path_len" | "new_path_len" => PATHS[text].len() as u64,
            "iovs" => IOVS.into(),
            // There are zeros: a clock, and no time to wait for.
            "subscriptions" => u64::from(IOVS) + 0x1000,
            "advice" | "whence" => small % 7,
            "base" => FILE,
            "offset" if !param.wide => OUT.into(),
            "iovs_len" | "count" => small % 4,
            "rights_base" | "rights_inheriting" if choice % 8 > 0 => ALL,
            "offset" | "delta" | "size" | "len" => small * small * small,
            "oflags" | "fdflags" | "flags" | "dirflags" | "old_flags" | "fst_flags" => {
                [0, 0, 1, 1, 2, 4, 5, 8, 9, 16][usize::from(*choice) % 10]
            }
            "buf" | "events" => BUF.into(),
            "buf_len" => small * 4,
            "opened_fd" | "nread" | "nwritten" | "newoffset" | "bufused" | "nevents" => OUT.into(),
            "inheriting" => 0,
            _ => small,
        }
    };
    function.params.iter().zip(choices).map(arg).collect()
}

/// The number of a function, with choices.
type Step = (usize, Vec<u8>);

fn step() -> impl Strategy<Value = Step> {
    (0..FUNCTIONS.len(), prop::collection::vec(any::<u8>(), 9))
}

/// Gives a program something to work with, until it is closed, and names for it.
fn prepare(p: &mut Program) {
    for path in ["file", "new"] {
        p.create(path);
    }
    for (at, path) in (0..).map(|i| PATH + i * PATH_STRIDE).zip(PATHS) {
        p.text(at, path);
    }
}

fn make(p: &mut Program, (index, choices): &Step) -> Result<Errno, Stop> {
    let function = &FUNCTIONS[*index];
    p.iovs(&[(BUF, 4000), (BUF + 50, 70), (OUT, 3)]);
    let args = meaningful(function, choices);
    let result = p.wasi.call(function.function, &mut p.memory, &mut p.host, &args);
    assert_eq!(p.wasi.fs().used_bytes(), p.wasi.fs().count_used(), "{}{args:x?}", function.name);
    assert!(p.wasi.fs().used_bytes() <= p.wasi.fs().limits().bytes);
    result
}

/// Which functions succeeded at least once in `steps`.
fn run(p: &mut Program, steps: &[Step]) -> Vec<&'static str> {
    prepare(p);
    let succeeded = steps.iter().filter(|step| make(p, step) == Ok(Success));
    succeeded.map(|(index, _)| FUNCTIONS[*index].name).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn meaningful_calls_leave_no_trace_when_undone(
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut p = Program::new();
        run(&mut p, &steps);
        // What is not in the tree any more is gone when nothing is open.
        for fd in 0..crate::MAX_FDS {
            let errno = p.call("fd_close", &[fd.into()]);
            prop_assert!(errno == Success || errno == BadF);
        }
        let image = p.wasi.fs().write_image(std::io::Cursor::new(Vec::new())).unwrap();
        let fs = gate_fs::Fs::load(gate_fs::Backing::new(image.out.into_inner()), p.wasi.fs().limits()).unwrap();
        let (bytes, inodes) = (fs.used_bytes(), fs.used_inodes());
        let mut collected = fs;
        collected.release_unused();
        prop_assert_eq!((collected.used_bytes(), collected.used_inodes()), (bytes, inodes));
    }

    #[test]
    fn a_program_does_not_notice_that_it_was_stopped(
        steps in prop::collection::vec((step(), prop::bool::weighted(0.2)), 1..120),
    ) {
        let (mut p, mut twin) = (Program::new(), Program::new());
        for program in [&mut p, &mut twin] {
            // The host tires of waiting.
            (program.host.ready_after, program.host.input_ready) = (Some(1), false);
            program.host.input.extend(0..200);
            prepare(program);
        }
        for (step, stop) in &steps {
            if *stop {
                let saved = p.restart();
                prop_assert!(saved == twin.wasi.save(&mut twin.host).unwrap(), "equal programs, other bytes");
            }
            let expect = make(&mut twin, step);
            prop_assert_eq!(make(&mut p, step), expect, "{}{:?}", FUNCTIONS[step.0].name, &step.1);
            prop_assert!(p.memory == twin.memory, "{}{:?}", FUNCTIONS[step.0].name, &step.1);
        }
        prop_assert_eq!(&p.host.output, &twin.host.output);
        prop_assert_eq!(&p.host.input, &twin.host.input);
        prop_assert_eq!(p.wasi.describe(), twin.wasi.describe());
        p.restart();
        prop_assert!(p.wasi.save(&mut p.host).unwrap() == twin.wasi.save(&mut twin.host).unwrap());
    }

    #[test]
    fn calls_at_random_do_no_harm(
        pattern in memory(),
        calls in prop::collection::vec((0..FUNCTIONS.len(), prop::collection::vec(arg(), 9)), 1..60),
    ) {
        let mut p = Program::new();
        let copies = p.memory.len() / pattern.len();
        p.memory = pattern.repeat(copies);
        // The host tires of waiting.
        (p.host.ready_after, p.host.input_ready) = (Some(1), false);
        for (index, args) in calls {
            let result = p.wasi.call(FUNCTIONS[index].function, &mut p.memory, &mut p.host, &args);
            prop_assert!(!matches!(result, Err(Stop::Trap(_) | Stop::Host(_))));
            prop_assert_eq!(p.wasi.fs().used_bytes(), p.wasi.fs().count_used());
            prop_assert!(p.wasi.fs().used_bytes() <= p.wasi.fs().limits().bytes);
        }
    }
}

/// The test above is worth something only if it gets anywhere.
#[test]
fn meaningful_calls_succeed() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let steps = prop::collection::vec(step(), 100_000..=100_000);
    let steps = steps.new_tree(&mut runner).unwrap().current();
    let mut succeeded = std::collections::BTreeSet::new();
    for steps in steps.chunks(100) {
        succeeded.extend(run(&mut Program::new(), steps));
    }
    let never: Vec<_> =
        FUNCTIONS.iter().map(|function| function.name).filter(|name| !succeeded.contains(name)).collect();
    assert_eq!(never, ["proc_exit", "sock_accept", "sock_recv", "sock_send", "sock_shutdown"]);
}

#[test]
fn every_function_bears_having_no_memory() {
    for function in FUNCTIONS {
        for arg in [0, 1, 3, u64::from(u32::MAX), u64::MAX] {
            let mut p = Program::new();
            let args = vec![arg; function.params.len()];
            let result = p.wasi.call(function.function, &mut [], &mut p.host, &args);
            let writes = function.name.ends_with("_get")
                && !matches!(function.name, "random_get" | "path_filestat_get");
            if writes && result == Ok(Success) {
                panic!("{} has nowhere to write to", function.name);
            }
            if function.name == "args_get" {
                assert_eq!(result, Ok(Fault));
            }
        }
    }
}
