;; The host refuses to do what would block every second time, and is asked again when the program continues.
(module
  (import "host" "block" (func $block (param i32 i64) (result i32)))
  (import "host" "block none" (func $none))
  (import "host" "log" (func $log (param i32)))
  (global (export "function") funcref (ref.func $none))
  (func $twice (param $n i32) (result i32)
    (i32.add
      (call $block (local.get $n) (i64.const 1))
      (call $block (i32.const 5) (i64.extend_i32_u (local.get $n)))))
  (func (export "run") (result i32)
    (call $none)
    (call $log (call $twice (i32.const 8)))
    (call $log (call $block (i32.const 1) (i64.const 2)))
    (call $none)
    (call $twice (call $twice (i32.const 9)))))
