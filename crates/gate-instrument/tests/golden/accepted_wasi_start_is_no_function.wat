;;! run
;;! run _start
(module (global (export "_start") i32 (i32.const 1)))
;; accepted: Wasi
;; export "_start" = global 0
;; 0 functions
;; run nothing: the program exports no function _start, so name the function to run: it exports no function that could be run
;; run _start: export "_start" of the program is a global and cannot be run: it exports no function that could be run
