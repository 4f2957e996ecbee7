;; Stopped in `_initialize`, and in the function that is invoked after it, which has arguments and gives results.
;;! input = ...
;;! every = 1 3
;;! invoke = run 2 -1099511627776 1.5 -0.1
;;! results = 4
;;! upstream = multi-value
(global $initialized (mut i32) (i32.const 0))
(func (export "_initialize")
  (call $pause)
  (global.set $initialized (i32.add (global.get $initialized) (i32.const 1)))
  (call $pause))
(func (export "run") (param $a i32) (param $b i64) (param $c f32) (param $d f64) (result f64 i64 f32 i32) (local $i i32)
  (call $pause)
  (local.set $i (i32.const 9))
  (loop $again
    (local.set $d (f64.add (local.get $d) (f64.promote_f32 (local.get $c))))
    (call $show (i64.reinterpret_f64 (local.get $d)))
    (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 3)))))
  (f64.mul (local.get $d) (f64.const 3))
  (i64.sub (local.get $b) (i64.extend_i32_u (global.get $initialized)))
  (f32.div (local.get $c) (f32.const 3))
  (i32.add (local.get $a) (local.get $i)))
