;;! run
;;! run f
(module
  (import "gate" "fd_65536" (func (result i32)))
  (func (export "_start") (param i32))
  (func (export "f")))
;; accepted: Gate
;; import gate.fd_65536 = GateFd
;; export "_start" = function 1
;; export "f" = function 2
;; 3 functions
;; run nothing: 0 to run
;; run f: function "f" cannot be requested: the program has a function _start, which is always what runs
