(module (global (export "g") (mut i64) (i64.const 1)))
;; accepted: Wasi
;; export "g" = global 0
;; 0 functions
