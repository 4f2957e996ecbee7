;; Loops in loops, with a local that the inner one carries around and one that is dead in it.
(module
  (memory (export "memory") 1)
  (func (export "sum") (result i32) (local $i i32) (local $sum i32)
    (i32.const 1000)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (i32.mul (local.get $i) (i32.const 3))))
      (i32.store (i32.mul (local.get $i) (i32.const 4)) (local.get $sum))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20))))
    (i32.add (local.get $sum)))
  (func (export "nested") (param $n i32) (result i64)
    (local $i i32) (local $j i32) (local $previous i32) (local $sum i64)
    (block $done
      (loop $outer
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (local.get $previous))))
        (local.set $j (i32.const 0))
        (loop $inner
          (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 3)) (i64.extend_i32_u (local.get $j))))
          (local.set $j (i32.add (local.get $j) (i32.const 1)))
          (br_if $inner (i32.lt_u (local.get $j) (local.get $i)))
          (br_if $done (i32.eq (local.get $j) (i32.const 6))))
        (local.set $previous (local.get $j))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $outer)))
    (local.get $sum)))
