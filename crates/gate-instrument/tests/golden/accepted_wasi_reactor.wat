;;! run
;;! run _initialize
;;! run add
;;! run vector
(module
  (memory (export "memory") 1)
  (func (export "_initialize"))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "vector") (param v128)))
;; accepted: Wasi
;; export "memory" = memory 0
;; export "_initialize" = function 0
;; export "add" = function 1
;; export "vector" = function 2
;; memory 0: 1 to None pages (used by imports)
;; 3 functions
;; run nothing: the program has no function _start, so a function must be requested; it has these functions: "add" (i32, i32) -> i32
;; run _initialize: _initialize = function 0 (); 1 to run
;; run add: _initialize = function 0 (); add = function 1 (i32, i32) -> i32; 2 to run
;; run vector: function "vector" has type (v128) and cannot be run (needed: numbers only); it has these functions: "add" (i32, i32) -> i32
