;; Many calls of one function on the stack, each with operands below the call.
;;! input = ..
;;! every = 23 61
;;! upstream = multi-value
(func $deep (param $n i32) (param $scale f64) (result i64 f32)
  (i64.extend_i32_u (local.get $n))
  (f32.convert_i32_u (local.get $n))
  (if (result i64 f32) (local.get $n)
    (then (call $deep (i32.sub (local.get $n) (i32.const 1)) (f64.add (local.get $scale) (f64.const 0.5))))
    (else
      (call $pause)
      (i64.reinterpret_f64 (local.get $scale))
      (f32.const 1)))
  (call $combine))
(func $combine (param i64 f32 i64 f32) (result i64 f32)
  (i64.add (i64.rotl (local.get 2) (i64.const 7)) (local.get 0))
  (f32.add (local.get 1) (f32.div (local.get 3) (f32.const 3))))
(func (export "_start") (local $f f32)
  (local.set $f (call $deep (i32.const 700) (f64.const 0.125)))
  (call $show)
  (call $show32 (i32.reinterpret_f32 (local.get $f)))
  (local.set $f (call $deep (i32.const 60) (f64.const -1)))
  (call $show)
  (call $show32 (i32.reinterpret_f32 (local.get $f))))
