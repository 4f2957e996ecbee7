//! Modules and snapshots that somebody has made to do harm.

use std::fmt::Write;

use gate_instrument::stop::{FrameError, Hidden, Poll, Program, SiteId, StopError, Value};
use proptest::prelude::*;

use super::machine::{self, Plan};
use super::validate;

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[track_caller]
fn instrument(wasm: &[u8]) -> Result<Vec<u8>, StopError> {
    let program = Program::new(wasm, &machine::config(Poll::Countdown)).unwrap();
    program.instrument().map(|stoppable| stoppable.wasm)
}

/// Checks that what comes out, and what continues it from a stop point in the middle, is valid and not too large.
#[track_caller]
fn check_size(wasm: &[u8], function: u32, factor: usize) {
    let program = Program::new(wasm, &machine::config(Poll::Countdown)).unwrap();
    let stoppable = program.instrument().unwrap().wasm;
    assert!(stoppable.len() < factor * wasm.len(), "{} from {} bytes", stoppable.len(), wasm.len());
    validate(&stoppable, false);
    let sites = program.sites(function).unwrap();
    let middle = &sites[sites.len() / 2];
    let continuations = program.continuations(&[middle.id]).unwrap().wasm;
    assert!(continuations.len() < factor * wasm.len(), "{} from {} bytes", continuations.len(), wasm.len());
    validate(&continuations, false);
}

/// With code for each stop point alone, what comes out would have a thousand million instructions.
#[test]
fn many_live_locals_at_many_stop_points() {
    let mut text = String::from("(module (func $f (call $f)) (func (param i32)");
    (0..20_000).for_each(|_| text.push_str("(local i64)"));
    (0..20_000).for_each(|_| text.push_str("(call $f)"));
    (1..=20_000).for_each(|local| write!(text, "(drop (local.get {local}))").unwrap());
    text.push_str("))");
    check_size(&wat(&text), 1, 8);
}

#[test]
fn many_operands_at_many_stop_points() {
    let mut text = String::from("(module (func $f (call $f)) (func");
    (0..20_000).for_each(|_| text.push_str("(i32.const 1)"));
    (0..20_000).for_each(|_| text.push_str("(call $f)"));
    (0..20_000).for_each(|_| text.push_str("(drop)"));
    text.push_str("))");
    check_size(&wat(&text), 1, 8);
}

/// So many sets of so many locals that it is not found out which are alive where.
#[test]
fn many_locals_in_many_loops() {
    let mut text = String::from("(module (func");
    (0..20_000).for_each(|_| text.push_str("(local i64)"));
    (0..3_000).for_each(|local| write!(text, "(loop (drop (local.get {local})))").unwrap());
    text.push_str("))");
    check_size(&wat(&text), 0, 16);
}

/// Operands that stay below a call are kept in locals, of which there is a limit.
#[test]
fn more_operands_than_locals() {
    let results = "i32 ".repeat(1_000);
    let mut text = format!("(module (func $many (result {results}) (unreachable)) (func $f (call $f)) (func");
    (0..51).for_each(|_| text.push_str("(call $many)"));
    text.push_str("(call $f) (unreachable)))");
    let error = instrument(&wat(&text)).unwrap_err();
    assert!(matches!(error, StopError::Locals { function: 2, found: 51_000, limit: 50_000 }), "{error}");
}

/// Forty thousand locals are declared in five bytes, and a loop has four.
#[test]
fn many_functions_with_many_locals() {
    use wasm_encoder::{
        BlockType, CodeSection, Function, FunctionSection, Instruction, TypeSection, ValType,
    };
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    for _ in 0..2_000 {
        functions.function(0);
        let mut function = Function::new([(40_000, ValType::I64)]);
        for instruction in [Instruction::Loop(BlockType::Empty), Instruction::End, Instruction::End] {
            function.instruction(&instruction);
        }
        code.function(&function);
    }
    let mut module = wasm_encoder::Module::new();
    let wasm = module.section(&types).section(&functions).section(&code).as_slice();
    validate(&instrument(wasm).unwrap(), false);
}

#[test]
fn deeply_nested_loops() {
    let depth = 3_000;
    let mut text = String::from("(module (func (export \"run\") (param $n i32) (result i32) (local $s i32)");
    (0..depth).for_each(|_| text.push_str("(loop "));
    text.push_str("(local.set $s (i32.add (local.get $s) (local.get $n)))");
    (0..depth).for_each(|_| text.push(')'));
    text.push_str("(local.get $s)))");
    let wasm = wat(&text);
    let program = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
    validate(&program.instrument().unwrap().wasm, false);
    let sites = program.sites(0).unwrap();
    assert_eq!(sites.len(), depth);
    // From the innermost, each loop around is there once more as a whole.
    let innermost = sites.last().unwrap().id;
    match program.continuations(&[innermost]) {
        Ok(continuations) => validate(&continuations.wasm, false),
        Err(StopError::FunctionBytes { function: 0, .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn wide_branches() {
    let targets = " $a $b $c".repeat(20_000);
    let text = format!(
        "(module (func (param $n i32) (block $a (block $b (loop $c (br_table {targets} (local.get $n)))))))"
    );
    let wasm = wat(&text);
    validate(&instrument(&wasm).unwrap(), false);
}

/// A program cannot make names that clash with ours.
#[test]
fn exports_with_our_names() {
    let wasm = wat(r#"(module
            (memory (export "gate memory 0") 1)
            (func (export "gate_ initialize") (loop))
            (func (export "gate__ function 0"))
            (func (export "gate")))"#);
    let program = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
    validate(&program.instrument().unwrap().wasm, false);
    assert_eq!(program.name(Hidden::Initialize), "gate___ initialize");
}

/// The program traps, and nothing else is overwritten.
#[test]
fn more_frames_than_fit() {
    let wasm = wat(r#"(module
            (memory (export "memory") 1)
            (func $deep (export "deep") (param $n i32) (result i32) (local $a i64) (local $b i64)
              (local.set $a (i64.const 1))
              (if (i32.eqz (local.get $n)) (then (loop $wait) (return (i32.const 1))))
              (drop (call $deep (i32.sub (local.get $n) (i32.const 1))))
              (i32.wrap_i64 (i64.add (local.get $a) (local.get $b))))
            (func (export "run") (result i32) (call $deep (i32.const 4500))))"#);
    let (outcome, _) =
        machine::run_stopped_in_one_page(&wasm, Plan { poll: Poll::Countdown, every: 4_502, moves: false });
    assert_eq!(outcome, "trap: wasm `unreachable` instruction executed, status 1");
}

fn program_with_frames() -> (Vec<u8>, Vec<u8>) {
    let wasm = wat(r#"(module
            (import "host" "block" (func $block (param i32)))
            (func $inner (param i32 i64) (result i32) (loop (call $block (local.get 0))) (i32.wrap_i64 (local.get 1)))
            (func (export "run") (result i32)
              (i32.const 1) (call $inner (i32.const 2) (i64.const 3)) (i32.add)))"#);
    let program = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
    let ids = |function: u32| -> Vec<SiteId> {
        program.sites(function).unwrap().iter().map(|site| site.id).collect()
    };
    let mut bytes = Vec::new();
    for word in [5, ids(0)[0].0, 0] {
        bytes.extend(u32::to_le_bytes(word));
    }
    // The call in the loop: a live local, of 8 bytes.
    for word in [3, 0, ids(1)[1].0, 0] {
        bytes.extend(u32::to_le_bytes(word));
    }
    for word in [1, ids(2)[0].0, 0] {
        bytes.extend(u32::to_le_bytes(word));
    }
    (wasm, bytes)
}

#[test]
fn frames_are_decoded_and_encoded() {
    let (wasm, bytes) = program_with_frames();
    let program = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
    let frames = program.decode(&bytes).unwrap();
    let functions: Vec<_> = frames.iter().map(|frame| frame.function).collect();
    assert_eq!(functions, [2, 1, 0]);
    assert_eq!(frames[0].operands, [Value::I32(1)]);
    assert_eq!(frames[1].locals, [Value::I32(0), Value::I64(3)]);
    assert_eq!(frames[2].locals, [Value::I32(5)]);
    let sites: Vec<_> = frames.iter().map(|frame| frame.site).collect();
    let continuations = program.continuations(&sites).unwrap();
    let encoded = program.encode(&frames, &continuations).unwrap();
    assert_eq!(program.decode(&encoded).unwrap(), frames);

    let check = |change: &dyn Fn(&mut Vec<gate_instrument::stop::Frame>), expect: &str| {
        let mut frames = frames.clone();
        change(&mut frames);
        assert_eq!(program.encode(&frames, &continuations).unwrap_err().to_string(), expect);
    };
    check(&|frames| frames.clear(), "frame 0 of 0 is not at a stop point where it could be");
    check(&|frames| drop(frames.pop()), "frame 1 of 2 is not at a stop point where it could be");
    check(&|frames| frames[1].function = 2, "frame 1 is of function 2, which cannot be there");
    check(&|frames| drop(frames.remove(1)), "frame 1 is of function 0, which cannot be there");
    check(
        &|frames| frames[1].locals[1] = Value::F64(0),
        "frame 1 has a wrong number of values, or a value of another type than its stop point says",
    );
    check(
        &|frames| frames[0].operands.clear(),
        "frame 0 has a wrong number of values, or a value of another type than its stop point says",
    );
    check(&|frames| frames[2].site = SiteId(1), "the program has no stop point at offset 0x1");
}

#[test]
fn no_stop_point() {
    let (wasm, _) = program_with_frames();
    let program = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
    for site in [0, 9, 11, u32::MAX] {
        let error = program.continuations(&[SiteId(site)]).unwrap_err();
        assert!(matches!(error, StopError::NoSite { .. }), "{error}");
    }
}

proptest! {
    /// Whatever the frames are said to be, decoding ends with an error or with what can be encoded.
    #[test]
    fn decoding_never_panics(changes in prop::collection::vec((0usize..64, any::<u8>()), 0..6), cut in 0usize..48) {
        let (wasm, mut bytes) = program_with_frames();
        let program = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
        for (position, byte) in changes {
            if let Some(old) = bytes.get_mut(position) {
                *old = byte;
            }
        }
        bytes.drain(..cut.min(bytes.len()));
        match program.decode(&bytes) {
            Ok(frames) => {
                let sites: Vec<_> = frames.iter().map(|frame| frame.site).collect();
                let continuations = program.continuations(&sites).unwrap();
                prop_assert_eq!(program.encode(&frames, &continuations).unwrap().len(), bytes.len());
            }
            Err(FrameError::Slot { .. }) => prop_assert!(false, "decoding needs no slots"),
            Err(_) => {}
        }
    }
}
