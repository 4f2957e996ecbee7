//! States to bytes and back, frames to spill lists and back.

use gate_instrument::accept::ValueType;
use gate_instrument::stop::{self, Config, Poll, Program, SiteId};
use proptest::prelude::*;

use super::*;
use crate::DecodeError;

/// Something that a type can refer to, if there are so many exceptions.
fn reference(ty: ValueType, exceptions: u32) -> BoxedStrategy<Reference> {
    match ty {
        ValueType::FuncRef => {
            prop_oneof![Just(Reference::Null), any::<u32>().prop_map(Reference::Function)].boxed()
        }
        ValueType::ExnRef if exceptions > 0 => {
            prop_oneof![Just(Reference::Null), (0..exceptions).prop_map(Reference::Exception)].boxed()
        }
        _ => Just(Reference::Null).boxed(),
    }
}

fn value(exceptions: u32) -> BoxedStrategy<Value> {
    let references = [ValueType::FuncRef, ValueType::ExternRef, ValueType::ExnRef].map(|ty| {
        reference(ty, exceptions).prop_map(move |reference| Value::Reference(ty, reference)).boxed()
    });
    let numbers = prop_oneof![
        any::<u32>().prop_map(Value::I32),
        any::<u64>().prop_map(Value::I64),
        any::<u32>().prop_map(Value::F32),
        any::<u64>().prop_map(Value::F64),
        any::<u128>().prop_map(Value::V128),
    ];
    prop_oneof![3 => numbers, 1 => prop::strategy::Union::new(references)].boxed()
}

fn values(exceptions: u32) -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(value(exceptions), 0..4)
}

const EXCEPTIONS: u32 = 3;

fn frames() -> impl Strategy<Value = Frames> {
    let frame = (any::<u32>(), any::<u32>(), values(EXCEPTIONS), values(EXCEPTIONS))
        .prop_map(|(function, site, locals, operands)| Frame { function, site, locals, operands });
    let list = |ty| prop::collection::vec(reference(ty, EXCEPTIONS), 0..4);
    let spilled = (list(ValueType::FuncRef), list(ValueType::ExternRef), list(ValueType::ExnRef));
    prop_oneof![
        prop::collection::vec(frame, 0..4).prop_map(Frames::Portable),
        (any::<Vec<u8>>(), spilled).prop_map(|(bytes, (a, b, c))| Frames::Raw { bytes, spilled: [a, b, c] }),
    ]
}

prop_compose! {
    fn state()(
        phase in prop::sample::select(&[Phase::Fresh, Phase::Start, Phase::Initialize, Phase::Main]),
        initialize in prop::option::of(0u32..1_000_000),
        function in prop::option::of(0u32..1_000_000),
        arguments in values(0),
        frames in frames(),
        memory_pages in any::<Vec<u32>>(),
        globals in values(EXCEPTIONS),
        tables in prop::collection::vec(
            prop::collection::vec(reference(ValueType::FuncRef, EXCEPTIONS), 0..4), 0..4),
        dropped in prop::collection::vec(0u8..=1, 0..9),
        exceptions in (values(0), values(1), values(2)),
        monotonic_nanos in any::<u64>(),
        host in any::<Vec<u8>>(),
    ) -> State {
        let (a, b, c) = exceptions;
        let exceptions = [a, b, c].map(|values| Exception { tag: 7, values }).to_vec();
        let entry = Entry { initialize, function, arguments };
        State {
            phase, entry, frames, memory_pages, globals, tables, dropped, exceptions, monotonic_nanos, host,
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(state in state()) {
        let bytes = state.encode();
        let read = State::decode(&bytes).expect("it has just been written");
        prop_assert_eq!(read, state);
    }

    #[test]
    fn any_end_is_missed(state in state(), cut in any::<prop::sample::Index>()) {
        let bytes = state.encode();
        let at = cut.index(bytes.len());
        prop_assert!(State::decode(&bytes[..at]).is_err());
        // Also when the header tells of as many bytes.
        if at > 24 {
            let mut short = bytes[..at].to_vec();
            short[16..24].copy_from_slice(&(at as u64).to_le_bytes());
            let cut_off = matches!(State::decode(&short), Err(DecodeError::CutOff { .. }));
            prop_assert!(cut_off);
        }
    }

    #[test]
    fn what_is_read_of_changed_bytes_is_what_they_say(
        state in state(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = state.encode();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(read) = State::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in any::<Vec<u8>>()) {
        let mut all = Vec::new();
        all.extend(encode::MAGIC);
        all.extend(encode::VERSION.to_le_bytes());
        all.extend([0; 4]);
        all.extend((24 + bytes.len() as u64).to_le_bytes());
        all.extend(bytes);
        if let Ok(read) = State::decode(&all) {
            prop_assert_eq!(read.encode(), all);
        }
    }
}

fn empty() -> State {
    State {
        phase: Phase::Main,
        entry: Entry::default(),
        frames: Frames::Portable(Vec::new()),
        memory_pages: Vec::new(),
        globals: Vec::new(),
        tables: Vec::new(),
        dropped: Vec::new(),
        exceptions: Vec::new(),
        monotonic_nanos: 0,
        host: Vec::new(),
    }
}

#[track_caller]
fn check_refused(state: &State, change: impl FnOnce(&mut Vec<u8>), message: &str) {
    let mut bytes = state.encode();
    change(&mut bytes);
    let error = State::decode(&bytes).expect_err("something is wrong with it");
    assert_eq!(error.to_string(), message);
}

#[test]
fn refusals_say_what_is_wrong() {
    let state = empty();
    check_refused(&state, |bytes| bytes[0] = 0, "this is not the state of a program");
    check_refused(
        &state,
        |bytes| bytes[8] = 9,
        "version 9 of the state of a program is not readable here (supported: 1)",
    );
    check_refused(&state, |bytes| bytes.push(0), "the header tells of 78 bytes where there are 79");
    check_refused(&state, |bytes| bytes[28] = 4, "the phase at offset 28 cannot be 4");
    check_refused(
        &state,
        |bytes| bytes[24] = 255,
        "cut off at offset 28: 2040 bytes of exceptions should be there, and 50 are",
    );
    let far = Value::Reference(ValueType::ExnRef, Reference::Exception(1));
    check_refused(
        &State { globals: vec![far], ..state.clone() },
        |_| {},
        "the reference before offset 55 is to exception 1, and only 0 can be referred to there",
    );
    // Otherwise they could contain each other.
    let exception =
        Exception { tag: 0, values: vec![Value::Reference(ValueType::ExnRef, Reference::Exception(0))] };
    check_refused(
        &State { exceptions: vec![exception], ..state.clone() },
        |_| {},
        "the reference before offset 42 is to exception 0, and only 0 can be referred to there",
    );
    let wrong = Value::Reference(ValueType::ExternRef, Reference::Function(1));
    check_refused(
        &State { globals: vec![wrong], ..state },
        |_| {},
        "the value at offset 49 has type externref and refers to something else",
    );
}

/// A function with references of two types that it needs when it goes on, and one that it does not.
const REFERENCES: &str = r#"
    (module
      (func $callee)
      (func $f (export "f") (param $a funcref) (param $b externref) (param $n i32) (param $dead funcref)
        (local.get $a)
        (loop $again (br_if $again (local.get $n)))
        (drop (ref.is_null))
        (drop (ref.is_null (local.get $b)))))"#;

fn config() -> Config<'static> {
    Config { poll: Poll::Store, control_pages: 1, may_block: &|_, _| false, breakpoints: &[] }
}

#[test]
fn frames_are_settled_and_unsettled() {
    let wasm = wat::parse_str(REFERENCES).unwrap();
    let program = Program::new(&wasm, &config()).unwrap();
    let sites = program.sites(1).unwrap();
    let [site] = sites.as_slice() else { panic!("one loop, one stop point: {sites:?}") };
    let function = |index| Value::Reference(ValueType::FuncRef, Reference::Function(index));
    let null = |ty| Value::Reference(ty, Reference::Null);
    let locals = |dead| vec![function(0), null(ValueType::ExternRef), Value::I32(5), dead];
    let frame =
        |dead| Frame { function: 1, site: site.id.0, locals: locals(dead), operands: vec![function(0)] };

    let unsettled = unsettle(&[frame(function(1))]).unwrap();
    assert_eq!(
        unsettled.spilled,
        [vec![Reference::Function(0), Reference::Function(1)], vec![Reference::Null], vec![]]
    );
    let continuations = program.continuations(&[site.id]).unwrap();
    let bytes = program.encode(&unsettled.frames, &continuations).unwrap();
    let raw = |spilled| State { frames: Frames::Raw { bytes: bytes.clone(), spilled }, ..empty() };

    let settled = raw(unsettled.spilled).settle(&program).unwrap();
    // What it does not read is null, and so is what it does not save.
    let mut expected = frame(null(ValueType::FuncRef));
    expected.locals[0] = null(ValueType::FuncRef);
    assert_eq!(settled.frames, Frames::Portable(vec![expected]));
    assert_eq!(settled.clone().settle(&program).unwrap(), settled);

    let error = raw([vec![], vec![Reference::Null], vec![]]).settle(&program).unwrap_err();
    assert_eq!(error.to_string(), "frame 0 has spilled funcref number 0, and there are 0 of these");
    let error =
        raw([vec![Reference::Exception(0)], vec![Reference::Null], vec![]]).settle(&program).unwrap_err();
    assert_eq!(error.to_string(), "frame 0 has a value of type funcref that refers to something else");
    let raw = State { frames: Frames::Raw { bytes: vec![1], spilled: Default::default() }, ..empty() };
    assert!(matches!(raw.settle(&program), Err(SettleError::Frames { .. })));
}

#[test]
fn a_program_between_two_phases_has_no_frames() {
    let wasm = wat::parse_str(REFERENCES).unwrap();
    let program = Program::new(&wasm, &config()).unwrap();
    let raw = State { frames: Frames::Raw { bytes: vec![], spilled: Default::default() }, ..empty() };
    assert_eq!(raw.settle(&program).unwrap(), empty());
}

#[test]
fn a_reference_that_its_type_does_not_have_is_refused() {
    let wrong = Value::Reference(ValueType::FuncRef, Reference::Exception(0));
    let frame = Frame { function: 0, site: 0, locals: vec![], operands: vec![wrong] };
    let error = unsettle(&[frame]).unwrap_err();
    assert_eq!(error.to_string(), "frame 0 has a value of type funcref that refers to something else");
    assert_eq!(
        unsettle(&[]).unwrap(),
        Unsettled { frames: Vec::<stop::Frame>::new(), ..Unsettled::default() }
    );
    let frame = Frame { function: 2, site: 9, locals: vec![Value::I64(1)], operands: vec![] };
    let same =
        stop::Frame { function: 2, site: SiteId(9), locals: vec![stop::Value::I64(1)], operands: vec![] };
    assert_eq!(unsettle(&[frame]).unwrap().frames, [same]);
}

/// A state that must be readable for ever.
const V1: &[u8] = include_bytes!("../../tests/data/v1/program.state");

#[test]
fn version_1_is_readable() {
    let exnref = |reference| Value::Reference(ValueType::ExnRef, reference);
    let inner = Exception { tag: 1, values: vec![Value::I32(1), Value::V128(2)] };
    let outer = Exception { tag: 2, values: vec![exnref(Reference::Exception(0))] };
    let mut state = State {
        phase: Phase::Initialize,
        entry: Entry { initialize: Some(3), function: None, arguments: vec![Value::F32(4), Value::F64(5)] },
        frames: Frames::Raw {
            bytes: vec![6, 7, 8, 9],
            spilled: [vec![Reference::Function(10)], vec![Reference::Null], vec![Reference::Exception(1)]],
        },
        memory_pages: vec![11, 12],
        globals: vec![Value::I64(13), exnref(Reference::Exception(1)), exnref(Reference::Null)],
        tables: vec![vec![], vec![Reference::Function(14), Reference::Null]],
        dropped: vec![0, 1],
        exceptions: vec![inner, outer],
        monotonic_nanos: 15,
        host: b"host".to_vec(),
    };
    assert_eq!(State::decode(V1).unwrap(), state);
    assert!(state.encode() == V1, "version 1 is what we write");
    let (raw, portable) = V1.split_at(V1.len() - FRAMES_AND_HOST.len());
    assert_eq!(portable, FRAMES_AND_HOST);
    // The same with frames by themselves.
    let frame = Frame { function: 16, site: 17, locals: vec![Value::I32(18)], operands: vec![] };
    state.frames = Frames::Portable(vec![frame]);
    let mut bytes = raw.to_vec();
    bytes.extend(b"\x01\x01\0\0\0\x10\0\0\0\x11\0\0\0\x01\0\0\0\x00\x12\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0host");
    let length = bytes.len() as u64;
    bytes[16..24].copy_from_slice(&length.to_le_bytes());
    assert_eq!(State::decode(&bytes).unwrap(), state);
}

/// The end of [`V1`].
const FRAMES_AND_HOST: &[u8] =
    b"\x00\x04\0\0\0\0\0\0\0\x06\x07\x08\x09\x01\0\0\0\x01\x0a\0\0\0\x01\0\0\0\x00\
    \x01\0\0\0\x02\x01\0\0\0\x04\0\0\0\0\0\0\0host";
