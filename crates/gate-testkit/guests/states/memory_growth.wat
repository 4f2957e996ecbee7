;; A memory that grows, with something on each of its pages.
;;! input = ...
;;! every = 3 5
(func $fill (local $page i32)
  (local.set $page (i32.const 1))
  (loop $next
    (i64.store offset=65528 (i32.shl (local.get $page) (i32.const 16)) (i64.mul (i64.extend_i32_u (local.get $page)) (i64.const 0x10001)))
    (i32.store8 (i32.shl (local.get $page) (i32.const 16)) (local.get $page))
    (br_if $next (i32.lt_u (local.tee $page (i32.add (local.get $page) (i32.const 1))) (memory.size)))))
(func $sum (result i64) (local $page i32) (local $sum i64)
  (local.set $page (i32.const 1))
  (loop $next
    (local.set $sum (i64.add (i64.rotl (local.get $sum) (i64.const 5))
      (i64.add
        (i64.load offset=65528 (i32.shl (local.get $page) (i32.const 16)))
        (i64.load8_u (i32.shl (local.get $page) (i32.const 16))))))
    (br_if $next (i32.lt_u (local.tee $page (i32.add (local.get $page) (i32.const 1))) (memory.size))))
  (local.get $sum))
(func (export "_start")
  (call $show32 (memory.grow (i32.const 2)))
  (call $pause)
  (call $fill)
  (call $show (call $sum))
  (call $show32 (memory.grow (i32.const 12)))
  (call $pause)
  (call $show (call $sum))
  (call $fill)
  (call $show (call $sum))
  (memory.copy (i32.const 0x20007) (i32.const 0x1fffd) (i32.const 0x30001))
  (memory.fill (i32.const 0x90000) (i32.const 0xab) (i32.const 0x18000))
  (call $pause)
  (call $show (call $sum))
  (call $show32 (memory.grow (i32.const 0x10000)))
  (call $show32 (memory.size)))
