//! Programs that somebody has written, for what is hard to stop in.

use gate_abi::trap::Trap;
use gate_interpreter::Outcome;
use gate_snapshot::{Entry, Value};

use crate::machine::{End, World, run};

/// Calls the exported function `main`, in one go and stopped everywhere, and checks what it returns.
#[track_caller]
fn check(text: &str, expected: &[Value]) {
    let end = same(text);
    assert_eq!(end.outcome, Outcome::Returned(expected.to_vec()));
}

/// Calls the exported function `main` in all ways, which makes no difference.
#[track_caller]
fn same(text: &str) -> End {
    let wasm = wat::parse_str(text).unwrap();
    let limits = gate_instrument::accept::Limits::STANDARD;
    let outline = gate_instrument::accept::validate(&wasm, &limits).unwrap();
    let main = outline.exports.iter().find(|export| export.name == "main").unwrap().index;
    let entry = || Entry { initialize: None, function: Some(main), arguments: Vec::new() };
    let (end, stops) = run(&wasm, entry(), None, World::default());
    assert_eq!(stops, 0);
    for every in [1, 2, 3, 7] {
        for interrupts in [false, true] {
            let world = World { interrupts, ..World::default() };
            let (stopping, stops) = run(&wasm, entry(), Some(every), world);
            assert_eq!(stopping, end, "every {every}");
            assert!(stops > 0 || every > 3, "it was never stopped");
        }
    }
    end
}

#[test]
fn loops_with_parameters_and_operands_below() {
    check(
        r#"(module (func (export "main") (result i64 i32)
            (local $i i32)
            i64.const 1000
            i32.const 5
            (loop $again (param i32) (result i32)
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (i32.add (local.get $i))
              (br_if $again (i32.lt_u (local.get $i) (i32.const 10))))))"#,
        &[Value::I64(1000), Value::I32(60)],
    );
}

#[test]
fn recursion_with_vectors() {
    check(
        r#"(module
            (func $f (param $n i32) (param $v v128) (result v128)
              (if (result v128) (i32.eqz (local.get $n))
                (then (local.get $v))
                (else
                  (i32x4.add (local.get $v)
                    (call $f (i32.sub (local.get $n) (i32.const 1))
                             (i32x4.add (local.get $v) (v128.const i32x4 1 2 3 4)))))))
            (func (export "main") (result i32)
              (i32x4.extract_lane 3 (call $f (i32.const 5) (v128.const i32x4 0 0 0 1)))))"#,
        &[Value::I32(1 + 5 + 9 + 13 + 17 + 21)],
    );
}

#[test]
fn an_exception_in_flight() {
    check(
        r#"(module
            (tag $t (param i32 v128)) (tag $u (param exnref))
            (table $kept 1 exnref)
            (func $throw (param $n i32)
              (if (i32.eqz (local.get $n)) (then (throw $t (i32.const 42) (v128.const i64x2 7 8))))
              (call $throw (i32.sub (local.get $n) (i32.const 1))))
            (func $catch (result exnref) (local $x exnref)
              (block $h (result i32 v128 exnref)
                (try_table (catch_ref $t $h) (call $throw (i32.const 3)))
                unreachable)
              (local.set $x)
              (table.set $kept (i32.const 0) (local.get $x))
              drop drop
              (loop $spin)
              (table.get $kept (i32.const 0)))
            (func $wrap (result exnref)
              (block $h (result exnref exnref)
                (try_table (catch_ref $u $h) (throw $u (call $catch)))
                unreachable)
              (loop $spin)
              drop)
            (func (export "main") (result i32) (local $e exnref)
              (local.set $e (call $wrap))
              (loop $spin)
              (block $h (result i32 v128)
                (try_table (catch $t $h) (throw_ref (local.get $e)))
                unreachable)
              (i32.add (i32.wrap_i64 (i64x2.extract_lane 1)))))"#,
        &[Value::I32(50)],
    );
}

#[test]
fn handlers_of_the_function_itself_and_of_loops() {
    check(
        r#"(module
            (tag $t (param i32))
            (func $f (param i32) (result i32)
              (try_table (result i32) (catch $t 0)
                (throw $t (i32.mul (local.get 0) (i32.const 3)))))
            (func (export "main") (result i32) (local $sum i32)
              (i32.const 0)
              (loop $l (param i32)
                (local.set $sum (i32.add (local.get $sum)))
                (if (i32.lt_u (local.get $sum) (i32.const 100))
                  (then (try_table (catch $t $l) (throw $t (call $f (i32.const 7)))))))
              (local.get $sum)))"#,
        &[Value::I32(105)],
    );
}

#[test]
fn tail_calls_direct_and_indirect() {
    check(
        r#"(module
            (type $t (func (param i64 i32) (result i64)))
            (table funcref (elem $odd $even))
            (func $even (type $t)
              (if (i32.eqz (local.get 1)) (then (return (local.get 0))))
              (return_call $odd (i64.add (local.get 0) (i64.const 1)) (i32.sub (local.get 1) (i32.const 1))))
            (func $odd (type $t)
              (if (i32.eqz (local.get 1)) (then (return (i64.const -1))))
              (return_call_indirect (type $t)
                (i64.add (local.get 0) (i64.const 2)) (i32.sub (local.get 1) (i32.const 1)) (i32.const 1)))
            (func (export "main") (result i64)
              (i64.add (i64.const 5) (call $even (i64.const 0) (i32.const 100)))))"#,
        &[Value::I64(155)],
    );
}

#[test]
fn imports_that_block() {
    let end = same(
        r#"(module
            (import "env" "a" (func $a (param i32 i64) (result i32)))
            (import "env" "b" (func $b))
            (memory 1)
            (type $t (func (param i32 i64) (result i32)))
            (table funcref (elem $a))
            (func $tail (result i32) (return_call $a (i32.const 3) (i64.const 4)))
            (func (export "main") (result i32)
              (call $b)
              (i32.add (call $a (i32.const 1) (i64.const -2))
                (i32.add (call $tail)
                  (call_indirect (type $t) (i32.const 5) (i64.const 6) (i32.const 0))))))"#,
    );
    assert_eq!(end.outcome, Outcome::Returned(vec![Value::I32(2 + 3 + 4)]));
    let minus_two = (-2i64).cast_unsigned();
    let expected = [(1, vec![]), (0, vec![1, minus_two]), (0, vec![3, 4]), (0, vec![5, 6])];
    assert_eq!(end.calls, expected);
    assert_eq!(end.memories[0].0[0], 4);
}

#[test]
fn segments_tables_and_the_start_function() {
    check(
        r#"(module
            (memory 1)
            (table $t 2 10 funcref)
            (data $d "abc") (data (i32.const 10) "xyz")
            (elem $e func $one $two) (elem (table $t) (i32.const 0) func $two $two)
            (global $g (mut i32) (i32.const 1))
            (func $one (result i32) (i32.const 1))
            (func $two (result i32) (i32.const 2))
            (func $start
              (memory.init $d (i32.const 0) (i32.const 1) (i32.const 2))
              (data.drop $d)
              (loop $l
                (global.set $g (i32.mul (global.get $g) (i32.const 3)))
                (br_if $l (i32.lt_u (global.get $g) (i32.const 100)))))
            (start $start)
            (func (export "main") (result i32 i32 i32 i32)
              (drop (table.grow $t (ref.func $one) (i32.const 3)))
              (loop $spin)
              (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))
              (elem.drop $e)
              (loop $spin)
              (i32.add (call_indirect $t (result i32) (i32.const 0)) (call_indirect $t (result i32) (i32.const 4)))
              (i32.load16_u (i32.const 0))
              (global.get $g)
              (table.size $t)))"#,
        &[Value::I32(2), Value::I32(0x6362), Value::I32(243), Value::I32(5)],
    );
}

#[test]
fn a_table_of_branches_with_values() {
    check(
        r#"(module
            (func $pick (param i32) (result i64)
              (i64.const 1)
              (block $c (param i64) (result i64)
                (block $b (param i64) (result i64)
                  (i64.const 100)
                  (br_table $b $c 2 (local.get 0)))
                (loop $spin)
                (i64.const 10)
                i64.add)
              (loop $spin)
              (i64.const 1000)
              i64.add)
            (func (export "main") (result i64 i64 i64)
              (call $pick (i32.const 0)) (call $pick (i32.const 1)) (call $pick (i32.const 2))))"#,
        &[Value::I64(1110), Value::I64(1100), Value::I64(100)],
    );
}

#[test]
fn traps_say_where() {
    let end = same(
        r#"(module
            (func $f (param i32) (result i32)
              (if (result i32) (local.get 0)
                (then (call $f (i32.sub (local.get 0) (i32.const 1))))
                (else (i32.div_u (i32.const 1) (local.get 0)))))
            (func (export "main") (result i32) (call $f (i32.const 2))))"#,
    );
    let Outcome::Trapped { trap, detail, frames } = end.outcome else { panic!("it did not trap") };
    assert_eq!((trap, detail), (Trap::IntegerDivideByZero, None));
    let functions: Vec<_> = frames.iter().map(|call| call.function).collect();
    assert_eq!(functions, [0, 0, 0, 1]);
    assert!(frames[0].offset > frames[1].offset, "the division is behind the call");
    assert_eq!(frames[1].offset, frames[2].offset);
}

#[test]
fn endless_recursion_ends() {
    let wasm = wat::parse_str(r#"(module (func $f (export "main") (call $f)))"#).unwrap();
    let entry = Entry { initialize: None, function: Some(0), arguments: Vec::new() };
    let (end, _) = run(&wasm, entry, None, World::default());
    assert!(matches!(end.outcome, Outcome::Trapped { trap: Trap::CallStackExhausted, .. }));
}

#[test]
fn exceptions_that_nobody_refers_to_are_given_up() {
    // Each is held by reference, and has room for some thousand.
    let text = |keep: &str| {
        format!(
            r#"(module (tag $t (param i64 exnref))
                (func (export "main") (local $i i32) (local $e exnref)
                  (loop $l
                    (block $h (result i64 exnref exnref)
                      (try_table (catch_ref $t $h) (throw $t (i64.const 1) {keep}))
                      unreachable)
                    (local.set $e) drop drop
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br_if $l (i32.lt_u (local.get $i) (i32.const 100000))))))"#
        )
    };
    let run = |keep: &str| {
        let entry = Entry { initialize: None, function: Some(0), arguments: Vec::new() };
        run(&wat::parse_str(text(keep)).unwrap(), entry, None, World::default()).0.outcome
    };
    assert_eq!(run("(ref.null exn)"), Outcome::Returned(Vec::new()));
    assert!(matches!(run("(local.get $e)"), Outcome::Trapped { trap: Trap::OutOfMemory, .. }));
}
