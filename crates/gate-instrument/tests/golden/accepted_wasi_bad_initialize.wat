;;! run add
(module
  (func (export "_initialize") (param i32))
  (func (export "add") (result i32) (i32.const 1)))
;; accepted: Wasi
;; export "_initialize" = function 0
;; export "add" = function 1
;; 2 functions
;; run add: function "_initialize" has type (i32) and cannot be run (needed: no parameters and no results); it has these functions: "add" () -> i32
