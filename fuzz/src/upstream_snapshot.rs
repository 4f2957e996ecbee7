//! Snapshots of the existing system: any bytes, and sound snapshots changed in some places.

use std::sync::LazyLock;

use gate_snapshot::upstream::{Expressible, STACK_BYTES_DEFAULT, Source, expressible, read, write};
use gate_snapshot::{
    Details, Entry, Frame, Frames, Limits, Memory, Phase, Reference, Snapshot, State, Value,
};

/// Small enough to be reached.
const LIMITS: Limits = Limits { module_bytes: 1 << 20, memory_bytes: 8 << 16, table_elements: 1000 };

/// All ways in which a program can be stopped: in calls, loops, tables, and imported functions.
const PROGRAM: &str = r#"
    (module
      (type $t (func (param i32) (result i32)))
      (import "gate" "io_65536" (func $io (param i32 i32 i32 i32 i32 i32 i64 i32)))
      (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
      (table 3 funcref)
      (memory (export "memory") 1 2)
      (global (mut i64) (i64.const 2))
      (elem (i32.const 1) $inner)
      (func $inner (param i32) (result i32) (local i64 f32)
        (block $out (loop $again
          (br_if $again (local.get 0))
          (drop (call $random (i32.const 0) (i32.const 4)))
          (br_table $again $out (local.get 0))))
        (i32.add (i32.reinterpret_f32 (local.get 2)) (call $inner (i32.const 1))))
      (func (export "main")
        i64.const 7
        (loop (br 0))
        (drop (call_indirect (type $t) (i32.const 5) (i32.const 1)))
        (call $io (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0))
        drop)
      (data (i32.const 100) "Some text."))"#;

/// A sound snapshot, of a program that is before its first instruction.
static SNAPSHOT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let module = wat::parse_str(PROGRAM).expect("the program is sound");
    let state = State {
        phase: Phase::Main,
        entry: Entry { initialize: None, function: Some(3), arguments: Vec::new() },
        frames: Frames::Portable(vec![Frame {
            function: 3,
            site: body(&module),
            locals: Vec::new(),
            operands: Vec::new(),
        }]),
        memory_pages: vec![1],
        globals: vec![Value::I64(5)],
        tables: vec![vec![Reference::Null, Reference::Function(2), Reference::Null]],
        dropped: Vec::new(),
        exceptions: Vec::new(),
        monotonic_nanos: 9,
        host: Vec::new(),
    };
    let details = Details { trap: 2, ..Details::default() };
    let source =
        Source { module: &module, state: &state, details: &details, max_stack_bytes: STACK_BYTES_DEFAULT };
    write(&source, &[Memory { bytes: b"\0\0\0text", extents: None }], b"\0\0\0")
        .expect("the state is one of the program")
});

/// Where the body of the last function starts, whose locals are none.
fn body(module: &[u8]) -> u32 {
    let code = [0, 0x42, 7, 0x03];
    let at = module.windows(code.len()).position(|window| window == code).expect("the function is there");
    u32::try_from(at).expect("the module is small")
}

/// Reads snapshots; what is accepted must say the same when it is written again.
///
/// # Panics
/// When it does not, or when the code under test panics.
pub fn run(data: &[u8]) {
    judge(data);
    judge(&[b"\0asm\x01\0\0\0\0\x14\x0dgate.snapshot\0\0\0\0\0\0", data].concat());
    // Most changes are made to the stack, which is behind everything that a change would make invalid.
    let stack = SNAPSHOT.windows(10).position(|window| window == b"gate.stack").unwrap_or_default() + 10;
    let (head, tail) = SNAPSHOT.split_at(stack);
    let mut file = SNAPSHOT.clone();
    for change in data.chunks_exact(3) {
        if let [at, how, byte] = *change {
            let at = match how {
                0..=0x1f => usize::from(at) * head.len() / 256,
                _ => head.len() + usize::from(at) % tail.len(),
            };
            file[at] = byte;
        }
    }
    judge(&file);
    judge(&with_frames(data));
}

/// The sound snapshot with another stack: of frames that say of themselves how large they are.
fn with_frames(data: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    for frame in data.chunks_exact(3).take(20) {
        if let [number, words, value] = *frame {
            let words = words % 8;
            frames.extend([number % 64, 0, 0, 0, 8 * (words + 1), 0, 0, 0]);
            (0..words).for_each(|_| frames.extend([value; 8]));
        }
    }
    frames.extend([2, 0, 0, 0, 0, 0, 0, 0]);
    let mut file = Vec::new();
    let position = SNAPSHOT.windows(10).position(|window| window == b"gate.stack").unwrap_or_default();
    // The section's id and its size, which is a single byte.
    let start = position - 3;
    let end = start + 2 + usize::from(SNAPSHOT[start + 1]);
    file.extend_from_slice(&SNAPSHOT[..=start]);
    let mut size = 11 + frames.len();
    while size >= 0x80 {
        file.push(size.to_le_bytes()[0] | 0x80);
        size >>= 7;
    }
    file.push(size.to_le_bytes()[0]);
    file.extend_from_slice(b"\x0agate.stack");
    file.extend(frames);
    file.extend_from_slice(&SNAPSHOT[end..]);
    file
}

/// Whether a file is accepted.
fn judge(bytes: &[u8]) -> bool {
    let Ok(snapshot) = read(bytes, &LIMITS) else { return false };
    let memories: Vec<_> = contents(&snapshot);
    let given: Vec<_> = memories.iter().map(|bytes| Memory { bytes, extents: None }).collect();
    let source = Source {
        module: &snapshot.module,
        state: &snapshot.state,
        details: &snapshot.details,
        max_stack_bytes: u32::MAX,
    };
    let written = match expressible(&source) {
        Expressible::Yes => write(&source, &given, snapshot.buffers).expect("it can be written"),
        Expressible::LaterPoint(error) | Expressible::Never(error) => panic!("it was read: {error}"),
    };
    let again = read(&written, &LIMITS).expect("what was written can be read");
    assert_eq!(again.details, snapshot.details);
    // A module without memory gets one.
    assert!(contents(&again).concat() == memories.concat(), "other memories");
    let depth = |snapshot: &Snapshot<'_>| match &snapshot.state.frames {
        Frames::Portable(frames) => frames.len(),
        Frames::Raw { .. } => panic!("frames are portable"),
    };
    assert_eq!(depth(&again), depth(&snapshot));
    true
}

/// What is in the memories.
fn contents(snapshot: &Snapshot<'_>) -> Vec<Vec<u8>> {
    let pages = snapshot.state.memory_pages.iter();
    let mut memories: Vec<_> = pages.map(|pages| vec![0; 65_536 * *pages as usize]).collect();
    for (memory, runs) in memories.iter_mut().zip(&snapshot.memories) {
        for run in runs {
            let start = usize::try_from(run.offset).expect("runs are in the memory");
            memory[start..start + run.bytes.len()].copy_from_slice(run.bytes);
        }
    }
    memories
}

#[test]
fn frames_are_accepted_sometimes() {
    assert!(judge(&SNAPSHOT));
    let mut prng = crate::driver::Prng::new(1);
    let accepted =
        (0..3_000).filter(|_| judge(&with_frames(&[prng.byte(), prng.byte(), prng.byte()]))).count();
    assert!((5..2_000).contains(&accepted), "{accepted} of 3000 stacks are accepted");
}

#[test]
fn smoke() {
    crate::driver::smoke(run, 2_000);
}
