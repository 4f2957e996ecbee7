;; Tries to reach anything through what it imports. Returns how many of its attempts succeeded; there should be none.
(module
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fdstat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber" (func $renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $stat (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_readlink" (func $readlink (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv" (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_shutdown" (func $shutdown (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_raise" (func $raise (param i32) (result i32)))
  (memory (export "memory") 1)
  ;; Paths at 256, each preceded by its length; a length of 0 ends the list.
  (data (i32.const 256)
    "\01/\02..\01.\05/proc\0e/proc/self/mem\0b/etc/passwd\0e../etc/passwd\14../../../../dev/null\05a/../\00")
  (global $reached (mut i32) (i32.const 0))
  (func $count (param $errno i32)
    (if (i32.eqz (local.get $errno)) (then (global.set $reached (i32.add (global.get $reached) (i32.const 1))))))
  (func (export "reach") (result i32)
    (local $fd i32) (local $path i32) (local $length i32)
    ;; One vector at 0: 16 bytes at 64. Results go to 128.
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 16))
    (loop $descriptors
      ;; Of the first three the program may know what they are, and read and write them.
      (if (i32.ge_u (local.get $fd) (i32.const 3))
        (then
          (call $count (call $fdstat (local.get $fd) (i32.const 128)))
          (call $count (call $read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 128)))
          (call $count (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 128)))
          (call $count (call $renumber (local.get $fd) (i32.const 1)))))
      (call $count (call $prestat (local.get $fd) (i32.const 128)))
      (call $count (call $readdir (local.get $fd) (i32.const 512) (i32.const 512) (i64.const 0) (i32.const 128)))
      (call $count (call $accept (local.get $fd) (i32.const 0) (i32.const 128)))
      (call $count
        (call $recv (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 128) (i32.const 136)))
      (call $count (call $send (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 128)))
      (call $count (call $shutdown (local.get $fd) (i32.const 3)))
      (local.set $path (i32.const 257))
      (loop $paths
        (local.set $length (i32.load8_u (i32.sub (local.get $path) (i32.const 1))))
        (call $count
          (call $open
            (local.get $fd) (i32.const 1) (local.get $path) (local.get $length) (i32.const 0) (i64.const 0)
            (i64.const 0) (i32.const 0) (i32.const 128)))
        (call $count
          (call $stat (local.get $fd) (i32.const 1) (local.get $path) (local.get $length) (i32.const 128)))
        (call $count
          (call $readlink
            (local.get $fd) (local.get $path) (local.get $length) (i32.const 512) (i32.const 512) (i32.const 128)))
        (call $count (call $mkdir (local.get $fd) (local.get $path) (local.get $length)))
        (call $count
          (call $symlink
            (local.get $path) (local.get $length) (local.get $fd) (local.get $path) (local.get $length)))
        (local.set $path (i32.add (i32.add (local.get $path) (local.get $length)) (i32.const 1)))
        (br_if $paths (local.get $length)))
      (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
      (br_if $descriptors (i32.lt_u (local.get $fd) (i32.const 1000))))
    (global.get $reached))
  ;; There is nobody but itself to whom a program could send a signal.
  (func (export "raise") (result i32) (call $raise (i32.const 9))))
