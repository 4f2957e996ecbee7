;;! run
(module (func (export "_start") (result i32) (i32.const 1)))
;; accepted: Wasi
;; export "_start" = function 0
;; 1 functions
;; run nothing: _start = function 0 () -> i32; 1 to run
