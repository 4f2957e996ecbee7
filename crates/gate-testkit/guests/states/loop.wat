;; A loop that calls nothing: only its head can stop it.
;;! runs = 30
;;! every = 300000 511111
(func (export "_start") (local $i i32) (local $x f64)
  (call $mark)
  (local.set $x (f64.const 1))
  (loop $again
    (local.set $x (f64.sqrt (f64.add (f64.div (f64.const 1e9) (local.get $x)) (f64.convert_i32_u (local.get $i)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $i) (i32.const 20000000))))
  (call $show (i64.reinterpret_f64 (local.get $x))))
