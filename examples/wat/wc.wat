;; Counts lines, words and bytes of the standard input, like wc.
;;
;;     $ gate run examples/wat/wc.wat < README.md
;;
;; No compiler made this: a WebAssembly program is a memory, some functions, and imports from the system it runs on,
;; here two functions of WASI. A word is a longest run of bytes other than space, tab, newline and their like.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))

  ;; Memory: 0 address and length of a buffer, 8 bytes read or written, 64..128 the line to print, from 1024 the input.
  (memory (export "memory") 2)

  ;; Where the line to print begins: it is written from its end, digits first found being the last.
  (global $text (mut i32) (i32.const 128))

  (func $prepend (param $byte i32)
    (global.set $text (i32.sub (global.get $text) (i32.const 1)))
    (i32.store8 (global.get $text) (local.get $byte)))

  ;; Prepends a number in decimal, after at least one space, 7 wide like wc's.
  (func $prepend_number (param $number i64)
    (local $width i32)
    (loop $digits
      (call $prepend (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10)))))
      (local.set $width (i32.add (local.get $width) (i32.const 1)))
      (local.set $number (i64.div_u (local.get $number) (i64.const 10)))
      (br_if $digits (i64.ne (local.get $number) (i64.const 0))))
    (loop $spaces
      (call $prepend (i32.const 32))
      (local.set $width (i32.add (local.get $width) (i32.const 1)))
      (br_if $spaces (i32.lt_u (local.get $width) (i32.const 8)))))

  ;; Space, and 9 to 13: tab, newline, vertical tab, form feed, carriage return.
  (func $is_space (param $byte i32) (result i32)
    (i32.or
      (i32.eq (local.get $byte) (i32.const 32))
      (i32.lt_u (i32.sub (local.get $byte) (i32.const 9)) (i32.const 5))))

  (func (export "_start")
    (local $lines i64) (local $words i64) (local $bytes i64)
    (local $in_word i32) (local $at i32) (local $end i32) (local $byte i32)
    (block $end_of_input
      (loop $read
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (i32.const 65536))
        ;; An error number here means there is no standard input to read.
        (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then (unreachable)))
        (br_if $end_of_input (i32.eqz (i32.load (i32.const 8))))
        (local.set $bytes (i64.add (local.get $bytes) (i64.load32_u (i32.const 8))))
        (local.set $at (i32.const 1024))
        (local.set $end (i32.add (local.get $at) (i32.load (i32.const 8))))
        (loop $next
          (local.set $byte (i32.load8_u (local.get $at)))
          (local.set $lines
            (i64.add (local.get $lines) (i64.extend_i32_u (i32.eq (local.get $byte) (i32.const 10)))))
          (if (call $is_space (local.get $byte))
            (then (local.set $in_word (i32.const 0)))
            (else
              (local.set $words (i64.add (local.get $words) (i64.extend_i32_u (i32.eqz (local.get $in_word)))))
              (local.set $in_word (i32.const 1))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
        (br $read)))
    (call $prepend (i32.const 10))
    (call $prepend_number (local.get $bytes))
    (call $prepend_number (local.get $words))
    (call $prepend_number (local.get $lines))
    (i32.store (i32.const 0) (global.get $text))
    (i32.store (i32.const 4) (i32.sub (i32.const 128) (global.get $text)))
    (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then (unreachable)))))
