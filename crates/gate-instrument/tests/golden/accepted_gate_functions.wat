;;! run
;;! run _start
;;! run f
;;! run g
;;! run add
;;! run nothing
;;! run "
(module
  (import "gate" "fd_65536" (func (result i32)))
  (func (export "f"))
  (func (export "g") (result i32) (i32.const 0))
  (func (export "add") (param i32))
  (memory (export "m") 1))
;; accepted: Gate
;; import gate.fd_65536 = GateFd
;; export "f" = function 1
;; export "g" = function 2
;; export "add" = function 3
;; export "m" = memory 0
;; memory 0: 1 to None pages (used by imports)
;; 4 functions
;; run nothing: 0 to run
;; run _start: 0 to run
;; run f: f = function 1 (); 1 to run
;; run g: g = function 2 () -> i32; 1 to run
;; run add: function "add" has type (i32) and cannot be run (needed: no parameters, and no result or one i32); it has these functions: "f" (), "g" () -> i32
;; run nothing: the program exports nothing named "nothing"; it has these functions: "f" (), "g" () -> i32
;; run ": the program exports nothing named "\""; it has these functions: "f" (), "g" () -> i32
