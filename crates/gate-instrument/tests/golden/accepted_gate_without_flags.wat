;;! run
;;! run helper
;;! run _start
(module
  (import "gate" "fd_65536" (func (result i32)))
  (import "env" "__gate_io_65536" (func (param i32 i32 i32 i32 i32 i32 i64)))
  (import "wasi_unstable" "random_get" (func (param i32 i32) (result i32)))
  (memory 1) (memory (export "memory") 2)
  (func (export "_start"))
  (func (export "helper")))
;; accepted: Gate
;; import gate.fd_65536 = GateFd
;; import env.__gate_io_65536 = GateIoNoFlags
;; import wasi_unstable.random_get = Wasi(RandomGet)
;; export "memory" = memory 1
;; export "_start" = function 3
;; export "helper" = function 4
;; memory 0: 1 to None pages (used by imports)
;; memory 1: 2 to None pages
;; 5 functions
;; run nothing: _start = function 3 (); 1 to run
;; run helper: function "helper" cannot be requested: the program has a function _start, which is always what runs
;; run _start: function "_start" cannot be requested: the program has a function _start, which is always what runs
