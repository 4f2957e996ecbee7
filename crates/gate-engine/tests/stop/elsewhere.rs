//! Programs go back and forth between two processes, as snapshots: all that they need is in that file.
//!
//! The other process is this test again. `GATE_ENGINE_ELSEWHERE` names another command for it, so that it can be the same
//! test built for another processor, with what emulates that:
//!
//! ```text
//! GATE_ENGINE_ELSEWHERE="qemu-aarch64 -L /usr/aarch64-linux-gnu target/aarch64-unknown-linux-gnu/release/deps/stop-<hash>"
//! ```

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use gate_engine::{Outcome, Region, RunOptions, Start, Stops, Tier, transform};
use gate_instrument::stop;
use gate_snapshot::{Details, Limits, Memory, Run, Snapshot, State, file};
use rustix::fs::{MemfdFlags, SealFlags};

use super::machine::{
    Every, LIMITS, Log, Module, Random, TIERS, arguments, contents, file_of, run, runnable, settings, text,
};
use super::oracle;

const TEST: &str = "elsewhere::programs_go_there_and_back";

/// How the test is run in the other process.
const COMMAND: &str = "GATE_ENGINE_ELSEWHERE";

/// Tells the other process that it is that, and how it is to run the snapshot in its standard input.
const LIFE: &str = "GATE_ENGINE_ELSEWHERE_LIFE";

/// After so many lives, a program is not stopped any more.
const LIVES: usize = 6;

/// Programs that have something special in their state.
const PROGRAMS: [&str; 9] = [
    "exceptions",
    "indirect_calls",
    "many_values",
    "multiple_values",
    "recursion",
    "references",
    "segments",
    "start_and_memories",
    "vectors_and_numbers",
];

/// Not-a-numbers of every kind are carried along. They are not computed: what comes of that differs between processors.
const NOT_NUMBERS: &str = r#"(module
    (memory (export "memory") 1)
    (global $g32 (mut f32) (f32.const nan:0x200001))
    (global $g64 (mut f64) (f64.const -nan:0x4000000000001))
    (global $g128 (mut v128) (v128.const i32x4 0x7fa00003 0xffc00000 0x7f800001 0xff800001))
    (func (export "run") (local $n i32) (local $l32 f32) (local $l64 f64) (local $l128 v128)
      (local.set $l32 (f32.const -nan:0x200005))
      (local.set $l64 (f64.const nan:0x4000000000007))
      (local.set $l128 (v128.const i64x2 0x7ff4000000000009 0xfff400000000000b))
      (i32.const 0)
      (f32.const nan:0x20000d)
      (i32.const 4)
      (f32.const -nan:0x400000)
      (loop $again
        (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 30))))
      (f32.store)
      (f32.store)
      (f32.store (i32.const 8) (local.get $l32))
      (f64.store (i32.const 16) (local.get $l64))
      (v128.store (i32.const 32) (local.get $l128))
      (f32.store (i32.const 48) (global.get $g32))
      (f64.store (i32.const 56) (global.get $g64))
      (v128.store (i32.const 64) (global.get $g128))))"#;

/// How many generated modules take part, too.
const GENERATED: u64 = 4;

#[test]
fn programs_go_there_and_back() {
    if let Ok(life) = env::var(LIFE) {
        return serve(&life);
    }
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gate-instrument/tests/stop");
    let mut moves = 0;
    for name in PROGRAMS {
        let text = std::fs::read_to_string(directory.join(name).with_extension("wat")).unwrap();
        moves += check(name, &mut Module::new(&text));
    }
    moves += check("not numbers", &mut Module::new(NOT_NUMBERS));
    for seed in 0..GENERATED {
        if let Some(wasm) = oracle::generate(&mut Random::new(seed)) {
            moves += check(&format!("generated from {seed}"), &mut Module::of(wasm));
        }
    }
    eprintln!("programs went to the other process {moves} times");
    assert!(moves > 50, "{moves}");
}

/// Checks that a program does the same on its journeys as at home, and says how often it went to the other process.
fn check(what: &str, module: &mut Module) -> usize {
    let tiers: Vec<_> = TIERS.into_iter().filter(|tier| module.fits(*tier)).collect();
    let home = settings(Tier::Cranelift, Stops::None);
    let mut moves = 0;
    for name in runnable(module, home).into_iter().take(3) {
        let (expected, _) = run(module, &name, &[home], Every::Never);
        // It is started here, and there.
        for first in 0..2 {
            let mut program = fresh(module, &name);
            for life in first.. {
                if !file::is_snapshot(&program) {
                    break;
                }
                let tier = tiers[life / 2 % tiers.len()];
                let points = if life < LIVES { 2 } else { 0 };
                let is_here = life % 2 == 0;
                program =
                    if is_here { live(&program, tier, points) } else { live_there(&program, tier, points) };
                moves += usize::from(!is_here);
            }
            assert_eq!(String::from_utf8(program).unwrap(), expected, "{what} {name} {first}");
        }
    }
    moves
}

/// The program before anything of it has run.
fn fresh(module: &mut Module, name: &str) -> Vec<u8> {
    let program = module.load(settings(Tier::Cranelift, Stops::Count), None);
    let entry = program.facts().entry(Some(name)).unwrap();
    let arguments = arguments(&entry.function.as_ref().unwrap().ty);
    program.stop_flag().unwrap().request();
    let start = Start::Fresh { entry: &entry, arguments: &arguments };
    let finished = program.run(Log::default(), start, RunOptions::default()).unwrap();
    let Outcome::Suspended(state) = finished.outcome else { panic!("{:?}", finished.outcome) };
    snapshot(&module.source, *state, &finished.calls, &[])
}

/// Continues a program for so many stop points, 0 for any number, and returns its snapshot, or what it came to.
fn live(program: &[u8], tier: Tier, points: u64) -> Vec<u8> {
    let limits = Limits {
        module_bytes: 1 << 20,
        memory_bytes: LIMITS.memory_bytes as u64,
        table_elements: LIMITS.table_elements as u64,
    };
    let Snapshot { module, state, mut memories, .. } = file::read(program, &limits).unwrap();
    let mut module = Module::of(module);
    // Not all processors have all of every engine.
    let tier = if module.fits(tier) { tier } else { Tier::Pulley };
    // Of a program of which nothing has run, there are none yet.
    memories.resize(state.memory_pages.len(), Vec::new());
    let files = memories.iter().map(|runs| memory_of(runs)).collect();
    let program = module.reload(settings(tier, Stops::Count), &state, files);
    let regions = program.memories().to_vec();
    let calls = Log::resumed(&state.host);
    let options = RunOptions { countdown: Some(points) };
    let finished = program.run(calls, Start::Resume(Box::new(state)), options).unwrap();
    match finished.outcome {
        Outcome::Suspended(state) => snapshot(&module.source, *state, &finished.calls, &regions),
        outcome => text(outcome, &finished.calls, &regions).into_bytes(),
    }
}

/// Likewise, in the other process.
fn live_there(program: &[u8], tier: Tier, points: u64) -> Vec<u8> {
    let mut command = match env::var(COMMAND) {
        Ok(words) => {
            let mut words = words.split_whitespace();
            let mut command = Command::new(words.next().unwrap());
            command.args(words);
            command
        }
        Err(_) => Command::new(env::current_exe().unwrap()),
    };
    let mut exchange = file_of(program);
    exchange.rewind().unwrap();
    let output = command
        .args(["--exact", TEST])
        .env(LIFE, format!("{} {points}", tier.name()))
        .stdin(Stdio::from(exchange.try_clone().unwrap()))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let mut life = Vec::new();
    exchange.rewind().unwrap();
    exchange.read_to_end(&mut life).unwrap();
    assert!(life != program, "the other process ran another test, or none");
    life
}

/// This is the other process. Standard input is a file with the snapshot, which is replaced.
fn serve(life: &str) {
    let (tier, points) = life.split_once(' ').unwrap();
    let tier = TIERS.into_iter().find(|known| known.name() == tier).unwrap();
    let mut exchange = File::from(io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut program = Vec::new();
    exchange.read_to_end(&mut program).unwrap();
    let life = live(&program, tier, points.parse().unwrap());
    exchange.set_len(0).unwrap();
    exchange.rewind().unwrap();
    exchange.write_all(&life).unwrap();
}

fn snapshot(module: &[u8], state: State, calls: &Log, memories: &[Arc<Region>]) -> Vec<u8> {
    let program = stop::Program::new(module, &transform()).unwrap();
    let state = State { host: calls.suspended(), ..state }.settle(&program).unwrap();
    let memories: Vec<_> = memories.iter().map(|region| contents(region)).collect();
    let memories: Vec<_> = memories.iter().map(|bytes| Memory { bytes, extents: None }).collect();
    let details = Details::default();
    let source = file::Source { module, state: &state, memories: &memories, buffers: &[], details: &details };
    file::write(&source).unwrap().to_vec()
}

/// The file of a memory in which there is this.
fn memory_of(runs: &[Run<'_>]) -> OwnedFd {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(rustix::fs::memfd_create("memory", flags).unwrap());
    file.set_len(LIMITS.memory_bytes as u64).unwrap();
    runs.iter().for_each(|run| file.write_all_at(run.bytes, run.offset).unwrap());
    rustix::fs::fcntl_add_seals(&file, SealFlags::GROW | SealFlags::SHRINK).unwrap();
    file.into()
}
