;; A machine in a loop whose instructions are branches through tables: to loops, out of blocks, with and without values.
;;! input = ...
;;! every = 2 7
;;! upstream = multi-value
(data (i32.const 2048) "\03\00\01\00\02\01\03\00\00\01\04\00\03\05")
(func (export "_start") (local $at i32) (local $x i64)
  (local.set $at (i32.const 2048))
  (loop $machine
    (block $stop
      (block $store (result i64)
        (block $add
          (block $multiply
            (block $wait
              (loop $skip
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (block $odd
                  (br_table $add $multiply $skip $wait $odd $stop
                    (i32.load8_u (i32.sub (local.get $at) (i32.const 1)))))
                (local.set $x (i64.xor (local.get $x) (i64.const 0xff)))
                (br $skip)))
            (call $pause)
            (br $machine))
          (br $store (i64.mul (local.get $x) (i64.const 7))))
        (i64.const 11)
        (loop $values (param i64) (result i64)
          (i64.add (local.get $x))
          (local.tee $x)
          (br_table $values $store (i64.ge_u (local.get $x) (i64.const 40)))))
      (local.set $x)
      (call $show (local.get $x))
      (br $machine)))
  (call $show32 (local.get $at)))
