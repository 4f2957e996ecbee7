;; Ends from within calls, with a status.
;;! input = ..
;;! every = 1
;;! status = 42
(func $inner (param i32)
  (call $pause)
  (call $proc_exit (local.get 0)))
(func (export "_start")
  (call $pause)
  (call $inner (i32.const 42))
  (unreachable))
