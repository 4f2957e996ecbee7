;;! run
;;! run _start
;;! run helper
;;! run memory
;;! run nothing
(module
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (memory 0 4)
  (memory (export "memory") 2)
  (func (export "_start"))
  (func (export "helper") (param i32 f64) (result i64 f32) (i64.const 0) (f32.const 0))
  (func (export "vector") (param v128))
  (func (export "reference") (result externref) (ref.null extern)))
;; accepted: Wasi
;; import wasi_snapshot_preview1.fd_write = Wasi(FdWrite)
;; export "memory" = memory 1
;; export "_start" = function 1
;; export "helper" = function 2
;; export "vector" = function 3
;; export "reference" = function 4
;; memory 0: 0 to Some(4) pages
;; memory 1: 2 to None pages (used by imports)
;; 5 functions
;; run nothing: _start = function 1 (); 1 to run
;; run _start: _start = function 1 (); 1 to run
;; run helper: helper = function 2 (i32, f64) -> (i64, f32); 1 to run
;; run memory: export "memory" of the program is a memory and cannot be run; it has these functions: "_start" (), "helper" (i32, f64) -> (i64, f32)
;; run nothing: the program exports nothing named "nothing"; it has these functions: "_start" (), "helper" (i32, f64) -> (i64, f32)
