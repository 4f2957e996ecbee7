;; Functions that call each other, with different frames.
;;! input = .
;;! every = 5 9
(func $even (param $n i32) (param $path i64) (result i64)
  (if (i32.eqz (local.get $n)) (then (call $pause) (return (local.get $path))))
  (i64.add
    (i64.shl (local.get $path) (i64.const 1))
    (call $odd (i32.sub (local.get $n) (i32.const 1)) (f32.convert_i32_u (local.get $n)) (local.get $path))))
(func $odd (param $n i32) (param $f f32) (param $path i64) (result i64)
  (local $half i32)
  (local.set $half (i32.shr_u (local.get $n) (i32.const 1)))
  (i64.xor
    (call $third (local.get $half) (i64.add (local.get $path) (i64.const 3)) (i32.sub (local.get $n) (i32.const 1)))
    (i64.extend_i32_u (i32.add (local.get $half) (i32.reinterpret_f32 (local.get $f))))))
(func $third (param $half i32) (param $path i64) (param $n i32) (result i64)
  (i64.sub (call $even (local.get $n) (local.get $path)) (i64.extend_i32_u (local.get $half))))
(func (export "_start")
  (call $show (call $even (i32.const 80) (i64.const 1))))
