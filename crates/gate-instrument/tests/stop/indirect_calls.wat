;; Calls through a table, also of imported functions, and traps in them.
(module
  (import "host" "log" (func $log (param i32)))
  (import "host" "block read" (func $read (param i32)))
  (type $unary (func (param i32)))
  (table (export "table") 6 funcref)
  (elem (i32.const 0) $log $read $loop $calls)
  (func $loop (param $n i32)
    (loop $again
      (call $log (local.get $n))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func $calls (param $n i32)
    (call_indirect (type $unary) (i32.const 5) (i32.rem_u (local.get $n) (i32.const 3)))
    (call $log (i32.const 99)))
  (func (export "all") (result i32) (local $i i32)
    (i32.const 1)
    (loop $again
      (i32.const 2)
      (call_indirect (type $unary) (i32.add (local.get $i) (i32.const 3)) (local.get $i))
      (drop)
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))
    (i32.add (local.get $i)))
  (func (export "null")
    (call_indirect (type $unary) (i32.const 1) (i32.const 4))))
