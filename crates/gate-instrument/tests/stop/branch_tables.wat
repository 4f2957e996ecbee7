;; A state machine: a br_table to loops and blocks, inside of a loop that is its own target.
(module
  (memory (export "memory") 1)
  (func (export "run") (param $n i32) (result i32) (local $state i32) (local $steps i32)
    (block $end
      (loop $next
        (i32.store8 (local.get $steps) (local.get $state))
        (local.set $steps (i32.add (local.get $steps) (i32.const 1)))
        (br_if $end (i32.ge_u (local.get $steps) (i32.const 30)))
        (block $two
          (block $one
            (block $zero
              (br_table $zero $one $two $next $end (local.get $state)))
            (local.set $state (i32.const 2))
            (br $next))
          (local.set $state (i32.const 4))
          (br $end))
        (if (i32.lt_u (local.get $steps) (i32.const 17))
          (then (local.set $state (i32.const 0)))
          (else (local.set $state (i32.const 1))))
        (br $next)))
    (i32.add (i32.mul (local.get $steps) (i32.const 100)) (local.get $state)))
  (func (export "with a value") (param $n i32) (result i64)
    (local $i i32)
    (i64.const 40)
    (loop $again (param i64) (result i64)
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (block $a (param i64) (result i64)
        (block $b (param i64) (result i64)
          (i64.add (i64.const 1))
          (br_table $a $b $again $again $a (i32.rem_u (local.get $i) (i32.const 5))))
        (i64.mul (i64.const 2)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 20))))))
