;; Several memories: one is full of data, one is empty, one grows.
;;! input = ...
;;! without = node
;;! every = 3 5
;;! upstream = multiple memories
(memory $empty 0 0)
(memory $data 2 2)
(memory $growing 0 40)
(data (memory $data) (i32.const 65533) "across")
(func $sum (result i64) (local $i i32) (local $x i64)
  (loop $next
    (local.set $x (i64.add (i64.mul (local.get $x) (i64.const 31))
      (i64.load $growing (i32.mul (local.get $i) (i32.const 8192)))))
    (br_if $next (i32.lt_u
      (local.tee $i (i32.add (local.get $i) (i32.const 1)))
      (i32.mul (memory.size $growing) (i32.const 8)))))
  (local.get $x))
(func (export "_start")
  (call $show (i64.load $data (i32.const 65532)))
  (call $show32 (memory.grow $growing (i32.const 1)))
  (i64.store $growing (i32.const 8192) (i64.const -2))
  (call $pause)
  (call $show (call $sum))
  (call $show32 (memory.grow $growing (i32.const 2)))
  (memory.copy $growing $data (i32.const 131072) (i32.const 65533) (i32.const 6))
  (memory.fill $data (i32.const 0) (i32.const 7) (i32.const 65536))
  (call $pause)
  (call $show (call $sum))
  (memory.copy $memory $data (i32.const 2048) (i32.const 65530) (i32.const 16))
  (call $show (i64.load (i32.const 2048)))
  (call $pause)
  (call $show (i64.load (i32.const 2056)))
  (call $show32 (memory.grow $growing (i32.const 38)))
  (call $show32 (memory.grow $empty (i32.const 1)))
  (call $show32 (memory.size $empty)))
