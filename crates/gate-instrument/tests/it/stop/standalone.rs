//! Programs that go on as a module of their own do what they do otherwise.

mod state;

use gate_instrument::stop::{
    Exception, Frame, Hidden, Invocation, Place, Poll, Program, Referent, Site, SiteId, SiteKind,
    StandaloneError, Stopped, Value,
};
use wasmi::{Engine, Module, Store, Val};

use super::breakpoints::instructions;
use super::machine::{self, Host, Machine, Plan};
use super::{validate, written};

const NO_REFERENCES: [&[Referent]; 3] = [&[]; 3];

/// Calls a function and then perhaps another one, in a new instance of a module that is not transformed.
fn run(engine: &Engine, original: &Module, wasm: &[u8], log: String, calls: &[(String, Vec<Val>)]) -> String {
    let module = Module::new(engine, wasm).unwrap();
    let mut store = Store::new(engine, Host::with_log(log));
    let linker = machine::linker(engine, &module);
    let Ok(instance) = linker.instantiate_and_start(&mut store, &module) else {
        return String::from("cannot be instantiated");
    };
    let mut outcome = String::new();
    for (name, arguments) in calls {
        let function = instance.get_func(&store, name).unwrap();
        let mut results = machine::zeros(&function, &store);
        if let Err(error) = function.call(&mut store, arguments, &mut results) {
            outcome.push_str(&format!("{error}\n"));
            break;
        }
    }
    machine::write_state(&mut outcome, original, &instance, &store);
    outcome.push_str(&store.data().log);
    outcome
}

/// Stops each exported function at its `stop`th stop point, and checks that the module that goes on from there does the same.
/// Says how many were stopped.
#[track_caller]
pub(super) fn check_standalone(wasm: &[u8], stop: i64, breakpoints: &[u32]) -> u32 {
    let engine = machine::engine();
    let original = Module::new(&engine, wasm).unwrap();
    let config = machine::with_breakpoints(Poll::Countdown, breakpoints);
    let program = Program::new(wasm, &config).unwrap();
    let module = Module::new(&engine, program.instrument().unwrap().wasm).unwrap();
    let variants = [(program, module)];
    let program = &variants[0].0;
    let calls = machine::calls(&original);
    let mut stopped = 0;
    for (position, (name, arguments)) in calls.iter().enumerate() {
        let mut machine =
            Machine::new(&variants, &engine, Plan { poll: Poll::Countdown, every: 0, moves: false });
        let is_ready = machine.call(&program.name(Hidden::Initialize), &[]).is_ok()
            && program
                .start()
                .is_none_or(|start| machine.call(&program.name(Hidden::Function(start)), &[]).is_ok());
        if !is_ready || !machine.stops_in(name, arguments, stop) {
            continue;
        }
        stopped += 1;
        let frames = machine.frames();
        let spilled = machine.spilled();
        let spilled = [&spilled[0][..], &spilled[1], &spilled[2]];
        // Another function comes behind it.
        let next = &calls[(position + 1) % calls.len()];
        let then =
            [Invocation { function: state::exported(wasm, &next.0), arguments: state::values(&next.1) }];
        let state = state::module(wasm, &machine);
        let standalone = program
            .standalone(&Stopped { state: &state, frames: &frames, spilled, exceptions: &[], then: &then })
            .unwrap();
        validate(&standalone, false);
        let log = machine.log();
        let found = run(&engine, &original, &standalone, log, &[(String::from("_start"), Vec::new())]);
        let both = [(name.clone(), arguments.clone()), next.clone()];
        let expected = run(&engine, &original, wasm, String::new(), &both);
        assert_eq!(found, expected, "{name} {frames:?}\n{}", wasmprinter::print_bytes(&standalone).unwrap());
    }
    stopped
}

#[test]
fn written_programs() {
    let mut stopped = 0;
    for name in [
        "branch_tables",
        "imports_that_block",
        "indirect_calls",
        "leaves",
        "loops",
        "loops_with_parameters",
        "many_values",
        "multiple_values",
        "operands_below_blocks",
        "recursion",
        "references",
        "segments",
        "start_and_memories",
        "tail_calls",
        "unreachable_code",
        "vectors_and_numbers",
    ] {
        let wasm = written::read(name);
        let all = instructions(&wasm).concat();
        for stop in [1, 2, 3, 7, 20] {
            stopped += check_standalone(&wasm, stop, &[]);
        }
        for stop in [0, 5] {
            stopped += check_standalone(&wasm, stop, &all);
        }
        for breakpoints in all.chunks(1).step_by(7) {
            stopped += check_standalone(&wasm, 0, breakpoints);
        }
    }
    assert!(stopped > 300, "{stopped}");
}

fn find(program: &Program<'_>, function: u32, kind: SiteKind) -> Site {
    program.sites(function).unwrap().into_iter().find(|site| site.kind == kind).unwrap()
}

fn frame(site: &Site, locals: &[Value]) -> Frame {
    let operands = site.operands().into_iter().map(Value::zero).collect();
    Frame { function: site.function, site: site.id, locals: locals.to_vec(), operands }
}

const EXNREF: gate_instrument::accept::ValueType = gate_instrument::accept::ValueType::ExnRef;

/// The interpreter has no exceptions: what comes out is valid, whatever the frame.
#[test]
fn programs_with_exceptions() {
    let wasm = written::read("exceptions");
    let program = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
    let mut made = 0;
    for offset in instructions(&wasm).concat() {
        let Ok(site) = program.site(SiteId::before(offset)) else { continue };
        let locals: Vec<_> = site.locals.iter().copied().map(Value::zero).collect();
        let frames = [frame(&site, &locals)];
        let stopped =
            Stopped { state: &wasm, frames: &frames, spilled: NO_REFERENCES, exceptions: &[], then: &[] };
        validate(&program.standalone(&stopped).unwrap(), true);
        made += 1;
    }
    assert_eq!(made, 167);
}

/// Exceptions are made again, and may carry others.
#[test]
fn exceptions_in_frames() {
    let wasm = wat::parse_str(
        r#"(module
            (tag $number (param i32 f64))
            (tag $nested (param exnref funcref))
            (func $f (export "f") (param exnref) (loop) (throw_ref (local.get 0))))"#,
    )
    .unwrap();
    let program = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
    let reference = |element| Value::Reference(EXNREF, Some(element));
    let function = Value::Reference(gate_instrument::accept::ValueType::FuncRef, Some(0));
    let spilled: [&[Referent]; 3] =
        [&[Referent::Function(0)], &[], &[Referent::Exception(1), Referent::Exception(0), Referent::Null]];
    let number = Exception { tag: 0, values: vec![Value::I32(7), Value::F64(f64::to_bits(0.5))] };
    let nested = Exception { tag: 1, values: vec![reference(1), function] };
    let standalone = |local: Value, exceptions: &[Exception]| {
        let frames = [frame(&find(&program, 0, SiteKind::Loop), &[local])];
        program.standalone(&Stopped { state: &wasm, frames: &frames, spilled, exceptions, then: &[] })
    };
    let made = standalone(reference(0), &[number.clone(), nested.clone()]).unwrap();
    validate(&made, true);
    let text = wasmprinter::print_bytes(&made).unwrap();
    for line in ["i32.const 7", "f64.const 0x1p-1 (;=0.5;)", "throw $number", "throw $nested", "ref.func $f"]
    {
        assert!(text.contains(line), "{line}\n{text}");
    }
    // Null is no exception.
    validate(&standalone(reference(2), &[]).unwrap(), true);

    let check = |local: Value, exceptions: &[Exception], expect: &str| {
        assert_eq!(standalone(local, exceptions).unwrap_err().to_string(), expect);
    };
    let nowhere = "frame 0 has a reference of type exnref to something that there is not";
    check(reference(0), std::slice::from_ref(&number), nowhere);
    check(reference(3), std::slice::from_ref(&number), nowhere);
    let cycle = Exception { tag: 1, values: vec![reference(0), function] };
    check(reference(0), &[nested.clone(), cycle], "exception 0 carries itself");
    let itself = Exception { tag: 1, values: vec![reference(1), function] };
    check(reference(2), &[itself], "exception 0 carries itself");
    let wrong = Exception { tag: 0, values: vec![Value::I32(7)] };
    check(reference(2), &[wrong], "exception 0 has tag 0, which does not exist or takes other values");
    let no_tag = Exception { tag: 2, values: Vec::new() };
    check(reference(2), &[no_tag], "exception 0 has tag 2, which does not exist or takes other values");
    let no_function = Exception { tag: 1, values: vec![reference(2), reference(2)] };
    check(reference(2), &[no_function], "exception 0 has tag 1, which does not exist or takes other values");
}

#[test]
fn what_does_not_fit() {
    let text = r#"(module
        (import "host" "block" (func $block (param i32)))
        (memory (export "memory") 1)
        (global (mut i32) (i32.const 3))
        (func $run (export "run") (loop) (call $block (global.get 0)) (i32.store (i32.const 0) (i32.const 1))))"#;
    let wasm = wat::parse_str(text).unwrap();
    let program = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
    let frames = [frame(&find(&program, 1, SiteKind::Loop), &[])];
    let stopped =
        Stopped { state: &wasm, frames: &frames, spilled: NO_REFERENCES, exceptions: &[], then: &[] };
    validate(&program.standalone(&stopped).unwrap(), false);
    validate(&program.standalone(&Stopped { frames: &[], ..stopped }).unwrap(), false);

    let check = |stopped: &Stopped<'_>, expect: &str| {
        assert_eq!(program.standalone(stopped).unwrap_err().to_string(), expect);
    };
    let other = |from: &str, to: &str| wat::parse_str(text.replace(from, to)).unwrap();
    let code = other("i32.const 1)", "i32.const 2)");
    check(
        &Stopped { state: &code, ..stopped },
        "section 10 of the module with the state is not that of the program",
    );
    let import = other("\"host\"", "\"other\"");
    check(
        &Stopped { state: &import, ..stopped },
        "section 2 of the module with the state is not that of the program",
    );
    let global = other("(global (mut i32) (i32.const 3))", "");
    check(&Stopped { state: &global, ..stopped }, "the program is not valid with the state that was given");
    let call = [frame(&find(&program, 1, SiteKind::Call), &[])];
    check(&Stopped { frames: &call, ..stopped }, "the program cannot have stopped like that");
    for (function, arguments) in [(2, Vec::new()), (1, vec![Value::I32(1)]), (0, Vec::new())] {
        let then = [Invocation { function, arguments }];
        let expect =
            format!("call 0 is of function {function}, which does not exist or takes other arguments");
        check(&Stopped { then: &then, ..stopped }, &expect);
    }
    let then = [Invocation { function: 0, arguments: vec![Value::I32(1)] }];
    validate(&program.standalone(&Stopped { then: &then, ..stopped }).unwrap(), false);
    let error = program.standalone(&Stopped { state: b"wasm", ..stopped }).unwrap_err();
    assert!(matches!(error, StandaloneError::Stop(_)), "{error}");
    assert_eq!(Place::Call(3).to_string(), "call 3");
}

/// The status that `_start` ends with is what the program exits with.
#[test]
fn status() {
    let wasm = wat::parse_str(
        r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (func (export "other") (result i32) (loop) (i32.const 1))
            (func (export "_start") (result i32) (loop) (i32.const 5)))"#,
    )
    .unwrap();
    let program = Program::new(&wasm, &machine::config(Poll::Countdown)).unwrap();
    let engine = machine::engine();
    let original = Module::new(&engine, &wasm[..]).unwrap();
    for (function, expect) in [(1, ""), (2, "proc_exit 5\n")] {
        let frames = [frame(&find(&program, function, SiteKind::Loop), &[])];
        let stopped =
            Stopped { state: &wasm, frames: &frames, spilled: NO_REFERENCES, exceptions: &[], then: &[] };
        let standalone = program.standalone(&stopped).unwrap();
        let call = [(String::from("_start"), Vec::new())];
        let found = run(&engine, &original, &standalone, String::new(), &call);
        assert_eq!(found.lines().last(), expect.lines().last().or(found.lines().last()));
        assert_eq!(found.contains("proc_exit"), !expect.is_empty());
    }
}
