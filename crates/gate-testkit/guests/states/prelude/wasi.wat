;; What every state in the text format has: functions of the host, a memory whose first 1024 bytes are used here, and
;; functions to print and to wait that have neither loops nor more calls than they need.
(import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))

(memory $memory (export "memory") 1)
(global $pauses (mut i32) (i32.const 0))

;; The digits of a number: four bits in each byte, the highest first.
(func $digits (param $x i64) (result i64)
  (local.set $x (i64.and (local.get $x) (i64.const 0xffffffff)))
  (local.set $x (i64.or
    (i64.shl (i64.and (local.get $x) (i64.const 0xffff)) (i64.const 32))
    (i64.shr_u (local.get $x) (i64.const 16))))
  (local.set $x (i64.or
    (i64.shl (i64.and (local.get $x) (i64.const 0x000000ff000000ff)) (i64.const 16))
    (i64.shr_u (i64.and (local.get $x) (i64.const 0x0000ff000000ff00)) (i64.const 8))))
  (local.set $x (i64.or
    (i64.shl (i64.and (local.get $x) (i64.const 0x000f000f000f000f)) (i64.const 8))
    (i64.shr_u (i64.and (local.get $x) (i64.const 0x00f000f000f000f0)) (i64.const 4))))
  (i64.add
    (i64.add (local.get $x) (i64.const 0x3030303030303030))
    (i64.mul
      (i64.and
        (i64.shr_u (i64.add (local.get $x) (i64.const 0x0606060606060606)) (i64.const 4))
        (i64.const 0x0101010101010101))
      (i64.const 39))))

;; Writes bytes from memory to standard output, at once or not at all.
(func $print (param $from i32) (param $bytes i32)
  (i32.store (i32.const 64) (local.get $from))
  (i32.store (i32.const 68) (local.get $bytes))
  (if (call $fd_write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 72)) (then (unreachable)))
  (if (i32.ne (i32.load (i32.const 72)) (local.get $bytes)) (then (unreachable))))

;; Prints a number: a line of 16 hexadecimal digits.
(func $show (param $x i64)
  (i64.store (i32.const 16) (call $digits (i64.shr_u (local.get $x) (i64.const 32))))
  (i64.store (i32.const 24) (call $digits (local.get $x)))
  (i32.store8 (i32.const 32) (i32.const 10))
  (call $print (i32.const 16) (i32.const 17)))

(func $show32 (param $x i32)
  (call $show (i64.extend_i32_u (local.get $x))))

;; Prints that the program has come to its next pause: `?a`, `?b`, ...
(func $mark
  (i32.store (i32.const 40) (i32.add (i32.const 0x0a613f) (i32.shl (global.get $pauses) (i32.const 8))))
  (global.set $pauses (i32.add (global.get $pauses) (i32.const 1)))
  (call $print (i32.const 40) (i32.const 3)))

;; A moment at which the program can be stopped from outside: waits for a byte of standard input.
(func $pause
  (call $mark)
  (i32.store (i32.const 48) (i32.const 60))
  (i32.store (i32.const 52) (i32.const 1))
  (if (call $fd_read (i32.const 0) (i32.const 48) (i32.const 1) (i32.const 56)) (then (unreachable)))
  (if (i32.ne (i32.load (i32.const 56)) (i32.const 1)) (then (unreachable))))
