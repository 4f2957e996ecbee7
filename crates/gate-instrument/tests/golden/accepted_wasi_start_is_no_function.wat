;;! run
;;! run _start
(module (global (export "_start") i32 (i32.const 1)))
;; accepted: Wasi
;; export "_start" = global 0
;; 0 functions
;; run nothing: the program has no function _start, so a function must be requested; it has no function that can be requested
;; run _start: export "_start" of the program is a global and cannot be run; it has no function that can be requested
