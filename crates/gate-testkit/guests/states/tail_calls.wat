;; Tail calls, direct and through a table, between functions with different parameters: the stack does not grow.
;;! input = ...
;;! every = 7 12
;;! without = winch node
;;! upstream = an element segment of another form
(type $step (func (param i32 i64) (result i64)))
(table $table funcref (elem $count $finish))
(func $count (type $step)
  (if (i32.eqz (i32.rem_u (local.get 0) (i32.const 20))) (then (call $pause)))
  (if (i32.eqz (local.get 0)) (then (return_call_indirect $table (type $step) (i32.const 5) (local.get 1) (i32.const 1))))
  (return_call $other (f32.convert_i32_u (local.get 0)) (local.get 1) (local.get 0)))
(func $other (param f32 i64 i32) (result i64)
  (return_call_indirect $table (type $step)
    (i32.sub (local.get 2) (i32.const 1))
    (i64.add (i64.mul (local.get 1) (i64.const 3)) (i64.trunc_f32_u (local.get 0)))
    (i32.const 0)))
(func $finish (type $step)
  (i64.sub (local.get 1) (i64.extend_i32_u (local.get 0))))
(func (export "_start")
  (call $show (i64.add (i64.const 1) (call $count (i32.const 45) (i64.const 2)))))
