;; Stopped in the module's start function, which must not begin anew, nor the segments be written again.
;;! input = ....
;;! every = 1 3
(global $done (mut i32) (i32.const 0))
(data (i32.const 4096) "\01\00\00\00")
(func $begin (local $i i32)
  (i32.store (i32.const 4096) (i32.const 2))
  (loop $again
    (call $pause)
    (i32.store (i32.const 4096) (i32.mul (i32.load (i32.const 4096)) (i32.const 3)))
    (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
  (global.set $done (i32.add (global.get $done) (i32.const 1))))
(start $begin)
(func (export "_start")
  (call $show32 (i32.load (i32.const 4096)))
  (call $pause)
  (call $show32 (global.get $done))
  (call $show32 (i32.load (i32.const 4096))))
