;;! run
;;! run f
(module)
;; accepted: Wasi
;; 0 functions
;; run nothing: the program has no function _start, so a function must be requested; it has no function that can be requested
;; run f: the program exports nothing named "f"; it has no function that can be requested
