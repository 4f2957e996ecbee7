;; A trap's backtrace names the functions and places of the program, in whatever life of it.
;;! input = ..
;;! every = 1
;;! status = 134
(func $innermost (param $x i32) (result i32)
  (call $pause)
  (i32.div_u (i32.const 1) (local.get $x)))
(func $middle (param $x i32) (local $i i32)
  (loop $again
    (call $show32 (call $innermost (i32.sub (local.get $x) (local.get $i))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br $again)))
(func $outermost (export "_start")
  (call $middle (i32.const 1)))
