;; A start function that is stopped, too, and memories that grow.
(module
  (import "host" "log" (func $log (param i32)))
  (import "host" "block" (func $block (param i32) (result i32)))
  (memory $a (export "a") 1 5)
  (memory $b (export "b") 0)
  (global $started (export "started") (mut i32) (i32.const 0))
  (data (memory $a) (i32.const 100) "text")
  (start $start)
  (func $start (local $n i32)
    (loop $again
      (global.set $started (i32.add (global.get $started) (i32.const 1)))
      (call $log (call $block (global.get $started)))
      (drop (memory.grow $b (i32.const 1)))
      (i32.store $b (i32.mul (i32.sub (memory.size $b) (i32.const 1)) (i32.const 65536)) (global.get $started))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 4)))))
  (func (export "run") (result i32)
    (loop $again
      (call $log (memory.grow $a (i32.const 1)))
      (i32.store8 $a (i32.const 101) (memory.size $a))
      (br_if $again (i32.lt_u (memory.size $a) (i32.const 4))))
    (i32.load $a (i32.const 100))))
