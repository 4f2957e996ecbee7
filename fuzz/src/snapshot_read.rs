//! Snapshots: any bytes, and sound snapshots changed in some places.

use std::sync::LazyLock;

use gate_instrument::accept::{self, ValueType};
use gate_instrument::stop::{Config, Poll, Program};
use gate_snapshot::{
    Details, Entry, Exception, Frame, Frames, Limits, Memory, Phase, Reference, Snapshot, State, Value, file,
};

/// Small enough to be reached.
const LIMITS: Limits = Limits { module_bytes: 1 << 20, memory_bytes: 8 << 16, table_elements: 1000 };

/// Something of all that a state can change.
const PROGRAM: &str = r#"
    (module
      (table 4 funcref)
      (table 2 exnref)
      (memory (export "memory") 1)
      (memory 1)
      (tag (param i32 exnref))
      (global (mut i64) (i64.const 2))
      (global (mut v128) (v128.const i64x2 5 6))
      (global (mut exnref) (ref.null exn))
      (global (mut funcref) (ref.null func))
      (start 1)
      (elem (i32.const 1) func 0 1)
      (elem func 0)
      (elem declare func 1)
      (func (export "_start") (local i64) (loop (br 0)))
      (func (drop (ref.func 1)))
      (data (i32.const 100) "Some text that stays.")
      (data "passive")
      (@custom "producers" "nobody"))"#;

/// Sound snapshots: of the program in the middle, before, and at its end.
static SNAPSHOTS: LazyLock<[Vec<u8>; 3]> = LazyLock::new(|| {
    let state = stopped();
    let fresh = State {
        phase: Phase::Fresh,
        frames: Frames::Portable(Vec::new()),
        memory_pages: Vec::new(),
        globals: Vec::new(),
        tables: Vec::new(),
        dropped: Vec::new(),
        exceptions: Vec::new(),
        ..state.clone()
    };
    let ended = State { frames: Frames::Portable(Vec::new()), entry: Entry::default(), ..state.clone() };
    [state, fresh, ended].map(|state| written(&state))
});

fn stopped() -> State {
    let exception = |index| Value::Reference(ValueType::ExnRef, index);
    let inner = Exception { tag: 0, values: vec![Value::I32(1), exception(Reference::Null)] };
    let outer = Exception { tag: 0, values: vec![Value::I32(2), exception(Reference::Exception(0))] };
    State {
        phase: Phase::Main,
        entry: Entry { initialize: None, function: Some(0), arguments: vec![Value::F64(1)] },
        frames: Frames::Portable(vec![Frame {
            function: 0,
            site: 200,
            locals: vec![Value::I64(3)],
            operands: vec![exception(Reference::Exception(1))],
        }]),
        memory_pages: vec![2, 1],
        globals: vec![
            Value::I64(7),
            Value::V128(8),
            exception(Reference::Exception(1)),
            Value::Reference(ValueType::FuncRef, Reference::Function(1)),
        ],
        tables: vec![
            vec![Reference::Function(0), Reference::Null, Reference::Function(1), Reference::Null],
            vec![Reference::Null, Reference::Exception(0)],
        ],
        dropped: vec![0, 1, 0, 0, 0],
        exceptions: vec![inner, outer],
        monotonic_nanos: 99,
        host: b"host".to_vec(),
    }
}

fn written(state: &State) -> Vec<u8> {
    let module = wat::parse_str(PROGRAM).expect("the program is sound");
    let mut first = vec![0; 1000];
    first[100..121].copy_from_slice(b"Some text that went.!");
    first[700] = 1;
    let memories = [&first[..], &[0, 0, 9]].map(|bytes| Memory { bytes, extents: None });
    let details = Details { is_final: false, trap: 2, result: 0, breakpoints: vec![3] };
    let source =
        file::Source { module: &module, state, memories: &memories, buffers: b"\0\0\0", details: &details };
    file::write(&source).expect("the state is one of the program").to_vec()
}

/// Reads snapshots; what is accepted must say the same when it is written again.
///
/// # Panics
/// When it does not, or when the code under test panics.
pub fn run(data: &[u8]) {
    judge(data);
    let Some((choice, changes)) = data.split_first() else { return };
    let mut snapshot = SNAPSHOTS[usize::from(*choice) % SNAPSHOTS.len()].clone();
    for change in changes.chunks_exact(4) {
        if let [high, low, how, byte] = *change {
            let at = usize::from(u16::from_be_bytes([high, low])) % snapshot.len().max(1);
            match how {
                0xff => snapshot.truncate(at),
                0xf0..=0xfe => snapshot.insert(at, byte),
                0xe0..=0xef if at < snapshot.len() => drop(snapshot.splice(at..=at, [])),
                _ => {
                    if let Some(place) = snapshot.get_mut(at) {
                        *place = if how < 0x80 { byte } else { place.wrapping_add(byte % 3).wrapping_sub(1) };
                    }
                }
            }
        }
    }
    judge(&snapshot);
}

fn judge(bytes: &[u8]) {
    let is_snapshot = file::is_snapshot(bytes);
    let Ok(snapshot) = file::read(bytes, &LIMITS) else { return };
    assert!(is_snapshot, "it was read, and does not look like a snapshot");
    let memories = contents(&snapshot);
    let given: Vec<_> = memories.iter().map(|bytes| Memory { bytes, extents: None }).collect();
    let source = file::Source {
        module: &snapshot.module,
        state: &snapshot.state,
        memories: &given,
        buffers: snapshot.buffers,
        details: &snapshot.details,
    };
    let again = file::write(&source).expect("what was read can be written").to_vec();
    let read = file::read(&again, &LIMITS).expect("what was written can be read");
    assert!(read.module == snapshot.module, "another module");
    assert_eq!((&read.state, &read.details), (&snapshot.state, &snapshot.details));
    assert!(contents(&read) == memories, "other memories");
    // It can be refused, for what is in it.
    if accept::validate(&snapshot.module, &accept::Limits::STANDARD).is_ok() {
        let config =
            Config { poll: Poll::Store, control_pages: 1, may_block: &|_, _| false, breakpoints: &[] };
        let program = Program::new(&snapshot.module, &config).expect("the module is small");
        drop(snapshot.standalone(&program, Vec::new()));
    }
}

/// What memories have.
fn contents(snapshot: &Snapshot<'_>) -> Vec<Vec<u8>> {
    let with_sizes = snapshot.memories.iter().zip(&snapshot.state.memory_pages);
    with_sizes
        .map(|(runs, pages)| {
            let mut bytes = vec![0; usize::try_from(*pages).expect("the limit is lower") << 16];
            for run in runs {
                let start = usize::try_from(run.offset).expect("it is in the memory");
                bytes[start..start + run.bytes.len()].copy_from_slice(run.bytes);
            }
            bytes
        })
        .collect()
}

#[test]
fn smoke() {
    crate::driver::smoke(run, 2000);
}
