;;! run
;;! run _start
(module (func (export "_start") (param i32)))
;; accepted: Wasi
;; export "_start" = function 0
;; 1 functions
;; run nothing: function "_start" has type (i32) and cannot be run (needed: no parameters, and no result or one i32); it has these functions: "_start" (i32)
;; run _start: _start = function 0 (i32); 1 to run
