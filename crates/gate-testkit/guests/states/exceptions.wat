;; Exceptions: stopped where one can be thrown, in what handles it, and between handling and throwing it on.
;;! input = .....
;;! every = 1 4
;;! without = winch node
;;! upstream = multi-value
(tag $number (param i64))
(tag $pair (param i32 f64))
(tag $other)
(func $throw (param $n i32)
  (call $pause)
  (if (i32.eqz (local.get $n)) (then (throw $number (i64.const 0x11))))
  (if (i32.eq (local.get $n) (i32.const 1)) (then (throw $pair (i32.const 7) (f64.const 0.75))))
  (if (i32.eq (local.get $n) (i32.const 2)) (then (throw $other))))
(func $handle (param $n i32) (result i64) (local $f f64)
  (i64.const 0x1000)
  (block $caught (result i64)
    (block $all
      (block $both (result i32 f64)
        (i64.const 3)
        (try_table (result i64) (catch $number $caught) (catch $pair $both) (catch_all $all)
          (i64.const 0x20)
          (call $throw (local.get $n))
          (i64.add (i64.const 0x30)))
        (i64.add)
        (br $caught))
      (local.set $f)
      (local.set $n)
      ;; A handler is left by another exception, which the caller handles.
      (call $throw_again (local.get $f)))
    (call $show32 (local.get $n))
    (i64.const 0x77))
  (i64.add))
(func $throw_again (param f64)
  (loop $twice
    (call $pause)
    (br_if $twice (i32.eq (global.get $pauses) (i32.const 2))))
  (throw $number (i64.reinterpret_f64 (local.get 0))))
(func (export "_start") (local $i i32)
  (loop $next
    (f32.const 1.5)
    (block $caught (result i64)
      (try_table (catch $number $caught)
        (call $show (call $handle (local.get $i))))
      (i64.const 0))
    (call $show)
    (i32.reinterpret_f32)
    (call $show32)
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (i32.const 4)))))
