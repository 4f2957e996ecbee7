;;! run
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
  (func (export "_start") (call $exit (i32.const 0))))
;; accepted: Wasi
;; import wasi_snapshot_preview1.proc_exit = Wasi(ProcExit)
;; import wasi_snapshot_preview1.sched_yield = Wasi(SchedYield)
;; export "_start" = function 2
;; 3 functions, names
;; run nothing: _start = function 2 (); 1 to run
