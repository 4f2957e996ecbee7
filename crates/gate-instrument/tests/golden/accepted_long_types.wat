;;! run f
(module (func (export "f") (param externref externref externref externref externref externref externref externref externref externref externref externref externref externref externref externref externref externref externref externref)))
;; accepted: Wasi
;; export "f" = function 0
;; 1 functions
;; run f: function "f" has type (externref, externref, externref, externref, externref, externref, externref, externref, externref, externref, externref, externref, …) and cannot be run (needed: numbers only); it has no function that can be requested
