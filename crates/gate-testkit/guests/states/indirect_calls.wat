;; Calls through a table, nested: what is called decides what is called next.
;;! input = ...
;;! every = 3 8
;;! upstream = an element segment of another form
(type $step (func (param i32 i64) (result i64)))
(table $steps funcref (elem $twice $plus $last $again))
(func $call (param $which i32) (param $n i32) (param $x i64) (result i64)
  (call_indirect $steps (type $step) (local.get $n) (local.get $x) (local.get $which)))
(func $twice (type $step)
  (i64.add (local.get 1) (call $call (i32.const 1) (local.get 0) (i64.mul (local.get 1) (i64.const 2)))))
(func $plus (type $step)
  (i64.mul (i64.const 5)
    (call_indirect $steps (type $step)
      (i32.sub (local.get 0) (i32.const 1))
      (i64.add (local.get 1) (i64.const 1))
      (select (i32.const 3) (i32.const 2) (local.get 0)))))
(func $again (type $step)
  (if (i32.eq (i32.rem_u (local.get 0) (i32.const 5)) (i32.const 3)) (then (call $pause)))
  (i64.sub (call $call (i32.const 0) (local.get 0) (local.get 1)) (i64.const 9)))
(func $last (type $step)
  (call $pause)
  (local.get 1))
(func (export "_start")
  (call $show (call $call (i32.const 0) (i32.const 9) (i64.const 1))))
