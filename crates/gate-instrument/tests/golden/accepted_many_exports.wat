;;! run
(module (func (export "f0") (export "f1") (export "f2") (export "f3") (export "f4") (export "f5") (export "f6") (export "f7") (export "f8") (export "f9") (export "f10")))
;; accepted: Wasi
;; export "f0" = function 0
;; export "f1" = function 0
;; export "f2" = function 0
;; export "f3" = function 0
;; export "f4" = function 0
;; export "f5" = function 0
;; export "f6" = function 0
;; export "f7" = function 0
;; export "f8" = function 0
;; export "f9" = function 0
;; export "f10" = function 0
;; 1 functions
;; run nothing: the program has no function _start, so a function must be requested; it has these functions: "f0" (), "f1" (), "f2" (), "f3" (), "f4" (), "f5" (), "f6" (), "f7" () and 3 more
